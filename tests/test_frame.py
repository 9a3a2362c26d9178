"""The frame of the project: what must agree with what, checked offline."""

import os
import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from anisodiff.reports.pages.parameters import declared

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
STUDY = yaml.safe_load((ROOT / "study.yml").read_text())


def asked():
    """The requirements of pyproject.toml by canonical name, extras included."""
    lines = chain(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    return {
        canonicalize_name(requirement.name): requirement for requirement in map(Requirement, lines)
    }


def locked():
    """The versions of the lock by canonical name; torch, which the lock leaves to the reader, as pyproject pins it."""
    pins = re.findall(
        r"^([\w.-]+)==([^\s;\\]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE
    )
    torch = re.search(r"\d[\d.]*", str(asked()["torch"].specifier))[0]
    return {canonicalize_name(name): version for name, version in pins} | {"torch": torch}


def run(*command):
    done = subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_dependency_is_locked():
    versions = locked()
    wrong = [
        str(requirement)
        for name, requirement in asked().items()
        if not requirement.specifier.contains(versions.get(name, "0"), prereleases=True)
    ]
    assert not wrong, (
        f"not in the lock at a version that pyproject.toml allows: {wrong}; 'make lock' makes it anew"
    )


def test_environment_is_that_of_the_lock():
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    python = next(
        entry for entry in entries if isinstance(entry, str) and entry.startswith("python=")
    )
    assert python.removeprefix("python=") in SpecifierSet(PROJECT["requires-python"])
    pins = next(entry["pip"] for entry in entries if isinstance(entry, dict))
    assert "-e ." in pins, "the package itself"
    here = {
        canonicalize_name(name): version
        for name, version in (pin.split("==") for pin in pins if "==" in pin)
    }
    there = {name: locked()[name] for name in asked()}
    change = {name: (here.get(name), there.get(name)) for name in here.keys() | there.keys()}
    change = {name: pair for name, pair in change.items() if pair[0] != pair[1]}
    assert not change, (
        f"environment.yml has the first, pyproject.toml and the lock want the second: {change}"
    )


def test_makefile_and_environment_use_the_python_of_the_book():
    python = re.search(
        r"^PYTHON \?= python([\d.]+)", (ROOT / "Makefile").read_text(), re.MULTILINE
    )[1]
    assert f"- python={python}\n" in (ROOT / "environment.yml").read_text()
    assert f'python-version: "{python}"' in (ROOT / ".github/workflows/book.yml").read_text()
    torch = locked()["torch"]
    assert f"torch=={torch} " in (ROOT / "Makefile").read_text()


def test_citation():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    run(BIN / "check-jsonschema", "--builtin-schema", "vendor.citation-file-format", "CITATION.cff")


def test_workflows_are_valid_and_safe():
    workflows = sorted((ROOT / ".github/workflows").glob("*.yml"))
    run(BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)
    run(BIN / "zizmor", "--offline", "--no-progress", ".github")


def test_ci_can_be_run():
    assert os.access(ROOT / ".ci/run", os.X_OK)
    run("bash", "-n", ".ci/run")


def test_every_page_has_a_notebook_and_a_place_in_the_book():
    names = {path.stem for path in NOTEBOOKS}
    assert names == STUDY["pages"].keys()
    assert names == set(re.findall(r"file: notebooks/(\w+)", (ROOT / "_toc.yml").read_text()))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code), (
        "'nbstripout' removes the outputs"
    )
    assert "parameters" in code[0].metadata.get("tags", []), "the parameters come first"
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in code) == 1
    assert f'pages.start(globals(), "{path.stem}")' in code[1].source, (
        "the page checks them at once"
    )
    assert code[-1].source.strip() == "page.finish()"
    parameters = declared(code[0].source)
    assert parameters["profile"].choices == ("smoke", "quick", "paper")
    for parameter in parameters.values():
        parameter.check(parameter.default)
        assert parameter.meaning, f"{parameter.name} has no comment"
        bounded = parameter.range or parameter.choices or parameter.kind == "bool"
        assert bounded, f"the comment of {parameter.name} ends with no [low, high] and no {{a, b}}"
