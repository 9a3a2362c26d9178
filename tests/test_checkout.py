"""The store of artefacts, on a small study in a checkout of its own: what it makes, and what it then holds for current.

A process that has imported the heavy packages forks for each job, which imports the checkout's library anew.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from anisodiff.reports import status
from anisodiff.study import catalogue

pytestmark = pytest.mark.xdist_group("checkout")  # in one process, which makes the small study once
ROOT = Path(__file__).resolve().parents[1]
FORKING = """
import contextlib, io, json, os, sys, traceback
import numba, pandas, pooch, scipy.special, skimage.feature, skimage.filters, skimage.io, skimage.metrics
import skimage.morphology, skimage.restoration, torch, torch.utils.flop_counter, yaml
for line in sys.stdin:
    if os.fork():
        os.wait()
        continue
    root, source = json.loads(line)
    os.chdir(root)
    sys.path.insert(0, root + "/lib")
    names, said = {}, io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            exec(source, names)
        except BaseException:
            traceback.print_exc()
    print(json.dumps([names.get("result"), said.getvalue()]), flush=True)
    os._exit(0)
"""
BEGIN = """
from pathlib import Path
from anisodiff.cli import main
from anisodiff.reports import status
from anisodiff.study import catalogue, evaluation, restorers, runs, store

def words():
    found = status.examine(status.artefacts())
    return {name: state.word for name, state in found.items() if state.word != "current"}
"""
FAMILIES = ("classic", "lambda", "experts", "denoisers", "borders")
CHANGES = {  # what is smaller here than in the study
    "input": {"grid": "all"},
    "perona-malik": {"vary": {}},
    "learned-lambda": {"vary": {}, "unshipped": []},
    "tv": {"grid": {"gaussian": [25]}},
    "foe-s": {
        "arguments": {"steps": 3, "tau": 0.25, "functions": "splines", "size": 3, "experts": 4},
        "sizes": {},
        "grid": {"gaussian": [15, 25]},
        "vary": {},
    },
    "border-classifier": {},
    "border-classifier-universal": {},
}
LEVELS = {"gaussian": ("15", "25"), "salt-pepper": ("0.1", "0.2")}
SMALLER = {
    "problems/noise.py": ("levels, highest = (5, 10, 15, 20, 25, 35, 50)", "levels, highest = (15, 25)"),
    "problems/salt_pepper.py": ("levels, highest = (0.05, 0.1, 0.2, 0.35, 0.5)", "levels, highest = (0.1, 0.2)"),
    "borders/detection.py": ("SIGMAS = (0, 0.5, 0.7, 1, 1.4, 2, 2.8, 4, 5.6)", "SIGMAS = (0, 1)"),
    "training/tuning.py": ("min(count, len(chosen))", "min(count, 2)"),
}  # fmt: skip


def edit(root, file, *pairs):
    """Replace texts of a file of the checkout's library, each of which is there once."""
    path = root / "lib/anisodiff" / file
    text = path.read_text()
    for old, new in pairs:
        assert text.count(old) == 1, f"{file}: {old!r} is there {text.count(old)} times"
        text = text.replace(old, new)
    path.write_text(text)


