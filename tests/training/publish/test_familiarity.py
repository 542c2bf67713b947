"""What is no cell is found strange, cells are not, and a checkpoint without the fit works as before."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from jdm_core import CheckpointError, Explainer
from jdm_core.checkpoint.familiarity import COLOURS, LIMIT, Ellipsoid, Familiarity, measure_traits, trait_count
from jdm_core.checkpoint.manifest import MANIFEST, read_manifest
from jdm_core.cli import main as explain_main
from jdm_core.report.report import verdict_fields
from tests.support.toy import toy_cell, write_toy_zip
from training.cli import main
from training.data.cells import Cells, load_cells
from training.data.outliers import outliers
from training.publish.familiarity import fit_familiarity

EXAMPLES = sorted((Path(__file__).parents[3] / "web/examples").glob("*-*.png"))


@pytest.fixture
def toy(own):
    """A zip of cells, and the folder of a tiny checkpoint trained on them a little and exported."""
    return own / "cells.zip", own


def strange_pictures():
    generator = np.random.default_rng(0)
    photograph = np.ascontiguousarray(skimage.data.astronaut()[:256, 100:356])
    return {
        "noise": generator.integers(0, 256, (64, 64, 3), dtype=np.uint8),
        "black": np.zeros((64, 64, 3), dtype=np.uint8),
        "white": np.full((90, 70, 3), 255, dtype=np.uint8),
        "photograph": photograph,
    }


def without_fit(explainer):
    calibration = replace(explainer.checkpoint.calibration, familiarity=None)
    checkpoint = replace(explainer.checkpoint, calibration=calibration)
    return Explainer(explainer.network, checkpoint, explainer.name, explainer.device)


def test_example_cells_are_familiar_and_other_pictures_are_not(explainer):
    own = explainer.predict(EXAMPLES)
    assert own.familiar.all() and own.familiar.dtype == bool
    assert ((own.unfamiliarity > 0) & (own.unfamiliarity < LIMIT)).all()
    pictures = strange_pictures()
    strange = explainer.predict(list(pictures.values()))
    assert not strange.familiar.any(), dict(zip(pictures, strange.unfamiliarity, strict=True))


@pytest.mark.slow
def test_real_cells_are_familiar_whichever_way_they_lie(explainer, real_cells):
    if real_cells is None:
        pytest.skip("needs real cells")
    cells = [np.asarray(Image.open(path).convert("RGB")) for path, _ in real_cells]
    turned = [np.ascontiguousarray(np.rot90(cell)[:, ::-1]) for cell in cells]
    assert explainer.predict(cells).familiar.mean() > 0.9
    assert explainer.predict(turned).familiar.mean() > 0.9
    inverted = [np.where(cell.max(axis=2, keepdims=True) > 40, 255 - cell, cell) for cell in cells]
    assert explainer.predict(inverted).familiar.mean() < 0.1


def test_a_batch_gives_what_single_images_give(explainer):
    pictures = [*map(str, EXAMPLES[:2]), *strange_pictures().values()]
    together = explainer.predict(pictures).unfamiliarity
    alone = [explainer.predict(picture).unfamiliarity[0] for picture in pictures]
    assert together.shape == (len(pictures),)
    assert np.allclose(together, alone, rtol=1e-3)


def test_a_prediction_passes_the_encoder_once(explainer, monkeypatch):
    passes = []
    encode = explainer.network.encode
    monkeypatch.setattr(explainer.network, "encode", lambda x, *more: passes.append(len(x)) or encode(x, *more))
    explainer.predict(EXAMPLES[:3])
    assert passes == [3]


def test_without_a_fit_all_is_familiar_and_probabilities_stay(explainer):
    old, pictures = without_fit(explainer), [str(EXAMPLES[0]), strange_pictures()["noise"]]
    prediction = old.predict(pictures)
    assert prediction.familiar.all()
    assert np.isnan(prediction.unfamiliarity).all()
    assert np.array_equal(prediction.probabilities, explainer.predict(pictures).probabilities)
    fields = verdict_fields("a", prediction, old.elbo(pictures, draws=3), 1, 0.8)
    fields = json.loads(json.dumps(fields, allow_nan=False))
    assert (fields["familiar"], fields["unfamiliarity"]) == (True, None)


def test_a_manifest_without_the_key_loads_and_a_saved_folder_keeps_it(explainer, tmp_path):
    values = json.loads(MANIFEST.read_text())
    for entry in values["checkpoints"].values():
        entry["calibration"].pop("familiarity", None)
    (tmp_path / "manifest.json").write_text(json.dumps(values))
    assert read_manifest(tmp_path / "manifest.json")["malaria-64"].calibration.familiarity is None
    explainer.save_pretrained(tmp_path / "saved")
    loaded = Explainer.from_pretrained(tmp_path / "saved", "cpu").checkpoint.calibration.familiarity
    assert loaded is not None
    assert loaded == explainer.checkpoint.calibration.familiarity


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda fit: fit["traits"]["whitening"].pop(), "not a lower triangle"),
        (lambda fit: fit["traits"]["whitening"][2].append(1.0), "not a lower triangle"),
        (lambda fit: fit.update(colours=fit["traits"]), "colours: 17 traits, where 5 are expected"),
        (lambda fit: fit.update(traits=fit["colours"]), "of 5 traits, where the network has 17"),
        (lambda fit: fit.update(extra=1), "unknown key 'extra'"),
    ],
)
def test_a_fit_of_another_shape_is_refused(tmp_path, change, reason):
    values = json.loads(MANIFEST.read_text())
    change(values["checkpoints"]["malaria-64"]["calibration"]["familiarity"])
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(values))
    with pytest.raises(CheckpointError, match=reason) as caught:
        read_manifest(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_distance_is_that_of_mahalanobis():
    generator = np.random.default_rng(0)
    mixing, centre = generator.normal(size=(3, 3)), generator.normal(size=3)
    covariance = mixing @ mixing.T
    whitening = np.linalg.inv(np.linalg.cholesky(covariance))
    ellipsoid = Ellipsoid(tuple(centre), tuple(tuple(row[: i + 1]) for i, row in enumerate(whitening)))
    points = generator.normal(size=(5, 3))
    away = points - centre
    expected = np.sqrt(np.einsum("ni,ij,nj->n", away, np.linalg.inv(covariance), away))
    assert np.allclose(ellipsoid.distance(torch.from_numpy(points)).numpy(), expected)


def test_colours_alone_can_be_strange():
    def sphere(count, radius):
        rows = (tuple(0.0 if j < i else 1 / radius for j in range(i + 1)) for i in range(count))
        return Ellipsoid((0.0,) * count, tuple(rows))

    traits = torch.zeros(2, COLOURS + 4)
    traits[0, 0] = traits[1, -1] = 3.0
    known = Familiarity(sphere(COLOURS + 4, 10.0), sphere(COLOURS, 2.0))
    assert known.unfamiliarity(traits).tolist() == pytest.approx([0.3, 1.5])


def test_traits_are_the_size_of_features_and_the_hue_of_what_is_not_black():
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(2, 3, 8, 8, generator=generator) * 2 - 1
    z = [torch.randn(2, 16, 8, 8, generator=generator), torch.randn(2, 32, 4, 4, generator=generator)]
    traits = measure_traits(x, z)
    assert traits.shape == (2, trait_count(2))
    assert traits[1, 5].item() == pytest.approx(z[1][1, 8:16].square().mean().log().item(), abs=1e-5)
    framed = torch.nn.functional.pad(x, (8, 8, 8, 8), value=-1.0)
    assert torch.allclose(measure_traits(framed, z)[:, -COLOURS:], traits[:, -COLOURS:], atol=1e-4)
    assert not torch.allclose(measure_traits(x.flip(1), z)[:, -COLOURS:], traits[:, -COLOURS:], atol=1e-3)
    assert measure_traits(torch.full((1, 3, 8, 8), -1.0), [torch.zeros(1, 16, 8, 8)]).isfinite().all()


def test_the_fit_keeps_its_share_of_held_out_cells(explainer, tmp_path, monkeypatch):
    monkeypatch.setattr("training.publish.familiarity.CELLS", 24)
    cells = load_cells(write_toy_zip(tmp_path / "cells.zip", 8, 4), explainer.labels, explainer.size)
    training, validation = (cells.take(range(start, 64, 2)) for start in (0, 1))
    known, inside = fit_familiarity(explainer.network, training, validation, torch.device("cpu"))
    assert len(known.traits.centre) == trait_count(3)
    assert 0.9 < inside.mean() < 1  # of 32 the strangest lies on the edge
    numbers = json.dumps([known.traits.whitening, known.colours.whitening]).count(",")
    assert numbers < 300


def test_the_limit_is_that_of_slides_that_the_fit_did_not_see(explainer, monkeypatch):
    # Cells of a slide are all alike here: the fit's own slides lie closer to its centre than others ever do.
    own, others = (torch.from_numpy(np.random.default_rng(seed).normal(size=(60, 17))) for seed in (0, 1))
    cells = Cells(torch.zeros(600, 3, 1, 1), torch.zeros(600), [str(i // 10) for i in range(600)], ["x"] * 600)
    tables = iter((own, others))
    monkeypatch.setattr(
        "training.publish.familiarity.gather_traits",
        lambda _, cells, device: next(tables)[[int(s) for s in cells.slides]],
    )
    known, inside = fit_familiarity(explainer.network, cells, cells, torch.device("cpu"))
    assert inside.mean() > 0.9
    assert float(known.unfamiliarity(own).max()) < 0.9


def test_outliers_are_what_they_say(tmp_path):
    cells = np.stack([toy_cell(True, seed) for seed in range(3)])
    labelled = Cells(torch.from_numpy(cells).permute(0, 3, 1, 2), torch.zeros(3).long(), ["a", "a", "b"], list("xyz"))
    kinds = {kind.name: kind for kind in outliers(labelled, 4, 0, None, None)}
    assert not any("MNIST" in name or "microscope" in name for name in kinds)
    for kind in kinds.values():
        assert len(kind.pictures) == len(kind.groups)
        assert all(p.dtype == np.uint8 and p.ndim == 3 and p.shape[2] == 3 for p in kind.pictures)
    gray = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
    for kind, change in (
        ("cells, colours inverted", lambda middle: 255 - middle),
        ("cells, without colour", lambda middle: np.full(3, np.round(middle @ gray), np.uint8)),
    ):
        assert sorted(kinds[kind].groups) == ["a", "a", "b"]
        assert all((picture[0, 0] == 0).all() for picture in kinds[kind].pictures)
        expected = sorted(change(cell[12, 3]).tolist() for cell in cells)
        assert sorted(picture[12, 3].tolist() for picture in kinds[kind].pictures) == expected
    assert len(kinds["photographs"].pictures) == 4


@pytest.mark.train
def test_export_fits_and_the_command_measures_and_records(toy, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("training.metrics.RESAMPLES", 50)
    data, folder = toy
    exported = read_manifest(folder / "manifest.json")["toy"].calibration.familiarity
    assert exported is not None and len(exported.traits.centre) == trait_count(2)
    out, before = tmp_path / "figures.json", (folder / "manifest.json").read_text()
    command = [
        "familiarity",
        "--checkpoint",
        str(folder),
        "--data",
        str(data),
        "--out",
        str(out),
        "--device",
        "cpu",
        "--number",
        "6",
    ]
    assert main(command) == 0
    assert (folder / "manifest.json").read_text() == before
    figures = json.loads(out.read_text())
    assert figures["n"] == 16 and figures["slides"] == 2 and figures["test_set"] == "test slides of cells.zip"
    found = {row["kind"]: row for row in figures["outliers"]}
    assert found["uniform noise"]["auroc"] == 1.0 and found["uniform noise"]["found"] == 1.0
    assert all(row["auroc_interval"][0] <= row["auroc"] <= row["auroc_interval"][1] for row in found.values())
    assert "uniform noise, n 6: AUROC 1.000" in capsys.readouterr().out

    assert main([*command, "--record", "--part", "validation"]) == 0
    entry = json.loads((folder / "manifest.json").read_text())["checkpoints"]["toy"]
    assert entry["metrics"]["familiarity"]["test_set"] == "validation slides of cells.zip"
    assert entry["calibration"]["familiarity"]["colours"]["centre"]
    capsys.readouterr()
    for option, named in (("--mnist", "no MNIST digits"), ("--fields", "annotations.json")):
        assert main([*command, option, str(tmp_path / "nowhere")]) == 1
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("error: ") and "nowhere" in error and named in error


@pytest.mark.train
def test_explain_warns_of_what_is_no_cell(toy, tmp_path, capsys):
    Image.fromarray(strange_pictures()["noise"]).save(tmp_path / "noise.png")
    own = [toy_cell(False, slide * 100) for slide in range(10)]
    known = Explainer.load(str(toy[1]), "cpu").predict(own).unfamiliarity.argmin()
    Image.fromarray(own[known]).save(tmp_path / "cell.png")
    files = [str(tmp_path / name) for name in ("cell.png", "noise.png")]
    out, options = tmp_path / "out", ["--checkpoint", str(toy[1]), "--device", "cpu", "--draws", "3"]
    assert explain_main(["explain", *files, "--out", str(out), *options]) == 0
    assert "1 not like a stained red cell" in capsys.readouterr().out
    with (out / "index.csv").open(encoding="utf-8") as file:
        assert [row["familiar"] for row in csv.DictReader(file)] == ["True", "False"]
    report = json.loads((out / "noise.json").read_text())
    assert report["familiar"] is False and report["unfamiliarity"] > LIMIT

    del report["familiar"]  # as older reports are: it is written anew
    (out / "noise.json").write_text(json.dumps(report))
    assert explain_main(["explain", *files, "--out", str(out), *options]) == 0
    assert json.loads((out / "noise.json").read_text())["familiar"] is False
    capsys.readouterr()
    assert explain_main(["predict", *files, *options]) == 0
    assert ["does not look like a stained red cell" in line for line in capsys.readouterr().out.splitlines()] == [
        False,
        True,
    ]


@pytest.mark.train
def test_an_adapted_checkpoint_does_not_inherit_the_fit(toy, tmp_path):
    images, run = tmp_path / "images", tmp_path / "run"
    images.mkdir()
    for seed in range(8):
        Image.fromarray(toy_cell(seed % 2 == 0, seed)).save(images / f"{seed}.png")
    command = [
        "adapt",
        "--checkpoint",
        "toy",
        "--manifest",
        str(toy[1] / "manifest.json"),
        "--images",
        str(images),
        "--run",
        str(run),
        "--number",
        "8",
        "--device",
        "cpu",
    ]
    assert main(command) == 0
    adapted = Explainer.load(str(run), "cpu")
    assert adapted.checkpoint.calibration.familiarity is None
    assert adapted.predict(images / "0.png").familiar.all()
