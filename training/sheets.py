"""Sheets of generated cells, to see with one's own eyes what a run has learnt."""

import numpy as np
import torch

from jdm_core.cells import to_uint8
from jdm_core.network import JointDiffusionNetwork
from jdm_core.sampling import sample

PER_CLASS, STEPS = 8, 20


def sample_sheet(network: JointDiffusionNetwork, device: torch.device) -> np.ndarray:
    """A row of generated cells for each class, uint8 (K·S, 8·S, 3), from the same seeds every time."""
    classes = network.architecture.classes
    labels = torch.arange(classes, device=device).repeat_interleave(PER_CLASS)
    cells = to_uint8(sample(network, labels, range(len(labels)), STEPS).cpu()).expand(-1, -1, -1, 3)  # gray or not
    rows = cells.unflatten(0, (classes, PER_CLASS))  # (K, 8, S, S, 3)
    sheet = rows.permute(0, 2, 1, 3, 4).flatten(2, 3).flatten(0, 1).numpy()
    return np.ascontiguousarray(sheet)
