"""``python -m anisodiff.reports.pages``: run a page, or run it with other parameters and compare it with the book's."""

import argparse
import sys
from pathlib import Path
from typing import Any

import nbformat

from ...data.provenance import ROOT
from .comparing import compare
from .parameters import ParameterError, unknown
from .running import PageError, parameters_of, run


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m anisodiff.reports.pages", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for command, does in {
        "run": "execute a page",
        "compare": "execute a page beside the book's",
    }.items():
        one = commands.add_parser(command, help=does)
        one.add_argument("page", help="name of a notebook in notebooks/")
        one.add_argument(
            "-p", dest="parameters", nargs=2, action="append", default=[], metavar=("NAME", "VALUE")
        )
        one.add_argument("--profile", choices=("smoke", "quick", "paper"), help="budget of the run")
        one.add_argument(
            "--root", type=Path, default=ROOT, help="checkout to work in (default: this one)"
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
        _run(given) if given.command == "run" else _compare(given)
    except (ParameterError, PageError) as error:
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
    same = nbformat.read(book, as_version=4).metadata["anisodiff"]["parameters"]
    run(given.page, folder / f"{given.page}.ipynb", same | asked, given.root, echo=sys.stderr)
    table = compare(given.page, book, folder / f"{given.page}.ipynb", folder / f"{given.page}.html")
    print(table.to_string() if len(table) else "this page keeps no numbers")
    print(f"figures side by side: {folder / given.page}.html")


def _parameters(given: argparse.Namespace) -> dict[str, Any]:
    known = parameters_of(given.page, given.root)
    words = dict(given.parameters) | ({"profile": given.profile} if given.profile else {})
    for name, word in words.items():
        if name not in known:
            raise unknown(name, word, known)
    return {name: known[name].read(word) for name, word in words.items()}


if __name__ == "__main__":
    main()
