"""The edit: nothing happens without a reason, and what happens is checked."""

import numpy as np
import pytest
import torch

from jdm_core.explain import results
from jdm_core.explain.edit import DEFAULT_EDIT, EditSettings, Strength, decode_edit, editable, invert, uninverted
from jdm_core.explain.results import Effort
from jdm_core.explain.verdicts import Verdicts
from jdm_core.images.pixels import cell_mask, to_uint8
from training.run.classifier import judge_probabilities, load_judge
from training.studies.study import JUDGE


def inverted(explainer, cells, source, target, level=DEFAULT_EDIT.steps):
    x = explainer.verdicts.tensor(cells)
    start = uninverted(x, torch.tensor(source), torch.tensor(target), DEFAULT_EDIT.logsnr(x.device))
    return x, invert(explainer.network, start, level)


def last_of(frames):
    *_, last = frames
    return last


@torch.inference_mode()
def test_decoding_under_the_own_class_returns_the_cell(explainer, cells):
    for label in (0, 1):
        x, inversion = inverted(explainer, cells[:2], [label] * 2, [label] * 2)
        for strength in (*DEFAULT_EDIT.ladder, Strength(DEFAULT_EDIT.steps, 4.0, region=0.0)):
            back = last_of(decode_edit(explainer.network, inversion, strength))
            assert (back - x).abs().max() * 127.5 < 0.05
            assert torch.equal(to_uint8(back), to_uint8(x))


@torch.inference_mode()
@pytest.mark.parametrize("region", [0.0, 0.25])
def test_no_guidance_returns_the_cell_and_guidance_does_not(explainer, cells, region):
    x, inversion = inverted(explainer, cells[:2], [0, 1], [1, 0])
    back = last_of(decode_edit(explainer.network, inversion, Strength(DEFAULT_EDIT.steps, 0.0, region)))
    assert torch.equal(to_uint8(back), to_uint8(x))
    moved = last_of(decode_edit(explainer.network, inversion, Strength(DEFAULT_EDIT.steps, 4.0, region)))
    assert (moved - x).abs().amax((1, 2, 3)).min() * 127.5 > 5


@torch.inference_mode()
def test_outside_the_region_no_pixel_moves(explainer, cells):
    x, inversion = inverted(explainer, cells[:2], [0, 1], [1, 0])
    for strength in (Strength(DEFAULT_EDIT.steps, 4.0), Strength(DEFAULT_EDIT.steps, 4.0, 0.5, single=True)):
        area = editable(inversion, strength).expand_as(x)
        for frame in decode_edit(explainer.network, inversion, strength):
            assert torch.equal(frame[area == 0], x[area == 0])
        assert (frame - x)[area > 0.99].abs().max() * 127.5 > 5


@torch.inference_mode()
def test_guidance_leaves_no_black_specks(explainer, cells):
    x, inversion = inverted(explainer, cells[:4], [0, 1, 0, 1], [1, 0, 1, 0])
    strength = Strength(DEFAULT_EDIT.steps, 8.0, region=0.1)
    within = editable(inversion, strength)[:, 0] > 0.99
    edited = last_of(decode_edit(explainer.network, inversion, strength))
    brightest, before = ((image.amax(1) + 1) / 2 for image in (edited, x))
    assert (brightest[within & (before > 0.4)] > 0.3).all()


@torch.inference_mode()
def test_an_inversion_goes_on_where_it_stopped(explainer, cells, monkeypatch):
    passes = []
    encode = explainer.network.encode
    monkeypatch.setattr(explainer.network, "encode", lambda y, level: passes.append(len(y)) or encode(y, level))
    _, low = inverted(explainer, cells[:2], [0, 1], [1, 0], level=2)
    assert passes == [2] * 3
    on = invert(explainer.network, low, 4)
    assert passes == [2] * 5
    _, at_once = inverted(explainer, cells[:2], [0, 1], [1, 0], level=4)
    for name in ("states", "own", "other", "residuals"):
        assert all(map(torch.equal, getattr(on, name), getattr(at_once, name)))
    passes.clear()
    list(decode_edit(explainer.network, on, Strength(4, 2.0)))
    assert passes == [2] * 3  # the start has been read already
    list(decode_edit(explainer.network, on.take(torch.tensor([False, True])), Strength(2, 2.0)))
    assert passes == [2] * 3 + [1]


