"""Pages and their pipeline, on toy pages in a folder of their own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from anisodiff.reports import pages
from anisodiff.reports.pages.parameters import declared

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
PARAMETERS = """\
sigma: float = 25.0  # standard deviation of the noise in gray levels [1, 100]
steps: int = 3  # diffusion steps [1, 10]
levels: list[float] = [15, 25]  # levels in a table [1, 100]
option: str = "two"  # diffusivity {one, two}
clip: bool = True  # whether to clip
profile: str = "quick"  # budget of the run {smoke, quick, paper}"""
BODY = """\
page.number("psnr", 20 + sigma / 100)
display({"text/html": f"<img alt='noise {sigma}'>"}, metadata={"figure": "noise"}, raw=True)"""


@pytest.fixture
def study(tmp_path):
    """A study of two pages and a prose page."""
    files = {
        "Snakefile": (ROOT / "Snakefile").read_text(),
        "study.yml": "pages:\n  first: {reads: ['data/weights/*']}\n  second: {parameters: {sigma: 40}}\n",
        "requirements.txt": "",
        "lib/toy.py": "",
        "data/weights/model": "trained",
        "_config.yml": "title: toy\nonly_build_toc_files: true\nexecute: {execute_notebooks: 'off'}\n",
        "_toc.yml": "format: jb-book\nroot: book/index\nchapters:\n- file: notebooks/first\n- file: notebooks/second\n",
        "book/index.md": "# Toy\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    write_page(tmp_path, "first")
    write_page(tmp_path, "second")
    return tmp_path


def write_page(root, name, body=BODY):
    cells = [
        new_markdown_cell(f"# Page {name}\n\nIt is {{glue:text}}`{name}_psnr` dB."),
        new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
        new_code_cell(f'from anisodiff import pages\npage = pages.start(globals(), "{name}")'),
        new_code_cell(body),
        new_code_cell("page.finish()"),
    ]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = root / "notebooks" / f"{name}.ipynb"
    path.parent.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)


