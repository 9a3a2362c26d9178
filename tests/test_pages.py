"""Pages and their pipeline, on toy pages in a checkout of their own."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from anisodiff.data import provenance
from anisodiff.reports import pages
from anisodiff.reports.pages import freshness
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
display({"text/html": f"<img alt='noise {sigma}'>"}, metadata={"figure": "noise"}, raw=True)
cells = f"<tr><td>best</td><td>{sigma / 10:.1f}</td><td>3 s</td></tr>"
head = "<tr><th>model</th><th>dB</th><th>took</th></tr>"
table = f"<table><caption>scores</caption><thead>{head}</thead><tbody>{cells}</tbody></table>"
display({"text/html": table}, raw=True)"""
READING = (
    BODY
    + """
with open("data/weights/model") as file:
    file.read()
open("data/made", "w").close()"""
)


@pytest.fixture
def study(tmp_path):
    """A checkout with the library, two pages, of which the first reads a file, and a prose page."""
    shutil.copytree(ROOT / "lib", tmp_path / "lib")
    files = {
        "Snakefile": (ROOT / "Snakefile").read_text(),
        "study/toy.yml": "toy: {}\n",
        "requirements.txt": "",
        "CHANGELOG.md": "# Changelog\n",
        "data/weights/model": "trained",
        "data/weights/other": "trained",
        "_config.yml": "title: toy\nonly_build_toc_files: true\nexecute: {execute_notebooks: 'off'}\n",
        "_toc.yml": "format: jb-book\nroot: book/index\nchapters:\n- file: notebooks/first\n- file: notebooks/second\n",
        "book/index.md": "# Toy\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    write_page(tmp_path, "first", READING)
    write_page(tmp_path, "second")
    return tmp_path


def write_page(root, name, body=BODY):
    start = f'from anisodiff.reports import pages\npage = pages.start(globals(), "{name}")'
    cells = [
        new_markdown_cell(f"# Page {name}\n\nIt is {{glue:text}}`{name}_psnr` dB."),
        new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
        new_code_cell(start),
        new_code_cell(body),
        new_code_cell("page.finish()"),
    ]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = root / "notebooks" / f"{name}.ipynb"
    path.parent.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)


def environment(root):
    return os.environ | {"PYTHONPATH": str(root / "lib")}


