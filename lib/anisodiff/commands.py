"""What each command of ``anisodiff`` does: a thin call into the library. ``asked`` holds its parsed arguments."""

import sys
import warnings
from pathlib import Path

ITSELF = "itself"  # in place of an image to adapt to


def restore(asked) -> int:
    """Restore an image or a folder; 1 where an image of a folder was not restored."""
    from .data import files

    if asked.input.is_dir():
        return _restore_folder(asked)
    if not asked.input.is_file():
        raise FileNotFoundError(f"there is no file {asked.input}")
    target = asked.output / asked.input.name if asked.output.is_dir() else asked.output
    if target.resolve() == asked.input.resolve():
        raise ValueError(
            f"{target} would be overwritten by its own restoration: choose another OUTPUT"
        )
    files.check_suffix(target)
    picture = files.read(asked.input)  # a bad file is refused before a model is loaded
    _restore_one(_restorer(asked), picture, target, asked)
    return 0


def _restore_folder(asked) -> int:
    from tqdm import tqdm

    from .data import files

    if asked.output.is_file() or asked.output.resolve() == asked.input.resolve():
        raise ValueError(f"INPUT is a folder, so OUTPUT must be another folder, not {asked.output}")
    sources = sorted(
        path
        for path in asked.input.iterdir()
        if path.suffix.lower() in files.SUFFIXES and path.is_file()
    )
    if not sources:
        raise FileNotFoundError(f"{asked.input} holds no image ({', '.join(files.SUFFIXES)})")
    restorer, failed = _restorer(asked), 0
    for source in tqdm(sources, desc=restorer.name, unit="image"):
        try:
            _restore_one(restorer, files.read(source), asked.output / source.name, asked)
        except (ValueError, OSError) as error:
            failed += 1
            with tqdm.external_write_mode(sys.stderr):
                tell(f"{source.name}: {line(error)}")
    if failed:
        tell(f"{failed} of {len(sources)} images were not restored")
    return 1 if failed else 0


def _restore_one(restorer, picture, target: Path, asked) -> None:
    import numpy as np

    from .data import files

    if asked.adapt == ITSELF:
        from .training import adaptation

        own = adaptation.own_result(restorer, picture.pixels)
        restorer = _adapted(asked, restorer, own, "internal")
    restored = restorer.restore(picture.pixels, rng=np.random.default_rng(asked.seed))
    files.write(target, picture.with_pixels(restored))


def _adapted(asked, restorer, image, kind: str):
    """The restorer after it went on learning from an image, on a copy."""
    from .training import adaptation

    rate = asked.rate
    if rate is None:
        rate = adaptation.SHARES[kind] * adaptation.trained_rate(restorer)
    adapting = adaptation.Adaptation(restorer, image, rate, asked.seed)
    steps, seconds = asked.steps, asked.seconds
    if steps is None:
        steps = adaptation.STEPS[kind] if seconds is None else sys.maxsize
    adapting.reach(steps, float("inf") if seconds is None else seconds)
    return adapting.restorer


def fit(asked) -> int:
    """Tune or train a model."""
    from .methods.device import chosen
    from .study import fitting, runs

    at = _problem(asked)
    run = runs.Run(asked.model, at.name, at.level, asked.profile, asked.seed)
    fitting.fit(run, chosen(asked.device))
    print(run.weights)
    return 0


def evaluate(asked) -> int:
    """Score a model on a collection."""
    import pandas as pd

    from .data import provenance
    from .metrics import statistics
    from .study import evaluation

    if asked.crop and asked.crop < evaluation.SMALLEST:
        raise ValueError(
            f"--crop is 0, for whole images, or at least {evaluation.SMALLEST} pixels a side, got {asked.crop}"
        )
    at = _problem(asked)
    rows = evaluation.evaluate(
        _load(asked),
        at,
        asked.collection,
        crop=asked.crop or None,
        seed=asked.seed,
        further=asked.perceptual,
    )
    if asked.csv:
        provenance.write_atomically(
            asked.csv, rows.to_csv(index=False, lineterminator="\n").encode()
        )
    found = {
        metric: statistics.mean_interval(group["value"], statistics.clusters(group))
        for metric, group in rows.groupby("metric", sort=False)
    }
    table = pd.DataFrame.from_dict(found, orient="index", columns=["mean", "low", "high"])
    images = rows["image"].nunique()
    print(f"{asked.model}, {at.name} {at.level:g}, {images} images of {asked.collection}")
    print(table.to_string(float_format="%.4f"))
    print(
        "low and high bound the mean with 95 % confidence;"
        " squares of one photograph and slices of one subject count as one"
    )
    return 0


def status(asked) -> int:
    """List what is not current; 0 where all is."""
    from .reports import status

    known = status.artefacts()
    found = status.examine(known, probing=asked.probe)
    print(status.summary(known, found))
    return 0 if all(state.word == "current" for state in found.values()) else 1


def make(asked) -> int:
    """Make one artefact."""
    from .reports import status

    status.make(asked.name)
    return 0


