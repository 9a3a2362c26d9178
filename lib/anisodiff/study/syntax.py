"""The canonical syntax tree of a statement, and the names by which it reaches other code.

Two passes: what has no effect is dropped (:class:`_Bare`), then local variables are numbered (:class:`_Numbered`). A
canonical tree is valid Python and does what the original does, but for docstrings and annotations.
"""

import ast
from collections.abc import Iterator
from typing import NamedTuple

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
CAPTURES = (ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping)
DROPPED = {"ctx", "kind", "type_comment"}  # fields that follow from the rest, or say nothing
FIELDS = {"NamedTuple", "TypedDict", "typing.NamedTuple", "typing.TypedDict"}
BY_NAME = {"eval", "exec", "globals", "locals"}  # and vars() and dir(): variables by their names
BESIDE = "<module>"  # stands for what a module runs beside its definitions


class Mention(NamedTuple):
    """A way to other code: attribute by attribute from a module, from None for the statement's own.

    Own names may be built-in ones. A module "" has the only name a string constant, which may name code.
    """

    module: str | None
    names: tuple[str, ...]


def canonical(node: ast.stmt, module: str, is_package: bool) -> tuple[ast.stmt, set[Mention]]:
    """The canonical form of a module's top-level statement, which is changed in place, and what it mentions.

    A statement without effect becomes ``pass``.
    """
    node = bare(node, module, is_package)
    numbered = _Numbered(module, node)
    numbered.visit(node)
    return node, numbered.mentions


def bare(node: ast.stmt, module: str, is_package: bool) -> ast.stmt:
    """The statement without docstrings and annotations, its imports absolute; changed in place."""
    return _Bare(module.split(".") if is_package else module.split(".")[:-1]).visit(node)


def serial(node) -> str:
    """A tree as text, the same under all versions of Python that have its syntax."""
    if isinstance(node, list):
        return f"[{', '.join(map(serial, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = ((name, value) for name, value in ast.iter_fields(node) if name not in DROPPED)
    shown = (
        f"{name}={serial(value)}" for name, value in fields if value is not None and value != []
    )
    return f"{type(node).__name__}({', '.join(shown)})"


def imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[ast.alias, str, Mention]]:
    """What an absolute import binds: the alias, the name it gives, and where that leads."""
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            yield alias, alias.asname or alias.name, Mention(node.module, (alias.name,))
        elif alias.asname:
            yield alias, alias.asname, Mention(alias.name, ())
        else:
            top = alias.name.split(".")[0]
            yield alias, top, Mention(top, ())


class Scope:
    """The names that a function, lambda, comprehension, class body or top-level statement binds."""

    def __init__(self, nodes, parent: "Scope | None" = None, fixed=(), is_class: bool = False):
        self.parent, self.is_class = parent, is_class
        self.bound, self.fixed = set(fixed), set(fixed)  # fixed ones keep their name
        self.imports: dict[str, list[Mention]] = {}
        self.globals: set[str] = set()
        self.numbers: dict[str, str] = {}
        outside = set()
        for node in nodes:
            self._collect(node, outside)
        self.bound -= outside

    def _collect(self, node: ast.AST, outside: set[str], own: bool = True) -> None:
        """Not ``own`` is within a comprehension, of whose names only those of ``:=`` belong here."""
        inner = ast.iter_child_nodes(node)
        if isinstance(node, ast.Name) and own and not isinstance(node.ctx, ast.Load):
            self.bound.add(node.id)
        elif isinstance(node, ast.NamedExpr):
            self.bound.add(node.target.id)
        elif isinstance(node, COMPREHENSIONS):
            own = False
        elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            if not isinstance(node, ast.Lambda):
                self.bound.add(node.name)
            if isinstance(node, ast.ClassDef):  # it carries its name
                self.fixed.add(node.name)
            inner = _around(node)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias, name, target in imported(node):
                self.bound.add(name)
                self.imports.setdefault(name, []).append(target)
                if isinstance(node, ast.Import) and not alias.asname and "." in alias.name:
                    self.fixed.add(name)  # `import a.b` has no other way to bind `a`
        elif isinstance(node, CAPTURES):
            self.bound |= {name for _, name in _captured(node)}
        elif isinstance(node, ast.Global):
            self.globals.update(node.names)
        elif isinstance(node, ast.Nonlocal):
            outside.update(node.names)
        for child in inner:
            self._collect(child, outside, own)

    def owner(self, name: str) -> "Scope | None":
        """The scope that a name used here belongs to; None for a global or built-in one."""
        scope = self
        while scope:
            if name in scope.globals:
                return None
            if name in scope.bound and (scope is self or not scope.is_class):
                return scope
            scope = scope.parent
        return None


def _around(node) -> list[ast.expr]:
    """What a function, lambda or class evaluates outside its own scope."""
    if isinstance(node, ast.ClassDef):
        return [*node.decorator_list, *node.bases, *node.keywords]
    defaults = [*node.args.defaults, *(each for each in node.args.kw_defaults if each)]
    return [*getattr(node, "decorator_list", ()), *defaults]


def _parameters(arguments: ast.arguments) -> set[str]:
    return {node.arg for node in ast.walk(arguments) if isinstance(node, ast.arg)}


def _captured(node) -> list[tuple[str, str]]:
    """The fields of an ``except`` or a pattern that hold a name, with the name."""
    pairs = ((field, getattr(node, field, None)) for field in ("name", "rest"))
    return [(field, name) for field, name in pairs if name]


