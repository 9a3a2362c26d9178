"""Directive ``ledger``: what the sources print and say, what was measured, the control, and the verdict.

``{ledger} sources`` lists every published number of ``data/published.yml`` that was tested and every case of the
sources' claims of ``data/claims.yml``, ``{ledger} ours`` this study's own hypotheses, ``{ledger} numbers`` the numbers
that were not tested and ``{ledger} sentences`` all other sentences that could be (``data/statements.yml``). Verdicts on
claims are what the executed pages left in their outputs' metadata.
"""

import html
import json
from collections import Counter
from pathlib import Path

import yaml
from bound_numbers import SCALES
from docutils import nodes
from sphinx.errors import NoUri
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from anisodiff.data.provenance import ROOT
from anisodiff.reports import claims, findings, ledger
from anisodiff.reports.pages.tables import Head, Html, command, number, sortable, verdict

HEADS = (  # a telephone shows the first four
    "Claim",
    "Published",
    "Measured",
    Head("Verdict", choose=True),
    Head("Where", choose=True),
)
NAMES = {"psnr": "PSNR, dB", "ssim": "SSIM", "lpips": "LPIPS", "q": "Q"}
DIGITS = {"psnr": 2, "ssim": 3, "lpips": 3, "q": 1, "seconds": 3}
NUMBERS_PAGE = "notebooks/cncl_comparison"
STATEMENTS = ROOT / "data/statements.yml"

logger = logging.getLogger(__name__)


