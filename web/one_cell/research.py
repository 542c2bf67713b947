"""What stands folded under the stage for those who want every figure: ELBO, units, gradient, and how to repeat it."""

import math
from collections.abc import Mapping
from shlex import quote
from typing import Any

import numpy as np
from markupsafe import Markup

from jdm_core import Explainer
from jdm_core.explain.matching import AS_GIVEN, MATCHED
from jdm_core.report.words import MATCHED_NOTE, Language
from web.one_cell.view import Reading
from web.parts.charts import elbo_panel, magnitude_legend
from web.parts.html import note, render
from web.parts.pictures import embedded, like
from web.words import sentences

_SALIENCY = 256  # pixels on the longer side


def explained_with(explainer: Explainer, reading: Reading, say: Language) -> dict[str, Any]:
    """The ELBO of a cell that was read, and how to have the same figures elsewhere, by field of the view."""
    elbo = reading.explanation.elbo
    paired = float(elbo.difference[0]), float(elbo.difference_standard_error[0])
    panel = elbo_panel(elbo.labels, elbo.elbo[0], elbo.standard_error[0], paired, elbo.draws, say, elbo.posterior[0])
    factor = float(f"{math.exp(explainer.draw.evidence_scale(elbo.evidence[0])):.4g}")
    unit = say(
        "A pixel of full colour in the evidence map changes the odds by a factor of {factor}.",
        factor=say.number(factor),
    )
    seen = "" if reading.explanation.colours == AS_GIVEN else say(MATCHED_NOTE)
    told = [words for words in (contradictions(explainer.checkpoint.metrics, say), unit, seen) if words]
    return {"elbo": panel + Markup().join(map(note, told)), "repeat": repeat_panel(explainer, reading, say)}


def contradictions(metrics: Mapping[str, Any], say: Language) -> str:
    """How often ELBO and likelihood verdict point to different classes, as recorded; nothing where it is not."""
    try:
        measured = metrics["elbo"]
        low, high = (say.share(round(float(end), 3), 1) for end in measured["parts_interval"])
        return say(
            "On {cells} test cells of {slides} slides, the ELBO pointed the other way from the likelihood verdict in "
            "{share} ({low} to {high}), and by more than twice its error in {clearly}.",
            cells=say.number(measured["n"]),
            slides=say.number(measured["slides"]),
            share=say.share(round(float(measured["parts"]), 3), 1),
            low=low,
            high=high,
            clearly=say.share(round(float(measured["parts_clearly"]), 3), 1),
        )
    except (LookupError, TypeError, ValueError):  # of a checkpoint from elsewhere they may be anything
        return ""


def repeat_panel(explainer: Explainer, reading: Reading, say: Language) -> Markup:
    """The calls that give the figures of this page again: in Python, and by HTTP."""
    one = reading.explanation
    matched = one.colours != AS_GIVEN
    json = f', \\"colours\\": \\"{MATCHED}\\"' if matched else ""
    if one.finding is not None and one.finding.status == "as given":
        json += ', \\"as_given\\": true'
    return render(
        "repeat",
        say,
        checkpoint=explainer.name,
        file=repr(one.file),
        form=quote(f"files=@{one.file}"),
        draws=one.elbo.draws,
        seed=reading.seed,
        edit_seed=reading.seed if one.edit is None else one.edit.seed,
        colours=f", colours={MATCHED!r}" if matched else "",
        json=json,
    )


def saliency_panel(explainer: Explainer, cell: np.ndarray, name: str, saliency: np.ndarray, say: Language) -> Markup:
    """The gradient (S, S) of the classifier over the gray cell, with its colours and what they do not say."""
    drawn = explainer.draw.saliency(explainer.model_view(cell), saliency, _SALIENCY)
    words = say("gradient saliency of {file}: yellow where the classifier’s score depends most on the pixel", file=name)
    scale = magnitude_legend(say("weak gradient"), say("strong gradient"))
    return embedded(like(drawn, cell, _SALIENCY), words) + scale + note(say(sentences.SALIENCY_NOTE))
