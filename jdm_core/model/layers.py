"""The parts of the network: embeddings, residual blocks, attention, a level of each, and the classifier head."""

import math
from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jdm_core.model.normalisation import CLEAN, GROUP_CHANNELS, NOISY, NORMALISATIONS, DataNorm


def silent(layer: nn.Conv2d) -> nn.Conv2d:
    """The same convolution, which gives zeros until it has learned."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class Embedding(nn.Module):
    """Embeds log-SNR (B,), and in the decoder a class index (B,), into (B, width)."""

    frequencies: Tensor

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
        self.conv2 = silent(nn.Conv2d(channels, channels, 3, padding=1))
        self.skip = nn.Conv2d(channels_in, channels, 1) if channels_in != channels else nn.Identity()

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
        # Where something lies below, the channels are more than the block's own, so that its skip is a convolution.
        wide = self.skip if isinstance(self.skip, nn.Conv2d) else None
        skip = features if wide is None else F.conv2d(features, wide.weight[:, :split], wide.bias)
        if rows is not None:
            h, skip = h[rows], skip[rows]
        if below is not None and wide is not None:
            h = h + convolve_doubled(self._activated(below, slice(split, None)), self.conv1.weight[:, split:])
            skip = skip + F.interpolate(F.conv2d(below, wide.weight[:, split:]), scale_factor=2, mode="nearest")
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
        self.out = silent(nn.Conv2d(channels, channels, 1))

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
        return self._rest(cast(ResidualBlock, self.blocks[0]).join(features, below, embedding, rows), embedding, NOISY)

    def _rest(self, x: Tensor, embedding: Tensor, kind: int) -> Tensor:
        for block in self.blocks[1:]:
            x = block(x, embedding, kind)
        return x if self.attention is None else self.attention(x, kind)


class Path(nn.Module):
    """The head's own way through the encoder's levels: a convolution over each, beside what the finer one has found.

    What is pooled of a level says that something is there, and not how it lies to what another channel has seen. These
    convolutions see that, while the encoder stands still.
    """

    def __init__(self, levels: Sequence[int], widths: Sequence[int], normalisation: str) -> None:
        super().__init__()
        normalise = NORMALISATIONS[normalisation]
        above = [0, *widths[:-1]]
        self.norms = nn.ModuleList(normalise(channels) for channels in levels)
        self.convs = nn.ModuleList(
            nn.Conv2d(channels + more, width, 3, padding=1, bias=False)
            for channels, more, width in zip(levels, above, widths, strict=True)
        )
        self.outs = nn.ModuleList(normalise(width) for width in widths)

    def forward(self, levels: Sequence[Tensor], kind: int) -> list[Tensor]:
        """Maps (B, widths[i], S_i, S_i) from levels (B, C_i, S_i, S_i), finest first, of a pass of a kind."""
        maps: list[Tensor] = []
        for level, norm, conv, out in zip(levels, self.norms, self.convs, self.outs, strict=True):
            x = F.silu(norm(level, kind))
            if maps:
                x = torch.cat([x, F.max_pool2d(maps[-1], 2)], dim=1)
            maps.append(F.silu(out(conv(x), kind)))
        return maps


class Head(nn.Sequential):
    """The classifier on the pooled levels: a normalisation, then two linear layers; and, if any, the path to them."""

    path: Path | None

    def __init__(self, *layers: nn.Module, path: Path | None = None) -> None:
        super().__init__(*layers)
        self.path = path

    def forward(self, pooled: Tensor, kind: int = CLEAN) -> Tensor:
        """Logits (B, K) of pooled features (B, F) from a pass of a kind."""
        norm, hidden, activation, out, *_ = self  # a path comes last
        h = norm(pooled, kind) if isinstance(norm, DataNorm) else norm(pooled)
        return out(activation(hidden(h)))
