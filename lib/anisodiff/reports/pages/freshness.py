"""What a page was made from, and whether that has changed since."""

import json
from pathlib import Path
from typing import Any

import nbformat

from ...data import collections, provenance

MADE_OF = (
    "study/*",
    "requirements.txt",
    "lib/**/*.py",
    "lib/**/*.csv",
)  # beside its notebook and what it reads


def inputs(name: str, parameters: dict[str, Any], root: Path) -> str:
    """Twelve hexadecimal digits of the notebook, the library, the study, the lock, and the parameters given."""
    paths = {path for pattern in MADE_OF for path in root.glob(pattern) if path.is_file()}
    paths = sorted(path for path in paths if "__pycache__" not in path.parts)
    lines = [f"{path.relative_to(root)} {provenance.sha256(path)}" for path in paths]
    lines += [
        provenance.sha256(root / f"notebooks/{name}.ipynb"),
        json.dumps(parameters, sort_keys=True),
    ]
    return provenance.sha256("\n".join(lines).encode())[:12]


def token(name: str, parameters: dict[str, Any], root: Path) -> str:
    """What stands for all that a page is made from, to be compared with the pipeline's own record.

    The token under which the page was executed as long as nothing has changed; else another one.
    """
    now = inputs(name, parameters, root)
    try:
        path = root / f"_build/source/notebooks/{name}.ipynb"
        made = nbformat.read(path, as_version=4).metadata["anisodiff"]
        if made["inputs"] == now and not changed(made["used"], root):
            return made["token"]
        read = {name: _digest(name, root) for name in made["used"]}
    except (OSError, ValueError, KeyError):
        read = {}
    return provenance.sha256(json.dumps([now, read], sort_keys=True).encode())[:12]


def changed(used: dict[str, str], root: Path) -> list[str]:
    """Of what a page read, files below the root and collections by name, those whose content is another now."""
    return [name for name, digest in used.items() if _digest(name, root) != digest]


def _digest(name: str, root: Path) -> str:
    if (root / name).is_file():
        return provenance.sha256(root / name)[:12]
    try:
        return collections.fingerprint(name)
    except ValueError:
        return "gone"
