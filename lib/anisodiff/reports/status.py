"""All artefacts of the study, which of them are current, and what the others would cost."""

from collections import Counter

from ..borders import detection, human
from ..study import catalogue, evaluation, protocol, runs, store
from ..study.store import Artefact, State
from . import costs


def artefacts() -> dict[str, Artefact]:
    """Every artefact of the full protocol by its name; what one starts from comes before it."""
    found = [run.artefact() for run in runs.grid()]
    found += [evaluation.artefact(model, kind) for model, kind in catalogue.scored()]
    found += [evaluation.artefact(*one) for one in catalogue.further()]
    found += [protocol.artefact(), human.artefact()]
    found += [made for kind in catalogue.problems() for made in detection.artefacts(kind)]
    found.append(costs.artefact())
    ordered = {}
    for artefact in found:
        ordered |= {one.name: one for one in (*_ancestors(artefact), artefact)}
    return ordered


def _ancestors(artefact: Artefact) -> list[Artefact]:
    """All that it starts from, the first first."""
    return [found for one in artefact.starts_from for found in (*_ancestors(one), one)]


def examine(asked: dict[str, Artefact], probing: bool = False) -> dict[str, State]:
    """The state of each artefact; ``probing`` tries changed code and confirms what comes out the same."""
    look = store.settle if probing else store.state
    return {name: look(artefact) for name, artefact in asked.items()}


def summary(found: dict[str, State]) -> str:
    """What is not current, and why; how many there are of each state; the seconds that the others took last."""
    known = artefacts()
    lines = [
        f"{state.word:8} {name}: {state.why}"
        for name, state in found.items()
        if state.word != "current"
    ]
    counts = Counter(state.word for state in found.values())
    lines.append(", ".join(f"{count} {word}" for word, count in counts.most_common()))
    rest = [name for name, state in found.items() if not state.usable]
    if rest:
        seconds = sum(
            (store.read_record(known[name].path) or {}).get("seconds", 0) for name in rest
        )
        lines.append(f"to make them anew took {seconds / 3600:.1f} hours the last time: make paper")
    if counts["changed"]:
        lines.append(
            "where only code has changed, `anisodiff status --probe` tries whether it still does the same"
        )
    return "\n".join(lines)


def plan() -> dict[str, list[str]]:
    """What is to be made, each with those of the plan that come before it; code that changed is probed first."""
    known = artefacts()
    found = examine(known, probing=True)
    todo = [name for name, state in found.items() if state.word != "current"]
    before = {
        name: [one.name for one in known[name].starts_from if one.name in todo] for name in todo
    }
    if "scores/costs" in before:  # last, when the machine is quiet
        before["scores/costs"] = [name for name in todo if name != "scores/costs"]
    return before


def make(name: str) -> None:
    """Make one artefact unless it is current; ValueError for an unknown name."""
    known = artefacts()
    if name not in known:
        raise ValueError(f"there is no artefact {name!r}; `anisodiff status` lists them")
    if not store.is_current(known[name]):
        known[name].make()
