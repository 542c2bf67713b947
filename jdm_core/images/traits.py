"""What tells red cells of many stains from else: silhouette, texture, how the dyes go together, and the own colour."""

import numpy as np

from jdm_core.images.colours import density, own_pixels

SIDE = 64  # pixels of the square that is measured, whatever a model's own size
NAMES = (
    *("area", "largest piece", "pieces", "frame", "corners", "ellipse", "outline", "openness"),
    *("darkest", "darker", "dark", "palest", "fine grain", "grain", "coarse grain", "middle", "rim"),
    *("one dye", "two dyes", "red with green", "green with blue", "red with blue"),
    *("red", "blue"),
)
LEAST_PIXELS = 50  # of a silhouette: less is no cell
_CORNER, _OPENED, _RIM = 6, 5, 3  # pixels
_GRAINS = (0.8, 1.6, 3.2)  # pixels of the Gaussians under which the gradient is taken
_TAILS = (0.02, 0.1, 0.25, 0.98)  # quantiles of density; what lies between says how steep a camera's curve is
_FLOOR = 0.02  # of the density's spread
_NOISE = 1e-5  # of its covariance: two channels that do not vary are not one
_PALE = 0.05  # nats: the hue of what absorbs hardly anything means nothing


def measure_cell(pixels: np.ndarray) -> np.ndarray | None:
    """The traits (24,) of a picture uint8 (SIDE, SIDE, 3), float64; None where there is hardly anything on black.

    Densities are less their median, over their own interquartile range: a gain and a contrast of any strength leave
    all traits what they are, but the last two. These are the shares of red and blue in the density's median, by which
    a nucleus or a platelet, which bind other dyes than haemoglobin does, stand out where nothing in them varies.
    """
    from scipy import ndimage  # here, since it takes long to import, and few pictures are asked for it

    own = own_pixels(pixels)
    area = int(own.sum())
    if area < LEAST_PIXELS:
        return None
    dyes = density(pixels)
    core = np.asarray(ndimage.binary_erosion(own, iterations=_RIM), dtype=bool)
    core = core if core.sum() >= LEAST_PIXELS else own
    depth = dyes.mean(axis=2)
    lower, middle, upper = np.quantile(depth[core], (0.25, 0.5, 0.75))
    relative = np.where(own, (depth - middle) / (upper - lower + _FLOOR), 0)
    tails = np.arcsinh(np.quantile(relative[core], _TAILS))
    hue = _hue(np.median(dyes[own], axis=0))
    return np.array([*_silhouette(own, area), *tails, *_texture(relative, own, core), *_dyes(dyes[core]), *hue])


def _silhouette(own: np.ndarray, area: int) -> list[float]:
    from scipy import ndimage

    labels = np.empty(own.shape, dtype=np.int32)
    pieces = int(np.asarray(ndimage.label(own, output=labels)))  # the pieces go there, and their number comes back
    largest = np.bincount(labels.ravel())[1:].max()
    frame = np.concatenate([own[0], own[-1], own[:, 0], own[:, -1]]).mean()
    ends = slice(None, _CORNER), slice(-_CORNER, None)
    corners = np.mean([own[rows, columns].mean() for rows in ends for columns in ends])
    y, x = np.mgrid[: own.shape[0], : own.shape[1]] - (own.shape[0] - 1) / 2
    ellipse = x**2 + y**2 <= (own.shape[0] / 2) ** 2
    overlap = (own & ellipse).sum() / (own | ellipse).sum()
    outline = area - ndimage.binary_erosion(own).sum()
    opened = ndimage.binary_opening(own, iterations=_OPENED).sum()
    return [
        area / own.size,
        largest / area,
        float(np.log(pieces)),
        float(frame),
        float(corners),
        float(overlap),
        float(outline**2 / area),
        opened / area,
    ]


def _texture(relative: np.ndarray, own: np.ndarray, core: np.ndarray) -> list[float]:
    """Mean gradients at three scales, and how the middle and the rim differ from what lies between."""
    from scipy import ndimage

    grains = []
    for scale in _GRAINS:
        down, across = np.gradient(ndimage.gaussian_filter(relative, scale))
        grains.append(float(np.log(np.hypot(down, across)[core].mean() + 1e-3)))
    inward = np.asarray(ndimage.distance_transform_edt(own))
    inward /= inward.max()

    def level(low: float, high: float) -> float:
        ring = own & (inward > low) & (inward <= high)
        return float(np.median(relative[ring])) if ring.any() else 0.0

    return [*grains, level(0.6, 1) - level(0.15, 0.6), level(0.05, 0.2) - level(0.2, 0.6)]


def _dyes(values: np.ndarray) -> list[float]:
    """How far the densities (n, 3) of the channels lie on a line, on a plane, and go together two by two."""
    covariance = np.cov(values.T) + _NOISE * np.eye(3)
    _, second, first = np.linalg.eigvalsh(covariance)
    spread = np.sqrt(np.diag(covariance))
    together = covariance / np.outer(spread, spread)
    one, two = np.log(first / np.trace(covariance)), np.log(second / first + 1e-3)
    return [float(one), float(two), float(together[0, 1]), float(together[1, 2]), float(together[0, 2])]


def _hue(absorbed: np.ndarray) -> list[float]:
    """The shares of red and blue in a density (3,)."""
    whole = absorbed.sum() + _PALE
    return [float(absorbed[0] / whole), float(absorbed[2] / whole)]
