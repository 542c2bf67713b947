"""The tab for whole fields in a real browser, by keyboard: read, review, take back, take away, load again."""

import json
from operator import itemgetter
from pathlib import Path

import pytest
from PIL import Image

from tests.support.browser import ActionChains, By, Keys, WebDriverWait, stale, wait
from tests.support.synthetic_fields import heaped_field, pasted_field

SECONDS = 280


@pytest.fixture(scope="module")
def field(tmp_path_factory) -> Path:
    """A field of cells that ship as examples, on a light ground."""
    path = tmp_path_factory.mktemp("fields") / "field <b>one.png"
    Image.fromarray(pasted_field(height=500, width=720, cells=22, seed=3)).save(path)
    return path


class Field:
    """What a person sees and presses."""

    def __init__(self, browser) -> None:
        self.browser = browser

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def until(self, condition):
        waiting = WebDriverWait(self.browser, SECONDS, ignored_exceptions=[*stale(), IndexError])
        return waiting.until(lambda _: condition())

    def press(self, *keys):
        for key in keys:
            self.browser.switch_to.active_element.send_keys(key)

    def open(self, path):
        self.until(lambda: [tab for tab in self.all("button[role=tab]") if tab.text == "A field"])[0].send_keys(
            Keys.ENTER
        )
        wait(self.browser, "#drop-zone input[type=file]", lambda e: True).send_keys(str(path))
        self.until(lambda: self.all("#field-gallery [role=option]") and not self.all("#field-status .progress"))
        self.until(lambda: self.all(".field-stage canvas") and self.all(".field-layer path"))

    def open_clumped(self, path):
        """Opens a field and chooses its clump from the list."""
        self.open(path)
        self.choose(next(c["place"] for c in self.cells() if c["status"] == "clump"))

    def cells(self):
        return self.browser.execute_script("return window.plasmoField.data.cells")

    def choose(self, place):
        script = "const f = window.plasmoField; f.choose(f.cells.findIndex(cell => cell.place === arguments[0]))"
        self.browser.execute_script(script, place)
        self.until(lambda: self.chosen() == place)

    def chosen(self):
        return self.browser.execute_script("const f = window.plasmoField; return f.cells[f.chosen]?.place")

    def click_at(self, x, y):
        """Presses a place in pixels of the picture with the mouse."""
        script = """const item = window.plasmoField.viewer.world.getItemAt(0);
            const at = item.imageToViewerElementCoordinates(new OpenSeadragon.Point(arguments[0], arguments[1]));
            const stage = document.querySelector('.field-stage').getBoundingClientRect();
            return [at.x - stage.width / 2, at.y - stage.height / 2]"""
        right, down = self.browser.execute_script(script, x, y)
        stage = self.all(".field-stage")[0]
        ActionChains(self.browser).move_to_element_with_offset(stage, right, down).click().perform()

    def letters(self):
        items = self.all("#field-gallery [role=option]")
        return [item.get_attribute("data-letter") for item in items if item.get_attribute("data-letter")]

    def said(self):
        return self.all(".field-said")[0].text

    def saves(self, selector, folder, ending):
        self.all(selector)[0].send_keys(Keys.ENTER)
        return self.until(lambda: list(folder.glob(f"*{ending}")))[0]


