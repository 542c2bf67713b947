"""Three kinds of pictures: red cells as in training, red cells of another microscope, and all else."""

from dataclasses import replace

import numpy as np
import pytest

from jdm_core import Explainer
from jdm_core.checkpoint.figures import figures_markdown
from jdm_core.checkpoint.kinds import kinds_of
from jdm_core.checkpoint.manifest import read_manifest
from jdm_core.checkpoint.red_cells import RedCells
from jdm_core.images.traits import NAMES, measure_cell
from tests.support.toy import toy_cell


def rule(**changes: object) -> RedCells:
    """Red cells are those that leave the corners free."""
    d, at = len(NAMES), NAMES.index("corners")
    linear = tuple(-1.0 if i == at else 0.0 for i in range(d))
    return replace(RedCells((0.0,) * d, (0.2,) * d, linear, (0.0,) * d, 2.0), **changes)


def cells() -> list[np.ndarray]:
    noise = np.random.default_rng(0).integers(40, 256, (40, 50, 3), dtype=np.uint8)
    return [toy_cell(True, 0, 70), toy_cell(False, 1), noise, np.zeros((30, 30, 3), np.uint8)]


def test_only_what_is_strange_is_looked_at_once_more(explainer):
    calibration = replace(explainer.checkpoint.calibration, red_cells=rule())
    kinds = kinds_of(cells(), np.array([0.4, 1.0, 3.0, 9.0]), calibration)
    assert kinds.tolist() == ["familiar", "other", "not a red cell", "not a red cell"]
    near = kinds_of(cells()[:3], np.array([0.9, 0.9, 0.9]), calibration)
    assert near.tolist() == ["familiar", "familiar", "not a red cell"]
    assert kinds_of(cells()[2:3], np.array([0.7]), calibration).tolist() == ["familiar"]  # familiar beyond asking
    doubtful = replace(rule(), linear=(0.0,) * len(NAMES), bias=-0.5)
    kinds = kinds_of(cells(), np.array([0.9, 1.0, 3.0, 9.0]), replace(calibration, red_cells=doubtful))
    assert kinds.tolist() == ["familiar"] + 3 * ["not a red cell"]  # to refuse what is familiar takes more
    nothing = kinds_of(cells(), np.full(4, np.nan), calibration)
    assert nothing.tolist() == ["familiar"] * 4  # a checkpoint that was not fitted
    older = replace(calibration, red_cells=None)
    assert kinds_of(cells(), np.array([0.4, 1.0, 3.0, 9.0]), older).tolist() == ["familiar"] + 3 * ["not a red cell"]


def test_a_gray_picture_is_no_stained_red_cell_however_familiar(explainer):
    stained = toy_cell(True, 0, 70)
    gray = stained.mean(axis=2, keepdims=True).round().astype(np.uint8).repeat(3, axis=2)
    rounded = gray + np.random.default_rng(0).integers(0, 4, gray.shape, dtype=np.uint8) * (gray > 0)
    marked = rounded.copy()
    marked[30:33, 30:33] = (200, 20, 20)  # a pointer is no stain
    pictures = [stained, gray, rounded, marked]
    kinds = kinds_of(pictures, np.full(4, 0.1), explainer.checkpoint.calibration)
    assert kinds.tolist() == ["familiar"] + 3 * ["not a red cell"]
    digits = kinds_of(pictures, np.full(4, np.nan), explainer.checkpoint.calibration)
    assert digits.tolist() == ["familiar"] * 4  # a checkpoint to which colours say nothing


def test_a_prediction_says_the_kind_of_each_picture(explainer):
    calibration = replace(explainer.checkpoint.calibration, red_cells=rule())
    checkpoint = replace(explainer.checkpoint, calibration=calibration)
    prediction = Explainer(explainer.network, checkpoint, "kinds", explainer.device).predict(cells())
    assert prediction.kind[2:].tolist() == ["not a red cell"] * 2
    assert np.array_equal(prediction.familiar, prediction.kind == "familiar")
    assert np.array_equal(prediction.is_cell, prediction.kind != "not a red cell")
    assert not (prediction.familiar & (prediction.unfamiliarity >= 1)).any()


def test_the_rule_is_the_formula_and_far_traits_count_no_more():
    generator = np.random.default_rng(0)
    d = len(NAMES)
    own = RedCells(*(tuple(generator.uniform(0.5, 1, d).tolist()) for _ in range(4)), bias=-0.3)
    traits = measure_cell(np.full((64, 64, 3), 90, np.uint8))
    z = ((traits - own.centre) / own.scale).clip(-5, 5)
    assert own.score(traits[None])[0] == pytest.approx(own.linear @ z + own.square @ z**2 - 0.3)
    assert own.score(traits[None] + 1e6)[0] == own.score(traits[None] + 1e9)[0]
    earlier = RedCells(*(row[:20] for row in (own.centre, own.scale, own.linear, own.square)), bias=0.0)
    assert np.isfinite(earlier.score(traits[None])).all()  # a rule that was fitted before there were so many traits


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"centre": (0.0,)}, "centre"),
        ({"scale": (0.0,) * len(NAMES)}, "not above 0"),
        ({"bias": float("nan")}, "red cells"),
        ({"square": (1e12,) * len(NAMES)}, "red cells"),
    ],
)
def test_a_rule_of_a_manifest_is_checked(changes, message):
    with pytest.raises(ValueError, match=message):
        rule(**changes)


def test_the_card_for_outsiders_tells_the_kinds_of_pictures_from_elsewhere_and_what_a_verdict_is_worth_there():
    checkpoint = read_manifest()["malaria-64"]
    text = figures_markdown("malaria-64", checkpoint)
    assert "| Pictures | n | Familiar | Other | Not a red cell | Right |" in text
    kinds, abroad = (checkpoint.metrics["familiarity"][key] for key in ("kinds", "abroad"))
    for row in kinds:
        shares = " | ".join(f"{row[kind]:.3f}" for kind in ("familiar", "other", "not a red cell"))
        assert f"| {row['set']}: {row['what']} | {row['n']} | {shares} | {row['right']:.3f} (" in text
    assert f"sensitivity falls as low as {abroad['lowest_sensitivity']:.2f}" in text
    bare = {name: value for name, value in checkpoint.metrics["familiarity"].items() if name not in ("kinds", "abroad")}
    older = replace(checkpoint, metrics=checkpoint.metrics | {"familiarity": bare})
    assert "Not a red cell" not in figures_markdown("malaria-64", older)
