"""What the network's layers are normalised by: each image's own statistics, or those of the data.

GroupNorm scales an image by its own statistics: the grain of a healthy cell is blown up to the size of a parasite, and
a faint ring in a lively cell shrinks. `DataNorm` does neither.
"""

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

GROUP_CHANNELS = 16  # channels per GroupNorm group
NOISY, CLEAN = 0, 1  # kinds of pass through the encoder
MOMENTUM, EPSILON = 0.05, 1e-5


class GroupNorm(nn.GroupNorm):
    """GroupNorm over groups of 16 channels (Wu & He 2018), the same in every kind of pass."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels // GROUP_CHANNELS, channels)

    def forward(self, x: Tensor, kind: int = NOISY) -> Tensor:
        """Normalises x (B, C, H, W)."""
        return super().forward(x)


class DataNorm(nn.Module):
    """Batch normalisation (Ioffe & Szegedy 2015) with statistics of their own for noisy and for clean passes.

    While training, a batch is normalised by its own statistics, over all processes that share it; in use, each image
    by those of the data, so that what passes with it makes no difference. One scale and shift serves both kinds.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(2, channels))
        self.register_buffer("variance", torch.ones(2, channels))
        self.momentum = MOMENTUM

    def forward(self, x: Tensor, kind: int = NOISY) -> Tensor:
        """Normalises x (B, C) or (B, C, H, W) in a pass of a kind."""
        mean, variance = self.mean[kind], self.variance[kind]
        if not self.training:
            return F.batch_norm(x, mean, variance, self.weight, self.bias, eps=EPSILON)
        if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
            return F.batch_norm(x, mean, variance, self.weight, self.bias, True, self.momentum, EPSILON)
        return self._over_processes(x, mean, variance)

    def _over_processes(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        values = x.float()
        dims = [d for d in range(x.ndim) if d != 1]
        count = dist.get_world_size() * x.numel() / x.shape[1]
        total = all_reduce(torch.stack([values.sum(dims), values.square().sum(dims)]))
        centre = total[0] / count
        spread = total[1] / count - centre.square()
        with torch.no_grad():
            mean.lerp_(centre, self.momentum)
            variance.lerp_(spread * count / (count - 1), self.momentum)
        shape = [1, -1] + [1] * (x.ndim - 2)
        scale = self.weight * torch.rsqrt(spread + EPSILON)
        return (values * scale.view(shape) + (self.bias - centre * scale).view(shape)).to(x.dtype)


NORMALISATIONS = {"group": GroupNorm, "data": DataNorm}
