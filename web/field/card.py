"""One cell of a field, explained: both verdicts at once, then evidence and edit; HTML that leaves nothing."""

import time
from collections.abc import Generator
from contextlib import closing

import numpy as np
from markupsafe import Markup

from jdm_core import Explainer
from jdm_core.checkpoint.familiarity import NO_RED_CELL as STRANGE
from jdm_core.explain.results import Counterfactual
from jdm_core.field.found import CLUMP, CUT_OFF, NO_RED_CELL, READ
from jdm_core.report.words import HEAD, POSTERIOR, Language, noop, outcome, outcome_tone
from web.field import words
from web.field.smear import Entry
from web.parts.charts import bars, legend
from web.parts.html import render
from web.parts.pictures import embedded, like
from web.parts.updates import progress_bar
from web.words import sentences

SHOWN = 256  # pixels on the longer side of a picture
PAUSE = 0.4  # seconds between two looks at the progress of an edit
WHY_NOT = {
    CUT_OFF: noop("The border of the picture, or writing in it, hides a part of this cell: it was not read."),
    CLUMP: noop("Cells that touch, which could not be parted with confidence: they were not read. You can part them."),
    NO_RED_CELL: noop("A white cell, a platelet, dirt or stain: it was not read, and does not count."),
}


def card(explainer: Explainer, entry: Entry, index: int, say: Language) -> Generator[Markup, None, None]:
    """The explanation of a thing found as it grows; the last one is whole. Closing it stops the work."""
    read = entry.read
    if read is None:
        return
    title, status = words.cell_title(index + 1, say), str(read.status[index])
    if status != READ or np.isnan(read.probabilities[index]).any():
        why = say(WHY_NOT[status]) if status in WHY_NOT else say("This cell was not read.")
        yield render(
            "field_unread", say, title=title, place=entry.places[index], state=say(words.STATES[status]), why=why
        )
        return
    cell, figures, scale = read.cells[index], [], Markup()
    posterior: list[float] | None = read.posterior[index].tolist()
    if np.isnan(read.posterior[index]).any():
        posterior = None

    def grown(progress: str = "", outcome: str = "", tone: str = "") -> Markup:
        return _panel(explainer, entry, index, posterior, figures, scale, progress, outcome, tone, say)

    yield grown(progress_bar(say(sentences.WORKING), 0))
    elbo = explainer.elbo(cell, read.draws, read.seed, entry.colours)
    posterior = elbo.posterior[0].tolist()
    evidence = explainer.draw.evidence(explainer.model_view(cell), elbo.evidence[0], SHOWN)
    named = say(sentences.EVIDENCE)
    figures.append((embedded(like(evidence, cell, SHOWN), f"{named}: {title}"), named))
    first, second = (say("speaks for {label}", label=say(label)) for label in explainer.labels[:2])
    scale = legend(second, say("no evidence"), first, say("colours of the evidence map"))
    if read.kind[index] == STRANGE:
        yield grown(outcome=say(sentences.NO_EDIT))
        return
    yield grown(progress_bar(say(sentences.EDITING), 0))
    with closing(explainer.stream(cell, None, read.seed, None, entry.colours)) as frames:
        due = 0.0
        for frame in frames:
            if frame.result is None and time.monotonic() >= due:
                due = time.monotonic() + PAUSE
                yield grown(progress_bar(say(sentences.EDITING), frame.done))
    if frame.result is None:
        raise RuntimeError("the frames of an edit ended without its result")
    told, tone = _edited(explainer, frame.result, cell, str(read.kind[index]), figures, say)
    yield grown(outcome=told, tone=tone)


def _edited(
    explainer: Explainer,
    edit: Counterfactual,
    cell: np.ndarray,
    kind: str,
    figures: list[tuple[Markup, str]],
    say: Language,
) -> tuple[str, str]:
    """Adds the edited cell and the map of its change; what came of the edit in a sentence, and its tone."""
    to, turned = edit.labels[int(edit.target[0])], bool(edit.flipped[0])
    name = say("Without the parasite") if to == explainer.labels[1] else say("With a parasite")
    change = explainer.draw.difference(edit.original[0], edit.difference[0], SHOWN)
    figures.append((embedded(like(edit.full_resolution[0], cell, SHOWN), name), name))
    caption = say("Stain taken away (green) or added (purple)")
    figures.append((embedded(like(change, cell, SHOWN), caption), caption))
    head, posterior = (float(shares[0, edit.target[0]]) for shares in (edit.probabilities, edit.posterior))
    told = outcome(turned, to, head, posterior, explainer.checkpoint.thresholds, say, kind)
    return told, outcome_tone(turned, kind)


def _panel(
    explainer: Explainer,
    entry: Entry,
    index: int,
    posterior: list[float] | None,
    figures: list[tuple[Markup, str]],
    scale: Markup,
    progress: str,
    outcome: str,
    tone: str,
    say: Language,
) -> Markup:
    read = entry.read
    if read is None:
        raise ValueError("a field that was not read has no cells to explain")
    head, kind = read.probabilities[index].tolist(), str(read.kind[index])
    unsure_below = explainer.checkpoint.thresholds.unsure_below
    return render(
        "field_card",
        say,
        title=words.cell_title(index + 1, say),
        place=entry.places[index],
        verdict=sentences.verdict(read.labels, head, posterior, unsure_below, kind != STRANGE, say),
        bars=bars(read.labels, {HEAD: head, POSTERIOR: posterior}, say, muted=kind == STRANGE),
        figures=figures,
        legend=scale,
        progress=Markup(progress),
        outcome=outcome,
        tone=tone,
    )
