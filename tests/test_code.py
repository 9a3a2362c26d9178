"""The fingerprint of code: what leaves it as it is, what changes it, and how far it reaches."""

import ast
import copy
import re
import sys
import textwrap
import types
from pathlib import Path

import numpy as np
import pytest
import torch

import anisodiff
from anisodiff.problems import PROBLEMS
from anisodiff.study import code, syntax

LIBRARY = Path(anisodiff.__file__).parent
FILES = {
    "__init__.py": "",
    "main.py": '''
        """A module."""
        import numpy as np
        from dataclasses import dataclass

        from . import tools as t
        from .api import smooth
        from .base import Base, traced

        SCALE: float = 2.0
        METHODS = {"smooth": smooth}
        METHODS["none"] = None

        @dataclass
        class Setting:
            """What to do."""
            size: int = 3
            depth: "int" = 1

        class Filter(Base):
            def run(self, x):
                return super().run(x) * SCALE

        @traced
        def go(a, b, setting: Setting = None, power=2) -> float:
            """All of it."""
            setting = setting or Setting()
            total = a - b  # a comment
            parts = [total * each for each in range(setting.size)]

            def scaled(value):
                nonlocal total
                total = total + 1
                return value * total

            largest = max(scaled(part) for part in parts)
            return Filter().run(METHODS["smooth"](np.sqrt(largest), total)) ** power + late(a)

        def late(a):
            from .deep import last
            return last(a)

        def unrelated(x):
            return t.unused(x)
        ''',
    "api.py": "from .tools import smooth\n",
    "other.py": "def smooth(x, y):\n    return y\n\ndef last(a):\n    return -a\n",
    "tools.py": """
        import warnings
        from .deep import WEIGHT
        warnings.filterwarnings("ignore", "a")
        def smooth(x, y):
            return helper(x, y) * WEIGHT
        def helper(x, y):
            return x / y
        def unused(x):
            return x
        """,
    "deep.py": "WEIGHT = 0.5\nLIMIT = 1\nLIMIT += 1\ndef last(a):\n    return min(a, LIMIT)\n",
    "base.py": """
        def traced(f):
            return f
        class Base:
            def run(self, x):
                return x + 1
            def other(self):
                return 1
        """,
    "alone.py": "def f():\n    return 1\n",
}


@pytest.fixture
def tiny(tmp_path):
    """Parts of ``pkg.main.go`` in a tiny package, of which some text is changed."""

    def made(file="main.py", old="", new="", root="pkg.main.go", more=()):
        folder = tmp_path / "pkg"
        folder.mkdir(exist_ok=True)
        for name, text in {**FILES, **dict(more)}.items():
            text = textwrap.dedent(text)
            if name == file:
                assert old in text
                text = text.replace(old, new)
            (folder / name).write_text(text)
        return code.parts(root, package=folder)

    return made


SAME = {
    "comment": ("main.py", "# a comment", "# another"),
    "docstring": ("main.py", "All of it.", "Everything."),
    "no docstring": ("main.py", '    """What to do."""\n', ""),
    "formatting": ("main.py", "total = a - b", "total = (\n        a\n        - b)"),
    "quotes": ("main.py", 'METHODS["smooth"]', "METHODS['smooth']"),
    "annotation": ("main.py", "setting: Setting = None", "setting=None"),
    "annotation of the result": ("main.py", "-> float", "-> int"),
    "annotated constant": ("main.py", "SCALE: float", "SCALE"),
    "renamed local": ("main.py", "total", "sum_"),
    "renamed local of a comprehension": ("main.py", "each", "one"),
    "renamed nested function": ("main.py", "scaled", "grown"),
    "renamed local like a built-in": ("main.py", "parts", "list"),
    "renamed local of a generator": ("main.py", "scaled(part) for part", "scaled(p) for p"),
    "relative import made absolute": ("main.py", "from .api", "from pkg.api"),
    "import moved into one line": ("main.py", "import last\n", "import (last)\n"),
    "late import by another local name": (
        "main.py",
        "import last\n    return last(a)",
        "import last as end\n    return end(a)",
    ),
    "unrelated definition": ("main.py", "return t.unused(x)", "return t.unused(x) + 1"),
    "unrelated definition of another module": ("tools.py", "return x\n", "return -x\n"),
    "unrelated module": ("alone.py", "return 1", "return 2"),
    "not run by an import": (
        "base.py",
        "class Base",
        "if __name__ == '__main__':\n    1 / 0\nclass Base",
    ),
}


