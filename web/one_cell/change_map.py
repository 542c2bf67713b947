"""The map of what an edit changed: drawn as it is wanted, with its colours and itself in words."""

from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from jdm_core import Explainer
from jdm_core.draw.colours import CHANGE_STOPS
from jdm_core.explain.results import Counterfactual
from jdm_core.report.words import Language
from web.parts.charts import legend
from web.parts.pictures import SHOWN, like
from web.parts.updates import picture
from web.words import sentences

THRESHOLD, OPACITY = 0, 90  # out of 255, and percent


class Wanted(NamedTuple):
    """How the map is wanted: what is hidden below a threshold, of 255, opacity in percent, and an outline or none."""

    threshold: float | None = None
    opacity: float | None = None
    outline: bool | None = None

    @property
    def level(self) -> float:
        """The threshold, within 0 and 255."""
        return within(self.threshold, THRESHOLD, 0, 255)

    @property
    def cover(self) -> float:
        """The opacity as a share."""
        return within(self.opacity, OPACITY, 0, 100) / 100


def change_map(
    explainer: Explainer, name: str, cell: np.ndarray, edit: Counterfactual, wanted: Wanted, say: Language
) -> dict[str, Any]:
    """The update of the map of a cell's edit; `cell` uint8 (H, W, 3) gives its proportions."""
    original, difference = edit.original[0], edit.difference[0]
    drawn = explainer.draw.difference(
        original, difference, SHOWN, wanted.level / 255, wanted.cover, bool(wanted.outline)
    )
    return picture(like(drawn, cell), _in_words(name, edit, say))


def change_scale(explainer: Explainer, edit: Counterfactual, wanted: Wanted, say: Language) -> Markup:
    """The colours of the map, and what full colour stands for."""
    full = round(255 * explainer.draw.difference_scale(edit.difference[0]))
    words = say("green: the edit made it brighter; purple: darker (luminance, of 255)")
    if wanted.level:
        words = say("{legend}; changes below {level} are hidden", legend=words, level=say.number(wanted.level))
    ends = say("−{level}: now darker", level=full), say("0: unchanged"), say("+{level}: now brighter", level=full)
    return legend(*ends, words, CHANGE_STOPS)


def _in_words(name: str, edit: Counterfactual, say: Language) -> str:
    """The map in words: towards what, and where it changed most."""
    moved = edit.difference[0].mean(axis=2)
    height, side = sentences.place(np.abs(moved), say)
    how = say("brighter") if moved.flat[np.abs(moved).argmax()] > 0 else say("darker")
    return say(
        "map of what changed in {file}, edited to {target}: most at {height} {side}, which became {how}",
        file=name,
        target=say(edit.labels[int(edit.target[0])]),
        height=height,
        side=side,
        how=how,
    )


def within(value: float | None, otherwise: float, low: float, high: float) -> float:
    """A number that a browser sent, or another where it sent none, held between two bounds."""
    return min(max(float(otherwise if value is None else value), low), high)
