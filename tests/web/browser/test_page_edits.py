"""Edits in a real browser: run, checked, stopped, drawn anew."""

import re

import pytest
from gradio_client import Client, handle_file

from tests.support.browser import (
    SECONDS,
    By,
    Keys,
    WebDriverWait,
    displayed,
    explained,
    loaded,
    offered,
    opened,
    upload,
    wait,
)
from web.one_cell.callbacks import EXAMPLES

pytestmark = [pytest.mark.browser, pytest.mark.slow]


# An edit may be over before a test looks: what shows on the way is noted by the page itself.
WATCH = """
window.progressSeen = [];
window.framesSeen = new Set();
new MutationObserver(() => {
    const progress = document.querySelector('#progress'), frame = document.querySelector('#edited .base');
    if (progress) window.progressSeen.push(progress.innerText);
    if (frame && frame.src) window.framesSeen.add(frame.src);
}).observe(document.body, {subtree: true, childList: true, characterData: true, attributes: true});
"""


CLICK_STOP = """
const observer = new MutationObserver(() => {
    const stop = document.querySelector('#stop');
    if (stop && stop.offsetParent) { observer.disconnect(); stop.click(); }
});
observer.observe(document.body, {subtree: true, childList: true, attributes: true});
"""


def test_from_upload_to_checked_edit(page, cell):
    wait(page, "#top", lambda top: "Research use only, not for diagnosis" in top.text)
    opened(page)
    upload(page, cell)
    explained(page, cell.name)
    assert cell.name in page.find_element(By.CSS_SELECTOR, "#evidence .base").get_attribute("alt")
    assert "speaks for Uninfected" in page.find_element(By.CSS_SELECTOR, "#evidence .legend").text
    page.execute_script(WATCH)
    offered(page).click()
    outcome = wait(page, "#check .outcome")
    steps = r"attempt \d+ of \d+, step \d+ of \d+"
    seen = page.execute_script("return window.progressSeen")
    assert any(re.search(steps, words) for words in seen) and any("checking" in words for words in seen)
    assert page.execute_script("return window.framesSeen.size") >= 1
    assert outcome.text.startswith(
        "This edit works" if "works" in outcome.get_attribute("class") else ("⚠ Not convincing", "⚠ Nearly", "N")
    )
    for selector in ("#edited .base", "#edited .edited", "#change .layer"):
        wait(page, selector, loaded)
    assert "stain taken away" in page.find_element(By.CSS_SELECTOR, "#change .legend").text
    assert not [e for e in page.find_elements(By.CSS_SELECTOR, "#stop") if e.is_displayed()]


def test_stop_ends_the_edit_and_frees_the_machine(page, address, cell):
    upload(page, cell)
    explained(page, cell.name)
    button = offered(page)
    page.execute_script(CLICK_STOP)
    button.click()
    wait(page, "#progress", lambda e: "Stopped" in e.text)
    # The machine does one thing at a time: had the edit gone on, this would wait for it, and its result be here.
    Client(address, verbose=False).predict(handle_file(cell), api_name="/predict")
    assert "Stopped" in page.find_element(By.ID, "progress").text
    assert not [e for e in page.find_elements(By.CSS_SELECTOR, "#stop, #check .outcome") if e.is_displayed()]
    offered(page).click()
    wait(page, "#check .outcome")


def test_stop_keeps_the_edit_before(page, address, cell):
    upload(page, cell)
    explained(page, cell.name)
    first = offered(page)
    assert first.text.startswith("Show ")
    first.click()
    outcome = wait(page, "#check .outcome").text
    again = offered(page)
    assert again.text == "Make another edit"
    again.click()
    wait(page, "#progress", lambda e: "step" in e.text)
    wait(page, "#stop", displayed).click()
    wait(page, "#progress", lambda e: "previous edit" in e.text)
    Client(address, verbose=False).predict(handle_file(cell), api_name="/predict")  # behind the edit, if it goes on
    assert page.find_element(By.ID, "progress").text == "Stopped. You still see the previous edit."
    assert page.find_element(By.CSS_SELECTOR, "#check .outcome").text == outcome
    wait(page, "#edited .edited", loaded)


def test_a_new_cell_ends_the_edit_of_the_one_before(page, address, cell):
    upload(page, cell)
    explained(page, cell.name)
    offered(page).click()
    wait(page, "#progress", lambda e: "step" in e.text)
    other = EXAMPLES / "uninfected-1.png"
    upload(page, other)
    explained(page, other.name)
    Client(address, verbose=False).predict(handle_file(cell), api_name="/predict")  # behind the edit, if it goes on
    assert page.find_element(By.CSS_SELECTOR, "#verdict .file").text == other.name
    assert not page.find_elements(By.CSS_SELECTOR, "#check .outcome, #edited .edited")
    assert page.find_element(By.ID, "progress").text == ""


