"""The example cells: their ground is exactly black, and the cells are what they were."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from jdm_core.images.pixels import cell_mask, from_uint8
from training.publish.examples import are_whole, on_black

FOLDER = Path(__file__).parents[3] / "web/examples"
EXAMPLES = [path for name in ("parasitized", "uninfected") for path in sorted(FOLDER.glob(f"{name}-*.png"))]


def mask_of(picture):
    return cell_mask(from_uint8(torch.from_numpy(picture[None].copy())))[0].numpy()


def test_what_is_nearly_black_around_a_cell_becomes_black():
    y, x = np.mgrid[:96, :96]
    generator = np.random.default_rng(0)
    picture = generator.integers(0, 30, (96, 96, 3)).astype(np.uint8)
    cell = np.hypot(y - 48, x - 48) < 36
    picture[cell] = (210, 150, 160)
    picture[40:44, 50:54] = 20  # what is dark within the cell is of it
    made = on_black(picture)
    assert not made[np.hypot(y - 48, x - 48) > 40].any()
    assert np.array_equal(made[cell], picture[cell])


def test_a_bite_out_of_the_silhouette_is_seen():
    y, x = np.mgrid[:64, :64] - 31.5
    disc = np.hypot(y, x) < 28
    bitten = disc & (np.hypot(y, x - 24) > 14)
    pictures = np.where(np.stack([disc, bitten, 0 * disc])[..., None], np.uint8((210, 150, 160)), np.uint8(0))
    assert are_whole(from_uint8(torch.from_numpy(pictures))).tolist() == [True, False, False]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_page_s_examples_lie_on_black(path):
    picture = np.asarray(Image.open(path).convert("RGB"))
    mask = mask_of(picture)
    assert 0.5 < mask.mean() < 0.95
    assert not picture[~mask].any()
