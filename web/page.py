"""The layout of the page, and which callback answers to what."""

from html import escape
from pathlib import Path

import gradio as gr

from jdm_core import Explainer
from jdm_core.report import NOTICE
from web import text
from web.api import add_endpoints
from web.callbacks import DRAWS, EXAMPLES, Callbacks, View
from web.charts import legend
from web.footer import model_facts

HERE = Path(__file__).parent
KEPT_SECONDS = 3600  # uploads and pictures are deleted after this
FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
COMPUTE = {"concurrency_id": "compute", "concurrency_limit": 1}
QUIET = {"show_progress": "hidden", "api_visibility": "private"}

LAUNCH = {
    "theme": gr.themes.Base(primary_hue="sky", neutral_hue="slate", font=FONTS, font_mono=MONO),
    "css_paths": HERE / "style.css",
    "favicon_path": HERE / "favicon.svg",
    "footer_links": [],
    "run_history": False,
    "enable_monitoring": False,
    "allowed_paths": [str(EXAMPLES)],
    "max_file_size": "64mb",
    "state_session_capacity": 100,
}


def build_page(explainer: Explainer) -> gr.Blocks:
    """The page around an explainer; launch it with LAUNCH."""
    callbacks = Callbacks(explainer)
    blocks = gr.Blocks(title="PlasmoLens", analytics_enabled=False, delete_cache=(KEPT_SECONDS, KEPT_SECONDS))
    with blocks:
        gr.HTML(
            f'<header><strong>PlasmoLens</strong><span class="tagline">{text.TAGLINE}</span>'
            f'<span class="notice">{NOTICE}</span></header>',
            elem_id="top",
        )
        parts = {"reading": gr.State(time_to_live=KEPT_SECONDS)}
        with gr.Row(elem_id="main"):
            with gr.Column(scale=1, min_width=300, elem_id="input"):
                parts["upload"], examples = _input_image()
                with gr.Accordion("Advanced", open=False, elem_id="advanced"):
                    draws = gr.Radio(list(DRAWS), value=32, label="Draws", info="More are slower and more precise")
                    seed = gr.Number(0, label="Seed", info="Same seed, same numbers", precision=0, minimum=0)
                    again = gr.Button("Explain again", size="sm", elem_id="again")
            with gr.Column(scale=3, min_width=300, elem_id="output"):
                parts["status"] = gr.HTML(elem_id="status")
                parts["intro"] = gr.HTML(_intro(), elem_id="intro")
                with gr.Column(visible=False, elem_id="results") as parts["results"]:
                    parts |= _verdict_section(explainer.labels) | _edit_section()
        _glossary()
        gr.HTML(f"<footer>{model_facts(explainer)}<p>{NOTICE}.</p></footer>", elem_id="facts")
        add_endpoints(explainer, COMPUTE)
        _wire(callbacks, parts, examples, draws, seed, again)
    return blocks


def _intro() -> str:
    return f"<p>{text.INTRO}</p><ol>{''.join(f'<li>{escape(step)}</li>' for step in text.STEPS)}</ol>"


def _input_image() -> tuple[gr.Image, list[gr.Button]]:
    upload = gr.Image(
        format="png", sources=["upload", "clipboard"], label="Cell", height=260, buttons=[], elem_id="upload",
        placeholder=text.PLACEHOLDER, alt_text="the uploaded cell",
    )  # fmt: skip
    files = sorted(EXAMPLES.glob("*.png"))
    if files:
        gr.HTML(f'<p class="note">{text.EXAMPLES}</p>')
    with gr.Row(elem_id="examples"):
        return upload, [
            gr.Button(file.stem.replace("-", " ").capitalize(), icon=file, size="sm", min_width=60, elem_id=file.stem)
            for file in files
        ]


