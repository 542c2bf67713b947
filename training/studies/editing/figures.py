"""What an edit did: whom it convinced, what it changed and where, and how real the edited cells look as a set."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from jdm_core import Explainer
from jdm_core.draw.maps import CHANGED
from jdm_core.images.pixels import cell_mask, from_uint8
from training.metrics import clustered_interval
from training.run.classifier import class_logits, judge_features
from training.studies.stain import StainProxy

DRAWS = 8  # of the posterior
MARGIN = 1 / 32  # of the side: laid around the parasite proxy
READERS = ("head", "posterior", "judge")


@dataclass(frozen=True)
class Readings:
    """Classes (N,) that head, posterior and judge read in cells, and another network's features (N, F)."""

    classes: dict[str, np.ndarray]
    features: np.ndarray


@dataclass(frozen=True)
class Judges:
    """Who turns are counted by, and whose features distances are in: two networks that had no part in the edits."""

    judge: nn.Module
    features: nn.Module


def read_cells(explainer: Explainer, judges: Judges, cells: np.ndarray, seed: int) -> Readings:
    """The readings of cells (N, S, S, 3) uint8 at the model's size."""
    x = from_uint8(torch.from_numpy(cells))
    features, _ = judge_features(judges.features, x)
    listed = list(cells)
    classes = {
        "head": explainer.predict(listed).probabilities.argmax(1),
        "posterior": explainer.posterior(listed, DRAWS, seed).argmax(1),
        "judge": class_logits(judges.judge, x, torch.device("cpu")).argmax(1).numpy(),
    }
    return Readings(classes, features.double().numpy())


def flips(after: Readings, labels: np.ndarray, rows: np.ndarray, slides: Sequence[str]) -> dict[str, object]:
    """The share of rows (N,) bool that no longer reads as labelled, by each reader, with an interval by slide."""
    figures: dict[str, object] = {}
    for who in READERS:
        turned = (after.classes[who] != labels)[rows]
        interval = clustered_interval(lambda values, _: float(values.mean()), turned, turned, slides)
        figures[f"{who}_flips"] = round(float(turned.mean()), 4)
        figures[f"{who}_flips_interval"] = [round(value, 4) for value in interval]
    return figures


def changes(original: np.ndarray, edited: np.ndarray, slides: Sequence[str], proxy: StainProxy) -> dict[str, object]:
    """Medians over cells (N, S, S, 3) uint8 of what an edit changed, in 1/255 where it is a change of colour.

    Outside of what: of the pixels that moved by more than 10/255, and of the parasite proxy, where either picture
    has any; both with the mean over what is left of the cell. The second has an interval by slide.
    """
    x, y = (from_uint8(torch.from_numpy(pixels)) for pixels in (original, edited))
    mask = cell_mask(x).numpy()
    moved = np.abs(edited.astype(np.float64) - original)
    changed = (moved.max(3) > 255 * CHANGED) & mask
    parasite = torch.from_numpy(proxy.maps(original) + proxy.maps(edited) > 0)[:, None].float()
    margin = round(MARGIN * parasite.shape[-1])
    parasite = F.max_pool2d(parasite, 2 * margin + 1, stride=1, padding=margin)[:, 0].numpy() > 0
    inside = np.maximum(mask.sum((1, 2)), 1)
    after = cell_mask(y).numpy()
    shift = ((edited.astype(np.float64) - original) * mask[..., None]).sum((1, 2)) / inside[:, None]
    each = {
        "outside_changed": _mean_where(moved.mean(3), mask & ~changed),
        "outside_parasite": _mean_where(moved.mean(3), mask & ~parasite),
        "changed_fraction": changed.sum((1, 2)) / inside,
        "l1": moved.mean((1, 2, 3)),
        "shape_iou": (mask & after).sum((1, 2)) / np.maximum((mask | after).sum((1, 2)), 1),
        "colour_drift": np.abs(shift).mean(1),
    }
    figures: dict[str, object] = {name: round(float(np.median(values)), 4) for name, values in each.items()}
    outside = each["outside_parasite"]
    interval = clustered_interval(lambda values, _: float(np.median(values)), outside, outside, slides)
    return {**figures, "outside_parasite_interval": [round(value, 4) for value in interval]}


def _mean_where(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The mean (N,) of values (N, S, S) over `where`, 0 where that is empty."""
    return (values * where).sum((1, 2)) / np.maximum(where.sum((1, 2)), 1)