@pytest.mark.parametrize("case", SAME)
def test_what_does_nothing_changes_nothing(tiny, case):
    assert tiny() == tiny(*SAME[case])


def test_the_order_of_definitions_does_not_matter(tiny):
    late = "def late(a):\n    from .deep import last\n    return last(a)\n"
    text = textwrap.dedent(FILES["main.py"])
    moved = text.replace(late, "").replace("@traced", late + "\n@traced")
    assert moved != text
    assert tiny() == tiny(more=[("main.py", moved)])


OTHER = {
    "constant two imports away": ("deep.py", "WEIGHT = 0.5", "WEIGHT = 0.25", "deep.WEIGHT"),
    "a type of number": ("deep.py", "LIMIT = 1", "LIMIT = 1.0", "deep.LIMIT"),
    "augmented constant": ("deep.py", "LIMIT += 1", "LIMIT += 2", "deep.LIMIT"),
    "operator": ("tools.py", "x / y", "x // y", "tools.helper"),
    "default": ("main.py", "power=2", "power=3", "main.go"),
    "order of parameters": ("main.py", "def go(a, b", "def go(b, a", "main.go"),
    "order of arguments": ("tools.py", "helper(x, y)", "helper(y, x)", "tools.smooth"),
    "name of a parameter": ("main.py", "power", "exponent", "main.go"),
    "module's constant": ("main.py", "= 2.0", "= 2.5", "main.SCALE"),
    "registry": ("main.py", '"smooth": smooth', '"smooth": max', "main.METHODS"),
    "entry of a registry": ("main.py", '["none"] = None', '["none"] = abs', "main.METHODS"),
    "method of a base class": ("base.py", "x + 1", "x + 2", "base.Base"),
    "unused method of a base class": ("base.py", "return 1", "return 2", "base.Base"),
    "base class": ("main.py", "Filter(Base)", "Filter(Setting)", "main.Filter"),
    "body of a decorator": ("base.py", "return f\n", "return abs\n", "base.traced"),
    "decorator": ("main.py", "@traced\n", "", "main.go"),
    "default of a field": ("main.py", "size: int = 3", "size: int = 4", "main.Setting"),
    "field without annotation": ("main.py", "size: int = 3", "size = 3", "main.Setting"),
    "re-exported name": ("api.py", ".tools", ".other", "main.METHODS"),
    "redirected import": ("main.py", ".api", ".other", "main.METHODS"),
    "redirected late import": ("main.py", ".deep", ".other", "main.late"),
    "behind a late import": ("deep.py", "min", "max", "deep.last"),
    "other package": ("main.py", "import numpy as np", "import math as np", "main.go"),
    "roles of two locals": ("main.py", "value * total", "total * value", "main.go"),
    "local for a parameter": ("main.py", "* each", "* b", "main.go"),
    "local that hides a global": ("main.py", "total = a - b", "SCALE = total = a - b", "main.go"),
    "statement beside definitions": ("tools.py", '"ignore"', '"error"', "tools.<module>"),
    "new statement of an imported package": ("__init__.py", "", "print()", "<module>"),
    "new name for a built-in": (
        "main.py",
        "def late",
        "def max(x):\n    return 1\ndef late",
        "main.max",
    ),
}


@pytest.mark.parametrize("case", OTHER)
def test_what_does_something_else_is_found_and_named(tiny, case):
    file, old, new, name = OTHER[case]
    assert f"pkg.{name}" in code.changed(tiny(), tiny(file, old, new))


