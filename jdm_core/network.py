"""The joint diffusion network: a label-free encoder, a class-conditional decoder and a classifier head."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jdm_core import bands
from jdm_core.bounds import check_shape
from jdm_core.diffusion import LOGSNR_MAX
from jdm_core.normalisation import CLEAN, GROUP_CHANNELS, NOISY, NORMALISATIONS, DataNorm, GroupNorm

POOLINGS = ("mean", "max")


@dataclass(frozen=True)
class Architecture:
    """What fixes the shape of a `JointDiffusionNetwork`; stored in the manifest.

    image_size S, image_channels C; fold folds fold×fold pixels into channels, so that the top level runs at
    S / fold; widths gives channels per level, halving the resolution each time; blocks the residual blocks
    per level in the encoder (the decoder has the same); attention the levels with self-attention; embedding
    the width of the noise-level and class embeddings; classes K. Channels are multiples of 16, and every
    level's resolution must be whole. normalisation is the encoder's ("group": by the image's own statistics, "data": by
    the data's), pooling what the head reads of a level ("mean" or "max" over its pixels). With a detail_variance above 0 the network works on the 2×2 means of its
    pictures and on a correction of the detail beside them, whose variance this is in [-1, 1] (see `bands`).
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

    @property
    def logsnr_shift(self) -> float:
        """How far the schedule of noise levels lies below the one of pictures of 64×64 pixels, in log-SNR."""
        return bands.LOGSNR_SHIFT if self.detail_variance else 0.0

    def __post_init__(self) -> None:
        check_shape(self)
        if len(self.widths) != len(self.blocks):
            raise ValueError(f"architecture: {len(self.widths)} widths but {len(self.blocks)} block counts")
        if any(width % GROUP_CHANNELS for width in self.widths):
            raise ValueError(f"architecture: widths {self.widths} must be multiples of {GROUP_CHANNELS}")
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


class Embedding(nn.Module):
    """Embeds log-SNR (B,), and in the decoder a class index (B,), into (B, width)."""

    def __init__(self, width: int, classes: int | None = None) -> None:
        super().__init__()
        frequencies = torch.exp(torch.linspace(math.log(0.05), math.log(5.0), width // 4))
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.mlp = nn.Sequential(nn.Linear(width // 2, width), nn.SiLU(), nn.Linear(width, width))
        self.classes = None if classes is None else nn.Embedding(classes, width)

    def forward(self, logsnr: Tensor, labels: Tensor | None = None) -> Tensor:
        angles = logsnr.float()[:, None] * self.frequencies
        embedding = self.mlp(torch.cat([angles.cos(), angles.sin()], dim=1))
        if self.classes is not None:
            embedding = embedding + self.classes(labels)
        return F.silu(embedding)


def convolve_doubled(x: Tensor, weight: Tensor) -> Tensor:
    """A 3×3 convolution, padded by 1, of x (N, C, H, W) doubled by repeating its pixels: (N, O, 2H, 2W).

    Of three neighbours in a doubled row or column two are one pixel of x, so that each of the four places in a doubled
    pixel takes a 2×2 kernel on x itself, whose taps are sums of the kernel's: 4/9 of the products.
    """

    def both_places(kernel: Tensor, dim: int) -> Tensor:
        first, middle, last = kernel.unbind(dim)
        return torch.stack([torch.stack([first, middle + last], dim), torch.stack([first + middle, last], dim)])

    height, width = x.shape[2:]
    kernels = both_places(both_places(weight, 2), 4).transpose(0, 1)  # (2, 2, O, C, 2, 2), a kernel for each place
    y = F.conv2d(x, kernels.flatten(0, 2), padding=1).unflatten(1, kernels.shape[:3])  # (N, 2, 2, O, H + 1, W + 1)
    rows = [torch.stack([y[:, i, j, :, i : i + height, j : j + width] for j in (0, 1)], -1) for i in (0, 1)]
    return torch.stack(rows, 3).reshape(len(x), len(weight), 2 * height, 2 * width)


class ResidualBlock(nn.Module):
    """Two convolutions, the second normalisation scaled and shifted by the embedding."""

    def __init__(self, channels_in: int, channels: int, embedding: int, normalisation: str) -> None:
        super().__init__()
        normalise = NORMALISATIONS[normalisation]
        self.norm1 = normalise(channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels, 3, padding=1)
        self.modulation = nn.Linear(embedding, 2 * channels)
        self.norm2 = normalise(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.skip = nn.Conv2d(channels_in, channels, 1) if channels_in != channels else nn.Identity()
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x: Tensor, embedding: Tensor, kind: int = NOISY) -> Tensor:
        return self._modulated(self.conv1(F.silu(self.norm1(x, kind))), self.skip(x), embedding, kind)

    def join(self, features: Tensor, below: Tensor | None, embedding: Tensor, rows: Tensor | None) -> Tensor:
        """The block on features (B, F, S, S)[rows] with `below` (N, C - F, S/2, S/2), doubled, beside them.

        What reads the features alone is computed once an image, not once a class, and what reads `below` before it is
        doubled: F and C are whole groups of the normalisation, and a convolution is a sum over its channels.
        """
        split = features.shape[1]
        active = self._activated(features, slice(0, split))
        h = F.conv2d(active, self.conv1.weight[:, :split], self.conv1.bias, padding=1)
        skip = features if below is None else F.conv2d(features, self.skip.weight[:, :split], self.skip.bias)
        if rows is not None:
            h, skip = h[rows], skip[rows]
        if below is not None:
            h = h + convolve_doubled(self._activated(below, slice(split, None)), self.conv1.weight[:, split:])
            skip = skip + F.interpolate(F.conv2d(below, self.skip.weight[:, split:]), scale_factor=2, mode="nearest")
        return self._modulated(h, skip, embedding, NOISY)

    def _activated(self, x: Tensor, channels: slice) -> Tensor:
        norm = self.norm1
        groups = x.shape[1] // GROUP_CHANNELS
        return F.silu(F.group_norm(x, groups, norm.weight[channels], norm.bias[channels], norm.eps))

    def _modulated(self, h: Tensor, skip: Tensor, embedding: Tensor, kind: int) -> Tensor:
        scale, shift = self.modulation(embedding)[:, :, None, None].chunk(2, dim=1)
        return skip + self.conv2(F.silu(self.norm2(h, kind) * (1 + scale) + shift))


class Attention(nn.Module):
    """Self-attention over the pixels of a level, heads of 32 channels."""

    def __init__(self, channels: int, normalisation: str) -> None:
        super().__init__()
        self.heads = max(1, channels // 32)
        self.norm = NORMALISATIONS[normalisation](channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor, kind: int = NOISY) -> Tensor:
        b, c, h, w = x.shape
        q, k, v = (
            self.qkv(self.norm(x, kind)).reshape(b, 3, self.heads, c // self.heads, h * w).transpose(-1, -2).unbind(1)
        )
        attended = F.scaled_dot_product_attention(q, k, v).transpose(-1, -2).reshape(b, c, h, w)
        return x + self.out(attended)


class Level(nn.Module):
    """One resolution: residual blocks, then attention where the level has it."""

    def __init__(
        self, channels_in: int, channels: int, blocks: int, attention: bool, embedding: int, normalisation: str
    ) -> None:
        super().__init__()
        widths = [channels_in] + [channels] * (blocks - 1)
        self.blocks = nn.ModuleList(ResidualBlock(width, channels, embedding, normalisation) for width in widths)
        self.attention = Attention(channels, normalisation) if attention else None

    def forward(self, x: Tensor, embedding: Tensor, kind: int = NOISY) -> Tensor:
        return self._rest(self.blocks[0](x, embedding, kind), embedding, kind)

    def join(self, features: Tensor, below: Tensor | None, embedding: Tensor, rows: Tensor | None) -> Tensor:
        """The level on features (B, F, S, S)[rows] with `below` (N, C - F, S/2, S/2), doubled, beside them."""
        return self._rest(self.blocks[0].join(features, below, embedding, rows), embedding, NOISY)

    def _rest(self, x: Tensor, embedding: Tensor, kind: int) -> Tensor:
        for block in self.blocks[1:]:
            x = block(x, embedding, kind)
        return x if self.attention is None else self.attention(x, kind)


class Head(nn.Sequential):
    """The classifier on the pooled levels: a normalisation, then two linear layers."""

    def forward(self, pooled: Tensor, kind: int = CLEAN) -> Tensor:
        """Logits (B, K) of pooled features (B, F) from a pass of a kind."""
        norm, *layers = self
        h = norm(pooled, kind) if isinstance(norm, DataNorm) else norm(pooled)
        for layer in layers:
            h = layer(h)
        return h


class JointDiffusionNetwork(nn.Module):
    """One network that denoises under a class and classifies from its encoder's features.

    Joint Diffusion Models (Deja et al. 2023, arXiv 2301.13622): the encoder is shared, the head reads its
    pooled levels. The class enters in the decoder alone, so neither Z nor the logits depend on it, and
    one encoder pass serves the decoder under every class. "No class" is the class index K.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a = self.architecture = architecture
        self.no_class = a.classes
        folded = a.image_channels * a.fold**2
        levels = range(len(a.widths))

        self.encoder_embedding = Embedding(a.embedding)
        self.stem = nn.Conv2d(folded, a.widths[0], 3, padding=1)
        self.encoder = nn.ModuleList(
            Level(a.widths[max(i - 1, 0)], a.widths[i], a.blocks[i], i in a.attention, a.embedding, a.normalisation)
            for i in levels
        )
        self.decoder_embedding = Embedding(a.embedding, a.classes + 1)
        self.decoder = nn.ModuleList(
            Level(
                a.widths[i] + (a.widths[i + 1] if i + 1 < len(a.widths) else 0),
                a.widths[i],
                a.blocks[i],
                i in a.attention,
                a.embedding,
                "group",
            )
            for i in levels
        )
        self.out = nn.Sequential(GroupNorm(a.widths[0]), nn.SiLU(), nn.Conv2d(a.widths[0], folded, 3, padding=1))
        pooled = sum(a.widths)
        norm = DataNorm(pooled) if a.normalisation == "data" else nn.LayerNorm(pooled)
        self.head = Head(norm, nn.Linear(pooled, a.embedding), nn.SiLU(), nn.Linear(a.embedding, a.classes))
        nn.init.zeros_(self.out[-1].weight)
        nn.init.zeros_(self.out[-1].bias)

    def encode(self, x: Tensor, logsnr: Tensor, kind: int = NOISY) -> list[Tensor]:
        """Representations Z of x (B, C, S, S) at log-SNR (B,): one (B, widths[i], S_i, S_i) per level, finest first.

        `kind` says by which statistics the layers normalise, where they use those of the data. A network with a detail variance adds the linear part of v̂ (B, C, S, S) as the last one.
        """
        linear = []
        if self.architecture.detail_variance:
            linear.append(bands.linear_velocity(x, logsnr, self.architecture.detail_variance))
            x, logsnr = bands.means_scale(logsnr) * x, bands.means_logsnr(logsnr)
        embedding = self.encoder_embedding(logsnr)
        h = self.stem(F.pixel_unshuffle(x, self.architecture.fold))
        z = []
        for level in self.encoder:
            h = level(F.avg_pool2d(h, 2) if z else h, embedding, kind)
            z.append(h)
        return z + linear

    def encode_clean(self, x: Tensor) -> list[Tensor]:
        """Representations of images without noise, which the head's verdict is read from."""
        return self.encode(x, torch.full((len(x),), LOGSNR_MAX, device=x.device), CLEAN)

    def decode(self, z: Sequence[Tensor], logsnr: Tensor, labels: Tensor, rows: Tensor | None = None) -> Tensor:
        """v̂ (N, C, S, S) from Z at log-SNR (B,) under class indices (N,), K meaning "no class".

        `rows` (N,) are the images in Z that are decoded, by default each of them once.
        """
        preconditioned = self.architecture.detail_variance > 0
        if rows is not None:
            logsnr = logsnr[rows]
        embedding = self.decoder_embedding(bands.means_logsnr(logsnr) if preconditioned else logsnr, labels)
        h: Tensor | None = None
        for features, level in zip(reversed(self.levels(z)), reversed(self.decoder), strict=True):
            h = level.join(features, h, embedding, rows)
        v = F.pixel_shuffle(self.out(h), self.architecture.fold)
        if not preconditioned:
            return v
        linear = z[-1] if rows is None else z[-1][rows]
        return linear + bands.means_scale(logsnr) / 2 * v

    def levels(self, z: Sequence[Tensor]) -> Sequence[Tensor]:
        """The levels of the encoder in Z, finest first, without a linear part."""
        return z[: len(self.encoder)]

    def decode_classes(self, z: Sequence[Tensor], logsnr: Tensor, labels: Tensor) -> Tensor:
        """v̂ (B, k, C, S, S): the same Z, encoded once, decoded under k classes in one batch.

        labels are (k,), the same for every image, or (B, k).
        """
        b, k = len(logsnr), labels.shape[-1]
        rows = torch.arange(b, device=logsnr.device).repeat_interleave(k)
        return self.decode(z, logsnr, labels.expand(b, k).flatten(), rows).unflatten(0, (b, k))

    def pool(self, level: Tensor) -> Tensor:
        """What the head reads of a level (B, C, H, W): the mean or the maximum over its pixels, (B, C) in fp32.

        A parasite is a small thing: the mean over a cell dilutes it and carries the cell's colour, the maximum does not.
        """
        level = level.float()
        return level.mean(dim=(2, 3)) if self.architecture.pooling == "mean" else level.amax(dim=(2, 3))

    def classify(self, z: Sequence[Tensor], kind: int = CLEAN) -> Tensor:
        """Logits (B, K) from every level of Z, pooled and concatenated (Deja et al. 2023, section 3).

        `kind` is that of the pass which Z comes from.
        """
        return self.head(torch.cat([self.pool(level) for level in self.levels(z)], dim=1), kind)
