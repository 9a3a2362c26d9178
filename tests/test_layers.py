"""Imports run one way, and nothing is written on what belongs to others: read off the syntax, not by importing."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import anisodiff

FOLDER = Path(anisodiff.__file__).parent
RANKS = [
    {"data", "problems"},
    {"methods"},
    {"training", "metrics"},
    {"study"},
    {"borders"},
    {"reports"},
    {"cli", "commands", "anisodiff"},  # the latter: what `import anisodiff` gives
]
WRITES = {  # what is set on neither self nor cls, by module, and why that is right
    ("data.collections", "pixels.flags.writeable"): "a new array, frozen before anybody has it",
    ("data.collections", "provenance.used"): "the list of what was read",
    ("borders.human", "provenance.used"): "the same",
    ("reports.pages.running", "page.metadata"): "a notebook that was just read from its file",
    ("reports.pages.running", "os.environ"): "what the kernel of a page is told",
    ("reports.pages.__main__", "given.root"): "arguments of the command line, just parsed",
    ("cli", "warnings.showwarning"): "the process is the command's own",
}
REWRITES_TREES = "study.syntax"  # of source that it parsed itself


def modules():
    """The syntax tree of each module, by its dotted name."""
    found = {}
    for path in FOLDER.rglob("*.py"):
        parts = path.relative_to(FOLDER.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = (ast.parse(path.read_text()), path.stem == "__init__")
    return found


MODULES = modules()


def imported(name, tree, is_package, inside=True):
    """The modules of the library that a module imports, ``inside`` functions too."""
    found, parts = set(), name.split(".")
    for node in ast.walk(tree) if inside else at_import(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = parts[: len(parts) + is_package - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return found & MODULES.keys() - {name}


def at_import(node):
    """The statements that run when a module is imported."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from at_import(child)


def rank(name):
    part = name.split(".")[1] if "." in name else name
    return next(at for at, parts in enumerate(RANKS) if part in parts)


def test_imports_run_one_way():
    upwards = [
        f"{name} imports {other}"
        for name, (tree, is_package) in MODULES.items()
        for other in imported(name, tree, is_package)
        if other != "anisodiff" and rank(other) > rank(name)
    ]
    assert upwards == []
    assert {part for parts in RANKS for part in parts} == {
        name.split(".")[1] if "." in name else name for name in MODULES
    }, "a part of the library without a rank"


def test_no_module_imports_itself_by_way_of_others():
    graph = {}
    for name, (tree, is_package) in MODULES.items():
        wanted = imported(name, tree, is_package, inside=False)
        # `from . import catalogue` asks the package for a module; that the package itself runs first is no cycle.
        graph[name] = {other for other in wanted if not name.startswith(f"{other}.")}
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as cycle:
        pytest.fail(" <- ".join(cycle.args[1]))


def root(node):
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node


def written(tree):
    """The attributes that are assigned on another root than self and cls."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.Delete):
            targets = node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign | ast.For):
            targets = [node.target]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("setattr", "delattr"):
            yield ast.unparse(node)
            continue
        else:
            continue
        for target in (one for whole in targets for one in ast.walk(whole)):
            inside = target
            while isinstance(inside, ast.Subscript):
                inside = inside.value
            if not isinstance(inside, ast.Attribute) or not isinstance(
                target.ctx, ast.Store | ast.Del
            ):
                continue
            base = root(inside)
            if not (isinstance(base, ast.Name) and base.id in ("self", "cls")):
                yield ast.unparse(inside)


def test_nothing_is_written_on_what_belongs_to_others():
    found = {
        (name.removeprefix("anisodiff."), target)
        for name, (tree, _) in MODULES.items()
        for target in written(tree)
    }
    found = {pair for pair in found if pair[0] != REWRITES_TREES}
    assert found - WRITES.keys() == set()
    assert WRITES.keys() - found == set(), "exceptions that are no longer needed"


def test_an_assignment_to_an_attribute_is_seen_in_all_its_forms():
    source = """
module.level = 1
a, (module.first, b) = pair
module.count += 1
module.kept: int = 3
module.table[0] = 1
setattr(module, "level", 2)
for module.at in rows: pass
del module.level
self.own = 1
self.table["a"] = 1
local[module.key] = 1
"""
    assert sorted(written(ast.parse(source))) == [
        "module.at",
        "module.count",
        "module.first",
        "module.kept",
        "module.level",
        "module.level",
        "module.table",
        "setattr(module, 'level', 2)",
    ]
