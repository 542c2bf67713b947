"""What the page shows of a cell that was read: verdict, evidence in words, what was found in the upload."""

import numpy as np
from markupsafe import Markup

from jdm_core import Explainer
from jdm_core.explain.results import Prediction
from jdm_core.images.find import Finding
from jdm_core.report.kinds import abroad, kind_warning
from jdm_core.report.words import HEAD, POSTERIOR, Language, found_note
from web.one_cell.view import View, empty
from web.parts.charts import bars, legend
from web.parts.html import note, render
from web.parts.pictures import like, marked
from web.parts.updates import picture, shown
from web.words import sentences


def is_cell(prediction: Prediction) -> bool:
    """Whether the one picture that was read looks like a red cell, of whatever stain and microscope."""
    return bool(prediction.is_cell[0])


def verdict_panel(
    explainer: Explainer, name: str, prediction: Prediction, posterior: list[float] | None, say: Language
) -> Markup:
    """The verdict in words over the percentages of both readings; without a posterior it is being made."""
    labels, head = explainer.labels, prediction.probabilities[0].tolist()
    known = is_cell(prediction)
    unsure_below = explainer.checkpoint.thresholds.unsure_below
    verdict = sentences.verdict(labels, head, posterior, unsure_below, known, say)
    warning = kind_warning(str(prediction.kind[0]), abroad(explainer.checkpoint.metrics), say)
    percentages = bars(labels, {HEAD: head, POSTERIOR: posterior}, say) if known else ""
    return render("verdict", say, file=name, verdict=verdict, cell=known, warning=warning, bars=percentages)


def strange_panel(explainer: Explainer, prediction: Prediction, posterior: list[float] | None, say: Language) -> Markup:
    """The percentages of what is no cell, which stand among the figures that are shown on request."""
    if is_cell(prediction):
        return Markup()
    head = prediction.probabilities[0].tolist()
    return bars(explainer.labels, {HEAD: head, POSTERIOR: posterior}, say, muted=True)


def evidence_words(explainer: Explainer, name: str, evidence: np.ndarray, say: Language) -> str:
    """The evidence map (S, S) in words: which class it speaks for on the whole, and where it is strongest."""
    first, second = (say(label) for label in explainer.labels)
    height, side = sentences.place(np.abs(evidence), say)
    return say(
        "evidence map of {file}: on the whole it speaks for {label}, most strongly at {height} {side}",
        file=name,
        label=first if evidence.sum() > 0 else second,
        height=height,
        side=side,
    )


def evidence_scale(explainer: Explainer, evidence: np.ndarray, say: Language) -> Markup:
    """The colours of the evidence map (S, S), and what full colour stands for."""
    first, second = (say("speaks for {label}", label=say(label)) for label in explainer.labels)
    scale = float(f"{explainer.draw.evidence_scale(evidence):.2g}")
    unit = say("full colour: {scale} log-odds per pixel", scale=say.number(scale))
    return legend(second, say("no evidence"), first, unit)


def found_view(pixels: np.ndarray, finding: Finding, name: str, known: bool, say: Language) -> View:
    """The page before more is known of the cell than where it lies in the upload, and whether it is one at all."""
    if finding.status == "as given":
        return empty()
    alt = say("{file} with the outline of what was found in it", file=name)
    words = note(found_note(finding, known, say), "" if finding.status == "cut out" else "warning")
    drawn = marked(like(pixels, pixels), finding.outline)
    return empty()._replace(found=shown(), outline=picture(drawn, alt), found_note=words)


def reduced_note(finding: Finding, say: Language) -> Markup:
    """That the cell has fewer pixels than in the upload, where it has."""
    if finding.reduced_from is None:
        return Markup()
    now, before = (f"{width} × {height}" for height, width in (finding.cell.shape[:2], finding.reduced_from))
    words = say(
        "The cell is read, edited and reported at {now} pixels; in the upload it has {before}.", now=now, before=before
    )
    return note(words)
