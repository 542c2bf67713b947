"""What is said of one cell: the verdict and its rule, figures and edits in words, alike on the page and in a report.

English is written here. A `Language` says a message in the reader's; whoever has catalogues makes others of it.
"""

from collections.abc import Sequence
from typing import NamedTuple

from jdm_core.checkpoint.calibration import Thresholds
from jdm_core.checkpoint.familiarity import FAMILIAR
from jdm_core.images.find import Finding
from jdm_core.images.limits import SMALL_SIDE
from jdm_core.report.language import ENGLISH, Language, noop

# What a verdict is where it is no label.
UNCLEAR, DISAGREE, NOT_A_CELL, TOO_SMALL = "unclear", "disagree", "not a cell", "too small"

NOTICE = noop("Research use only, not for diagnosis")
HEAD, POSTERIOR = noop("Classifier"), noop("Likelihood")
LABELS = noop("Parasitized"), noop("Uninfected")
MATCHED_NOTE = noop("The model saw the cell in the colours of the training cells.")
NO_CELL = noop("This does not look like a stained red cell")
UNPROVEN = noop(
    "How edits look was checked only on cells as in training: judge by eye whether a real cell of your stain could "
    "look like this."
)


class Verdict(NamedTuple):
    """A verdict in plain words: a title, what the two readings say, and its tone (a label's index, or "unsure")."""

    title: str
    detail: str
    tone: str


def likeliest(shares: Sequence[float]) -> int:
    """The index of the largest."""
    return max(range(len(shares)), key=shares.__getitem__)


def verdict_kind(
    labels: Sequence[str],
    head: Sequence[float],
    posterior: Sequence[float] | None,
    unsure_below: float,
    cell: bool = True,
    small: bool = False,
) -> str:
    """The label that the head (K,) says, or why there is none: UNCLEAR, DISAGREE, TOO_SMALL or NOT_A_CELL.

    The head is unclear below `unsure_below`; the posterior (K,), once there, may disagree with it; and a picture that
    is no red cell, or too `small` for one to be judged, gets no verdict, whatever they say.
    """
    best = likeliest(head)
    if small:  # which makes it strange to the model as well
        return TOO_SMALL
    if not cell:
        return NOT_A_CELL
    if posterior is not None and likeliest(posterior) != best:
        return DISAGREE
    return UNCLEAR if head[best] < unsure_below else labels[best]


def too_small(shape: Sequence[int]) -> bool:
    """Whether a cell of this (height, width, ...) has too few pixels for a verdict: half as many as the model sees."""
    return max(shape[:2]) < SMALL_SIDE


def verdict_words(
    kind: str,
    labels: Sequence[str],
    head: Sequence[float],
    posterior: Sequence[float] | None,
    unsure_below: float,
    say: Language = ENGLISH,
) -> Verdict:
    """A verdict of `verdict_kind` in words; without a posterior there is no detail yet, but why it is unclear."""
    best = likeliest(head)
    name, share = say(labels[best]), say.percent(head[best])
    if kind == NOT_A_CELL:
        detail = say(
            "The model has seen nothing like it, so its figures mean nothing. If it is a red cell all the same, the "
            "model does not know its stain or lighting: look at it yourself."
        )
        return Verdict(say(NO_CELL), detail, "unsure")
    if kind == TOO_SMALL:
        detail = say(
            "The cell is less than {pixels} pixels across, so what would tell its class is lost. Cut it out of a "
            "sharper or larger picture.",
            pixels=SMALL_SIDE,
        )
        return Verdict(say("Too few pixels for a verdict"), detail, "unsure")
    detail = "" if posterior is None else _both(kind, labels, best, head[best], posterior, say)
    if kind == DISAGREE:
        return Verdict(say("The two verdicts disagree"), detail, "unsure")
    if kind == UNCLEAR:
        why = say(
            "The classifier is not sure: {share} {name}, and a verdict needs {least}.",
            share=say.reached(head[best], unsure_below),
            name=name,
            least=say.percent(unsure_below),
        )
        return Verdict(say("Unclear"), f"{why} {detail}".rstrip(), "unsure")
    return Verdict(f"{name} {share}", detail, str(best))


def _both(kind: str, labels: Sequence[str], best: int, share: float, posterior: Sequence[float], say: Language) -> str:
    """What the likelihood says beside the classifier."""
    if kind == DISAGREE:
        likelier = likeliest(posterior)
        return say(
            "Classifier: {first}, {first_share}. Likelihood: {second}, {second_share}. Trust neither.",
            first=say(labels[best]),
            first_share=say.percent(share),
            second=say(labels[likelier]),
            second_share=say.percent(posterior[likelier]),
        )
    if kind == UNCLEAR:
        return say("The likelihood leans the same way: {share}.", share=say.percent(posterior[best]))
    return say("Both verdicts agree; by likelihood {share}.", share=say.percent(posterior[best]))


