"""The pages on using the study: what they show is run as it stands there, what they name leads somewhere."""

import json
import os
import re
import shlex
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from skimage import io

from anisodiff.cli import main
from anisodiff.data import collections, provenance
from anisodiff.problems import problem

ROOT = provenance.ROOT
sys.path.insert(0, str(ROOT / "book/_ext"))
import launch  # noqa: E402

DENOISE = (ROOT / "book/use/denoise.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", DENOISE)


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with what somebody has who wants to restore: clean.png, noisy.png, blurred.png, small.png and scans."""
    clean = collections.centre_crop(collections.load("shipped/test")[2].pixels, 64)
    rng = np.random.default_rng(0)

    def save(name, pixels):
        io.imsave(tmp_path / name, np.asarray(pixels).clip(0, 255).round().astype(np.uint8))

    (tmp_path / "scans").mkdir()
    save("clean.png", clean)
    for name, how in {
        "noisy.png": problem("gaussian", 20),
        "blurred.png": problem("blur", variance=4, sigma=2),
        "small.png": problem("downsample", 2),
        "scans/one.png": problem("gaussian", 15),
    }.items():
        save(name, how.measure(clean, rng).y)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_on_denoising_run(desk):
    lines = [line for block in blocks("bash") for line in block.replace("\\\n", "").splitlines()]
    assert len(lines) == 6
    for line in lines:
        name, *words = shlex.split(line)
        assert name == "anisodiff" and main(words) == 0
    assert {"restored.png", "restored", "sharp.png"} <= set(os.listdir())
    assert io.imread("large.png").shape == (64, 64)


def test_the_python_on_denoising_runs(desk, capsys):
    names = {}
    run = [block for block in blocks("python") if "deepinv" not in block]
    assert len(run) == 4
    for block in run:
        exec(block, names)
    noisy, restored = io.imread("noisy.png"), io.imread("restored.png")
    assert restored.shape == noisy.shape and (restored != noisy).any()
    before, after = map(float, capsys.readouterr().out.split())
    assert after > before + 3
    assert names["restored"].shape == (4, 1, 64, 64)


def test_the_citation_is_that_of_the_file():
    known = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    block = re.search(
        r"(?ms)^```bibtex\n@software.*?^```$", (ROOT / "book/use/cite.md").read_text()
    )
    found = re.findall(r"(?ms)^  (\w+) *= \{+(.*?)\}+,?$", block[0])
    fields = {name: " ".join(text.split()) for name, text in found}
    assert fields == {
        "title": known["title"],
        "year": yaml.safe_load((ROOT / "_config.yml").read_text())["copyright"],
        "author": " and ".join(author["name"] for author in known["authors"]),
        "version": str(known["version"]),
        "license": known["license"],
        "url": "@REPOSITORY@",  # where there is one
    }


# Where the book was built from

ACTIONS = {
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "somebody/study",
    "GITHUB_REF_NAME": "trunk",
    "GITHUB_REF_TYPE": "branch",
}


@pytest.fixture
def built(monkeypatch):
    """``built(**environment)``: the theme's options when the book is built in it."""
    for name in (*ACTIONS, "GITHUB_BASE_REF"):
        monkeypatch.delenv(name, raising=False)

    def built(**environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        config = SimpleNamespace(html_theme_options={"repository_url": "made up"})
        launch.configure(None, config)
        return config.html_theme_options

    return built


def test_without_a_repository_no_button_leads_to_one(built):
    options = built()
    assert not any(options[name] for name in options), options
    page = [
        "git clone @REPOSITORY@ anisodiff\n@WITH@\nhere\n@WITHOUT@\nnowhere\n@END@\n@WITH@\nat\n@END@\nend"
    ]
    launch.fill_in(None, "book/use/install", page)
    assert page == ["git clone ADDRESS anisodiff\nnowhere\nend"]


def test_with_a_repository_pages_name_it(built):
    built(**ACTIONS)
    page = ["@WITH@\n  url = {@REPOSITORY@},\n@WITHOUT@\nnowhere\n@END@\nend"]
    launch.fill_in(None, "book/use/cite", page)
    assert page == ["  url = {https://github.com/somebody/study},\nend"]


def test_no_mark_of_what_a_build_knows_is_left(built):
    for environment in ({}, ACTIONS):
        built(**environment)
        for path in sorted((ROOT / "book").rglob("*.md")):
            page = [path.read_text(encoding="utf-8")]
            launch.fill_in(None, str(path), page)
            assert not re.search(r"@(?:REPOSITORY|COLAB|WITH|WITHOUT|END)@", page[0]), path


def test_in_actions_the_buttons_lead_to_the_repository(built):
    options = built(**ACTIONS)
    assert options["repository_url"] == "https://github.com/somebody/study"
    assert options["repository_branch"] == "trunk" and options["use_issues_button"]
    assert {"binderhub_url", "colab_url"} <= set(options["launch_buttons"])
    assert built(GITHUB_BASE_REF="main")["repository_branch"] == "main", "of a pull request"
    assert not built(GITHUB_SERVER_URL="https://git.example.org")["launch_buttons"]


def test_colab_opens_notebooks_that_fetch_the_library(built, tmp_path):
    assert launch.main(tmp_path) == 2
    built(**ACTIONS)
    assert launch.main(tmp_path) == 0
    there = {path.name for path in (tmp_path / "notebooks").iterdir()}
    assert there == {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    written = json.loads((tmp_path / "notebooks/edginess.ipynb").read_text())
    fetching, *cells = written["cells"]
    assert "--branch trunk https://github.com/somebody/study" in "".join(fetching["source"])
    assert cells == json.loads((ROOT / "notebooks/edginess.ipynb").read_text())["cells"]


def test_a_page_offers_its_notebook_twice_and_colabs_own_branch():
    plain = {"url": "../_sources/notebooks/edginess.ipynb", "text": ".ipynb"}
    colab = (
        "https://colab.research.google.com/github/somebody/study/blob/{}/notebooks/edginess.ipynb"
    )
    groups = [
        {"label": "download-buttons", "buttons": [plain, {"text": ".pdf"}]},
        {"label": "launch-buttons", "buttons": [{"text": "Colab", "url": colab.format("a/b")}]},
    ]
    context = {"header_buttons": groups, "sourcename": "notebooks/edginess.ipynb"}
    context["pathto"] = lambda name, _: f"../{name}"
    launch.offer(None, "notebooks/edginess", "page.html", context, None)
    bare, executed, _ = groups[0]["buttons"]
    assert (bare["text"], bare["url"]) == ("to run", plain["url"])
    assert executed["url"] == "../_executed/edginess.ipynb"
    assert groups[1]["buttons"][0]["url"] == colab.format("colab")


def test_an_executed_notebook_finds_its_figures_beside_the_pages(tmp_path):
    shown = '<img class="only-{} figure" src="data:image/png;base64,QUJD">'
    output = {"data": {"text/html": shown.format("light") + shown.format("dark")}}
    (tmp_path / "_sources/notebooks").mkdir(parents=True)
    page = tmp_path / "_sources/notebooks/page.ipynb"
    page.write_text(json.dumps({"cells": [{"outputs": [output]}, {"cell_type": "markdown"}]}))
    builder = SimpleNamespace(format="html", imagedir="_images")
    launch.take_along(SimpleNamespace(builder=builder, outdir=tmp_path), None)
    written = json.loads((tmp_path / "_executed/page.ipynb").read_text())
    (name,) = (path.name for path in (tmp_path / "_images").iterdir())
    markup = written["cells"][0]["outputs"][0]["data"]["text/html"]
    assert markup == f'<img class="only-light figure" src="../_images/{name}">'
