"""The figures that a run prints while it trains: cheap, on a fixed sample of the validation slides."""

from dataclasses import replace

import torch
from torch import Tensor

from jdm_core.checkpoint.calibration import Window
from jdm_core.explain.likelihood import draw, window_scores
from jdm_core.images.pixels import as_images
from jdm_core.model.device import half_precision
from jdm_core.model.network import JointDiffusionNetwork
from training.data.cells import Cells
from training.data.members import chunks
from training.metrics import auroc

DRAWS = 4
WINDOW = Window(0.25, 0.55, "epsilon")  # mid levels, where four draws already tell


@torch.inference_mode()
def read_cells(network: JointDiffusionNetwork, cells: Cells, device: torch.device) -> tuple[Tensor, Tensor]:
    """The head's probabilities on clean cells, uncalibrated, and the scores of four draws: (N, K) each."""
    probabilities, scores = [], []
    with half_precision(device):
        for part in chunks(len(cells), 64):
            x = as_images(cells.images[part], device)
            logits = network.classify(network.encode_clean(x))
            probabilities.append(logits.float().softmax(1).cpu())
            draws = draw(range(part.start, part.stop), DRAWS, x.shape[1:], WINDOW)
            draws = replace(draws, logsnr=draws.logsnr - network.architecture.logsnr_shift)
            scores.append(window_scores(network, x, draws, WINDOW).scores.cpu())
    return torch.cat(probabilities).double(), torch.cat(scores)


def validate(network: JointDiffusionNetwork, cells: Cells, device: torch.device) -> dict[str, float]:
    """Head accuracy and cross-entropy on clean cells, the accuracy of four-draw scores, and for two classes AUROCs."""
    p, scores = read_cells(network, cells, device)
    truth = cells.labels
    figures = {
        "validation_head_accuracy": round(float((p.argmax(1) == truth).double().mean()), 4),
        "validation_head_loss": round(float(-p.gather(1, truth[:, None]).clamp(min=1e-9).log().mean()), 4),
        "validation_score_accuracy": round(float((scores.argmax(1) == truth).double().mean()), 4),
    }
    if scores.shape[1] == 2:
        first, margin = (truth == 0).numpy(), scores[:, 0] - scores[:, 1]
        figures["validation_head_auroc"] = round(auroc(p[:, 0].numpy(), first), 4)
        figures["validation_score_auroc"] = round(auroc(margin.numpy(), first), 4)
    return figures
