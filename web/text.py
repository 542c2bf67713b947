"""The words of the page, and the sentences that numbers turn into.

English is written here; `say` turns a sentence of it, or a template before its numbers are put in, into the reader's
language.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jdm_core import Frame

Say = Callable[[str], str]

HEAD, POSTERIOR = "Classifier", "Likelihood"
WORKING = "Comparing how likely the cell is under each class …"
STOPPED = "Stopped. Nothing was kept of the unfinished edit."
LOST = "Upload a cell first: this page no longer holds one."
INVERTING = "Looking for the way back to noise …"
SMALLEST, FIXED = "Smallest change that flips", "Fixed strength"
EDITS = {"Uninfected": "Remove parasite", "Parasitized": "Add parasite"}
ELBO_NOTE = (
    "Dots show each class relative to the mean of both, bars ± one standard error from paired draws. The noise behind "
    "each class’s own error is the same for both, so most of it cancels in the difference. The ELBO weighs all noise "
    "levels; the likelihood verdict reads those that tell the classes apart best, so the two can differ."
)
SALIENCY_NOTE = (
    "For comparison: how strongly each pixel moves the classifier’s score (gradient). It says nothing about the "
    "direction, and a strong gradient beside the stain is common."
)
VARIANTS_NOTE = (
    "The same cell, seed and direction at three strengths. A weaker edit that already turns both verdicts would be the "
    "smaller one; a stronger one shows what the model adds or takes away when pushed."
)


def english(words: str) -> str:
    """English as it is written."""
    return words


class Verdict(NamedTuple):
    """A verdict in plain words: a title, what the two readings say, and its tone (a label's index, or "unsure")."""

    title: str
    detail: str
    tone: str


def percent(share: float) -> str:
    """A probability or share as a person reads it: certain is nothing, so never 100 %, nor a rounded 0 %."""
    if 0 < share < 0.01:
        return "<1\u00a0%"
    if share > 0.99:
        return ">99\u00a0%"
    return f"{share:.0%}".replace("%", "\u00a0%")


def nats(value: float, sign: bool = False) -> str:
    """A number of nats with thin spaces between thousands and a true minus."""
    return f"{value:{'+' if sign else ''},.1f}".replace(",", "\u202f").replace("-", "−")


def verdict(
    labels: tuple[str, ...], head: list[float], posterior: list[float] | None, unsure_below: float,
    familiar: bool = True, say: Say = english,
) -> Verdict:  # fmt: skip
    """The verdict of the head (K,), unless it is unsure, or the posterior (K,), once there, says otherwise.

    A picture that is not familiar gets no verdict.
    """
    best = max(range(len(labels)), key=head.__getitem__)
    name, share = say(labels[best]), percent(head[best])
    both, agree = f"{say(HEAD)}: {name}, {share}.", True
    if posterior is not None:
        likelier = max(range(len(labels)), key=posterior.__getitem__)
        both += f" {say(POSTERIOR)}: {say(labels[likelier])}, {percent(posterior[likelier])}."
        agree = likelier == best
    if not familiar:
        warning = say("The model has seen nothing like it: read nothing into the figures.")
        return Verdict(say("This does not look like a stained red cell"), f"{warning} {both}", "unsure")
    if not agree:
        return Verdict(say("The two verdicts disagree"), f"{both} {say('Trust neither.')}", "unsure")
    detail = say(WORKING)
    if posterior is not None:
        detail = say("Both verdicts agree; by likelihood {share}.").format(share=percent(posterior[best]))
    if head[best] < unsure_below:
        return Verdict(say("Not sure ({share} {name})").format(share=share, name=name), detail, "unsure")
    return Verdict(f"{name} {share}", detail, str(best))


def elbo_sentence(labels: tuple[str, ...], difference: float, error: float, draws: int, say: Say = english) -> str:
    """What the paired difference of the bounds says, in a sentence."""
    numbers = say("{difference} ± {error} nats, {draws} paired draws").format(
        difference=nats(abs(difference)), error=nats(error), draws=draws
    )
    if abs(difference) < 2 * error:
        return say("No clear difference between the classes ({numbers}).").format(numbers=numbers)
    name = say(labels[0] if difference > 0 else labels[1])
    return say("The cell is likelier as {name} (by {numbers}).").format(name=name, numbers=numbers)


def progress(frame: Frame, seconds: float | None = None, say: Say = english) -> str:
    """Where the search for the weakest edit stands, and at most how many seconds it still takes."""
    words = say("attempt {attempt} of {attempts}, guidance {guidance}, step {step} of {steps}").format(
        attempt=frame.attempt, attempts=frame.attempts, guidance=f"{frame.guidance:g}", step=frame.step,
        steps=frame.steps,
    )  # fmt: skip
    if seconds is None:
        return words
    return f"{words}; {say('at most {seconds} s left').format(seconds=max(1, round(seconds)))}"


def place(values: np.ndarray, say: Say = english) -> tuple[str, str]:
    """Where a map (S, S) is largest, in two words: height and side."""
    row, column = np.unravel_index(values.argmax(), values.shape)
    height = ("top", "middle", "bottom")[3 * int(row) // values.shape[0]]
    side = ("left", "centre", "right")[3 * int(column) // values.shape[1]]
    return say(height), say(side)


def why_off(label: str, say: Say = english) -> str:
    """Why the button of the edit towards the predicted label cannot be used."""
    words = say("“{button}” is off: the classifier already says {label}.")
    return words.format(button=say(EDITS.get(label, label)), label=say(label))


def outcome(
    flipped: bool, target: str, head: float, posterior: float, flip_head: float, flip_posterior: float,
    fixed: bool = False, say: Say = english,
) -> str:  # fmt: skip
    """Whether the edit did what it should, and if not, why it failed."""
    target = say(target)
    if flipped:
        return say("This edit works: classifier and likelihood both say {target} now.").format(target=target)
    reasons = []
    if head < flip_head:
        words = say("the classifier gives {target} {share}, short of {least}")
        reasons.append(words.format(target=target, share=percent(head), least=percent(flip_head)))
    if posterior < flip_posterior:
        words = say("the likelihood gives {target} {share}, short of {least}")
        reasons.append(words.format(target=target, share=percent(posterior), least=percent(flip_posterior)))
    reason = say(" and ").join(reasons) or say("at the resolution of the upload the classifier does not follow")
    shown = "It explains nothing." if fixed else "What you see is the strongest attempt and explains nothing."
    return f"{say('This edit failed: {reason}.').format(reason=reason)} {say(shown)}"
