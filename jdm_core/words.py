"""Numbers as a person reads them: the same words on the page and on the sheet of a report.

English is written here; `say` turns a sentence of it, or a template before its numbers are put in, into the reader's
language.
"""

import math
from collections.abc import Callable, Sequence

Say = Callable[[str], str]

HEAD, POSTERIOR = "Classifier", "Likelihood"


def english(words: str) -> str:
    """English as it is written."""
    return words


def percent(share: float) -> str:
    """A probability or share as a person reads it: certain is nothing, so never 100 % nor 0 %."""
    if share < 0.01:
        return "<1\u00a0%"
    if share > 0.99:
        return ">99\u00a0%"
    return f"{share:.0%}".replace("%", "\u00a0%")


def reached(share: float, least: float) -> str:
    """A share in percent beside what is asked for: one that falls short never looks as if it did not."""
    if share < least and percent(share) == percent(least):
        return f"{math.floor(1000 * share) / 10:.1f}\u00a0%"
    return percent(share)


def nats(value: float, error: float, sign: bool = False) -> str:
    """A number of nats, whole where its standard error is 1 or more, with thin spaces and a true minus."""
    digits = 0 if error >= 1 else 1
    return f"{value:{'+' if sign else ''},.{digits}f}".replace(",", "\u202f").replace("-", "−")


def elbo_figure(labels: Sequence[str], difference: float, error: float, say: Say = english) -> str:
    """The paired difference of the bounds of two labels, in nats, with its standard error."""
    return say("ELBO, {first} less {second}: {difference} ± {error} nats").format(
        first=say(labels[0]),
        second=say(labels[1]),
        difference=say(nats(difference, error, True)),
        error=say(nats(error, error)),
    )


def elbo_meaning(
    labels: Sequence[str], difference: float, error: float, posterior: Sequence[float], say: Say = english
) -> str:
    """How the difference of two labels' bounds stands to the likelihood verdict, the posterior (K,); never a verdict.

    The bound counts all noise levels alike, most of which do not see a parasite; what counts is the posterior.
    """
    likelier = max(range(len(posterior)), key=posterior.__getitem__)
    verdict = f"{say(labels[likelier])} {percent(posterior[likelier])}"
    if abs(difference) >= 2 * error and (difference > 0) == (likelier == 1):
        return say(
            "It points the other way than the likelihood verdict ({verdict}), which reads only the noise levels that "
            "tell the classes apart and is what counts. ± is the noise of drawing, not how far the model may err."
        ).format(verdict=verdict)
    reads = say(
        "The likelihood verdict reads only the noise levels that tell the classes apart: {verdict}."
    ).format(verdict=verdict)  # fmt: skip
    if abs(difference) < 2 * error:
        return f"{say('A difference within twice its error says nothing.')} {reads}"
    return reads


def shortfall(head: float, posterior: float, thresholds: dict[str, float], say: Say = english) -> str:
    """Why an edit did not turn both verdicts: what each of them gives its target, and what is asked for."""
    reasons = [
        say(template).format(share=say(reached(share, thresholds[key])), least=percent(thresholds[key]))
        for template, share, key in (
            ("the classifier reaches {share}, {least} is asked for", head, "flip_head"),
            ("the likelihood reaches {share}, {least} is asked for", posterior, "flip_posterior"),
        )
        if share < thresholds[key]
    ]
    at_full_size = say("at the resolution of the cell the classifier falls short of {least}")
    return "; ".join(reasons) or at_full_size.format(least=percent(thresholds["flip_head"]))


def outcome(
    flipped: bool, target: str, head: float, posterior: float, thresholds: dict[str, float], say: Say = english
) -> str:
    """Whether an edit did what it should, by what head and posterior give its target, and if not, what fell short."""
    if flipped:
        words = say("This edit works: classifier and likelihood both say {target} now.")
        return words.format(target=say(target))
    reason = shortfall(head, posterior, thresholds, say)
    return say("Not convincing: {reason}. Do not take this picture as an explanation.").format(reason=reason)
