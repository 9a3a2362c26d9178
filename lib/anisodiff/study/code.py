"""Which code takes part: a fingerprint of the definitions that given ones lead to, found without importing them.

A definition counts by its canonical syntax tree (:mod:`.syntax`): without docstrings, annotations and positions, its
local variables numbered. Every name it mentions is followed within the package; of other packages the names alone
count. What a module runs beside its definitions (``np.seterr(...)``, an ``if``, a ``for``) counts with each of them and
with all that import the module. A module handed around, or asked for what it does not define, counts whole.

Not seen: which class a method is called on (the constructor's name is), names put together at run time, entries that
a decorator, ``__init_subclass__`` or an alias adds to a registry, what a call whose result is assigned does besides,
docstrings and annotations that are read, data files.
"""

import ast
import hashlib
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from .syntax import BESIDE, Mention, Scope, canonical, serial

NOT_RUN = {"__name__ == '__main__'", "TYPE_CHECKING", "typing.TYPE_CHECKING"}  # by an import
DEFINING = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Assign,
    ast.AugAssign,
    ast.Delete,
)


def fingerprint(*roots: str, package: Path | None = None) -> str:
    """Twelve hexadecimal digits for all the code that takes part where the roots run; see :func:`parts`."""
    return _digest(repr(sorted(parts(*roots, package=package).items())))


def parts(*roots: str, package: Path | None = None) -> dict[str, str]:
    """The dotted name of every definition that takes part, with twelve digits for itself.

    A root is the dotted name of a definition at the top level of a module, or of a module or package, which then
    counts whole. ``package`` is the folder of another package than this one. Raises ValueError for unknown roots.
    """
    folder = Path(package or Path(__file__).parents[1]).resolve()
    # By content: an edit within one tick of the clock counts as well.
    files = sorted((path.relative_to(folder.parent).parts, path) for path in folder.rglob("*.py"))
    found = _package(tuple((place, path.read_bytes()) for place, path in files))
    if unknown := [root for root in roots if not found.located(root)]:
        raise ValueError(f"no definition or module of this name: {', '.join(unknown)}")
    return found.reached(set().union(*map(found.located, roots)))


def changed(old: dict[str, str], new: dict[str, str]) -> list[str]:
    """The definitions that differ between two results of :func:`parts`, or are in one of them only."""
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class _Statement(NamedTuple):
    text: str
    mentions: frozenset[Mention]


class _Module:
    """One file: the statements that make each of its names, and where the imported ones come from."""

    def __init__(self, name: str, is_package: bool, source: bytes):
        above = Mention(name.rpartition(".")[0], (BESIDE,))
        self.definitions = {BESIDE: [_Statement("", frozenset({above}))]}
        self.imports: dict[str, list[Mention]] = {}
        for node in ast.parse(source).body:
            if isinstance(node, ast.If) and not node.orelse and ast.unparse(node.test) in NOT_RUN:
                continue
            node, mentions = canonical(node, name, is_package)
            if not isinstance(node, ast.Pass):
                self._add(node, frozenset(mentions))

    def _add(self, node: ast.stmt, mentions: frozenset[Mention]) -> None:
        scope = Scope([node])
        for name, targets in scope.imports.items():
            self.imports.setdefault(name, []).extend(targets)
        if isinstance(node, (ast.Import, ast.ImportFrom)) and "*" not in scope.imports:
            self.definitions[BESIDE].append(_Statement("", mentions))
            return
        made = scope.bound | self.definitions.keys()
        names = (scope.bound - scope.imports.keys()) | set(_assigned(node))
        statement = _Statement(serial(node), mentions)
        for name in names & made:
            self.definitions.setdefault(name, []).append(statement)
        if not isinstance(node, DEFINING) or not names <= made:
            self.definitions[BESIDE].append(statement)


_read = lru_cache(maxsize=1024)(_Module)


def _assigned(node: ast.stmt) -> list[str]:
    """The names that an assignment or ``del`` changes, also in place; "" where it is none's."""
    todo, names = [*getattr(node, "targets", ()), getattr(node, "target", None)], []
    while todo:
        target = todo.pop()
        while isinstance(target, (ast.Attribute, ast.Subscript, ast.Starred)):
            target = target.value
        if isinstance(target, (ast.Tuple, ast.List)):
            todo += target.elts
        elif target:
            names.append(getattr(target, "id", ""))
    return names


