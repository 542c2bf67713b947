"""A field is read as it comes: found, classified part by part, asked where it matters, ranked."""

from dataclasses import replace

import numpy as np
import pytest

from jdm_core.explain.fields import ASKED_AT_ONCE, BATCH
from jdm_core.field.found import READ
from jdm_core.field.ranking import worth_asking
from jdm_core.field.trouble import ONE_CELL
from tests.support.synthetic_fields import EXAMPLES, GROUND, paste, pasted_field


@pytest.fixture(scope="module")
def pixels():
    return pasted_field(900, 1000, 42)


@pytest.fixture(scope="module")
def frames(explainer, pixels):
    return list(explainer.stream_field(pixels, draws=4))


@pytest.fixture(scope="module")
def field(frames):
    return frames[-1]


def test_results_come_part_by_part(frames):
    done = [frame.done for frame in frames]
    assert done == sorted(done) and done[-1] == 1 and len(frames) >= 3
    assert np.isnan(frames[0].probabilities).all() and len(frames[0].status)
    classified = [int((~np.isnan(frame.suspicion)).sum()) for frame in frames]
    assert classified == sorted(classified) and BATCH in classified


def test_everything_read_has_a_verdict_and_nothing_else(field):
    read = field.status == READ
    assert read.sum() > BATCH  # or batches are not tried
    assert (np.isnan(field.probabilities[:, 0]) == ~read).all()
    assert (field.kind[~read] == "").all() and (field.kind[read] != "").all()
    assert field.probabilities[read].sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_the_likelihood_is_asked_where_it_is_worth_it(field):
    assert (~np.isnan(field.posterior[:, 0]) == worth_asking(field.probabilities)).all()
    assert 0 < (~np.isnan(field.posterior[:, 0])).sum() < (field.status == READ).sum()


def test_whoever_stops_waits_for_few_cells(frames):
    answered = [~np.isnan(frame.posterior[:, 0]) for frame in frames]
    more = np.diff([int(known.sum()) for known in answered])
    assert answered[-1].sum() > 2 * ASKED_AT_ONCE and 0 < more.max() <= ASKED_AT_ONCE
    first = next(frame for frame, known in zip(frames, answered, strict=True) if known.any())
    asked, known = worth_asking(first.probabilities), ~np.isnan(first.posterior[:, 0])
    assert first.probabilities[known, 0].min() >= first.probabilities[asked & ~known, 0].max()


@pytest.mark.slow
def test_a_picture_of_one_cell_says_so_however_large(explainer):
    pixels = np.full((900, 1200, 3), GROUND, float)
    paste(pixels, EXAMPLES[1], 465, 315, 270)
    read = explainer.field(pixels.astype(np.uint8), draws=3)
    assert read.trouble == ONE_CELL and len(read.order) == 0


def test_the_order_is_that_of_suspicion(field):
    assert sorted(field.order.tolist()) == np.flatnonzero(field.status == READ).tolist()
    assert (np.diff(field.suspicion[field.order]) <= 0).all()
    assert field.suspicious[field.order[: field.suspicious.sum()]].all()


def test_a_cell_is_read_as_it_is_alone_in_the_fields_colours(explainer, field):
    assert field.colours == "matched" and field.measured is not None
    i = int(field.order[0])
    alone = explainer.predict([field.cells[i]], field.measured)
    assert alone.probabilities[0] == pytest.approx(field.probabilities[i], abs=1e-4)


@pytest.mark.slow
def test_colours_as_given(explainer, pixels, field):
    given = explainer.field(pixels, draws=4, colours="as given")
    assert given.colours == "as given" and given.measured is None
    assert not np.allclose(given.probabilities, field.probabilities, equal_nan=True)


def test_a_cell_added_is_read_and_the_others_stay(explainer, pixels, field):
    x, y, w, h = field.boxes[int(field.order[1])]
    more = explainer.field_with(pixels, field, float(x + w / 2), float(y + h / 2))
    assert len(more.status) == len(field.status) + 1
    assert np.array_equal(more.probabilities[:-1], field.probabilities, equal_nan=True)
    assert more.probabilities[-1] == pytest.approx(field.probabilities[int(field.order[1])], abs=0.15)
    assert len(more.order) == len(field.order) + 1 and more.colours == field.colours


def test_a_thing_parted_is_read_in_parts(explainer, pixels, field):
    i = int(field.order[0])
    parted = explainer.field_parted(pixels, field, i)
    new = len(parted.status) - len(field.status) + 1
    assert new >= 2 and not np.isnan(parted.probabilities[-new:]).any()
    assert np.array_equal(parted.probabilities[:-new], np.delete(field.probabilities, i, axis=0), equal_nan=True)


def test_a_picture_without_cells_is_told_and_not_read(explainer):
    empty = explainer.field(np.full((300, 400, 3), GROUND, np.uint8))
    assert empty.trouble and len(empty.order) == 0 and empty.done == 1


def test_a_checkpoint_that_does_not_know_its_colours_reads_them_as_given(explainer, pixels, monkeypatch):
    known = explainer.checkpoint
    monkeypatch.setattr(explainer, "checkpoint", replace(known, calibration=replace(known.calibration, colours=None)))
    assert explainer.field(pixels[:420, :500], draws=3).colours == "as given"