class _Bare(ast.NodeTransformer):
    """Drops docstrings and other constants for statements, annotations and ``pass``; makes imports absolute."""

    def __init__(self, folder: list[str]):
        self.folder = folder
        self.kept: set[ast.AnnAssign] = set()  # those that make the fields of a class

    def generic_visit(self, node):
        super().generic_visit(node)
        for field in ("body", "orelse", "finalbody"):
            statements = getattr(node, field, None)
            if isinstance(statements, list):
                telling = [each for each in statements if not isinstance(each, ast.Pass)]
                setattr(node, field, telling or statements[:1])
        return node

    def visit_Expr(self, node):
        node = self.generic_visit(node)
        return _passing(node) if isinstance(node.value, ast.Constant) else node

    def visit_JoinedStr(self, node):  # Python 3.12 has empty texts in format specifications
        node.values = [each for each in node.values if getattr(each, "value", None) != ""]
        return self.generic_visit(node)

    def visit_arg(self, node):
        node.annotation = None
        return node

    def visit_FunctionDef(self, node):
        node.returns = None
        return self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node):
        # Whatever the decorator is called, it may be that of a dataclass.
        if node.decorator_list or node.keywords or FIELDS & {ast.unparse(at) for at in node.bases}:
            self.kept |= {each for each in node.body if isinstance(each, ast.AnnAssign)}
        return self.generic_visit(node)

    def visit_AnnAssign(self, node):
        node = self.generic_visit(node)
        if node in self.kept:
            return node
        if node.value is None:
            return _passing(node)
        return ast.copy_location(ast.Assign([node.target], node.value), node)

    def visit_ImportFrom(self, node):
        if node.level:
            start = self.folder[: len(self.folder) - node.level + 1]
            node.module = ".".join([*start, *([node.module] if node.module else [])])
            node.level = 0
        return node


def _passing(node: ast.stmt) -> ast.Pass:
    return ast.copy_location(ast.Pass(), node)


class _Numbered(ast.NodeVisitor):
    """Numbers the local variables of functions in the order they are met, and gathers what is mentioned."""

    def __init__(self, module: str, node: ast.stmt):
        self.module, self.scope, self.count = module, None, 0
        self.mentions: set[Mention] = set()
        self.by_name = any(map(_looks_up, ast.walk(node)))
        if self.by_name:
            self.mentions.add(Mention(module, ()))

    def _name(self, name: str, attributes: tuple[str, ...] = (), read: bool = False) -> str:
        owner = self.scope and self.scope.owner(name)
        # A class body that has not bound its name yet reads the global one.
        if owner is None or (owner.is_class and read):
            self.mentions.add(Mention(None, (name, *attributes)))
        if owner is None:
            return name
        for module, names in owner.imports.get(name, ()) if read else ():
            self.mentions.add(Mention(module, names + attributes))
        if owner.is_class or name in owner.fixed or self.by_name:
            return name
        if name not in owner.numbers:
            owner.numbers[name] = f"local·{self.count}"  # no name that anybody would write
            self.count += 1
        return owner.numbers[name]

    def _within(self, scope: Scope, nodes) -> None:
        outer, self.scope = self.scope, scope
        for node in nodes:
            self.visit(node)
        self.scope = outer

    def visit_Name(self, node):
        node.id = self._name(node.id, read=isinstance(node.ctx, ast.Load))

    def visit_Attribute(self, node):
        root, attributes = node, ()
        while isinstance(root, ast.Attribute):
            root, attributes = root.value, (root.attr, *attributes)
        if isinstance(root, ast.Name):
            root.id = self._name(root.id, attributes, read=True)
        else:
            self.visit(root)

    def visit_Constant(self, node):
        if isinstance(node.value, str) and node.value.startswith(self.module.split(".")[0] + "."):
            self.mentions.add(Mention("", (node.value,)))

    def visit_FunctionDef(self, node):
        node.name = self._name(node.name)
        self.visit_Lambda(node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node):
        for outside in _around(node):
            self.visit(outside)
        body = node.body if isinstance(node.body, list) else [node.body]
        self._within(Scope(body, self.scope, _parameters(node.args)), body)

    def visit_ClassDef(self, node):
        for outside in _around(node):
            self.visit(outside)
        self._within(Scope(node.body, self.scope, is_class=True), node.body)

    def _comprehension(self, node):
        first, *others = node.generators
        self.visit(first.iter)  # in the scope around it
        targets = [each.target for each in node.generators]
        values = [getattr(node, field) for field in ("key", "value", "elt") if hasattr(node, field)]
        self._within(Scope(targets, self.scope), [first.target, *first.ifs, *others, *values])

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def visit_Nonlocal(self, node):
        node.names = [self._name(name) for name in node.names]

    def _capturing(self, node):
        for field, name in _captured(node):
            setattr(node, field, self._name(name))
        self.generic_visit(node)

    visit_ExceptHandler = visit_MatchAs = visit_MatchStar = visit_MatchMapping = _capturing

    def visit_Import(self, node):
        for alias, name, (module, names) in imported(node):
            if alias.name == "*":
                self.mentions.add(Mention(module, ()))
            for ran in {module, alias.name if not names else f"{module}.{alias.name}"}:
                self.mentions.add(Mention(ran, (BESIDE,)))
            canonical = self._name(name) if self.scope else name
            if canonical != name:
                alias.asname = canonical

    visit_ImportFrom = visit_Import


def _looks_up(node: ast.AST) -> bool:
    """Whether variables are looked up by their names."""
    if isinstance(node, ast.Call) and not node.args and isinstance(node.func, ast.Name):
        return node.func.id in {"vars", "dir"}
    return isinstance(node, ast.Name) and node.id in BY_NAME
