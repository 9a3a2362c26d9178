"""Weights on disk: safetensors, written whole or not at all, with what made them inside and their content checked."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from ..data import provenance

SHIPPED = 1_600_000  # bytes; of larger weights the repository holds the record alone
WAY_OUT = "restore it with git, or delete it and train anew with `anisodiff fit`"


def write(path: Path, module: torch.nn.Module, header: dict) -> None:
    """Write a module's state in half precision (statistics stay single) and the header, a dictionary of JSON values."""
    given = stored(module).items()
    tensors = {name: tensor.contiguous().clone() for name, tensor in given}  # tied ones: no alias
    metadata = {"header": json.dumps(header | {"sha256": _digest(tensors)}, sort_keys=True)}
    provenance.write_atomically(path, save(tensors, metadata))


def stored(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A module's state as it is stored: trained parameters in half precision, buffers as they are."""
    trained = {name for name, _ in module.named_parameters()}
    state = module.state_dict()
    return {
        name: tensor.detach().half() if name in trained else tensor
        for name, tensor in state.items()
    }


def read(path: Path) -> tuple[dict[str, torch.Tensor], dict]:
    """The tensors and the header; FileNotFoundError, or OSError for a file whose content is not what was written."""
    try:
        content = path.read_bytes()
        tensors, found = load(content), _header(content)
        intact = found["sha256"] == _digest(tensors)
    except FileNotFoundError:
        raise
    except (SafetensorError, ValueError, KeyError, OSError) as error:
        raise OSError(f"{path} is damaged ({type(error).__name__}): {WAY_OUT}") from error
    if not intact:
        raise OSError(
            f"{path} is damaged: its content is not what was written (SHA-256): {WAY_OUT}"
        )
    provenance.note(path)
    return tensors, found


def header(path: Path) -> dict | None:
    """The header alone, of weights too large to be shipped from their record; None where there is no readable one."""
    try:
        return _header(path.read_bytes())
    except (OSError, ValueError, KeyError):
        pass
    try:
        return json.loads(path.with_suffix(".json").read_text())["header"]
    except (OSError, ValueError, KeyError):
        return None


def _header(content: bytes) -> dict:
    length = int.from_bytes(content[:8], "little")
    return json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["header"])


def _digest(tensors: dict[str, torch.Tensor]) -> str:
    return provenance.sha256(
        b"".join(
            name.encode() + tensors[name].contiguous().numpy().tobytes() for name in sorted(tensors)
        )
    )
