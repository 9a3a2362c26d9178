"""Where results come from: the checkout, its commit, the device, and every file a run has read."""

import hashlib
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

RESULTS = (
    ":(exclude)data/weights",
    ":(exclude)data/scores",
)  # what runs write is no change of the code

used: dict[str, str] = {}
"""What this process has read: path below ROOT, or name of a collection, to the first digits of its SHA-256."""


def sha256(content: bytes | Path) -> str:
    """SHA-256 of bytes or of a file, in hexadecimal."""
    return hashlib.sha256(
        content.read_bytes() if isinstance(content, Path) else content
    ).hexdigest()


def note(path: Path) -> None:
    """Remember that a file was read."""
    name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name
    used[str(name)] = sha256(path)[:12]


def watch() -> None:
    """From now on remember every file below ``data`` that this process opens, whoever opens it."""
    if not _watching:
        _watching.append(True)
        sys.addaudithook(_remember)


_watching: list[bool] = []
_opened: set[str] = set()


def _remember(event: str, arguments: tuple) -> None:
    if event == "open" and isinstance(arguments[0], str | os.PathLike):
        path = os.fsdecode(arguments[0])
        path = path if os.path.isabs(path) else os.path.abspath(path)
        if path.startswith(_DATA) and "w" not in str(arguments[1]):
            _opened.add(path)


_DATA = str(ROOT / "data") + os.sep


def read() -> dict[str, str]:
    """What this process has read, with the first digits of its SHA-256: noted, or opened since :func:`watch`."""
    for path in map(Path, _opened):
        if path.is_file():
            note(path)
    return dict(sorted(used.items()))


def stamp(device: str = "cpu") -> dict:
    """Commit, versions and date of a run that begins now on a device ("cpu", "cuda", "mps"), as plain JSON values."""
    import torch

    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "--short=12", "HEAD") or "unknown",
        "dirty": bool(_git("status", "--porcelain", "--untracked-files=no", "--", ".", *RESULTS)),
        "device": _device(torch, device),
        "versions": {
            name: version(name) for name in ("anisodiff", "torch", "numpy", "scikit-image")
        }
        | {"python": platform.python_version()},
    }


def is_clean() -> bool:
    """Whether this is a git checkout in which nothing is changed, added or missing."""
    return bool(_git("rev-parse", "HEAD")) and not _git("status", "--porcelain")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it is either whole or absent, whatever happens meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)  # mkstemp makes it private
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _git(*arguments: str) -> str:
    try:
        answer = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):  # no git, or no checkout: an installed package
        return ""
    return answer.stdout.strip()


def _device(torch, device: str) -> str:
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    if device != "cpu":
        return f"{platform.machine()} {device}"
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"