@pytest.mark.browser
@pytest.mark.slow
def test_a_field_is_reviewed_by_keyboard_and_taken_away(page, address, field, tmp_path):
    seen = Field(page)
    saved = {"behavior": "allow", "downloadPath": str(tmp_path)}
    page.execute_cdp_cmd("Browser.setDownloadBehavior", saved)
    seen.open(field)
    states = [int(item.text.split()[1]) for item in seen.all(".field-states li")]
    options = seen.all("#field-gallery [role=option]")
    assert (
        sum(states) == len(options) == len(seen.all(".field-layer path"))
        and "cells to look at" in seen.all("#field-counts h2")[0].text
    )
    assert "field <b>one.png" in seen.all("#field-counts .file")[0].text

    show = seen.all("#field-gallery select")[0]  # all that were read, for there may be few suspects
    if states[0] < 6:
        page.execute_script(
            "arguments[0].value = 'read'; arguments[0].dispatchEvent(new Event('change', {bubbles: true}))", show
        )
    seen.all("#field-gallery [role=listbox]")[0].send_keys(Keys.HOME)
    chosen = seen.until(lambda: seen.all("#field-gallery [aria-selected=true]"))[0]
    assert seen.all("#field-gallery [role=listbox]")[0].get_attribute("aria-activedescendant") == chosen.get_attribute(
        "id"
    )
    seen.press("p", "u", "?", "P", "U")
    assert sorted(seen.letters()) == ["?", "P", "P", "U", "U"] and "not infected" in seen.said()
    seen.until(lambda: "2 infected of" in seen.all("#field-tally")[0].text)
    assert (
        "95% interval" in seen.all("#field-tally")[0].text and "5 cells read by you" in seen.all("#field-tally")[0].text
    )
    seen.press("z")
    assert sorted(seen.letters()) == ["?", "P", "P", "U"] and "Taken back" in seen.said()
    seen.until(lambda: "4 cells read by you" in seen.all("#field-tally")[0].text)
    before = seen.all(".field-title")[0].text
    seen.press(Keys.ARROW_LEFT)
    assert seen.all(".field-title")[0].text != before
    seen.press(Keys.ARROW_RIGHT)
    assert seen.all(".field-title")[0].text == before
    seen.until(lambda: "Classifier" in seen.all("#field-card")[0].text and seen.all("#field-card figure img"))

    told = json.loads(seen.saves("#field-geojson", tmp_path, ".geojson").read_text())
    said = [feature["properties"].get("reading") for feature in told["features"]]
    assert sorted(filter(None, said)) == ["Parasitized", "Parasitized", "Uninfected", "unsure"]
    readings = seen.saves("[data-act=save]", tmp_path, "PlasmoLens-readings.json").read_text()
    assert sorted(cell["reading"] for cell in json.loads(readings)["fields"][0]["readings"]) == sorted(
        filter(None, said)
    )

    page.get("about:blank")  # what was still under way breaks off here
    page.get_log("browser")
    page.get(address)  # as after a lost connection: the readings are still here, and the picture is not
    seen.open(field)
    seen.until(lambda: "4 readings of this field were still here." in seen.said())
    assert sorted(seen.letters()) == ["?", "P", "P", "U"]
    seen.all("[data-act=forget]")[0].send_keys(Keys.ENTER)
    assert (
        seen.letters() == []
        and page.execute_script(
            "return JSON.parse(Object.values(sessionStorage).find(v => v.includes('readings'))).readings"
        )
        == {}
    )
    seen.all("#field-keep input[type=file]")[0].send_keys(str(tmp_path / "PlasmoLens-readings.json"))
    seen.until(lambda: "4 readings were loaded." in seen.all("#field-status")[0].text)
    seen.until(lambda: sorted(seen.letters()) == ["?", "P", "P", "U"])


@pytest.mark.browser
@pytest.mark.slow
def test_on_a_telephone_the_field_fills_its_stage(window, address, field):
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    bare = """const {viewer} = window.plasmoField, bounds = viewer.world.getItemAt(0).getBounds(true);
        const seen = viewer.viewport.viewportToViewerElementRectangle(bounds);
        const stage = document.querySelector('.field-stage').getBoundingClientRect();
        return [stage.width - seen.width, stage.height - seen.height]"""
    window.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        window.get(address)
        Field(window).open(field)
        assert window.execute_script(bare) == pytest.approx([0, 0], abs=2)
    finally:
        window.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.fixture(scope="module")
def heaped(tmp_path_factory) -> Path:
    """A field with a heap of cells that lie over each other."""
    path = tmp_path_factory.mktemp("heaped") / "heaped.png"
    Image.fromarray(heaped_field()).save(path)
    return path


@pytest.mark.browser
@pytest.mark.slow
def test_a_clump_is_parted(page, heaped):
    seen = Field(page)
    seen.open_clumped(heaped)
    before = {cell["place"]: cell for cell in seen.cells()}
    (clump,) = [cell for cell in before.values() if cell["status"] == "clump"]
    seen.until(lambda: seen.all("[data-act=part]")[0].is_displayed())
    seen.all("[data-act=part]")[0].send_keys(Keys.ENTER)
    seen.until(lambda: "Parted into" in seen.all("#field-status")[0].text)
    seen.until(lambda: clump["place"] not in {cell["place"] for cell in seen.cells()})
    after = {cell["place"]: cell for cell in seen.cells()}
    new = [cell for place, cell in after.items() if place not in before]
    assert len(new) >= 2 and all(cell["status"] == "read" and cell["added"] for cell in new)
    assert f"Parted into {len(new)} cells" in seen.all("#field-status")[0].text
    x, y, w, h = clump["box"]
    assert all(
        x - 9 < a + c / 2 < x + w + 9 and y - 9 < b + d / 2 < y + h + 9 for a, b, c, d in map(itemgetter("box"), new)
    )
    assert {place for place in before if place not in after} == {clump["place"]}
    assert seen.until(seen.chosen) in {cell["place"] for cell in new}
    seen.until(
        lambda: len(seen.all(".field-layer path")) == len(after) == len(seen.all("#field-gallery [role=option]"))
    )
    seen.press("p")
    assert seen.letters() == ["P"]


