"""python -m benchmarks page: how long a person waits on the served page, from the press to what is seen, in Chromium.

The browser's own clock runs from the press, or from the files that were chosen, until what is waited for is there.
"""

import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.start import start_server, stop_server
from training.tables import Figure, Table
from web.parts.static import EXAMPLES
from web.screenshot import chromium

CELLS = 50  # of many
PATIENCE = 600  # seconds for any one thing
AIMS = {  # seconds on two CPU cores
    "from the start of a sleeping server to a page that can be used": 20,
    "from the page's HTML to where it can be used": 1.5,
    "the classifier's verdict on a cell": 0.4,
    "what speaks for a parasite": 1.5,
    "the first frame of an edit": 0.8,
    "the edit, checked": 6,
    "four different edits": 3.5,
    "the PDF of the edited cell, saved": 1.5,
    f"{CELLS} cells, all read": 15,
    f"the reports of {CELLS} cells": 60,
}
Sight = tuple[str, ...]  # a selector, and the words of what it selects where they tell the new from the old
USABLE: list[Sight] = [("#drop-zone .choose",), ("#edited img.edited",), ("#flip",)]
# Notes in `sightings` after how many seconds each sight was there first, once all of them are.
LOOK = """
window.lookFor = (sights, begun) => {
    const seen = sights.map(() => null);
    const there = ([selector, words]) => [...document.querySelectorAll(selector)].some(one => one.checkVisibility()
        && (!words || one.textContent.trim() === words) && (one.tagName !== 'IMG' || one.naturalWidth > 1));
    const again = () => {
        sights.forEach((sight, i) => {
            if (seen[i] === null && there(sight)) seen[i] = (performance.now() - begun()) / 1000;
        });
        if (seen.includes(null)) return;
        changes.disconnect();
        document.removeEventListener('load', again, true);
        window.sightings = seen;
    };
    const changes = new MutationObserver(again); // no look at each frame: those take from the server's processor
    changes.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
    document.addEventListener('load', again, true); // of pictures and styles
    again();
};
"""
OPENING = "lookFor(%s, () => performance.getEntriesByType('navigation')[0].responseEnd);"
PRESSED = """
const [event, sights] = arguments;
window.sightings = null;
document.addEventListener(event, () => {
    const begun = performance.now();
    window.pressedAt = Date.now() / 1000;
    lookFor(sights, () => begun);
}, {capture: true, once: true});
"""


class Visitor:
    """A browser on the served page, which tells the seconds that each thing took."""

    def __init__(self, browser: Any, folder: str) -> None:
        self.browser, self.folder = browser, Path(folder)
        opening = LOOK + OPENING % json.dumps(USABLE)
        browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": opening})
        browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": folder})

    def open(self, address: str) -> float:
        """Loads the page, until it can be used."""
        self.browser.get(address)
        return max(self._seen())

    def one_cell(self, cell: Path) -> list[float]:
        """Has a cell of that name read and edited: verdict, evidence, first frame, edit, four edits and PDF."""
        evidence = f"#evidence .layers:has(.base[alt*='{cell.name}']) .layer"
        read = self._after("change", [("#verdict .file", cell.name), (evidence,)], lambda: self._choose(cell))
        frame = "#edited .tile:not(.waiting) img"
        edited = self._after("click", [(frame,), ("#check .outcome",)], lambda: self._press("#flip"))
        four = self._after("click", [("#several .variant:nth-of-type(4) img",)], lambda: self._press("#variants"))
        self.browser.execute_script(PRESSED, "click", [])
        self._press("#pdf")
        self._until(self.folder.joinpath(f"{cell.stem}.pdf").exists, 0.01)
        saved = time.time() - self.browser.execute_script("return window.pressedAt")
        return [*read, *edited, *four, saved]

    def many_cells(self, cells: list[Path]) -> list[float]:
        """Has many cells read, and their reports made."""
        read = self._after("change", [("#batch-take",)], lambda: self._choose(*cells))
        return [*read, *self._after("click", [("#batch-zip",)], lambda: self._press("#batch-prepare"))]

    def _after(self, event: str, sights: list[Sight], act: Callable[[], None]) -> list[float]:
        """The seconds from an event, which the act brings about, to each of the sights."""
        self.browser.execute_script(PRESSED, event, sights)
        act()
        return self._seen()

    def _choose(self, *files: Path) -> None:
        paths = "\n".join(map(str, files))
        self.browser.find_element("css selector", "#drop-files input[type=file]").send_keys(paths)

    def _press(self, selector: str) -> None:
        button = self.browser.find_element("css selector", selector)
        self._until(button.is_displayed)
        button.click()

    def _seen(self) -> list[float]:
        return self._until(lambda: self.browser.execute_script("return window.sightings"))

    def _until(self, there: Callable[[], Any], pause: float = 0.2) -> Any:
        """What a question answers, once it is something."""
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.browser, PATIENCE, pause).until(lambda _: there())


def measure() -> Table:
    """The median and the longest wait of each kind over some example cells; start and many cells are waited once."""
    cells = sorted(EXAMPLES.glob("*-*.png"))[::2]
    with TemporaryDirectory() as folder, chromium(1280, dark=False) as browser:
        visitor = Visitor(browser, folder)
        begun = time.time()
        address, server, _ = start_server()
        try:
            visitor.open(address)
            waking = time.time() - begun
            copies = [Path(copy(cells[i % len(cells)], Path(folder, f"cell-{i}.png"))) for i in range(CELLS)]
            visitor.one_cell(copies[-1])  # warm
            rounds = [[visitor.open(address), *visitor.one_cell(cell)] for cell in copies[: len(cells)]]
            visitor.open(address)
            many = visitor.many_cells(copies)
        finally:
            stop_server(server)
    waits = [[waking], *zip(*rounds, strict=True), *([one] for one in many)]
    rows = [
        (what, *(Figure(told(seconds), digits=2) for told in (statistics.median, max)), f"{most:g}")
        for (what, most), seconds in zip(AIMS.items(), waits, strict=True)
    ]
    cores = len(os.sched_getaffinity(0))
    note = f"Cells: {len(cells)}, one after the other. Cores: {cores}, which the browser shares with the server."
    return Table.make(("Seconds", "Median", "Longest", "Aim"), rows, note=note)


if __name__ == "__main__":
    print(measure().markdown())
