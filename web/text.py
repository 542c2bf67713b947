"""The words of the page that a report does not share."""

from collections.abc import Sequence

import numpy as np

from jdm_core import Frame
from jdm_core.words import HEAD, POSTERIOR, Say, Verdict, english, percent, verdict_kind, verdict_words

__all__ = ["HEAD", "POSTERIOR", "Say", "english", "percent"]  # for the modules of the page

WORKING = "Comparing how likely the cell is under each class …"
STOPPED = "Stopped. Nothing was kept of the unfinished edit."
STOPPED_AGAIN = "Stopped. You still see the previous edit."
NO_EDIT = "No edit is offered: the picture does not look like a stained red cell."
REDUCED = "Read, edited and reported at {now} pixels; the upload has {before} of it."
TWO_MORE = "Computing two more edits …"
GRADIENT, NO_GRADIENT = "Compare with the classifier’s gradient", "Hide the comparison"
LOST = "Upload a cell first: this page no longer holds one."
INVERTING = "Looking for the way back to noise …"
TRY, TRY_FIXED = "You can try another seed or a fixed strength.", "You can try another seed or another strength."
EXAMPLES = "Synthetic examples, drawn by the model (no patients)"
REPORTS = "PDF: this cell on one page. ZIP: its pictures, the page as PNG and PDF, and a JSON with every setting."
PDF, FILES, PREPARING = "Download PDF", "All files (ZIP)", "Preparing …"
SMALLEST, FIXED = "Smallest change that flips", "Fixed strength"
FLIP, FLIP_FIXED = "Find the smallest change of verdict", "Change the verdict with the fixed strength"
ELBO_NOTE = (
    "Dots show each class relative to the mean of both, bars ± one standard error from paired draws. The noise behind "
    "each class’s own error is the same for both, so most of it cancels in the difference. The ELBO weighs all noise "
    "levels alike, most of which do not see a parasite; the likelihood verdict reads those that tell the classes apart."
)
SALIENCY_NOTE = (
    "For comparison: how strongly each pixel moves the classifier’s score (gradient). It says nothing about the "
    "direction, and a strong gradient beside the stain is common."
)
VARIANTS_NOTE = (
    "The same cell, seed and direction with half the guidance, and with one and a half times the guidance over a wider "
    "region. The search tries a few strengths only, so that a weaker edit may turn both verdicts too; a stronger one "
    "shows what the model adds or takes away when pushed."
)


def verdict(
    labels: Sequence[str], head: Sequence[float], posterior: Sequence[float] | None, unsure_below: float,
    familiar: bool = True, say: Say = english,
) -> Verdict:  # fmt: skip
    """The verdict of the head (K,) and, once there, of the posterior (K,), in words; until then it is being made."""
    kind = verdict_kind(labels, head, posterior, unsure_below, familiar)
    words = verdict_words(kind, labels, head, posterior, say)
    return words if words.detail else words._replace(detail=say(WORKING))


def progress(frame: Frame, seconds: float | None = None, say: Say = english) -> str:
    """Where the search for the weakest edit stands, and at most how many seconds it still takes."""
    words = say("attempt {attempt} of {attempts}, guidance {guidance}, step {step} of {steps}").format(
        attempt=frame.attempt, attempts=frame.attempts, guidance=say(f"{frame.guidance:g}"), step=frame.step,
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


def on_offer(label: str, say: Say = english) -> str:
    """Which edit a cell can have that the classifier takes for `label`, and why it is that one."""
    words = "The classifier says {label}, so a parasite can be removed."
    if label == "Uninfected":
        words = "The classifier says {label}, so a parasite can be added."
    return say(words).format(label=say(label))
