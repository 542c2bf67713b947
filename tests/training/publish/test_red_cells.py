"""What red cells of any stain are is fitted on sets that may be, measured on all, and recorded."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jdm_core import Explainer
from jdm_core.images.read import read_cell
from jdm_core.images.traits import NAMES, SIDE
from tests.support.toy import toy_cell
from training.cli import main
from training.data.cells import load_cells
from training.data.red_cells import AMONG, Pictures, read_pictures
from training.publish.fits.red_cells import (
    LEAST,
    MOST_ALIKE,
    VARIED,
    VARIED_ELSE,
    fit_red_cells,
    gather,
    measure_kinds,
    training_sets,
    vary,
)

EXAMPLES = sorted((Path(__file__).parents[3] / "web/examples").glob("*-*.png"))
GAINS = ((1, 1, 1), (0.6, 0.6, 0.8), (0.45, 0.4, 0.6), (0.9, 0.8, 0.7))


def sets(seed: int, count: int = 24) -> list[Pictures]:
    """Cells under several lamps, and bars, noise and pairs of cells under them too."""
    generator = np.random.default_rng(seed)
    found = []
    for i, gain in enumerate(GAINS[:3]):
        cells = [(toy_cell(k % 2 == 0, seed + k, SIDE) * gain).astype(np.uint8) for k in range(count)]
        found.append(Pictures(f"lamp {i}", "red cells", cells, [str(k // 3) for k in range(count)], [1] * count, True))
    bars, noise, pairs = [], [], []
    for k in range(count):
        whole = (toy_cell(False, seed + k, SIDE) * GAINS[k % 4]).astype(np.uint8)
        bar = np.zeros_like(whole)
        bar[20:40] = whole[32, 32]
        bars.append(bar)
        noise.append(generator.integers(0, 256, whole.shape, dtype=np.uint8))
        small = (toy_cell(False, seed + k, 30) * GAINS[k % 4]).astype(np.uint8)
        pair = np.zeros_like(whole)
        pair[:30, :30], pair[34:, 34:] = small, small
        pairs.append(pair)
    for name, pictures in (("bars", bars), ("noise", noise), ("pairs", pairs)):
        found.append(Pictures(name, "no red cells", pictures, [str(k) for k in range(count)], [-1] * count, True))
    return found


@pytest.mark.slow
def test_the_rule_keeps_cells_under_a_lamp_that_it_never_saw_and_refuses_the_rest():
    known = fit_red_cells(sets(0), seed=0)
    unseen = [(toy_cell(k % 2 == 0, 900 + k, SIDE) * GAINS[3]).astype(np.uint8) for k in range(20)]
    assert (known.scores_of(unseen) > 0).mean() >= 0.9
    for other in sets(500, 12)[3:]:
        assert (known.scores_of(other.cells) > 0).mean() <= 0.1, other.title
    few = sets(0, 6)
    assert fit_red_cells(few, seed=0) == fit_red_cells(few, seed=0) != fit_red_cells(few, seed=1)


def test_what_weighs_more_is_told_more_surely():
    unseen, shares = sets(500, 12)[5], []
    for weight in (0.03, 30.0):
        few = [replace(one, weight=weight) if one.title == "pairs" else one for one in sets(0, 6)]
        shares.append(fit_red_cells(few, seed=0).scores_of(unseen.cells).mean())
    assert shares[1] < shares[0] - 0.5


def test_red_cells_are_fitted_on_in_a_crowd_too_and_nothing_else_is():
    for one in (sets(0, 6)[0], sets(0, 6)[3]):
        traits, outside = gather(one, np.random.default_rng(0))
        shown = 1 + (2 * VARIED if one.red else VARIED_ELSE)
        assert len(traits) == len(outside) == shown * len(one.cells)
    # Of one that stands alone a neighbour makes the outline another: "ellipse" and "outline" move.
    red = sets(0, 6)[0]
    traits = gather(red, np.random.default_rng(0))[0].reshape(len(red.cells), -1, len(NAMES))
    outline = traits[:, :, NAMES.index("outline")]
    assert np.ptp(outline[:, : 1 + VARIED], axis=1).max() < 1e-6, "other colours leave the silhouette"
    assert (np.abs(outline[:, 1 + VARIED :] - outline[:, :1]) > 1e-6).sum() >= len(red.cells) / 2


def test_the_outliers_most_like_cells_weigh_as_what_lies_among_them(own):
    cells = load_cells(own / "cells.zip", ("Parasitized", "Uninfected"), 32)
    found = {one.title: one.weight for one in training_sets([], cells, 8, 0, None)}
    assert {title for title, weight in found.items() if weight == AMONG} == MOST_ALIKE
    assert found["training"] == found["uniform noise"] == 1


def test_the_worst_abroad_counts_a_microscope_without_infected_cells_too(explainer):
    def of(title: str, label: str, said: int, count: int = LEAST) -> Pictures:
        like = [read_cell(path) for path in EXAMPLES if path.stem.startswith(label.lower())]
        some = [like[i % len(like)] for i in range(count)]
        return Pictures(title, "red cells", some, ["field"] * count, [said] * count, True)

    healthy, infected = of("one", "Uninfected", 1), of("two", "Parasitized", 0)
    told = measure_kinds(explainer, [healthy, infected])["abroad"]
    assert told == {"microscopes": 2, "lowest_sensitivity": 1.0, "lowest_specificity": 1.0}
    alarms = of("three", "Parasitized", 1)  # what is called infected, and is none
    assert measure_kinds(explainer, [healthy, infected, alarms])["abroad"] == told | {
        "microscopes": 3,
        "lowest_specificity": 0.0,
    }
    assert "abroad" not in measure_kinds(explainer, [of("one", "Uninfected", 1, LEAST - 1), infected])


def test_a_varied_picture_keeps_its_silhouette_and_its_background():
    cell, generator = toy_cell(True, 3, SIDE), np.random.default_rng(0)
    varied = [vary(cell, generator) for _ in range(5)]
    assert all((one[cell.max(2) == 0] == 0).all() for one in varied)
    assert len({one.tobytes() for one in varied}) == 5
    black = np.zeros((SIDE, SIDE, 3), np.uint8)
    assert vary(black, generator) is black


@pytest.mark.slow
def test_parts_of_the_sets_are_apart_and_a_fit_rests_on_those_that_may_be_used(sets_abroad):
    fitted, reported = (read_pictures(sets_abroad, 40, 0)[part] for part in ("developer", "report"))
    assert {one.title for one in fitted} <= {one.title for one in reported if one.fitted}
    assert any(one.title.startswith("IML") and not one.fitted for one in reported)
    for one in fitted:
        others = [other for other in reported if (other.title, other.what) == (one.title, one.what)]
        assert not set(one.groups) & {group for other in others for group in other.groups}
    assert {one.what for one in fitted} >= {"red cells", "no red cells"}
    assert all((one.weight > 1) == (one.what == "no red cells") for one in fitted), "what lies among red cells"


@pytest.mark.slow
@pytest.mark.usefixtures("few_resamples")
def test_the_command_records_the_rule_and_the_share_of_each_kind(own, sets_abroad, tmp_path):
    manifest = own / "manifest.json"
    options = ["--checkpoint", "toy", "--manifest", str(manifest), "--device", "cpu", "--data", str(own / "cells.zip")]
    out = tmp_path / "familiarity.json"
    sizes = ["--cells", "16", "--number", "24", "--part", "validation"]
    command = ["familiarity", *options, *sizes, "--microscopes", str(sets_abroad), "--out", str(out), "--record"]
    assert main(command) == 0
    entry = json.loads(manifest.read_text())["checkpoints"]["toy"]
    assert len(entry["calibration"]["red_cells"]["linear"]) == len(NAMES)
    assert len(entry["calibration"]["colours"]["density"]) == 3
    kinds = entry["metrics"]["familiarity"]["kinds"]
    assert {row["what"] for row in kinds} == {"red cells", "no red cells", "windows of fields"}
    for row in kinds:
        assert row["familiar"] + row["other"] + row["not a red cell"] == pytest.approx(1, abs=1e-4)
        kept = row["familiar"] + row["other"]
        assert row["right"] == pytest.approx(kept if row["what"] == "red cells" else 1 - kept, abs=1e-4)
    assert all({"found", "refused"} <= row.keys() for row in entry["metrics"]["familiarity"]["outliers"])
    loaded = Explainer.load("toy", "cpu", manifest)
    assert loaded.checkpoint.calibration.red_cells is not None
    assert main(["calibrate", *options, "--cells", "8"]) == 0
    after = json.loads(manifest.read_text())["checkpoints"]["toy"]["calibration"]
    assert {key: after[key] for key in ("red_cells", "colours", "familiarity")} == {
        key: entry["calibration"][key] for key in ("red_cells", "colours", "familiarity")
    }
