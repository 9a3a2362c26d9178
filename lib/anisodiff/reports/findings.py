"""What the sources say in words, each sentence with a test, a control, and a verdict that is computed.

``data/claims.yml`` is the format's home. A claim names a number that a page measures and a bound. Its control is the
same number without the thing that is claimed: where the control passes as well, the test tells nothing apart.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import yaml

from ..data.provenance import ROOT
from .claims import pick

CLAIMS = ROOT / "data/claims.yml"
NEEDED = {"page", "number", "control"}

Interval = tuple[float, float, float]


class Verdict(NamedTuple):
    """A word of the ledger, and in a few words why."""

    word: str
    why: str


@cache
def everything(file: Path = CLAIMS) -> dict:
    """All of the file: ``words``, ``sources``, ``claims`` (theirs), ``ours``.

    Raises ValueError, naming it, for a claim that is not of the format.
    """
    found = yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)
    for name, claim in (found["claims"] | found["ours"]).items():
        needed = NEEDED | ({"says"} if name in found["ours"] else {"quote", "source", "place"})
        missing = sorted(needed - claim.keys())
        if missing or len({"above", "below"} & claim.keys()) != 1:
            raise ValueError(
                f"{file.name}: claim {name!r} lacks {', '.join(missing) or 'one of above and below'}"
            )
        if claim.get("source") not in (None, *found["sources"]):
            raise ValueError(
                f"{file.name}: claim {name!r} has an unknown source {claim['source']!r}"
            )
        bound(claim, found["words"])
    return found


def findings(file: Path = CLAIMS) -> dict:
    """The claims of the sources, and then this study's own, by name."""
    found = everything(file)
    return found["claims"] | found["ours"]


def cases(claim: dict) -> list[str]:
    """The cases of a claim, of which each has its verdict; one without a name where there is but one."""
    return [str(case) for case in claim.get("cases", [""])]


def bound(claim: dict, words: dict) -> float:
    """What a claim's number is held against: a number, or a word of the scale with its measure, ``noticeable psnr``.

    Raises UnknownNumber for a word or a measure that the scale does not have.
    """
    return _number(claim.get("above", claim.get("below")), words)


def _number(given: float | str, words: dict) -> float:
    if not isinstance(given, str):
        return float(given)
    sign, given = (-1, given[1:]) if given.startswith("-") else (1, given)
    word, _, measure = given.partition(" ")
    scale = pick(words, word, "word", "the scale of words")
    return sign * float(pick(scale, measure, "measure", word))


def held_against(claim: dict) -> str:
    """The bound in words: ``above 0.1 (noticeable)``."""
    side = "above" if "above" in claim else "below"
    at = f"{side} {bound(claim, everything()['words']):g}".replace("-", "−")
    return f"{at} ({claim[side].lstrip('-').split()[0]})" if isinstance(claim[side], str) else at


def said(claim: dict) -> str:
    """What a claim says: in our words, the source's, or both where a quotation alone says too little."""
    quoted = f"“{claim['quote']}”" if "quote" in claim else ""
    return ": ".join(filter(None, (claim.get("says", ""), quoted)))


def place(claim: dict) -> str:
    """Where a sentence stands, in words; of this study's own claims that they are."""
    if "source" not in claim:
        return "this study's own"
    return f"{everything()['sources'][claim['source']]['name']}, {claim['place']}"


def verdict(name: str, interval: Interval, control: Interval | None = None) -> Verdict:
    """A claim against mean, low and high of its number and of its control's.

    ``reproduced`` where the whole interval is beyond the bound and the control's mean is not; ``undecided`` where the
    bound lies within the interval, or where the control passes as well; ``contradicted`` where all of the interval is
    beyond the claim's ``opposite``, else ``not reproduced``. ``control`` may be left out where the claim gives its
    value (``control_value``: what it is by construction).

    Raises UnknownNumber for a claim that is not there, ValueError for what is no interval, and for a control that is
    neither given nor known.
    """
    claim, words = pick(findings(), name, "claim", CLAIMS.name), everything()["words"]
    if control is None:
        if "control_value" not in claim:
            raise ValueError(f"claim {name!r}: its control is not given: {claim['control']}")
        control = (float(claim["control_value"]),) * 3
    for what, (mean, low, high) in (("", interval), ("control, ", control)):
        if not low <= mean <= high:
            raise ValueError(
                f"claim {name!r}: {what}low <= mean <= high does not hold for {low}, {mean}, {high}"
            )
    sign, at = (1 if "above" in claim else -1), bound(claim, words)
    low, high = sorted((sign * interval[1], sign * interval[2]))
    if low > sign * at:
        if sign * control[0] > sign * at:
            return Verdict("undecided", f"the control passes as well: {claim['control']}")
        return Verdict("reproduced", "all of the interval is beyond the bound, the control is not")
    if high > sign * at:
        return Verdict("undecided", "the bound lies within the interval")
    if "opposite" in claim and high < sign * _number(claim["opposite"], words):
        return Verdict("contradicted", "the opposite was measured")
    return Verdict("not reproduced", "none of the interval is beyond the bound")
