"""The state of an interrupted training on disk: tensors and plain values, no code; written whole or not at all."""

import json
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from ..data import provenance


class DamagedCheckpoint(UserWarning):
    """A checkpoint that cannot be read, and where it was put."""


def write(path: Path, state: Any) -> None:
    """Write dictionaries, lists and tuples of tensors, numbers, words and None."""
    tensors: dict[str, torch.Tensor] = {}
    content = save(tensors, {"plain": json.dumps(_plain(state, tensors))})
    provenance.write_atomically(path, provenance.sha256(content).encode() + content)


def read(path: Path) -> Any:
    """What was written, tuples as lists; None where there is no file, and for a damaged one, which is set aside under
    another name with a DamagedCheckpoint warning."""
    if not path.is_file():
        return None
    found = path.read_bytes()
    digest, content = found[:64], found[64:]
    try:
        if provenance.sha256(content).encode() != digest:
            raise ValueError("its content is not what was written")
        tensors, length = load(content), int.from_bytes(content[:8], "little")
        plain = json.loads(content[8 : 8 + length])["__metadata__"]["plain"]
        return _whole(json.loads(plain), tensors)
    except (SafetensorError, ValueError, KeyError) as error:
        aside = path.with_suffix(".damaged")
        path.replace(aside)
        warnings.warn(
            f"the checkpoint {path.name} is damaged ({error}): the training begins anew, the file is kept as {aside}",
            DamagedCheckpoint,
            stacklevel=2,
        )
        return None


# JSON has neither tensors nor keys that are numbers: each of these stands in a list whose first word tells which.


def _plain(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().contiguous().clone()
        return ["tensor", name]
    if isinstance(value, dict):
        return ["dict", [[key, _plain(of, tensors)] for key, of in value.items()]]
    if isinstance(value, (list, tuple)):
        return ["list", [_plain(of, tensors) for of in value]]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"a checkpoint holds no {type(value).__name__}: {value!r}")


def _whole(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if not isinstance(value, list):
        return value
    kind, of = value
    if kind == "tensor":
        return tensors[of]
    if kind == "dict":
        return {key: _whole(one, tensors) for key, one in of}
    return [_whole(one, tensors) for one in of]
