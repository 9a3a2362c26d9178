"""The written book in a browser, after ``make book``: ``make look``.

Every page, wide and narrow, light and dark: no error of a script, no request to another host, no serious or critical
violation of accessibility (axe-core), nothing wider than the screen, and little to fetch before a reader scrolls.
"""

import functools
import http.server
import re
import threading
import zlib

import browsers
import pytest
from axe_playwright_python.sync_playwright import Axe

from anisodiff.data import provenance

HTML = provenance.ROOT / "_build/html"
PAGES = sorted(
    str(path.relative_to(HTML))
    for part in ("book", "notebooks")
    for path in (HTML / part).rglob("*.html")
)
VIEWS = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]
HEAVY = 1.5e6  # bytes as a server packs them
BOOK = 40e6  # bytes of all files
HOST = re.compile(r"http://127\.0\.0\.1:|data:|blob:")


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address():
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(HTML))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    assert browsers.path(), browsers.MISSING
    with browsers.started() as started:
        yield started


def test_there_are_pages():
    assert len(PAGES) > 20, "make book first"


def seen(browser, page, width, theme):
    """What is wrong with a page in a view."""
    opened = browser.new_page(viewport={"width": width, "height": 1000}, color_scheme=theme)
    wrong, answers = [], []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda said: said.type == "error" and wrong.append(said.text))
    opened.on("request", lambda asked: HOST.match(asked.url) or wrong.append(f"asks {asked.url}"))
    opened.on("response", lambda answer: answers.append(answer))  # which wants a function
    opened.goto(page, wait_until="networkidle")
    weight = sum(len(zlib.compress(answer.body())) for answer in list(answers))
    if weight > HEAVY:
        wrong.append(f"fetches {weight / 1e6:.2f} MB")
    if opened.evaluate("document.documentElement.scrollWidth") > width:
        wrong.append("is wider than the screen")
    for one in (
        Axe()
        .run(opened, options={"preload": False, "resultTypes": ["violations"]})
        .response["violations"]
    ):
        if one["impact"] in ("serious", "critical"):
            wrong.append(f"{one['id']}: {one['nodes'][0]['html'][:200]}")
    opened.close()
    return wrong


def test_the_whole_book_is_light():
    size = sum(path.stat().st_size for path in HTML.rglob("*") if path.is_file())
    assert size < BOOK


@pytest.mark.parametrize("page", PAGES)
def test_a_page_in_a_browser(browser, address, page):
    wrong = [
        f"{width} {theme}: {what}"
        for width, theme in VIEWS
        for what in seen(browser, f"{address}/{page}", width, theme)
    ]
    assert not wrong, "\n".join(wrong)
