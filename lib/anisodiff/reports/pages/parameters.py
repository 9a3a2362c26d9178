"""The parameters of a page: what its parameters cell declares, and whether values keep to it."""

import ast
import io
import re
import tokenize
from dataclasses import dataclass
from typing import Any

TYPES = {"int": int, "float": float, "bool": bool, "str": str}
RANGE = re.compile(r"\[\s*([^\[\],]+),\s*([^\[\],]+)\]$")
CHOICES = re.compile(r"\{([^{}]+)\}$")


class ParameterError(ValueError):
    """A parameter of a page is unknown, of the wrong type or out of its range."""

    def _render_traceback_(self) -> list[str]:
        # IPython, and with it papermill, shows this instead of twenty lines of stack.
        return [f"{type(self).__name__}: {self}"]


@dataclass(frozen=True)
class Parameter:
    """One line of a parameters cell: ``name: kind = default  # meaning [low, high]`` or ``{choice, choice}``."""

    name: str
    kind: str
    default: Any
    meaning: str = ""
    range: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()

    @property
    def expected(self) -> str:
        """What a value has to be, in words."""
        words = ("an " if self.kind == "int" else "a ") + re.sub(
            r"list\[(\w+)\]", r"list of \1", self.kind
        )
        if self.range:
            words += f" in [{self.range[0]:g}, {self.range[1]:g}]"
        if self.choices:
            words += f", one of {{{', '.join(self.choices)}}}"
        return words

    def check(self, value: Any) -> Any:
        """The value as the page should see it (an int becomes a float where one is declared).

        Raises ParameterError for another type, a value out of the range or not among the choices.
        """
        element = re.fullmatch(r"list\[(\w+)\]", self.kind)
        kind = TYPES[element[1] if element else self.kind]
        items = value if element else [value]
        if type(items) is not list or not all(self._fits(kind, item) for item in items):
            meaning = f" ({self.meaning})" if self.meaning else ""
            raise ParameterError(
                f"{self.name} = {value!r} is refused: give {self.expected}{meaning}"
            )
        checked = [kind(item) for item in items]
        return checked if element else checked[0]

    def read(self, text: str) -> Any:
        """The value that a word of the command line stands for; ParameterError as in :meth:`check`."""
        if self.kind == "str":
            return self.check(text)
        try:
            value = ast.literal_eval({"true": "True", "false": "False"}.get(text, text))
        except (ValueError, SyntaxError):
            value = text
        return self.check(value)

    def _fits(self, kind: type, value: Any) -> bool:
        # Exact types, for True is an instance of int; but an int will do for a float.
        if type(value) is not kind and not (kind is float and type(value) is int):
            return False
        if self.range and not self.range[0] <= value <= self.range[1]:
            return False
        word = f"{value:g}" if type(value) in (int, float) else str(value)
        return not self.choices or word in self.choices


def declared(source: str) -> dict[str, Parameter]:
    """The parameters of a cell by name; empty where the cell is anything but annotated assignments.

    A long comment goes on in the lines below its parameter.
    Raises ParameterError for a type that no parameter can have and for a range that cannot be read.
    """
    try:
        body = ast.parse(source).body
    except SyntaxError:  # a cell with a magic
        return {}
    if not body or not all(
        isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.value
        for line in body
    ):
        return {}
    comments = {
        token.start[0]: token.string.lstrip("# ").rstrip()
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    ends = [*(line.lineno for line in body[1:]), source.count("\n") + 2]
    return {
        line.target.id: _parameter(
            line, " ".join(comments[at] for at in range(line.end_lineno, end) if at in comments)
        )
        for line, end in zip(body, ends, strict=True)
    }


def assigned(source: str) -> list[str]:
    """The names that a cell of plain assignments sets: papermill's injected cell; empty for any other cell."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return []
    if not all(
        isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name) for line in body
    ):
        return []
    return [line.targets[0].id for line in body]


def unknown(name: str, value: Any, parameters: dict[str, Parameter]) -> ParameterError:
    """The error for a parameter that the page does not have."""
    return ParameterError(
        f"unknown parameter {name!r} = {value!r}; this page has: {', '.join(parameters)}"
    )


def _parameter(line: ast.AnnAssign, comment: str) -> Parameter:
    name, kind = line.target.id, ast.unparse(line.annotation)
    if re.sub(r"list\[(\w+)\]", r"\1", kind) not in TYPES:
        raise ParameterError(
            f"parameter {name!r} is declared {kind}; it can be {', '.join(TYPES)} or a list of those"
        )
    bounds, choices = RANGE.search(comment), CHOICES.search(comment)
    meaning = comment[: (bounds or choices).start()].strip() if bounds or choices else comment
    try:
        limits = (float(bounds[1]), float(bounds[2])) if bounds else None
    except ValueError:
        raise ParameterError(
            f"the range of parameter {name!r} cannot be read: {bounds[0]}"
        ) from None
    options = (
        tuple(choice.strip().strip("'\"") for choice in choices[1].split(",")) if choices else ()
    )
    return Parameter(name, kind, ast.literal_eval(line.value), meaning, limits, options)
