"""Calibration on validation slides: the head's temperature, the posterior's window, τ and b."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import torch
from scipy.special import log_softmax
from torch import Tensor
from tqdm import tqdm

from jdm_core.checkpoint.calibration import Calibration, Thresholds, Window
from jdm_core.explain.likelihood import POSTERIOR_DRAWS, Draws, draw, error_per_draw
from jdm_core.images.pixels import as_images
from jdm_core.model.diffusion import cosine_logsnr
from jdm_core.model.network import JointDiffusionNetwork
from training.data.cells import Cells, shuffled
from training.data.doubted import read_doubted, sure_labels
from training.data.members import chunks
from training.metrics import mean_auroc
from training.publish.export import THRESHOLDS
from training.publish.fits.ends import fit_end
from training.publish.fits.promise import PROMISE, fit_threshold
from training.publish.fits.sureness import fit_flip_head
from training.temperature import fit_platt, fit_temperature, log_loss

EDGES = np.arange(0.15, 0.96, 0.05).round(2)  # where a window may begin and end, in cosine time
NARROWEST = 0.2  # a quarter of the range of EDGES
ENDS_CELLS = 200  # of which half the likelihood's draws again are made, in fp32


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
            table.append(
                {
                    "low": low,
                    "high": high,
                    "weight": weight,
                    "auroc": round(auroc, 5),
                    "log_loss": round(loss, 5),
                }
            )
    best = min(table, key=lambda row: row["log_loss"])
    return Window(best["low"], best["high"], best["weight"], symmetries), table


@dataclass(frozen=True)
class Fitted:
    """What was fitted, and the figures of the candidates, if any: of windows, and of where the bound ends."""

    calibration: Calibration
    thresholds: Thresholds
    windows: Sequence[dict[str, float | str]] = ()
    ends: Sequence[dict[str, float]] = ()


@torch.inference_mode()
def calibrate(
    network: JointDiffusionNetwork, validation: Cells, cells: int, symmetries: bool, device: torch.device
) -> Fitted:
    """Fits every part on the validation cells: head and thresholds on all, the scores on a sample of `cells` of them.

    Where the bound ends is fitted on the first `ENDS_CELLS` of the sample. `symmetries` are for networks that learnt
    from pictures which lie anyhow.
    """
    temperature, thresholds = calibrate_head(network, validation, device)
    sample = shuffled(validation, 1, cells)
    widest = Window(float(EDGES[0]), float(EDGES[-1]), "epsilon", symmetries)
    times, errors = _errors(network, sample, widest, 4 * POSTERIOR_DRAWS, device)
    window, windows = choose_window(times, errors, sample.labels, symmetries)

    # τ and b depend on the noise of the scores, so they are fitted with the draws that will be used.
    times, errors = _errors(network, sample, window, POSTERIOR_DRAWS, device)
    scores = relative_scores(window.weights(cosine_logsnr(times)), errors, torch.tensor(POSTERIOR_DRAWS))
    tau, bias, _ = fit_scores(scores, sample.labels.numpy())
    end, ends = fit_end(network, sample.take(range(min(ENDS_CELLS, len(sample)))), device)
    calibration = Calibration(temperature, tau, bias, window, elbo_logsnr_max=end)
    return Fitted(calibration, thresholds, windows, ends)


@torch.inference_mode()
def calibrate_head(network: JointDiffusionNetwork, validation: Cells, device: torch.device) -> tuple[float, Thresholds]:
    """The head's temperature, and how sure a verdict and an edit must be, on the validation cells."""
    logits = []
    for part in chunks(len(validation), 64):
        x = as_images(validation.images[part], device)
        logits.append(network.classify(network.encode_clean(x)).cpu())
    temperature = fit_temperature(torch.cat(logits), validation.labels)
    probabilities = (torch.cat(logits) / temperature).softmax(1).numpy()
    return temperature, _thresholds(probabilities, validation)


def _thresholds(probabilities: np.ndarray, validation: Cells) -> Thresholds:
    """How sure an edit must be, and the confidence that keeps the promise, where slides of many cells can keep one.

    The promise rests on cells of sure label: one wrong label among the few cells that a slide has at high confidence
    would break it at any threshold.
    """
    labels = validation.labels.numpy()
    right = probabilities.argmax(1) == labels
    fitted = replace(THRESHOLDS, flip_head=fit_flip_head(probabilities, labels)) if right.any() else THRESHOLDS
    if probabilities.shape[1] != 2 or len(set(validation.slides)) == len(validation):
        return fitted
    sure = sure_labels(validation.names, read_doubted())
    slides = [validation.slides[i] for i in sure.nonzero()[0]]
    least = fit_threshold(probabilities.max(1)[sure], right[sure], slides)
    return fitted if least is None else replace(fitted, unsure_below=least, promise=PROMISE)


def _errors(
    network: JointDiffusionNetwork, cells: Cells, window: Window, count: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Cosine times (N, D) and errors (N, D, K) of `count` draws over a window."""
    times, errors = [], []
    for part in tqdm(chunks(len(cells), 16), desc="validation scores", unit="batch"):
        x = as_images(cells.images[part], device)
        draws: Draws = draw(range(part.start, part.stop), count, x.shape[1:], window)
        times.append(2 / torch.pi * torch.atan(torch.exp(-draws.logsnr / 2)))
        errors.append(error_per_draw(network, x, draws, bf16=True).cpu())
    return torch.cat(times), torch.cat(errors)
