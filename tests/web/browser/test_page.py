"""The page in a real browser: a cell is explained, refused, saved, and seen on a telephone."""

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from tests.support.browser import (
    SECONDS,
    By,
    Keys,
    WebDriverWait,
    displayed,
    explained,
    loaded,
    opened,
    upload,
    wait,
)
from tests.support.one_cell import REASON

pytestmark = [pytest.mark.browser, pytest.mark.slow]


SHIFTS = """
window.shifts = [];
new PerformanceObserver(list => list.getEntries().forEach(entry => {
    const moved = entry.sources.map(source => source.node?.id || source.node?.className).join(' ');
    if (!entry.hadRecentInput) window.shifts.push([entry.value, moved]);
})).observe({type: 'layout-shift', buffered: true});
"""


def test_the_page_opens_with_a_result_and_nothing_moves_when_it_comes(window, address):
    watched = window.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": SHIFTS})
    try:
        window.get(address)
        opened(window)
        assert "Parasitized" in window.find_element(By.CSS_SELECTOR, "#verdict h2").text
        assert len(window.find_elements(By.CSS_SELECTOR, "#several .variant img")) == 4
        assert window.execute_script("return document.querySelectorAll('h1').length") == 1
        shifts = window.execute_script("return window.shifts")
        ours = [share for share, moved in shifts if "wrap default full" not in moved]  # Gradio's own, while it loads
        assert sum(ours) < 0.1, shifts
    finally:
        window.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", watched)


def test_a_bad_upload_gives_its_reason_and_the_next_one_works(page, cell, bad):
    opened(page)
    upload(page, bad)
    assert wait(page, "#status [role=alert]").text == f"notes.png: {REASON}"
    assert not [e for e in page.find_elements(By.ID, "verdict") if e.is_displayed()]
    upload(page, cell)
    explained(page, cell.name)
    assert not page.find_elements(By.CSS_SELECTOR, "#status [role=alert]")
    assert page.find_element(By.ID, "seen").text == f"One picture: {cell.name}"


def test_two_files_that_are_dropped_are_two_cells(page, cell_files):
    opened(page)
    upload(page, *cell_files[:2])
    wait(page, "#batch-table tbody tr:nth-child(2)")
    assert page.find_element(By.ID, "seen").text == "2 pictures"
    front = page.find_element(By.CSS_SELECTOR, "button[role=tab][aria-selected=true]")
    assert front.text == "Many cells"


ACTIVE = "const a = document.activeElement; return a.id || a.dataset.example || a.tagName"


def test_the_keyboard_goes_from_an_example_to_the_edit_in_few_steps(page):
    opened(page)
    page.execute_script("document.querySelector('[data-example][tabindex=\"0\"]').focus()")
    page.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    name = page.execute_script(ACTIVE)
    assert name == "parasitized-2"
    page.switch_to.active_element.send_keys(Keys.ENTER)
    explained(page, f"{name}.png")
    for _ in range(6):
        page.switch_to.active_element.send_keys(Keys.TAB)
        if page.execute_script(ACTIVE) == "flip":
            break
    assert page.execute_script(ACTIVE) == "flip"
    status = page.find_element(By.ID, "said")
    assert status.get_attribute("role") == "status" or status.find_elements(By.CSS_SELECTOR, "[role=status]")
    assert f"{name}.png: " in status.get_attribute("textContent")


def test_arrow_keys_move_between_the_tabs(page):
    opened(page)
    tabs = [tab for tab in page.find_elements(By.CSS_SELECTOR, "button[role=tab]") if tab.is_displayed()]
    WebDriverWait(page, SECONDS).until(lambda _: tabs[1].get_attribute("tabindex") == "-1")
    tabs[0].send_keys(Keys.ARROW_RIGHT)
    WebDriverWait(page, SECONDS).until(lambda _: tabs[1].get_attribute("aria-selected") == "true")
    assert page.switch_to.active_element == tabs[1]
    # Its table is there before there are rows: those that came while it was being made would be lost.
    assert not wait(page, "#batch-table").is_displayed()
    tabs[1].send_keys(Keys.HOME)
    WebDriverWait(page, SECONDS).until(lambda _: tabs[0].get_attribute("aria-selected") == "true")


def test_axe_finds_nothing_serious(page):
    """axe-core, on the page as it opens with everything unfolded."""
    script = pytest.importorskip("axe_core_python.base").AXE_SCRIPT
    opened(page)
    for accordion in ("another", "research", "guide", "glossary"):
        wait(page, f"#{accordion} > button").send_keys(Keys.ENTER)
    wait(page, "#repeat code", displayed)
    page.execute_script(script)
    run = "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then(r => done(r.violations))"
    found = page.execute_async_script(run)
    serious = [(v["id"], v["nodes"][0]["html"][:200]) for v in found if v["impact"] in ("serious", "critical")]
    assert serious == []
    named = "return [...document.querySelectorAll('button')].filter(b => b.offsetParent).map(b => b.{})"
    names = [
        a or b for a, b in zip(*(page.execute_script(named.format(n)) for n in ("ariaLabel", "innerText")), strict=True)
    ]
    assert [name for name in names if "common." in name or not name.strip()] == []


