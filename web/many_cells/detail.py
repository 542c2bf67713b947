"""One cell of a batch, explained: verdicts, evidence map and ELBO, as HTML that leaves nothing on the server."""

from markupsafe import Markup

from jdm_core import Explainer
from jdm_core.explain.matching import AS_NEEDED, ColourChoice
from jdm_core.images.find import Finding
from jdm_core.report.kinds import abroad, kind_warning
from jdm_core.report.words import ENGLISH, HEAD, POSTERIOR, Language, found_note, too_small
from web.one_cell.callbacks import USUAL_DRAWS
from web.parts.charts import bars, elbo_panel, legend
from web.parts.html import render
from web.parts.pictures import SHOWN, embedded, like
from web.words import sentences


def detail(
    explainer: Explainer,
    name: str,
    row: int,
    finding: Finding,
    draws: int,
    seed: int,
    colours: ColourChoice = AS_NEEDED,
    say: Language = ENGLISH,
) -> Markup:
    """The explanation of the cell in a row; its likelihood has the draws, and so the noise, of the table's."""
    cell, labels = finding.cell, explainer.labels
    prediction, elbo = explainer.predict(cell, colours), explainer.elbo(cell, draws, seed, colours)
    head, posterior = prediction.probabilities[0].tolist(), elbo.posterior[0].tolist()
    known = bool(prediction.is_cell[0])
    unsure_below = explainer.checkpoint.thresholds.unsure_below
    small = too_small(cell.shape)
    evidence = explainer.draw.evidence(explainer.model_view(cell), elbo.evidence[0], SHOWN)
    paired = float(elbo.difference[0]), float(elbo.difference_standard_error[0])
    first, second = (say("speaks for {label}", label=say(label)) for label in labels[:2])
    return render(
        "detail",
        say,
        name=name,
        row=row,
        verdict=sentences.verdict(labels, head, posterior, unsure_below, known, say, small),
        cell_known=known,
        warning=kind_warning(str(prediction.kind[0]), abroad(explainer.checkpoint.metrics), say),
        note=found_note(finding, known, say),
        title=say("The cell") if known else say("The picture"),
        cell=embedded(like(cell, cell), name),
        evidence=embedded(like(evidence, cell), f"{say('What speaks for a parasite')}: {name}"),
        bars=bars(labels, {HEAD: head, POSTERIOR: posterior}, say),
        nothing="" if explainer.draw.speaks_for_first(elbo.evidence[0]) else say(sentences.NOTHING_SPEAKS),
        legend=legend(second, say("no evidence"), first),
        elbo=elbo_panel(labels, elbo.elbo[0], elbo.standard_error[0], paired, draws, say, posterior),
        draws=draws,
        usual=USUAL_DRAWS,
    )
