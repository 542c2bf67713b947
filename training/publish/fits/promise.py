"""Knowing when not to say: below which confidence the classifier calls no cell, so that slides keep a promise.

Of the cells that it calls, at most a share `wrong` is called wrongly, on at least a share `slides` of new slides:
conformal risk control (Angelopoulos et al. 2022, arXiv 2208.02814) with slides, not cells, as what is exchanged, and as
the loss of a slide whether it breaks the promise.
"""

import math
from collections.abc import Sequence

import numpy as np

from jdm_core.checkpoint.calibration import Promise
from training.metrics import Json, share_figures

PROMISE = Promise(wrong=0.02, slides=0.9)
STEPS = 80  # between candidates of even log-odds


def candidates(wrong: float) -> np.ndarray:
    """The confidences among which is chosen, ascending, from one half to 1 - `wrong`.

    A calibrated head that is surer errs less often than that on any cell. And beyond, a slide has few cells left, of
    which one with a wrong label breaks every promise.
    """
    return np.round(1 / (1 + np.exp(-np.linspace(0, np.log((1 - wrong) / wrong), STEPS + 1))), 4)


def share_wrong(called: np.ndarray, right: np.ndarray) -> float:
    """The share of wrong ones among the called cells, both (N,) bool; 0 where none is called."""
    return float((called & ~right).sum() / called.sum()) if called.any() else 0.0


def slide_threshold(confidence: np.ndarray, right: np.ndarray, wrong: float) -> float:
    """The lowest candidate from which on a slide keeps the promise at every higher one; ∞ where it keeps it at none.

    At every higher one, since the share of wrong calls may rise again where fewer are called: made monotone like that,
    the loss is one that risk control holds for (there, section 2.3).
    """
    found = math.inf
    for candidate in candidates(wrong)[::-1]:
        if share_wrong(confidence >= candidate, right) > wrong:
            break
        found = float(candidate)
    return found


def fit_threshold(
    confidence: np.ndarray, right: np.ndarray, slides: Sequence[str], promise: Promise = PROMISE
) -> float | None:
    """The confidence from which on cells are called, of confidence (N,), right (N,) bool and slides of N cells.

    With n slides, the ⌈(n + 1) · share⌉-th lowest of their own thresholds, which a new slide's own exceeds with at most
    the probability that is left. None where there are too few slides, or too many that keep it at no candidate.
    """
    names = np.asarray(slides)
    own = sorted(slide_threshold(confidence[names == s], right[names == s], promise.wrong) for s in np.unique(names))
    rank = math.ceil((len(own) + 1) * promise.slides)
    return own[rank - 1] if rank <= len(own) and own[rank - 1] <= 1 else None


def promise_figures(called: np.ndarray, right: np.ndarray, groups: Sequence[str], promise: Promise = PROMISE) -> Json:
    """How far a promise is kept, of called and right (N,) bool and the slide, smear or field of each of N cells.

    coverage, the share of cells that are called; error, the share of wrong ones among these, NaN of none; kept, the
    share of slides that keep the promise, those of which no cell is called among them. Each with its interval,
    clustered by slide; plain JSON values.
    """
    names = np.asarray(groups)
    kept = [share_wrong(called[names == g], right[names == g]) <= promise.wrong for g in np.unique(names)]
    some = called.any()
    return {
        "n": len(called),
        "groups": len(kept),
        "wrong": promise.wrong,
        "slides": promise.slides,
        **share_figures("coverage", called, groups),
        "called": int(called.sum()),
        **(share_figures("error", ~right[called], names[called].tolist()) if some else {"error": float("nan")}),
        **share_figures("kept", np.array(kept), [str(g) for g in range(len(kept))]),
    }
