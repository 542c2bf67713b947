"""The page in a real browser, against the app in a process of its own that all of these tests share."""

from pathlib import Path

import pytest

from benchmarks.start import start_server, stop_server
from tests.support.browser import wait
from tests.support.quick_page import PROGRAM
from tests.support.warm_python import warm_python
from web.one_cell.callbacks import EXAMPLES


@pytest.fixture(scope="session")
def address():
    url, app, _ = start_server(warm_python(), PROGRAM)
    yield url
    assert stop_server(app) == 0


@pytest.fixture(scope="session")
def cell(real_cells) -> Path:
    """A cell to upload: a real parasitized one where there is data, or an example."""
    cells = [path for path, _ in real_cells or []] or sorted(EXAMPLES.glob("*-*.png"))
    return cells[0]


@pytest.fixture
def window(browser, address):
    """The browser before the page; afterwards, that nothing came from elsewhere and that the console has no errors."""
    browser.get("about:blank")  # what was still under way on the page before breaks off here
    browser.get_log("browser")
    counted = browser.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": "performance.setResourceTimingBufferSize(10000)"}
    )
    yield browser
    requests = browser.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", counted)
    assert len(requests) > 5
    assert [url for url in requests if not url.startswith((address, "data:", "blob:"))] == []
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


@pytest.fixture
def page(window, address):
    """The fresh page."""
    window.get(address)
    wait(window, "#drop-zone input[type=file]")
    return window