PAIRS = {
    "order of operands": ("x = 1; y = 2; return x - y", "x = 1; y = 2; return y - x"),
    "local and global": ("G = 1; return G", "x = 1; return G"),
    "declared global": ("G = 1; return a", "global G; G = 1; return a"),
    "local and parameter": ("x = 1; return x + a", "x = 1; return a + a"),
    "own variable and nonlocal": (
        "x = 1\n    def f():\n        x = 2\n    f(); return x",
        "x = 1\n    def f():\n        nonlocal x; x = 2\n    f(); return x",
    ),
    "variable of a comprehension and local": (
        "x = 1; y = [x for x in a]; return x",
        "x = 1; y = [x for z in a]; return x",
    ),
    "walrus in a comprehension": (
        "x = 1; y = [(x := z) for z in a]; return x",
        "x = 1; y = [(w := z) for z in a]; return x",
    ),
    "class body and method": (
        "x = 1\n    class A:\n        x = 2\n        f = lambda self: x\n    return A().f()",
        "x = 1\n    class A:\n        x = 2\n        f = lambda self: A.x\n    return A().f()",
    ),
    "variables by name": ("x = 1; return locals()", "y = 1; return locals()"),
    "error's name": (
        "e = 1\n    try: a()\n    except OSError as e: pass\n    return e",
        "e = 1\n    try: a()\n    except OSError as f: pass\n    return e",
    ),
    "pattern": (
        "x = 1\n    match a:\n        case [x, *_]: pass\n    return x",
        "x = 1\n    match a:\n        case [y, *_]: pass\n    return x",
    ),
}


@pytest.mark.parametrize("case", PAIRS)
def test_variables_are_never_confused(tiny, case):
    one, other = (
        tiny("alone.py", "def f():\n    return 1\n", f"G = 5\ndef f(a):\n    {body}", "pkg.alone.f")
        for body in PAIRS[case]
    )
    assert one["pkg.alone.f"] != other["pkg.alone.f"]


@pytest.mark.parametrize("use", ["getattr(tools, a)", "print(tools)", "tools.missing(a)"])
def test_a_module_as_an_object_counts_whole(tiny, use):
    body = f"from . import tools\ndef f(a):\n    return {use}"
    found = tiny("alone.py", FILES["alone.py"], body, "pkg.alone.f")
    assert {"pkg.tools.unused", "pkg.tools.helper", "pkg.deep.WEIGHT"} <= found.keys()


@pytest.mark.parametrize(
    "body",
    [
        "from . import tools as t\ndef f(a):\n    return t.helper(a, 1)",
        "import pkg.tools\ndef f(a):\n    return pkg.tools.helper(a, 1)",
        "def f(a):\n    from pkg import tools\n    return tools.helper(a, 1)",
        "def f(a):\n    import pkg.tools as t\n    return [t.helper(x, 1) for x in a]",
        "USED = 'pkg.tools.helper'\ndef f(a):\n    return load(USED)",
        "class f:\n    from .tools import helper\n    g = helper",
    ],
)
def test_every_way_to_a_definition_is_followed(tiny, body):
    found = tiny("alone.py", FILES["alone.py"], body, "pkg.alone.f")
    others = found.keys() - {"pkg.alone.f", "pkg.alone.USED"}
    assert others == {"pkg.tools.helper", "pkg.tools.<module>"}


ALONE = {  # what pkg.alone.f needs beside itself
    "constant of a method's name": ("G = 1\nclass f:\n    def G(self): pass", set()),
    "attribute before it is bound": ("G = 1\nclass f:\n    G = G", {"alone.G"}),
    "attribute once it is bound": ("G = 1\nclass f:\n    G = 2", set()),
    "keyword": ("G = 1\ndef f():\n    return dict(G=2)", set()),
    "parameter": ("G = 1\ndef f(G):\n    return G", set()),
    "default": ("G = 1\ndef f(G=G):\n    return G", {"alone.G"}),
    "annotation": ("G = 1\ndef f(a: G):\n    return a", set()),
    "global that is set": ("G = 1\ndef f():\n    global G; G = 2", {"alone.G"}),
    "import that runs more": ("from . import tools\ndef f(): pass", {"tools.<module>"}),
    "late import that runs more": ("def f():\n    import pkg.tools", {"tools.<module>"}),
    "all names": (
        "from .deep import *\ndef f():\n    return WEIGHT",
        {"deep.WEIGHT", "deep.LIMIT", "deep.last", "alone.<module>"},
    ),
    "change of another module": (
        "from . import deep\ndeep.WEIGHT = 3\ndef f(): pass",
        {"alone.<module>", "deep.WEIGHT"},
    ),
    "name with two origins": (
        "try:\n    from .deep import LIMIT as x\nexcept ImportError:\n    x = 1\ndef f():\n    return x",
        {"deep.LIMIT", "alone.<module>"},
    ),
}


@pytest.mark.parametrize("case", ALONE)
def test_a_definition_needs_just_this(tiny, case):
    body, needed = ALONE[case]
    found = tiny("alone.py", FILES["alone.py"], body, "pkg.alone.f")
    assert found.keys() - {"pkg.alone.f"} == {f"pkg.{name}" for name in needed}


