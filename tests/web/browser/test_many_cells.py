"""The tab of many cells in a real browser."""

import csv
import io
from pathlib import Path

import pytest

from tests.support.many_cells import zipped
from web.compute.shared import PIECE


@pytest.fixture(scope="module")
def many(cell_files, tmp_path_factory) -> Path:
    """A zip of 39 cells, more than two chunks, one with a name that tries to be a script; and a text, passed over."""
    members = [(f"cell {i}.png", cell_files[i % len(cell_files)].read_bytes()) for i in range(38)]
    members += [("notes.txt", b"no image"), ("${alert(1)}{{x}}<b>`.png", cell_files[0].read_bytes())]
    path = tmp_path_factory.mktemp("many") / "many.zip"
    zipped(path, *members)
    return path


@pytest.mark.browser
@pytest.mark.slow
def test_upload_stop_sort_open_and_download_in_the_browser(browser, address, many, tmp_path):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait

    def all_of(selector):
        return browser.find_elements(By.CSS_SELECTOR, selector)

    def wait(condition):
        from selenium.common.exceptions import StaleElementReferenceException as Stale

        return WebDriverWait(browser, 200, ignored_exceptions=(Stale, IndexError)).until(lambda _: condition())

    browser.get("about:blank")  # what was still under way on the page before breaks off here
    browser.get_log("browser")  # empties it of what other tests' pages left
    browser.get(address)
    wait(lambda: all_of("#drop-zone input[type=file]"))[0].send_keys(str(many))
    wait(lambda: all_of("#batch-table tbody tr"))
    wait(lambda: " of 39" in all_of("#batch-status")[0].text)
    all_of("#batch-stop")[0].click()
    wait(lambda: "Stopped." in all_of("#batch-status")[0].text)
    done = len(all_of("#batch-table tbody tr"))
    assert 0 < done < 40 and done % PIECE == 0

    heading = all_of("#batch-table .sort")[1]
    heading.send_keys(Keys.ENTER)
    heading.send_keys(Keys.SPACE)  # once more: downwards
    names = [button.text for button in all_of("#batch-table .open")]
    assert names[:2] == [f"cell {done - 1}.png", f"cell {done - 2}.png"] and len(names) == done
    assert all_of("#batch-table th")[1].get_attribute("aria-sort") == "descending"

    all_of("#batch-table .open")[0].send_keys(Keys.ENTER)
    wait(lambda: all_of("#batch-detail .file") and all_of("#batch-detail section svg"))
    assert names[0] in all_of("#batch-detail .file")[0].text
    assert len(all_of("#batch-detail figure img")) == 2
    row, card, table = (
        browser.execute_script("return arguments[0].getBoundingClientRect().toJSON()", all_of(selector)[0])
        for selector in ("#batch-table .chosen", "#batch-detail", "#batch-table")
    )
    assert row["top"] > 0 and row["bottom"] <= browser.execute_script("return innerHeight")  # in sight
    assert card["left"] >= table["right"] and abs(card["top"] - max(table["top"], 56)) < 2  # beside the table
    assert browser.switch_to.active_element.get_attribute("aria-label") == names[0]
    assert [button.is_enabled() for button in all_of("#batch-detail [data-step]")] == [False, True]
    all_of("#batch-detail [data-step='1']")[0].send_keys(Keys.ENTER)
    wait(lambda: names[1] in all_of("#batch-detail .file")[0].text)
    assert browser.switch_to.active_element.text == "Next"

    rows = {row.get_attribute("data-number"): row.text for row in all_of("#batch-table tbody tr")}
    settled = {number for number, text in rows.items() if "Uninfected" in text and text.endswith("%")}
    assert settled and settled != set(rows)
    box = all_of("#batch-table .leave-out")[0]
    box.send_keys(Keys.SPACE)
    assert box.value_of_css_property("background-color") != "rgba(0, 0, 0, 0)"  # the tick is white
    shown = [row for row in all_of("#batch-table tbody tr") if row.is_displayed()]
    assert {row.get_attribute("data-number") for row in shown} == set(rows) - settled
    here, order = all_of("#batch-detail section")[0].get_attribute("data-row"), [*rows]
    later = [number for number in order[order.index(here) + 1 :] if number not in settled]
    assert all_of("#batch-detail [data-step='1']")[0].is_enabled() == bool(later)
    box.send_keys(Keys.SPACE)
    assert all(row.is_displayed() for row in all_of("#batch-table tbody tr"))

    figures = all_of("#batch-table .sort")[3]
    figures.send_keys(Keys.ENTER)
    assert all_of("#batch-table th")[3].get_attribute("aria-sort") == "descending"
    shares = [float(cell.get_attribute("data-key")) for cell in all_of("#batch-table td:nth-child(4)")]
    assert shares == sorted(shares, reverse=True)

    saved = {"behavior": "allow", "downloadPath": str(tmp_path)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", saved)
    all_of("#batch-csv")[0].send_keys(Keys.ENTER)
    file = tmp_path / "PlasmoLens-batch.csv"
    wait(file.exists)
    lines = list(csv.DictReader(io.StringIO(file.read_text())))
    assert [line["file"] for line in lines] == [f"cell {i}.png" for i in range(done)]

    browser.execute_script("window.scrollTo(0, document.body.scrollHeight)")
    assert browser.execute_script("return window.scrollY") > 100
    all_of("#batch-detail [data-act='open']")[0].send_keys(Keys.ENTER)
    wait(lambda: names[1] in all_of("#verdict .file")[0].text and all_of("#evidence .layer"))
    assert all_of("button[role=tab]")[0].get_attribute("aria-selected") == "true"
    assert browser.execute_script("return window.scrollY") == 0  # the verdict is at the top
    all_of("button[role=tab]")[1].send_keys(Keys.ENTER)
    all_of("#batch-detail [data-act='close']")[0].send_keys(Keys.ENTER)
    wait(lambda: not all_of("#batch-detail section"))
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
