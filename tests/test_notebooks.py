"""The pages of the study on the smallest budget, with other parameters than the book's."""

import nbformat
import pytest

from anisodiff.data.provenance import ROOT
from anisodiff.reports.pages import running

OTHER = {  # those that take longest first
    "learned_lambda": {"degradation": "poisson", "level": 5.5, "option": 1, "image": "astronaut"},
    "border_classification": {"degradation": "poisson", "level": 5.5, "threshold": 50},
    "cncl_comparison": {"level": 15.0, "collection": "set12", "baseline": "nlm", "image": "brick"},
    "p1_diffusivities": {"degradation": "blur", "level": 2.25, "intervals": 3, "image": "grass"},
    "all_levels": {"degradation": "inpainting", "level": 0.35, "image": "grass"},
    "borders_in_diffusion": {"degradation": "salt-pepper", "level": 0.2, "image": "grass"},
    "dct": {"sigma": 50.0, "patch": 6, "weights": "adaptive", "image": "grass"},
    "ffdnet": {"sigma": 50.0, "sigma_given": 20.0, "model": "ffdnet-narrow", "image": "brick"},
    "plug_and_play": {"problem": "text", "method": "pnp-admm", "denoiser": "tnrd", "steps": 3},
    "svd_samplers": {"problem": "uniform-blur", "method": "ddrm", "denoiser": "tnrd", "levels": 5},
    "proposals": {"steps": 3, "eta": 1.0, "count": 5, "critic_weight": 0.01, "image": "brick"},
    "pscgan": {"noise_scale": 0.5, "average": 2},
    "langevin": {"subject": "faces", "way": "coarse to fine", "beta": 0.3, "count": 8},
    "stochastic_denoiser": {"sigma": 25.0, "denoiser": "tnrd", "levels": 5, "image": "brick"},
    "from_diffusion": {"sigma": 50.0, "samples": 3, "tau": 0.005, "draws": 60, "image": "brick"},
    "adaptation": {"image": "brick", "kind": "internal", "model": "drunet-lite", "sigma": 25.0},
    "tnrd": {"model": "tnrd-7x7", "sigma": 50.0, "stage": 2, "peak": 1.0, "image": "grass"},
    "super_resolution": {
        "factor": 4,
        "kernel": "block-means",
        "optimiser": "adam",
        "image": "grass",
    },
    "edginess": {"image": "brick", "model": "input", "seed": 3},
    "fields_of_experts": {"family": "monomials", "sigma": 50.0, "image": "grass"},
    "perona_malik": {"sigma": 50.0, "option": 1, "tau": 0.1, "image": "grass"},
    "unet_diffusivity": {"sigma": 15.0, "image": "brick"},
    "freedoms": {"freedom": "edges", "image": "brick"},
    "five_pictures": {"sigma": 50.0, "image": "brick"},
    "your_image": {"sigma": 50.0, "image": "brick"},
    "degradations": {"image": "brick", "seed": 3},
    "your_own_diffusivity": {"level": 50.0, "image": "brick", "seed": 3},
    "last_word": {"level": 15.0, "baseline": "bm3d"},
}
TRAINS = {  # and shows its progress
    "p1_diffusivities",
    "border_classification",
    "learned_lambda",
    "your_own_diffusivity",
    "super_resolution",
}


def told(page, notebook):
    record = notebook.metadata["anisodiff"]
    if not OTHER[page].items() <= record["parameters"].items():
        yield f"ran with {record['parameters']}"
    if not any(name.startswith(("data/scores/", "data/weights/")) for name in record["used"]):
        yield "its provenance names neither scores nor weights"
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    figures = [one for one in shown if "figure" in one.get("metadata", {})]
    if len(figures) < 2:
        yield f"{len(figures)} figures"
    for output in shown:
        text = output.get("text", "").strip()
        progress = page in TRAINS and output.output_type == "stream"
        if output.output_type == "error" or (text and not (progress and "step/s" in text)):
            yield f"prints on a published page: {output}"


def test_every_page_has_other_parameters():
    assert OTHER.keys() == {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}


@pytest.mark.parametrize("page", OTHER)
def test_a_page_runs_with_other_parameters(page, tmp_path):
    output = tmp_path / f"{page}.ipynb"
    running.run(page, output, OTHER[page] | {"profile": "smoke"})
    wrong = list(told(page, nbformat.read(output, as_version=4)))
    assert not wrong, "\n".join(wrong)
