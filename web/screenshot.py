"""python -m web.screenshot OUT.png: drives the page in a headless Chromium as a person would, and takes its picture."""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from web.parts.static import EXAMPLES

ROOT = EXAMPLES.parents[1]
WAIT = 180  # seconds for any one thing to happen


def main(arguments: list[str] | None = None) -> int:
    """Writes the picture of the page as it opens, with a cell of its own and its edit, with many, or with a field."""
    parser = argparse.ArgumentParser(prog="python -m web.screenshot", description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT.png")
    parser.add_argument("--cell", type=Path, help="to be read and edited (default: the page as it opens)")
    parser.add_argument("--width", type=int, default=1280, help="of the window, in pixels (default: 1280)")
    parser.add_argument("--dark", action="store_true", help="as in a dark system theme")
    parser.add_argument("--no-edit", action="store_true", help="stop at the verdict")
    parser.add_argument("--many", type=Path, nargs="+", metavar="FILE", help="these in the tab for many cells instead")
    parser.add_argument("--field", type=Path, help="a whole field, read in its tab instead")
    parser.add_argument("--language", default="en", help="that the browser prefers: en, fr, pt (default: en)")
    options = parser.parse_args(arguments)
    with served() as address, chromium(options.width, options.dark, options.language) as browser:
        browser.get(address)
        if options.many:
            explain_many(browser, options.many)
        elif options.field:
            read_field(browser, options.field)
        elif options.cell is None:
            opened(browser)
        else:
            if explain(browser, options.cell) and not options.no_edit:
                edit(browser)
        save(browser, options.out, options.width)
    return 0


@contextmanager
def served() -> Iterator[str]:
    """The address of the app, run in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port)}
    app = subprocess.Popen(
        [sys.executable, "app.py"], cwd=EXAMPLES.parents[1], env=environment, stdout=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except OSError:
                if app.poll() is not None:
                    raise RuntimeError(f"app.py ended with status {app.returncode}") from None
                time.sleep(0.2)
        yield address
    finally:
        app.terminate()
        app.wait()


@contextmanager
def chromium(width: int, dark: bool, language: str = "en") -> Iterator[Any]:
    """A headless Chromium under selenium, with a window of that width whatever the browser's least is."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"intl.accept_languages": language})
    browser = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        _metrics(browser, width, 900)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        yield browser
    finally:
        browser.quit()


def opened(browser: Any) -> None:
    """Waits for the result that the page opens with."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, WAIT).until(lambda b: b.find_elements(By.CSS_SELECTOR, "#edited .edited"))


def explain(browser: Any, cell: Path) -> bool:
    """Uploads a cell and waits for its evidence map; whether there is one, as there is not for what is no red cell."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    wait = WebDriverWait(browser, WAIT)
    opened(browser)
    wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, "#drop-zone input[type=file]"))[0].send_keys(
        str(cell.resolve())
    )
    wait.until(lambda b: b.find_element(By.CSS_SELECTOR, "#verdict .file").text == cell.name)
    wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, "#evidence .layer, #verdict .not-a-cell"))
    known = not browser.find_elements(By.CSS_SELECTOR, "#verdict .not-a-cell")
    wait.until(lambda b: known or not b.find_element(By.CSS_SELECTOR, "#verdict .agreement").text.endswith("…"))
    return known


def explain_many(browser: Any, files: list[Path]) -> None:
    """Uploads files to the tab for many cells, waits for all of them and opens the first that could be read."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    wait = WebDriverWait(browser, WAIT)
    paths = "\n".join(str(file.resolve()) for file in files)
    wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, "#drop-zone input[type=file]"))[0].send_keys(paths)
    wait.until(lambda b: any(part.is_displayed() for part in b.find_elements(By.CSS_SELECTOR, "#batch-take")))
    wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, "#batch-table .open"))[0].click()
    wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, "#batch-detail svg"))


def read_field(browser: Any, field: Path) -> None:
    """Uploads a field and waits until it is read and its first cell explained, edit included."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    wait = WebDriverWait(browser, WAIT)
    opened(browser)
    wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, "#drop-zone input[type=file]"))[0].send_keys(
        str(field.resolve())
    )
    wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, "#field-gallery [role=option]"))
    wait.until(lambda b: not any(part.is_displayed() for part in b.find_elements(By.CSS_SELECTOR, "#field-stop")))
    wait.until(lambda b: len(b.find_elements(By.CSS_SELECTOR, "#field-card img")) >= 3)


def edit(browser: Any) -> None:
    """Clicks the edit on offer and waits for its check."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    wait = WebDriverWait(browser, WAIT)
    wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, "#edited .waiting"))
    wait.until(lambda b: [e for e in b.find_elements(By.CSS_SELECTOR, "#flip") if e.is_displayed()])[0].click()
    wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, "#check .outcome"))


def save(browser: Any, out: Path, width: int) -> None:
    """Writes the whole page, once its pictures are there."""
    from selenium.webdriver.support.ui import WebDriverWait

    complete = "return [...document.images].every(i => !i.offsetParent || (i.complete && i.naturalWidth))"
    height = "return document.documentElement.scrollHeight"
    _metrics(browser, width, browser.execute_script(height))  # pictures below the window come only once it shows them
    WebDriverWait(browser, WAIT).until(lambda b: b.execute_script(complete))
    _metrics(browser, width, browser.execute_script(height))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(browser.get_screenshot_as_png())


def _metrics(browser: Any, width: int, height: int) -> None:
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


if __name__ == "__main__":
    sys.exit(main())
