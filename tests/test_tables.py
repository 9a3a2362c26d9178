"""Tables that readers sort: their HTML, the names in them, and what a browser makes of them, opened from the disk."""

import re

import nbformat
import pytest

from anisodiff.data import provenance
from anisodiff.reports import comparison, names, scoreboard
from anisodiff.reports.pages import tables
from anisodiff.reports.pages.tables import Head, Html
from anisodiff.study import catalogue

ROOT = provenance.ROOT
HEADS = ("Model", Head("PSNR", better=1), Head("LPIPS", better=-1), "Command")
HEADS += (Head("Kind", choose=True, more=True),)
LINE = "anisodiff evaluate a --level 25"


def rows(count=3):
    """Models a, b, c, ... with PSNR 30, 29, 28, ... and LPIPS 0.1, 0.3, 0.2, 0.4, ..."""
    lpips = (0.1, 0.3, 0.2, *(0.1 * at for at in range(4, count + 1)))
    return [
        (
            Html(f'<a href="#{at}">model {chr(97 + at)}</a>'),
            (30 - at, f"{30 - at}.00"),
            (lpips[at], f"{lpips[at]:.2f}"),
            tables.copy(LINE) if at == 0 else "",
            "diffusion" if at % 2 else "network",
        )
        for at in range(count)
    ]


# The HTML ------------------------------------------------------------------------------------------------------------


def test_heads_say_what_is_better_and_by_what_the_rows_are_sorted():
    text = tables.sortable(HEADS, rows(), "cap", sorted_by="PSNR")
    heads = re.findall("<th.*?</th>", text)
    assert "↑" in heads[1] and "higher is better" in heads[1] and "descending" in heads[1]
    assert "↓" in heads[2] and "aria-sort" not in heads[2]
    assert 'class="more"' in heads[4] and "data-choose" in heads[4]
    assert text.count('<td class="more">') == 3 and text.count("<tr>") == 4
    assert "&lt;" in tables.sortable(["x<y"], [("a<b",)])


def test_every_model_of_a_comparison_has_a_name_and_a_page_that_is_there():
    for collection in ("bsds500/val-500", "bsd68", "ct"):
        for model in comparison.candidates(collection, 25):
            assert model in names.NAMES, f"{model} is shown by the study's own name"
    assert set(names.NAMES) <= set(catalogue.names())
    for model in names.NAMES:
        address = re.search('href="([^"#]+)#?([^"]*)"', names.link(model))
        page = ROOT / "notebooks" / address[1].replace(".html", ".ipynb")
        if page.is_file():
            cells = nbformat.read(page, as_version=4).cells
            text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        else:
            text = page.with_suffix(".md").read_text(encoding="utf-8")
        titles = re.findall("(?m)^#+ (.*)$", text)
        sections = {re.sub("[^a-z0-9]+", "-", title.lower()).strip("-") for title in titles}
        assert not address[2] or address[2] in sections, f"{model}: {page} has no {address[2]}"
    assert names.name("dncnn-30k-pixels") == "DnCNN, 30\u00a0K, as many pixels"
    assert names.link("a<b") == "a&lt;b"


def test_the_scoreboard_begins_with_the_best_and_makes_each_row_again():
    text = scoreboard.scoreboard("bsd68", 25, "foe-s")
    psnr = [float(value) for value in re.findall(r'data-value="([\d.]+)">[\d.]+</td>', text)]
    order = comparison.ranked("bsd68", 25)
    assert text.count("<tr>") == len(order) + 1
    assert psnr[0] == pytest.approx(comparison.scores(order[0], "psnr", 25, "bsd68").mean(), 1e-4)
    found = re.findall('data-copy="([^"]+)"', text)
    ends = "--level 25 --collection bsd68 --crop 0 --perceptual"
    assert found == [f"anisodiff evaluate {name} {ends}" for name in order]
    assert "over FoE-S" in text and ">foe-s<" not in text


@pytest.mark.parametrize("where", ["mri", "ct-subjects"])
def test_what_is_not_significant_is_marked_elsewhere_too(where):
    gaps = scoreboard.over(where, 25, "foe-s").drop("foe-s")
    text = scoreboard.elsewhere({where: where}, list(gaps.index), 25, "foe-s")
    cells = text.partition("<tbody>")[2].split("<tr>")[1:]
    assert [", n.s." in cell for cell in cells] == list(~gaps.significant)
    assert 0 < gaps.significant.sum() < len(gaps)


# In a browser --------------------------------------------------------------------------------------------------------


@pytest.fixture
def opened(from_disk):
    """Opens HTML as the output of a cell, on a narrow screen."""

    def show(body, width=390, script="tables", **settings):
        output = f'<div class="cell_output">{body}</div>'
        return from_disk(output, [script], viewport={"width": width, "height": 800}, **settings)

    return show


def order_of(page):
    return [text[-1] for text in page.locator("tbody tr td:first-child").all_inner_texts()]


def test_a_click_and_a_key_sort_the_better_first(opened):
    page = opened(tables.sortable(HEADS, rows(), sorted_by="PSNR"))
    head = page.locator("th").nth(1)
    assert head.get_attribute("aria-sort") == "descending" and order_of(page) == ["a", "b", "c"]
    page.get_by_role("button", name="LPIPS").click()
    assert order_of(page) == ["a", "c", "b"], "the lowest first, where lower is better"
    assert head.get_attribute("aria-sort") is None
    page.get_by_role("button", name="PSNR").focus()
    page.keyboard.press("Enter")
    assert order_of(page) == ["a", "b", "c"]
    page.keyboard.press("Enter")
    assert order_of(page) == ["c", "b", "a"] and head.get_attribute("aria-sort") == "ascending"


