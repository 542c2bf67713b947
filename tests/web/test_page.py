"""The page in a real browser, against the app in a process of its own."""

import re
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from PIL import Image

from web.one_cell.callbacks import EXAMPLES
from web.screenshot import served

By = pytest.importorskip("selenium.webdriver.common.by").By
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
WebDriverWait = pytest.importorskip("selenium.webdriver.support.ui").WebDriverWait
pytestmark = [pytest.mark.browser, pytest.mark.slow]
SECONDS = 120  # for any one thing to happen
REASON = "not a PNG, JPEG, TIFF, WebP, BMP or GIF image"


@pytest.fixture(scope="module")
def address():
    with served() as url:
        yield url


@pytest.fixture(scope="module")
def cell(real_cells) -> Path:
    """A cell to upload: a real parasitized one where there is data, or an example."""
    cells = [path for path, _ in real_cells or []] or sorted(EXAMPLES.glob("*.png"))
    return cells[0]


@pytest.fixture(scope="module")
def bad(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("bad") / "notes.png"
    path.write_text("no image at all")
    return path


@pytest.fixture
def page(browser, address):
    """The fresh page; afterwards, that nothing came from elsewhere and that the console has no errors."""
    browser.get("about:blank")  # what was still under way on the page before breaks off here
    browser.get_log("browser")
    counted = browser.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": "performance.setResourceTimingBufferSize(10000)"}
    )
    browser.get(address)
    wait(browser, "#upload input[type=file]")
    yield browser
    requests = browser.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", counted)
    assert len(requests) > 5
    assert [url for url in requests if not url.startswith((address, "data:", "blob:"))] == []
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def wait(browser, selector, found=bool):
    """The first element of a selector, once there is one and `found` accepts it."""

    def ready(driver):
        elements = [e for e in driver.find_elements(By.CSS_SELECTOR, selector) if found(e)]
        return elements[0] if elements else None

    return WebDriverWait(browser, SECONDS, ignored_exceptions=stale()).until(ready, f"nothing at {selector}")


def stale():
    from selenium.common.exceptions import StaleElementReferenceException

    return [StaleElementReferenceException]


def loaded(image) -> bool:
    return image.parent.execute_script("return arguments[0].complete && arguments[0].naturalWidth > 1", image)


def upload(browser, path):
    wait(browser, "#upload input[type=file]").send_keys(str(path))


def explained(browser, name):
    """Waits until the cell of that name is explained."""
    wait(browser, "#verdict .file", lambda e: e.text == name)
    wait(browser, "#elbo svg", lambda e: True)
    if browser.find_elements(By.CSS_SELECTOR, "#verdict .not-a-cell"):  # its figures are folded
        wait(browser, "#anyway > button").click()
    return wait(browser, "#evidence img", loaded)


def offered(browser):
    """The edit on offer; the other must be off, with its reason."""
    button = wait(browser, "#remove:enabled, #add:enabled")
    other = browser.find_element(By.ID, {"remove": "add", "add": "remove"}[button.get_attribute("id")])
    assert not other.is_enabled()
    assert "so a parasite can be " in browser.find_element(By.ID, "reason").text
    return button


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
    steps = r"attempt \d+ of \d+, guidance [\d.]+, step \d+ of \d+; at most \d+ s left"
    assert any(re.search(steps, seen) for seen in page.execute_script("return window.progressSeen"))
    assert page.execute_script("return window.framesSeen.size") >= 1
    assert outcome.text.startswith("This edit works" if "works" in outcome.get_attribute("class") else "Not convincing")
    assert "of the cell changed visibly" in page.find_element(By.ID, "check").text
    for selector in ("#slider .side:nth-of-type(1) img", "#slider .side:nth-of-type(2) img", "#change img"):
        wait(page, selector, loaded)
    assert re.search(r"−\d+: now darker", page.find_element(By.CSS_SELECTOR, "#change_scale .legend").text)
    assert not page.find_elements(By.CSS_SELECTOR, "#stop") and not page.find_elements(By.CSS_SELECTOR, "#frame img")


def test_a_bad_upload_gives_its_reason_and_the_next_one_works(page, cell, bad):
    upload(page, bad)
    assert wait(page, "#status [role=alert]").text == f"notes.png: {REASON}"
    assert not page.find_elements(By.ID, "verdict")
    upload(page, cell)
    explained(page, cell.name)
    assert not page.find_elements(By.CSS_SELECTOR, "#status [role=alert]")
    wait(page, "#upload button[aria-label*=Clear], #upload button[aria-label*=Remove]").click()
    wait(page, "#intro", lambda e: e.is_displayed())
    upload(page, bad)
    assert REASON in wait(page, "#status [role=alert]").text


def test_an_example_works_from_the_keyboard(page):
    button = wait(page, "#examples button")
    assert button.text
    button.send_keys(Keys.ENTER)
    explained(page, f"{button.get_attribute('id')}.png")
    wait(page, "#upload img", loaded)


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


def test_a_cell_that_is_cleared_or_replaced_while_it_is_read_does_not_come_back(page, address, cell, tmp_path):
    slow = tmp_path / "slow.png"
    with Image.open(cell) as picture:
        picture.resize((3000, 3000)).save(slow, compress_level=1)

    def settled():
        """What was asked for before is done when this is."""
        Client(address, verbose=False).predict(handle_file(slow), api_name="/explain")

    upload(page, slow)
    wait(page, "#upload button[aria-label*=Clear], #upload button[aria-label*=Remove]").click()
    settled()
    assert page.find_element(By.ID, "intro").is_displayed() and not page.find_elements(By.ID, "verdict")
    upload(page, slow)
    example = wait(page, "#uninfected-1")
    example.click()
    explained(page, "uninfected-1.png")
    settled()
    assert page.find_element(By.CSS_SELECTOR, "#verdict .file").text == "uninfected-1.png"
    assert "uninfected-1" in page.find_element(By.CSS_SELECTOR, "#evidence img").get_attribute("alt")


