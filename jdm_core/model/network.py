"""The joint diffusion network: a label-free encoder, a class-conditional decoder and a classifier head."""

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jdm_core.model import preconditioning
from jdm_core.model.architecture import Architecture
from jdm_core.model.diffusion import LOGSNR_MAX
from jdm_core.model.layers import Embedding, Head, Level, Path, silent
from jdm_core.model.normalisation import CLEAN, NOISY, DataNorm, GroupNorm


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
        self.out = nn.Sequential(
            GroupNorm(a.widths[0]), nn.SiLU(), silent(nn.Conv2d(a.widths[0], folded, 3, padding=1))
        )
        path = Path(a.widths, a.head_widths, a.normalisation) if a.head_widths else None
        pooled = sum(a.widths) + sum(a.head_widths)
        norm = DataNorm(pooled) if a.normalisation == "data" else nn.LayerNorm(pooled)
        self.head = Head(norm, nn.Linear(pooled, a.embedding), nn.SiLU(), nn.Linear(a.embedding, a.classes), path=path)

    def encode(self, x: Tensor, logsnr: Tensor, kind: int = NOISY) -> list[Tensor]:
        """Representations Z of x (B, C, S, S) at log-SNR (B,): one (B, widths[i], S_i, S_i) per level, finest first.

        `kind` says by which statistics the layers normalise, where they use those of the data. A network with a detail
        variance adds the linear part of v̂ (B, C, S, S) as the last one.
        """
        linear = []
        if self.architecture.detail_variance:
            linear.append(preconditioning.linear_velocity(x, logsnr, self.architecture.detail_variance))
            x, logsnr = preconditioning.means_scale(logsnr) * x, preconditioning.means_logsnr(logsnr)
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
        embedding = self.decoder_embedding(preconditioning.means_logsnr(logsnr) if preconditioned else logsnr, labels)
        h: Tensor | None = None
        for features, level in zip(reversed(self.levels(z)), reversed(self.decoder), strict=True):
            h = cast(Level, level).join(features, h, embedding, rows)
        v = F.pixel_shuffle(self.out(h), self.architecture.fold)
        if not preconditioned:
            return v
        linear = z[-1] if rows is None else z[-1][rows]
        return linear + preconditioning.means_scale(logsnr) / 2 * v

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

        A parasite is a small thing: the mean over a cell dilutes it and carries the cell's colour, which the maximum
        does not.
        """
        level = level.float()
        return level.mean(dim=(2, 3)) if self.architecture.pooling == "mean" else level.amax(dim=(2, 3))

    def classify(self, z: Sequence[Tensor], kind: int = CLEAN) -> Tensor:
        """Logits (B, K) from every level of Z, pooled and concatenated (Deja et al. 2023, section 3).

        And from the maps of the head's own path, where it has one. `kind` is that of the pass which Z comes from.
        """
        levels, path = self.levels(z), self.head.path
        maps = [] if path is None else path(levels, kind)
        return self.head(torch.cat([self.pool(map_) for map_ in [*levels, *maps]], dim=1), kind)
