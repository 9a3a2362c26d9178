"""The numbers of executed pages: found, recorded, and compared with the record."""

import base64
import io
import re
import sys
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image

from anisodiff.data import provenance
from anisodiff.reports.pages import __main__ as command
from anisodiff.reports.pages import comparing, drift, numbers
from anisodiff.reports.pages.tables import Head, sortable

ROOT = provenance.ROOT
sys.path.insert(0, str(ROOT / "book/_ext"))
import status_table  # noqa: E402

CLAIM = {"verdict": "reproduced", "interval": [0.5, 0.4, 0.6], "control": [0, 0, 0], "digits": 2}


def executed(gain=0.25, psnr=27.99, profile="quick"):
    """A page with a number in its text, one of a time, a claim, a table to sort and one of pandas with two heads."""
    rows = [
        ("best", (psnr, f"{psnr:.2f}"), (gain, f"+{gain:.2f}<small>"), (29000, "29 K"), (1, "3 ms"))
    ]
    heads = ("Model", Head("PSNR", better=1), "over FoE-S", "Size", "Cost")
    frame = pd.DataFrame([[1.5, 2]], ["blur"], pd.MultiIndex.from_product([["gain"], ["a", "b"]]))
    shown = [
        ({}, {"number": {"name": "gain", "value": gain, "digits": 2}}),
        ({}, {"number": {"name": "training_seconds", "value": 7.0, "digits": 0}}),
        ({}, {"verdicts": {"better": {"": CLAIM, "blur": CLAIM}}}),
        ({"text/html": sortable(heads, rows, "scores")}, {}),
        ({"text/html": frame.style.format("{:.1f}").to_html()}, {}),
        ({"text/plain": "1.5"}, {}),
    ]
    outputs = [new_output("display_data", data=data, metadata=known) for data, known in shown]
    made = {"parameters": {"profile": profile}}
    cell = new_code_cell("", outputs=outputs, id="cell")
    return new_notebook(cells=[cell], metadata={"anisodiff": made})


def test_numbers_are_found_with_their_tolerance_and_times_are_not():
    found = {
        number[:3]: (number.value, round(number.tolerance, 6)) for number in numbers.of(executed())
    }
    assert found == {
        ("text", "gain", ""): (0.25, 0.02),
        ("claims", "better", "measured"): (0.5, 0.02),
        ("claims", "better", "control"): (0.0, 0.02),
        ("claims", "better: blur", "measured"): (0.5, 0.02),
        ("claims", "better: blur", "control"): (0.0, 0.02),
        ("cell", "best", "PSNR"): (27.99, 0.02),
        ("cell", "best", "over FoE-S"): (0.25, 0.02),
        ("cell", "best", "Size"): (29000.0, 500.0),
        ("cell 2", "blur", "gain a"): (1.5, 0.2),
        ("cell 2", "blur", "gain b"): (2.0, 0.2),
    }
    assert numbers.captions(executed()) == {"cell": "scores"}


def test_what_a_cell_prints_is_read():
    def read(text):
        return [(value, digits, scale) for value, digits, scale in numbers.NUMBER.findall(text)]

    assert read("−0.04 −0.09 to +0.00, n.s.") == [
        ("−0.04", "04", ""),
        ("−0.09", "09", ""),
        ("+0.00", "00", ""),
    ]
    assert read("206,065") == [("206,065", "", "")] and read("1.38 K") == [("1.38", "38", "K")]
    assert read("5x5") == [] and read("kept by BSD68") == []