def test_passes_are_counted_as_they_were_made(explainer, cells, monkeypatch):
    levels = []
    encode = explainer.network.encode

    def counting(y, logsnr, *kind):
        levels.extend(logsnr.tolist())
        return encode(y, logsnr, *kind)

    monkeypatch.setattr(explainer.network, "encode", counting)
    monkeypatch.setattr(Verdicts, "posterior", lambda verdicts, x, seeds: torch.full((len(x), 2), 0.5))
    settings = explainer.counterfactual(cells[:2]).settings
    heads = 2 + 2 * sum(settings["attempts"])  # before, then each edit at the model's and at its own resolution
    assert sum(settings["encoder_passes"]) == len(levels) - heads
    assert max(settings["encoder_passes"]) <= 33


def test_a_strength_is_not_searched(explainer, cells):
    strength = Strength(3, 0.5, region=0.4, single=True)
    edit = explainer.counterfactual(cells[0], strength=strength)
    told = {name: edit.settings[name] for name in ("guidance", "region", "single", "attempts", "start_time")}
    assert told == {"guidance": [0.5], "region": [0.4], "single": [True], "attempts": [1], "start_time": [0.3]}
    assert np.isfinite(edit.posterior).all()
    *frames, last = explainer.stream(cells[0], strength=strength)
    assert [(frame.attempt, frame.attempts, frame.step, frame.steps) for frame in frames] == [
        (1, 1, step, 3) for step in (1, 2, 3)
    ]
    assert np.array_equal(last.result.images, edit.images)
    with pytest.raises(ValueError, match="step of the inversion"):
        explainer.counterfactual(cells[0], strength=Strength(99, 1.0))


def test_edits_flip_and_say_what_they_did(explainer, cells):
    before = explainer.predict(cells)
    edit = explainer.counterfactual(cells)
    predicted = before.probabilities.argmax(1)
    assert (edit.target == 1 - predicted).all()
    assert edit.flipped.mean() >= 0.75
    after = edit.probabilities.argmax(1)
    assert (after[edit.flipped] == edit.target[edit.flipped]).all()
    np.testing.assert_allclose(edit.difference, (edit.images.astype(np.float64) - edit.original) / 255, atol=1e-6)
    assert ((edit.changed_fraction > 0) & (edit.changed_fraction < 0.6)).all()
    assert edit.heatmap.dtype == np.uint8
    assert edit.heatmap.shape == edit.images.shape
    assert len(edit.settings["guidance"]) == len(cells)


def test_an_independent_network_agrees_that_edits_flip(explainer, cells):
    judge = load_judge(JUDGE, explainer.labels)

    def judged(images):
        x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
        return judge_probabilities(judge, x, torch.device("cpu")).argmax(1)

    edit = explainer.counterfactual(cells)
    before, after = judged(edit.original), judged(edit.images)
    agreed = before == explainer.predict(cells).probabilities.argmax(1)
    assert agreed.sum() >= 6
    assert (after == edit.target)[agreed].mean() >= 0.75


def test_background_is_never_touched(explainer, cells):
    edit = explainer.counterfactual(cells[:4])
    background = ~cell_mask(explainer.verdicts.tensor(cells[:4])).numpy()
    assert background.any()
    assert (edit.difference[background] == 0).all()


def test_a_cell_that_is_the_target_already_stays(explainer, cells):
    label = explainer.labels[int(explainer.predict(cells[0]).probabilities[0].argmax())]
    edit = explainer.counterfactual(cells[0], target=label)
    assert np.array_equal(edit.images, edit.original)
    assert not edit.flipped[0]
    assert edit.settings["attempts"] == [0]