class _Package:
    """The modules of a package, and what their definitions lead to; only those that are reached are read."""

    def __init__(self, files: tuple[tuple[tuple[str, ...], bytes], ...]):
        self.sources: dict[str, tuple[bool, bytes]] = {}
        self.counted: dict[str, tuple[str, set[str]]] = {}
        for (*folders, file), source in files:
            is_package = file == "__init__.py"
            name = ".".join(folders if is_package else [*folders, file.removesuffix(".py")])
            self.sources[name] = is_package, source

    def _module(self, name: str) -> _Module:
        return _read(name, *self.sources[name])

    def located(self, dotted: str) -> set[str]:
        """The definitions that a dotted name stands for."""
        module, _, name = dotted.rpartition(".")
        whole = dotted in self.sources
        found = self._follow(dotted, ()) if whole else self._own(module, (name,))
        return set(filter(self._defines, found))

    def reached(self, todo: set[str]) -> dict[str, str]:
        """The digits of these definitions and of all that they lead to."""
        found, todo = {}, set(todo)
        while todo:
            key = todo.pop()
            found[key], needs = self._count(key)
            todo |= needs - found.keys()
        return {key: found[key] for key in sorted(found) if found[key]}

    def _count(self, key: str) -> tuple[str, set[str]]:
        """The digits of one definition, none where there is nothing to run, and what it needs."""
        if key in self.counted:
            return self.counted[key]
        module, _, name = key.rpartition(".")
        texts, needs = [], {f"{module}.{BESIDE}"}
        for statement in self._module(module).definitions[name]:
            texts.append(statement.text)
            for mention in sorted(statement.mentions, key=repr):
                targets = self._targets(module, mention)
                needs |= set(filter(self._defines, targets))
                if targets and mention.names != (BESIDE,):
                    texts.append(f"{'.'.join(mention.names)}: {', '.join(sorted(targets))}")
        self.counted[key] = _digest("\n".join(texts)) if any(texts) else "", needs
        return self.counted[key]

    def _defines(self, key: str) -> bool:
        module, _, name = key.rpartition(".")
        return module in self.sources and name in self._module(module).definitions

    def _targets(self, module: str, mention: Mention) -> set[str]:
        if mention.module is None:
            return self._own(module, mention.names)
        return self._follow(*mention) if mention.module else self.located(mention.names[0])

    def _own(self, module: str, names: tuple[str, ...]) -> set[str]:
        """What a name means in its own module: nothing where it is built in."""
        here = self._module(module) if module in self.sources else None
        known = here and (names[0] in here.definitions or names[0] in here.imports)
        known = known or f"{module}.{names[0]}" in self.sources
        return self._follow(module, names) if known else set()

    def _follow(self, module: str, names: tuple[str, ...], seen: tuple = ()) -> set[str]:
        """The definitions that attributes of a module lead to; outside the package their dotted name."""
        if module not in self.sources:
            return {".".join((module, *names))}
        here, rest = (module, names[:1]), names[1:]
        if here in seen:
            return set()
        seen = (*seen, here)
        if not names:
            return self._whole(module, seen)
        key = f"{module}.{names[0]}"
        found = {key} if self._defines(key) else set()
        for target, path in self._module(module).imports.get(names[0], ()):
            if (target, path) == here:  # `from . import a`, in the package itself
                target, path = key, ()
            found |= self._follow(target, path + rest, seen)
        if not found and key in self.sources:
            found = self._follow(key, rest, seen)
        return found or self._whole(module, seen)

    def _whole(self, module: str, seen: tuple) -> set[str]:
        """Every definition of a module, the ones it imports, and, of a package, its modules."""
        found = {f"{module}.{name}" for name in self._module(module).definitions}
        for target, path in chain.from_iterable(self._module(module).imports.values()):
            if path and ".".join((target, *path)) not in self.sources:
                found |= self._follow(target, path, seen)
        for other in self.sources:
            if other.rpartition(".")[0] == module:
                found |= self._follow(other, (), seen)
        return found


_package = lru_cache(maxsize=4)(_Package)
