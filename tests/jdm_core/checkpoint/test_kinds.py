"""Three kinds of pictures: red cells as in training, red cells of another microscope, and all else."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from jdm_core import Explainer
from jdm_core.checkpoint.entry import build_checkpoint
from jdm_core.checkpoint.figures import figures_markdown
from jdm_core.checkpoint.kinds import kinds_of
from jdm_core.checkpoint.manifest import read_manifest
from jdm_core.checkpoint.red_cells import ASKED, LEVEL, RedCells, WhiteCells
from jdm_core.images.traits import NAMES, measure_cell, measure_cells
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
    nothing = kinds_of(cells(), np.full(4, np.nan), calibration)
    assert nothing.tolist() == ["familiar"] * 4  # a checkpoint that was not fitted
    older = replace(calibration, red_cells=None)
    assert kinds_of(cells(), np.array([0.4, 1.0, 3.0, 9.0]), older).tolist() == ["familiar"] + 3 * ["not a red cell"]


def test_a_prediction_says_the_kind_of_each_picture(explainer):
    calibration = replace(explainer.checkpoint.calibration, red_cells=rule())
    checkpoint = replace(explainer.checkpoint, calibration=calibration)
    prediction = Explainer(explainer.network, checkpoint, "kinds", explainer.device).predict(cells())
    assert prediction.kind[2:].tolist() == ["not a red cell"] * 2
    assert np.array_equal(prediction.familiar, prediction.kind == "familiar")
    assert np.array_equal(prediction.is_cell, prediction.kind != "not a red cell")
    assert not (prediction.familiar & (prediction.unfamiliarity >= 1)).any()


def white(bias: float = 0.5, **changes: object) -> WhiteCells:
    """White cells are those of which the first feature is large."""
    d = len(NAMES) + 2
    linear = tuple(-1.0 if i == len(NAMES) else 0.0 for i in range(d))
    return replace(WhiteCells((0.0,) * d, (1.0,) * d, linear, bias), **changes)


def test_a_white_cell_is_refused_however_familiar_and_clearly_familiar_pictures_are_not_asked(explainer):
    calibration = replace(explainer.checkpoint.calibration, red_cells=rule(), white_cells=white())
    red, round_too = toy_cell(True, 0, 70), toy_cell(False, 1)
    pictures = [red, red, red, red, round_too, np.zeros((30, 30, 3), np.uint8)]
    features = np.array([[1.0, 0], [1, 0], [0, 0], [0, 0], [1, 0], [0, 0]])
    strange = np.array([ASKED - 0.01, ASKED, ASKED, 1.0, 1.0, 0.9])
    kinds = kinds_of(pictures, strange, calibration, features)
    refused = "not a red cell"
    assert kinds.tolist() == ["familiar", refused, "familiar", "other", refused, refused]
    without = replace(calibration, white_cells=None)
    assert kinds_of(pictures, strange, without, features).tolist() == ["familiar"] * 3 + ["other"] * 2 + ["familiar"]
    alone = replace(calibration, red_cells=None)
    assert kinds_of(pictures, strange, alone, features).tolist()[2:4] == ["familiar", refused]


def test_the_rule_for_white_cells_is_the_formula():
    generator, d = np.random.default_rng(0), len(NAMES) + 3
    own = WhiteCells(*(tuple(generator.uniform(0.5, 1, d).tolist()) for _ in range(3)), bias=-0.3)
    traits, features = measure_cells([np.full((64, 64, 3), 90, np.uint8)]), generator.normal(size=(1, 3))
    z = ((np.append(traits, features) - own.centre) / own.scale).clip(-5, 5)
    assert own.features == 3
    assert own.score(traits, features)[0] == pytest.approx(own.linear @ z - 0.3)
    assert np.isnan(own.score(measure_cells([np.zeros((64, 64, 3), np.uint8)]), features)[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"centre": (0.0,)}, "white cells: rows of 1"),
        ({"linear": (0.0,) * len(NAMES)}, "white cells: rows of"),
        ({"scale": (0.0,) * (len(NAMES) + 2)}, "not above 0"),
        ({"bias": float("inf")}, "white cells"),
    ],
)
def test_a_rule_for_white_cells_is_checked(changes, message):
    with pytest.raises(ValueError, match=message):
        white(**changes)


def test_a_rule_for_another_network_is_refused_and_an_entry_without_one_loads(explainer):
    entry = json.loads(json.dumps(asdict(explainer.checkpoint)))
    entry["calibration"]["white_cells"] = json.loads(json.dumps(asdict(white())))
    with pytest.raises(ValueError, match="white cells: of 2 features"):
        build_checkpoint(entry, "here")
    del entry["calibration"]["white_cells"]
    assert build_checkpoint(entry, "here").calibration.white_cells is None


@pytest.mark.slow
def test_a_prediction_asks_the_rule_for_white_cells(explainer):
    d = len(NAMES) + explainer.checkpoint.architecture.widths[LEVEL]
    kinds = []
    for bias in (1.0, -1.0):  # takes none for a white cell, and all
        own = WhiteCells((0.0,) * d, (1.0,) * d, (0.0,) * d, bias)
        calibration = replace(explainer.checkpoint.calibration, white_cells=own)
        checkpoint = replace(explainer.checkpoint, calibration=calibration)
        told = Explainer(explainer.network, checkpoint, "white", explainer.device).predict(cells())
        kinds.append(told.kind[told.unfamiliarity >= ASKED].tolist())
    assert set(kinds[1]) == {"not a red cell"} != set(kinds[0])


def test_the_rule_is_the_formula_and_far_traits_count_no_more():
    generator = np.random.default_rng(0)
    d = len(NAMES)
    own = RedCells(*(tuple(generator.uniform(0.5, 1, d).tolist()) for _ in range(4)), bias=-0.3)
    traits = measure_cell(np.full((64, 64, 3), 90, np.uint8))
    z = ((traits - own.centre) / own.scale).clip(-5, 5)
    assert own.score(traits[None])[0] == pytest.approx(own.linear @ z + own.square @ z**2 - 0.3)
    assert own.score(traits[None] + 1e6)[0] == own.score(traits[None] + 1e9)[0]


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
