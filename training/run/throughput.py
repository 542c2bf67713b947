"""How fast a run is, and against what: images a second, and the share of the device's own rate of matrix products."""

import time
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from jdm_core.precision import half_precision
from training.run.loss import Batch, JointLoss

SIDE, ROUNDS = 2048, 4


@dataclass(frozen=True)
class Throughput:
    """The cost of an image and the rate that the devices of a run could at best pay it at."""

    flops_per_image: float  # forward and backward
    matrix_rate: float  # floating-point operations a second, of all processes together

    def describe(self, images_per_second: float) -> str:
        """One line for people."""
        return (
            f"{images_per_second:.1f} images/s, {self.share(images_per_second):.0%} of the "
            f"{self.matrix_rate / 1e12:.2f} TFLOP/s that matrix products reach here"
        )

    def share(self, images_per_second: float) -> float:
        """The share of the matrix rate that so many images a second use."""
        return images_per_second * self.flops_per_image / self.matrix_rate


def measure(loss: JointLoss, batch: Batch, half: bool, processes: int) -> Throughput:
    """Counts the operations of the loss and its gradient on a batch, and times matrix products on its device."""
    device = batch.images.device
    with FlopCounterMode(display=False) as counter, half_precision(device, half):
        loss(batch)["loss"].backward()
    loss.zero_grad(set_to_none=True)
    rate = matrix_rate(device, torch.bfloat16 if half else torch.float32)
    return Throughput(counter.get_total_flops() / len(batch.images), processes * rate)


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations a second of square matrix products on a device, the best of a few."""
    a = torch.randn(SIDE, SIDE, device=device).to(dtype)
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.perf_counter()
        float((a @ a)[0, 0])  # waits for the device
        best = min(best, time.perf_counter() - started)
    return 2 * SIDE**3 / best
