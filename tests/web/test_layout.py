"""The page as it is built: its blocks, its theme, and the figures of its footer."""

import gradio as gr

from web.one_cell.view import View
from web.page import LAUNCH, build_page, figures


def test_every_field_of_a_view_is_on_the_page(explainer):
    ids = {block.elem_id for block in build_page(explainer).blocks.values()}
    assert {*View._fields} - {"reading"} <= ids
    assert {"as-given", "mode", "start", "guidance", "threshold", "opacity", "border"} <= ids


def test_footer_gives_the_figures_with_their_test_set():
    head = {"accuracy": 0.968, "auroc": 0.9934}
    words = figures({"test_set": "test slides of a.zip", "n": 4394, "slides": 34, "head": head})
    rest = ": Classifier 97\u00a0% right, AUROC 0.993."
    assert words == f"Tested on 4,394 cells of 34 slides not used in training{rest}"
    words = figures({"test_set": "all slides of a.zip", "n": 400, "slides": 40, "head": head})
    assert words == f"Tested on 400 cells of 40 slides (all slides of a.zip){rest}"
    assert "No test figures" in figures({})


def test_the_theme_brings_no_fonts_of_others():
    theme = LAUNCH["theme"]
    assert isinstance(theme, gr.themes.Base) and theme._stylesheets == [] and theme._font_css == []
