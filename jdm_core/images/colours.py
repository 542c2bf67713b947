"""The colours of cells, and the map that brings those of one microscope to those of another: stain, lamp and camera.

What a batch has in common is mapped, never what one of its cells has of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jdm_core.bounds import check_figure
from jdm_core.images.limits import BLACK

# A contrast so many times that of training is left as it is: less of it makes faint parasites fainter, and three
# microscopes of other laboratories are within it. One that was photographed too dark has fifteen times as much.
TOLERATED = 2.5
# So much darker than the training cells is beyond what training varies; chosen on other microscopes' developers' parts.
FAR = 2.0
_DEEPEST = float(np.log(256))  # optical density of a black pixel, in nats
GRAY = 4  # levels that the channels of a gray picture may part by: JPEG rounds them
_LEAST = 0.002  # of a spread: less is a drawn cell's, or one whose light was clipped


@dataclass(frozen=True)
class Colours:
    """The colours of cells: medians over them of each one's optical density, and of its spread, (3,) each.

    Both are of one cell's own pixels, in nats: the median of -log of the share of light, which a parasite of a part
    of the cell does not move, and the median absolute deviation from it.
    """

    density: tuple[float, ...]
    spread: tuple[float, ...]

    def __post_init__(self) -> None:
        for name, values in (("density", self.density), ("spread", self.spread)):
            if len(values) != 3:
                raise ValueError(f"{name}: {len(values)} numbers, where 3 are expected")
            for value in values:
                check_figure(name, value, 0, _DEEPEST)


@dataclass(frozen=True)
class ColourMap:
    """Optical density D of a cell's pixels becomes slope · D + offset, with an offset (3,) a channel.

    A slope of 1 is a gain of the light in each channel; a smaller one takes contrast away.
    """

    slope: float
    offset: tuple[float, ...]

    def apply(self, cell: np.ndarray) -> np.ndarray:
        """A cell uint8 (H, W, 3) on black in the other colours, as uint8; the background stays black."""
        levels = density(np.arange(256, dtype=np.uint8))[:, None]  # a channel's light decides what it becomes
        table = light_of(self.slope * levels + np.array(self.offset)).round().astype(np.uint8)
        mapped = np.stack([table[:, channel][cell[:, :, channel]] for channel in range(3)], axis=2)
        return np.where(own_pixels(cell)[:, :, None], mapped, cell)

    def undo(self, cell: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """A cell uint8 (H, W, 3) with what was changed between two pictures (H, W, 3) uint8 in the other colours.

        A pixel that is the same in both stays what it is in `cell`, to the last bit.
        """
        moved = self._back(after) - self._back(before)
        return (cell + moved).round().clip(0, 255).astype(np.uint8)

    def _back(self, picture: np.ndarray) -> np.ndarray:
        return light_of((density(picture) - np.array(self.offset)) / self.slope)


def measure_colours(pixels: Sequence[np.ndarray]) -> Colours | None:
    """The colours of cells uint8 (S, S, 3) on black; None where none of them has a pixel that is not background."""
    medians, spreads = [], []
    for cell in pixels:
        own = density(cell[own_pixels(cell)])
        if len(own):
            medians.append(np.median(own, axis=0))
            spreads.append(np.median(np.abs(own - medians[-1]), axis=0))
    if not medians:
        return None
    return Colours(*(tuple(round(float(v), 6) for v in np.median(of, axis=0)) for of in (medians, spreads)))


def map_between(theirs: Colours, ours: Colours) -> ColourMap:
    """The map of cells with `theirs` after which their median is that of `ours`.

    Contrast is only ever taken away, and only where it is far beyond ours: by the square root of what is too much of
    it, on the geometric mean over channels, for hues are to keep.
    """
    theirs_density, ours_density = np.array(theirs.density), np.array(ours.density)
    excess = np.log(np.maximum(theirs.spread, _LEAST) / np.maximum(ours.spread, _LEAST)).mean() - np.log(TOLERATED)
    slope = float(np.exp(-max(0.0, excess) / 2))
    return ColourMap(slope, tuple((ours_density - slope * theirs_density).tolist()))


def far_darker(theirs: Colours, ours: Colours) -> bool:
    """Whether theirs absorb more than twice as much light in some channel as ours.

    Paler ones are read as well as they are: what a map adds to them is no contrast.
    """
    return bool((np.array(theirs.density) > FAR * np.array(ours.density)).any())


def density(pixels: np.ndarray) -> np.ndarray:
    """Optical density in nats, float32, of pixels uint8 in any shape: -log of the share of light, 0 of white."""
    return _DEEPEST - np.log1p(pixels.astype(np.float32))


def light_of(values: np.ndarray) -> np.ndarray:
    """Light from 0 to 255, float, of optical density in nats, in any shape: what `density` undoes."""
    return (np.exp(_DEEPEST - values) - 1).clip(0, 255)


def own_pixels(cell: np.ndarray) -> np.ndarray:
    """What of a cell uint8 (H, W, 3) is no background: (H, W) bool, dark spots within it too."""
    from scipy.ndimage import label  # here, since it takes long to import and few ask for it

    brightest = np.maximum(np.maximum(cell[:, :, 0], cell[:, :, 1]), cell[:, :, 2])
    dark = np.pad(brightest <= BLACK, 1, constant_values=True)
    pieces = np.empty(dark.shape, np.int32)
    label(dark, output=pieces)  # what SciPy's binary_fill_holes does, in a fifth of its time
    return (pieces != pieces[0, 0])[1:-1, 1:-1]


def is_gray(picture: np.ndarray) -> bool:
    """Whether a picture uint8 (H, W, 3) has no colour, but for a hundredth of what is not black in it."""
    red, green, blue = (picture[:, :, channel] for channel in range(3))  # far faster than along an axis of 3
    brightest, dimmest = (of(of(red, green), blue) for of in (np.maximum, np.minimum))
    lit = brightest > BLACK
    return bool(np.count_nonzero(lit & (brightest - dimmest > GRAY)) <= 0.01 * np.count_nonzero(lit))
