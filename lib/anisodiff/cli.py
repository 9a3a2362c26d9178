"""The command line ``anisodiff``: each command is a thin call into the library."""

import argparse
import sys
import warnings
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when all went well, 1 when a file of a folder did not, 2 for an error, printed in one line."""
    asked = _parser().parse_args(arguments)
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: _tell(f"warning: {message}")
        try:
            return asked.command(asked)
        except (ValueError, OSError, RuntimeError, MemoryError) as error:
            _tell(_line(error))
            return 2
        except KeyboardInterrupt:
            _tell("interrupted")
            return 130


def _restore(asked) -> int:
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
    _restore_one(_load(asked), picture, target)
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
    restorer, failed = _load(asked), 0
    for source in tqdm(sources, desc=asked.model, unit="image"):
        try:
            _restore_one(restorer, files.read(source), asked.output / source.name)
        except (ValueError, OSError) as error:
            failed += 1
            with tqdm.external_write_mode(sys.stderr):
                _tell(f"{source.name}: {_line(error)}")
    if failed:
        _tell(f"{failed} of {len(sources)} images were not restored")
    return 1 if failed else 0


def _restore_one(restorer, picture, target: Path) -> None:
    from .data import files

    files.write(target, picture.with_pixels(restorer.restore(picture.pixels)))


def _fit(asked) -> int:
    from .methods.device import chosen
    from .study import fitting, runs

    at = _problem(asked)
    run = runs.Run(asked.model, at.name, at.level, asked.profile, asked.seed)
    fitting.fit(run, chosen(asked.device))
    print(run.weights)
    return 0


def _evaluate(asked) -> int:
    import pandas as pd

    from .data import provenance
    from .metrics.statistics import mean_interval
    from .study import evaluation

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
    groups = rows.groupby("metric", sort=False)["value"]
    found = {metric: mean_interval(values) for metric, values in groups}
    table = pd.DataFrame.from_dict(found, orient="index", columns=["mean", "low", "high"])
    images = rows["image"].nunique()
    print(f"{asked.model}, {at.name} {at.level:g}, {images} images of {asked.collection}")
    print(table.to_string(float_format="%.4f"))
    print("low and high bound the mean with 95 % confidence (bootstrap over the images)")
    return 0


def _status(asked) -> int:
    from .reports import status

    known = status.artefacts()
    found = status.examine(known, probing=asked.probe)
    print(status.summary(known, found))
    return 0 if all(state.word == "current" for state in found.values()) else 1


def _make(asked) -> int:
    from .reports import status

    status.make(asked.name)
    return 0


def _last_word(asked) -> int:
    from .reports import status
    from .study import last_word

    print(last_word.record(asked.release, status.examine(status.artefacts())))
    return 0


def _plan(asked) -> int:
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


def _models(asked) -> int:
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


def _load(asked):
    from .methods.device import chosen
    from .study import restorers

    restorer = restorers.load(
        asked.model, problem=_problem(asked), seed=asked.seed, device=chosen(asked.device)
    )
    if not restorer.restores:
        raise ValueError(f"{asked.model} finds borders: it restores nothing")
    return restorer


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _tell(line: str) -> None:
    print(f"anisodiff: {line}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="anisodiff", description="Restore images with learned diffusion."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    restore = _command(
        commands, _restore, "restore", "restore a degraded image, or all images of a folder"
    )
    restore.add_argument(
        "input",
        type=Path,
        metavar="INPUT",
        help="PNG, JPEG, TIFF or .npy (0..255), or a folder of them",
    )
    restore.add_argument(
        "output",
        type=Path,
        metavar="OUTPUT",
        help="file or folder to write; its suffix says what kind",
    )
    restore.add_argument(
        "--model", default="perona-malik", help="name of a model (default: %(default)s)"
    )
    _what(restore)

    fit = _command(
        commands, _fit, "fit", "tune or train a model, unless its weights are there and current"
    )
    fit.add_argument("model", metavar="NAME", help="name of a model")
    _what(fit)
    fit.add_argument(
        "--profile",
        default="paper",
        help="budget: smoke, quick or paper (default: %(default)s, whose weights the other commands take)",
    )

    evaluate = _command(commands, _evaluate, "evaluate", "score a model on a collection of images")
    evaluate.add_argument("model", metavar="NAME", help="name of a model")
    _what(evaluate)
    evaluate.add_argument(
        "--collection", default="shipped/test", help="images to score on (default: %(default)s)"
    )
    evaluate.add_argument(
        "--crop",
        type=int,
        default=256,
        help="side of the centred crop; 0: whole images (default: 256)",
    )
    evaluate.add_argument(
        "--perceptual",
        action="store_true",
        help="LPIPS and Q beside PSNR and SSIM, instead of what the model chose",
    )
    evaluate.add_argument("--csv", type=Path, help="write the score of each image here")

    _command(commands, _models, "models", "list the models, their weights and their scores")

    status = _command(
        commands, _status, "status", "list what is stale and why; 0 where all is current, else 1"
    )
    status.add_argument(
        "--probe",
        action="store_true",
        help="where code has changed, try whether it still does the same",
    )

    plan = _command(
        commands, _plan, "plan", "write what `make paper` is to make, and in which order, as JSON"
    )
    plan.add_argument("output", type=Path, metavar="OUTPUT", help="file to write")

    make = _command(commands, _make, "make", "make one artefact of the study, unless it is current")
    make.add_argument("name", metavar="NAME", help="as `anisodiff status` names it")

    last_word = _command(
        commands,
        _last_word,
        "last-word",
        "score a release, once, on the images that nothing was ever chosen by",
    )
    last_word.add_argument("release", metavar="RELEASE", help="its name, such as 1.0.0")
    return parser


def _command(commands, run, name: str, summary: str) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}."
    )
    command.set_defaults(command=run)
    return command


def _what(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--degradation", default="gaussian", help="the problem (default: %(default)s)"
    )
    command.add_argument(
        "--problem",
        metavar="NAME[,VALUE][,PARAMETER=VALUE]",
        help="the same in one word: blur,variance=4,sigma=2",
    )
    command.add_argument(
        "--device", help="cpu, cuda, mps or auto (default: ANISODIFF_DEVICE, else cpu)"
    )
    command.add_argument(
        "--level",
        type=float,
        default=25,
        help="how strongly, in its own unit (default: %(default)s)",
    )
    command.add_argument(
        "--seed",
        type=int,
        default=0,
        help="of the training, and of the noise (default: %(default)s)",
    )


if __name__ == "__main__":
    sys.exit(main())