@pytest.fixture(scope="module")
def call():
    """``call(root, source)``: what a source run in a checkout leaves as its ``result``."""
    begun = subprocess.Popen(
        [sys.executable, "-c", FORKING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def call(root, source):
        print(json.dumps([str(root), BEGIN + source]), file=begun.stdin, flush=True)
        result, said = json.loads(begun.stdout.readline())
        assert "Traceback" not in said, said
        return result, said

    yield call
    begun.communicate()


@pytest.fixture(scope="module")
def made(call, tmp_path_factory):
    """A checkout whose small study has been made, and what was said of it before."""
    root = tmp_path_factory.mktemp("made") / "checkout"
    shutil.copytree(ROOT / "lib", root / "lib")
    shutil.copy(ROOT / "Snakefile", root)
    (root / "notebooks").mkdir()
    for file, pair in SMALLER.items():
        edit(root, file, pair)
    protocol = yaml.safe_load((ROOT / "study/protocol.yml").read_text())
    profiles = protocol["profiles"]
    profiles["paper"] |= {"train": "shipped/train", "budget": profiles["smoke"]["budget"]}
    protocol |= {
        "protocol": {"collection": "shipped/test", "crop": 48, "seed": 0},
        "families": ["small"],
        "problems": list(LEVELS),
        "further": {
            "problem": "gaussian",
            "levels": [25],
            "seeds": "bsd68",
            "collections": [],
        },
    }
    models = {}
    for family in FAMILIES:
        models |= yaml.safe_load((ROOT / f"study/{family}.yml").read_text())
    small = {name: models[name] | {"collections": []} | change for name, change in CHANGES.items()}
    write(root, protocol=protocol, small=small)
    before, said = call(root, "result = [main(['status']), list(status.plan())]")
    call(root, "assert not any(main(['make', name]) for name in status.plan())")
    return root, before, said


@pytest.fixture
def checkout(made, tmp_path):
    """A copy of it to be changed."""
    shutil.copytree(made[0], tmp_path / "checkout")
    return tmp_path / "checkout"


def write(root, **files):
    for name, content in files.items():
        (root / "study").mkdir(exist_ok=True)
        (root / f"study/{name}.yml").write_text(yaml.safe_dump(content, sort_keys=False))


def weights(*models, kinds=tuple(LEVELS), only=None):
    """The names of the weights of models: one for each level, one of a classifier for all."""
    found = set()
    for model in models:
        for kind in ("gaussian",) if model in ("tv", "foe-s") else kinds:
            levels = ("25",) if model == "tv" else LEVELS[kind]
            found |= {
                f"weights/{model}/{kind}-{level}" for level in levels if only in (None, level)
            }
    return found


def scores(*models, kinds=tuple(LEVELS)):
    return {
        f"scores/shipped-test/{model}-{kind}"
        for model in models
        for kind in (("gaussian",) if model in ("tv", "foe-s") else kinds)
    }


def borders(*kinds):
    return {f"scores/{name}-{kind}" for name in ("borders", "borders-curves") for kind in kinds}


DIFFUSIONS = ("perona-malik", "learned-lambda")
CARD, COSTS = "scores/protocol-card", "scores/costs"
CLASSIFIERS = {"weights/border-classifier-universal/all"} | {
    f"weights/border-classifier/{kind}" for kind in LEVELS
}
EVERYTHING = (
    weights(*DIFFUSIONS, "tv", "foe-s")
    | scores("input", *DIFFUSIONS, "tv", "foe-s")
    | {CARD, COSTS, *CLASSIFIERS, *borders(*LEVELS)}
)


def test_what_was_made_is_current_and_status_says_so(made, call):
    root, (code, planned), said = made
    assert code == 1 and set(planned) == EVERYTHING
    assert f"{len(EVERYTHING)} missing" in said
    assert f"0.0 hours the last time ({len(EVERYTHING)} were never made)" in said
    result, said = call(root, "result = [main(['status']), status.plan()]")
    assert result == [0, {}] and said == f"{len(EVERYTHING)} current\n"


def test_the_recipe_covers_what_builds_a_model_what_it_starts_from_and_the_levels(checkout, call):
    small = yaml.safe_load((checkout / "study/small.yml").read_text())
    found, _ = call(
        checkout,
        f"""
import yaml
from anisodiff.problems import PROBLEMS
from anisodiff.study import weights
small, found = {small!r}, []

def look(name, what):
    catalogue.study.cache_clear()
    found.append(words())
    why = store.state(status.artefacts()[name]).why
    assert what in why, (what, why)

def changed(model, **arguments):
    arguments = small[model]["arguments"] | arguments
    study = small | {{model: small[model] | {{"arguments": arguments}}}}
    Path("study/small.yml").write_text(yaml.safe_dump(study, sort_keys=False))

changed("foe-s", steps=20)
look("weights/foe-s/gaussian-25", "arguments, steps was 3 and is 20")
changed("foe-s", experts=99)
look("scores/shipped-test/foe-s-gaussian", "it starts from weights/foe-s/gaussian-15, which is stale")
changed("border-classifier", threshold=20)
look("weights/border-classifier/gaussian", "arguments, threshold was 30 and is 20")
changed("foe-s")

levels, PROBLEMS["gaussian"].levels = PROBLEMS["gaussian"].levels, (15, 20, 25)
look("scores/shipped-test/input-gaussian", "levels was [15.0, 25.0] and is [15.0, 20.0, 25.0]")
PROBLEMS["gaussian"].levels = levels

run = runs.Run("perona-malik", "gaussian", 25)
module, header = restorers.open_weights(run).module, restorers.open_weights(run).header
weights.write(run.weights, module, header | {{"tuned": "anew"}})
store.record(run.artefact(), {{}})
look("weights/learned-lambda/gaussian-25", "starts from, perona-malik/gaussian-25 was ")
result = found
""",
    )
    foe_s = weights("foe-s") | scores("foe-s")
    own = {"weights/border-classifier/gaussian", "weights/border-classifier/salt-pepper"}
    added = {f"weights/{model}/gaussian-20" for model in DIFFUSIONS}
    of_gaussian = {"weights/border-classifier/gaussian", "weights/border-classifier-universal/all"}
    assert [set(words) for words in found] == [
        foe_s,
        foe_s,
        own | borders(*LEVELS),
        added | of_gaussian | scores("input", *DIFFUSIONS, kinds=["gaussian"]) | borders(*LEVELS),
        weights("learned-lambda", kinds=["gaussian"], only="25")
        | scores(*DIFFUSIONS, kinds=["gaussian"])
        | {CARD},
    ]
    assert {name for name, word in found[3].items() if word == "missing"} == added
    assert {word for words in found for word in words.values()} == {"stale", "missing"}


def test_a_file_that_was_edited_or_deleted_is_neither_read_nor_current(checkout, call):
    result, said = call(
        checkout,
        """
table = evaluation.scores_path("shipped/test", "foe-s", "gaussian")
*lines, last = table.read_text().splitlines()
image, level, psnr, *rest = last.split(",")
table.write_text("\\n".join([*lines, ",".join([image, level, f"{float(psnr) + 1:.4f}", *rest])]) + "\\n")
run = runs.Run("learned-lambda", "salt-pepper", 0.2)
content = bytearray(run.weights.read_bytes())
content[-1] ^= 1
run.weights.write_bytes(content)
result = []
for reads in (lambda: evaluation.read_scores("shipped/test", "foe-s", "gaussian"), lambda: restorers.open_weights(run)):
    try:
        reads()
    except OSError as error:
        result.append(str(error))
evaluation.scores_path("shipped/test", "tv", "gaussian").unlink()
result += [words(), main(["status"])]
""",
    )
    *refused, found, code = result
    assert len(refused) == 2 and all(
        "is damaged: its content is not what was" in one for one in refused
    )
    assert found == {
        "weights/learned-lambda/salt-pepper-0.2": "damaged",
        "scores/shipped-test/learned-lambda-salt-pepper": "stale",
        "scores/shipped-test/foe-s-gaussian": "damaged",
        "scores/shipped-test/tv-gaussian": "missing",
    }
    assert code == 1
    assert (
        "damaged  scores/shipped-test/foe-s-gaussian: its content is not what was recorded" in said
    )


METRIC = ("metrics/distortion.py", ("sigma=1.5", "sigma=2.5"))
FORMULAS = {
    "a metric": ([METRIC], scores("input", *DIFFUSIONS, "tv", "foe-s") | {CARD}),
    "a problem": (
        [("problems/noise.py", ("add_white(y, self.sigma, rng)", "add_white(y, 1.1 * self.sigma, rng)"))],
        weights(*DIFFUSIONS, "tv", "foe-s", kinds=["gaussian"])
        | scores("input", *DIFFUSIONS, "tv", "foe-s", kinds=["gaussian"])
        | (CLASSIFIERS - {"weights/border-classifier/salt-pepper"})
        | borders(*LEVELS)  # which start from the universal classifier
        | {CARD},
    ),
    "a diffusivity": (
        [
            ("methods/diffusion/classic.py", ("else 1 / (1 + ratio)", "else 1 / (1.2 + ratio)")),
            ("methods/diffusion/kernels/explicit.py", ("d / (np.float32(1) +", "d / (np.float32(1.2) +")),
        ],
        weights(*DIFFUSIONS) | scores(*DIFFUSIONS) | {CARD},
    ),
    "what tunes a model that others start from": (
        [("training/tuning.py", ('"lambda_": lambda_', '"lambda_": 1.5 * lambda_'))],
        weights(*DIFFUSIONS) | scores(*DIFFUSIONS) | {CARD},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FORMULAS)
def test_a_changed_formula_makes_stale_what_depends_on_it_and_nothing_else(checkout, call, what):
    edits, expected = FORMULAS[what]
    for file, *pairs in edits:
        edit(checkout, file, *pairs)
    (planned, after), _ = call(checkout, "result = [status.plan(), words()]")
    assert set(planned) == expected
    assert after.keys() <= expected, "what its probe confirmed is current from now on"


def test_what_changes_nothing_is_current_at_once_or_confirmed_by_its_probe(checkout, call):
    edit(
        checkout,
        "methods/diffusion/classic.py",
        (
            "    ratio = (d / lambda_) ** 2",
            "    # in units of lambda\n    share = (d / lambda_) ** 2",
        ),
        ("exp(-ratio) if", "exp(-share) if"),
        ("1 / (1 + ratio)", "1 / (1 + share)"),
        ("``d`` is a difference", "Here ``d`` is a difference"),
    )
    assert call(checkout, "result = words()")[0] == {}
    path = checkout / "lib/anisodiff/training/tuning.py"
    path.write_text(path.read_text().replace("_mean_psnr(", "_psnr_of_all("))
    (found, codes), said = call(
        checkout,
        "result = [words(), [main(['status']), main(['status', '--probe']), main(['status'])]]",
    )
    tuned = weights("perona-malik", "tv") | {CARD}
    assert found == dict.fromkeys(tuned, "changed") and codes == [1, 0, 0]
    assert set(json.loads((checkout / "data/confirmed.json").read_text())) == tuned
    assert f"{len(tuned)} changed" in said.splitlines()[len(tuned)], (
        "the count comes after the names"
    )


def test_a_process_that_began_before_an_edit_confirms_and_records_no_new_code(checkout, call):
    (refused, found), _ = call(
        checkout,
        f"""
file, old, new = Path("lib/anisodiff/{METRIC[0]}"), *{METRIC[1]}
known = status.artefacts()
file.write_text(file.read_text().replace(old, new))
try:
    refused = store.settle(known["scores/shipped-test/tv-gaussian"])
except RuntimeError as error:
    refused = str(error)
Path("data/weights/tv/gaussian-25.safetensors").unlink()
main(["make", "weights/tv/gaussian-25"])
result = [refused, words()]
""",
    )
    assert "the library was edited since this process began" in refused
    assert found["weights/tv/gaussian-25"] == "changed"


def test_an_interrupted_plan_goes_on_and_counts_what_is_there(checkout, call):
    kept, evaluated = "weights/foe-s/gaussian-25", "scores/shipped-test/foe-s-gaussian"
    (first, second, third, fourth), _ = call(
        checkout,
        f"""
file, result = Path("data/{kept}.safetensors"), []
file.unlink()
result.append(status.plan())
main(["make", "{kept}"])
result.append(status.plan())
main(["make", "{evaluated}"])
result.append(status.plan())
file.unlink()
result.append(status.plan())
""",
    )
    assert first == fourth == {kept: [], evaluated: [kept]}
    assert second == {evaluated: []}
    assert third == {}


def test_the_pipeline_makes_what_a_plan_says_and_marks_count_for_that_plan_alone(checkout, call):
    table = checkout / "data/scores/shipped-test/tv-gaussian.csv"
    plans = []
    for _ in range(2):
        table.unlink(missing_ok=True)
        call(checkout, "assert main(['plan', '_build/paper/plan.json']) == 0")
        plans.append((checkout / "_build/paper/plan.json").read_text())
    assert json.loads(plans[0])["before"] == {"scores/shipped-test/tv-gaussian": []}
    assert plans[0] != plans[1], "the pipeline names its marks after the plan"
    done = pipeline(checkout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert table.is_file()


def pipeline(checkout):
    words = ["--cores", "1", "--nolock", "--config", "profile=paper", "--", "artefacts"]
    return subprocess.run(
        [Path(sys.executable).with_name("snakemake"), *words],
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(checkout / "lib")},
        capture_output=True,
        text=True,
    )


def test_of_two_builds_in_one_folder_the_second_says_so_and_touches_nothing(checkout):
    (checkout / "_build").mkdir(exist_ok=True)
    with open(checkout / "_build/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = pipeline(checkout)
    assert done.returncode == 1
    assert (done.stdout + done.stderr).splitlines() == [
        "Another make is building in this folder: wait until it ends, then give the same command"
        " again."
    ]


def test_the_plan_of_the_full_study_has_few_edges_and_an_order():
    known, seen = status.artefacts(), set()
    edges = [(name, one.name) for name, artefact in known.items() for one in artefact.starts_from]
    assert len(edges) < 3 * len(known)
    for name, artefact in known.items():
        assert {one.name for one in artefact.starts_from} <= seen, f"{name} comes too early"
        seen.add(name)
    foreign = []
    for model, kind in catalogue.scored():
        entry = catalogue.entry(model)
        own = model if entry.tune or entry.train else entry.init_from
        behind = {one for name, one in edges if name == f"scores/bsds500-val/{model}-{kind}"}
        foreign += [(model, one) for one in behind if not one.startswith(f"weights/{own}/")]
    assert not foreign
