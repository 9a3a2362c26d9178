"""The frame of the project: what must agree with what, checked offline."""

import copy
import json
import os
import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import nbformat
import yaml
from jsonschema import Draft202012Validator
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from anisodiff.data.collections import COLLECTIONS
from anisodiff.problems import PROBLEMS
from anisodiff.reports.pages.parameters import declared
from anisodiff.study import catalogue
from anisodiff.training.objectives import LOSSES, OPTIMISERS

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


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


# The study's files


SCHEMA = json.loads((ROOT / "study/schema.json").read_text())
FAMILIES = [path for path in sorted((ROOT / "study").glob("*.yml")) if path.stem != "protocol"]


def faults(content, what=None):
    """What the schema has against the content of a file of the study; ``what`` is one of its definitions."""
    schema = SCHEMA if what is None else {"$ref": f"#/$defs/{what}", "$defs": SCHEMA["$defs"]}
    plain = json.loads(json.dumps(content))  # JSON's keys are texts
    found = Draft202012Validator(schema).iter_errors(plain)
    return [f"{error.json_path}: {error.message}" for error in found]


def test_the_files_of_the_study_are_of_its_schema_which_knows_what_the_library_does():
    Draft202012Validator.check_schema(SCHEMA)
    found = {path.name: faults(yaml.safe_load(path.read_text())) for path in FAMILIES}
    found["protocol.yml"] = faults(
        yaml.safe_load((ROOT / "study/protocol.yml").read_text()), "protocol"
    )
    assert not any(found.values()), found
    known = SCHEMA["$defs"]
    training = known["training"]["properties"]
    assert set(training["loss"]["enum"]) == set(LOSSES)
    assert set(training["optimiser"]["enum"]) == {*OPTIMISERS, "search"}
    assert set(known["problem"]["enum"]) == set(PROBLEMS)
    assert set(known["collection"]["enum"]) == set(COLLECTIONS)
    assert set(known["protocol"]["properties"]["profiles"]["required"]) == set(catalogue.PROFILES)


def without(key):
    return lambda entry: entry.pop(key)


def given(key, value, part=None):
    return lambda entry: (entry if part is None else entry[part]).update({key: value})


MISTAKES = {
    "foe-s": {
        "a misspelt key": given("sumary", "no"),
        "no summary": without("summary"),
        "no class": without("diffusivity"),
        "two classes": given("denoiser", "identity.Identity"),
        "a class that is no dotted name": given("diffusivity", "Experts"),
        "tuned and trained": given("tune", {"strengths": [1, 2], "tries": 3, "crops": 2}),
        "an unknown loss": given("loss", "huber", "train"),
        "an unknown optimiser": given("optimiser", "adamw", "train"),
        "a negative rate": given("rate", -0.01, "train"),
        "no steps": given("steps", 0, "train"),
        "half a step": given("steps", 1.5, "train"),
        "a misspelt setting": given("rates", 0.01, "train"),
        "all problems at one level": given("problems", "all", "train"),
        "a setting that is missing": lambda entry: entry["train"].pop("validation"),
        "an unknown problem": given("grid", {"snow": "all"}),
        "a level below 0": given("grid", {"gaussian": [15, -25]}),
        "a level twice": given("grid", {"gaussian": [15, 15]}),
        "an unknown collection": given("collections", ["kodak"]),
        "seeds that are no numbers": given("vary", {"seed": ["one"]}),
        "levels of what does not vary": lambda entry: entry.update(
            vary_at=entry.pop("vary") and {"gaussian": [25]}
        ),
        "a size of no level": given("sizes", {"low": {"size": 3}}),
    },
    "perona-malik": {
        "a range of three": given("lambdas", [1, 2, 3], "tune"),
        "settings of two tunings": given("strengths", [1, 2], "tune"),
        "tau below 0": given("tau", -0.2, "tune"),
    },
    "protocol": {
        "an unknown profile": given("big", {}, "profiles"),
        "a budget of what is no setting": lambda all_: all_["profiles"]["smoke"]["budget"].update(
            rate=1
        ),
        "a crop of nothing": given("crop", 0, "protocol"),
        "an unknown collection": given("collection", "kodak", "protocol"),
        "no problem": given("problems", []),
        "a misspelt key": given("furter", {}),
    },
}


def test_mistakes_in_the_files_of_the_study_are_refused():
    files = [yaml.safe_load(path.read_text()) for path in FAMILIES]
    entries = {name: entry for file in files for name, entry in file.items()}
    protocol = yaml.safe_load((ROOT / "study/protocol.yml").read_text())
    passed = []
    for name, mistakes in MISTAKES.items():
        for mistake, make in mistakes.items():
            content = copy.deepcopy(protocol if name == "protocol" else entries[name])
            make(content)
            found = faults(content, "protocol") if name == "protocol" else faults({name: content})
            passed += [] if found else [f"{name}: {mistake}"]
    assert faults({"FoE": entries["foe-s"]}), "a name in capitals"
    assert not passed


# The pages


def test_every_page_has_a_place_in_the_book():
    names = {path.stem for path in NOTEBOOKS}
    assert names == set(re.findall(r"file: notebooks/(\w+)", (ROOT / "_toc.yml").read_text()))


def told(path):
    """What is wrong with a notebook."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if any(cell.outputs or cell.execution_count is not None for cell in code):
        yield "'nbstripout' removes the outputs"
    if [cell for cell in code if "parameters" in cell.metadata.get("tags", [])] != code[:1]:
        yield "the first code cell, and no other, is tagged parameters"
    if f'pages.start(globals(), "{path.stem}")' not in code[1].source:
        yield "the second code cell checks the parameters"
    if code[-1].source.strip() != "page.finish()":
        yield "the last code cell is page.finish()"
    parameters = declared(code[0].source)
    if parameters["profile"].choices != catalogue.PROFILES:
        yield f"the profile is one of {catalogue.PROFILES}"
    for name, parameter in parameters.items():
        parameter.check(parameter.default)
        if not parameter.meaning:
            yield f"{name} has no comment"
        if not (parameter.range or parameter.choices or parameter.kind == "bool"):
            yield f"the comment of {name} ends with no [low, high] and no {{a, b}}"


def test_notebooks_begin_with_checked_parameters_and_end_with_their_provenance():
    wrong = [f"{path.stem}: {what}" for path in NOTEBOOKS for what in told(path)]
    assert not wrong, "\n".join(wrong)
