"""The pipeline: weights -> scores (profile paper only) -> pages -> book. Run by make; see study/ for what it runs.

A page is executed again when the content of what it is made from has changed (its notebook, the library, the study, the
lock, what it read the last time) or its parameters, and not otherwise: dates of files decide nothing.
"""

import fcntl
import hashlib
import json
import os
import shlex
import sys
from pathlib import Path

from anisodiff.reports.pages import freshness

# Two builds in one folder would spoil each other. The first holds a lock until it ends; what it starts inherits the word.
if "ANISODIFF_BUILDS" not in os.environ:
    Path("_build").mkdir(exist_ok=True)
    LOCK = open("_build/lock", "w")
    try:
        fcntl.flock(LOCK, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit("Another make is building in this folder: wait until it ends, then give the same command again.")
    os.environ["ANISODIFF_BUILDS"] = "1"

PROFILE = config.get("profile", "quick")
PAGES = sorted(path.stem for path in Path("notebooks").glob("*.ipynb"))
PYTHON = shlex.quote(sys.executable)
JUPYTER_BOOK = shlex.quote(str(Path(sys.executable).with_name("jupyter-book")))


def files(*patterns):
    """The files that match, without what the computer leaves behind."""
    found = {path for pattern in patterns for path in Path().glob(pattern) if path.is_file()}
    return sorted(str(path) for path in found if "__pycache__" not in path.parts)


def contents(paths):
    """One digest of files, to be a parameter: dates miss what is edited during a run and files older than the output."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path} {hashlib.sha256(Path(path).read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:12]


SOURCES = files("_config.yml", "_toc.yml", "book/**/*", "*.md", "study/*", "data/*.yml", "data/*.csv", "data/scores/**/*", "lib/**/*.py")


wildcard_constraints:
    page="[a-z0-9_]+",


onerror:
    kept = ", ".join(files("_build/logs/*.ipynb"))
    print("Not finished: the reason is above and in _build/logs" + (f" ({kept})" if kept else "") + ".")
    print("The same command goes on from here.")


localrules:
    book,
    html,


# The pages stand here too: one that was deleted would not be missed as long as the HTML is there.
rule book:
    input:
        expand("_build/source/notebooks/{page}.ipynb", page=PAGES),
        "_build/html/index.html",
    message:
        "pages and book are up to date"


rule html:
    input:
        expand("_build/source/notebooks/{page}.ipynb", page=PAGES),
        SOURCES,
    output:
        "_build/html/index.html",
    log:
        "_build/logs/book.log",
    params:
        contents=contents(SOURCES),
    message:
        "the book"
    # Everything is written anew: Sphinx would warn only once about a page that it has already read.
    shell:
        "rm -rf _build/html _build/.doctrees _build/source/book && "
        "cp -r _config.yml _toc.yml CHANGELOG.md book _build/source/ && "
        "({JUPYTER_BOOK} build _build/source --path-output . -W -n --keep-going"
        " > {log} 2>&1 || (grep -E 'WARNING|ERROR|Error' {log} >&2 || tail -n 20 {log} >&2; exit 1))"


rule page:
    input:
        "notebooks/{page}.ipynb",
    output:
        "_build/source/notebooks/{page}.ipynb",
    log:
        "_build/logs/{page}.log",
    params:
        token=lambda wildcards: freshness.token(wildcards.page, {"profile": PROFILE}, Path.cwd()),
    message:
        "page {wildcards.page}"
    # exec: when the pipeline is killed, the run sees it and stops.
    shell:
        "exec {PYTHON} -m anisodiff.reports.pages run {wildcards.page} --root . --output {output}"
        " --profile {PROFILE} --token {params.token}"


# What follows is `make paper`: the full protocol, which needs the collections of the study. `anisodiff plan` has written
# what is to be made, by looking at the artefacts themselves; a mark says that this was done since, no more.


if PROFILE == "paper" and Path("_build/paper/plan.json").is_file():
    PLAN = json.loads(Path("_build/paper/plan.json").read_text())["before"]
    STAMP = contents(["_build/paper/plan.json"])

    rule artefacts:
        input:
            expand("_build/paper/{stamp}/{name}", stamp=STAMP, name=PLAN),
        message:
            "weights and scores are current"

    rule artefact:
        input:
            lambda w: [f"_build/paper/{STAMP}/{name}" for name in PLAN[w.name]],
        output:
            touch(f"_build/paper/{STAMP}/{{name}}"),
        wildcard_constraints:
            name="[A-Za-z0-9./-]+",
        message:
            "{wildcards.name}"
        shell:
            "exec {PYTHON} -m anisodiff.cli make {wildcards.name}"
