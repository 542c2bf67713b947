"""The façade: what goes in, what comes out."""

import numpy as np
import pytest
from PIL import Image

from jdm_core import CellImageError


def test_paths_images_and_arrays_predict_the_same(explainer, cell_files, cells):
    from_paths = explainer.predict(cell_files[:2]).probabilities
    from_images = explainer.predict([Image.fromarray(cell) for cell in cells[:2]]).probabilities
    assert np.array_equal(from_paths, explainer.predict(cells[:2]).probabilities)
    assert np.array_equal(from_paths, from_images)
    alone = explainer.predict(str(cell_files[0])).probabilities
    np.testing.assert_allclose(alone, from_paths[:1], atol=1e-5)


def test_probabilities_are_calibrated_and_batch_equals_single(explainer, cells):
    together = explainer.predict(cells)
    assert together.labels == ("Parasitized", "Uninfected")
    np.testing.assert_allclose(together.probabilities.sum(1), 1, atol=1e-6)
    alone = np.concatenate([explainer.predict(cell).probabilities for cell in cells])
    np.testing.assert_allclose(alone, together.probabilities, atol=1e-5)


@pytest.mark.slow
def test_verdicts_are_mostly_right(explainer, real_cells):
    if real_cells is None:
        pytest.skip("needs the real cells")
    labels = np.array([explainer.labels.index(label) for _, label in real_cells])
    paths = [path for path, _ in real_cells]
    assert (explainer.predict(paths).probabilities.argmax(1) == labels).mean() >= 0.85
    assert (explainer.posterior(paths, draws=4).argmax(1) == labels).mean() >= 0.85


def test_chunks_join_in_order(explainer, cells):
    many = (cells * 5)[:35]
    expected = np.tile(explainer.predict(cells).probabilities, (5, 1))[:35]
    np.testing.assert_allclose(explainer.predict(many).probabilities, expected, atol=1e-5)


def test_bad_image_and_no_image_are_refused(explainer, cells):
    with pytest.raises(CellImageError, match="missing"):
        explainer.predict([cells[0], "missing.png"])
    with pytest.raises(ValueError, match="none given"):
        explainer.predict([])


def test_pictures_have_their_size_and_show_the_cell(explainer, cells):
    view = explainer.model_view(cells[0])
    nothing = explainer.draw.difference(view, np.zeros((64, 64, 3), np.float32), size=128)
    assert nothing.shape == (128, 128, 3)
    assert np.ptp(nothing.astype(int), axis=2).max() <= 1  # gray: no change, no colour
    darker = np.zeros((64, 64, 3), np.float32)
    darker[20:30, 20:30] = -0.5
    purple = explainer.draw.difference(view, darker, size=64)[25, 25].astype(int)
    green = explainer.draw.difference(view, -darker, size=64)[25, 25].astype(int)
    assert min(purple[0], purple[2]) > purple[1] + 30 and green[1] > max(green[0], green[2]) + 30
    evidence = np.zeros((64, 64), np.float32)
    evidence[20:30, 20:30] = 3
    orange = explainer.draw.evidence(view, evidence, size=64)[25, 25].astype(int)
    assert orange[0] > orange[2] + 30
