"""The page of a cell in each of its states: read by the classifier, by both verdicts, and edited."""

import gradio as gr
import numpy as np
from markupsafe import Markup

from jdm_core import Explainer
from jdm_core.explain.results import Counterfactual, Prediction
from jdm_core.images.find import Finding
from jdm_core.report.words import Language, outcome_tone, too_small
from web.one_cell.change_map import Wanted
from web.one_cell.checks import check_panel, variant
from web.one_cell.panels import answer, answer_panel, figures_panel, found_panel, is_cell
from web.one_cell.research import explained_with, repeat_panel
from web.one_cell.stage import cell_tile, change_tile, edit_tile, evidence_tile, waiting, waiting_tiles
from web.one_cell.view import Reading, View, no_edit
from web.parts.html import render
from web.parts.pictures import like
from web.parts.updates import hidden, shown, status
from web.words import sentences

VARIANTS = 4
_VARIANT = 256  # pixels a side


def read_view(
    explainer: Explainer, name: str, pixels: np.ndarray, finding: Finding, prediction: Prediction, say: Language
) -> View:
    """The page with the classifier's verdict on what was found in an upload (H, W, 3) uint8; the rest is to come."""
    cell, known = finding.cell, is_cell(prediction)
    label = prediction.labels[int(prediction.probabilities[0].argmax())]
    edited, change = waiting_tiles(label, say) if known else ("", "")
    return no_edit()._replace(
        reading=None,
        status="",
        intro=hidden(),
        results=shown(),
        said="",
        verdict=answer_panel(explainer, finding, name, prediction, None, say),
        found=found_panel(pixels, finding, name, known, say),
        cell=cell_tile(cell, name, known, say),
        evidence=waiting(say(sentences.EVIDENCE), say(sentences.WORKING)) if known else "",
        edited=edited,
        change=change,
        figures=figures_panel(explainer, prediction, None, say),
        elbo="",
        repeat="",
        gradient=hidden(),
        saliency="",
        flip=hidden(),
        stop=hidden(),
        progress="",
        reports=hidden(),
    )


def explained_view(explainer: Explainer, reading: Reading, say: Language) -> View:
    """The page of a cell that was read by both verdicts, and not edited."""
    one = reading.explanation
    finding, prediction, posterior = one.finding, one.prediction, one.elbo.posterior[0].tolist()
    assert finding is not None
    known = is_cell(prediction)
    verdict = answer(explainer, prediction, posterior, say, too_small(finding.cell.shape))
    return ready(reading, say)._replace(
        reading=reading,
        said=f"{one.file}: {verdict.title}. {verdict.detail}",
        verdict=answer_panel(explainer, finding, one.file, prediction, posterior, say),
        evidence=evidence_tile(explainer, one.cell, one.file, one.elbo.evidence[0], say) if known else "",
        figures=figures_panel(explainer, prediction, posterior, say),
        gradient=gr.update(value=say(sentences.GRADIENT), visible=True),
        saliency="",
        **explained_with(explainer, reading, say),
    )


def ready(reading: Reading, say: Language) -> View:
    """The page with no edit running: the one on offer, which is another where there is one, and none for no cell."""
    one = reading.explanation
    cell = bool(one.prediction.is_cell[0])
    offer = sentences.button(says(reading)) if one.edit is None else sentences.ANOTHER
    return View(
        flip=gr.update(value=say(offer), visible=cell),
        stop=hidden(),
        progress="" if cell else status(say(sentences.NO_EDIT)),
        reports=shown(),
    )


def edited_view(explainer: Explainer, reading: Reading, wanted: Wanted, say: Language) -> View:
    """The page of a cell with its finished edit."""
    one = reading.explanation
    edit, thresholds = one.edit, explainer.checkpoint.thresholds
    if edit is None:
        raise ValueError("a cell that was not edited")
    cell, name, effort = one.cell, one.file, edit.efforts[0]
    several = edit.variants.shape[1] > 1
    title = say(sentences.edited_title(says(reading)))
    tone = outcome_tone(bool(edit.flipped[0]), str(one.prediction.kind[0]))
    if tone != "works":  # what its check says under it, where it is looked at
        title = f"⚠ {title}"
    return ready(reading, say)._replace(
        reading=reading,
        edited=edit_tile(cell, name, edit, thresholds, title, say),
        change=change_tile(explainer, cell, name, edit, wanted, say),
        check=check_panel(one, edit, thresholds, reading.strength is not None, say),
        animation=shown(),
        repeat=repeat_panel(explainer, reading, say),
        variants=gr.update(visible=effort.strength is not None and not several),
        several=variants_panel(edit, cell, say) if several else "",
    )


def variants_panel(edit: Counterfactual, cell: np.ndarray, say: Language) -> Markup:
    """The edits of a cell beside each other, in its proportions, each with the outcome of its check."""
    target = edit.labels[int(edit.target[0])]
    figures = [
        variant(number, target, bool(turned), like(pixels, cell, _VARIANT), say)
        for number, (pixels, turned) in enumerate(zip(edit.variants[0], edit.variants_flipped[0], strict=True), 1)
    ]
    return render("variants", say, note=say(sentences.VARIANTS_NOTE), figures=figures)


def says(reading: Reading) -> str:
    """The label that the classifier gives the cell."""
    prediction = reading.explanation.prediction
    return prediction.labels[int(prediction.probabilities[0].argmax())]
