"""Which cells of a field to look at first, and about which to ask the likelihood.

By plain log-odds of cells in matched colours. On other microscopes the likelihood's log-odds spread twice as wide as
the head's: a plain mean is nearly the likelihood's order. Weighed by a third it has an equal voice, and fewer healthy
cells are looked at. There a mean over a cell's symmetries ranked a little better, and a score relative to the field's
median no better.
"""

from dataclasses import dataclass

import numpy as np

from jdm_core.checkpoint.familiarity import NO_RED_CELL

SUSPECT = float(np.log(1 / 2))  # log-odds from which a cell is to be looked at: infected with one third or more
LIKELIHOOD = 1 / 3  # weight of the likelihood's log-odds beside the head's
UNSURE = -3.0  # log-odds from which the likelihood may yet find a cell suspicious that the classifier takes for healthy
ASKED, ASKED_SHARE = 16, 0.2  # most cells of a field about which the likelihood is asked: so many, and a share of all
_SUREST = 1e-6  # a probability is no nearer to 0 or 1 than this


@dataclass(frozen=True)
class Ranking:
    """Of N cells: how much each is suspected, whether it is to be looked at, and in which order.

    suspicion (N,) in log-odds of infected, NaN of cells without a verdict; suspicious (N,) bool; order (M,), the
    indices of the M cells that have a verdict, the most suspicious first.
    """

    suspicion: np.ndarray
    suspicious: np.ndarray
    order: np.ndarray


def worth_asking(probabilities: np.ndarray, most: int | None = None) -> np.ndarray:
    """About which of N cells to ask the likelihood, (N,) bool, of the head's probabilities (N, K), NaN without one.

    Those that the head suspects or is not sure are healthy, the most suspicious first, at most so many, or as far as
    a field's budget goes: `ASKED` and a share `ASKED_SHARE` of those with a verdict. The first label is that of
    infected cells. Of which kind a cell is does not matter: on dark stains infected ones are taken for no red cells.
    """
    odds = _log_odds(probabilities)
    wanted = np.flatnonzero(odds >= UNSURE)  # NaN is not
    if most is None:
        most = ASKED + int(ASKED_SHARE * np.count_nonzero(~np.isnan(odds)))
    asked = np.zeros(len(odds), dtype=bool)
    asked[wanted[np.argsort(-odds[wanted], kind="stable")][:most]] = True
    return asked


def rank(probabilities: np.ndarray, posterior: np.ndarray, kind: np.ndarray) -> Ranking:
    """The ranking of N cells by the head's probabilities (N, K), the posterior (N, K), NaN where not asked, and kinds.

    Where both verdicts are there, the mean of their log-odds counts, with `LIKELIHOOD` as the likelihood's weight. What
    is no red cell stands among the suspicious, after those that are suspected for themselves, and is never left out.
    Cells that are alike stay in their order.
    """
    own, asked = _log_odds(probabilities), _log_odds(posterior)
    own = np.where(np.isnan(asked), own, (1 - LIKELIHOOD) * own + LIKELIHOOD * asked)
    suspicion = np.where(kind == NO_RED_CELL, np.maximum(own, SUSPECT), own)
    verdict = np.flatnonzero(~np.isnan(suspicion))
    order = verdict[np.lexsort((-own[verdict], -suspicion[verdict]))]
    return Ranking(suspicion, suspicion >= SUSPECT, order)


def _log_odds(probabilities: np.ndarray) -> np.ndarray:
    """log p/(1 - p) (N,) in fp64 of the first of K probabilities (N, K), finite; NaN of NaN."""
    infected = probabilities[:, 0].astype(np.float64).clip(_SUREST, 1 - _SUREST)
    return np.log(infected) - np.log1p(-infected)
