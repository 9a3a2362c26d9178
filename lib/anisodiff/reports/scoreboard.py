"""Models beside each other as tables to sort, the best first: what each reaches, what it costs, what makes its row."""

import html

import numpy as np

from ..study import catalogue
from . import comparison, costs, names, records
from .pages.tables import Head, Html, copy, count, duration, number, signed, sortable

DIGITS = {"psnr": 2, "ssim": 3, "lpips": 3, "q": 1}


def scoreboard(collection: str, level: float, baseline: str) -> Html:
    """All models scored for Gaussian noise of a level on a collection, by PSNR, with what each costs."""
    heads = (
        "Model",
        Head("PSNR", better=1),
        Head(f"over {names.name(baseline)}", better=1),
        Head("SSIM", better=1),
        Head("LPIPS", better=-1),
        Head("Size", better=-1),
        Head("Time", better=-1),
        Head("Command"),
        Head("Kind", choose=True, more=True),
        Head("Operations", better=-1, more=True),
        Head("Training", better=-1, more=True),
    )
    order, gaps, cost = (
        comparison.ranked(collection, level),
        over(collection, level, baseline),
        costs.read(),
    )
    rows = []
    for model in order:
        what = cost.loc[model, level]
        evaluate = f"anisodiff evaluate {model} --level {level:g} --collection {collection}"
        rows.append(
            (
                model_cell(model),
                mean(model, "psnr", level, collection),
                gain(gaps, model, baseline),
                mean(model, "ssim", level, collection),
                mean(model, "lpips", level, collection),
                (what.parameters, count(what.parameters)),
                (what.seconds, duration(what.seconds)),
                copy(f"{evaluate} --crop 0 --perceptual"),
                comparison.kind(model),
                (what.operations, count(what.operations) if what.operations else "–"),
                (np.nan_to_num(what.training), duration(what.training)),
            )
        )
    images = len(comparison.scores(baseline, "psnr", level, collection))
    caption = (
        f"σ = {level:g}, {images} images: {names.collection(collection)}. PSNR in dB; n.s.: not"
        " significant. Size: learned or tuned numbers; K, M and G: thousands, millions and billions."
        " Time for 256 × 256 pixels and training on one core."
    )
    return Html(sortable(heads, rows, caption, sorted_by="PSNR"))


def elsewhere(collections: dict[str, str], models: list[str], level: float, baseline: str) -> Html:
    """Models on other collections, these by what they are called: PSNR over the baseline, and PSNR and SSIM."""
    gaps = {where: over(where, level, baseline) for where in collections}
    rows = []
    for model in models:
        cells = []
        for where, found in gaps.items():
            value, text = gain(found, model, baseline)
            psnr, ssim = (mean(model, metric, level, where)[1] for metric in ("psnr", "ssim"))
            cells.append((value, Html(f"{text}<small>{psnr} dB, {ssim}</small>")))
        rows.append((model_cell(model), *cells))
    heads = ("Model", *(Head(label, better=1) for label in collections.values()))
    caption = f"σ = {level:g}; PSNR over {names.name(baseline)} in dB, n.s.: not significant; small: PSNR, SSIM"
    return Html(sortable(heads, rows, caption))


def model_cell(model: str, here: str = "") -> Html:
    """A model by its readable name, linked to the page that explains it unless that is ``here``; its own as tooltip."""
    summary = html.escape(f"{model}: {catalogue.entry(model).summary}")
    return Html(f'<span title="{summary}">{names.link(model, here)}</span>')


def mean(model: str, metric: str, level: float, collection: str) -> tuple[float, str]:
    """A cell with a model's mean score."""
    value = comparison.scores(model, metric, level, collection).mean()
    return value, number(value, DIGITS[metric])


def over(collection: str, level: float, baseline: str):
    """:func:`comparison.over` a baseline of all models that are scored on a collection, in PSNR."""
    models = comparison.ranked(collection, level)
    values = comparison.together(models, "psnr", level, collection)
    clusters = records.clusters(values.index, collection)
    return comparison.over(values, clusters, baseline, comparison.deviations(level))


def gain(gaps, model: str, baseline: str) -> tuple[float, Html]:
    """A cell with a row of :func:`comparison.over`: its mean, below it the interval, and whether it is significant."""
    if model == baseline:
        return 0.0, Html("–")
    gap = gaps.loc[model]
    aside = "" if gap.significant else ", n.s."
    return gap["mean"], signed(gap[["mean", "low", "high"]], aside=aside)