@pytest.mark.browser
@pytest.mark.slow
def test_a_missed_cell_is_added_and_a_false_one_taken_out(page, heaped):
    seen = Field(page)
    seen.open(heaped)
    before = {cell["place"] for cell in seen.cells()}
    seen.all("[data-act=add]")[0].send_keys(Keys.ENTER)
    assert seen.all("[data-act=add]")[0].get_attribute("aria-pressed") == "true"
    seen.click_at(204, 150)
    seen.until(lambda: "A cell was added." in seen.all("#field-status")[0].text)
    seen.until(lambda: len(seen.cells()) == len(before) + 1)
    (new,) = [cell for cell in seen.cells() if cell["place"] not in before]
    assert new["status"] == "read" and new["added"] and seen.chosen() == new["place"]
    x, y, w, h = new["box"]
    assert x - 40 < 204 < x + w + 40 and y - 40 < 150 < y + h + 40
    assert seen.all("[data-act=add]")[0].get_attribute("aria-pressed") == "false"
    tally = seen.all("#field-tally")[0].text
    others = seen.letters()  # of the tests before: a picture that is opened again keeps its readings
    # What is drawn anew with an added cell takes the focus of what stood there before: the key goes to the list.
    seen.until(lambda: seen.all("#field-gallery [role=listbox]")[0].send_keys("x") is None)
    seen.until(lambda: seen.letters().count("X") == others.count("X") + 1)
    seen.until(lambda: seen.all("#field-tally")[0].text != tally)
    seen.press("z")
    assert seen.letters() == others


@pytest.mark.browser
@pytest.mark.slow
def test_a_missed_cell_is_added_from_the_keyboard(page, heaped):
    seen = Field(page)
    seen.open(heaped)
    count = len(seen.cells())
    assert "outline" in seen.all(".field-stage [role=application]")[0].get_attribute("aria-label")
    seen.all("[data-act=whole]")[0].send_keys(Keys.ENTER)
    seen.all("[data-act=add]")[0].send_keys(Keys.ENTER)
    assert "arrow keys" in seen.said()
    over = "return getComputedStyle(document.querySelector('.field-stage'), '::before').content"
    assert "arrow keys" in page.execute_script(over)  # on a telephone the rest is out of sight
    seen.press(Keys.ESCAPE)
    assert seen.said() == "" and seen.all("[data-act=add]")[0].get_attribute("aria-pressed") == "false"
    seen.press("a")
    chosen = seen.chosen()
    way = """const item = window.plasmoField.viewer.world.getItemAt(0), stage = document.querySelector('.field-stage');
        const at = item.imageToViewerElementCoordinates(new OpenSeadragon.Point(204, 150));
        const cross = ['--cross-x', '--cross-y'].map(name => parseFloat(stage.style.getPropertyValue(name)));
        return [at.x - cross[0], at.y - cross[1]]"""
    keys = ((Keys.ARROW_LEFT, Keys.ARROW_RIGHT), (Keys.ARROW_UP, Keys.ARROW_DOWN))
    for axis in (0, 1):
        far = seen.until(lambda: page.execute_script(way))[axis]
        seen.press(keys[axis][far > 0] * round(abs(far) / 12))
    assert max(map(abs, page.execute_script(way))) <= 6 and seen.chosen() == chosen
    seen.press(Keys.ENTER)
    seen.until(lambda: "A cell was added." in seen.all("#field-status")[0].text)
    seen.until(lambda: len(seen.cells()) == count + 1)
    seen.until(lambda: [cell["place"] for cell in seen.cells() if cell["added"]] == [seen.chosen()])
    seen.press("x")  # at once: the keyboard has not left the field
    seen.until(lambda: "no red cell" in seen.said())
    seen.press("z")
