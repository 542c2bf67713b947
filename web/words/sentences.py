"""The sentences of the page that several of its parts say, or that a report does not share."""

from collections.abc import Sequence

import numpy as np

from jdm_core import Frame
from jdm_core.report.words import ENGLISH, Language, Verdict, noop, verdict_kind, verdict_words

WORKING = noop("Comparing how likely the cell is under each class …")
STOPPED = noop("Stopped. The unfinished edit was not kept.")
STOPPED_AGAIN = noop("Stopped. You still see the previous edit.")
NO_EDIT = noop("No edit is offered: the picture does not look like a stained red cell.")
EDITING = noop("Making part of the cell anew …")
EDITING_FOUR = noop("Making four edits …")
GRADIENT, NO_GRADIENT = noop("Compare with the classifier’s gradient"), noop("Hide the comparison")
LOST = noop("Upload a cell first: this page no longer holds one.")
TRY = noop("You can make another edit, or try a fixed strength.")
TRY_FIXED = noop("You can make another edit, or try another strength.")
ANIMATION = noop("Save as animated WebP")
PDF, FILES, PREPARING = noop("Download PDF"), noop("All files (ZIP)"), noop("Preparing …")
WEAKEST, FIXED = noop("The weakest that changes both verdicts"), noop("Fixed strength")
EVIDENCE, CHANGE = noop("What speaks for a parasite"), noop("What changed")
NOTHING_SPEAKS = noop("Nothing in this cell speaks for a parasite.")
PRESS = noop("Press “{button}”.")
HEALTHY, INFECTED = noop("Show it without the parasite"), noop("Show what would look infected")
ANOTHER = noop("Make another edit")
MATCH = noop("Match colours to the training cells")
MATCH_ONE = noop(
    "For another stain, lamp or camera: the model sees the cell in the training cells’ usual colour, as it does "
    "anyway where the cell’s own is far darker. Pictures and edits stay in its own"
)
MATCH_MANY = noop(
    "For another stain, lamp or camera: the model sees all cells as if the colour that they have in common were that "
    "of the training cells. Meant for the cells of one smear; without it a cell is matched by itself, where its colour "
    "is far darker than theirs. Applies to the next upload"
)
MATCH_FIELD = noop(
    "The model sees the field’s cells as if the colour that they have in common were that of the training cells. "
    "Pictures stay as they are"
)
BEYOND = noop("Only the region around the parasite was made anew: a trace of it beyond may remain.")
SALIENCY_NOTE = noop(
    "For comparison: how strongly each pixel moves the classifier’s score (gradient). It does not say in which "
    "direction, and a strong gradient beside the stain is common."
)
VARIANTS_NOTE = noop(
    "Four edits of this cell from the same seed, each from other noise; a parasite is added at other places too. The "
    "first ones are the weakest. What they have in common says more of the model than one of them alone. They have the "
    "few pixels that the model sees."
)


def verdict(
    labels: Sequence[str],
    head: Sequence[float],
    posterior: Sequence[float] | None,
    unsure_below: float,
    cell: bool = True,
    say: Language = ENGLISH,
    small: bool = False,
) -> Verdict:
    """The verdict of the head (K,) and, once there, of the posterior (K,), in words; until then it is being made."""
    kind = verdict_kind(labels, head, posterior, unsure_below, cell, small)
    words = verdict_words(kind, labels, head, posterior, unsure_below, say)
    if posterior is None:
        return words._replace(detail=f"{words.detail} {say(WORKING)}".lstrip())
    return words


def progress(frame: Frame, seconds: float | None = None, say: Language = ENGLISH) -> str:
    """Where the search for an edit stands, and at most how many seconds it still takes."""
    words = say(
        "attempt {attempt} of {attempts}, step {step} of {steps}",
        attempt=frame.attempt,
        attempts=frame.attempts,
        step=frame.step,
        steps=frame.steps,
    )
    if frame.step == frame.steps:
        return say("{progress}: checking what came of it", progress=words)
    if seconds is None:
        return words
    return say("{progress}; at most {seconds} s left", progress=words, seconds=max(1, round(seconds)))


def place(values: np.ndarray, say: Language = ENGLISH) -> tuple[str, str]:
    """Where a map (S, S) is largest, in two words: height and side."""
    row, column = np.unravel_index(values.argmax(), values.shape)
    heights, sides = (noop("top"), noop("middle"), noop("bottom")), (noop("left"), noop("centre"), noop("right"))
    return say(heights[3 * int(row) // values.shape[0]]), say(sides[3 * int(column) // values.shape[1]])


def button(label: str) -> str:
    """What the button of the edit says for a cell that the classifier takes for `label`."""
    return HEALTHY if label == "Parasitized" else INFECTED


def edited_title(label: str) -> str:
    """What stands over the edit of a cell that the classifier takes for `label`."""
    return noop("Without the parasite") if label == "Parasitized" else noop("As it would look infected")


def example(stem: str, say: Language = ENGLISH) -> str:
    """The words for an example, from a file name such as "uninfected-2"."""
    name, number = stem.rsplit("-", 1)
    return f"{say(name.capitalize())} {number}"


def worths(values: Sequence[tuple[float, float]], say: Language = ENGLISH) -> list[tuple[str, str]]:
    """For each prevalence and share of verdicts that are right, both in [0, 1]: the one in words, and the other."""
    return [(say.share(prevalence, 0 if prevalence >= 0.01 else 1), _right(value, say)) for prevalence, value in values]


def _right(value: float, say: Language) -> str:
    """How many of a hundred verdicts of one kind are right."""
    right = round(100 * value)
    if right >= 100:
        return say("More than 99 of 100 such verdicts are right.")
    if right < 1:
        return say("Fewer than 1 of 100 such verdicts is right.")
    return say.plural("{count} of 100 such verdicts is right.", "{count} of 100 such verdicts are right.", right)