def call(root, *command):
    """The exit status of a command and what it said."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout + done.stderr


def page(root, *arguments):
    return call(root, sys.executable, "-m", "anisodiff.reports.pages", *arguments, "--root", root)


def snakemake(target="book"):
    options = [
        "--cores",
        "2",
        "--rerun-incomplete",
        "--nolock",
        "--keep-going",
        "--quiet",
        "progress",
        "host",
    ]
    return [BIN / "snakemake", *options, "--config", "profile=quick", "--", target]


def ran(said):
    """The pages that the pipeline says it ran."""
    return sorted(
        line.split()[-1]
        for line in said.splitlines()
        if line.startswith("Job") and ": page " in line
    )


def start(injected="", **values):
    """What the cell after the parameters cell does, as IPython would have it."""
    defaults = {name: parameter.default for name, parameter in declared(PARAMETERS).items()}
    cells = [
        "",
        PARAMETERS,
        *([injected] if injected else []),
        "page = pages.start(globals(), 'toy')",
    ]
    return pages.start({"In": cells} | defaults | values, "toy")


def test_parameters_are_as_declared():
    assert start().parameters["levels"] == [15.0, 25.0]
    assert start().profile == "quick"
    given = start("sigma = 30", sigma=30).parameters["sigma"]
    assert given == 30.0
    assert isinstance(given, float)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("sigma", 300, "a float in [1, 100]"),
        ("sigma", float("nan"), "a float in [1, 100]"),
        ("sigma", "30", "a float in [1, 100]"),
        ("steps", 2.0, "an int in [1, 10]"),
        ("steps", True, "an int in [1, 10]"),
        ("levels", 15.0, "a list of float in [1, 100]"),
        ("levels", [15.0, 200.0], "a list of float in [1, 100]"),
        ("option", "three", "a str, one of {one, two}"),
        ("clip", 1, "a bool"),
    ],
)
def test_ill_valued_parameters_are_refused(name, value, expected):
    with pytest.raises(pages.ParameterError) as error:
        start(**{name: value})
    assert str(error.value).startswith(f"{name} = {value!r} is refused: give {expected} (")


def test_unknown_parameter_is_refused():
    with pytest.raises(pages.ParameterError) as error:
        start("# Parameters\nsigmaa = 30\n", sigmaa=30)
    expected = "unknown parameter 'sigmaa' = 30; this page has: sigma, steps, levels, option, clip, profile"
    assert str(error.value) == expected


def test_a_page_without_parameters_says_how_they_are_written():
    with pytest.raises(pages.ParameterError, match="one a line, such as 'sigma: float"):
        pages.start({"In": ["x = 3", "pages.start(globals(), 'toy')"], "x": 3}, "toy")


def test_declarations_that_cannot_be_checked_are_refused():
    with pytest.raises(pages.ParameterError, match="'x' is declared dict"):
        declared("x: dict = {}")
    with pytest.raises(
        pages.ParameterError, match=r"range of parameter 'x' cannot be read: \[low, 3\]"
    ):
        declared("x: int = 1  # count [low, 3]")


def test_words_of_the_command_line():
    known = declared(PARAMETERS)
    assert known["sigma"].read("3e1") == 30.0
    assert known["levels"].read("[15, 30]") == [15.0, 30.0]
    assert known["clip"].read("false") is False
    assert known["option"].read("one") == "one"


def test_a_number_is_finite():
    with pytest.raises(ValueError, match="number 'psnr' of page 'toy' is nan"):
        start().number("psnr", float("nan"))


def test_a_number_is_shown_with_a_true_minus_and_kept_as_it_is(monkeypatch):
    shown = []
    monkeypatch.setattr(
        "IPython.display.display", lambda data, metadata, raw: shown.append((data, metadata))
    )
    start().number("gain", -0.127, digits=2)
    ((data, metadata),) = shown
    assert list(data.values()) == ["'−0.13'"]
    assert metadata["number"] == {"name": "gain", "value": -0.127, "digits": 2}


def test_papermill_alone_refuses_in_one_line(study):
    status, said = call(
        study, BIN / "papermill", "notebooks/first.ipynb", "out.ipynb", "-p", "sigmaa", "30"
    )
    assert status != 0
    assert said.split("\n")[-3].startswith(
        "ParameterError: unknown parameter 'sigmaa' = 30; this page has: sigma, "
    )


def test_a_refused_parameter_starts_nothing(study):
    status, said = page(
        study, "run", "first", "--output", study / "out.ipynb", "-p", "steps", "2.5"
    )
    assert status == 1
    assert said == "steps = 2.5 is refused: give an int in [1, 10] (diffusion steps)\n"
    assert not (study / "_build").exists()


def test_an_unknown_page_names_those_there_are(study):
    assert page(study, "run", "third", "--output", study / "out.ipynb") == (
        1,
        "no page 'third'; there are: first, second\n",
    )


def test_a_failed_page_keeps_its_notebook_and_log(study):
    write_page(study, "first", 'print("so far")\nraise OSError("no more")')
    output = study / "out.ipynb"
    status, said = page(study, "run", "first", "--output", output)
    assert status == 1
    assert "page first failed after" in said
    assert "in cell [3]: OSError: no more\n" in said
    assert not output.exists()
    assert "so far" in (study / "_build/logs/first.ipynb").read_text()
    log = (study / "_build/logs/first.log").read_text()
    assert "so far" in log
    assert "OSError: no more" in log


def test_a_page_leaves_its_provenance_and_is_compared(study):
    book = study / "_build/source/notebooks/first.ipynb"
    status, said = page(study, "run", "first", "--output", book)
    assert (status, said) == (0, "")
    record = nbformat.read(book, as_version=4).metadata["anisodiff"]
    assert record["page"] == "first"
    assert record["parameters"]["sigma"] == 25.0
    assert record.keys() >= {"commit", "dirty", "date", "device", "seconds", "used", "versions"}
    assert str(study) not in book.read_text(), "a path of this machine"

    status, said = page(study, "compare", "first", "-p", "sigma", "35")
    assert status == 0
    assert said.splitlines()[1].split() == ["psnr", "20.25", "20.35", "+0.10"]
    html = (study / "_build/compare/first.html").read_text()
    assert "<td>25.0</td>" in html
    assert "<td>35.0</td>" in html
    assert "<div><img alt='noise 25.0'></div><div><img alt='noise 35.0'></div>" in html


def test_the_pipeline_runs_what_changed_and_nothing_else(study):
    status, said = call(study, *snakemake())
    assert status == 0, said
    assert ran(said) == ["first", "second"]
    html = (study / "_build/html/notebooks/second.html").read_text()
    assert "20.40" in html
    assert 'class="provenance"' in html

    for path in [*study.glob("notebooks/*"), study / "lib/toy.py", study / "study.yml"]:
        path.touch()
    status, said = call(study, *snakemake())
    assert "Nothing to be done" in said

    write_page(study, "second", BODY + "\nprint('more')")
    status, said = call(study, *snakemake())
    assert ran(said) == ["second"]
    assert "Reason: Updated input files: notebooks/second.ipynb" in said

    weights = study / "data/weights/model"
    weights.write_text("trained longer")
    os.utime(weights, (0, 0))  # as if it came out of an archive
    (study / "_build/source/notebooks/second.ipynb").unlink()
    status, said = call(study, *snakemake())
    assert ran(said) == ["first", "second"]

    (study / "book/index.md").write_text("# Toy\n\n[nowhere](nowhere.md)\n")
    status, said = call(study, *snakemake())
    assert status != 0
    assert "cross-reference target not found: 'nowhere.md'" in said
    assert not (study / "_build/html/index.html").exists()


def test_a_killed_run_stops_and_is_resumed(study):
    target = "_build/source/notebooks/first.ipynb"
    waits = 'import os, time\nopen("kernel", "w").write(str(os.getpid()))\ntime.sleep({})\n'
    write_page(study, "first", waits.format(60))
    kernel = study / "kernel"
    with subprocess.Popen(
        snakemake(target), cwd=study, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as pipeline:
        wait_until(kernel.exists, 30)
        pipeline.send_signal(signal.SIGKILL)
    wait_until(lambda: not running(int(kernel.read_text())), 15)
    write_page(study, "first", waits.format(0))
    status, said = call(study, *snakemake(target))
    assert status == 0, said
    assert (study / target).exists()


def running(process):
    """Whether a process is there and not just waiting to be buried."""
    return (
        status := Path(f"/proc/{process}/status")
    ).exists() and "State:\tZ" not in status.read_text()


def wait_until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.1)
