"""The page as a whole: its head and foot, one tab for each kind of work, and the endpoints for programs."""

from typing import Any

import gradio as gr
from gradio.themes import Base

from jdm_core import Explainer
from jdm_core.report.words import ENGLISH, HEAD, NOTICE, POSTERIOR, Language
from jdm_core.version import VERSION
from web.api import add_endpoints
from web.drop import MANY_CELLS, Drop, add_drop, wire_drop
from web.field.layout import FieldTab, add_field_tab
from web.many_cells.layout import ManyCells, add_batch_tab
from web.many_cells.opening import ONE_CELL, open_in_one_cell
from web.many_cells.uploads import Limits
from web.one_cell.layout import OneCell, add_examples, add_one_cell
from web.parts.html import render
from web.parts.static import EXAMPLES, ICON, STYLES, script
from web.parts.updates import ends
from web.settings import Settings
from web.words.browser import I18N, block, label, with_numbers

FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
COMPUTE = {"concurrency_id": "compute", "concurrency_limit": 8}  # jobs in the line before the device; others queue
BATCH = {"concurrency_id": "batch", "concurrency_limit": 2}

LAUNCH = {
    "theme": Base(primary_hue="sky", neutral_hue="slate", font=FONTS, font_mono=MONO),
    "css_paths": STYLES,
    "favicon_path": ICON,
    "i18n": I18N,
    "footer_links": [],
    "run_history": False,
    "enable_monitoring": False,
    "allowed_paths": [str(EXAMPLES)],
    "max_file_size": f"{Settings.upload_megabytes}mb",
}


def build_page(
    explainer: Explainer, kept_seconds: int = Settings.kept_seconds, batch_cells: int = Settings.batch_cells
) -> gr.Blocks:
    """The page around an explainer, a SharedExplainer where several visitors are to come; launch it with LAUNCH."""
    limits = Limits(batch_cells)
    blocks = gr.Blocks(title="PlasmoLens", analytics_enabled=False, delete_cache=(kept_seconds, kept_seconds))
    with blocks:
        gr.HTML(block("header"), elem_id="top", js_on_load=script("tabs") + script("languages"))
        add_endpoints(explainer, COMPUTE)  # before all other events, which would take the names
        with gr.Row(elem_id="begin"):
            drop, examples = add_drop(kept_seconds), add_examples()
        with gr.Tabs(elem_id="tabs") as tabs:
            if examples is not None:
                drop.gives_way(examples.select, tabs)
            with gr.Tab(label("One cell"), id=ONE_CELL, elem_id="one-cell"):
                one_cell = add_one_cell(explainer, COMPUTE, kept_seconds, examples)
            with gr.Tab(label("Many cells"), id=MANY_CELLS, elem_id="many-cells"):
                many_cells = add_batch_tab(explainer, BATCH, kept_seconds, limits)
            field = add_field_tab(explainer, COMPUTE, BATCH, kept_seconds)
        drop.gives_way(many_cells.detail.select, tabs, js="() => { window.scrollTo(0, 0); return []; }")
        open_in_one_cell(many_cells.batch, many_cells.detail, one_cell, COMPUTE)
        _wire_drop(drop, tabs, limits, (one_cell, many_cells, field), kept_seconds)
        with gr.Accordion(label("How to read this"), open=False, elem_id="guide"):
            gr.HTML(block("guide"))
        with gr.Accordion(label("Glossary"), open=False, elem_id="glossary"):
            gr.HTML(block("glossary"))
        gr.HTML(with_numbers("facts", lambda say: _facts(explainer, say)), elem_id="facts")
    return blocks


def _wire_drop(
    drop: Drop, tabs: gr.Tabs, limits: Limits, views: tuple[OneCell, ManyCells, FieldTab], kept_seconds: int
) -> None:
    """Lets what is dropped end what runs, and go to its view."""
    one_cell, many_cells, field = views
    ends([*one_cell.edits, *many_cells.running], [drop.files.upload])
    wire_drop(drop, tabs, limits)
    one_cell.follow(drop.one.change, drop.one, COMPUTE)
    alone = gr.State(time_to_live=kept_seconds)  # a field's picture that is one cell
    one_cell.follow(field.opened_alone(alone, tabs, ONE_CELL).success, alone, COMPUTE)
    many_cells.follow(drop.many.change, drop.many, BATCH)
    field.follow(drop.fields.change, drop.fields)


def _facts(explainer: Explainer, say: Language) -> str:
    """Which model the page shows, and how good it is."""
    checkpoint = explainer.checkpoint
    facts = say(
        "PlasmoLens {version}; model {model} version {model_version}, sha256 {digest}, on {device}.",
        version=VERSION,
        model=explainer.name,
        model_version=checkpoint.version,
        digest=explainer.sha256[:12],
        device=explainer.device,
    )
    return str(render("facts", say, facts=facts, figures=figures(checkpoint.metrics, say), notice=NOTICE))


def figures(metrics: dict[str, Any], say: Language = ENGLISH) -> str:
    """The figures on the test set, where the manifest has them, in a sentence."""
    try:
        return _told(metrics, say)
    except (LookupError, TypeError, ValueError, AttributeError):  # of a checkpoint from elsewhere they may be anything
        return say("The test figures that are recorded for this model cannot be read.")


def _told(metrics: dict[str, Any], say: Language) -> str:
    known = [(name, metrics[key]) for name, key in ((HEAD, "head"), (POSTERIOR, "posterior")) if key in metrics]
    if not known:
        return say("No test figures are recorded for this model.")
    verdicts = say("; ").join(
        say(
            "{verdict} {share} right, AUROC {auroc}",
            verdict=say(name),
            share=say.percent(value["accuracy"]),
            auroc=say.number(value["auroc"], 3),
        )
        for name, value in known
    )
    cells, slides = say.number(metrics["n"]), say.number(metrics["slides"])
    if metrics["test_set"].startswith("test slides"):
        return say(
            "Tested on {cells} cells of {slides} slides of the training laboratory, not used in training: {verdicts}.",
            cells=cells,
            slides=slides,
            verdicts=verdicts,
        )
    return say(
        "Tested on {cells} cells of {slides} slides ({test_set}): {verdicts}.",
        cells=cells,
        slides=slides,
        test_set=metrics["test_set"] or say("no name recorded"),
        verdicts=verdicts,
    )
