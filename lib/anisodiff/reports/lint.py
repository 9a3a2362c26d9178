"""The lint of typed numbers: what was measured or published reaches the prose through a role, never through a keyboard.

``python -m anisodiff.reports.lint`` prints a line for each number that is typed into the prose of the book, its tables
and formulas, or the texts of the YAML beside it, and exits with 1 where there is one. Found are

- a number, whole, decimal or in words, beside a measure (dB, PSNR, AP, ...) or a verb of results;
- every other decimal, but behind the name of a parameter, a version or a section, and of a size in bytes;
- a cell of a table that holds nothing but numbers, but in a column whose head names a parameter or a count.

What is found becomes a role, is said without the number, or is named in ALLOWED with a reason.
"""

import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import nbformat
import yaml

from ..data.provenance import ROOT

ALLOWED = {
    "rises somewhere by more than 0.01": "what counts as a rise of a function is chosen, not measured",
}
# Of the YAML; a `quote` is the source's own, and the bounds `above` and `below` are numbers by design.
TEXTS = {"says", "number", "control", "title", "why", "untested"}

ROLE, OTHER = "◆", "·"  # what stands for a role, and for all else that is no prose
NUMBER = r"(?<![\w.])[-+−]?(?:\d+(?:\.\d+)?|\.\d+)(?!\w*\d|\.+\d)"
DECIMAL = r"(?<![\w.])[-+−]?\d*\.\d+(?!\w*\d|\.+\d)"
WORD = (
    r"(?:half|(?:third|quarter|fifth|tenth|hundredth|thousandth)s?|one|two|three|four|five|six|seven|eight|nine"
    r"|ten|eleven|twelve|(?:twen|thir|for|fif|six|seven|eigh|nine)ty(?:-\w+)?)"
)
UNIT = r"(?:dB|decibels?)\b"
METRIC = (
    r"\b(?:dB|decibels?|PSNR|SSIM|LPIPS|AP|FID|Q|F|F1|F-scores?|precision|recall|correlation)\b"
)
VERB = r"\b(?:scores|reach(?:es|ed)?|gain(?:s|ed)?|lose[sd]?|lost)\b"
MORE = r"(?:above|below|better|worse|higher|lower|more|less)\b"
# "a PSNR of 27" and "a PSNR of 27 on BSD68", but not "the PSNR of 32 intervals"
ALONE = r"(?![\w-])(?!\)?\s(?:[KMG]\s)?(?!(?:dB|there|on|at|for|and|in|with|or|which)\b)[a-z×])"
RESULTS = (
    rf"{NUMBER}[\s*~(\[-]*{UNIT}",
    rf"(?<!{ROLE}\s)\b{WORD}(?:\sof)?(?:\san?)?[\s-]{UNIT}",
    rf"{VERB}\s(?:\w+\s)?an?\s(?:\w+\s)?{UNIT}|\ban?\s(?:\w+\s)?{UNIT}\s(?!below){MORE}",
    rf"{METRIC}(?:\)?\s*[=:]\s*|\s+|(?:[^.;|\d]|(?<=\w)\d){{0,40}}?\b(?:of|is|by|to|reaches|about|above|below|near)\s+)"
    rf"\**(?:{NUMBER}|{WORD}){ALONE}",
    rf"{VERB}\s(?:(?:about|nearly|almost)\s)?\**{NUMBER}{ALONE}",
    rf"(?:\b(?:about|nearly|almost|some|by|is|are)\s(?:{NUMBER}|{WORD})|{NUMBER}\s?%)\s{MORE}(?!\s\w+s\b)",
)

