"""The command line ``anisodiff``: its arguments, and its errors in one line."""

import argparse
import signal
import sys
import warnings
from pathlib import Path

from . import commands


class Terminated(KeyboardInterrupt):
    """A scheduler, or somebody, asked the process to end."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when all went well, 1 when a file of a folder did not, 2 for an error, printed in one line."""
    asked = _parser().parse_args(arguments)
    before = signal.signal(signal.SIGTERM, _terminate)
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: commands.tell(f"warning: {message}")
        try:
            return asked.command(asked)
        except (ValueError, OSError, RuntimeError, MemoryError) as error:
            commands.tell(commands.line(error))
            return 2
        except Terminated:
            commands.tell("terminated")
            return 143
        except KeyboardInterrupt:
            commands.tell("interrupted")
            return 130
        finally:
            signal.signal(signal.SIGTERM, before)


def _terminate(*_) -> None:
    raise Terminated


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="anisodiff", description="Restore images with learned diffusion."
    )
    added = parser.add_subparsers(required=True, metavar="COMMAND")

    restore = _command(
        added, commands.restore, "restore", "restore a degraded image, or all images of a folder"
    )
    restore.add_argument(
        "input",
        type=Path,
        metavar="INPUT",
        help="an image (PNG, JPEG, TIFF, WebP, .npy, ...), or a folder of them",
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
    restore.add_argument(
        "--method",
        metavar="NAME",
        help="solve the problem by this in place of a model: pnp-hqs, red-fixed-point, ...",
    )
    restore.add_argument(
        "--denoiser", metavar="MODEL", help="the denoiser that such a method is to use"
    )
    restore.add_argument(
        "--adapt",
        metavar="IMAGE",
        help="adapt the model first: to a clean image like INPUT, or, for the word itself, to its own result",
    )
    restore.add_argument(
        "--steps", type=int, help="of such a method or adaptation (default: its own)"
    )
    restore.add_argument(
        "--seconds", type=float, help="of learning, after which an adaptation stops (default: none)"
    )
    restore.add_argument(
        "--rate", type=float, help="of an adaptation (default: a part of that of the training)"
    )
    _what(restore)

    fit = _command(
        added,
        commands.fit,
        "fit",
        "tune or train a model, unless its weights are there and current",
    )
    fit.add_argument("model", metavar="NAME", help="name of a model")
    _what(fit)
    fit.add_argument(
        "--profile",
        default="paper",
        help="budget: smoke, quick or paper (default: %(default)s, whose weights the other commands take)",
    )

    evaluate = _command(
        added, commands.evaluate, "evaluate", "score a model on a collection of images"
    )
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

    _command(added, commands.models, "models", "list the models, their weights and their scores")

    status = _command(
        added,
        commands.status,
        "status",
        "list what is stale and why; 0 where all is current, else 1",
    )
    status.add_argument(
        "--probe",
        action="store_true",
        help="where code has changed, try whether it still does the same",
    )

    plan = _command(
        added,
        commands.plan,
        "plan",
        "write what `make paper` is to make, and in which order, as JSON",
    )
    plan.add_argument("output", type=Path, metavar="OUTPUT", help="file to write")

    make = _command(
        added, commands.make, "make", "make one artefact of the study, unless it is current"
    )
    make.add_argument("name", metavar="NAME", help="as `anisodiff status` names it")

    last_word = _command(
        added,
        commands.last_word,
        "last-word",
        "score a release, once, on the images that nothing was ever chosen by",
    )
    last_word.add_argument("release", metavar="RELEASE", help="its name, such as 1.0.0")
    return parser


def _command(added, run, name: str, summary: str) -> argparse.ArgumentParser:
    command = added.add_parser(
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