def found_words(status: str, count: int, cell: bool, say: Language = ENGLISH) -> str:
    """How the cell was obtained from a picture that shows `count` of them; called one only where it is a red `cell`."""
    if status == "as given":
        return say("The picture is read as it is.")
    if status == "none":
        return say("No whole cell stands out from a background: the whole picture is read as one cell.")
    if status == "several" and not cell:
        return say.plural(
            "{count} object stands out, not clearly a cell: the whole picture is read as one cell.",
            "{count} objects stand out, none of them clearly a cell: the whole picture is read as one cell.",
            count,
        )
    if status == "several":
        return say.plural(
            "{count} cell, not clearly the one that is meant: the whole picture is read as one cell.",
            "{count} cells, none of them clearly the one that is meant: the whole picture is read as one cell.",
            count,
        )
    if not cell:
        return say("What stands out from the background was cut out and put on black.")
    return say.plural(
        "One cell was found on a bright background and put on black.",
        "One of the {count} cells in the picture was found on a bright background and put on black.",
        count,
    )


def found_note(finding: Finding, cell: bool, say: Language = ENGLISH) -> str:
    """How the cell was obtained, in a sentence that calls it one only where it is a red `cell`; "" if as given."""
    return "" if finding.status == "as given" else found_words(finding.status, finding.count, cell, say)


def elbo_figure(labels: Sequence[str], difference: float, error: float, say: Language = ENGLISH) -> str:
    """The paired difference of the bounds of two labels, in nats, with its standard error."""
    return say(
        "ELBO, {first} less {second}: {difference} ± {error} nats",
        first=say(labels[0]),
        second=say(labels[1]),
        difference=say.nats(difference, error, sign=True),
        error=say.nats(error, error),
    )


def elbo_meaning(
    labels: Sequence[str], difference: float, error: float, posterior: Sequence[float], say: Language = ENGLISH
) -> str:
    """How the difference of two labels' bounds stands to the likelihood verdict, the posterior (K,); never a verdict.

    The bound counts all noise levels up to the checkpoint's `elbo_logsnr_max` alike, most of which do not see a
    parasite; what counts is the posterior.
    """
    likelier = likeliest(posterior)
    verdict = f"{say(labels[likelier])} {say.percent(posterior[likelier])}"
    if abs(difference) >= 2 * error and (difference > 0) == (likelier == 1):
        return say(
            "It points the other way from the likelihood verdict ({verdict}). That verdict reads only the noise levels "
            "that tell the classes apart, and it is the one that counts. ± is the noise of the random draws, not how "
            "far the model may be wrong.",
            verdict=verdict,
        )
    reads = say(
        "The likelihood verdict reads only the noise levels that tell the classes apart: {verdict}.", verdict=verdict
    )
    if abs(difference) < 2 * error:
        nothing = say("A difference within twice its error says nothing.")
        return f"{nothing} {reads}"
    return reads


def shortfall(head: float, posterior: float, thresholds: Thresholds, say: Language = ENGLISH) -> str:
    """Why an edit did not change both verdicts: what each of them gives its target, and what is needed."""
    reasons = [
        say(template, share=say.reached(share, least), least=say.percent(least))
        for template, share, least in (
            (noop("the classifier gives {share}, and {least} is needed"), head, thresholds.flip_head),
            (noop("the likelihood gives {share}, and {least} is needed"), posterior, thresholds.flip_posterior),
        )
        if share < least
    ]
    least = say.percent(thresholds.flip_head)
    return say("; ").join(reasons) or say(
        "at the cell’s own resolution the classifier stays below {least}", least=least
    )


def outcome_tone(flipped: bool, kind: str) -> str:
    """How what `outcome` says of an edit is shown: "works", "unproven" of a picture unlike training's, or "failed"."""
    if not flipped:
        return "failed"
    return "works" if kind == FAMILIAR else "unproven"


def outcome(
    flipped: bool,
    target: str,
    head: float,
    posterior: float,
    thresholds: Thresholds,
    say: Language = ENGLISH,
    kind: str = FAMILIAR,
) -> str:
    """Whether an edit did what it should, by what head and posterior give its target, and if not, what fell short.

    Of a picture of another `kind` than in training it is not said to work, whatever the verdicts say: UNPROVEN.
    """
    if outcome_tone(flipped, kind) == "unproven":
        follow = say("Classifier and likelihood both say {target} now.", target=say(target))
        return f"{follow} {say(UNPROVEN)}"
    if flipped:
        return say("This edit works: classifier and likelihood both say {target} now.", target=say(target))
    reason = shortfall(head, posterior, thresholds, say)
    return say("Not convincing: {reason}. Do not take this picture as an explanation.", reason=reason)
