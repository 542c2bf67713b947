"""What the page says of a cell that was read: the answer, the figures of both verdicts, what was found."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from jdm_core import Explainer
from jdm_core.checkpoint.familiarity import FAMILIAR
from jdm_core.checkpoint.worth import worth
from jdm_core.explain.results import Prediction
from jdm_core.images.find import Finding
from jdm_core.report.kinds import abroad, kind_warning
from jdm_core.report.words import HEAD, POSTERIOR, Language, Verdict, found_note, too_small
from web.parts.charts import bars
from web.parts.html import note, render
from web.parts.pictures import embedded, like, marked
from web.words import sentences

PREVALENCES = (0.5, 0.05, 0.01, 0.001)  # shares of infected cells that a verdict's worth is told for
USUAL = PREVALENCES.index(0.01)


def is_cell(prediction: Prediction) -> bool:
    """Whether the one picture that was read looks like a red cell, of whatever stain and microscope."""
    return bool(prediction.is_cell[0])


def answer(
    explainer: Explainer,
    prediction: Prediction,
    posterior: list[float] | None,
    say: Language,
    small: bool = False,
) -> Verdict:
    """The verdict in words, which a cell of few pixels has none of; without a posterior it is being made."""
    unsure_below = explainer.checkpoint.thresholds.unsure_below
    head = prediction.probabilities[0].tolist()
    return sentences.verdict(explainer.labels, head, posterior, unsure_below, is_cell(prediction), say, small)


def answer_panel(
    explainer: Explainer,
    finding: Finding,
    name: str,
    prediction: Prediction,
    posterior: list[float] | None,
    say: Language,
) -> Markup:
    """The answer: verdict, whether both agree, whether the model knows such cells, and what the verdict is worth."""
    verdict = answer(explainer, prediction, posterior, say, too_small(finding.cell.shape))
    kind = str(prediction.kind[0])
    metrics = explainer.checkpoint.metrics
    return render(
        "answer",
        say,
        file=name,
        verdict=verdict,
        gloss=_gloss(explainer, verdict, say),
        cell=is_cell(prediction),
        kind="familiar" if kind == FAMILIAR else "strange",
        familiarity=_familiarity(prediction, say),
        warning=kind_warning(kind, abroad(metrics), say),
        worths=_worths(explainer, verdict, kind, say),
        usual=USUAL,
        reduced=reduced_note(finding, say),
    )


def _gloss(explainer: Explainer, verdict: Verdict, say: Language) -> str:
    """What a verdict's label means."""
    if verdict.tone == "unsure":
        return ""
    infected = explainer.labels[int(verdict.tone)] == "Parasitized"
    return say("a malaria parasite (Plasmodium) in the cell") if infected else say("no malaria parasite in the cell")


def _familiarity(prediction: Prediction, say: Language) -> str:
    """Whether the model knows such cells; nothing where that was not fitted, or where it is none."""
    if not is_cell(prediction) or math.isnan(float(prediction.unfamiliarity[0])):
        return ""
    if bool(prediction.familiar[0]):
        return say("Like the cells that the model learnt from.")
    return say("Unlike the cells that the model learnt from: read with care.")


def _worths(explainer: Explainer, verdict: Verdict, kind: str, say: Language) -> list[tuple[str, str]]:
    """What a verdict is worth at each prevalence, in words; nothing where it was not measured on such cells."""
    if verdict.tone == "unsure" or kind != FAMILIAR:
        return []
    metrics: Mapping[str, Any] = explainer.checkpoint.metrics
    if "worth" not in metrics or len(explainer.labels) != 2:
        return []
    measured = [worth(explainer.checkpoint, prevalence) for prevalence in PREVALENCES]
    values = [(one.prevalence, one.first if verdict.tone == "0" else one.second) for one in measured]
    return sentences.worths(values, say)


def figures_panel(explainer: Explainer, prediction: Prediction, posterior: list[float] | None, say: Language) -> Markup:
    """The percentages of both readings, without colours where the picture is no cell."""
    head = prediction.probabilities[0].tolist()
    return bars(explainer.labels, {HEAD: head, POSTERIOR: posterior}, say, muted=not is_cell(prediction))


def found_panel(pixels: np.ndarray, finding: Finding, name: str, known: bool, say: Language) -> Markup:
    """Where the cell lies in the upload; nothing where the picture is read as given."""
    if finding.status == "as given":
        return Markup()
    alt = say("{file} with the outline of what was found in it", file=name)
    words = note(found_note(finding, known, say), "" if finding.status == "cut out" else "warning")
    return render("found", say, picture=embedded(marked(like(pixels, pixels), finding.outline), alt), words=words)


def reduced_note(finding: Finding, say: Language) -> Markup:
    """That the cell has fewer pixels than in the upload, where it has."""
    if finding.reduced_from is None:
        return Markup()
    now, before = (f"{width} × {height}" for height, width in (finding.cell.shape[:2], finding.reduced_from))
    words = say(
        "The cell is read, edited and reported at {now} pixels; in the upload it has {before}.", now=now, before=before
    )
    return note(words)
