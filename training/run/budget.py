"""A run by the clock: how many images fit, so that the learning rate has fallen to zero when the time is over."""

import math
import time

from training.run.recipe import Recipe

MARGIN = 4  # steps between the last plan and the first step that depends on it, for rounding and other processes


def plateau(recipe: Recipe) -> float:
    """The share of a run's steps that is the same however long it is: before the decay, and before the margin."""
    starts = [1 - recipe.decay_share]
    if recipe.margin_weight and recipe.margin_from:
        starts.append(recipe.margin_from)
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
        """Counts a step of the run."""
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
