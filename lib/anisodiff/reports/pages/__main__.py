"""``python -m anisodiff.reports.pages``: run a page, or run it with other parameters and compare it with the book's;
record the numbers of all pages, or say which have moved since they were recorded."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import nbformat

from ...data.provenance import ROOT
from . import drift, numbers
from .comparing import as_markdown, as_text, compare
from .parameters import ParameterError, unknown
from .running import PageError, parameters_of, run


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m anisodiff.reports.pages", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for command, does in {
        "run": "execute a page",
        "compare": "execute a page beside the book's",
        "record": "record the numbers of all executed pages in data/numbers.csv",
        "drift": "say which numbers of the executed pages have moved since they were recorded",
    }.items():
        one = commands.add_parser(command, help=does)
        one.add_argument(
            "--root", type=Path, default=ROOT, help="checkout to work in (default: this one)"
        )
        if command in ("compare", "drift"):
            one.add_argument(
                "--summary",
                type=Path,
                default=os.environ.get("GITHUB_STEP_SUMMARY"),
                help="file to which the differences are added as Markdown (default: $GITHUB_STEP_SUMMARY, if set)",
            )
        if command == "drift":
            one.add_argument("--issue", type=Path, help="file that is written if any has moved")
        if command in ("run", "compare"):
            one.add_argument("page", help="name of a notebook in notebooks/")
            one.add_argument(
                "-p",
                dest="parameters",
                nargs=2,
                action="append",
                default=[],
                metavar=("NAME", "VALUE"),
            )
            one.add_argument(
                "--profile", choices=("smoke", "quick", "paper"), help="budget of the run"
            )
        if command == "run":
            one.add_argument(
                "--token", default="", help="what it is made from, as the pipeline says"
            )
            one.add_argument(
                "--output", type=Path, required=True, help="where the executed notebook goes"
            )
    given = parser.parse_args(arguments)
    given.root = given.root.resolve()
    try:
        COMMANDS[given.command](given)
    except (ParameterError, PageError, FileNotFoundError) as error:
        sys.exit(str(error))


def _run(given: argparse.Namespace) -> None:
    run(given.page, given.output, _parameters(given), given.root, token=given.token)


def _compare(given: argparse.Namespace) -> None:
    asked = _parameters(given)
    book = given.root / f"_build/source/notebooks/{given.page}.ipynb"
    if not book.exists():
        raise PageError(
            f"the book has no run of page {given.page} yet; 'make page PAGE={given.page}' makes it"
        )
    folder = given.root / "_build/compare"
    page = nbformat.read(book, as_version=4)
    values = page.metadata["anisodiff"]["parameters"] | asked
    run(given.page, folder / f"{given.page}.ipynb", values, given.root, echo=sys.stderr)
    found = compare(given.page, book, folder / f"{given.page}.ipynb", folder / f"{given.page}.html")
    print(as_text(found))
    print(f"tables and figures side by side: {folder / given.page}.html")
    said = ", ".join(f"{name} = {value!r}" for name, value in asked.items()) or "the same"
    _add(given.summary, as_markdown(given.page, said, found, numbers.captions(page)))


def _record(given: argparse.Namespace) -> None:
    path = numbers.record(given.root)
    print(f"{len(numbers.recorded(given.root))} numbers recorded in {path}")


def _drift(given: argparse.Namespace) -> None:
    found = drift.everywhere(given.root)
    print(drift.as_text(found))
    _add(given.summary, drift.as_markdown(found))
    if given.issue and len(drift.moved(found)):
        _add(given.issue, drift.as_markdown(found))


def _add(summary: Path | None, text: str) -> None:
    if summary:
        with summary.open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")


def _parameters(given: argparse.Namespace) -> dict[str, Any]:
    known = parameters_of(given.page, given.root)
    words = dict(given.parameters) | ({"profile": given.profile} if given.profile else {})
    for name, word in words.items():
        if name not in known:
            raise unknown(name, word, known)
    return {name: known[name].read(word) for name, word in words.items()}


COMMANDS = {"run": _run, "compare": _compare, "record": _record, "drift": _drift}

if __name__ == "__main__":
    main()
