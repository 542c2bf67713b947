"""How fast a run is, against the device's own rate of matrix products, and how many images fit into a given time."""

import math
import time
from dataclasses import dataclass
from functools import cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from jdm_core.model.device import half_precision
from training.run.loss import Batch, JointLoss
from training.run.recipe import Recipe

SIDES = {"cpu": 1024}  # which a CPU multiplies at its full rate, in a tenth of the time
SIDE, ROUNDS = 2048, 4
MARGIN = 4  # steps between the last plan and the first step that depends on it, for rounding and other processes


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


@cache
def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations a second of square matrix products on a device, the best of a few; once a process."""
    side = SIDES.get(device.type, SIDE)
    a = torch.randn(side, side, device=device).to(dtype)
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.perf_counter()
        float((a @ a)[0, 0])  # waits for the device
        best = min(best, time.perf_counter() - started)
    return 2 * side**3 / best


def plateau(recipe: Recipe) -> float:
    """The share of a run's steps that is the same however long it is: until decay, margin, teachers, `abroad`, head."""
    starts = [recipe.head_alone_from * (1 - recipe.decay_share)]
    if recipe.margin_weight and recipe.margin_from:
        starts.append(recipe.margin_from)
    if recipe.teachers and recipe.teaching_from:
        starts.append(recipe.teaching_from)
    if recipe.abroad and recipe.abroad_from:
        starts.append(recipe.abroad_from)
    return min(starts)


class Budget:
    """Plans the length of a run anew from its speed, until the first step that depends on it.

    `ends` is a time of `time.monotonic`. `step_seconds` and `pause_seconds` (a validation) are what a rehearsal took;
    the run's own times replace them. After the plateau the length stands still, so that a run with the recorded number
    of images computes the same.
    """

    def __init__(self, ends: float, validate_steps: int, step_seconds: float, pause_seconds: float) -> None:
        self._ends, self._validate_steps = ends, validate_steps
        self._step_seconds, self._pause = step_seconds, pause_seconds
        self._busy, self._steps = 0.0, 0

    def took(self, seconds: float) -> None:
        """Counts a step of the run, with all that comes between it and the next but a validation."""
        self._busy, self._steps = self._busy + seconds, self._steps + 1

    def paused(self, seconds: float) -> None:
        """Counts a validation."""
        self._pause = seconds

    def open(self, recipe: Recipe, step: int) -> bool:
        """Whether the length may still change before `step`."""
        return step + MARGIN <= plateau(recipe) * recipe.steps

    def plan(self, recipe: Recipe, step: int) -> int:
        """Steps of the whole run, of which `step` are done, from the speed so far; those done keep their rates."""
        each = self._busy / self._steps if self._steps >= MARGIN else self._step_seconds
        left = self._ends - time.monotonic() - self._pause
        more = left / (each + self._pause / self._validate_steps)
        share = plateau(recipe)
        least = math.ceil((step + MARGIN) / share) if share > 0 and step else step + 1
        return max(step + int(more), least)
