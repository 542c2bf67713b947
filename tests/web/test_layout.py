"""The page as it is built: its blocks, its theme, and the figures of its footer."""

import re

import gradio as gr
import pytest

from web.one_cell.view import View
from web.page import LAUNCH, build_page, figures
from web.words.browser import I18N
from web.words.language import CODES, say_in


@pytest.mark.slow
def test_every_field_of_a_view_is_on_the_page(explainer):
    ids = {block.elem_id for block in build_page(explainer).blocks.values()}
    assert {*View._fields} - {"reading"} <= ids
    assert {"as-given", "mode", "start", "guidance", "threshold", "border", "drop-files", "examples"} <= ids


def test_footer_gives_the_figures_with_their_test_set():
    head = {"accuracy": 0.968, "auroc": 0.9934}
    measured = {"test_set": "test slides of a.zip", "n": 4394, "slides": 34, "head": head}
    rest = ": Classifier 97\u00a0% right, AUROC 0.993."
    tested = "Tested on 4\u202f394 cells of 34 slides of the training laboratory, not used in training"
    assert figures(measured) == tested + rest
    words = figures({"test_set": "all slides of a.zip", "n": 400, "slides": 40, "head": head})
    assert words == f"Tested on 400 cells of 40 slides (all slides of a.zip){rest}"
    assert "No test figures" in figures({})
    french = figures(measured, say_in("fr"))
    assert french.startswith("Testé sur 4\u202f394 cellules de 34 lames") and "AUROC 0,993" in french


ENGLISH_WORDS = re.compile(r"\b(the|of|and|not|with|images|files|cells|results?|row|at most|right|version)\b", re.I)
FOR_PROGRAMS = {"file", "target", "as_given", "result", "picture", "map"}  # components of the endpoints, never shown


@pytest.mark.slow
@pytest.mark.parametrize("code", CODES)
def test_nothing_on_the_page_is_english_alone(explainer, code):
    """Whatever stands on the page from the start is translated by the browser, or holds no words."""
    config = build_page(explainer).get_config_file()
    for component in config["components"]:
        props = component["props"]
        if props.get("label") in FOR_PROGRAMS:
            continue
        chosen = component["type"] in ("radio", "dropdown")  # by a value that has a label of its own
        for name in ("label", "info", "placeholder", "html_template", *(() if chosen else ("value",))):
            words = props.get(name)
            if isinstance(words, str) and "__i18n__" not in words:
                assert not ENGLISH_WORDS.search(re.sub(r"<[^>]*>", " ", words)), (component["type"], name, words)
                assert "aria-label=" not in words, (component["type"], name, words)
    for name in ("facts", "limits"):
        said = re.sub(r"<[^>]*>", " ", I18N.translations[code][f"block-{name}"])
        assert not re.search(r"\b(the|of|cells|slides|at most|right)\b", said), said
    assert explainer.sha256[:12] in I18N.translations[code]["block-facts"]


def test_the_theme_brings_no_fonts_of_others():
    theme = LAUNCH["theme"]
    assert isinstance(theme, gr.themes.Base) and theme._stylesheets == [] and theme._font_css == []
