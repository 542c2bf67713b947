"""The check of an edit: never shown without it."""

import numpy as np
from markupsafe import Markup
from PIL import Image

from jdm_core.checkpoint.calibration import Thresholds
from jdm_core.explain.likelihood import POSTERIOR_DRAWS
from jdm_core.explain.results import Counterfactual, Effort
from jdm_core.report.report import Explanation
from jdm_core.report.words import ENGLISH, HEAD, POSTERIOR, Language, outcome
from web.parts.html import render
from web.parts.pictures import embedded
from web.words.sentences import BEYOND, TRY, TRY_FIXED


def check_panel(
    before: Explanation, edit: Counterfactual, thresholds: Thresholds, attempts: int, say: Language = ENGLISH
) -> Markup:
    """Outcome and table: what both verdicts give and what is needed, how much of the cell changed, by what strength."""
    i = before.index
    to = int(edit.target[i])
    target, flipped, effort = edit.labels[to], bool(edit.flipped[i]), edit.efforts[i]
    head = float(before.prediction.probabilities[i, to]), float(edit.probabilities[i, to])
    posterior = float(before.elbo.posterior[i, to]), float(edit.posterior[i, to])
    words = outcome(flipped, target, head[1], posterior[1], thresholds, say)
    if not flipped:
        words += f" {say(TRY_FIXED if attempts == 1 else TRY)}"
    facts = [
        *([say(BEYOND)] if flipped and target == "Uninfected" else []),
        extent(edit, i, say),
        say(
            "Guidance {guidance}, attempt {attempt} of at most {attempts}.",
            guidance=_guidance(effort, say),
            attempt=effort.attempts,
            attempts=attempts,
        ),
        say("Likelihood of the edit from {draws} draws.", draws=POSTERIOR_DRAWS),
    ]
    rows = (HEAD, *head, thresholds.flip_head), (POSTERIOR, *posterior, thresholds.flip_posterior)
    return render("check", say, flipped=flipped, outcome=words, target=say(target), rows=rows, facts=" ".join(facts))


def extent(edit: Counterfactual, index: int, say: Language = ENGLISH) -> str:
    """How much of the cell an edit changed, and how far its pixels moved on average."""
    return say(
        "{share} of the cell changed visibly (by more than 10 of 255); over the whole picture a pixel moved by "
        "{distance} of 255 on average.",
        share=say.percent(float(edit.changed_fraction[index])),
        distance=say.number(255 * float(np.abs(edit.difference[index]).mean()), 1),
    )


def variant(
    number: int, target: str, turned: bool, pictures: tuple[Image.Image, Image.Image], say: Language = ENGLISH
) -> Markup:
    """One edit among several: the edited cell and its change map, and whether it passes its check."""
    name = say("Edit {number}", number=number)
    verdict = say("Changes both verdicts") if turned else say("Fails the check")
    words = say("{name} to {target}: {verdict}", name=name, target=say(target), verdict=verdict)
    shown = embedded(pictures[0], words), embedded(pictures[1], f"{say('Change map')}. {words}")
    return render("variant", say, name=name, turned=turned, verdict=verdict, pictures=shown)


def _guidance(effort: Effort, say: Language) -> str:
    """How hard an edit was pushed: not at all where the image was left as it is."""
    return say.number(effort.strength.guidance if effort.strength else 0)
