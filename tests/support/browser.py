"""What tests of the page in a real browser share: waiting for things, and the steps that many of them begin with."""

from functools import partial

import pytest

By = pytest.importorskip("selenium.webdriver.common.by").By
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
ActionChains = partial(pytest.importorskip("selenium.webdriver").ActionChains, duration=50)  # ms that a pointer moves
_Wait = pytest.importorskip("selenium.webdriver.support.ui").WebDriverWait
# Seconds between two looks: selenium's half a second is most of what many tests take, and each look works for three.
WebDriverWait = partial(_Wait, poll_frequency=0.2)
SECONDS = 120  # for any one thing to happen


def wait(browser, selector, found=bool):
    """The first element of a selector, once there is one and `found` accepts it."""

    def ready(driver):
        elements = [e for e in driver.find_elements(By.CSS_SELECTOR, selector) if found(e)]
        return elements[0] if elements else None

    return WebDriverWait(browser, SECONDS, ignored_exceptions=stale()).until(ready, f"nothing at {selector}")


def stale():
    """The exceptions of an element that is drawn anew."""
    from selenium.common.exceptions import StaleElementReferenceException

    return [StaleElementReferenceException]


def displayed(element) -> bool:
    """Whether an element is in sight."""
    return element.is_displayed()


def loaded(image) -> bool:
    """Whether a picture is there."""
    return image.parent.execute_script("return arguments[0].complete && arguments[0].naturalWidth > 1", image)


def opened(browser):
    """Waits until the page shows the result that it opens with."""
    return wait(browser, "#edited .edited", loaded)


def upload(browser, *paths):
    """Drops files on the page."""
    wait(browser, "#drop-zone input[type=file]").send_keys("\n".join(map(str, paths)))


def explained(browser, name):
    """Waits until the cell of that name is explained, and not edited; its evidence."""
    wait(browser, "#verdict .file", lambda e: e.text == name)
    wait(browser, "#edited .waiting")
    wait(browser, "#flip", displayed)
    return wait(browser, "#evidence .layer", loaded)


def offered(browser):
    """The one button of the edit, named by what it does."""
    button = wait(browser, "#flip", displayed)
    assert button.text in ("Show it without the parasite", "Show what would look infected", "Make another edit")
    return button
