"""One cell of a batch, explained: verdicts, evidence map and ELBO, as HTML that leaves nothing on the server."""

from html import escape

from jdm_core import Explainer
from jdm_core.finding import Finding
from web import text
from web.batch_run import data_uri
from web.charts import SHOWN, bars, elbo_panel, legend, like
from web.text import Say, english


def detail(explainer: Explainer, name: str, finding: Finding, draws: int, seed: int, say: Say = english) -> str:
    """The explanation of a cell; its likelihood has the same draws, and so the same noise, as the table's."""
    cell, labels = finding.cell, explainer.labels
    prediction, elbo = explainer.predict(cell), explainer.elbo(cell, draws, seed)
    head, posterior = prediction.probabilities[0].tolist(), elbo.posterior[0].tolist()
    unsure_below = explainer.checkpoint.thresholds["unsure_below"]
    verdict = text.verdict(labels, head, posterior, unsure_below, bool(prediction.familiar[0]), say)
    evidence = explainer.draw.evidence(explainer.model_view(cell), elbo.evidence[0], SHOWN)
    pictures = "".join(
        f'<figure><img src="{data_uri(like(picture, cell), "PNG")}" alt="{escape(words)}">'
        f"<figcaption>{escape(say(caption))}</figcaption></figure>"
        for picture, caption, words in ((cell, "The cell", name), (evidence, "Evidence map", f"Evidence map: {name}"))
    )
    paired = float(elbo.difference[0]), float(elbo.difference_standard_error[0])
    note = "" if finding.status == "as given" else f'<p class="note">{escape(say(finding.note))}</p>'
    return (
        f'<section class="card" tabindex="-1" aria-label="{escape(name)}"><p class="file">{escape(name)}</p>'
        f'<h3 class="verdict tone-{verdict.tone}">{escape(verdict.title)}</h3>'
        f'<p role="status">{escape(verdict.detail)}</p>{note}'
        f"{bars(labels, {text.HEAD: head, text.POSTERIOR: posterior}, say)}"
        f'<div class="figures">{pictures}</div>{_legend(labels, say)}'
        f"{elbo_panel(labels, elbo.elbo[0], elbo.standard_error[0], paired, draws, say)}</section>"
    )


def _legend(labels: tuple[str, ...], say: Say) -> str:
    first, second = (say("speaks for {label}").format(label=say(label)) for label in labels[:2])
    return legend(second, say("no evidence"), first)
