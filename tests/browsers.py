"""A browser for the tests: Chromium or Chrome, whichever is installed."""

import shutil
from contextlib import contextmanager

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = f"no browser: none of {', '.join(NAMES)} is installed"


def path():
    """Where the browser is, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def started():
    """The browser, without a window, and asking nothing of its own accord."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path(), args=["--no-sandbox", "--disable-background-networking"]
        )
        yield browser
        browser.close()
