"""What was fitted to a network, and decides its verdicts beside the weights."""

from dataclasses import dataclass

import torch
from torch import Tensor

from jdm_core.bounds import LARGEST, check_figure, check_temperature
from jdm_core.checkpoint.familiarity import Familiarity
from jdm_core.checkpoint.red_cells import RedCells
from jdm_core.images.colours import Colours
from jdm_core.model.diffusion import LOGSNR_MAX, LOGSNR_MIN


@dataclass(frozen=True)
class Window:
    """The noise levels, as cosine times in [low, high), and the error that the posterior reads.

    weight "epsilon" takes ‖ε - ε̂‖², "v" ‖v - v̂‖² = ‖ε - ε̂‖²/α², "x" ‖x - x̂‖² = ‖ε - ε̂‖² σ²/α². With `symmetries` each
    draw is denoised under another one of the square's eight: what a network says of a picture without an up should not
    hang on how it lies, and where it does, the mean over them errs less, at no cost.
    """

    low: float
    high: float
    weight: str
    symmetries: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= 1:
            raise ValueError(f"window: times {self.low} to {self.high} are not an interval in [0, 1]")
        if self.weight not in ("epsilon", "v", "x"):
            raise ValueError(f"window: unknown weight {self.weight!r}")

    def weights(self, logsnr: Tensor) -> Tensor:
        """The factor of ‖ε - ε̂‖² at λ, in the shape of λ."""
        if self.weight == "epsilon":
            return torch.ones_like(logsnr)
        if self.weight == "v":
            return 1 / torch.sigmoid(logsnr)
        return torch.exp(-logsnr)


@dataclass(frozen=True)
class Calibration:
    """Fitted on validation slides: the head's temperature, the posterior's τ and b, and the window it reads.

    And what pictures the model knows, the colours of its training cells and what is a red cell all the same, None where
    that was not fitted; and the log-SNR at which the ELBO ends, above which the network's noise errors say nothing of
    the classes that holds: all levels, where that was not fitted.
    """

    temperature: float
    posterior_temperature: float
    posterior_bias: float
    window: Window
    familiarity: Familiarity | None = None
    colours: Colours | None = None
    red_cells: RedCells | None = None
    elbo_logsnr_max: float = LOGSNR_MAX

    def __post_init__(self) -> None:
        check_temperature("temperature", self.temperature)
        check_temperature("posterior_temperature", self.posterior_temperature)
        check_figure("posterior_bias", self.posterior_bias, -LARGEST, LARGEST)
        check_figure("elbo_logsnr_max", self.elbo_logsnr_max, LOGSNR_MIN + 1, LOGSNR_MAX)


@dataclass(frozen=True)
class Promise:
    """Of the cells called, at most a share `wrong` is called wrongly, on at least a share `slides` of slides."""

    wrong: float
    slides: float

    def __post_init__(self) -> None:
        check_figure("wrong", self.wrong, 0, 1)
        check_figure("slides", self.slides, 0, 1)


@dataclass(frozen=True)
class Thresholds:
    """Probabilities: below which the head is unsure, and which head and posterior must give an edit's target.

    What the head is not unsure of it calls; `promise` is what it keeps so on slides like those of training, None where
    `unsure_below` was not chosen for one.
    """

    unsure_below: float
    flip_head: float
    flip_posterior: float
    promise: Promise | None = None

    def __post_init__(self) -> None:
        for name in ("unsure_below", "flip_head", "flip_posterior"):
            check_figure(name, getattr(self, name), 0, 1)
