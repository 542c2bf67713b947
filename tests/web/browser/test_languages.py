"""The page's languages in a real browser: the one that it prefers, and the one that is chosen on the page."""

import re

import pytest

from tests.support.browser import (
    SECONDS,
    By,
    Keys,
    WebDriverWait,
    displayed,
    explained,
    opened,
    upload,
    wait,
)

conditions = pytest.importorskip("selenium.webdriver.support.expected_conditions")
pytestmark = [pytest.mark.browser, pytest.mark.slow]

SPOKEN = {
    "en": ("English", "Research use only", "Make another edit", "Parasitized"),
    "fr": ("Français", "Usage de recherche uniquement", "Faire une autre retouche", "Parasitée"),
    "pt": ("Português", "Somente para pesquisa", "Fazer outra edição", "Parasitada"),
}
TAGS = {"en": "en", "fr": "fr", "pt": "pt-BR"}
# Words that neither French nor Portuguese has.
ENGLISH = re.compile(
    r"\b(the|of|and|with|is|are|this|that|from|not|your|each|press|cells?|pictures?|draws|edits?|loading|drop|click"
    r"|upload|files|download|settings|show|hide|choose|language|share|both|field|fields)\b",
    re.IGNORECASE,
)
WORDS = """
const found = [], left = 'script, style, pre, code, .file, [lang]:not(html), #drop-files, #field-files'; // never shown
const named = ['aria-label', 'title', 'placeholder', 'alt', 'aria-valuetext'];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const element = node.nodeType === Node.TEXT_NODE ? node.parentElement : node;
    if (element.closest(left)) continue;
    if (node.nodeType === Node.TEXT_NODE) found.push(node.data);
    else named.forEach(name => found.push(node.getAttribute(name)));
}
return found.filter(words => words && words.trim());
"""


def speaks(page, language):
    _, notice, button, label = SPOKEN[language]
    wait(page, "#verdict .verdict", lambda e: label in e.text)
    assert notice in page.find_element(By.ID, "top").text
    assert wait(page, "#flip", displayed).text == button
    assert page.execute_script("return document.documentElement.lang") == TAGS[language]


def all_words(page):
    """Everything that the page says anywhere, with every part unfolded and every tab looked at."""
    for accordion in ("another", "research", "guide", "glossary"):
        wait(page, f"#{accordion} > button").send_keys(Keys.ENTER)
    wait(page, "#repeat code", displayed)
    said = page.execute_script(WORDS)
    for tab in range(3):
        tabs = [e for e in page.find_elements(By.CSS_SELECTOR, "button[role=tab]") if e.is_displayed()]
        tabs[tab].send_keys(Keys.ENTER)
        WebDriverWait(page, SECONDS).until(
            lambda _, at=tab, all_=tabs: all_[at].get_attribute("aria-selected") == "true"
        )
        said += page.execute_script(WORDS)
    return said


def fits(page, *widths):
    """Whatever its words, the page is no wider than the window; a zoom of 200 % on 1280 pixels is a window of 640."""
    try:
        for width in widths:
            size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
            page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            assert page.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("language", ["fr", "pt", "en"])
def test_a_language_that_is_chosen_on_the_page_stays_and_nothing_else_is_left(page, address, language):
    opened(page)
    try:
        link = wait(page, f"#top .languages [hreflang='{TAGS[language]}']")
        assert link.text == SPOKEN[language][0] and link.get_attribute("lang") == TAGS[language]
        link.send_keys(Keys.ENTER)
        WebDriverWait(page, SECONDS).until(lambda b: b.current_url == f"{address}/?lang={language}")
        opened(page)
        speaks(page, language)
        current = page.find_elements(By.CSS_SELECTOR, "#top .languages [aria-current=true]")
        assert [e.text for e in current] == [SPOKEN[language][0]]
        fits(page, 1280, 640, 390)
        said = all_words(page)
        assert len(said) > 200 and not [words for words in said if "__i18n__" in words or "block-" in words]
        if language != "en":
            assert [words for words in said if ENGLISH.search(words)] == []
        page.get(address)  # without a word about the language: as it was
        opened(page)
        speaks(page, language)
        stored = "return [Object.keys(localStorage), Object.keys(sessionStorage), document.cookie]"
        assert "lang" not in str(page.execute_script(stored))
        kept = [cookie for cookie in page.get_cookies() if "expiry" not in cookie]
        assert [cookie["value"] for cookie in kept] == [language]  # which goes with the browser's end
    finally:
        page.delete_all_cookies()


def test_another_language_asks_before_it_closes_what_was_dropped(page, address, cell):
    opened(page)
    upload(page, cell)
    explained(page, cell.name)
    try:
        wait(page, "#top .languages [hreflang=fr]").send_keys(Keys.ENTER)
        question = WebDriverWait(page, SECONDS).until(conditions.alert_is_present())
        assert "what you dropped must be dropped again" in question.text
        question.dismiss()
        assert page.find_element(By.CSS_SELECTOR, "#verdict .file").text == cell.name
        assert page.current_url == f"{address}/"
        wait(page, "[data-example=uninfected-1]").click()
        explained(page, "uninfected-1.png")
        wait(page, "#top .languages [hreflang=fr]").send_keys(Keys.ENTER)  # nothing of one's own: no question
        WebDriverWait(page, SECONDS).until(lambda b: b.current_url == f"{address}/?lang=fr")
        opened(page)
    finally:
        page.delete_all_cookies()


@pytest.mark.parametrize(("language", "spoken"), [("fr-CA", "fr"), ("pt", "pt"), ("de", "en")])
def test_the_browser_s_language_decides(window, address, language, spoken):
    agent = window.execute_script("return navigator.userAgent")
    window.execute_cdp_cmd("Network.setUserAgentOverride", {"userAgent": agent, "acceptLanguage": language})
    try:
        window.get(address)
        speaks(window, spoken)
        assert not [words for words in window.execute_script(WORDS) if "__i18n__" in words or "block-" in words]
    finally:
        window.execute_cdp_cmd("Network.setUserAgentOverride", {"userAgent": agent, "acceptLanguage": "en-US"})