def call(root, *command):
    """The exit status of a command and what it said."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        cwd=root,
        env=environment(root),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    return done.returncode, done.stdout + done.stderr


def page(root, *arguments):
    return call(root, sys.executable, "-m", "anisodiff.reports.pages", *arguments, "--root", root)


def snakemake(target="book"):
    words = "--cores 2 --rerun-incomplete --nolock --keep-going --quiet progress host --config"
    return [BIN / "snakemake", *words.split(), "profile=quick", "--", target]


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


def test_parameters_are_as_declared_and_read_from_the_command_line():
    assert start().parameters["levels"] == [15.0, 25.0]
    assert start().profile == "quick"
    given = start("sigma = 30", sigma=30).parameters["sigma"]
    assert given == 30.0 and isinstance(given, float)
    known = declared(PARAMETERS)
    assert known["sigma"].read("3e1") == 30.0
    assert known["levels"].read("[15, 30]") == [15.0, 30.0]
    assert known["clip"].read("false") is False
    assert known["option"].read("one") == "one"


def test_a_long_comment_goes_on_below_its_parameter():
    cell = 'kind: str = "one"  # what is solved\n# {one,\n# two}\nsteps: int = 2  # of it [1, 3]'
    known = declared(cell)
    assert known["kind"].choices == ("one", "two") and known["kind"].meaning == "what is solved"
    assert known["steps"].range == (1, 3) and not known["steps"].choices


REFUSED = [
    ("sigma", 300, "a float in [1, 100]"),
    ("sigma", float("nan"), "a float in [1, 100]"),
    ("sigma", "30", "a float in [1, 100]"),
    ("steps", 2.0, "an int in [1, 10]"),
    ("steps", True, "an int in [1, 10]"),
    ("levels", 15.0, "a list of float in [1, 100]"),
    ("levels", [15.0, 200.0], "a list of float in [1, 100]"),
    ("option", "three", "a str, one of {one, two}"),
    ("clip", 1, "a bool"),
]


def test_bad_parameters_are_refused():
    for name, value, expected in REFUSED:
        with pytest.raises(pages.ParameterError) as error:
            start(**{name: value})
        assert str(error.value).startswith(f"{name} = {value!r} is refused: give {expected} (")
    expected = "unknown parameter 'sigmaa' = 30; this page has: sigma, steps, levels, option, clip, profile"
    with pytest.raises(pages.ParameterError) as error:
        start("# Parameters\nsigmaa = 30\n", sigmaa=30)
    assert str(error.value) == expected


def test_declarations_that_cannot_be_checked_are_refused():
    with pytest.raises(pages.ParameterError, match="'x' is declared dict"):
        declared("x: dict = {}")
    with pytest.raises(
        pages.ParameterError, match=r"range of parameter 'x' cannot be read: \[low, 3\]"
    ):
        declared("x: int = 1  # count [low, 3]")
    with pytest.raises(pages.ParameterError, match="one a line, such as 'sigma: float"):
        pages.start({"In": ["x = 3", "pages.start(globals(), 'toy')"], "x": 3}, "toy")


def test_a_number_is_finite_shown_with_a_true_minus_and_kept_as_it_is(monkeypatch):
    shown = []
    monkeypatch.setattr(
        "IPython.display.display", lambda data, metadata, raw: shown.append((data, metadata))
    )
    start().number("gain", -0.127, digits=2)
    ((data, metadata),) = shown
    assert list(data.values()) == ["'−0.13'"]
    assert metadata["number"] == {"name": "gain", "value": -0.127, "digits": 2}
    with pytest.raises(ValueError, match="number 'psnr' of page 'toy' is nan"):
        start().number("psnr", float("nan"))


def test_what_is_refused_starts_nothing(study):
    output = ("--output", study / "out.ipynb")
    assert page(study, "run", "first", *output, "-p", "steps", "2.5") == (
        1,
        "steps = 2.5 is refused: give an int in [1, 10] (diffusion steps)\n",
    )
    assert page(study, "run", "third", *output) == (
        1,
        "no page 'third'; there are: first, second\n",
    )
    assert not (study / "_build").exists()


def test_papermill_alone_refuses_in_one_line(study):
    status, said = call(
        study, BIN / "papermill", "notebooks/first.ipynb", "out.ipynb", "-p", "sigmaa", "30"
    )
    assert status != 0
    assert said.split("\n")[-3].startswith(
        "ParameterError: unknown parameter 'sigmaa' = 30; this page has: sigma, "
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


def test_a_page_leaves_its_provenance_with_all_files_read_and_is_compared(study):
    book = study / "_build/source/notebooks/first.ipynb"
    status, said = page(study, "run", "first", "--output", book)
    assert (status, said) == (0, "")
    record = nbformat.read(book, as_version=4).metadata["anisodiff"]
    assert record["page"] == "first"
    assert record["parameters"]["sigma"] == 25.0
    assert record.keys() >= {"commit", "dirty", "date", "device", "seconds", "versions"}
    assert record["used"] == {"data/weights/model": provenance.sha256(b"trained")[:12]}
    assert str(study) not in book.read_text(), "a path of this machine"

    summary = study / "summary.md"
    summary.write_text("before\n")
    asked = ("-p", "sigma", "35", "--summary", summary)
    status, said = page(study, "compare", "first", *asked)
    assert status == 0
    assert said.splitlines()[1].split() == ["psnr", "20.25", "20.35", "+0.10"]
    assert "cell-3: 1 of 1 values differ" in said
    text = summary.read_text()
    assert text.startswith(
        "before\n## first: the book and this run\n\nParameters of this run: sigma = 35.0.\n"
    )
    assert "\n|  | book | this run | difference |\n| --- | ---: | ---: | ---: |\n" in text
    assert "\n| psnr | 20.25 | 20.35 | +0.10 |\n" in text
    assert "<summary>scores: 1 of 1 values differ</summary>" in text
    assert "\n| best, dB | 2.5 | 3.5 | +1.0 |\n" in text and "took" not in text, (
        "times differ anyway"
    )
    html = (study / "_build/compare/first.html").read_text()
    assert "<td>25.0</td>" in html
    assert "<td>35.0</td>" in html
    assert "<div><img alt='noise 25.0'></div><div><img alt='noise 35.0'></div>" in html
    assert "scores: 1 of 1 values differ" in html and "<td>+1.0</td>" in html


def test_the_token_of_a_page_changes_with_what_it_is_made_from_and_with_nothing_else(study):
    given = {"profile": "quick"}
    executed = study / "_build/source/notebooks/first.ipynb"
    executed.parent.mkdir(parents=True)
    made = {
        "inputs": freshness.inputs("first", given, study),
        "token": "as executed",
        "used": {
            "data/weights/model": provenance.sha256(b"trained")[:12],
            "shipped/test": freshness.collections.fingerprint("shipped/test"),
        },
    }

    def execute(**changes):
        nbformat.write(new_notebook(metadata={"anisodiff": made | changes}), executed)

    def token(parameters=given):
        return freshness.token("first", parameters, study)

    def edited(name, text="edited"):
        """The token while a file has another content."""
        path, before = study / name, None
        if path.exists():
            before = path.read_text()
            path.unlink()
        if text is not None:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        found = token()
        path.unlink(missing_ok=True)
        if before is not None:
            path.write_text(before)
        return found

    execute()
    assert token() == "as executed"
    for name in ("notebooks/first.ipynb", "lib/anisodiff/cli.py", "data/weights/model"):
        (study / name).touch()
    elsewhere = ("README.md", "data/weights/other", "notebooks/second.ipynb", "book/index.md")
    elsewhere += ("lib/anisodiff/__pycache__/cli.py", "Snakefile")
    assert {name: edited(name) for name in elsewhere} == dict.fromkeys(elsewhere, "as executed")

    made_of = ("notebooks/first.ipynb", "lib/anisodiff/cli.py", "lib/anisodiff/data/registry.csv")
    made_of += ("lib/anisodiff/new.py", "study/toy.yml", "requirements.txt", "data/weights/model")
    others = {name: edited(name) for name in made_of}
    others |= {"a file that is gone": edited("data/weights/model", None)}
    others |= {"another profile": token({"profile": "smoke"}), "more": token(given | {"sigma": 3})}
    assert len(set(others.values()) | {"as executed"}) == len(others) + 1, others
    assert token() == "as executed", "everything is as before"
    assert edited("study/toy.yml") == others["study/toy.yml"], "the same change, the same token"
    execute(used={"shipped/test": "another"})
    assert token() != "as executed"
    executed.unlink()
    assert token() == token() != "as executed"


def test_the_pipeline_runs_what_changed_and_nothing_else(study):
    status, said = call(study, *snakemake())
    assert status == 0, said
    assert ran(said) == ["first", "second"]
    html = (study / "_build/html/notebooks/second.html").read_text()
    assert "20.25" in html
    assert 'class="provenance"' in html

    for path in [*study.glob("notebooks/*"), *study.glob("lib/**/*.py"), study / "study/toy.yml"]:
        path.touch()
    (study / "data/weights/other").write_text("which no page reads")
    status, said = call(study, *snakemake())
    assert "Nothing to be done" in said

    weights = study / "data/weights/model"
    weights.write_text("trained longer")
    os.utime(weights, (0, 0))  # as if it came out of an archive
    status, said = call(study, *snakemake())
    assert ran(said) == ["first"]

    write_page(study, "second", BODY + "\nprint('more')")
    (study / "book/index.md").write_text("# Toy\n\n[nowhere](nowhere.md)\n")
    status, said = call(study, *snakemake())
    assert ran(said) == ["second"]
    assert status != 0
    assert "cross-reference target not found: 'nowhere.md'" in said
    assert not (study / "_build/html/index.html").exists()


def test_a_killed_run_stops_and_is_resumed(study):
    target = "_build/source/notebooks/first.ipynb"
    waits = 'import os, time\nopen("kernel", "w").write(str(os.getpid()))\ntime.sleep({})\n'
    write_page(study, "first", waits.format(60))
    kernel = study / "kernel"
    with subprocess.Popen(
        snakemake(target),
        cwd=study,
        env=environment(study),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as pipeline:
        wait_until(kernel.exists, 60)
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
