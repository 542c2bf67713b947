"""Edits in a real browser: run, checked, stopped, drawn anew."""

import re

import pytest
from gradio_client import Client, handle_file

from tests.support.browser import SECONDS, By, Keys, WebDriverWait, explained, loaded, offered, upload, wait
from web.one_cell.callbacks import EXAMPLES

pytestmark = [pytest.mark.browser, pytest.mark.slow]


# An edit may be over before a test looks: what shows on the way is noted by the page itself.
WATCH = """
window.progressSeen = [];
window.framesSeen = new Set();
new MutationObserver(() => {
    const progress = document.querySelector('#progress'), frame = document.querySelector('#frame img');
    if (progress) window.progressSeen.push(progress.innerText);
    if (frame && frame.src) window.framesSeen.add(frame.src);
}).observe(document.body, {subtree: true, childList: true, characterData: true, attributes: true});
"""


CLICK_STOP = """
const observer = new MutationObserver(() => {
    const stop = document.querySelector('#stop');
    if (stop) { observer.disconnect(); stop.click(); }
});
observer.observe(document.body, {subtree: true, childList: true, attributes: true});
"""


def test_from_upload_to_checked_edit(page, cell):
    assert "Research use only, not for diagnosis" in page.find_element(By.ID, "top").text
    upload(page, cell)
    evidence = explained(page, cell.name)
    assert max(evidence.get_property("naturalWidth"), evidence.get_property("naturalHeight")) == 512
    assert cell.name in evidence.get_attribute("alt")
    assert "speaks for Uninfected" in page.find_element(By.CSS_SELECTOR, "#why .legend").text
    assert re.search(r"Difference [+−][\d\u202f]+ ± [\d\u202f]+", page.find_element(By.ID, "elbo").text)
    assert wait(page, "#elbo svg").get_attribute("aria-label")
    page.execute_script(WATCH)
    offered(page).click()
    outcome = wait(page, "#check .outcome")
    steps = r"attempt \d+ of \d+, step \d+ of \d+; at most \d+ s left"
    assert any(re.search(steps, seen) for seen in page.execute_script("return window.progressSeen"))
    assert page.execute_script("return window.framesSeen.size") >= 1
    assert outcome.text.startswith("This edit works" if "works" in outcome.get_attribute("class") else "Not convincing")
    assert "of the cell changed visibly" in page.find_element(By.ID, "check").text
    for selector in ("#slider .side:nth-of-type(1) img", "#slider .side:nth-of-type(2) img", "#change img"):
        wait(page, selector, loaded)
    assert re.search(r"−\d+: now darker", page.find_element(By.CSS_SELECTOR, "#change_scale .legend").text)
    assert not page.find_elements(By.CSS_SELECTOR, "#stop") and not page.find_elements(By.CSS_SELECTOR, "#frame img")


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
    assert not page.find_elements(By.CSS_SELECTOR, "#stop, #check .outcome")
    offered(page).click()
    wait(page, "#check .outcome")


def test_stop_keeps_the_edit_before(page, address, cell):
    upload(page, cell)
    explained(page, cell.name)
    offered(page).click()
    outcome = wait(page, "#check .outcome").text
    offered(page).click()
    wait(page, "#progress", lambda e: "step" in e.text)
    wait(page, "#stop").click()
    wait(page, "#progress", lambda e: "previous edit" in e.text)
    Client(address, verbose=False).predict(handle_file(cell), api_name="/predict")  # behind the edit, if it goes on
    assert page.find_element(By.ID, "progress").text == "Stopped. You still see the previous edit."
    assert page.find_element(By.CSS_SELECTOR, "#check .outcome").text == outcome
    assert not page.find_elements(By.CSS_SELECTOR, "#frame img")


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
    assert not [e for e in page.find_elements(By.CSS_SELECTOR, "#check .outcome, #slider img") if e.is_displayed()]
    assert page.find_element(By.ID, "progress").text == ""


