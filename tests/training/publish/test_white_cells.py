"""White cells and platelets are told from red cells by traits and features together, on fields left out of the fit."""

import numpy as np
import pytest
import torch

from jdm_core.checkpoint.red_cells import WhiteCells, mean_features
from jdm_core.images.pixels import from_uint8
from jdm_core.images.traits import NAMES, SIDE, measure_cells
from tests.support.toy import toy_cell
from training.data.red_cells import Pictures
from training.publish.fits.white_cells import fit_white_cells


def white_cell(seed: int) -> np.ndarray:
    """A cell with a large dark nucleus."""
    cell = toy_cell(False, seed, SIDE).astype(float)
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    cell[x**2 + y**2 < (14 + seed % 5) ** 2] *= (0.5, 0.25, 0.7)
    return cell.astype(np.uint8)


def pictures(title: str, what: str, seed: int, count: int = 24) -> Pictures:
    made = [
        white_cell(seed + k) if what == "no red cells" else toy_cell(k % 2 == 0, seed + k, SIDE) for k in range(count)
    ]
    return Pictures(title, what, made, [str(k // 2) for k in range(count)], [-1] * count, True)


def scores(rule: WhiteCells, network: torch.nn.Module, cells: list[np.ndarray]) -> np.ndarray:
    with torch.inference_mode():
        z = network.levels(network.encode_clean(from_uint8(torch.from_numpy(np.stack(cells)))))
    return rule.score(measure_cells(cells), mean_features(z))


@pytest.mark.slow
def test_unseen_white_cells_are_told_from_unseen_red_cells(explainer):
    device, network = torch.device("cpu"), explainer.network
    sets = [pictures("a", "red cells", 0), pictures("a", "no red cells", 100)]
    own = pictures("training", "red cells", 200)
    known = fit_white_cells(network, sets, own, 0, device)
    assert known is not None and known.features == len(known.centre) - len(NAMES)
    assert (scores(known, network, [white_cell(900 + k) for k in range(8)]) <= 0).all()
    assert (scores(known, network, [toy_cell(k % 2 == 0, 900 + k, SIDE) for k in range(8)]) > 0).mean() >= 0.75
    assert fit_white_cells(network, sets, own, 0, device) == known


def test_without_white_cells_there_is_no_rule(explainer):
    sets = [pictures("a", "red cells", 0, 4)]
    assert fit_white_cells(explainer.network, sets, sets[0], 0, torch.device("cpu")) is None
