"""What is dropped in a real browser: the last that a person chose counts, however long an older drop takes."""

import shutil
from contextlib import contextmanager

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from tests.support.browser import SECONDS, By, WebDriverWait, displayed, explained, opened, upload, wait
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


@contextmanager
def line(page, file, upload, answers=0):
    """A line on which the file is uploaded in some seconds, and each answer takes some more."""
    free = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    slow = {"latency": 1000 * answers, "uploadThroughput": file.stat().st_size / upload}
    page.execute_cdp_cmd("Network.enable", {})
    page.execute_cdp_cmd("Network.emulateNetworkConditions", free | slow)
    try:
        yield
    finally:
        page.execute_cdp_cmd("Network.emulateNetworkConditions", free)


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
    upload(page, cell)
    wait(page, "#seen p", lambda said: said.text == f"One picture: {cell.name}")
    explained(page, cell.name)  # as it may have been before, by the example that the page opened with
    assert not page.find_elements(By.CSS_SELECTOR, "#examples [aria-pressed=true]")  # it opened with one
    stays(page, address, cell.name, large)
    wait(page, "[data-example=uninfected-1]").click()
    explained(page, "uninfected-1.png")
    upload(page, cell)  # the same file is another drop
    explained(page, cell.name)


def test_a_drop_waits_until_the_one_before_it_is_uploaded_and_taken(page, large):
    opened(page)
    second = shutil.copy(large, large.with_name("second.png"))
    with line(page, large, upload=2):  # so that the second is on its way when the first is taken, if it did not wait
        upload(page, large)
        wait(page, ".drop .sending", displayed)
        upload(page, second)
        assert not page.execute_script(UPLOADED)  # else this test says nothing
        explained(page, "second.png")
    assert not wait(page, ".drop .sending").is_displayed()


def test_an_example_that_is_chosen_while_files_are_on_their_way_stays(page, address, large, cell):
    opened(page)
    with line(page, large, upload=8):
        upload(page, large)
        upload(page, cell)  # waits for it
        wait(page, "[data-example=uninfected-1]").click()
        assert not page.execute_script(UPLOADED)  # else this test says nothing
        WebDriverWait(page, SECONDS).until(lambda _: page.execute_script(UPLOADED))
    explained(page, "uninfected-1.png")
    stays(page, address, "uninfected-1.png", large)
