"""python -m benchmarks.shapes: what a network's shape costs, a forward pass and a training step of 32 on this machine.

The shapes differ in the width of the top level, in folding 2×2 pixels into channels, and in depth. All are timed
in one run, in turns, the fastest of several counted, since machines are noisy; the last column is the ratio to the
shape that ships.
"""

import time
from dataclasses import replace
from typing import Any

import torch

from jdm_core.model.architecture import Architecture
from jdm_core.model.device import half_precision
from jdm_core.model.network import JointDiffusionNetwork
from training.run.loss import JointLoss, draw_batch
from training.run.recipe import load_recipe
from training.tables import Table

ROUNDS, BATCH = 5, 32
SHIPPED = "**shipped**: 2×2 pixels folded, 64-128-256 channels"
SHAPES: dict[str, dict[str, Any]] = {  # keys of Architecture
    SHIPPED: {},
    "no folding, 32-64-128-192": {"fold": 1, "widths": (32, 64, 128, 192), "blocks": (1, 1, 1, 2), "attention": (3,)},
    "no folding, 64-64-128-256": {"fold": 1, "widths": (64, 64, 128, 256), "blocks": (1, 1, 1, 2), "attention": (3,)},
    "folded, wide top 96-128-256": {"widths": (96, 128, 256)},
    "folded, shallow": {"blocks": (1, 1, 1)},
    "folded, two blocks a level": {"blocks": (2, 2, 2)},
    "4×4 pixels folded, 128-256": {"fold": 4, "widths": (128, 256), "blocks": (1, 2), "attention": (1,)},
}


class Candidate:
    """A network of one shape with its optimizer, and the best times seen."""

    def __init__(self, architecture: Architecture) -> None:
        torch.manual_seed(0)
        self.network = JointDiffusionNetwork(architecture)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), 1e-4)
        self.parameters = sum(p.numel() for p in self.network.parameters())
        self.forward, self.step = float("inf"), float("inf")

    def run(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        """One timed training step and one timed forward pass under every class."""
        recipe = load_recipe("malaria-64")
        started = time.perf_counter()
        with half_precision(torch.device("cpu")):
            batch = draw_batch(images, labels, self.network.no_class, 0.1, torch.Generator().manual_seed(0))
            loss = JointLoss(self.network, recipe)(batch)["loss"]
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.step = min(self.step, time.perf_counter() - started)

        logsnr = torch.zeros(8)
        started = time.perf_counter()
        with torch.inference_mode(), half_precision(torch.device("cpu")):
            self.network.decode_classes(self.network.encode(images[:8], logsnr), logsnr, torch.arange(2))
        self.forward = min(self.forward, (time.perf_counter() - started) / 8)


def measure() -> Table:
    """What every shape costs."""
    base = replace(load_recipe("malaria-64").architecture, head_widths=())  # of another number in some shapes
    candidates = {name: Candidate(replace(base, **change)) for name, change in SHAPES.items()}
    images, labels = torch.rand(BATCH, 3, 64, 64) * 2 - 1, torch.randint(0, 2, (BATCH,))
    for _ in range(ROUNDS):
        for candidate in candidates.values():
            candidate.run(images, labels)
    reference = candidates[SHIPPED].step
    header = ("Shape", "Parameters", "Encoder and both classes, an image", "Training, images/s", "Cost")
    rows = [
        [
            name,
            f"{c.parameters / 1e6:.2f} M",
            f"{1000 * c.forward:.1f} ms",
            f"{BATCH / c.step:.1f}",
            f"{c.step / reference:.2f}",
        ]
        for name, c in candidates.items()
    ]
    return Table.make(header, rows)


def main() -> None:
    """Prints the table."""
    print(measure().markdown())


if __name__ == "__main__":
    main()
