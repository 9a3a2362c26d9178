"""Methods that solve a problem through its linear operator, one file each; every module of this folder is searched."""

from importlib import import_module
from pkgutil import iter_modules

from ..base import Method


def found() -> dict[str, type[Method]]:
    """The methods in the modules of this folder, by name."""
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    return {
        kind.name: kind
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Method) and vars(kind).get("name")
    }
