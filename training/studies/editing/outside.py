"""How far edits are told from real cells by what no edit touches: a floor for being told apart."""

from typing import Any

import numpy as np
import torch

from jdm_core import Explainer
from jdm_core.explain.counterfactual.candidates import cells_to_edit
from jdm_core.explain.counterfactual.region import parasite_area
from jdm_core.images.pixels import from_uint8
from training.data.members import chunks
from training.studies.editing.makers import CHUNK, Sample
from training.studies.editing.quality import SIDE, grown
from training.studies.editing.told_apart import told_apart

WIDTH = 1.4  # of the regions of real parasites, so that no faint ring is left outside to tell by
AROUND = 2  # pixels: round what an edit changed


def outside_figures(
    explainer: Explainer, samples: tuple[Sample, Sample], label: int, edited: np.ndarray, seed: int
) -> dict[str, Any]:
    """How edits (N, S, S, 3) of the cells of one class are told from real ones, by AUROC, each under its name.

    `outside_alone` is by what lies outside regions; `told_same_slides` and `outside_same_slides` are by all of a cell
    and by what lies outside, of the cells of slides that have both, so that no slide gives a class away. From edits
    what they changed is hidden; from real infected cells the region in which the search would make them anew; from
    real healthy cells regions of edits, laid in at random. A figure is left out where a half of the slides lacks
    either.
    """
    sample, others = samples
    rows, real = sample.labels == label, others.labels != label
    changed = (edited[rows] != sample.squares[rows]).any(3)
    hidden = np.array([grown(region, AROUND * len(region) / SIDE) for region in changed])
    if label == 0:
        drawn = np.random.default_rng(seed).integers(len(hidden), size=int(real.sum()))
        real_hidden = hidden[drawn]
    else:
        real_hidden = parasites(explainer, others.squares[real])
    slides, real_slides = sample.slides[rows], others.slides[real]
    both = np.isin(slides, real_slides), np.isin(real_slides, slides)
    every = np.ones(len(slides), bool), np.ones(len(real_slides), bool)

    def told(own: np.ndarray, other: np.ndarray, blind: bool) -> float:
        if not (own.any() and other.any()):
            return float("nan")
        unseen = (hidden[own], real_hidden[other]) if blind else (None, None)
        cells = edited[rows][own], others.squares[real][other]
        return told_apart(cells[0], slides[own].tolist(), cells[1], real_slides[other].tolist(), unseen)

    found = {
        "outside_alone": told(*every, blind=True),
        "told_same_slides": told(*both, blind=False),
        "outside_same_slides": told(*both, blind=True),
    }
    return {name: round(area, 3) for name, area in found.items() if np.isfinite(area)}


@torch.inference_mode()
def parasites(explainer: Explainer, cells: np.ndarray) -> np.ndarray:
    """Where the search would make infected cells (N, S, S, 3) uint8 anew to remove what they hold, (N, S, S) bool."""
    areas = []
    for part in chunks(len(cells), CHUNK):
        x = from_uint8(torch.from_numpy(cells[part])).to(explainer.device)
        source = torch.zeros(len(x), dtype=torch.long, device=x.device)
        found = cells_to_edit(explainer.network, x, source, 1 - source, [0] * len(x))
        for picture, shift, mask in zip(x.permute(0, 2, 3, 1), found.shift, found.mask, strict=True):
            areas.append(parasite_area(shift.cpu().numpy(), picture.cpu().numpy(), mask.cpu().numpy(), WIDTH) > 0)
    return np.array(areas)
