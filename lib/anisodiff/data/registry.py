"""The files of the collections: where they are on this disk, or fetched once, and checked against ``registry.csv``."""

import csv
import os
import warnings
from functools import cache
from pathlib import Path

from . import provenance

REGISTRY = Path(__file__).with_name("registry.csv")  # path, SHA-256, public address of every file


class MissingCollection(FileNotFoundError):
    """A collection that is neither on this disk nor to be fetched; the message says both ways to get it."""


def _pooch():
    """pooch, without the complaint in notebooks that its progress bar is plain."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pooch
    return pooch


def _root() -> Path | None:
    variable = os.environ.get("ANISODIFF_DATA")
    return Path(variable).expanduser() if variable else None


def folder() -> Path:
    """The folder of the collections: that of ANISODIFF_DATA or, for what is fetched, a cache."""
    return _root() or Path(_pooch().os_cache("anisodiff"))


@cache
def lines() -> list[dict]:
    """The lines of ``registry.csv``, sorted by path."""
    with REGISTRY.open(newline="") as file:
        return sorted(csv.DictReader(file), key=lambda line: line["path"])


def at_hand(path: Path, known: dict) -> Path:
    """The path, fetched if need be and allowed, its content checked."""
    if not path.is_file():
        _fetch(path, known)
    found = provenance.sha256(path)
    if found != known["sha256"]:
        raise OSError(
            f"{path} is damaged: its SHA-256 is {found[:12]}..., not {known['sha256'][:12]}...; delete it"
        )
    return path


def _fetch(path: Path, known: dict) -> None:
    ways = "point ANISODIFF_DATA at a folder that holds it (data/README.md gives the layout)"
    if _root() is not None:
        raise MissingCollection(
            f"{known['path']} is not below ANISODIFF_DATA={_root()}: {ways}, or unset it to download"
        )
    if not known["url"]:
        raise MissingCollection(
            f"{known['path']} cannot be downloaded: {ways}; it comes from {known['source']}"
        )
    try:
        _pooch().retrieve(
            known["url"], f"sha256:{known['sha256']}", fname=path.name, path=path.parent
        )
    except Exception as error:  # requests, urllib3 and pooch each have their own
        raise MissingCollection(
            f"{known['path']} could not be downloaded from {known['url']} ({type(error).__name__}): {ways}"
        ) from error
