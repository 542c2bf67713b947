"""python -m benchmarks.scores: time until the likelihood tells two classes apart, against the official estimator.

Official: the Diffusion Classifier as its authors published it (Li et al. 2023): plain ‖ε - ε̂‖², levels spaced evenly
over all times, the same noise for every class, and the whole network for each class. Then one thing is changed at a
time: the encoder runs once for all classes, and levels and weight are those of the calibrated window. All see the same
example cells in one run, in turns; the fastest round counts. Scores of different weights have different units, so what
is compared is the time until the difference stands ten standard errors from zero, at the median of the cells.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from jdm_core import Explainer
from jdm_core.explain.likelihood import draw, error_per_draw
from jdm_core.images.pixels import to_tensor
from jdm_core.images.read import read_cell
from training.studies.scores.draws import Weighting, class_errors, make_draws, weightings

EXAMPLES = Path(__file__).parent.parent / "web" / "examples"
ROUNDS, DRAWS = 8, 16  # rounds of so many draws for each cell: the spread between rounds is the standard error
WANTED = 10.0  # standard errors from zero


class Estimators:
    """Score differences (B,) of cells x (B, C, S, S) between the first two classes, each of `DRAWS` draws."""

    def __init__(self, explainer: Explainer, x: Tensor) -> None:
        self.network, self.x = explainer.network, x
        self.classes = len(explainer.labels)
        _, self.simple, self.window = weightings(explainer)

    def _even(self, turn: int, wanted: list[int]) -> Tensor:
        """Scores (B, K) over even levels, NaN for classes that are not wanted."""
        weighting: Weighting = self.simple
        seeds = [(turn, i) for i in range(len(self.x))]
        draws = make_draws(seeds, DRAWS, self.x.shape[1:], weighting, balanced=False)
        levels = weighting.logsnr((torch.arange(DRAWS) + 0.5) / DRAWS)
        draws = replace(draws, logsnr=levels.expand(len(self.x), DRAWS).contiguous())
        mask = torch.zeros(len(self.x), self.classes, dtype=torch.bool)
        mask[:, wanted] = True
        return weighting.scores(class_errors(self.network, self.x, draws, mask, bf16=True), draws.logsnr).mean(1)

    def official(self, turn: int) -> Tensor:
        """The whole network for each class."""
        return self._even(turn, [0])[:, 0] - self._even(turn, [1])[:, 1]

    def one_encoder_pass(self, turn: int) -> Tensor:
        """The same with one encoder pass for both classes."""
        scores = self._even(turn, [0, 1])
        return scores[:, 0] - scores[:, 1]

    def shipped(self, turn: int) -> Tensor:
        """What the posterior reads."""
        assert self.window.window is not None  # what ships reads a window
        seeds = [turn * len(self.x) + i for i in range(len(self.x))]
        draws = draw(seeds, DRAWS, self.x.shape[1:], self.window.window)
        errors = error_per_draw(self.network, self.x, draws, bf16=True).cpu()
        scores = self.window.scores(errors, draws.logsnr).mean(1)
        return scores[:, 0] - scores[:, 1]


def draws_needed(differences: np.ndarray) -> float:
    """Draws until the mean stands `WANTED` standard errors from zero, of differences (rounds, cells) of `DRAWS` each.

    The median over the cells; at least one.
    """
    spread = differences.std(axis=0, ddof=1)
    return max(1.0, float(np.median(DRAWS * (WANTED * spread / np.abs(differences.mean(axis=0))) ** 2)))


@torch.inference_mode()
def main() -> None:
    """Times every estimator and prints the table."""
    explainer = Explainer.load()
    cells = [read_cell(path) for path in sorted(EXAMPLES.glob("*-*.png"))]
    estimators = Estimators(explainer, to_tensor(cells, explainer.size).to(explainer.device))
    rows: dict[str, Callable[[int], Tensor]] = {
        "official": estimators.official,
        "+ one encoder pass": estimators.one_encoder_pass,
        "+ window (shipped)": estimators.shipped,
    }
    seconds = dict.fromkeys(rows, float("inf"))
    found: dict[str, list[np.ndarray]] = {name: [] for name in rows}
    for estimate in rows.values():
        estimate(ROUNDS)  # warms up
    for turn in range(ROUNDS):
        for name, estimate in rows.items():
            started = time.perf_counter()
            found[name].append(estimate(turn).cpu().numpy())
            seconds[name] = min(seconds[name], (time.perf_counter() - started) / (len(cells) * DRAWS))
    needed = {name: draws_needed(np.stack(differences)) for name, differences in found.items()}
    print(f"{'estimator':20} {'ms a draw':>9} {'draws needed':>13} {'s a cell':>9} {'ratio':>7}")
    for name in rows:
        took, first = needed[name] * seconds[name], needed["official"] * seconds["official"]
        print(f"{name:20} {1000 * seconds[name]:9.2f} {needed[name]:13.1f} {took:9.3f} {first / took:7.1f}")
    print(
        f"until the difference stands {WANTED:g} standard errors from zero; {len(cells)} cells, "
        f"{torch.get_num_threads()} threads, {explainer.device}"
    )


if __name__ == "__main__":
    main()