def test_the_package_above_runs_first(tiny):
    more = [("__init__.py", "print()\n")]
    assert tiny(root="pkg.alone.f", more=more).keys() == {"pkg.alone.f", "pkg.<module>"}


def test_names_of_a_package_lead_to_definitions_and_modules(tiny):
    more = [
        ("__init__.py", "from . import tools\nfrom .api import smooth\nfrom .alone import no\n")
    ]
    body = "from . import smooth, tools\ndef f(x):\n    return tools.helper(x, smooth)"
    found = tiny("alone.py", FILES["alone.py"], body, "pkg.alone.f", more)
    assert {"pkg.tools.helper", "pkg.tools.smooth", "pkg.deep.WEIGHT"} <= found.keys()
    assert "pkg.tools.unused" not in found
    rebound = [("__init__.py", "from . import tools\ntools = print(tools)\n")]
    body = "from . import tools\ndef f(x):\n    return tools.unused(x)"
    found = tiny("alone.py", FILES["alone.py"], body, "pkg.alone.f", rebound)
    assert {"pkg.tools", "pkg.tools.unused"} <= found.keys()
    circular = [("api.py", "from .other import x"), ("other.py", "from .api import x")]
    assert "pkg.alone.f" in tiny(
        "alone.py",
        FILES["alone.py"],
        "from .api import x\ndef f():\n    x()",
        "pkg.alone.f",
        circular,
    )


def test_roots_may_be_modules_and_unknown_ones_are_named(tiny, tmp_path):
    assert tiny(root="pkg.deep").keys() == {"pkg.deep.WEIGHT", "pkg.deep.LIMIT", "pkg.deep.last"}
    assert tiny(root="pkg.api").keys() == tiny(root="pkg.tools.smooth").keys()
    assert tiny(root="pkg").keys() >= {"pkg.alone.f", "pkg.main.unrelated"}
    with pytest.raises(ValueError, match=r"name: pkg\.no, pkg\.main\.nothing, numpy\.sqrt$"):
        code.parts(
            "pkg.no", "pkg.main.go", "pkg.main.nothing", "numpy.sqrt", package=tmp_path / "pkg"
        )


def test_the_fingerprint_is_that_of_the_parts(tiny, tmp_path):
    before, of = tiny(), code.fingerprint("pkg.main.go", package=tmp_path / "pkg")
    assert len(of) == 12
    assert of == code.fingerprint("pkg.main.go", "pkg.main.late", package=tmp_path / "pkg")
    assert before != tiny("tools.py", "x / y", "y / x")
    assert of != code.fingerprint("pkg.main.go", package=tmp_path / "pkg")


def test_of_the_library_no_more_than_takes_part():
    assert code.parts("anisodiff.metrics.distortion.psnr").keys() == {
        "anisodiff.metrics.distortion.psnr"
    }
    experts = code.parts("anisodiff.methods.diffusion.experts.Experts").keys()
    splines = code.parts("anisodiff.methods.diffusion.kernels.splines").keys()
    assert splines <= experts, "a kernel, with all its helpers, stands behind two calls"
    assert not any(".scheme." in name or ".study." in name for name in experts)


def statements():
    for path in sorted(LIBRARY.rglob("*.py")):
        place = path.relative_to(LIBRARY.parent).with_suffix("").parts
        name = ".".join(place).removesuffix(".__init__")
        for node in ast.parse(path.read_text()).body:
            yield name, path.name == "__init__.py", node


def compiled(node):
    return compile(ast.Module([node], []), "canonical", "exec", dont_inherit=True)


def same_code(one, other):
    """Two code objects do the same: equal but for the names of variables, whose order may differ in closures."""
    assert one.co_names == other.co_names
    assert one.co_varnames[: one.co_argcount] == other.co_varnames[: other.co_argcount]
    for kind in ("co_varnames", "co_cellvars", "co_freevars"):
        assert len(getattr(one, kind)) == len(getattr(other, kind))
    assert len(one.co_code) == len(other.co_code)
    if not one.co_cellvars and not one.co_freevars:
        assert one.co_code == other.co_code
    assert len(one.co_consts) == len(other.co_consts)
    for a, b in zip(one.co_consts, other.co_consts, strict=True):
        if isinstance(a, types.CodeType):
            same_code(a, b)