def test_one_press_saves_the_pdf_or_everything(page, cell, tmp_path):
    allowed = {"behavior": "allow", "downloadPath": str(tmp_path)}
    page.execute_cdp_cmd("Browser.setDownloadBehavior", allowed)
    upload(page, cell)
    explained(page, cell.name)
    for name, kind, start in (("pdf", "pdf", b"%PDF"), ("archive", "zip", b"PK")):
        wait(page, f"#{name}").click()
        files = WebDriverWait(page, SECONDS).until(lambda _, kind=kind: list(tmp_path.glob(f"*.{kind}")))
        assert files[0].read_bytes().startswith(start)


def test_a_telephone_shows_everything_without_scrolling_sideways(page, cell):
    size = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        upload(page, cell)
        explained(page, cell.name)
        assert page.execute_script("return document.documentElement.scrollWidth") <= 390
        page.execute_script("window.scrollTo(0, document.body.scrollHeight)")
        top = page.find_element(By.CSS_SELECTOR, "#top .notice")
        assert 0 <= page.execute_script("return arguments[0].getBoundingClientRect().top", top) < 100
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


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
    wait(page, "#strengths .variant:nth-of-type(3) img", loaded)
    names = [e.text for e in page.find_elements(By.CSS_SELECTOR, ".variant strong")]
    assert names == ["Weaker", "As above", "Stronger"]
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


def test_a_cell_on_a_bright_ground_is_found_and_can_be_left_as_it_is(page, bright):
    upload(page, bright)
    explained(page, bright.name)
    assert "outline of what was found" in wait(page, "#outline img", loaded).get_attribute("alt")
    assert "put on black" in page.find_element(By.ID, "found_note").text
    cut = page.find_element(By.CSS_SELECTOR, "#cell img").get_attribute("src")
    wait(page, "#as-given input").send_keys(Keys.SPACE)
    wait(page, "#cell img", lambda e: e.get_attribute("src") != cut)
    assert not page.find_elements(By.CSS_SELECTOR, "#outline img")


def test_a_fixed_strength_is_offered_under_advanced(page, cell):
    upload(page, cell)
    explained(page, cell.name)
    wait(page, "#advanced button").send_keys(Keys.ENTER)
    assert not page.find_elements(By.ID, "start")
    wait(page, "#mode input[value='Fixed strength']").send_keys(Keys.SPACE)
    wait(page, "#start input[type=range]").send_keys(Keys.ARROW_LEFT * 7)
    wait(page, "#flip:enabled").click()
    wait(page, "#check .outcome")
    assert "Guidance 2, attempt 1 of at most 1." in page.find_element(By.ID, "check").text


@pytest.mark.parametrize(
    ("language", "notice", "button", "says"),
    [
        ("fr-FR", "Usage de recherche uniquement", "Retirer le parasite", ("Parasitée", "Non parasitée")),
        ("pt-BR", "Somente para pesquisa", "Remover o parasita", ("Parasitada", "Não infectada")),
        ("de-DE", "Research use only", "Remove the parasite", ("Parasitized", "Uninfected")),
    ],
)
def test_the_browser_s_language_decides(page, cell, language, notice, button, says):
    agent = page.execute_script("return navigator.userAgent")
    page.execute_cdp_cmd("Network.setUserAgentOverride", {"userAgent": agent, "acceptLanguage": language})
    try:
        page.refresh()
        upload(page, cell)
        wait(page, "#verdict .verdict", lambda e: any(label in e.text for label in says))
        assert notice in page.find_element(By.ID, "top").text
        assert wait(page, "#remove").text == button
        assert wait(page, "#elbo svg").get_attribute("aria-label").startswith(says[0])
        assert "__i18n__" not in page.find_element(By.TAG_NAME, "body").text
        assert "block-" not in page.find_element(By.TAG_NAME, "body").text
    finally:
        page.execute_cdp_cmd("Network.setUserAgentOverride", {"userAgent": agent, "acceptLanguage": "en-US"})


CONTRASTS = """
const parse = (colour) => { const c = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    c.fillStyle = colour; c.fillRect(0, 0, 1, 1); return [...c.getImageData(0, 0, 1, 1).data]; };
const light = (rgb) => { const [r, g, b] = rgb.slice(0, 3).map(v => v / 255).map(
    v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const ground = (element) => { for (let e = element; e; e = e.parentElement) {
    const colour = parse(getComputedStyle(e).backgroundColor); if (colour[3] === 255) return colour; }
    return [255, 255, 255, 255]; };
return arguments[0].flatMap(selector => [...document.querySelectorAll(selector)].filter(e => e.offsetParent).map(e => {
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
    return [selector, (a + 0.05) / (b + 0.05)]; }));
"""
TEXTS = [
    "#top .notice",
    "#top .tagline",
    ".note",
    "#verdict .verdict",
    "#verdict .file",
    ".bar > span:first-child",
    ".bar strong",
    "#elbo td",
    "#elbo th",
    "#reason",
    ".legend .ends span",
    ".legend .unit",
    "#flip",
    "#remove:enabled",
    "#add:enabled",
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_their_ground(page, cell, scheme):
    """WCAG 2.2 AA: a contrast of at least 4.5 for text."""
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    try:
        page.refresh()
        upload(page, cell)
        explained(page, cell.name)
        found = page.execute_script(CONTRASTS, TEXTS)
        assert len({selector for selector, _ in found}) >= len(TEXTS) - 1  # one of the two edits is off
        assert [(selector, round(ratio, 2)) for selector, ratio in found if ratio < 4.5] == []
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
