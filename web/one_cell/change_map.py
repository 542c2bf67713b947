"""The map of what an edit changed: drawn as it is wanted, with its colours and itself in words."""

from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from jdm_core import Explainer
from jdm_core.draw.colours import CHANGE_STOPS
from jdm_core.explain.results import Counterfactual
from jdm_core.report.words import Language
from web.parts.charts import legend
from web.words import sentences

THRESHOLD = 0  # out of 255


class Wanted(NamedTuple):
    """How the map is wanted: what is hidden below a threshold, of 255, and an outline or none."""

    threshold: float | None = None
    outline: bool | None = None

    @property
    def level(self) -> float:
        """The threshold, within 0 and 255."""
        return within(self.threshold, THRESHOLD, 0, 255)


def change_scale(explainer: Explainer, edit: Counterfactual, wanted: Wanted, say: Language) -> Markup:
    """The colours of the map, and what full colour stands for."""
    full = round(255 * explainer.draw.difference_scale(edit.difference[0]))
    words = say("full colour: {level} of 255 in brightness", level=full)
    if wanted.level:
        words = say("{legend}; changes below {level} are hidden", legend=words, level=say.number(wanted.level))
    return legend(say("stain added"), say("unchanged"), say("stain taken away"), words, CHANGE_STOPS)


def change_in_words(name: str, edit: Counterfactual, say: Language) -> str:
    """The map in words: towards what, and where it changed most."""
    moved = edit.difference[0].mean(axis=2)
    height, side = sentences.place(np.abs(moved), say)
    how = say("stain taken away") if moved.flat[np.abs(moved).argmax()] > 0 else say("stain added")
    return say(
        "map of what changed in {file}, edited to {target}: most at {height} {side}, {how}",
        file=name,
        target=say(edit.labels[int(edit.target[0])]),
        height=height,
        side=side,
        how=how,
    )


def within(value: float | None, otherwise: float, low: float, high: float) -> float:
    """A number that a browser sent, or another where it sent none, held between two bounds."""
    return min(max(float(otherwise if value is None else value), low), high)