def test_the_canonical_library_compiles_to_the_same_code():
    count = 0
    for module, is_package, node in statements():
        plain = syntax.bare(copy.deepcopy(node), module, is_package)
        canonical, _ = syntax.canonical(node, module, is_package)
        same_code(compiled(plain), compiled(canonical))
        compile(ast.unparse(canonical), "unparsed", "exec", dont_inherit=True)
        count += 1
    assert count > 500


TANGLED = """
x = 'global'

def shadows(x):
    y = [x for x in range(x)]
    z = (lambda x: [x := x + 1 for _ in y] and x)(5)
    return x, y, z

def beside():
    y = [x for x in range(2)]
    return x, y

def walrus(values):
    total = 0
    kept = [(total := total + value) for value in values if (last := value)]
    return kept, total, last, {a: b for a, b in zip(kept, values)}

def counter():
    count = 0
    def step(by=x):
        nonlocal count
        def inner():
            return count, by
        count += 1
        return inner()
    return step(), step(by=2)

def classes():
    x = 'local'
    class Inner:
        y = x
        x = 'class'
        z = [x for _ in range(1)]
        def get(self):
            return x, self.x, self.y, self.z
    return Inner.__name__, Inner().get()

def globals_():
    def change():
        global x
        x, old = x + '!', x
        return [old for _ in range(2)], (lambda: x)()
    y = change()
    return y, x

def imports():
    import os.path
    import os as x
    from math import floor as y
    return os.path is x.path, y(2.5)

def errors(a):
    e = 1
    try:
        a / 0
    except ZeroDivisionError as error:
        e = str(error)
    with open(__import__('os').devnull) as file, file as again:
        return e, again is file

def patterns(a):
    match a:
        case {'k': k, **rest}:
            return k, rest
        case [first, *others] as whole:
            return first, others, whole

def generators():
    xs = [1, 2]
    ys = ((a, b) for a in xs for b in xs if a < b for a in [a, 0])
    for a, *b in [(1, 2, 3)]:
        del a
    return list(ys), b, f'{b!r:>{len(xs) * 5}}'
"""


def test_canonical_functions_do_the_same():
    one, other = {}, {}
    nodes = ast.parse(TANGLED).body
    names = [node.name for node in nodes[1:]]
    text = ast.unparse([syntax.canonical(node, "pkg.tangled", False)[0] for node in nodes])
    exec(TANGLED, one)
    exec(text, other)
    assert "total" not in text and "error." not in text
    given = {"shadows": [3], "walrus": [[1, 2]], "errors": [1], "patterns": [[1, 2]]}
    for name in names:
        assert one[name](*given.get(name, [])) == other[name](*given.get(name, []))
    assert one["patterns"]({"k": 1, "l": 2}) == other["patterns"]({"k": 1, "l": 2})


LOCALS = ["kept", "total", "last", "count", "step", "inner", "error", "file", "again", "rest"]
LOCALS += ["first", "others", "whole", "ys", "b", "xs"]


@pytest.mark.parametrize("name", LOCALS)
def test_every_kind_of_local_variable_may_be_renamed(name):
    def serial(text):
        nodes = ast.parse(text).body
        return [syntax.serial(syntax.canonical(node, "pkg.tangled", False)[0]) for node in nodes]

    renamed = re.sub(rf"\b{name}\b", "another", TANGLED)
    assert renamed != TANGLED
    assert serial(renamed) == serial(TANGLED)


def test_a_canonical_module_computes_the_same(monkeypatch):
    clean = torch.from_numpy(np.random.default_rng(0).uniform(0, 255, (1, 32, 24)))
    texts = []
    for name in {kind.__module__ for kind in PROBLEMS.values()}:
        body = [syntax.canonical(node, *of)[0] for *of, node in statements() if of[0] == name]
        text = ast.unparse(ast.Module(body, []))
        texts.append(text)
        made = types.ModuleType(name)
        with monkeypatch.context() as replaced:
            replaced.setitem(sys.modules, name, made)  # where dataclasses look
            exec(compile(text, name, "exec"), made.__dict__)
        for kind in PROBLEMS.values():
            if kind.__module__ == name:
                y, again = (
                    each(each.levels[1]).measure(clean, np.random.default_rng(3)).y
                    for each in (kind, vars(made)[kind.__name__])
                )
                assert torch.equal(y, again), kind.name
    assert "local·" in "".join(texts)