def _verdict_section(labels: tuple[str, ...]) -> dict[str, gr.components.Component]:
    parts: dict[str, gr.components.Component] = {}
    with gr.Column(elem_classes="card"):
        parts["verdict"] = gr.HTML(elem_id="verdict")
    with gr.Column(elem_classes="card", elem_id="why"):
        gr.HTML("<h3>Where the evidence lies</h3>")
        with gr.Row(elem_classes="pair"):
            parts["cell"] = _output_image("The cell", "cell")
            parts["evidence"] = _output_image("Evidence map", "evidence")
        gr.HTML(legend(f"speaks for {labels[1]}", "no evidence", f"speaks for {labels[0]}"))
    with gr.Column(elem_classes="card", elem_id="likelihood"):
        gr.HTML("<h3>How likely the cell is under each class</h3>")
        parts["elbo"] = gr.HTML(elem_id="elbo")
    return parts


def _edit_section() -> dict[str, gr.components.Component | gr.Column]:
    parts: dict[str, gr.components.Component | gr.Column] = {}
    with gr.Column(elem_classes="card", elem_id="edit"):
        gr.HTML("<h3>What would change the verdict</h3>")
        with gr.Row(elem_classes="buttons"):
            parts["remove"] = gr.Button("Remove parasite", interactive=False, elem_id="remove", min_width=120)
            parts["add"] = gr.Button("Add parasite", interactive=False, elem_id="add", min_width=120)
            parts["stop"] = gr.Button("Stop", variant="stop", visible=False, elem_id="stop", min_width=80)
        parts["reason"] = gr.HTML(elem_id="reason", elem_classes="note")
        parts["progress"] = gr.HTML(elem_id="progress")
        parts["frame"] = _output_image("The edit so far", "frame", visible=False)
        with gr.Column(visible=False, elem_id="edited") as parts["edited"]:
            parts["check"] = gr.HTML(elem_id="check")
            with gr.Row(elem_classes="pair", elem_id="comparison"):
                parts["slider"] = gr.ImageSlider(
                    label="Before | after", format="png", interactive=False, buttons=["fullscreen"], elem_id="slider",
                    min_width=140,
                )  # fmt: skip
                parts["after"] = _output_image("The edited cell", "after")
                parts["change"] = _output_image("Change map", "change")
            gr.HTML(legend("now darker", "unchanged", "now brighter"))
    with gr.Row(elem_classes="buttons"):
        parts["prepare"] = gr.Button("Prepare report", size="sm", visible=False, elem_id="prepare")
        parts["report"] = gr.DownloadButton("Download report (ZIP)", size="sm", visible=False, elem_id="report")
    return parts


def _output_image(label: str, elem_id: str, visible: bool = True) -> gr.Image:
    return gr.Image(
        label=label, format="png", interactive=False, buttons=["fullscreen"], elem_id=elem_id, min_width=140,
        visible=visible,
    )  # fmt: skip


def _glossary() -> None:
    with gr.Accordion("How to read this", open=False, elem_id="glossary"):
        items = "".join(
            f"<div><dt>{escape(term)}</dt><dd>{escape(words)}</dd></div>" for term, words in text.GLOSSARY.items()
        )
        gr.HTML(f"<dl>{items}</dl>")


def _wire(
    callbacks: Callbacks, parts: dict, examples: list[gr.Button], draws: gr.Radio, seed: gr.Number, again: gr.Button
) -> None:
    page = [parts[name] for name in View._fields]
    upload, reading = parts["upload"], parts["reading"]
    options = {"preprocess": False, **QUIET}
    edits = [
        parts[name].click(getattr(callbacks, name), [reading], page, **options, **COMPUTE) for name in ("remove", "add")
    ]
    options |= {"cancels": edits}
    upload.upload(callbacks.explain, [upload, draws, seed], page, trigger_mode="multiple", **options, **COMPUTE)
    again.click(callbacks.again, [reading, draws, seed], page, **options, **COMPUTE)
    upload.clear(callbacks.clear, None, page, **options)
    parts["stop"].click(callbacks.stop, [reading], page, **options)
    parts["prepare"].click(callbacks.report, [reading], page, preprocess=False, **QUIET)
    clicks = [example.click for example in examples]
    gr.on(clicks, callbacks.example, [draws, seed], page, trigger_mode="multiple", **options, **COMPUTE)