# What a number is that follows a parameter, and what names one.
NAMED = (
    r"(?:levels?|variances?|deviations?|rates?|thresholds?|tolerances?|steps?|strengths?|areas?|probability"
    r"|[Pp]ython|PyTorch|versions?|[Ss]ections?|[Tt]ables?|[Ff]igures?"
    r"|(?:sigma|tau|lambda|gamma|delta|mu|alpha|epsilon|[στλγδμαε])(?:_\w+)?|[pvaTKN](?=\s*=))"
)
VALUES = (
    rf"(?:{NUMBER},\s*{NUMBER}[\])]|{NUMBER}(?:(?:,\s*{NUMBER})*,?\s*(?:and|or|to|–)\s*{NUMBER})?)"
)
PARAMETERS = (
    rf"(?<![\w-]){NAMED}(?:[\s=≈<≤>:(\[]|(?:of|at|near|from|in)\s)+{VALUES}(?!\s*{UNIT})",
    rf"\b(?:noise|blur|pepper|inpainting)\sof\s{VALUES}(?!\s*{UNIT})",
    rf",\s(?:gaussian|poisson|salt-pepper|blur|inpainting)\s{NUMBER}\Z",  # as claims name a problem
    rf"{DECIMAL}\s*[KMG]B\b",
)
CELL = rf"[\s*~≈<>]*{NUMBER}(?:[\s\d.,±+−–()\[\]*%-]|and|to)*(?:{UNIT})?\s*"
HEAD = rf"(?i)\b(?:{NAMED}|images|crops|pixels|size|seeds?|year)\b"

# What is no prose: fences but those of directives that hold some, comments, roles, code and addresses.
INSIDE = r"(?:[^{0}\n]|\n(?!\s*\n))+"  # up to the delimiter, within the paragraph
FENCE = r"(?ms)^ *(`{3,}+|~{3,}+|:{3,}+)([^\n]*)\n(.*?)^ *\1 *$"
PROSE_FENCE = r" *\{(?:note|warning|tip|important|admonition|dropdown|margin|table|figure)\}"
NAMED_ROLE = r"\{[\w:-]+\}`[^`]+`"
CODE = rf"(?<!`)(`+)(?!\s*{NUMBER}\s*`){INSIDE.format('`')}\1(?!`)"  # a mere number is prose
ADDRESS = r"(?<=\])\([^)\s]*\)|<?https?://[^\s>]*>?"
COMMENT = r"(?s)<!--.*?-->"
FORMULA = rf"(?s)\$\$.*?\$\$|\$(?=\S){INSIDE.format('$')}\$"
# The value of a formula: alone in it, or last after a relation, with a unit or without.
VALUE = (
    r"(?:\A\$+|[=<>≈]|\\(?:approx|sim|simeq|leq?|geq?|pm)\b)\s*[-+−]?(?:\d+(?:\.\d+)?|\.\d+)"
    r"(?:\\[,;!]|[~\s])*(?:\\\w+\{\w+\})?[\s.,$]*\Z"
)
LATEX = r"\\(?:text|mathrm|operatorname|approx|simeq|sim)\b|\\[,;!]|[\\{}$~]"
# Between paragraphs, lines of a table, items of a list, headings.
BREAK = r"\n\s*\n|\n(?=\s*(?:[-*+|#:>]|\d+\.))"


class Text(NamedTuple):
    """A piece of prose: where it stands, the number of its first line there, what it says."""

    where: str
    line: int
    content: str