def test_what_can_be_done_with_an_edit(page, cell):
    """All of it from the keyboard."""
    opened(page)
    upload(page, cell)
    explained(page, cell.name)
    wait(page, "#flip", displayed).send_keys(Keys.SPACE)
    wait(page, "#check .outcome")
    within = "return document.activeElement.closest('#edit') !== null"
    WebDriverWait(page, SECONDS).until(lambda b: b.execute_script(within), "the keyboard left the edit")
    wait(page, "#variants", displayed).send_keys(Keys.ENTER)
    wait(page, "#several .variant:nth-of-type(4) img", loaded)
    names = [e.text for e in page.find_elements(By.CSS_SELECTOR, ".variant strong")]
    assert names == [f"Edit {number}" for number in range(1, 5)]
    silent = "return [...document.querySelectorAll('#stage .base, .variant img')].filter(i => i.offsetParent && !i.alt)"
    assert len(page.execute_script(silent)) <= 1  # beneath the edit, which has words of its own


def test_the_button_makes_another_edit_than_the_one_on_screen(page):
    opened(page)
    picture = "return document.querySelector('#edited .edited').src"
    before = page.execute_script(picture)
    button = wait(page, "#flip", displayed)
    assert button.text == "Make another edit"
    button.send_keys(Keys.ENTER)
    wait(page, "#edited .waiting, #edited .tile:not(.edit)")
    wait(page, "#edited .edited", loaded)
    assert page.execute_script(picture) != before
    assert "Seed 1," in wait(page, "#check .note").get_attribute("textContent")
    assert wait(page, "#flip", displayed).text == "Make another edit"
    wait(page, "#research > button").send_keys(Keys.ENTER)
    wait(page, "#repeat code", lambda e: "seed=1, variants=4" in e.get_attribute("textContent"))


def test_the_stage_is_looked_at_from_the_keyboard_and_with_the_mouse(page):
    opened(page)
    slider = wait(page, "#edited input[type=range]")
    slider.send_keys(Keys.ARROW_LEFT)
    opacity = "return getComputedStyle(document.querySelector('#edited .edited')).opacity"
    assert float(page.execute_script(opacity)) == 0.75
    assert "at 75" in slider.get_attribute("aria-valuetext")
    told = [e.text for e in page.find_elements(By.CSS_SELECTOR, ".told") if e.is_displayed()]
    assert told == [slider.get_attribute("aria-valuetext").replace("\u00a0", " ")]
    marks = page.find_elements(By.CSS_SELECTOR, "#edited .mark")
    assert len(marks) == 2 and all("turns at about" in mark.get_attribute("title") for mark in marks)
    grays = "return getComputedStyle(document.querySelector('#evidence .base')).filter"
    assert page.execute_script(grays) == "grayscale(1)"
    wait(page, ".coloured").send_keys(Keys.SPACE)
    assert page.execute_script(grays) == "none"
    wait(page, ".zoom").send_keys(Keys.ARROW_RIGHT)
    zooms = "return [...document.querySelectorAll('#stage .layers')].map(e => getComputedStyle(e).transform)"
    assert set(page.execute_script(zooms)) == {"matrix(1.5, 0, 0, 1.5, 0, 0)"}
    wait(page, "#evidence .layers").click()
    assert set(page.execute_script(zooms)) == {"matrix(1, 0, 0, 1, 0, 0)"}


def test_figures_and_settings_are_folded_under_the_stage(page):
    opened(page)
    wait(page, "#research > button").send_keys(Keys.ENTER)
    wait(page, "#elbo svg", displayed)
    assert re.search(r"Difference [+−][\d\u202f]+ ± [\d\u202f]+", page.find_element(By.ID, "elbo").text)
    wait(page, "#gradient", displayed).send_keys(Keys.ENTER)
    wait(page, "#saliency img", loaded)
    drawn = page.find_element(By.CSS_SELECTOR, "#change .layer").get_attribute("src")
    wait(page, "#border input", displayed).send_keys(Keys.SPACE)
    wait(page, "#change .layer", lambda e: e.get_attribute("src") != drawn and loaded(e))
    wait(page, "#mode input[value='Fixed strength']").send_keys(Keys.SPACE)
    wait(page, "#start input[type=range]", displayed).send_keys(Keys.ARROW_LEFT * 7)
    wait(page, "#flip", displayed).send_keys(Keys.ENTER)
    wait(page, "#edited .waiting, #edited .tile:not(.edit)")
    wait(page, "#check .outcome")
    assert "found at attempt 1." in page.find_element(By.ID, "check").get_attribute("textContent")
