"""The check of an edit: never shown without it."""

from html import escape

from jdm_core.explainer import CHECK_DRAWS
from jdm_core.report import Explanation
from web import text
from web.text import percent


def check_panel(explanation: Explanation, thresholds: dict[str, float], attempts: int) -> str:
    """Outcome and table: did both verdicts change, how much of the cell did, and by what strength."""
    edit, i = explanation.edit, explanation.index
    to = int(edit.target[i])
    target = edit.labels[to]
    head = float(explanation.prediction.probabilities[i, to]), float(edit.probabilities[i, to])
    posterior = float(explanation.elbo.posterior[i, to]), float(edit.posterior[i, to])
    flipped = bool(edit.flipped[i])
    words = text.outcome(flipped, target, head[1], posterior[1], thresholds["flip_head"], thresholds["flip_posterior"])
    rows = "".join(
        f'<tr><th scope="row">{name}: {escape(target)}</th><td>{percent(before)}</td><td>{percent(after)}</td>'
        f"<td>{_change(before, after)}</td></tr>"
        for name, (before, after) in ((text.HEAD, head), (text.POSTERIOR, posterior))
    )
    settings = edit.settings
    attempt = settings["attempts"][i]
    facts = (
        f"{percent(float(edit.changed_fraction[i]))} of the cell changed visibly. "
        f"Guidance {settings['guidance'][i]:g}, {'found with' if flipped else 'the strongest:'} attempt {attempt} of "
        f"{attempts}. {text.POSTERIOR} of the edit from {CHECK_DRAWS} draws."
    )
    return (
        f'<p class="outcome {"works" if flipped else "failed"}" role="status">{escape(words)}</p>'
        f'<table class="check"><thead><tr><td></td><th scope="col">before</th><th scope="col">after</th>'
        f'<th scope="col">verdict changed</th></tr></thead><tbody>{rows}</tbody></table><p class="note">{facts}</p>'
    )


def _change(before: float, after: float) -> str:
    if before > 0.5:
        return "said so before"
    return "yes" if after > 0.5 else "no"
