"""Directive ``ledger``: what the sources print and say, what was measured, the control, and the verdict.

``{ledger} sources`` lists every published number of ``data/published.yml`` that was tested and every case of the
sources' claims of ``data/claims.yml``, ``{ledger} ours`` this study's own hypotheses, ``{ledger} numbers`` the numbers
that were not tested and ``{ledger} sentences`` all other sentences that could be (``data/statements.yml``). Verdicts on
claims are what the executed pages left in their outputs' metadata. The role ``verdict`` prints one in a sentence.
"""

import html
import json
from collections import Counter
from functools import lru_cache
from pathlib import Path

import yaml
from bound_numbers import SCALES, as_printed
from docutils import nodes
from quotations import marked
from sphinx.errors import NoUri
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole
from status_table import heading

from anisodiff.data.provenance import ROOT
from anisodiff.reports import claims, findings, ledger, names
from anisodiff.reports.pages.tables import Head, Html, command, number, sortable, verdict

WHERE, VERDICT = Head("Where", choose=True), Head("Verdict", choose=True)
HEADS = {  # a telephone shows the first four
    "sources": ("Claim", "Published", "Measured", VERDICT, WHERE),
    "ours": ("Hypothesis", "Bound", "Measured", VERDICT),
    "numbers": ("Number", "Published", "Why it is not tested", WHERE),
    "sentences": ("Sentence", "Why it is not tested", Head("Page", choose=True), "Where"),
}
OURS = {  # of what nobody published nothing can be reproduced
    "reproduced": "held",
    "not reproduced": "did not hold",
    "contradicted": "the opposite holds",
}
PLANNED = {  # names that are no plain words
    "dct": "DCT",
    "ffdnet": "FFDNet",
    "pscgan": "PSCGAN",
    "svd_samplers": "samplers by SVD",
    "tnrd": "TNRD",
}
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
        which = self.arguments[0]
        said, rows = getattr(self, f"_{which}")()
        return [
            nodes.paragraph("", said),
            nodes.raw("", sortable(HEADS[which], rows), format="html"),
        ]

    def _sources(self):
        found = [self._number(entry) for entry in _entries(tested=True)]
        return _judged([*found, *self._findings("claims")])

    def _ours(self):
        found = [row[:-1] for row in self._findings("ours")]
        return _judged([(*row, OURS.get(reached, reached), why) for *row, reached, why in found])

    def _number(self, entry: ledger.Entry) -> tuple:
        table = claims.tables()[entry.table]
        more = [command(entry.command)] if entry.command else []
        others = [
            f"{model}: {_printed(entry, interval[:1] * 3)}" for model, interval in entry.ours[1:]
        ]
        within = entry.tolerance == entry.tolerance  # else NaN
        near = f"tolerance {_printed(entry, (entry.tolerance,) * 3)}" if within else ""
        why = [html.escape(text) for text in (entry.why, near, "; ".join(others)) if text]
        measured = (entry.ours[0][1][0], _printed(entry, entry.ours[0][1])) if entry.ours else ""
        link = [self._link(NUMBERS_PAGE)] if entry.ours else []
        # A control of the measured model itself is its image clipped, see `as` in published.yml.
        passing = [f"{one}, clipped" if one == entry.ours[0][0] else one for one in entry.passing]
        return (
            _claim(_what(entry), table["title"], [*why, *link, *more]),
            _published(entry),
            measured,
            entry.verdict,
            f"as near: {', '.join(passing)}" if passing else "",
            table["where"],
        )

    def _findings(self, which: str):
        reached, everything = verdicts(self.env), findings.everything()
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
        spread = f"{low}&nbsp;to&nbsp;{high}; " if low != high else ""
        label = ", ".join(filter(None, (names.case(case), known.get("label"))))
        label = f"<b>{html.escape(label)}</b> " if label else ""
        more = [
            html.escape(f"control: {known['control']}"),
            self._link(f"notebooks/{known['page']}"),
            command(f"make page PAGE={known['page']}"),
        ]
        return (
            _claim(label + html.escape(findings.said(known)), known["number"], more),
            findings.held_against(known),
            (found["interval"][0], Html(f"{mean}<small>{spread}control&nbsp;{control}</small>")),
            found["verdict"],
            found["why"],
            findings.place(known),
        )

    def _numbers(self):
        rows = []
        for entry in _entries(tested=False):
            table = claims.tables()[entry.table]
            what = _claim(_what(entry), table["title"], [], "what")
            rows.append((what, _published(entry), entry.why, table["where"]))
        count = Counter(where for *_, where in rows)
        said = ", ".join(f"{number} of the {name}" for name, number in count.items())
        return f"{len(rows)} numbers: {said}.", rows

    def _sentences(self):
        sources = findings.everything()["sources"]
        listed = yaml.load(STATEMENTS.read_text(encoding="utf-8"), yaml.CSafeLoader)
        rows = [
            (
                Html(f"“{marked(one['quote'])}”"),
                one["why"],
                self._named(one["page"]),
                f"{sources[one['source']]['name']}, {one['place']}",
            )
            for one in listed.values()
        ]
        count = Counter(sources[one["source"]]["name"] for one in listed.values())
        said = ", ".join(f"{number} of the {name}" for name, number in count.items())
        return f"{len(rows)} sentences: {said}.", rows

    def _named(self, page: str) -> str:
        """The title of a page of the book with a link, or what a page to come is about."""
        name = f"notebooks/{page}"
        if name not in self.env.external_site_map:
            return f"{PLANNED.get(page, page.replace('_', ' '))} (planned)"
        path = Path(self.env.doc2path(name))
        self.env.note_dependency(str(path))
        notebook = json.loads(path.read_text(encoding="utf-8"))
        return Html(self._link(name, heading(notebook, name)))

    def _link(self, page: str, title: str = "page") -> str:
        try:
            address = self.env.app.builder.get_relative_uri(self.env.docname, page)
        except NoUri:  # on paper
            return html.escape(title)
        return f'<a href="{address}">{html.escape(title)}</a>'


