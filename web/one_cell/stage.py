"""The stage: cell, evidence, edit and change as four tiles of one size, each with its legend."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from PIL import Image

from jdm_core import Explainer
from jdm_core.checkpoint.calibration import Thresholds
from jdm_core.explain.results import Counterfactual
from jdm_core.report.words import HEAD, POSTERIOR, Language
from web.one_cell.change_map import Wanted, change_in_words, change_scale
from web.parts.charts import legend
from web.parts.html import render
from web.parts.pictures import data_uri, fitted, shown_uri
from web.words import sentences


def tile(
    title: str,
    cell: np.ndarray | None = None,
    words: str = "",
    layer: np.ndarray | None = None,
    edited: tuple[str, str] = ("", ""),
    kind: str = "",
    sentence: str = "",
    under: str = "",
) -> Markup:
    """A picture of the cell uint8 (H, W, 3) that bears its words, under a layer uint8 (S, S, 4) or an edit's picture.

    `edited` is a picture as an address, and what it shows in words; without a cell there is the sentence alone.
    """
    ratio = cell.shape[1] / cell.shape[0] if cell is not None else 1.0
    return render(
        "tile",
        title=title,
        ratio=ratio,
        kind=kind,
        base="" if cell is None else shown_uri(cell),
        words=words,
        layer="" if layer is None else data_uri(Image.fromarray(layer), "WEBP", lossless=True),
        edited=edited[0],
        edited_words=edited[1],
        sentence=sentence,
        under=under,
    )


def cell_tile(cell: np.ndarray, name: str, known: bool, say: Language) -> Markup:
    """The cell as it is read."""
    title = say("The cell") if known else say("The picture")
    words = say("the cell in {file}", file=name) if known else say("the picture {file}", file=name)
    return tile(title, cell, words)


def evidence_tile(explainer: Explainer, cell: np.ndarray, name: str, evidence: np.ndarray, say: Language) -> Markup:
    """The evidence (S, S) over the gray cell, and in a sentence where none of it speaks for a parasite."""
    first, second = (say("speaks for {label}", label=say(label)) for label in explainer.labels)
    speaks = explainer.draw.speaks_for_first(evidence)
    sentence = "" if speaks else say(sentences.NOTHING_SPEAKS)
    layer = explainer.draw.evidence_layer(evidence)
    words = evidence_words(explainer, name, evidence, say)
    scale = legend(second, say("no evidence"), first)
    return tile(say(sentences.EVIDENCE), cell, words, layer, kind="gray", sentence=sentence, under=scale)


def evidence_words(explainer: Explainer, name: str, evidence: np.ndarray, say: Language) -> str:
    """The evidence map (S, S) in words: which class it speaks for on the whole, and where it is strongest."""
    first, second = (say(label) for label in explainer.labels)
    height, side = sentences.place(np.abs(evidence), say)
    return say(
        "evidence map of {file}: on the whole it speaks for {label}, most strongly at {height} {side}",
        file=name,
        label=first if evidence.sum() > 0 else second,
        height=height,
        side=side,
    )


def waiting(title: str, words: str) -> Markup:
    """A tile whose picture is still to come."""
    return tile(title, sentence=words, kind="waiting")


def waiting_tiles(label: str, say: Language, words: str = "") -> tuple[Markup, Markup]:
    """The places of an edit away from `label` and of its change, before there is one; they say how to have it."""
    words = words or say(sentences.PRESS, button=say(sentences.button(label)))
    return waiting(say(sentences.edited_title(label)), words), waiting(say(sentences.CHANGE), words)


def frame_tile(frame: np.ndarray, cell: np.ndarray, title: str, words: str) -> Markup:
    """An edit on its way: a frame uint8 (S, S, 3) in the proportions of the cell."""
    picture = fitted(frame, cell, frame.shape[0])
    return tile(title, np.asarray(picture), words)


def edit_tile(
    cell: np.ndarray, name: str, edit: Counterfactual, thresholds: Thresholds, title: str, say: Language
) -> Markup:
    """The edit over its cell, with the scrubber of its strength."""
    target = say(edit.labels[int(edit.target[0])])
    words = say("{file}, edited to {target}", file=name, target=target)
    picture = shown_uri(edit.full_resolution[0])
    under = scrubber(edit, thresholds, say)
    return tile(title, cell, "", edited=(picture, words), kind="edit", under=under)


def change_tile(
    explainer: Explainer, cell: np.ndarray, name: str, edit: Counterfactual, wanted: Wanted, say: Language
) -> Markup:
    """What an edit took away and added, over the gray cell."""
    layer = explainer.draw.difference_layer(
        edit.difference[0], threshold=wanted.level / 255, outline=bool(wanted.outline)
    )
    scale = change_scale(explainer, edit, wanted, say)
    return tile(say(sentences.CHANGE), cell, change_in_words(name, edit, say), layer, kind="gray", under=scale)


def scrubber(edit: Counterfactual, thresholds: Thresholds, say: Language) -> Markup:
    """A slider through the strengths of an edit, with what both verdicts give its target at each of them."""
    strengths, curve = edit.strengths, edit.curve[0]
    if not len(strengths):
        return Markup()
    target = say(edit.labels[int(edit.target[0])])
    stops = [
        (
            float(share),
            say(
                "{target} at {share} of the edit: classifier {head}, likelihood {posterior}",
                target=target,
                share=say.share(float(share)),
                head=say.percent(float(head)),
                posterior=say.percent(float(posterior)),
            ),
        )
        for share, (head, posterior) in zip(strengths, curve, strict=True)
    ]
    told, marks = [], []
    for i, name in enumerate((HEAD, POSTERIOR)):
        at = turning(strengths.tolist(), curve[:, i].tolist(), (thresholds.flip_head, thresholds.flip_posterior)[i])
        if at is None:
            told.append(say("{verdict}: does not turn", verdict=say(name)))
        else:
            told.append(say("{verdict}: turns at about {share} of the edit", verdict=say(name), share=say.share(at)))
            marks.append((at, told[-1], say(name)[0]))
    return render("scrubber", say, stops=stops, marks=marks, turns=say("; ").join(told))


def turning(strengths: Sequence[float], reached: Sequence[float], least: float) -> float | None:
    """The strength from which on a verdict gives the target what it must, on straight lines between those read."""
    if reached[-1] < least:
        return None
    below = max((i for i, value in enumerate(reached) if value < least), default=-1)
    if below < 0:
        return strengths[0]
    share = (least - reached[below]) / (reached[below + 1] - reached[below])
    return strengths[below] + share * (strengths[below + 1] - strengths[below])
