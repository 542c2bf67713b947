"""What is dropped in a real browser: the last that a person chose counts, however long an older drop takes."""

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from tests.support.browser import SECONDS, By, WebDriverWait, explained, opened, stale, upload, wait
from tests.support.synthetic_fields import EXAMPLES, GROUND, paste

pytestmark = [pytest.mark.browser, pytest.mark.slow]

UPLOADED = "return performance.getEntriesByType('resource').some(entry => entry.name.includes('/upload?'))"


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A photograph of one cell, at which the page looks for a while before it knows what it is."""
    pixels = np.full((3000, 3750, 3), GROUND, float)
    paste(pixels, EXAMPLES[1], 975, 600, 1800)
    path = tmp_path_factory.mktemp("large") / "large.png"
    Image.fromarray(pixels.astype(np.uint8)).save(path, compress_level=1)
    return path


def looked_at(page, file):
    """Drops a file on the page that has opened, which has it then and looks at it."""
    opened(page)
    upload(page, file)
    WebDriverWait(page, SECONDS).until(lambda _: page.execute_script(UPLOADED))


def stays(page, address, name, slow):
    """That the cell is still there once the server has had the time to look at a slow file and to explain it."""
    client = Client(address, verbose=False)
    for _ in range(2):
        client.predict(handle_file(slow), api_name="/explain")
    assert page.find_element(By.CSS_SELECTOR, "#verdict .file").text == name
    assert slow.name not in page.find_element(By.ID, "drop").text


def test_an_example_that_is_chosen_while_a_drop_is_looked_at_stays(page, address, large):
    looked_at(page, large)
    wait(page, "[data-example=uninfected-1]").click()
    explained(page, "uninfected-1.png")
    stays(page, address, "uninfected-1.png", large)


def test_of_two_drops_the_second_counts_whichever_is_looked_at_longer(page, address, large, cell):
    looked_at(page, large)
    again = WebDriverWait(page, SECONDS, ignored_exceptions=stale())  # the zone is emptied, and so drawn anew
    again.until(lambda _: upload(page, cell) is None)
    again.until(lambda _: page.find_element(By.ID, "seen").text == f"One picture: {cell.name}")
    explained(page, cell.name)  # as it may have been before, by the example that the page opened with
    assert not page.find_elements(By.CSS_SELECTOR, "#examples [aria-pressed=true]")  # it opened with one
    stays(page, address, cell.name, large)
    wait(page, "[data-example=uninfected-1]").click()
    explained(page, "uninfected-1.png")
    again.until(lambda _: upload(page, cell) is None)  # the same file is another drop
    explained(page, cell.name)


def test_an_example_that_is_chosen_while_a_file_is_on_its_way_stays(page, address, large):
    opened(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": large.stat().st_size / 8}
    page.execute_cdp_cmd("Network.enable", {})
    page.execute_cdp_cmd("Network.emulateNetworkConditions", slow)
    try:
        upload(page, large)
        wait(page, "[data-example=uninfected-1]").click()
        assert not page.execute_script(UPLOADED)  # else this test says nothing
        WebDriverWait(page, SECONDS).until(lambda _: page.execute_script(UPLOADED))
    finally:
        page.execute_cdp_cmd("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
    explained(page, "uninfected-1.png")
    stays(page, address, "uninfected-1.png", large)
