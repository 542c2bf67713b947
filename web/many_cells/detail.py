"""One cell of a batch, explained: verdicts, evidence map and ELBO, as HTML that leaves nothing on the server."""

from markupsafe import Markup

from jdm_core import Explainer
from jdm_core.images.find import Finding
from jdm_core.report.words import ENGLISH, HEAD, POSTERIOR, Language, found_note
from web.one_cell.callbacks import USUAL_DRAWS
from web.parts.charts import bars, elbo_panel, legend
from web.parts.html import render
from web.parts.pictures import SHOWN, embedded, like
from web.words.sentences import verdict


def detail(
    explainer: Explainer, name: str, row: int, finding: Finding, draws: int, seed: int, say: Language = ENGLISH
) -> Markup:
    """The explanation of the cell in a row; its likelihood has the draws, and so the noise, of the table's."""
    cell, labels = finding.cell, explainer.labels
    prediction, elbo = explainer.predict(cell), explainer.elbo(cell, draws, seed)
    head, posterior = prediction.probabilities[0].tolist(), elbo.posterior[0].tolist()
    familiar = bool(prediction.familiar[0])
    evidence = explainer.draw.evidence(explainer.model_view(cell), elbo.evidence[0], SHOWN)
    paired = float(elbo.difference[0]), float(elbo.difference_standard_error[0])
    first, second = (say("speaks for {label}", label=say(label)) for label in labels[:2])
    return render(
        "detail",
        say,
        name=name,
        row=row,
        verdict=verdict(labels, head, posterior, explainer.checkpoint.thresholds.unsure_below, familiar, say),
        familiar=familiar,
        note=found_note(finding, familiar, say),
        title=say("The cell") if familiar else say("The picture"),
        cell=embedded(like(cell, cell), name),
        evidence=embedded(like(evidence, cell), f"{say('Evidence map')}: {name}"),
        bars=bars(labels, {HEAD: head, POSTERIOR: posterior}, say),
        legend=legend(second, say("no evidence"), first),
        elbo=elbo_panel(labels, elbo.elbo[0], elbo.standard_error[0], paired, draws, say, posterior),
        draws=draws,
        usual=USUAL_DRAWS,
    )
