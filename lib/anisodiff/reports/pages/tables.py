"""Tables that a reader can sort and filter (book/_static/tables.js does it), as HTML."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

ARROWS = {  # of what is better, and the same for those who hear the page
    1: '&nbsp;<span role="img" aria-label="higher is better">↑</span>',
    -1: '&nbsp;<span role="img" aria-label="lower is better">↓</span>',
    0: "",
}


@dataclass(frozen=True)
class Head:
    """The head of a column: its text, whether ``better`` is higher (1) or lower (-1) or neither (0); ``choose``: rows
    can be picked by its texts; ``more``: hidden until a reader asks for all columns."""

    text: str
    better: int = 0
    choose: bool = False
    more: bool = False


def sortable(
    heads: Sequence[Head | str],
    rows: Sequence[Sequence],
    caption: str = "",
    sorted_by: str = "",
) -> str:
    """A table of cells that are text, numbers to sort by with their text as ``(number, text)``, or ready-made HTML.

    ``sorted_by`` names the column by which the rows are given, the best first. The first column and the heads stay in
    sight; where a head can be chosen by, there is a search field too.
    """
    heads = [head if isinstance(head, Head) else Head(head) for head in heads]
    head = "".join(_head(one, one.text == sorted_by) for one in heads)
    body = "".join(f"<tr>{''.join(map(_cell, row, heads))}</tr>" for row in rows)
    caption = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    table = f'<table class="table sortable">{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="pst-scrollable-table-container sorting">{table}</div>'


class Html(str):
    """Text that is HTML already."""


def verdict(reached: str) -> Html:
    """A verdict in its colour."""
    return Html(f'<span class="verdict {reached.replace(" ", "-")}">{reached}</span>')


def command(line: str) -> Html:
    """A command to read, with a button that copies it."""
    return Html(f"<code>{html.escape(line)}</code> {copy(line)}")


def copy(line: str) -> Html:
    """A button that copies a command."""
    line = html.escape(line)
    return Html(
        f'<button class="copy" data-copy="{line}" title="{line}" aria-label="Copy: {line}">Copy</button>'
    )


def number(value: float, digits: int = 2, sign: str = "") -> str:
    """A number as the book prints it: a true minus, no sign before a zero, thousands apart from 10,000 on."""
    grouped = "," if abs(value) >= 1e4 else ""
    text = f"{value:{sign}z{grouped}.{digits}f}"
    return text.lstrip("+") if float(text.replace(",", "")) == 0 else text.replace("-", "−")


def with_interval(interval: Sequence[float], digits: int = 2) -> Html:
    """A mean, and under it, small, low and high where they differ from it."""
    mean, low, high = (number(value, digits) for value in interval)
    spread = f"<br><small>{low}&nbsp;to&nbsp;{high}</small>" if low != high else ""
    return Html(f"<b>{mean}</b>{spread}")


def signed(interval: Sequence[float], digits: int = 2, aside: str = "") -> Html:
    """A difference, and under it, small, low and high and what is said aside."""
    mean, low, high = (number(value, digits, "+") for value in interval)
    return Html(f"{mean}<br><small>{low}&nbsp;to&nbsp;{high}{aside}</small>")


def count(value: float) -> str:
    """A large number by its thousands, millions or billions: ``31.4 K``."""
    for scale, letter in ((1e9, "G"), (1e6, "M"), (1e3, "K")):
        if value >= scale:
            return f"{value / scale:.3g} {letter}"
    return f"{value:.3g}"


def duration(seconds: float) -> str:
    """Seconds in the unit that suits them; a dash where the time is not known (NaN)."""
    if math.isnan(seconds):
        return "–"
    if seconds >= 90:
        return f"{seconds / 60:.0f} min"
    return f"{seconds:.1f} s" if seconds >= 0.95 else f"{1e3 * seconds:.0f} ms"


def _head(head: Head, is_sorted: bool) -> str:
    marks = " data-choose" * head.choose + f' data-better="{head.better}"' * (head.better != 0)
    marks += ' class="more"' * head.more
    if is_sorted:
        marks += f' aria-sort="{"ascending" if head.better < 0 else "descending"}"'
    return f'<th scope="col"{marks}>{html.escape(head.text)}{ARROWS[head.better]}</th>'


def _cell(content, head: Head) -> str:
    kinds, value = ["more"] * head.more, ""
    if isinstance(content, tuple):
        number, content = content
        kinds.insert(0, "number")
        value = f' data-value="{number:.6g}"'
    kinds = f' class="{" ".join(kinds)}"' if kinds else ""
    return f"<td{kinds}{value}>{_text(content)}</td>"


def _text(content: str) -> str:
    return content if isinstance(content, Html) else html.escape(str(content))
