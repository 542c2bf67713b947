"""The check of an edit: never shown without it."""

from html import escape

import numpy as np
from PIL import Image

from jdm_core.explainer import CHECK_DRAWS
from jdm_core.report import Explanation
from jdm_core.results import Counterfactual
from web.compare import embedded
from web.text import HEAD, POSTERIOR, Say, english, outcome, percent


def check_panel(
    explanation: Explanation, thresholds: dict[str, float], attempts: int, say: Say = english
) -> str:
    """Outcome and table: did both verdicts change, how much of the cell did and how far, and by what strength."""
    edit, i = explanation.edit, explanation.index
    to = int(edit.target[i])
    target = edit.labels[to]
    head = float(explanation.prediction.probabilities[i, to]), float(edit.probabilities[i, to])
    posterior = float(explanation.elbo.posterior[i, to]), float(edit.posterior[i, to])
    flipped, fixed = bool(edit.flipped[i]), attempts == 1
    words = outcome(
        flipped, target, head[1], posterior[1], thresholds["flip_head"], thresholds["flip_posterior"], fixed, say
    )
    rows = "".join(
        f'<tr><th scope="row">{escape(say(name))}: {escape(say(target))}</th><td>{percent(before)}</td>'
        f"<td>{percent(after)}</td><td>{escape(say(_change(before, after)))}</td></tr>"
        for name, (before, after) in ((HEAD, head), (POSTERIOR, posterior))
    )
    columns = "".join(f'<th scope="col">{escape(say(name))}</th>' for name in ("before", "after", "verdict changed"))
    settings = edit.settings
    facts = [
        extent(edit, i, say),
        say("Guidance {guidance}, attempt {attempt} of at most {attempts}.").format(
            guidance=f"{settings['guidance'][i]:g}", attempt=settings["attempts"][i], attempts=attempts
        ),
        say("Likelihood of the edit from {draws} draws.").format(draws=CHECK_DRAWS),
    ]
    return (
        f'<p class="outcome {"works" if flipped else "failed"}" role="status">{escape(words)}</p>'
        f'<table class="check"><thead><tr><td></td>{columns}</tr></thead><tbody>{rows}</tbody></table>'
        f'<p class="note">{escape(" ".join(facts))}</p>'
    )


def extent(edit: Counterfactual, index: int, say: Say = english) -> str:
    """How much of the cell an edit changed, and how far its pixels moved on average."""
    share, distance = percent(float(edit.changed_fraction[index])), 255 * float(np.abs(edit.difference[index]).mean())
    words = say("{share} of the cell changed visibly; a pixel moved by {distance} of 255 on average.")
    return words.format(share=share, distance=f"{distance:.1f}")


def variant(name: str, edit: Counterfactual, pictures: tuple[Image.Image, Image.Image], say: Say = english) -> str:
    """One strength among others: the edited cell and its change map, whether it turns the verdicts, how far it goes."""
    to = int(edit.target[0])
    target, flipped = say(edit.labels[to]), bool(edit.flipped[0])
    verdict = say("Turns both verdicts" if flipped else "Does not turn both verdicts")
    numbers = " ".join(
        f"{say(reading)}: {target} {percent(float(value[0, to]))}."
        for reading, value in ((HEAD, edit.probabilities), (POSTERIOR, edit.posterior))
    )
    words = say("{name} edit to {target}: {verdict}").format(name=say(name), target=target, verdict=verdict)
    cell, change = embedded(pictures[0], words), embedded(pictures[1], f"{say('Change map')}. {words}")
    settings = edit.settings
    strength = say("Guidance {guidance}, starting noise {noise}.").format(
        guidance=f"{settings['guidance'][0]:g}", noise=percent(settings["start_time"][0])
    )
    return (
        f'<figure class="variant">{cell}{change}'
        f'<figcaption><strong>{escape(say(name))}</strong><span class="{"works" if flipped else "failed"}">'
        f"{escape(verdict)}</span><span>{escape(numbers)}</span>"
        f'<span class="note">{escape(strength)} {escape(extent(edit, 0, say))}</span></figcaption></figure>'
    )


def _change(before: float, after: float) -> str:
    if before > 0.5:
        return "said so before"
    return "yes" if after > 0.5 else "no"
