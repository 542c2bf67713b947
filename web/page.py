"""The page as a whole: its head and foot, one tab for each kind of work, and the endpoints for programs."""

from pathlib import Path

import gradio as gr

from jdm_core import Explainer
from web.api import add_endpoints
from web.batch import add_batch_tab
from web.batch_open import ONE_CELL, open_in_one_cell
from web.callbacks import EXAMPLES
from web.footer import model_facts
from web.one_cell import add_one_cell
from web.translation import I18N, block, label
from web.uploads import Limits

HERE = Path(__file__).parent
KEPT_SECONDS = 3600  # uploads and pictures are deleted after this
FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
COMPUTE = {"concurrency_id": "compute", "concurrency_limit": 8}  # jobs in the line before the device; others queue
BATCH = {"concurrency_id": "batch", "concurrency_limit": 2}

LAUNCH = {
    "theme": gr.themes.Base(primary_hue="sky", neutral_hue="slate", font=FONTS, font_mono=MONO),
    "css_paths": [HERE / "style.css", HERE / "batch.css"],
    "favicon_path": HERE / "favicon.svg",
    "i18n": I18N,
    "footer_links": [],
    "run_history": False,
    "enable_monitoring": False,
    "allowed_paths": [str(EXAMPLES)],
    "max_file_size": "64mb",
    "state_session_capacity": 100,
}


def build_page(explainer: Explainer, kept_seconds: int = KEPT_SECONDS, batch_cells: int | None = None) -> gr.Blocks:
    """The page around an explainer, a SharedExplainer where several visitors are to come; launch it with LAUNCH."""
    blocks = gr.Blocks(title="PlasmoLens", analytics_enabled=False, delete_cache=(kept_seconds, kept_seconds))
    with blocks:
        gr.HTML(block("header"), elem_id="top")
        add_endpoints(explainer, COMPUTE)  # before all other events, which would take the names
        with gr.Tabs(elem_id="tabs") as tabs:
            with gr.Tab(label("One cell"), id=ONE_CELL, elem_id="one-cell"):
                one_cell = add_one_cell(explainer, COMPUTE, kept_seconds)
            with gr.Tab(label("Many cells"), elem_id="many-cells"):
                limits = Limits(batch_cells) if batch_cells else None
                batch, detail = add_batch_tab(explainer, BATCH, kept_seconds, limits)
        open_in_one_cell(batch, detail, one_cell, tabs, COMPUTE)
        with gr.Accordion(label("How to read this"), open=False, elem_id="guide"):
            gr.HTML(block("how-to-read"))
        with gr.Accordion(label("Glossary"), open=False, elem_id="glossary"):
            gr.HTML(block("glossary"))
        gr.HTML(f"<footer>{model_facts(explainer)}{block('notice')}</footer>", elem_id="facts")
    return blocks
