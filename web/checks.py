"""The check of an edit: never shown without it."""

from html import escape

import numpy as np
from PIL import Image

from jdm_core.elbo import POSTERIOR_DRAWS
from jdm_core.report import Explanation
from jdm_core.results import Counterfactual
from jdm_core.words import HEAD, POSTERIOR, Say, english, outcome, percent, reached
from web import text
from web.compare import embedded

TRACES = "The edit ends where both verdicts turn, so a trace of the parasite may stay."


def check_panel(explanation: Explanation, thresholds: dict[str, float], attempts: int, say: Say = english) -> str:
    """Outcome and table: did both verdicts reach what is asked for, how much of the cell changed, by what strength."""
    edit, i = explanation.edit, explanation.index
    to = int(edit.target[i])
    target = edit.labels[to]
    head = float(explanation.prediction.probabilities[i, to]), float(edit.probabilities[i, to])
    posterior = float(explanation.elbo.posterior[i, to]), float(edit.posterior[i, to])
    flipped = bool(edit.flipped[i])
    words = outcome(flipped, target, head[1], posterior[1], thresholds, say)
    if not flipped:
        words += f" {say(text.TRY_FIXED if attempts == 1 else text.TRY)}"
    colon = say(": ")
    rows = "".join(
        f'<tr><th scope="row">{escape(say(name))}{colon}{escape(say(target))}</th><td>{percent(before)}</td>'
        f"<td>{say(reached(after, least))}</td>"
        f"<td>{percent(least)}{colon}{say('yes' if after >= least else 'no')}</td></tr>"
        for name, (before, after), least in (
            (HEAD, head, thresholds["flip_head"]),
            (POSTERIOR, posterior, thresholds["flip_posterior"]),
        )
    )
    columns = "".join(f'<th scope="col">{escape(say(name))}</th>' for name in ("before", "after", "reaches"))
    settings = edit.settings
    facts = [
        *([say(TRACES)] if flipped and target == "Uninfected" else []),
        extent(edit, i, say),
        say("Guidance {guidance}, attempt {attempt} of at most {attempts}.").format(
            guidance=say(f"{settings['guidance'][i]:g}"), attempt=settings["attempts"][i], attempts=attempts
        ),
        say("Likelihood of the edit from {draws} draws.").format(draws=POSTERIOR_DRAWS),
    ]
    return (
        f'<p class="outcome {"works" if flipped else "failed"}" role="status">{escape(words)}</p>'
        f'<table class="check"><thead><tr><td></td>{columns}</tr></thead><tbody>{rows}</tbody></table>'
        f'<p class="note">{escape(" ".join(facts))}</p>'
    )


def extent(edit: Counterfactual, index: int, say: Say = english) -> str:
    """How much of the cell an edit changed, and how far its pixels moved on average."""
    share, distance = percent(float(edit.changed_fraction[index])), 255 * float(np.abs(edit.difference[index]).mean())
    words = say(
        "{share} of the cell changed visibly (by more than 10 of 255); over the whole picture a pixel moved by "
        "{distance} of 255 on average."
    )
    return words.format(share=share, distance=say(f"{distance:.1f}"))


def variant(
    name: str, edit: Counterfactual, pictures: tuple[Image.Image, Image.Image], thresholds: dict[str, float],
    say: Say = english,
) -> str:  # fmt: skip
    """One strength among others: the edited cell and its change map, whether it turns the verdicts, how far it goes."""
    to = int(edit.target[0])
    target, flipped = say(edit.labels[to]), bool(edit.flipped[0])
    verdict = _turned(flipped, float(edit.probabilities[0, to]), float(edit.posterior[0, to]), thresholds, say)
    numbers = " ".join(
        f"{say(reading)}{say(': ')}{target} {percent(float(value[0, to]))}."
        for reading, value in ((HEAD, edit.probabilities), (POSTERIOR, edit.posterior))
    )
    words = say("{name} edit to {target}: {verdict}").format(name=say(name), target=target, verdict=verdict)
    cell, change = embedded(pictures[0], words), embedded(pictures[1], f"{say('Change map')}. {words}")
    settings = edit.settings
    strength = say("Guidance {guidance}.").format(guidance=say(f"{settings['guidance'][0]:g}"))
    return (
        f'<figure class="variant">{cell}{change}'
        f'<figcaption><strong>{escape(say(name))}</strong><span class="{"works" if flipped else "failed"}">'
        f"{escape(verdict)}</span><span>{escape(numbers)}</span>"
        f'<span class="note">{escape(strength)} {escape(extent(edit, 0, say))}</span></figcaption></figure>'
    )


def _turned(flipped: bool, head: float, posterior: float, thresholds: dict[str, float], say: Say) -> str:
    """Whether an edit turns both verdicts, and where it does so less clearly than is asked for, which one and how."""
    if flipped:
        return say("Turns both verdicts")
    if min(head, posterior) <= 0.5:
        return say("Does not turn both verdicts")
    if head < thresholds["flip_head"]:
        return say("Turns both, the classifier only to {share}").format(share=reached(head, thresholds["flip_head"]))
    if posterior < thresholds["flip_posterior"]:
        words = say("Turns both, the likelihood only to {share}")
        return words.format(share=reached(posterior, thresholds["flip_posterior"]))
    return say("Turns both, but not at the resolution of the cell")
