"""Calibration on validation slides: the head's temperature, the posterior's window, τ and b."""

from itertools import combinations

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax
from torch import Tensor
from tqdm import tqdm

from jdm_core.checkpoints import Calibration
from jdm_core.diffusion import cosine_logsnr
from jdm_core.elbo import POSTERIOR_DRAWS, Draws, Window, draw, error_per_draw
from jdm_core.network import JointDiffusionNetwork
from training.data import Cells
from training.metrics import mean_auroc
from training.run.validate import as_images

EDGES = np.arange(0.15, 0.96, 0.05).round(2)  # where a window may begin and end, in cosine time
NARROWEST = 0.2  # a quarter of the range of EDGES


def log_loss(logits: np.ndarray, positive: np.ndarray) -> float:
    """Mean binary cross-entropy of logits (N,)."""
    return float(np.logaddexp(0, np.where(positive, -logits, logits)).mean())


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature by which logits (N, K) must be divided for the least cross-entropy (Guo et al. 2017)."""
    logits = logits.double()

    def loss(log_temperature: np.ndarray) -> float:
        return float(torch.nn.functional.cross_entropy(logits / np.exp(log_temperature[0]), labels))

    return float(np.exp(minimize(loss, [0.0], method="Nelder-Mead").x[0]))


def fit_platt(margins: np.ndarray, positive: np.ndarray) -> tuple[float, float]:
    """τ and b of σ(margin/τ + b) with the least cross-entropy (Platt 1999), margins (N,)."""
    scale = float(np.abs(margins).mean()) or 1.0

    def loss(parameters: np.ndarray) -> float:
        return log_loss(margins / scale * np.exp(parameters[0]) + parameters[1], positive)

    log_slope, bias = minimize(loss, [0.0, 0.0], method="Nelder-Mead").x
    return float(scale / np.exp(log_slope)), float(bias)


def relative_scores(weights: Tensor, errors: Tensor, count: Tensor) -> np.ndarray:
    """S_c less the last class's, (N, K), from weights (N, D) of errors (N, D, K) and what to divide the sums by."""
    last = errors[:, :, -1]
    sums = [(weights * (last - errors[:, :, k])).sum(1) for k in range(errors.shape[2])]
    return torch.stack([total / count for total in sums], dim=1).numpy()


def fit_scores(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float, float]:
    """τ and b of the posterior with the least cross-entropy over scores (N, K), and that; b is 0 for more than two."""
    if scores.shape[1] == 2:
        margins, positive = scores[:, 0] - scores[:, 1], labels == 0
        tau, bias = fit_platt(margins, positive)
        return tau, bias, log_loss(margins / tau + bias, positive)
    scale = float(np.ptp(scores, axis=1).mean()) or 1.0
    logits, truth = torch.from_numpy(scores / scale), torch.from_numpy(labels)
    temperature = fit_temperature(logits, truth)
    return scale * temperature, 0.0, float(torch.nn.functional.cross_entropy(logits / temperature, truth))


def evenly_spread(inside: Tensor, count: int) -> Tensor:
    """Of the True in each row of inside (N, D), `count` at even distances, or all where there are fewer."""
    place, total = inside.cumsum(1) - 1, inside.sum(1, keepdim=True)
    kept = total.clamp(max=count)
    return inside & ((place + 1) * kept // total.clamp(min=1) > place * kept // total.clamp(min=1))


def choose_window(
    times: Tensor, errors: Tensor, labels: Tensor, symmetries: bool = False
) -> tuple[Window, list[dict[str, float | str]]]:
    """The window whose calibrated scores have the least cross-entropy, and the figures of all candidates.

    times (N, D) of the draws, ascending, errors ‖ε - ε̂_c‖² (N, D, K), made with the window's `symmetries`. In use a
    narrow window gets as many draws as a wide one, so each is judged with POSTERIOR_DRAWS of those that fell into it:
    D must be four times as many.
    """
    truth = labels.numpy()
    logsnr = cosine_logsnr(times)
    table = []
    for low, high in combinations(EDGES.tolist(), 2):
        if high - low < NARROWEST - 1e-9:
            continue
        for weight in ("epsilon", "v", "x"):
            window = Window(low, high, weight, symmetries)
            kept = evenly_spread((times >= low) & (times < high), POSTERIOR_DRAWS)
            scores = relative_scores(window.weights(logsnr) * kept, errors, kept.sum(1).clamp(min=1))
            tau, _, loss = fit_scores(scores, truth)
            auroc = mean_auroc(log_softmax(scores / tau, axis=1), truth)
            table.append({
                "low": low, "high": high, "weight": weight, "auroc": round(auroc, 5),
                "log_loss": round(loss, 5),
            })  # fmt: skip
    best = min(table, key=lambda row: row["log_loss"])
    return Window(best["low"], best["high"], best["weight"], symmetries), table


@torch.inference_mode()
def calibrate(
    network: JointDiffusionNetwork, validation: Cells, cells: int, symmetries: bool, device: torch.device
) -> tuple[Calibration, list[dict[str, float | str]]]:
    """Fits every part on the validation cells, the head on all and the scores on a sample of `cells` of them.

    `symmetries` are for networks that learnt from pictures which lie anyhow. Returns the calibration and the table of
    candidate windows.
    """
    logits = []
    for start in range(0, len(validation), 64):
        x = as_images(validation.take(range(start, min(start + 64, len(validation)))), device)
        logits.append(network.classify(network.encode_clean(x)).cpu())
    temperature = fit_temperature(torch.cat(logits), validation.labels)

    order = torch.randperm(len(validation), generator=torch.Generator().manual_seed(1))[:cells].tolist()
    sample = validation.take(order)
    widest = Window(float(EDGES[0]), float(EDGES[-1]), "epsilon", symmetries)
    times, errors = _errors(network, sample, widest, 4 * POSTERIOR_DRAWS, device)
    window, table = choose_window(times, errors, sample.labels, symmetries)

    # τ and b depend on the noise of the scores, so they are fitted with the draws that will be used.
    times, errors = _errors(network, sample, window, POSTERIOR_DRAWS, device)
    scores = relative_scores(window.weights(cosine_logsnr(times)), errors, torch.tensor(POSTERIOR_DRAWS))
    tau, bias, _ = fit_scores(scores, sample.labels.numpy())
    return Calibration(temperature, tau, bias, window), table


def _errors(
    network: JointDiffusionNetwork, cells: Cells, window: Window, count: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Cosine times (N, D) and errors (N, D, K) of `count` draws over a window."""
    times, errors = [], []
    for start in tqdm(range(0, len(cells), 16), desc="validation scores", unit="batch"):
        x = as_images(cells.take(range(start, min(start + 16, len(cells)))), device)
        draws: Draws = draw(range(start, start + len(x)), count, x.shape[1:], window)
        times.append(2 / torch.pi * torch.atan(torch.exp(-draws.logsnr / 2)))
        errors.append(error_per_draw(network, x, draws, bf16=True).cpu())
    return torch.cat(times), torch.cat(errors)
