"""A page of the book from the inside: its checked parameters, its numbers, its provenance."""

import html
import math
import re
import time
from collections import Counter
from typing import Any

from ...data import provenance
from ...methods.device import chosen
from .. import findings, names
from . import tables
from .parameters import Parameter, ParameterError, assigned, declared, unknown

__all__ = ["Page", "ParameterError", "start"]

HIDDEN = "application/papermill.record/"
"""Prefix of mime types that the book keeps for its text and does not show: that of myst-nb's glue."""


def start(namespace: dict[str, Any], name: str) -> "Page":
    """Check the parameters of the page and start its clock: ``page = pages.start(globals(), "perona_malik")``.

    Called in the cell right after the parameters cell (and after the one papermill injects).

    Raises ParameterError, shown as one line, for an unknown, ill-typed or out-of-range parameter.
    """
    cells = namespace["In"][:-1]  # the last one is the cell that calls
    found = [(at, declared(source)) for at, source in enumerate(cells)]
    at, parameters = next(
        ((at, parameters) for at, parameters in reversed(found) if parameters), (0, {})
    )
    if not parameters:
        raise ParameterError(
            "the cell before pages.start must hold parameters only, one a line, such as "
            "'sigma: float = 25.0  # standard deviation in gray levels [1, 100]'"
        )
    for injected in cells[at + 1 : at + 2]:
        for parameter in assigned(injected):
            if parameter not in parameters:
                raise unknown(parameter, namespace[parameter], parameters)
    return Page(name, _check(namespace, parameters))


def _check(namespace: dict[str, Any], parameters: dict[str, Parameter]) -> dict[str, Any]:
    values = {name: parameter.check(namespace[name]) for name, parameter in parameters.items()}
    namespace.update(values)  # 30 has become 30.0 where a float is declared
    return values


class Page:
    """A running page; made by :func:`start`."""

    def __init__(self, name: str, parameters: dict[str, Any]):
        self.name = name
        self.parameters = parameters
        self._started = time.perf_counter()
        self._pending: dict[str, dict[str, dict]] = {}  # verdicts that are not shown yet
        self._stamp = provenance.stamp(chosen())
        provenance.watch()

    @property
    def profile(self) -> str:
        """Budget of this run: smoke, quick or paper."""
        return self.parameters["profile"]

    @property
    def side(self) -> int:
        """Pixels a side of the photographs that a page restores: fewer for smoke, whose pictures nobody looks at."""
        return 96 if self.profile == "smoke" else 256

    def number(self, name: str, value: float, digits: int = 2) -> None:
        """Keep a number for the prose, which shows it by ``{glue:text}`PAGE_NAME```, and for comparisons in full.

        Raises ValueError for a value that is not finite.
        """
        from IPython.display import display

        value = float(value)
        if not math.isfinite(value):
            raise ValueError(f"number {name!r} of page {self.name!r} is {value}")
        shown = {"name": f"{self.name}_{name}", "mime_prefix": HIDDEN}
        display(
            {f"{HIDDEN}text/plain": repr(tables.number(value, digits))},
            metadata={
                "scrapbook": shown,
                "number": {"name": name, "value": value, "digits": digits},
            },
            raw=True,
        )

    def verdict(
        self,
        claim: str,
        interval: tuple[float, float, float],
        control: tuple[float, float, float] | None = None,
        case: str = "",
        digits: int = 2,
    ) -> None:
        """Put a claim of ``data/claims.yml`` to the test by mean, low and high of its number, for :meth:`verdicts`.

        ``control`` is the same of its control, left out where that is known by construction; ``case`` one of those that
        the claim lists. Raises UnknownNumber for a claim unknown there, ValueError for one of another page and for a
        case that it does not list.
        """
        reached, known = findings.verdict(claim, interval, control), findings.findings()[claim]
        if known["page"] != self.name:
            raise ValueError(
                f"claim {claim!r} belongs to page {known['page']!r}, not to {self.name!r}"
            )
        if case not in findings.cases(known):
            raise ValueError(
                f"claim {claim!r} has no case {case!r}: {', '.join(findings.cases(known))}"
            )
        provenance.note(findings.CLAIMS)
        control = control or (float(known["control_value"]),) * 3
        self._pending.setdefault(claim, {})[case] = {
            "verdict": reached.word,
            "why": reached.why,
            "interval": list(map(float, interval)),
            "control": list(map(float, control)),
            "digits": digits,
        }

    def verdicts(self) -> None:
        """Show, folded, the claims put to the test since this was called last; keep them in the output's metadata."""
        from IPython.display import display

        found, self._pending = self._pending, {}
        shown = {"text/html": folded(found), "text/plain": summary(found)}
        display(shown, metadata={"verdicts": found}, raw=True)

    def finish(self) -> None:
        """Show what this run was made from, as a collapsed block, and keep the same in the output's metadata.

        Raises ValueError where a verdict was not shown.
        """
        from IPython.display import display

        if self._pending:
            raise ValueError(f"page.verdicts() has not shown: {', '.join(self._pending)}")

        record = {
            "page": self.name,
            "seconds": round(time.perf_counter() - self._started, 1),
            "parameters": self.parameters,
            "used": provenance.read(),
        } | self._stamp
        shown = {"text/html": as_html(record), "text/plain": f"made from {commit(record)}"}
        display(shown, metadata={"anisodiff": record}, raw=True)