class Ledger(SphinxDirective):
    """A sentence that counts the verdicts, then a table to sort and to filter."""

    required_arguments = 1

    def run(self):
        for path in (claims.PUBLISHED, findings.CLAIMS, STATEMENTS):
            self.env.note_dependency(str(path))
        listed = {
            "sources": lambda: [*self._numbers(tested=True), *self._findings("claims")],
            "ours": lambda: self._findings("ours"),
            "numbers": lambda: self._numbers(tested=False),
        }
        if self.arguments[0] == "sentences":
            return self._sentences()
        rows = list(listed[self.arguments[0]]())
        count = Counter(reached for *_, reached, _, _ in rows)
        said = ", ".join(f"{number} {reached}" for reached, number in count.most_common())
        rows = [
            (*row, Html(verdict(reached) + _small(aside)), where)
            for *row, reached, aside, where in rows
        ]
        table = sortable(HEADS, rows)
        return [
            nodes.paragraph("", f"{len(rows)} verdicts: {said}."),
            nodes.raw("", table, format="html"),
        ]

    def _numbers(self, tested: bool):
        tables = claims.tables()
        for entry in ledger.entries():
            if (entry.verdict != "not tested yet") == tested:
                yield self._number(entry, tables[entry.table])

    def _number(self, entry: ledger.Entry, table: dict) -> tuple:
        what = NAMES.get(entry.metric, entry.column if entry.metric == "count" else entry.metric)
        at = "" if entry.metric == "count" else f", {_at(entry)}"
        more = [command(entry.command)] if entry.command else []
        others = [
            f"{model}: {_printed(entry, interval[:1] * 3)}" for model, interval in entry.ours[1:]
        ]
        within = entry.tolerance == entry.tolerance  # else NaN
        near = f"tolerance {_printed(entry, (entry.tolerance,) * 3)}" if within else ""
        why = [html.escape(text) for text in (entry.why, near, "; ".join(others)) if text]
        measured = (entry.ours[0][1][0], _printed(entry, entry.ours[0][1])) if entry.ours else ""
        link = [self._link(NUMBERS_PAGE)] if entry.ours else []
        return (
            _claim(html.escape(f"{entry.row}{at}: {what}"), table["title"], [*why, *link, *more]),
            (entry.published, _printed(entry, (entry.published,) * 3)),
            measured,
            entry.verdict,
            f"as near: {', '.join(entry.passing)}" if entry.passing else "",
            table["where"],
        )

    def _findings(self, which: str):
        reached, everything = self._verdicts(), findings.everything()
        for name, known in everything[which].items():
            for case in findings.cases(known):
                found = reached.get(name, {}).get(case)
                if found is None:
                    logger.warning(
                        "claim %s: its page %s gave no verdict%s",
                        name,
                        known["page"],
                        f" on {case!r}" if case else "",
                        location=self.get_location(),
                    )
                    continue
                yield self._finding(known, case, found)

    def _finding(self, known: dict, case: str, found: dict) -> tuple:
        (mean, low, high), (control, *_) = (
            [number(value, found["digits"]) for value in found[of]]
            for of in ("interval", "control")
        )
        spread = f"{low} to {high}; " if low != high else ""
        said = f"“{known['quote']}”" if "quote" in known else known["says"]
        label = f"<b>{html.escape(case)}</b> " if case else ""
        more = [
            html.escape(f"control: {known['control']}"),
            self._link(f"notebooks/{known['page']}"),
            command(f"make page PAGE={known['page']}"),
        ]
        return (
            _claim(label + html.escape(said), known["number"], more),
            findings.held_against(known),
            (found["interval"][0], Html(f"{mean}<small>{spread}control {control}</small>")),
            found["verdict"],
            found["why"],
            findings.place(known),
        )

    def _sentences(self):
        sources = findings.everything()["sources"]
        listed = yaml.load(STATEMENTS.read_text(encoding="utf-8"), yaml.CSafeLoader)
        rows = [
            (
                f"“{one['quote']}”",
                one["why"],
                one["page"].replace("_", " "),
                f"{sources[one['source']]['name']}, {one['place']}",
            )
            for one in listed.values()
        ]
        count = Counter(sources[one["source"]]["name"] for one in listed.values())
        said = ", ".join(f"{number} of the {name}" for name, number in count.items())
        heads = ("Sentence", "Why it is not tested", Head("Page", choose=True), "Where")
        table = sortable(heads, rows)
        return [
            nodes.paragraph("", f"{len(rows)} sentences: {said}."),
            nodes.raw("", table, format="html"),
        ]

    def _verdicts(self) -> dict:
        """What the executed pages found, by claim and case."""
        found = {}
        for name in self.env.external_site_map:
            path = Path(self.env.doc2path(name))
            if path.suffix == ".ipynb":
                self.env.note_dependency(str(path))
                for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
                    for output in cell.get("outputs", []):
                        for claim, by_case in (
                            output.get("metadata", {}).get("verdicts", {}).items()
                        ):
                            found.setdefault(claim, {}).update(by_case)
        return found

    def _link(self, page: str) -> str:
        try:
            address = self.env.app.builder.get_relative_uri(self.env.docname, page)
        except NoUri:  # on paper
            return "page"
        return f'<a href="{address}">page</a>'


def _claim(says: str, detail: str, more: list[str]) -> Html:
    lines = "".join(f"<p>{line}</p>" for line in (html.escape(detail), *more))
    return Html(f"{says}<details><summary>how</summary>{lines}</details>")


def _small(text: str) -> str:
    return f"<small>{html.escape(text)}</small>" if text else ""


def _at(entry: ledger.Entry) -> str:
    if entry.metric == "seconds":
        return f"{entry.column} pixels a side"
    return f"σ = {entry.column}" if entry.column.isdigit() else entry.column


def _printed(entry: ledger.Entry, interval: ledger.Interval) -> str:
    """A number with its interval, where that is one; large ones with K, M or G."""
    mean, low, high = interval
    if entry.metric == "count" and mean >= 1e3:
        scale, letter = next((scale, letter) for scale, letter in SCALES if mean >= scale)
        return f"{mean / scale:.3g} {letter}"
    digits = DIGITS.get(entry.metric, 2 if mean % 1 else 0)
    spread = f"<small>{number(low, digits)} to {number(high, digits)}</small>" if high > low else ""
    return Html(number(mean, digits) + spread)


def setup(app):
    app.add_directive("ledger", Ledger)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