def texts(root: Path = ROOT) -> Iterator[Text]:
    """All that the lint reads: prose, a notebook's by its cells, and the texts of the YAML."""
    for path in [root / "README.md", root / "CHANGELOG.md", *sorted(root.glob("book/**/*.md"))]:
        yield Text(str(path.relative_to(root)), 1, path.read_text(encoding="utf-8"))
    for path in sorted(root.glob("notebooks/*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                yield Text(f"{path.relative_to(root)}[{cell.id}]", 1, cell.source)
    for path in (root / "data/claims.yml", root / "data/published.yml"):
        for node in _scalars(yaml.compose(path.read_text(encoding="utf-8"))):
            yield Text(str(path.relative_to(root)), node.start_mark.line + 1, node.value)


def typed_numbers(text: str) -> list[tuple[int, str]]:
    """The typed numbers of a Markdown text: the line of each, from 0, and the words around it."""
    prose = _prose(text)
    breaks = [0, *(match.end() for match in re.finditer(BREAK, prose)), len(prose)]
    spans = [
        match.span()
        for pattern in map(re.compile, (*RESULTS, DECIMAL))
        for start, stop in pairwise(breaks)
        for match in pattern.finditer(prose, start, stop)
    ]
    spans += [cell.span() for cell, chosen in _cells(prose) if not chosen]
    found, end = [], 0
    for start, stop in sorted(spans):
        if start >= end:  # else a part of what was found before
            words = text[max(0, start - 24) : stop + 16].split()
            found.append((text.count("\n", 0, start), " ".join(words)))
        end = max(end, stop)
    return found


def _scalars(node: yaml.Node, wanted: bool = False) -> Iterator[yaml.ScalarNode]:
    """The strings below the keys of TEXTS."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _scalars(value, wanted or key.value in TEXTS)
    elif wanted and node.tag == "tag:yaml.org,2002:str":
        yield node


def _prose(text: str) -> str:
    """The text with all else masked, character by character, so that places stay."""
    for phrase in ALLOWED:
        text = re.sub(r"\s+".join(map(re.escape, phrase.split())), _masked, text)
    text = re.sub(FENCE, _fence, text)
    text = re.sub(NAMED_ROLE, lambda match: _masked(match, ROLE), text)
    for pattern in (COMMENT, CODE, ADDRESS):
        text = re.sub(pattern, _masked, text)
    text = re.sub(FORMULA, lambda match: _formula(match.group()), text).replace("`", "*")
    for pattern in PARAMETERS:
        text = re.sub(pattern, _masked, text)
    for cell, chosen in list(_cells(text)):
        if chosen:
            text = text[: cell.start()] + _masked(cell) + text[cell.end() :]
    return text


def _masked(match: re.Match, by: str = OTHER) -> str:
    return re.sub(r"\S", by, match.group())


def _fence(match: re.Match) -> str:
    """A fence: that of a directive of prose holds its prose, one of mathematics is a formula, others are masked."""
    _, info, inside = match.groups()
    if not re.match(rf"{PROSE_FENCE}| *\{{math\}}", info):
        return _masked(match)
    inside = _formula(inside) if "math" in info else re.sub(FENCE, _fence, inside)
    start, end = (
        match[0][: match.start(3) - match.start()],
        match[0][match.end(3) - match.start() :],
    )
    return re.sub(r"\S", OTHER, start) + inside + re.sub(r"\S", OTHER, end)


def _formula(formula: str) -> str:
    """A formula in plain letters, its numbers masked but for the value that it gives."""
    value = re.search(VALUE, formula)
    end = value.start() if value else len(formula)
    plain = re.sub(r"[\d.]", OTHER, formula[:end]) + formula[end:]
    return re.sub(LATEX, lambda match: _masked(match, " "), plain)


def _cells(prose: str) -> Iterator[tuple[re.Match, bool]]:
    """The cells of tables that hold nothing but numbers, names of rows apart, and whether the head says: chosen."""
    head, end = [], -1
    for line in re.finditer(r"(?m)^ *\|.*$", prose):
        cells = list(
            re.compile(r"[^|]+").finditer(prose, line.start() + line[0].index("|"), line.end())
        )
        if line.start() > end + 1:
            head = [cell.group() for cell in cells]
            cells = []
        end = line.end()
        for at, cell in enumerate(cells):
            above = head[at] if at < len(head) else ""
            measured = re.search(METRIC, above)
            chosen = not measured and re.search(HEAD, above) and not re.search(r"\d", above)
            if re.fullmatch(CELL, cell.group()) and (chosen or measured or at):
                yield cell, bool(chosen)


def main(root: Path = ROOT) -> int:
    """Print what is found, a line each; 1 where there is anything, else 0."""
    found = [
        f"{text.where}:{text.line + line}: a number is typed: {words}"
        for text in texts(root)
        for line, words in typed_numbers(text.content)
    ]
    if found:
        print(*found, sep="\n")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
