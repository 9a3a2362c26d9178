"""Quotations as HTML: their formulas for MathJax, their emphasis and code as such."""

import html
import re

MARKED = re.compile(
    r"\$\$(?P<display>[^$]+)(?:\$\$)?|\$(?P<inline>[^$]+)\$|`(?P<code>[^`]+)`|\*\*(?P<bold>[^*]+)\*\*"
    r"|(?<![\w*])\*(?P<italic>[^\s*](?:[^*]*[^\s*])?)\*(?!\*)|(?P<bare>\\[a-z]+\{\w+\}(?:_\w)?)"
)
COMMAND = re.compile(r"\\(?:text|operatorname|begin|end)\{[^}]*\}|\\[A-Za-z]+")
WORDS = re.compile(r"[A-Za-z]{4,}")
LONG = 40  # characters of TeX: a longer formula scrolls within its cell
TAGS = {"code": "code", "bold": "b", "italic": "i"}


def marked(quote: str) -> str:
    """A quotation as HTML; one without a word is a formula as a whole."""
    if "$" not in quote and "\\" in quote and not WORDS.search(COMMAND.sub("", quote)):
        return formula(quote)
    parts, done = [], 0
    for found in MARKED.finditer(quote):
        parts.append(_plain(quote[done : found.start()]))
        text = found[found.lastgroup]
        tag = TAGS.get(found.lastgroup)
        parts.append(f"<{tag}>{marked(text)}</{tag}>" if tag else formula(text))
        done = found.end()
    return "".join((*parts, _plain(quote[done:])))


def _plain(text: str) -> str:
    """Text without marks, but for the bold and the italics that a source's table has in HTML."""
    return re.sub("&lt;(/?[bi])&gt;", r"<\1>", html.escape(text, quote=False))


def formula(tex: str) -> str:
    """A formula for MathJax."""
    scrolls = ' style="display: inline-block; max-width: min(15rem, 26vw); overflow: auto hidden"'
    return (
        f'<span class="math notranslate nohighlight"{scrolls * (len(tex) > LONG)}>'
        f"\\({html.escape(tex.strip(), quote=False)}\\)</span>"
    )
