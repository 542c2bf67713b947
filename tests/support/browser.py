"""What tests of the page in a real browser share: waiting for things, and the steps that many of them begin with."""

import pytest

By = pytest.importorskip("selenium.webdriver.common.by").By
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
WebDriverWait = pytest.importorskip("selenium.webdriver.support.ui").WebDriverWait
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


def loaded(image) -> bool:
    """Whether a picture is there."""
    return image.parent.execute_script("return arguments[0].complete && arguments[0].naturalWidth > 1", image)


def upload(browser, path):
    """Gives the page a file."""
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