def test_columns_are_unfolded_and_rows_picked(opened):
    page = opened(tables.sortable(HEADS, rows()))
    kind = page.locator("thead th").nth(4)
    assert kind.is_hidden()
    button = page.get_by_role("button", name="More columns")
    button.focus()
    page.keyboard.press("Enter")
    assert kind.is_visible()
    page.get_by_role("button", name="Fewer columns").click()
    assert kind.is_hidden()
    page.get_by_label("Kind").select_option("diffusion")
    assert page.locator("tbody tr:visible").count() == 1
    assert page.locator("output").inner_text() == "1 of 3"


@pytest.mark.parametrize("refused", [False, True])
def test_a_command_is_copied_by_the_keyboard_and_it_is_said(opened, refused):
    page = opened(
        tables.sortable(HEADS, rows()) + '<textarea id="paste" aria-label="paste"></textarea>',
        permissions=["clipboard-read", "clipboard-write"],
    )
    if refused:
        page.evaluate(
            "() => { navigator.clipboard.writeText = () => Promise.reject(Error('no')); }"
        )
    button = page.get_by_role("button", name=f"Copy: {LINE}")
    cell = button.locator("xpath=..").bounding_box()
    box = button.bounding_box()
    assert box["x"] + box["width"] <= cell["x"] + cell["width"] + 1, "it does not spill"
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('[role=status]').textContent === 'Copied'")
    assert button.inner_text() == "Copied"
    page.locator("#paste").focus()
    page.keyboard.press("Control+V")
    assert page.locator("#paste").input_value() == LINE
    page.wait_for_function("document.querySelector('button.copy').textContent === 'Copy'")


def test_models_and_heads_stay_in_sight_when_the_rest_scrolls(opened):
    many = [row + ("x" * 20,) * 6 for row in rows(40)]
    page = opened(tables.sortable([*HEADS, *"defghi"], many))
    box = page.locator(".sorting")
    first = page.locator("tbody td").first
    head = page.locator("thead th").first
    before = first.bounding_box()["x"], head.bounding_box()["y"]
    box.evaluate("(element) => element.scrollTo(300, 300)")
    assert box.evaluate("(element) => [element.scrollLeft, element.scrollTop]") == [300, 300]
    assert (first.bounding_box()["x"], head.bounding_box()["y"]) == pytest.approx(before, abs=1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.fixture
def numbered(opened):
    """A page with two paragraphs of three numbers each and a table of two."""
    made = iter(range(1, 9))

    def number(_):
        at = next(made)
        return f'<abbr class="number measured" title="from file {at}">{at}.00</abbr>'

    paragraph, cells = "<p>N, N and N dB.</p>", "<tr><td>N</td></tr>"
    body = 2 * paragraph + f"<table><tbody>{2 * cells}</tbody></table>"
    body = re.sub("N", number, body)
    return lambda **settings: opened(body, script="numbers", **settings)


def test_numbers_say_their_source_to_the_keyboard_with_one_stop_a_block(numbered):
    page = numbered()
    tip, stops = page.locator(".number-tip"), []
    for _ in range(3):
        page.keyboard.press("Tab")
        stops.append(tip.inner_text().splitlines()[0])
    assert stops == ["from file 1", "from file 4", "from file 7"]
    page.keyboard.press("ArrowRight")
    focused = page.locator("abbr:focus")
    assert focused.inner_text() == "8.00" and focused.get_attribute("role") == "button"
    assert (
        page.locator(f"#{focused.get_attribute('aria-describedby')}")
        .inner_text()
        .startswith("from file 8")
    )
    assert "2 of 2" in tip.inner_text()
    page.keyboard.press("Escape")
    assert tip.is_hidden() and focused.get_attribute("aria-describedby") is None
    page.keyboard.press("Enter")
    assert tip.is_visible()
    page.keyboard.press("Shift+Tab")
    assert tip.inner_text().startswith("from file 4")


def test_numbers_say_their_source_to_a_finger_and_to_the_pointer(numbered):
    page = numbered(has_touch=True)
    tip = page.locator(".number-tip")
    page.locator("abbr").nth(2).tap()
    assert tip.inner_text() == "from file 3"
    box = tip.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390, "all of it is on the screen"
    page.touchscreen.tap(200, 700)
    assert tip.is_hidden()
    page = numbered()
    page.locator("abbr").nth(4).hover()
    tip = page.locator(".number-tip")
    assert tip.inner_text() == "from file 5"
    tip.hover()
    page.wait_for_timeout(300)
    assert tip.is_visible(), "the pointer may go to it"


def test_results_of_a_search_cite_prose(opened):
    stub = "new DOMParser().parseFromString(markup, 'text/html').body.textContent"
    page = opened(
        f"<script>Search = {{ htmlToText: (markup) => {stub} }}</script>", script="search"
    )
    parts = '<div class="cell_input">import numpy</div><span class="math">x^2</span><td>a</td>'
    said = page.evaluate("(markup) => Search.htmlToText(markup)", f"<p>kept</p>{parts}")
    assert said.split() == ["kept", "a"]
