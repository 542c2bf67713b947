"""Colours matched to the training cells': what every reading of a cell sees, and what comes back."""

from dataclasses import replace

import numpy as np
import pytest

from jdm_core import Explainer
from jdm_core.explain.edit import Strength

GAINS = np.array([0.55, 0.6, 0.8])


@pytest.fixture(scope="module")
def foreign(cells) -> list[np.ndarray]:
    """The cells as a microscope with another lamp would show them."""
    return [(cell * GAINS).round().astype(np.uint8) for cell in cells]


@pytest.fixture(scope="module")
def dark(cells) -> list[np.ndarray]:
    """The cells in a stain of three times the strength, beyond what training varies."""
    return [(255 * (cell / 255.0) ** 3).round().astype(np.uint8) for cell in cells]


def test_a_cell_is_matched_by_itself_where_its_stain_is_far_darker_than_the_training_cells(explainer, cells, dark):
    mixed = [cells[0], dark[1], cells[2], dark[3]]
    chosen = [explainer.seen_in(cell) for cell in mixed]
    assert chosen[0] == chosen[2] == "as given" and chosen[1] == explainer.measure_colours(dark[1])
    assert explainer.seen_in(dark[1], "as given") == "as given"
    assert explainer.seen_in(cells[0], "matched") == explainer.measure_colours(cells[0])
    said, likelihood = explainer.predict(mixed).probabilities, explainer.posterior(mixed, 8)
    for i, cell in enumerate(mixed):
        ways = ("as given", "matched")
        alone = {way: explainer.predict(cell, way).probabilities[0] for way in ways}
        wanted, other = ways if i % 2 == 0 else reversed(ways)
        np.testing.assert_allclose(said[i], alone[wanted], atol=1e-5)
        assert np.abs(alone[wanted] - alone[other]).max() > 1e-4
        # In logarithms, for most are near 0 or 1; a batch sums in another order, by processor.
        scored = {way: np.log(explainer.posterior(cell, 8, colours=way)[0]) for way in ways}
        np.testing.assert_allclose(np.log(likelihood[i]), scored[wanted], atol=0.005)
        assert np.abs(scored[wanted] - scored[other]).max() > 0.1
    np.testing.assert_allclose(
        explainer.predict(mixed).unfamiliarity, explainer.predict(mixed, "as given").unfamiliarity
    )


@pytest.mark.slow
def test_a_batch_may_hold_matched_cells_and_others_and_each_edit_is_that_of_the_cell_alone(explainer, cells, dark):
    strength = Strength(explainer.edit.steps // 2, 2.0)
    edit = explainer.counterfactual([cells[0], dark[1]], strength=strength)
    for i, (cell, way) in enumerate(((cells[0], "as given"), (dark[1], "matched"))):
        alone = explainer.counterfactual(cell, strength=strength, colours=way)
        assert np.abs(edit.images[i].astype(int) - alone.images[0]).max() <= 2
        assert np.abs(edit.full_resolution[i].astype(int) - alone.full_resolution[0]).max() <= 2
        np.testing.assert_allclose(edit.changed_fraction[i], alone.changed_fraction[0], atol=0.02)
        assert np.array_equal(edit.original[i], explainer.model_view(cell))


@pytest.mark.slow
def test_matched_cells_read_as_they_do_under_the_training_lamp(explainer, cells, foreign):
    own = explainer.predict(cells, colours="matched").probabilities
    matched = explainer.predict(foreign, colours="matched").probabilities
    given = explainer.predict(foreign, colours="as given").probabilities
    assert np.abs(matched - own).max() < 0.1
    assert np.abs(matched - own).mean() < np.abs(given - own).mean() / 3
    likelihood = [explainer.posterior(images, 8, colours="matched") for images in (cells, foreign)]
    assert np.abs(likelihood[0] - likelihood[1]).max() < 0.35
    elbo = explainer.elbo(foreign, 8, colours="matched")
    assert np.array_equal(elbo.posterior, likelihood[1])


def test_whether_a_picture_is_familiar_is_said_of_its_own_colours(explainer, foreign):
    given, matched = explainer.predict(foreign, colours="as given"), explainer.predict(foreign, colours="matched")
    np.testing.assert_allclose(given.unfamiliarity, matched.unfamiliarity, rtol=1e-5)
    assert np.array_equal(given.familiar, matched.familiar)


def test_a_part_of_a_batch_is_matched_by_the_colours_of_the_whole(explainer, foreign):
    whole = explainer.predict(foreign, colours="matched").probabilities
    colours = explainer.measure_colours(foreign)
    parts = [explainer.predict(foreign[i : i + 3], colours=colours).probabilities for i in (0, 3, 6)]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-5)


@pytest.mark.slow
def test_an_edit_of_matched_cells_is_shown_in_the_uploads_own_colours(explainer, foreign):
    strength = Strength(explainer.edit.steps // 2, 2.0)
    edit = explainer.counterfactual(foreign[:2], strength=strength, colours="matched")
    for i, cell in enumerate(foreign[:2]):
        shown = edit.full_resolution[i]
        assert shown.shape == cell.shape
        same = (shown == cell).all(2)
        assert 0.02 < 1 - same.mean() < 0.9
        assert np.array_equal(edit.original[i], explainer.model_view(cell))
        assert np.array_equal(edit.difference[i], (edit.images[i].astype(np.float32) - edit.original[i]) / 255)
        ratio = np.median(edit.images[i][edit.images[i].min(2) > 40], axis=0) / np.median(
            edit.original[i][edit.original[i].min(2) > 40], axis=0
        )
        np.testing.assert_allclose(ratio, 1, atol=0.12)  # not in the colours in which the model saw it
    streamed = [*explainer.stream(foreign[0], strength=strength, colours="matched")]
    alone = explainer.counterfactual(foreign[0], strength=strength, colours="matched")
    assert np.array_equal(streamed[-1].result.images, alone.images)
    assert np.array_equal(streamed[-1].image, alone.images[0])


def test_what_cannot_be_matched_is_said(explainer, cells):
    with pytest.raises(ValueError, match='"as needed", "as given" or "matched"'):
        explainer.predict(cells[:1], colours="macenko")
    calibration = replace(explainer.checkpoint.calibration, colours=None)
    older = Explainer(
        explainer.network, replace(explainer.checkpoint, calibration=calibration), "older", explainer.device
    )
    with pytest.raises(ValueError, match="does not know"):
        older.predict(cells[:1], colours="matched")
    assert older.predict(cells[:1]).probabilities.shape == (1, 2)
    black = np.zeros((40, 40, 3), np.uint8)
    assert np.array_equal(
        explainer.predict(black, colours="matched").probabilities, explainer.predict(black).probabilities
    )
