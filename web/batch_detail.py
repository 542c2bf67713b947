"""One cell of a batch, explained: verdicts, evidence map and ELBO, as HTML that leaves nothing on the server."""

from html import escape
from pathlib import Path

from jdm_core import Explainer
from jdm_core.finding import Finding, found_note
from web import text
from web.batch_run import data_uri
from web.callbacks import USUAL_DRAWS
from web.charts import SHOWN, bars, elbo_panel, legend, like
from web.text import Say, english

BUTTONS = (Path(__file__).parent / "batch_detail.js").read_text(encoding="utf-8")
_ACTS = (
    ('data-step="-1"', "Previous"), ('data-step="1"', "Next"), ('data-act="open"', "Open in One cell"),
    ('data-act="close"', "Close"),
)  # fmt: skip


def detail(
    explainer: Explainer, name: str, row: int, finding: Finding, draws: int, seed: int, say: Say = english
) -> str:
    """The explanation of the cell in a row; its likelihood has the draws, and so the noise, of the table's."""
    cell, labels = finding.cell, explainer.labels
    prediction, elbo = explainer.predict(cell), explainer.elbo(cell, draws, seed)
    head, posterior = prediction.probabilities[0].tolist(), elbo.posterior[0].tolist()
    unsure_below, familiar = explainer.checkpoint.thresholds["unsure_below"], bool(prediction.familiar[0])
    verdict = text.verdict(labels, head, posterior, unsure_below, familiar, say)
    evidence = explainer.draw.evidence(explainer.model_view(cell), elbo.evidence[0], SHOWN)
    pictures = [
        f'<figure><img src="{data_uri(like(picture, cell), "PNG")}" alt="{escape(words)}">'
        f"<figcaption>{escape(say(caption))}</figcaption></figure>"
        for picture, caption, words in (
            (cell, "The cell" if familiar else "The picture", name),
            (evidence, "Evidence map", f"Evidence map: {name}"),
        )
    ]  # fmt: skip
    paired = float(elbo.difference[0]), float(elbo.difference_standard_error[0])
    figures = (
        f"{bars(labels, {text.HEAD: head, text.POSTERIOR: posterior}, say)}"
        f'<div class="looks"><div><div class="figures">{"".join(pictures)}</div>{_legend(labels, say)}</div>'
        f"<div>{elbo_panel(labels, elbo.elbo[0], elbo.standard_error[0], paired, draws, say, posterior)}</div></div>"
    )
    found = found_note(finding, familiar)
    note = f'<p class="note">{escape(say(found))}</p>' if found else ""
    return (
        f'<section class="card" tabindex="-1" aria-label="{escape(name)}" data-row="{row}">{_buttons(say)}'
        f'<p class="file">{escape(name)}</p><h3 class="verdict tone-{verdict.tone}">{escape(verdict.title)}</h3>'
        f'<p role="status">{escape(verdict.detail)}</p>{note}'
        f"{figures if familiar else _folded(pictures[0], figures, say)}"
        f'<p class="note">{escape(_how_quick(draws, say))}</p></section>'
    )


def _buttons(say: Say) -> str:
    buttons = "".join(f'<button type="button" {what}>{escape(say(words))}</button>' for what, words in _ACTS)
    return f'<div class="steps">{buttons}</div>'


def _folded(picture: str, figures: str, say: Say) -> str:
    """The picture that is no cell, and its figures: grey, and only where they are asked for."""
    summary = escape(say("Show the figures anyway"))
    return (
        f'<div class="figures">{picture}<span></span></div>'
        f'<details class="strange"><summary>{summary}</summary>{figures}</details>'
    )


def _how_quick(draws: int, say: Say) -> str:
    words = say("Quick look, {draws} draws: “{tab}” uses {usual} and is steadier.")
    return words.format(draws=draws, usual=USUAL_DRAWS, tab=say("One cell"))


def _legend(labels: tuple[str, ...], say: Say) -> str:
    first, second = (say("speaks for {label}").format(label=say(label)) for label in labels[:2])
    return legend(second, say("no evidence"), first)
