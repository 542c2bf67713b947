"""Corruptions that a worse microscope, camera or stain would make, in three severities, at a crop's own resolution.

A camera corrupts the field, and cells are cut out of it later. So the background of a crop is first filled with the
cell's mean colour (black would bleed into its rim), then the whole is corrupted, then the background put back as it
was. Strengths are in pixels of crops of about 130, the size in the NIH set. The kinds are those of Hendrycks &
Dietterich (2019, arXiv 1903.12261) that a microscope knows, and two of the stain.
"""

from collections.abc import Callable
from io import BytesIO

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from jdm_core.images.pixels import content_seed

# Intensities (H, W, 3) in [0, 1], a strength and a source of randomness; intensities, which may leave [0, 1].
Corruption = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


def blur(cell: np.ndarray, strength: float, generator: np.random.Generator) -> np.ndarray:
    """Out of focus: a Gaussian of `strength` pixels standard deviation."""
    return gaussian_filter(cell, (strength, strength, 0), mode="nearest")


def noise(cell: np.ndarray, strength: float, generator: np.random.Generator) -> np.ndarray:
    """A short exposure: Gaussian noise of standard deviation `strength` in every pixel and channel."""
    return cell + strength * generator.standard_normal(cell.shape)


def jpeg(cell: np.ndarray, strength: float, generator: np.random.Generator) -> np.ndarray:
    """Saved as JPEG of quality 1 / `strength`, its colours at half the resolution as is usual."""
    return through_jpeg((cell * 255).round().astype(np.uint8), round(1 / strength)) / 255


def through_jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    """Pixels uint8 (H, W, 3) saved as JPEG of a quality from 1 to 95, and read again."""
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def brightness(cell: np.ndarray, strength: float, generator: np.random.Generator) -> np.ndarray:
    """A lamp turned up or down, as likely, by the factor 1 + `strength`; what exceeds white is lost."""
    return cell * (1 + strength) ** generator.choice((-1, 1))


def stain_strength(cell: np.ndarray, strength: float, generator: np.random.Generator) -> np.ndarray:
    """A stain of 1 + `strength` times the concentration, or of its inverse: I^γ by Beer and Lambert's law."""
    return cell ** (1 + strength) ** generator.choice((-1, 1))


def stain_hue(cell: np.ndarray, strength: float, generator: np.random.Generator) -> np.ndarray:
    """A buffer of the wrong pH: more azure, which absorbs red, and less eosin, which absorbs green, or the reverse."""
    shift = strength * generator.choice((-1, 1))
    return cell ** np.array([1 + shift, 1 - shift, 1])


CORRUPTIONS: dict[str, tuple[Corruption, tuple[float, float, float]]] = {
    "blur": (blur, (1.0, 2.5, 4.0)),
    "noise": (noise, (0.05, 0.1, 0.2)),
    "jpeg": (jpeg, (1 / 40, 1 / 20, 1 / 10)),
    "brightness": (brightness, (0.1, 0.25, 0.4)),
    "stain_strength": (stain_strength, (0.25, 0.6, 1.0)),
    "stain_hue": (stain_hue, (0.08, 0.16, 0.24)),
}
SEVERITIES = (1, 2, 3)


def corrupt(cell: np.ndarray, mask: np.ndarray, name: str, severity: int, seed: int) -> np.ndarray:
    """`cell` uint8 (H, W, 3) under a corruption of severity 1 to 3, or 0 for none; only `mask` (H, W) bool changes.

    Randomness follows from the cell's content and `seed` alone: all severities share their draw, and so do all models.
    """
    if severity == 0 or not mask.any():
        return cell.copy()
    corruption, strengths = CORRUPTIONS[name]
    inside = mask[:, :, None]
    filled = np.where(inside, cell, cell[mask].mean(axis=0)) / 255
    corrupted = corruption(filled, strengths[severity - 1], np.random.default_rng((content_seed(cell), seed)))
    return np.where(inside, (corrupted.clip(0, 1) * 255).round().astype(np.uint8), cell)
