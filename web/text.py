"""The words of the page, and the sentences that numbers turn into."""

from typing import NamedTuple

from jdm_core import Frame

TAGLINE = "What a joint diffusion model sees in a red blood cell"
INTRO = "Upload one red blood cell from a Giemsa-stained thin smear, cut out of its field, or pick an example. You get:"
STEPS = (
    "two verdicts, from a classifier and from how likely the model finds the cell under each class;",
    "a map of where the evidence lies;",
    "on request, the smallest edit that changes the verdict: the parasite removed, or added.",
)
EXAMPLES = "Examples, drawn by the model"
PLACEHOLDER = "Drop a cell image here\nor click to upload"
HEAD, POSTERIOR = "Classifier", "Likelihood"
ELBO_NOTE = (
    "The chart leaves out what both classes share: dots show each class relative to their mean, bars ± one "
    "standard error from paired draws. The noise behind each class’s own error is the same for both, so most "
    "of it cancels in the difference. The ELBO weighs all noise levels; the likelihood verdict reads those "
    "that tell the classes apart best, so the two can differ."
)
WORKING = "Comparing how likely the cell is under each class …"
STOPPED = "Stopped. Nothing was kept of the unfinished edit."
LOST = "Upload a cell first: this page no longer holds one."

EDITS = {"Uninfected": "Remove parasite", "Parasitized": "Add parasite"}

GLOSSARY = {
    "Verdict": (
        "One network gives two verdicts: a classifier head reads the cell directly, and the likelihood verdict "
        "asks under which class the model can better rebuild the cell from noise. Both percentages were calibrated "
        "on patients that training never saw. Where they disagree, or the classifier is unsure, trust neither."
    ),
    "ELBO": (
        "The ELBO is a lower bound on how probable the model finds this image under a class, in nats; higher is "
        "likelier. Its absolute value says little, so read the difference between the classes, which the same "
        "random draws of noise make far more precise than either value. A difference within twice its standard "
        "error (±) is no evidence; more draws make the error smaller."
    ),
    "Evidence": (
        "The map splits the likelihood verdict over the pixels: orange pixels are rebuilt better when the model "
        "assumes a parasite, blue ones when it assumes none, and without colour there is no evidence. The colours "
        "scale with the strongest evidence in this cell and stay faint where all of it is weak: compare places within "
        "a cell, not cells. It shows what this model relies on, which need not be the parasite."
    ),
    "Edit": (
        "The edit starts from this very cell and changes as little as the model needs to reverse both verdicts, "
        "trying weak settings before strong ones. The change map shows what became darker (blue) or brighter "
        "(orange); where the map has no colour the cell stays as it was. An edit that fails the check explains "
        "nothing and is marked as failed."
    ),
    "Limits": (
        "The model saw single cells of one collection, one stain and one kind of microscope, at 64 × 64 pixels: "
        "other material may get confident nonsense. It knows parasite or no parasite, not species, stage or count. "
        "It is a research instrument and no basis for a diagnosis or a treatment."
    ),
}


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


def verdict(labels: tuple[str, ...], head: list[float], posterior: list[float] | None, unsure_below: float) -> Verdict:
    """The verdict of the head, unless it is unsure or the posterior, once there, says otherwise."""
    best = max(range(len(labels)), key=head.__getitem__)
    name, share = labels[best], percent(head[best])
    if posterior is not None:
        likelier = max(range(len(labels)), key=posterior.__getitem__)
        by_likelihood = f"{labels[likelier]}, {percent(posterior[likelier])}"
        if likelier != best:
            return Verdict(
                "The two verdicts disagree", f"{HEAD}: {name}, {share}. {POSTERIOR}: {by_likelihood}.", "unsure"
            )
        detail = f"Both verdicts agree; by likelihood {percent(posterior[best])}."
    else:
        detail = WORKING
    if head[best] < unsure_below:
        return Verdict(f"Not sure ({share} {name})", detail, "unsure")
    return Verdict(f"{name}, {share}", detail, str(best))


def elbo_sentence(labels: tuple[str, ...], difference: float, error: float, draws: int) -> str:
    """What the paired difference of the bounds says, in a sentence."""
    numbers = f"{nats(abs(difference))} ± {nats(error)} nats, {draws} paired draws"
    if abs(difference) < 2 * error:
        return f"No clear difference between the classes ({numbers})."
    return f"The cell is likelier as {labels[0] if difference > 0 else labels[1]} (by {numbers})."


def progress(frame: Frame) -> str:
    """Where the search for the weakest edit stands."""
    return (
        f"attempt {frame.attempt} of {frame.attempts}, guidance {frame.guidance:g}, step {frame.step} of {frame.steps}"
    )


def why_off(label: str, says: str) -> str:
    """Why the button of the edit towards the predicted label cannot be used."""
    return f"“{EDITS.get(label, label)}” is off: the classifier already says {says}."


def outcome(flipped: bool, target: str, head: float, posterior: float, flip_head: float, flip_posterior: float) -> str:
    """Whether the edit did what it should, and if not, why it failed."""
    if flipped:
        return f"This edit works: classifier and likelihood both say {target} now."
    reasons = []
    if head < flip_head:
        reasons.append(f"the classifier gives {target} {percent(head)}, short of {percent(flip_head)}")
    if posterior < flip_posterior:
        reasons.append(f"the likelihood gives it {percent(posterior)}, short of {percent(flip_posterior)}")
    reason = " and ".join(reasons) or "at the resolution of the upload the classifier does not follow"
    return f"This edit failed: {reason}. What you see is the strongest attempt and explains nothing."