def test_same_seed_same_edit_and_batch_equals_single(explainer, cells):
    together, again = explainer.counterfactual(cells[:2]), explainer.counterfactual(cells[:2])
    assert np.array_equal(together.images, again.images)
    alone = explainer.counterfactual(cells[1])
    assert np.abs(alone.images[0].astype(int) - together.images[1]).max() <= 1
    assert alone.settings["attempts"] == together.settings["attempts"][1:]


def test_stream_ends_with_the_result_of_counterfactual(explainer, cells):
    frames = list(explainer.stream(cells[0]))
    assert [frame.result is None for frame in frames] == [True] * (len(frames) - 1) + [False]
    assert len({(frame.attempt, frame.step) for frame in frames[:-1]}) == len(frames) - 1
    assert np.array_equal(frames[-1].result.images, explainer.counterfactual(cells[0]).images)
    assert np.array_equal(frames[-1].image, frames[-1].result.images[0])


def test_full_resolution_edit_keeps_untouched_pixels(explainer, cells):
    from skimage.transform import resize

    large = (resize(cells[0], (150, 140), order=1) * 255).round().astype(np.uint8)
    edit = explainer.counterfactual(large)
    shown = edit.full_resolution[0]
    assert shown.shape == large.shape
    assert (shown != large).any()
    if edit.flipped[0]:
        assert explainer.predict(shown).probabilities[0].argmax() == edit.target[0]


def test_unknown_target_is_refused(explainer, cells):
    with pytest.raises(ValueError, match="Malaria"):
        explainer.counterfactual(cells[0], target="Malaria")


def test_strength_outside_the_inversion_is_refused():
    with pytest.raises(ValueError, match="step of the inversion"):
        EditSettings(steps=4, time=0.5, ladder=(Strength(5, 1.0),))


def test_region_beyond_the_peak_is_refused():
    with pytest.raises(ValueError, match="region"):
        EditSettings(steps=4, time=0.5, ladder=(Strength(4, 1.0, region=1.5),))


def test_the_heat_map_is_drawn_when_it_is_asked_for(explainer, cells, monkeypatch):
    drawn = []
    draw = results.change_pictures
    monkeypatch.setattr(results, "change_pictures", lambda *maps: drawn.append(maps) or draw(*maps))
    edit = explainer.counterfactual(cells[:2], strength=Strength(2, 1.0))
    assert drawn == []
    first = edit.heatmap
    assert first is edit.heatmap and len(drawn) == 1
    for i in range(2):
        alone = explainer.draw.difference(edit.original[i], edit.difference[i], size=explainer.size)
        assert np.array_equal(first[i], alone)


def test_settings_are_told_of_what_was_done(explainer, cells):
    """An image that stays as it is beside one that is edited."""
    own = explainer.labels[int(explainer.predict(cells[0]).probabilities[0].argmax())]
    other = next(label for label in explainer.labels if label != own)
    strength = Strength(3, 0.5, region=0.4, single=True)
    edit = explainer.counterfactual([cells[0]] * 2, [own, other], seed=5, strength=strength)
    assert edit.efforts == [Effort(), Effort(strength, 1, 3, edit.efforts[1].encoder_passes)]
    assert (edit.steps, edit.inversion_time, edit.seed) == (DEFAULT_EDIT.steps, DEFAULT_EDIT.time, 5)
    per_image = ("guidance", "region", "single", "start_time", "attempts", "decoded_steps", "encoder_passes")
    assert list(edit.settings) == ["seed", "steps", "inversion_time", *per_image]
    for i in range(2):
        one = {key: edit.settings[key][i] if key in per_image else edit.settings[key] for key in edit.settings}
        assert edit.settings_of(i) == one
    assert edit.settings["guidance"] == [0.0, 0.5] and edit.settings["start_time"] == [0.0, 0.3]


def test_as_many_targets_as_images(explainer, cells):
    with pytest.raises(ValueError, match="for each image"):
        explainer.counterfactual(cells[:2], [explainer.labels[0]] * 3)