def test_what_can_be_done_with_an_edit(page, cell):
    """All of it from the keyboard."""
    upload(page, cell)
    explained(page, cell.name)
    wait(page, "#gradient").send_keys(Keys.ENTER)
    wait(page, "#saliency img", loaded)
    wait(page, "#gradient", lambda e: e.text == "Hide the comparison").send_keys(Keys.ENTER)
    wait(page, "#gradient", lambda e: e.text != "Hide the comparison")
    assert not page.find_elements(By.CSS_SELECTOR, "#saliency img")
    wait(page, "#flip:enabled").send_keys(Keys.SPACE)
    wait(page, "#check .outcome")
    wait(page, "#change img", loaded)
    within = "return document.activeElement.closest('#edit') !== null"
    WebDriverWait(page, SECONDS).until(lambda b: b.execute_script(within), "the keyboard left the edit")
    the_slider_moves_and_alternates(page)
    the_map_is_drawn_anew(page)
    wait(page, "#variants").send_keys(Keys.ENTER)
    wait(page, "#several .variant:nth-of-type(4) img", loaded)
    names = [e.text for e in page.find_elements(By.CSS_SELECTOR, ".variant strong")]
    assert names == [f"Edit {number}" for number in range(1, 5)]
    wait(page, "#animation", lambda e: e.is_displayed() and e.is_enabled())
    silent = "return [...document.querySelectorAll('main img')].filter(i => !i.alt && i.offsetParent).length"
    assert page.execute_script(silent) == 0


def the_slider_moves_and_alternates(page):
    border = page.find_element(By.CSS_SELECTOR, "#slider .compare")
    slider = page.find_element(By.CSS_SELECTOR, "#slider input[type=range]")
    tags = page.find_elements(By.CSS_SELECTOR, "#slider .tag")
    assert [tag.text for tag in tags if tag.is_displayed()] == ["before", "after"] and not slider.is_displayed()
    page.find_element(By.CSS_SELECTOR, "#slider [value=beside]").send_keys(Keys.ARROW_RIGHT)
    slider.send_keys(Keys.ARROW_RIGHT * 5)
    assert page.execute_script("return arguments[0].style.getPropertyValue('--at')", border) == "55%"
    outline = "return getComputedStyle(arguments[0]).outlineStyle"
    assert page.execute_script(outline, border) == "solid"
    moves = "return getComputedStyle(document.querySelector('#slider .side + .side')).animationName"
    assert page.execute_script(moves) == "none"
    page.find_element(By.CSS_SELECTOR, "#slider [value=slide]").send_keys(Keys.ARROW_RIGHT)
    assert page.execute_script(moves) == "blink"
    calm = {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", calm)
    try:
        assert page.execute_script(moves) == "none"
        assert not page.find_element(By.CSS_SELECTOR, "#slider [value=alternate]").is_displayed()
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def the_map_is_drawn_anew(page):
    check = page.find_element(By.CSS_SELECTOR, "#check .outcome").text
    for selector, key in (("#threshold input[type=range]", Keys.ARROW_RIGHT), ("#border input", Keys.SPACE)):
        drawn = page.find_element(By.CSS_SELECTOR, "#change img").get_attribute("src")
        wait(page, selector).send_keys(key)
        wait(page, "#change img", lambda e, old=drawn: e.get_attribute("src") != old and loaded(e))
    assert page.find_element(By.CSS_SELECTOR, "#check .outcome").text == check


def test_a_fixed_strength_is_offered_under_advanced(page, cell):
    upload(page, cell)
    explained(page, cell.name)
    wait(page, "#advanced button").send_keys(Keys.ENTER)
    assert not page.find_elements(By.ID, "start")
    wait(page, "#mode input[value='Fixed strength']").send_keys(Keys.SPACE)
    wait(page, "#start input[type=range]").send_keys(Keys.ARROW_LEFT * 7)
    wait(page, "#flip:enabled").send_keys(Keys.ENTER)  # wherever the page has scrolled to
    wait(page, "#check .outcome")
    assert "Guidance 2, attempt 1 of at most 1." in page.find_element(By.ID, "check").text