def last_word(asked) -> int:
    """Score a release on the sealed images."""
    from .reports import status
    from .study import last_word

    print(last_word.record(asked.release, status.examine(status.artefacts())))
    return 0


def plan(asked) -> int:
    """Write what is to be made, as JSON."""
    import json
    from datetime import UTC, datetime

    from .data import provenance
    from .reports import status

    found = status.plan()
    # With the time no two plans are the same: marks of what an earlier one made count for nothing.
    plan = {"planned": datetime.now(UTC).isoformat(), "before": found}
    provenance.write_atomically(asked.output, json.dumps(plan, indent=1).encode())
    print(f"{len(found)} artefacts are to be made")
    return 0


def models(asked) -> int:
    """List the models."""
    from .methods.diffusion.scheme import UnstableStep
    from .study import catalogue

    warnings.simplefilter(
        "ignore", UnstableStep
    )  # nothing is restored here; `main` puts the filters back
    names = catalogue.names()
    width = max(map(len, names))
    print(
        f"{'name':{width}}  parameters   PSNR  summary, and the levels that there are weights for"
    )
    for name in names:
        parameters, score, made = _facts(name)
        print(f"{name:{width}}  {parameters:>10}  {score:>5}  {catalogue.entry(name).summary}")
        for kind, levels in made.items():
            print(f"{'':{width + 21}}{kind} {' '.join(f'{level:g}' for level in levels)}")
    print(
        "\nPSNR: mean in dB on bsds500/val at gaussian 25, where it is recorded."
        "\nSuffixes: -option-1 has the exponential diffusivity of Perona and Malik instead of the rational one;"
        " -released is the released code's scheme; -tuned has its lambda and steps tuned; -blind is one for all levels"
        " of a degradation, as are all P1 functions and all with borders; -time gives the diffusion time too; -borders"
        " mixes two by the probability of a border, -true that of the clean image, -half one half everywhere;"
        " -free has no bound on g, and -flat is trained like that with one; -seed-N is trained from another seed;"
        " -intervals-N is a partition of N parts, -threshold-N takes steps above N gray levels for borders;"
        " -oracle is given the clean image."
    )
    return 0


def _facts(name: str) -> tuple[str, str, dict[str, list[float]]]:
    """Number of parameters and recorded PSNR of a model (a dash where there is none), and its weights' levels."""
    from .problems import PROBLEMS
    from .study import evaluation, restorers, runs

    made = {
        kind: levels for kind in PROBLEMS if (levels := restorers.levels_with_weights(name, kind))
    }
    first = next((runs.Run(name, kind, levels[0]) for kind, levels in made.items()), None)
    try:
        scores = evaluation.read_scores("bsds500/val", name, "gaussian")
        scores = scores.query("level == 25 and metric == 'psnr'")["value"]
    except FileNotFoundError:
        scores = ()
    parameters = f"{restorers.open_weights(first).parameters:,}" if first else "-"
    return parameters, f"{scores.mean():.2f}" if len(scores) else "-", made


def _problem(asked):
    from .problems import parse, problem

    return parse(asked.problem) if asked.problem else problem(asked.degradation, asked.level)


def _restorer(asked):
    """The method that is asked for, else the model, adapted where a related image is given."""
    from .methods.device import chosen
    from .study import restorers

    if asked.adapt is None:
        if (asked.seconds, asked.rate) != (None, None):
            raise ValueError("--seconds and --rate belong to --adapt")
    elif asked.method is not None:
        raise ValueError(f"--adapt changes a --model, not the denoiser of {asked.method}")
    if asked.method is None:
        if asked.denoiser is not None or (asked.adapt is None and asked.steps is not None):
            raise ValueError("--denoiser and --steps belong to a --method, or --steps to --adapt")
        return _to_be_adapted(asked) if asked.adapt else _load(asked)
    steps = {} if asked.steps is None else {"steps": asked.steps}
    given = asked.method, asked.denoiser, _problem(asked), chosen(asked.device)
    return restorers.solver(*given, **steps)


def _to_be_adapted(asked):
    """The model for noise of the level that is asked for, adapted to the related image unless that is itself."""
    from dataclasses import replace

    from .data import files

    for name, value in (("steps", asked.steps), ("seconds", asked.seconds)):
        if value is not None and not value >= 0:
            raise ValueError(f"--{name} must be at least 0, got {value:g}")
    related = None if asked.adapt == ITSELF else files.read(Path(asked.adapt))
    restorer = replace(_load(asked), problem=_problem(asked))
    return restorer if related is None else _adapted(asked, restorer, related.pixels, "external")


def _load(asked):
    from .methods.device import chosen
    from .study import restorers

    restorer = restorers.load(
        asked.model, problem=_problem(asked), seed=asked.seed, device=chosen(asked.device)
    )
    if not restorer.restores:
        raise ValueError(f"{asked.model} finds borders: it restores nothing")
    return restorer


def line(error: BaseException) -> str:
    """An error in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def tell(line: str) -> None:
    """Say a line on standard error, in the name of the program."""
    print(f"anisodiff: {line}", file=sys.stderr)
