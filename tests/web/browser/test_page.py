"""The page in a real browser: a cell is explained, refused, saved, and seen on a telephone and in other languages."""

import pytest
from gradio_client import Client, handle_file
from PIL import Image

from tests.support.browser import SECONDS, By, Keys, WebDriverWait, explained, loaded, upload, wait
from tests.support.one_cell import REASON

pytestmark = [pytest.mark.browser, pytest.mark.slow]


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


def test_a_cell_on_a_bright_ground_is_found_and_can_be_left_as_it_is(page, bright):
    upload(page, bright)
    explained(page, bright.name)
    assert "outline of what was found" in wait(page, "#outline img", loaded).get_attribute("alt")
    assert "put on black" in page.find_element(By.ID, "found_note").text
    cut = page.find_element(By.CSS_SELECTOR, "#cell img").get_attribute("src")
    wait(page, "#as-given input").send_keys(Keys.SPACE)
    wait(page, "#cell img", lambda e: e.get_attribute("src") != cut)
    assert not page.find_elements(By.CSS_SELECTOR, "#outline img")


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
