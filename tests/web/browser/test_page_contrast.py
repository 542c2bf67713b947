"""Words on the page stand out from their ground, in the light and in the dark theme."""

import pytest

from tests.support.browser import Keys, displayed, opened, wait

pytestmark = [pytest.mark.browser, pytest.mark.slow]


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
    ".worth",
    ".examples button",
    ".choose",
    ".bar > span:first-child",
    ".bar strong",
    "#elbo td",
    "#elbo th",
    ".legend .ends span",
    ".legend .unit",
    ".told",
    ".outcome",
    "#flip",
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_their_ground(window, address, scheme):
    """WCAG 2.2 AA: a contrast of at least 4.5 for text."""
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    window.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    try:
        window.get(address)
        opened(window)
        wait(window, "#research > button").send_keys(Keys.ENTER)
        wait(window, "#elbo td", displayed)
        found = window.execute_script(CONTRASTS, TEXTS)
        assert {selector for selector, _ in found} == set(TEXTS)
        assert [(selector, round(ratio, 2)) for selector, ratio in found if ratio < 4.5] == []
    finally:
        window.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
