"""The edit: a region is made anew, everything else stays to the last bit, and what is made is checked."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from jdm_core.explain import results
from jdm_core.explain.counterfactual.search import _attempts, _for_variants, _tried_in_order
from jdm_core.explain.edit import DEFAULT_EDIT, EditSettings, Strength
from jdm_core.explain.results import Effort
from jdm_core.images.pixels import cell_mask
from training.run.classifier import JUDGE, judge_probabilities, load_judge

QUICK = Strength(4, 1.5)


@pytest.fixture(scope="module")
def edit(explainer, cells):
    """The edits of all cells, searched for."""
    return explainer.counterfactual(cells)


@pytest.fixture(scope="module")
def several(explainer, cells):
    """Three edits of a cell from which something is removed, and of one to which something is added."""
    read = explainer.predict(cells).probabilities.argmax(1)
    pair = [cells[int(np.flatnonzero(read == label)[0])] for label in (0, 1)]
    return explainer.counterfactual(pair, variants=3)


def test_edits_flip_and_say_what_they_did(explainer, cells, edit):
    assert (edit.target == 1 - explainer.predict(cells).probabilities.argmax(1)).all()
    assert edit.flipped.mean() >= 0.75
    after = edit.probabilities.argmax(1)
    assert (after[edit.flipped] == edit.target[edit.flipped]).all()
    np.testing.assert_allclose(edit.difference, (edit.images.astype(np.float64) - edit.original) / 255, atol=1e-6)
    assert ((edit.changed_fraction > 0) & (edit.changed_fraction < 0.6)).all()
    assert edit.heatmap.dtype == np.uint8 and edit.heatmap.shape == edit.images.shape
    assert len(edit.settings["guidance"]) == len(cells)
    assert np.isfinite(edit.posterior).all()
    assert edit.curve.shape == (len(cells), 0, 2)


def test_an_independent_network_agrees_that_edits_flip(explainer, cells, edit):
    judge = load_judge(JUDGE, explainer.labels)

    def judged(images):
        x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
        return judge_probabilities(judge, x, torch.device("cpu")).argmax(1)

    before, after = judged(edit.original), judged(edit.images)
    agreed = before == explainer.predict(cells).probabilities.argmax(1)
    assert agreed.sum() >= 6
    assert (after == edit.target)[agreed].mean() >= 0.75


def test_background_and_most_of_the_cell_are_never_touched(explainer, cells, edit):
    mask = cell_mask(explainer.verdicts.tensor(cells)).numpy()
    assert (~mask).any()
    assert (edit.difference[~mask] == 0).all()
    untouched = (edit.difference == 0).all(3) & mask
    assert (untouched.sum((1, 2)) > 0.3 * mask.sum((1, 2))).all()


def test_nothing_dark_without_stain_is_made(edit):
    """Black bites and gray commas: dark, and as green as the cell beside its brightest channel."""
    before, after = edit.original.astype(float), edit.images.astype(float)
    dark = (after.max(3) < 0.6 * before.max(3)) & (before.max(3) > 120)
    assert not (dark & (after[..., 1] > 0.9 * after.max(3))).any()


def test_several_edits_differ_and_come_again(explainer, cells, several):
    size = explainer.size
    assert several.variants.shape == (2, 3, size, size, 3) and several.variants_flipped.shape == (2, 3)
    assert np.array_equal(several.variants[:, 0], several.images)
    assert np.array_equal(several.variants_flipped[:, 0], several.flipped)
    for one, target in zip(several.variants.astype(int), several.target, strict=True):
        for a, b in ((0, 1), (0, 2), (1, 2)):
            assert np.abs(one[a] - one[b]).max() > (30 if target == 0 else 3)  # healthy cells differ less
    added = int(np.flatnonzero(several.target == 0)[0])
    cell = next(c for c in cells if np.array_equal(explainer.model_view(c), several.original[added]))
    again, other = (explainer.counterfactual(cell, strength=QUICK, seed=seed).images for seed in (0, 1))
    assert np.array_equal(again, explainer.counterfactual(cell, strength=QUICK).images)
    assert not np.array_equal(again, other)


def test_the_curve_leads_from_the_cell_to_its_edit(explainer, several):
    assert several.curve.shape == (2, 5, 2) and several.strengths.tolist() == [0, 0.25, 0.5, 0.75, 1]
    rows, original = np.arange(2), explainer.predict(list(several.original))
    np.testing.assert_allclose(several.curve[:, 0, 0], original.probabilities[rows, several.target], atol=1e-4)
    np.testing.assert_allclose(several.curve[:, -1, 0], several.probabilities[rows, several.target], atol=1e-6)
    np.testing.assert_allclose(several.curve[:, -1, 1], several.posterior[rows, several.target], atol=1e-6)
    assert ((several.curve >= 0) & (several.curve <= 1)).all()
    assert (several.curve[:, -1, 0] > several.curve[:, 0, 0]).all()


def test_how_many_variants_is_limited(explainer, cells):
    for count in (0, 17):
        with pytest.raises(ValueError, match="variants"):
            explainer.counterfactual(cells[0], variants=count)


@pytest.mark.slow
def test_passes_are_counted_as_they_were_made(explainer, cells, monkeypatch):
    """Beside those of the verdicts, which are read of clean pictures and over the posterior's window."""
    rows, encode = [], explainer.network.encode
    monkeypatch.setattr(
        explainer.network, "encode", lambda y, level, *kind: rows.append(len(y)) or encode(y, level, *kind)
    )
    monkeypatch.setattr(type(explainer.verdicts), "head", lambda self, x: torch.tensor([[0.9, 0.1]]).repeat(len(x), 1))
    settings = explainer.counterfactual(cells[:2], strength=Strength(3, 1.0)).settings
    drawn = 2 * 16  # of the posterior, which is read once of either
    assert sum(settings["encoder_passes"]) == sum(rows) - drawn == 2 * (4 + 3)
    assert settings["decoded_steps"] == [3, 3]


