"""What adaptation to one image brought: gains by denoiser and image, of the recorded table."""

import pandas as pd

from ..metrics.statistics import regression
from .adaptation import BRIEF, FOREIGN, KEPT, LONG, MODELS, SOURCES, STARTED


def starts(table: pd.DataFrame) -> pd.DataFrame:
    """``before``, ``after`` and ``gain`` in dB by source and model, of BRIEF and the first of MODELS."""
    rows = table[table.use.isin(("start", "course")) & table.model.isin((BRIEF, MODELS[0]))]
    found = []
    for kind, names in STARTED.items():
        for (source, model), own in rows[rows.kind == kind].groupby(["source", "model"]):
            if source in names:
                of = own[own.image == SOURCES[source].tests[0]].set_index("step").psnr
                row = {"before": of[0], "after": of[KEPT[kind][-1]]}
                found.append({"source": source, "model": model, **row})
    found = pd.DataFrame(found).set_index(["source", "model"])
    return found.assign(gain=found.after - found.before)


def gains(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Of the courses ``before``, ``after`` and ``gain`` in dB at the last of the KEPT steps, by model, source and
    image: all images that were scored."""
    rows = table[(table.use == "course") & (table.kind == kind)]
    keys = ["model", "source", "image"]
    first, last = (rows[rows.step == step].set_index(keys).psnr for step in (0, KEPT[kind][-1]))
    return pd.DataFrame({"before": first, "after": last, "gain": last - first}).sort_index()


def foreign(table: pd.DataFrame) -> pd.DataFrame:
    """Of the external :func:`gains` those on images off the training's statistics, after adaptation to their relative;
    ``unrelated`` is the gain on the same image after adaptation to a photograph."""
    found = gains(table, "external")
    mine = [name in FOREIGN and image in SOURCES[name].tests for _, name, image in found.index]
    unrelated = found.xs("photographs", level="source").gain
    own = found[mine]
    return own.assign(unrelated=unrelated.loc[own.index.droplevel("source")].to_numpy())


def on_photographs(table: pd.DataFrame) -> pd.DataFrame:
    """Of the external :func:`gains` those on the photographs, whatever was adapted to."""
    found = gains(table, "external")
    return found[found.index.isin(SOURCES["photographs"].tests, level="image")]


def apart(found: pd.DataFrame, column: str, first: str, second: str) -> pd.Series:
    """The number of one model minus that of another, by image."""
    one, other = (found[column].xs(model, level="model") for model in (first, second))
    return (one - other).droplevel("source")


def overfitting(table: pd.DataFrame, model: str) -> pd.DataFrame:
    """PSNR of the half that is learned from, ``learned``, and of the other one, ``other``, by step, of LONG."""
    case = SOURCES[LONG[0]]
    rows = table[(table.use == "course") & (table.kind == "external") & (table.model == model)]
    rows = rows[rows.source == LONG[0]].pivot(index="step", columns="image", values="psnr")
    return pd.DataFrame({"learned": rows[case.train], "other": rows[case.tests[0]]})


def by_step(table: pd.DataFrame, model: str, kind: str, source: str) -> pd.Series:
    """Mean gain in dB on the source's images by step."""
    rows = table[(table.use == "course") & (table.kind == kind) & (table.model == model)]
    rows = rows[(rows.source == source) & rows.image.isin(SOURCES[source].tests)]
    means = rows[rows.step <= KEPT[kind][-1]].groupby("step").psnr.mean()
    return means - means.loc[0]


def correlation(gain: pd.Series, other: pd.Series) -> tuple[float, float, float]:
    """Pearson's correlation of two numbers an image, paired by the image, with its 95 % interval over the images."""
    x, y = (of.loc[gain.index].to_numpy(float)[:, None] for of in (other, gain))
    return regression(x, y).correlation
