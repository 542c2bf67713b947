"""The shape of a network: what a recipe names and a manifest records."""

from dataclasses import dataclass

from jdm_core.bounds import MAX_ATTENTION_SIDE, MAX_LEVEL_VALUES, check_range
from jdm_core.model import preconditioning
from jdm_core.model.normalisation import GROUP_CHANNELS, NORMALISATIONS

POOLINGS = ("mean", "max")


@dataclass(frozen=True)
class Architecture:
    """What fixes the shape of a `JointDiffusionNetwork`; stored in the manifest.

    image_size S, image_channels C; fold folds fold×fold pixels into channels, so that the top level runs at
    S / fold; widths gives channels per level, halving the resolution each time; blocks the residual blocks
    per level in the encoder (the decoder has the same); attention the levels with self-attention; embedding
    the width of the noise-level and class embeddings; classes K. Channels are multiples of 16, and every
    level's resolution must be whole. normalisation is the encoder's ("group": by the image's own statistics, "data": by
    the data's), pooling what the head reads of a level ("mean" or "max" over its pixels). head_widths are the channels
    of the head's own convolutions, one over each level (see `layers.Path`); () for none. With a detail_variance above
    0 the network works on the 2×2 means of its pictures and on a correction of the detail beside them, whose variance
    this is in [-1, 1] (see `preconditioning`).
    """

    image_size: int
    image_channels: int
    fold: int
    widths: tuple[int, ...]
    blocks: tuple[int, ...]
    attention: tuple[int, ...]
    embedding: int
    classes: int
    detail_variance: float = 0.0
    normalisation: str = "group"
    pooling: str = "mean"
    head_widths: tuple[int, ...] = ()

    @property
    def logsnr_shift(self) -> float:
        """How far the schedule of noise levels lies below the one of pictures of 64×64 pixels, in log-SNR."""
        return preconditioning.LOGSNR_SHIFT if self.detail_variance else 0.0

    def __post_init__(self) -> None:
        _check_size(self)
        if len(self.widths) != len(self.blocks):
            raise ValueError(f"architecture: {len(self.widths)} widths but {len(self.blocks)} block counts")
        if self.head_widths and len(self.head_widths) != len(self.widths):
            raise ValueError(f"architecture: {len(self.head_widths)} head widths but {len(self.widths)} widths")
        if any(width % GROUP_CHANNELS for width in (*self.widths, *self.head_widths)):
            raise ValueError(
                f"architecture: widths {self.widths} and {self.head_widths} must be multiples of {GROUP_CHANNELS}"
            )
        if any(not 0 <= level < len(self.widths) for level in self.attention):
            raise ValueError(f"architecture: attention levels {self.attention} do not exist")
        if not 0 <= self.detail_variance < 1:
            raise ValueError(f"architecture: a detail variance of {self.detail_variance} is not in [0, 1)")
        if self.normalisation not in NORMALISATIONS:
            raise ValueError(
                f"architecture: normalisation {self.normalisation!r} is none of {', '.join(NORMALISATIONS)}"
            )
        if self.pooling not in POOLINGS:
            raise ValueError(f"architecture: pooling {self.pooling!r} is none of {', '.join(POOLINGS)}")
        step = self.fold * 2 ** (len(self.widths) - 1)
        if self.image_size % step:
            raise ValueError(f"architecture: image size {self.image_size} must be a multiple of {step}")


def _check_size(a: Architecture) -> None:
    """Raises ValueError where a network of this shape would be none, or too large for one image."""
    check_range("image_size", a.image_size)
    check_range("image_channels", a.image_channels)
    check_range("fold", a.fold)
    check_range("levels", len(a.widths))
    for width in (*a.widths, *a.head_widths):
        check_range("width", width)
    for count in a.blocks:
        check_range("block count", count)
    check_range("embedding", a.embedding)
    check_range("classes", a.classes)
    if a.embedding % 4:
        raise ValueError(f"embedding: {a.embedding} is not a multiple of 4")
    if len(set(a.attention)) != len(a.attention):
        raise ValueError("attention: a level twice")
    for level, width in [*enumerate(a.widths), *enumerate(a.head_widths)]:
        side = a.image_size // (a.fold * 2**level)
        if side < 1 or width * side**2 > MAX_LEVEL_VALUES:
            raise ValueError(f"level {level}: {width} channels of {side}×{side} pixels, more than is possible")
        if level in a.attention and side > MAX_ATTENTION_SIDE:
            raise ValueError(f"attention over {side}×{side} pixels, where {MAX_ATTENTION_SIDE} a side are the most")