def test_a_search_keeps_to_its_budget(edit, several):
    assert max(edit.settings["encoder_passes"]) <= 4 + 12 * len(DEFAULT_EDIT.ladder)
    first = [
        s for s, tries in zip(edit.settings["encoder_passes"], edit.settings["attempts"], strict=True) if tries == 1
    ]
    assert first and max(first) <= 60


@pytest.mark.slow
def test_a_strength_is_not_searched(explainer, cells):
    strength = Strength(3, 0.5, region=1.2)
    edit = explainer.counterfactual(cells[0], strength=strength)
    told = {name: edit.settings[name] for name in ("guidance", "region", "attempts", "start_time")}
    assert told == {"guidance": [0.5], "region": [1.2], "attempts": [1], "start_time": [0.24]}
    assert np.isfinite(edit.posterior).all()
    *frames, last = explainer.stream(cells[0], strength=strength)
    assert [(frame.attempt, frame.attempts, frame.step, frame.steps) for frame in frames] == [
        (1, 1, step, 3) for step in (1, 2, 3)
    ]
    assert [frame.done for frame in frames] == [pytest.approx(step / 3) for step in (1, 2, 3)]
    assert np.array_equal(last.result.images, edit.images)
    with pytest.raises(ValueError, match="steps of the noise"):
        explainer.counterfactual(cells[0], strength=Strength(99, 1.0))


@pytest.mark.slow
def test_a_cell_that_is_the_target_already_stays(explainer, cells):
    label = explainer.labels[int(explainer.predict(cells[0]).probabilities[0].argmax())]
    edit = explainer.counterfactual(cells[0], target=label, variants=2)
    assert np.array_equal(edit.images, edit.original) and (edit.variants[0] == edit.original[0]).all()
    assert not edit.flipped[0] and not edit.variants_flipped.any()
    assert edit.settings["attempts"] == [0]
    assert np.ptp(edit.curve, axis=1).max() == 0


@pytest.mark.slow
def test_same_seed_same_edit_and_batch_equals_single(explainer, cells):
    def made(some):
        return explainer.counterfactual(some, strength=Strength(6, 1.5))

    together, again, alone = made(cells[:2]), made(cells[:2]), made(cells[1])
    assert np.array_equal(together.images, again.images)
    assert np.abs(alone.images[0].astype(int) - together.images[1]).mean() <= 1


def test_stream_ends_with_the_result_of_counterfactual(explainer, cells, edit):
    frames = list(explainer.stream(cells[0]))
    assert [frame.result is None for frame in frames] == [True] * (len(frames) - 1) + [False]
    assert len({(frame.attempt, frame.step) for frame in frames[:-1]}) == len(frames) - 1
    done = [frame.done for frame in frames[:-1]]
    assert 0 < done[0] < 0.5 and all(one < two for one, two in pairwise(done))
    last = frames[-2]
    assert last.attempts > 1 and last.step == last.steps and (done[-1] == 1) == (last.attempt == last.attempts)
    assert np.array_equal(frames[-1].result.images, explainer.counterfactual(cells[0]).images)
    assert np.array_equal(frames[-1].image, frames[-1].result.images[0])


