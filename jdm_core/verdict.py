"""The verdict on one cell: the rule that makes one of two readings, and the words for it."""

from collections.abc import Sequence
from typing import NamedTuple

from jdm_core.words import HEAD, POSTERIOR, Say, english, percent

UNCLEAR, DISAGREE, NOT_A_CELL = "unclear", "disagree", "not a cell"  # what a verdict is where it is no label
NO_CELL = "This does not look like a stained red cell"


class Verdict(NamedTuple):
    """A verdict in plain words: a title, what the two readings say, and its tone (a label's index, or "unsure")."""

    title: str
    detail: str
    tone: str


def verdict_kind(
    labels: Sequence[str], head: Sequence[float], posterior: Sequence[float] | None, unsure_below: float,
    familiar: bool = True,
) -> str:  # fmt: skip
    """The label that the head (K,) says, or why there is none: UNCLEAR, DISAGREE or NOT_A_CELL.

    The head is unclear below `unsure_below`; the posterior (K,), once there, may disagree with it; and a picture that
    is not familiar gets no verdict, whatever they say.
    """
    best = max(range(len(labels)), key=head.__getitem__)
    if not familiar:
        return NOT_A_CELL
    if posterior is not None and max(range(len(labels)), key=posterior.__getitem__) != best:
        return DISAGREE
    return UNCLEAR if head[best] < unsure_below else labels[best]


def verdict_words(
    kind: str, labels: Sequence[str], head: Sequence[float], posterior: Sequence[float] | None, say: Say = english
) -> Verdict:
    """A verdict of `verdict_kind` in words; without a posterior there is no detail yet."""
    best = max(range(len(labels)), key=head.__getitem__)
    name, share = say(labels[best]), percent(head[best])
    if kind == NOT_A_CELL:
        detail = say(
            "The model has seen nothing like it: read nothing into the figures. If it is a red cell all the same, its "
            "stain or light is strange to the model: look at it yourself."
        )
        return Verdict(say(NO_CELL), detail, "unsure")
    if posterior is None:
        detail = ""
    elif kind == DISAGREE:
        likelier = max(range(len(labels)), key=posterior.__getitem__)
        detail = (
            f"{say(HEAD)}{say(': ')}{name}, {share}. {say(POSTERIOR)}{say(': ')}{say(labels[likelier])}, "
            f"{percent(posterior[likelier])}. {say('Trust neither.')}"
        )
    else:
        leans = "The likelihood leans the same way: {share}."
        words = leans if kind == UNCLEAR else "Both verdicts agree; by likelihood {share}."
        detail = say(words).format(share=percent(posterior[best]))
    if kind == DISAGREE:
        return Verdict(say("The two verdicts disagree"), detail, "unsure")
    if kind == UNCLEAR:
        title = say("Unclear: the classifier is not sure ({share} {name})").format(share=share, name=name)
        return Verdict(title, detail, "unsure")
    return Verdict(f"{name} {share}", detail, str(best))
