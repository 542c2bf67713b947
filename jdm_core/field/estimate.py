"""From how many cells were read and how many look infected to the share of infected ones, always as an interval."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from jdm_core.checkpoint.reading import Reading

LEVEL = 0.95  # of every interval
NORMAL = 1.959963984540054  # standard deviations on either side that hold so much of a normal distribution
RED_CELLS = 5_000_000  # per µL of blood, where no count of them is given
MOST_CELLS = 100_000_000  # nobody reads more


@dataclass(frozen=True)
class Estimate:
    """A share of infected cells in [0, 1] with its 95 % interval [low, high]; NaN in [0, 1] where nothing was read."""

    share: float
    low: float
    high: float

    @property
    def tells(self) -> bool:
        """Whether it can be told from none: the interval does not include 0."""
        return self.low > 0

    def per_microlitre(self, red_cells: float = RED_CELLS) -> "Estimate":
        """The same in infected cells per µL of blood, for so many red cells per µL. Raises ValueError.

        A cell with several parasites counts once, as in a share of cells (WHO, Basic malaria microscopy, 2010).
        """
        if not (math.isfinite(red_cells) and red_cells > 0):
            raise ValueError(f"red_cells: {red_cells}, where a count per µL is expected")
        return Estimate(self.share * red_cells, self.low * red_cells, self.high * red_cells)


def reviewed_share(infected: float, read: float) -> Estimate:
    """The share that a person's decisions give: `infected` of `read` cells (Clopper & Pearson 1934).

    Exact for cells that are infected independently of each other. Raises ValueError for counts that are none.
    """
    _check(infected, read)
    if read == 0:
        return Estimate(math.nan, 0.0, 1.0)
    from scipy.special import betaincinv  # here, since it takes long to import and few ask for it

    tail = (1 - LEVEL) / 2
    low = float(betaincinv(infected, read - infected + 1, tail)) if infected > 0 else 0.0
    high = float(betaincinv(infected + 1, read - infected, 1 - tail)) if infected < read else 1.0
    return Estimate(infected / read, low, high)


def estimated_share(suspicious: int, read: int, reading: Reading) -> Estimate:
    """The share behind `suspicious` of `read` cells, corrected for what is missed and what is suspected wrongly.

    The share is (q + specificity - 1) / (sensitivity + specificity - 1) for suspicious ones' share q (Rogan & Gladen
    1978, equation 1), within [0, 1]. The interval holds every share p for which q is less than 1.96 deviations from
    what is expected: the score interval (Wilson 1927) with the variance of the counting and, p² and (1 - p)² times,
    those of sensitivity and specificity between slides. Raises ValueError for counts that are none.
    """
    _check(suspicious, read)
    found, wrong = reading.sensitivity, 1 - reading.specificity
    slope = found - wrong
    if read == 0 or slope <= 0:
        return Estimate(math.nan, 0.0, 1.0)
    q = suspicious / read
    share = min(max((q - wrong) / slope, 0.0), 1.0)
    # Fewer suspicious ones than healthy cells alone would give say that this slide is read better, and no more.
    q = min(max(q, wrong), found)
    z2, missed2, wrong2 = NORMAL**2, reading.sensitivity_spread**2, reading.specificity_spread**2
    square = slope**2 * (1 + z2 / read) - z2 * (missed2 + wrong2)
    linear = -2 * slope * (q - wrong) - z2 * (slope * (1 - 2 * wrong) / read - 2 * wrong2)
    constant = (q - wrong) ** 2 - z2 * (wrong * (1 - wrong) / read + wrong2)
    if square <= 0:  # slides part by more than infected and healthy cells do
        return Estimate(share, 0.0, 1.0)
    middle, half = -linear / (2 * square), math.sqrt(max(0.0, linear**2 - 4 * square * constant)) / (2 * square)
    return Estimate(share, min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half)))


def cells_needed(share: float, width: float) -> int:
    """How many cells must be read for an exact interval of at most this width round such a share, both in [0, 1].

    Raises ValueError for no share, a width that is not above 0, and one that more than MOST_CELLS would take.
    """
    if not (0 <= share <= 1 and width > 0):
        raise ValueError(f"share {share} and width {width}, where a share and a width above 0 are expected")

    def narrow(read: int) -> bool:
        interval = reviewed_share(share * read, read)
        return interval.high - interval.low <= width

    return _least(narrow)


def _least(enough: Callable[[int], bool]) -> int:
    """The least number that is enough, of what stays so for larger ones."""
    high = 1
    while not enough(high):
        high *= 2
        if high > MOST_CELLS:
            raise ValueError(f"width: more than {MOST_CELLS} cells would have to be read")
    low = high // 2  # not enough, or 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _check(some: float, read: float) -> None:
    if not 0 <= some <= read < math.inf:
        raise ValueError(f"{some} of {read} cells")
