"""The pages of the study on the smallest budget, with other parameters than the book's."""

import nbformat
import pytest

from anisodiff.reports.pages.running import run

OTHER = {
    "degradations": {"image": "brick", "seed": 3},
    "perona_malik": {"sigma": 50.0, "option": 1, "tau": 0.1, "image": "grass"},
    "learned_lambda": {"degradation": "poisson", "level": 5.5, "option": 1, "image": "astronaut"},
    "p1_diffusivities": {"degradation": "blur", "level": 2.25, "intervals": 3, "image": "grass"},
    "fields_of_experts": {"family": "monomials", "sigma": 50.0, "image": "grass"},
    "all_levels": {"degradation": "inpainting", "level": 0.3, "image": "grass", "seed": 0},
    "freedoms": {"freedom": "edges", "image": "brick"},
    "unet_diffusivity": {"sigma": 15.0, "image": "brick"},
    "edginess": {"image": "brick", "model": "input", "seed": 3},
    "border_classification": {
        "degradation": "poisson",
        "level": 5.5,
        "threshold": 50,
        "image": "astronaut",
    },
    "borders_in_diffusion": {"degradation": "salt-pepper", "level": 0.2, "image": "grass"},
}


TRAINS = {
    "p1_diffusivities",
    "border_classification",
}  # with these parameters: a training shows its progress


@pytest.mark.parametrize("page", OTHER)
def test_page_runs_with_other_parameters(page, tmp_path):
    output = tmp_path / f"{page}.ipynb"
    run(page, output, OTHER[page] | {"profile": "smoke"})
    notebook = nbformat.read(output, as_version=4)
    record = notebook.metadata["anisodiff"]
    assert OTHER[page].items() <= record["parameters"].items()
    assert any(name.startswith("data/scores/") for name in record["used"])
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    noise = [output for output in shown if output.output_type in ("stream", "error")]
    if page in TRAINS:
        noise = [
            output
            for output in noise
            if output.get("text", "!").strip() and "step/s" not in output.get("text", "")
        ]
    assert not noise, "on a published page; the progress of a training that was asked for is none"
    assert (
        sum("figure" in output.metadata for output in shown if output.output_type == "display_data")
        >= 2
    )