def test_a_cell_that_is_replaced_while_it_is_read_does_not_come_back(page, address, cell, tmp_path):
    slow = tmp_path / "slow.png"
    with Image.open(cell) as picture:
        picture.resize((3000, 3000)).save(slow, compress_level=1)
    opened(page)
    upload(page, slow)
    wait(page, "#seen", lambda seen: seen and "slow.png" in seen.text and seen)
    wait(page, "[data-example=uninfected-1]").click()
    explained(page, "uninfected-1.png")
    # What was asked for before is done when this is.
    Client(address, verbose=False).predict(handle_file(slow), api_name="/explain")
    assert page.find_element(By.CSS_SELECTOR, "#verdict .file").text == "uninfected-1.png"
    assert "uninfected-1" in page.find_element(By.CSS_SELECTOR, "#evidence .base").get_attribute("alt")


def test_one_press_saves_the_pdf_or_everything(page, tmp_path):
    allowed = {"behavior": "allow", "downloadPath": str(tmp_path)}
    page.execute_cdp_cmd("Browser.setDownloadBehavior", allowed)
    opened(page)
    for name, kind, start in (("animation", "webp", b"RIFF"), ("pdf", "pdf", b"%PDF"), ("archive", "zip", b"PK")):
        wait(page, f"#{name}", displayed).click()
        files = WebDriverWait(page, SECONDS).until(lambda _, kind=kind: list(tmp_path.glob(f"*.{kind}")))
        assert files[0].read_bytes().startswith(start)


def test_a_telephone_shows_the_verdict_first_and_everything_without_scrolling_sideways(window, address):
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    window.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        window.get(address)
        opened(window)
        assert window.execute_script("return document.documentElement.scrollWidth") <= 390
        box = "const box = document.querySelector(arguments[0]).getBoundingClientRect(); return [box.top, box.bottom]"
        assert window.execute_script(box, "#verdict h2")[1] < 500  # the examples are folded
        assert window.execute_script(box, "#flip")[1] <= 844  # in reach wherever the page has scrolled to
        window.execute_script("window.scrollTo(0, document.body.scrollHeight)")
        assert 0 <= window.execute_script(box, "#top .notice")[0] < 100
        assert window.execute_script(box, "#facts")[1] <= window.execute_script(box, "#flip")[0]  # not under the button
        assert window.execute_script(box, "#flip")[1] <= 844
        sizes = "return [...document.querySelectorAll('#stage .frame')].map(e => Math.round(e.offsetWidth))"
        assert len(set(window.execute_script(sizes))) == 1
        small = """return [...document.querySelectorAll('button, select, input, summary')].filter(e => e.offsetParent
            && !e.closest('.visually-hidden')
            && e.type !== 'checkbox' && e.type !== 'radio' && Math.min(e.offsetWidth, e.offsetHeight) < 24)
            .map(e => e.outerHTML.slice(0, 80))"""
        assert window.execute_script(small) == []
    finally:
        window.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_on_a_telephone_no_empty_place_stands_before_what_counts(window, address, cell_files, tmp_path):
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    noise = tmp_path / "noise.png"  # no cell, so without evidence and edit
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (120, 120, 3), np.uint8)).save(noise)
    window.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        window.get(address)
        opened(window)
        upload(window, noise)
        wait(window, "#verdict .not-a-cell")
        places = "return [...document.querySelectorAll('#stage > *')].filter(e => e.offsetParent).map(e => e.id)"
        WebDriverWait(window, SECONDS).until(lambda _: window.execute_script(places) == ["cell"])
        upload(window, *cell_files[:2])
        wait(window, "#batch-table tbody tr:nth-child(2)")
        assert not window.find_element(By.ID, "batch-intro").is_displayed()
    finally:
        window.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_twice_the_size_loses_nothing(window, address):
    """A zoom of 200 % on a window of 1280 pixels is a window of 640 (WCAG 2.2, 1.4.10)."""
    size = {"width": 640, "height": 500, "deviceScaleFactor": 2, "mobile": False}
    window.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        window.get(address)
        opened(window)
        assert window.execute_script("return document.documentElement.scrollWidth") <= 640
    finally:
        window.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_cell_on_a_bright_ground_is_found_and_can_be_left_as_it_is(page, bright):
    opened(page)
    upload(page, bright)
    wait(page, "#verdict .file", lambda e: e.text == bright.name)
    found = wait(page, "#found img", loaded)
    assert "outline of what was found" in found.get_attribute("alt")
    assert "put on black" in page.find_element(By.ID, "found").text
    WebDriverWait(page, SECONDS).until(lambda b: b.find_element(By.ID, "said").get_attribute("textContent").strip())
    cut = page.find_element(By.CSS_SELECTOR, "#cell .base").get_attribute("src")
    wait(page, "#another > button").send_keys(Keys.ENTER)
    wait(page, "#as-given input", displayed).send_keys(Keys.SPACE)
    wait(page, "#cell .base", lambda e: e.get_attribute("src") != cut)
    assert not page.find_elements(By.CSS_SELECTOR, "#found img")
