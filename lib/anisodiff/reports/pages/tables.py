"""Tables that a reader can sort and filter (book/_static/tables.js does it), as HTML."""

import html
import math
from collections.abc import Sequence


def sortable(
    heads: Sequence[str], rows: Sequence[Sequence], caption: str = "", choose: Sequence[str] = ()
) -> str:
    """A table of cells that are text, numbers to sort by with their text as ``(number, text)``, or ready-made HTML.

    ``choose`` names the columns by whose texts rows can be picked; with any of them there is a search field too.
    """
    head = "".join(
        f"<th{' data-choose' * (name in choose)}>{html.escape(name)}</th>" for name in heads
    )
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    caption = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    table = f'<table class="table sortable">{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="pst-scrollable-table-container">{table}</div>'


class Html(str):
    """Text that is HTML already."""


def verdict(reached: str) -> Html:
    """A verdict in its colour."""
    return Html(f'<span class="verdict {reached.replace(" ", "-")}">{reached}</span>')


def command(line: str) -> Html:
    """A command to copy."""
    return Html(
        f'<button class="command" title="Copy this command"><code>{html.escape(line)}</code></button>'
    )


def number(value: float, digits: int = 2, sign: str = "") -> str:
    """A number as the book prints it, with a true minus."""
    return f"{value:{sign}z.{digits}f}".replace("-", "−")


def with_interval(interval: Sequence[float], digits: int = 2) -> Html:
    """A mean, and under it, small, low and high where they differ from it."""
    mean, low, high = (number(value, digits) for value in interval)
    spread = f"<br><small>{low}&nbsp;to&nbsp;{high}</small>" if low != high else ""
    return Html(f"<b>{mean}</b>{spread}")


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


def _cell(content) -> str:
    if isinstance(content, tuple):
        value, text = content
        return f'<td class="number" data-value="{value:.6g}">{_text(text)}</td>'
    return f"<td>{_text(content)}</td>"


def _text(content: str) -> str:
    return content if isinstance(content, Html) else html.escape(str(content))
