"""The tab for whole fields in a real browser, by keyboard: read, review, take back, take away, load again."""

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.support.browser import By, Keys, WebDriverWait, stale, wait
from tests.support.synthetic_fields import pasted_field

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
        wait(self.browser, "#field-files input[type=file]", lambda e: True).send_keys(str(path))
        self.until(lambda: self.all("#field-gallery [role=option]") and not self.all("#field-status .progress"))
        self.until(lambda: self.all(".field-stage canvas") and self.all(".field-layer path"))

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