def summary(verdicts: dict[str, dict[str, dict]]) -> str:
    """How many verdicts there are of each word: ``Claims put to the test: 2 reproduced, 1 undecided``."""
    count = Counter(found["verdict"] for by_case in verdicts.values() for found in by_case.values())
    words = ", ".join(f"{number} {word}" for word, number in count.most_common())
    return f"Claims put to the test: {words}"


def folded(verdicts: dict[str, dict[str, dict]]) -> str:
    """Claims as a folded HTML table: what is said, and below it for each case the number, its control, the verdict."""
    heads = ("Case", "Measured", "Control", "Verdict")
    rows = ""
    for claim, by_case in verdicts.items():
        known = findings.findings()[claim]
        test = f"{known['number']}: {findings.held_against(known)}. Control: {known['control']}."
        place = f'<span class="source">{html.escape(findings.place(known))}</span>'
        rows += (
            f'<tr class="claim"><th colspan="4" scope="rowgroup">{html.escape(findings.said(known))} {place}'
            f"<small>{html.escape(test)}</small></th></tr>"
        )
        for case, found in by_case.items():
            measured, control = (
                tables.with_interval(found[of], found["digits"]) for of in ("interval", "control")
            )
            why = f"<small>{html.escape(found['why'])}</small>"
            cells = (
                html.escape(names.case(case)),
                measured,
                control,
                tables.verdict(found["verdict"]) + why,
            )
            named = zip(heads, cells, strict=True)
            row = "".join(f'<td data-head="{of}">{cell}</td>' for of, cell in named)
            rows += f"<tr>{row}</tr>"
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    table = f'<table class="verdicts"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    return f'<details class="verdicts"><summary>{summary(verdicts)}</summary>{table}</details>'


def commit(record: dict[str, Any]) -> str:
    """The commit of a provenance record in words."""
    return f"commit {record['commit']}" + (" with local changes" if record["dirty"] else "")


def device(record: dict[str, Any]) -> str:
    """The device of a provenance record in words: a CPU's one thread is not "1 threads"."""
    return re.sub(r"\b1 threads$", "1 thread", record["device"])


def as_html(record: dict[str, Any]) -> str:
    """A provenance record as a collapsed block of HTML."""
    rows = {
        "Code": commit(record),
        "Device": device(record),
        "Run": f"{record['date']}, {record['seconds']:g} s",
        "Parameters": ", ".join(
            f"{name} = {value!r}" for name, value in record["parameters"].items()
        ),
        "Read": ", ".join(f"{name} ({digest})" for name, digest in record["used"].items())
        or "nothing",
        "Versions": ", ".join(f"{name} {version}" for name, version in record["versions"].items()),
    }
    items = "".join(f"<dt>{name}</dt><dd>{html.escape(text)}</dd>" for name, text in rows.items())
    return f'<details class="provenance"><summary>How this page was made</summary><dl>{items}</dl></details>'