def test_a_move_is_counted_in_tolerances(tmp_path):
    (tmp_path / "data").mkdir()
    for folder in ("notebooks", "_build/source/notebooks"):
        (tmp_path / folder).mkdir(parents=True)
        nbformat.write(executed(), tmp_path / folder / "page.ipynb")
    command.main(["record", "--root", str(tmp_path)])
    command.main(["drift", "--root", str(tmp_path), "--issue", str(tmp_path / "issue.md")])
    assert not (tmp_path / "issue.md").exists(), "nothing has moved"
    assert drift.total(drift.everywhere(tmp_path)) == "0 of 10 numbers moved beyond their tolerance"

    path = tmp_path / "_build/source/notebooks/page.ipynb"
    nbformat.write(executed(gain=0.27, psnr=28.05), path)
    found = drift.everywhere(tmp_path)
    one = found["page"]
    assert (one.compared, one.new, one.gone) == (10, 0, 0) and one.largest == pytest.approx(3)
    assert list(one.beyond.index) == [("page", "cell", "best", "PSNR")], "0.02 more is within"
    summary = tmp_path / "summary.md"
    words = ["drift", "--root", str(tmp_path), "--summary", str(summary)]
    command.main([*words, "--issue", str(tmp_path / "issue.md")])
    text = summary.read_text()
    assert (tmp_path / "issue.md").read_text() == text
    assert "1 of 10 numbers moved beyond their tolerance." in text
    assert "| page | 10 | 0 | 0 | 1 | 3 tolerances |" in text
    assert "| page / cell / best / PSNR | 27.99 | 28.05 | 0.02 |" in text

    page = executed()
    page.cells[0].outputs.pop(3)
    assert drift.of("page", page, numbers.recorded(tmp_path))[1:3] == (2, 5), (
        "a table is gone, so that the other is the first"
    )
    nbformat.write(executed(profile="smoke"), path)
    assert "not run with profile quick" in drift.as_text(drift.everywhere(tmp_path))
    path.unlink()
    with pytest.raises(SystemExit, match="page page was not executed yet"):
        command.main(["drift", "--root", str(tmp_path)])


def test_the_book_says_what_moved(tmp_path, monkeypatch):
    nbformat.write(executed(psnr=28.05), tmp_path / "page.ipynb")
    record = numbers.frame("page", executed())
    monkeypatch.setattr(status_table.numbers, "recorded", lambda root: record)
    env = SimpleNamespace(
        external_site_map={"page": None},
        doc2path=lambda name: tmp_path / f"{name}.ipynb",
        note_dependency=lambda name: None,
    )
    made = object.__new__(status_table.Drift)
    made.state = SimpleNamespace(document=SimpleNamespace(settings=SimpleNamespace(env=env)))
    sentence, table, far = (node.astext().split("\n\n") for node in made.run())
    assert sentence == ["1 of 10 numbers moved beyond their tolerance."]
    assert table[-5:] == ["page", "10", "1", "3.0", "0, 0"]
    assert far[-4:] == ["page / cell / best / PSNR", "27.99", "28.05", "0.02"]


def test_figures_are_compared_by_their_pixels():
    def figure(tone):
        file = io.BytesIO()
        pixels = np.full((4, 4, 3), 200, np.uint8)
        pixels[0] = tone
        Image.fromarray(pixels).save(file, format="webp", lossless=True)
        return f'<img src="data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}">'

    assert comparing._apart(figure(0), figure(0)) == "the same"
    assert "25.0% of the pixels differ" in comparing._apart(figure(0), figure(50))
    assert comparing._apart(figure(0), "not in this run") == ""


def test_the_record_is_of_the_pages_that_there_are():
    """What moved is for the weekly run to say; here: every page is recorded, and each of its numbers by its name."""
    record = numbers.recorded()
    assert record.index.is_unique and (record.tolerance > 0).all() and record.notna().all().all()
    texts = record.xs(numbers.TEXT, level="table").index
    for page in (ROOT / "notebooks").glob("*.ipynb"):
        code = "\n".join(
            cell.source
            for cell in nbformat.read(page, as_version=4).cells
            if cell.cell_type == "code"
        )
        named = set(re.findall(r'page\.number\(\s*"([^"]+)"', code))
        named = {name for name in named if not numbers.TIMES.search(name.replace("_", " "))}
        known = {row for of, row, _ in texts if of == page.stem}
        lacks = f"{page.stem}: python -m anisodiff.reports.pages record (after make book)"
        assert page.stem in record.index.get_level_values("page"), lacks
        assert named <= known, f"{lacks}: {sorted(named - known)}"
    pages = {page.stem for page in (ROOT / "notebooks").glob("*.ipynb")}
    assert set(record.index.get_level_values("page")) <= pages