@pytest.mark.slow
def test_full_resolution_edit_keeps_untouched_pixels(explainer, cells):
    from skimage.transform import resize

    large = (resize(cells[0], (150, 140), order=1) * 255).round().astype(np.uint8)
    edit = explainer.counterfactual(large)
    shown = edit.full_resolution[0]
    assert shown.shape == large.shape
    assert (shown != large).any()
    moved = (edit.difference[0] != 0).any(2)
    far = ~np.asarray(torch.nn.functional.max_pool2d(torch.tensor(moved)[None, None].float(), 9, 1, 4)[0, 0] > 0)
    rows, columns = (np.arange(n) * explainer.size // n for n in large.shape[:2])
    outside = far[rows][:, columns]
    assert outside.mean() > 0.2 and np.array_equal(shown[outside], large[outside])
    if edit.flipped[0]:
        assert explainer.predict(shown).probabilities[0].argmax() == edit.target[0]


def test_unknown_target_is_refused(explainer, cells):
    with pytest.raises(ValueError, match="Malaria"):
        explainer.counterfactual(cells[0], target="Malaria")


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="steps of the noise"):
        EditSettings(steps=4, time=0.5, ladder=(Strength(5, 1.0),))
    with pytest.raises(ValueError, match="region"):
        EditSettings(steps=4, time=0.5, ladder=(Strength(4, 1.0, region=0.0),))


def test_what_is_removed_is_tried_from_less_noise():
    start = DEFAULT_EDIT.candidates(removes=True)[0].start
    assert start < DEFAULT_EDIT.candidates(removes=False)[0].start == DEFAULT_EDIT.steps
    single = EditSettings(steps=4, time=0.5, ladder=(Strength(4, 1.0),))
    assert single.candidates(removes=True) == single.ladder


@pytest.mark.slow
def test_the_heat_map_is_drawn_when_it_is_asked_for(explainer, cells, monkeypatch):
    drawn = []
    draw = results.change_pictures
    monkeypatch.setattr(results, "change_pictures", lambda *maps: drawn.append(maps) or draw(*maps))
    edit = explainer.counterfactual(cells[:2], strength=QUICK)
    assert drawn == []
    first = edit.heatmap
    assert first is edit.heatmap and len(drawn) == 1
    for i in range(2):
        alone = explainer.draw.difference(edit.original[i], edit.difference[i], size=explainer.size)
        assert np.array_equal(first[i], alone)


@pytest.mark.slow
def test_settings_are_told_of_what_was_done(explainer, cells):
    """An image that stays as it is beside one that is edited."""
    own = explainer.labels[int(explainer.predict(cells[0]).probabilities[0].argmax())]
    other = next(label for label in explainer.labels if label != own)
    strength = Strength(3, 0.5, region=1.2)
    edit = explainer.counterfactual([cells[0]] * 2, [own, other], seed=5, strength=strength)
    assert edit.efforts == [Effort(), Effort(strength, 1, 3, edit.efforts[1].encoder_passes)]
    assert (edit.steps, edit.time, edit.seed) == (DEFAULT_EDIT.steps, DEFAULT_EDIT.time, 5)
    per_image = ("guidance", "region", "start_time", "attempts", "decoded_steps", "encoder_passes")
    assert list(edit.settings) == ["seed", "steps", "time", *per_image]
    for i in range(2):
        one = {key: edit.settings[key][i] if key in per_image else edit.settings[key] for key in edit.settings}
        assert edit.settings_of(i) == one
    assert edit.settings["guidance"] == [0.0, 0.5] and edit.settings["start_time"] == [0.0, 0.24]


def test_as_many_targets_as_images(explainer, cells):
    with pytest.raises(ValueError, match="for each image"):
        explainer.counterfactual(cells[:2], [explainer.labels[0]] * 3)


def test_parasites_made_at_once_are_read_in_an_order_of_their_own():
    """So that not always the mildest of those that turn the verdicts is kept; what removes goes from mild to strong."""
    part = range(4, 8)
    orders = [_tried_in_order(False, part, seed) for seed in range(8)]
    assert all(sorted(order) == list(part) for order in orders) and len({order[0] for order in orders}) > 1
    assert orders == [_tried_in_order(False, part, seed) for seed in range(8)]
    assert _tried_in_order(True, part, 3) == list(part)


def test_a_ladder_gets_longer_only_where_more_variants_are_wanted_than_it_has():
    ladder = [Strength(1, 1.0), Strength(2, 2.0)]
    assert _for_variants(ladder, 1) == ladder == _for_variants(ladder, 2)
    assert _for_variants(ladder, 4) == [*ladder, ladder[-1], ladder[-1]]


def test_four_are_made_at_once_to_add_and_as_many_as_are_wanted_to_remove():
    assert _attempts(False, 9, 1) == [range(4), range(4, 8), range(8, 9)]
    assert _attempts(True, 6, 1) == [range(1), range(1, 5), range(5, 6)]
    assert _attempts(False, 12, 6) == [range(6), range(6, 10), range(10, 12)]
    assert _attempts(True, 2, 3) == [range(2)]
