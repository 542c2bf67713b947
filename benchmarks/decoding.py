"""python -m benchmarks.decoding: what the decoder gains by sharing between classes and convolving before it doubles.

Against the decoder as its layers say it: every level on its features with the level below, doubled, beside them, for
each class anew. Both give the same v̂. Timed in turns in one run, the fastest of several counted.
"""

import time
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from jdm_core import Explainer
from jdm_core.model import preconditioning
from jdm_core.model.network import JointDiffusionNetwork
from training.tables import Cell, Table

ROUNDS = 10
CASES = (("malaria-64", 1), ("malaria-64", 32), ("malaria-128", 32), ("mnist-28", 32))


def decode_plainly(network: JointDiffusionNetwork, z: Sequence[Tensor], logsnr: Tensor, labels: Tensor) -> Tensor:
    """v̂ (B, C, S, S) from Z at log-SNR (B,) under class indices (B,), nothing shared."""
    preconditioned = network.architecture.detail_variance > 0
    embedding = network.decoder_embedding(preconditioning.means_logsnr(logsnr) if preconditioned else logsnr, labels)
    h: Tensor | None = None
    for features, level in zip(reversed(network.levels(z)), reversed(network.decoder), strict=True):
        h = level(features if h is None else torch.cat([features, F.interpolate(h, scale_factor=2)], dim=1), embedding)
    v = F.pixel_shuffle(network.out(h), network.architecture.fold)
    return z[-1] + preconditioning.means_scale(logsnr) / 2 * v if preconditioned else v


def decode_classes_plainly(
    network: JointDiffusionNetwork, z: Sequence[Tensor], logsnr: Tensor, labels: Tensor
) -> Tensor:
    """v̂ (B, k, C, S, S) under classes (k,), nothing shared."""
    b, k = len(logsnr), len(labels)
    repeated = [level.repeat_interleave(k, 0) for level in z]
    return decode_plainly(network, repeated, logsnr.repeat_interleave(k), labels.repeat(b)).unflatten(0, (b, k))


def fastest(ways: Sequence[Callable[[], object]]) -> list[float]:
    """Best seconds of each, in turns."""
    best = [float("inf")] * len(ways)
    for _ in range(ROUNDS):
        for i, way in enumerate(ways):
            started = time.perf_counter()
            way()
            best[i] = min(best[i], time.perf_counter() - started)
    return best


@torch.inference_mode()
def measure() -> Table:
    """Milliseconds of both in fp32, and their ratio."""
    rows: list[list[Cell]] = []
    for name, count in CASES:
        explainer = Explainer.load(name, "cpu")
        network, architecture = explainer.network, explainer.network.architecture
        shape = (count, architecture.image_channels, architecture.image_size, architecture.image_size)
        x, logsnr = torch.randn(shape, generator=torch.Generator().manual_seed(0)), torch.zeros(count)
        z, labels = network.encode(x, logsnr), torch.arange(architecture.classes)
        ways = (
            lambda n=network, z=z, s=logsnr, c=labels: decode_classes_plainly(n, z, s, c),
            lambda n=network, z=z, s=logsnr, c=labels: n.decode_classes(z, s, c),
        )
        plain, shared = fastest(ways)
        times = (f"{1000 * plain:.3g} ms", f"{1000 * shared:.3g} ms", f"{plain / shared:.2f}")
        rows.append([f"`{name}`", count, len(labels), *times])
    return Table.make(("", "Images", "Classes", "Plain", "Shared", "Ratio"), rows)


def main() -> None:
    """Prints the table."""
    print(measure().markdown())


if __name__ == "__main__":
    main()
