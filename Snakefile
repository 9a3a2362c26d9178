"""The pipeline: weights -> scores (profile paper only) -> pages -> book. Run by make; see study.yml for what it runs.

A page is executed again when the content of what it is made from has changed (its notebook, the library, study.yml,
the lock, the weights and scores it reads) or its parameters, and not otherwise: dates of files decide nothing.
"""

import hashlib
import shlex
import sys
from pathlib import Path

import yaml

PROFILE = config.get("profile", "quick")
STUDY = yaml.safe_load(Path("study.yml").read_text())
PAGES = STUDY["pages"]
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


def ingredients(wildcards):
    """All that a page is made from."""
    reads = files(*PAGES[wildcards.page].get("reads", []))
    return [f"notebooks/{wildcards.page}.ipynb", "study.yml", "requirements.txt", *LIBRARY, *reads]


def parameters(wildcards):
    given = PAGES[wildcards.page].get("parameters", {}) | {"profile": PROFILE}
    return " ".join(f"-p {name} {shlex.quote(str(value))}" for name, value in given.items())


LIBRARY = files("lib/**/*.py", "lib/**/*.csv")
SOURCES = files("_config.yml", "_toc.yml", "book/**/*", "study.yml", "data/*.yml", "data/scores/**/*", "lib/**/*.py")


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
        "cp -r _config.yml _toc.yml book _build/source/ && "
        "({JUPYTER_BOOK} build _build/source --path-output . -W -n --keep-going"
        " > {log} 2>&1 || (grep -E 'WARNING|ERROR|Error' {log} >&2 || tail -n 20 {log} >&2; exit 1))"


rule page:
    input:
        ingredients,
    output:
        "_build/source/notebooks/{page}.ipynb",
    log:
        "_build/logs/{page}.log",
    params:
        given=parameters,
        contents=lambda wildcards: contents(ingredients(wildcards)),
    message:
        "page {wildcards.page}"
    # exec: when the pipeline is killed, the run sees it and stops.
    shell:
        "exec {PYTHON} -m anisodiff.reports.pages run {wildcards.page} --root . --output {output} {params.given}"


# What follows is `make paper`: the full protocol, which needs the collections of study.yml. Marks under _build/paper say
# what was done, so that Snakemake never deletes shipped weights and scores; whether those are current, the library knows.


if PROFILE == "paper":
    from dataclasses import replace

    from anisodiff.study import experiments, models

    EXPERIMENTS = {experiment.name: experiment for experiment in experiments.grid("paper")}
    SCORES = {f"protocol/{model}/{kind}": None for model, kind in experiments.scored()} | {
        f"{collection.replace('/', '-')}/{model}/{kind}": collection for model, kind, collection in experiments.further()
    }

    wildcard_constraints:
        name="[a-z0-9-]+/[a-z0-9.-]+",
        model="|".join(experiments.names()),
        kind="gaussian|poisson|salt-pepper|blur|inpainting",
        place="[a-z0-9-]+",

    def before(experiment):
        """The marks of what an experiment starts from: the tuned model it is like, the classifier."""
        like = models.entry(experiment.model).like
        first = [replace(experiment, model=like)] if like else []
        return [f"_build/paper/weights/{one.name}" for one in (*first, experiment.classifier) if one]

    rule scores:
        input:
            expand("_build/paper/scores/{score}", score=SCORES),
            expand("_build/paper/borders/{kind}", kind=["blur", "gaussian", "inpainting", "poisson", "salt-pepper"]),
            "_build/paper/human-boundaries",
            "_build/paper/protocol-card",
            "_build/paper/costs",
        message:
            "weights and scores are current"

    rule fit:
        input:
            lambda w: before(EXPERIMENTS[w.name]),
        output:
            "_build/paper/weights/{name}",
        params:
            digest=lambda w: EXPERIMENTS[w.name].digest,
            experiment=lambda w: "{0.model} {0.degradation} {0.level}".format(EXPERIMENTS[w.name]),
        message:
            "weights {wildcards.name}"
        shell:
            "{PYTHON} -c 'import sys; from anisodiff.study import experiments; from anisodiff.training import loop as training; _, model, kind, level = sys.argv;"
            " training.fit(experiments.Experiment(model, kind, float(level)))' {params.experiment}"
            " && echo {params.digest} > {output}"

    rule evaluate:
        input:
            # those of all models: an oracle starts from the tuned classic
            lambda w: [
                f"_build/paper/weights/{name}" for name, made in EXPERIMENTS.items() if made.degradation == w.kind
            ],
        output:
            touch("_build/paper/scores/{place}/{model}/{kind}"),
        params:
            protocol=STUDY["protocol"],
            collection=lambda w: SCORES[f"{w.place}/{w.model}/{w.kind}"] or "",
            experiments=lambda w: [made.digest for made in EXPERIMENTS.values() if made.degradation == w.kind],
        message:
            "scores of {wildcards.model} for {wildcards.kind} ({wildcards.place})"
        shell:
            "{PYTHON} -c 'import sys; from anisodiff.study import evaluation;"
            ' given = ("{wildcards.model}", "{wildcards.kind}", *sys.argv[1:]);'
            " evaluation.is_recorded(*given) or evaluation.record(*given)' {params.collection}"

    rule costs:
        input:
            expand("_build/paper/scores/{score}", score=SCORES),  # last, when the machine is quiet
        output:
            touch("_build/paper/costs"),
        params:
            experiments=sorted(made.digest for made in EXPERIMENTS.values()),
        message:
            "what the models cost"
        shell:
            "{PYTHON} -m anisodiff.reports.costs"

    rule protocol_card:
        input:
            "_build/paper/weights/perona-malik/gaussian-25",
        output:
            touch("_build/paper/protocol-card"),
        params:
            protocol=STUDY["protocol"],
            experiment=EXPERIMENTS["perona-malik/gaussian-25"].digest,
        message:
            "what each choice of the protocol costs"
        shell:
            "{PYTHON} -c 'from anisodiff.study import protocol; protocol.record()'"

    rule borders:
        input:
            "_build/paper/weights/border-classifier/{kind}",
            "_build/paper/weights/border-classifier-universal/all",
        output:
            touch("_build/paper/borders/{kind}"),
        params:
            protocol=STUDY["protocol"],
        message:
            "scores of the detectors of borders for {wildcards.kind}"
        shell:
            "{PYTHON} -c 'from anisodiff.borders import detection;"
            ' detection.is_recorded("{wildcards.kind}") or detection.record("{wildcards.kind}")\''

    rule human_boundaries:
        input:
            "_build/paper/weights/border-classifier/gaussian",
            "_build/paper/weights/border-classifier-universal/all",
        output:
            touch("_build/paper/human-boundaries"),
        params:
            protocol=STUDY["protocol"],
        message:
            "borders and what humans drew"
        shell:
            "{PYTHON} -c 'from anisodiff.borders import human as boundaries;"
            " boundaries.is_recorded_human() or boundaries.record_human()'"
