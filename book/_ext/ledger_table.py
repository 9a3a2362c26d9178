"""Directive ``ledger``: every published number and every finding in words, what was measured, and the verdict.

Numbers are those of ``data/published.yml`` beside the recorded scores; the verdicts on findings in words are what the
executed pages left in their outputs' metadata.
"""

import html
import json
from collections import Counter
from pathlib import Path

from bound_numbers import SCALES
from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from anisodiff.reports import claims, ledger
from anisodiff.reports.pages.tables import Html, command, number, sortable, verdict

HEADS = ("Claim", "Published", "Measured", "Verdict", "Where")  # a telephone shows the first four
NAMES = {"psnr": "PSNR, dB", "ssim": "SSIM", "lpips": "LPIPS", "q": "Q"}
DIGITS = {"psnr": 2, "ssim": 3, "lpips": 3, "q": 1, "seconds": 3}
NUMBERS_PAGE = "notebooks/cncl_comparison"

logger = logging.getLogger(__name__)


class Ledger(SphinxDirective):
    """A sentence that counts the verdicts, then a table to sort and to filter."""

    def run(self):
        self.env.note_dependency(str(claims.PUBLISHED))
        self.env.note_dependency(str(claims.CLAIMS))
        tables = claims.tables()
        rows = [
            *(self._number(entry, tables[entry.table]) for entry in ledger.entries()),
            *self._findings(),
        ]
        count = Counter(reached for *_, reached, _ in rows)
        rows = [(*row, verdict(reached), where) for *row, reached, where in rows]
        said = ", ".join(
            f"{count[reached]} {reached}" for reached in sorted(count, key=count.get, reverse=True)
        )
        psnr, ssim, lpips = (f"{ledger.NEAR[metric]:g}" for metric in ("psnr", "ssim", "lpips"))
        near = (
            f"A number is reproduced where ours is within {psnr} dB of PSNR, {ssim} of SSIM or {lpips} of LPIPS, or "
            f"within {ledger.NEAR_RELATIVE:.0%} of any other, and exceeded where ours is better than that."
        )
        table = sortable(HEADS, rows, choose=("Verdict", "Where"))
        said = f"{len(rows)} claims: {said}."
        return [
            *(nodes.paragraph("", text) for text in (near, said)),
            nodes.raw("", table, format="html"),
        ]

    def _number(self, entry: ledger.Entry, table: dict) -> tuple:
        what = NAMES.get(entry.metric, entry.column if entry.metric == "count" else entry.metric)
        at = "" if entry.metric == "count" else f", {_at(entry.column)}"
        more = [command(entry.command)] if entry.command else []
        others = [
            f"{model}: {_printed(entry, interval[:1] * 3)}" for model, interval in entry.ours[1:]
        ]
        why = [html.escape(text) for text in (entry.why, "; ".join(others)) if text]
        measured = (entry.ours[0][1][0], _printed(entry, entry.ours[0][1])) if entry.ours else ""
        link = [self._link(NUMBERS_PAGE)] if entry.ours else []
        return (
            _claim(f"{entry.row}{at}: {what}", table["title"], [*why, *link, *more]),
            (entry.published, _printed(entry, (entry.published,) * 3)),
            measured,
            entry.verdict,
            table["where"],
        )

    def _findings(self):
        reached = self._verdicts()
        for name, known in claims.findings().items():
            bound = f"above {known['above']:g}" if "above" in known else f"below {known['below']:g}"
            found = reached.get(name)
            if found is None:
                logger.warning(
                    "claim %s: its page %s gave no verdict",
                    name,
                    known["page"],
                    location=self.get_location(),
                )
                continue
            mean, low, high = (number(value) for value in found["interval"])
            more = [
                self._link(f"notebooks/{known['page']}"),
                command(f"make page PAGE={known['page']}"),
            ]
            yield (
                _claim(known["says"], known["number"], more),
                bound.replace("-", "−"),
                (found["interval"][0], Html(f"{mean}<small>{low} to {high}</small>")),
                found["verdict"],
                known["source"].split(" (")[0],
            )

    def _verdicts(self) -> dict:
        """What the executed pages found, by claim."""
        found = {}
        for name in self.env.external_site_map:
            path = Path(self.env.doc2path(name))
            if path.suffix == ".ipynb":
                self.env.note_dependency(str(path))
                for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
                    for output in cell.get("outputs", []):
                        found |= output.get("metadata", {}).get("verdicts", {})
        return found

    def _link(self, page: str) -> str:
        return f'<a href="{self.env.app.builder.get_relative_uri(self.env.docname, page)}">page</a>'


def _claim(says: str, detail: str, more: list[str]) -> Html:
    lines = "".join(f"<p>{line}</p>" for line in (html.escape(detail), *more))
    return Html(f"{html.escape(says)}<details><summary>how</summary>{lines}</details>")


def _at(column: str) -> str:
    return f"σ = {column}" if column.isdigit() else column


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
