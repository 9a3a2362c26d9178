"""All artefacts of the study, which of them are current, and what the others would cost."""

from collections import Counter

from ..borders import human, recorded
from ..study import catalogue, evaluation, protocol, runs, store
from ..study.store import Artefact, State
from . import (
    adaptation,
    budgets,
    conventions,
    costs,
    critics,
    kernels,
    langevin,
    latent,
    plug_and_play,
    proposals,
    pscgan,
    similarity,
    stochastic_denoiser,
    super_resolution,
    svd_samplers,
    timing,
    zebra,
)


def artefacts() -> dict[str, Artefact]:
    """Every artefact of the full protocol by its name; what one starts from comes before it."""
    found = [run.artefact() for run in runs.grid()]
    found += [evaluation.artefact(model, kind) for model, kind in catalogue.scored()]
    found += [evaluation.artefact(*one) for one in (*catalogue.further(), *catalogue.retrained())]
    found.append(protocol.artefact())
    if catalogue.protocol()["collection"].startswith("bsds500/"):  # where people have drawn borders
        found.append(human.artefact())
    found += [made for kind in catalogue.problems() for made in recorded.artefacts(kind)]
    if conventions.COLLECTION in catalogue.study()["further"]["collections"]:
        found += [conventions.artefact(), zebra.artefact()]  # of the same photographs
    found.append(costs.artefact())
    if "tnrd" in catalogue.names():
        found.append(timing.artefact())
    if "drunet-lite" in catalogue.names():  # the engine of these pages
        of_pages = (plug_and_play, super_resolution, kernels, svd_samplers, adaptation, similarity)
        found += [
            page.artefact()
            for page in (
                *of_pages,
                stochastic_denoiser,
                langevin,
                pscgan,
                proposals,
                latent,
                critics,
            )
        ]
    if budgets.compared("pixels"):
        found.append(budgets.artefact())
    ordered = {}

    def enter(artefact: Artefact) -> None:
        if artefact.name not in ordered:
            for ancestor in artefact.starts_from:
                enter(ancestor)
            ordered[artefact.name] = artefact

    for artefact in found:
        enter(artefact)
    return ordered


def examine(asked: dict[str, Artefact], probing: bool = False) -> dict[str, State]:
    """The state of each artefact; ``probing`` tries changed code and confirms what comes out the same."""
    look = store.Look(probing)
    return {name: look.at(artefact) for name, artefact in asked.items()}


def summary(asked: dict[str, Artefact], found: dict[str, State]) -> str:
    """What is not current, and why; how many there are of each state; the time that making the others took last."""
    lines = [
        f"{state.word:8} {name}: {state.why}"
        for name, state in found.items()
        if state.word != "current"
    ]
    counts = Counter(state.word for state in found.values())
    lines.append(", ".join(f"{count} {word}" for word, count in counts.most_common()))
    rest = [name for name, state in found.items() if not state.usable]
    if rest:
        took = [(store.read_record(asked[name].path) or {}).get("seconds") for name in rest]
        hours = sum(seconds or 0 for seconds in took) / 3600
        never = f" ({took.count(None)} were never made)" if None in took else ""
        lines.append(f"to make them anew took {hours:.1f} hours the last time{never}: make paper")
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
    clocked = [
        one.name
        for one in (costs.artefact(), budgets.artefact(), timing.artefact())
        if one.name in before
    ]
    for at, name in enumerate(clocked):  # last and one by one, when the machine is quiet
        before[name] = [other for other in todo if other not in clocked[at:]]
    return before


def make(name: str) -> None:
    """Make one artefact unless it is current; ValueError for an unknown name."""
    known = artefacts()
    if name not in known:
        raise ValueError(f"there is no artefact {name!r}; `anisodiff status` lists them")
    if not store.is_current(known[name]):
        known[name].make()
