"""The check of an edit: never shown without it."""

import numpy as np
from markupsafe import Markup
from PIL import Image

from jdm_core.checkpoint.calibration import Thresholds
from jdm_core.explain.likelihood import POSTERIOR_DRAWS
from jdm_core.explain.results import Counterfactual, Effort
from jdm_core.report.report import Explanation
from jdm_core.report.words import ENGLISH, HEAD, POSTERIOR, Language, outcome, outcome_tone, shortfall
from web.parts.html import render
from web.parts.pictures import embedded
from web.words.sentences import BEYOND, TRY, TRY_FIXED

NEAR = 0.1  # a verdict that falls short of what it must reach by no more is nearly there


def check_panel(
    before: Explanation, edit: Counterfactual, thresholds: Thresholds, fixed: bool, say: Language = ENGLISH
) -> Markup:
    """Outcome and table: what both verdicts give and what is needed, how much of the cell changed, by what strength.

    `fixed` where that strength was asked for.
    """
    i = before.index
    to = int(edit.target[i])
    target, flipped, effort = edit.labels[to], bool(edit.flipped[i]), edit.efforts[i]
    kind = str(before.prediction.kind[i])
    head = float(before.prediction.probabilities[i, to]), float(edit.probabilities[i, to])
    posterior = float(before.elbo.posterior[i, to]), float(edit.posterior[i, to])
    reached = (head[1], thresholds.flip_head), (posterior[1], thresholds.flip_posterior)
    near = not flipped and all(share >= least - NEAR for share, least in reached)
    if near:
        words = say("Nearly: {reason}.", reason=shortfall(head[1], posterior[1], thresholds, say))
    else:
        words = outcome(flipped, target, head[1], posterior[1], thresholds, say, kind)
    if not flipped:
        words += f" {say(TRY_FIXED if fixed else TRY)}"
    facts = [
        *([say(BEYOND)] if flipped and target == "Uninfected" else []),
        extent(edit, i, say),
        say(
            "Seed {seed}, guidance {guidance}, found at attempt {attempt}.",
            seed=edit.seed,
            guidance=_guidance(effort, say),
            attempt=say.number(effort.attempts),
        ),
        say("Likelihood of the edit from {draws} draws.", draws=POSTERIOR_DRAWS),
    ]
    rows = (HEAD, *head, thresholds.flip_head), (POSTERIOR, *posterior, thresholds.flip_posterior)
    tone = "nearly" if near else outcome_tone(flipped, kind)
    return render("check", say, tone=tone, outcome=words, target=say(target), rows=rows, facts=" ".join(facts))


def extent(edit: Counterfactual, index: int, say: Language = ENGLISH) -> str:
    """How much of the cell an edit changed, and how far its pixels moved on average."""
    return say(
        "{share} of the cell changed visibly (by more than 10 of 255); over the whole picture a pixel moved by "
        "{distance} of 255 on average.",
        share=say.percent(float(edit.changed_fraction[index])),
        distance=say.number(255 * float(np.abs(edit.difference[index]).mean()), 1),
    )


def variant(number: int, target: str, turned: bool, picture: Image.Image, say: Language = ENGLISH) -> Markup:
    """One edit among several, and whether it passes its check."""
    name = say("Edit {number}", number=number)
    verdict = say("Changes both verdicts") if turned else say("Fails the check")
    words = say("{name} to {target}: {verdict}", name=name, target=say(target), verdict=verdict)
    return render("variant", say, name=name, turned=turned, verdict=verdict, picture=embedded(picture, words))


def _guidance(effort: Effort, say: Language) -> str:
    """How hard an edit was pushed: not at all where the image was left as it is."""
    return say.number(effort.strength.guidance if effort.strength else 0)