class VerdictRole(SphinxRole):
    """``{verdict}`CLAIM```: the verdict on a claim, in its colour; how many cases have each where they differ."""

    def run(self):
        found = verdicts(self.env).get(self.text)
        if not found:
            logger.warning(
                "verdict: no page gave one on %r", self.text, location=self.get_location()
            )
            return [nodes.problematic(self.rawtext, f"[{self.text}]")], []
        count = Counter(one["verdict"] for one in found.values())
        said = OURS if self.text in findings.everything()["ours"] else {}
        parts = []
        for reached, cases in count.most_common():
            often = f"{cases} " if len(count) > 1 else ""
            classes = ["verdict", reached.replace(" ", "-")]
            parts += [nodes.inline("", often + said.get(reached, reached), classes=classes)]
            parts += [nodes.Text(" ")]
        return parts[:-1], []


def verdicts(env) -> dict:
    """What the executed pages found, by claim and case."""
    found = {}
    for name in env.external_site_map:
        path = Path(env.doc2path(name))
        if path.suffix == ".ipynb":
            env.note_dependency(str(path))
            for claim, by_case in _of_page(path, path.stat().st_mtime_ns):
                found.setdefault(claim, {}).update(by_case)
    return found


@lru_cache(maxsize=64)
def _of_page(path: Path, changed: int) -> list[tuple[str, dict]]:
    """The verdicts of an executed notebook; ``changed`` is the file's time."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    outputs = (output for cell in cells for output in cell.get("outputs", []))
    return [one for of in outputs for one in of.get("metadata", {}).get("verdicts", {}).items()]


def _entries(tested: bool) -> list[ledger.Entry]:
    return [one for one in ledger.entries() if (one.verdict != "not tested yet") == tested]


def _judged(found: list) -> tuple[str, list]:
    """A sentence that counts verdicts, and rows whose cell of the verdict says why as well."""
    at = HEADS["sources"].index(VERDICT)
    count = Counter(row[at] for row in found)
    said = ", ".join(f"{number} {reached}" for reached, number in count.most_common())
    rows = [
        (*row[:at], Html(_verdict(row[at]) + _small(row[at + 1])), *row[at + 2 :]) for row in found
    ]
    return f"{len(rows)} verdicts: {said}.", rows


def _verdict(word: str) -> str:
    """A verdict in its colour, which is that of the source's word for one of ours."""
    reached = next((reached for reached, ours in OURS.items() if ours == word), word)
    return verdict(reached).replace(f">{reached}<", f">{word}<")


def _what(entry: ledger.Entry) -> str:
    what = NAMES.get(entry.metric, entry.column if entry.metric == "count" else entry.metric)
    at = "" if entry.metric == "count" else f", {_at(entry)}"
    return html.escape(f"{entry.row}{at}: {what}")


def _published(entry: ledger.Entry) -> tuple[float, str]:
    """A number to sort by, and as its source prints it."""
    key = (entry.table, entry.row, entry.column, entry.metric)
    return entry.published, as_printed(entry.published, key)


def _claim(says: str, detail: str, more: list[str], summary: str = "how") -> Html:
    lines = "".join(f"<p>{line}</p>" for line in (html.escape(detail), *more))
    return Html(f"{says}<details><summary>{summary}</summary>{lines}</details>")


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
        return f"{mean / scale:.4g} {letter}"
    digits = DIGITS.get(entry.metric, 2 if mean % 1 else 0)
    spread = (
        f"<small>{number(low, digits)}&nbsp;to&nbsp;{number(high, digits)}</small>"
        if high > low
        else ""
    )
    return Html(number(mean, digits) + spread)


def load_math(app, doctree):
    """Have MathJax on a page whose formulas stand in HTML, of which Sphinx does not know."""
    if any('class="math' in node.astext() for node in doctree.findall(nodes.raw)):
        app.env.get_domain("math").data["has_equations"][app.env.docname] = True


def setup(app):
    app.add_directive("ledger", Ledger)
    app.add_role("verdict", VerdictRole())
    app.connect("doctree-read", load_math)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
