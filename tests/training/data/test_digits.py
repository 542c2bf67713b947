"""Digits: MNIST's own files, gray pictures and ten classes, through the same training, calibration and verdicts."""

import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from jdm_core import Explainer
from jdm_core.explain.hold import bounds_of
from jdm_core.explain.likelihood import compared_classes
from jdm_core.images.find import prepare
from jdm_core.images.pixels import cell_mask, to_tensor, to_uint8
from tests.support.toy import TINY_OPTIONS
from training.cli import main
from training.data.augment import augment
from training.data.cells import load_cells
from training.data.members import DataError
from training.run.recipe import RecipeError, load_recipe, split_by_recipe
from training.studies.shift.digits import MnistToUsps
from training.studies.study import Inputs

pytestmark = pytest.mark.train

LABELS = tuple("0123456789")
TINY = [*TINY_OPTIONS, "--set", "architecture.blocks=[1, 1]", "--set", "validation_slides=0.2"]


def drawn_digit(label: int, seed: int, size: int = 28) -> np.ndarray:
    """A bar on black at the angle that its label says, uint8 (size, size)."""
    generator = np.random.default_rng(seed)
    angle = np.pi * (label + generator.uniform(-0.2, 0.2)) / 10
    y, x = np.mgrid[:size, :size] - size / 2
    across = np.abs(x * np.sin(angle) - y * np.cos(angle))
    bar = (across < size / 14) & (x**2 + y**2 < (0.3 * size) ** 2)
    return (bar * generator.integers(200, 256)).astype(np.uint8)


def digits(count: int, seed: int, size: int = 28) -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(count, dtype=np.uint8) % 10
    return np.stack([drawn_digit(int(label), seed + i, size) for i, label in enumerate(labels)]), labels


def write_idx(path: Path, values: np.ndarray) -> None:
    header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
    path.write_bytes(header + values.tobytes())


def write_mnist(root: Path, train: int = 60, test: int = 20) -> Path:
    """A root folder as torchvision has it."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, count, seed in (("train", train, 0), ("t10k", test, 1000)):
        images, labels = digits(count, seed)
        write_idx(raw / f"{name}-images-idx3-ubyte", images)
        write_idx(raw / f"{name}-labels-idx1-ubyte", labels)
    return root


def write_npz(path: Path, **changes: np.ndarray) -> Path:
    arrays = {}
    for part, count, seed in (("train", 20, 0), ("test", 10, 1000)):
        arrays[f"{part}_images"], arrays[f"{part}_labels"] = digits(count, seed, 16)
    np.savez(path, **{key: value for key, value in (arrays | changes).items() if value is not None})
    return path


@pytest.fixture(scope="module")
def mnist(tmp_path_factory):
    return write_mnist(tmp_path_factory.mktemp("data") / "mnist")


@pytest.fixture(scope="module")
def checkpoint(mnist, tmp_path_factory):
    """A tiny network on drawn digits, trained, exported and measured by the commands; its folder."""
    folder = tmp_path_factory.mktemp("digits")
    data, device = ["--data", str(mnist)], ["--device", "cpu"]
    assert main(["train", "--recipe", "mnist-28", *data, "--run", str(folder / "run"), *device, *TINY]) == 0
    manifest = ["--manifest", str(folder / "manifest.json")]
    assert main(["export", "--run", str(folder / "run"), *data, *manifest, "--cells", "10", *device]) == 0
    command = ["evaluate", "--checkpoint", "mnist-28", *manifest, *data, "--part", "test", "--draws", "3", *device]
    assert main([*command, "--out", str(folder / "figures.json"), "--record"]) == 0
    return folder


@pytest.fixture(scope="module")
def reader(checkpoint):
    return Explainer.load("mnist-28", "cpu", checkpoint / "manifest.json")


def test_every_pixel_and_label_is_read(mnist):
    cells = load_cells(mnist, LABELS, 28)
    images, labels = (np.concatenate(both) for both in zip(digits(60, 0), digits(20, 1000), strict=True))
    assert np.array_equal(cells.images[:, 0].numpy(), images)
    assert cells.images.shape == (80, 1, 28, 28)
    assert cells.labels.tolist() == labels.tolist()
    assert len(set(cells.slides)) == 80
    in_colour = load_cells(mnist, LABELS, 28, channels=3)
    assert torch.equal(in_colour.images, cells.images.expand(-1, 3, -1, -1))


def test_the_labels_decide_the_class_index(mnist):
    backwards = load_cells(mnist, LABELS[::-1], 28)
    assert (backwards.labels + load_cells(mnist, LABELS, 28).labels == 9).all()
    with pytest.raises(DataError, match="holds the digits 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, not Parasitized, Uninfected"):
        load_cells(mnist, ("Parasitized", "Uninfected"), 28)


def test_an_npz_holds_digits_of_another_size(tmp_path):
    cells = load_cells(write_npz(tmp_path / "usps.npz"), LABELS, 28)
    assert cells.images.shape == (30, 1, 28, 28)
    assert cells.names[:2] + cells.names[-1:] == ["train-00000", "train-00001", "test-00009"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"test_labels": None}, "an npz without"),
        ({"train_labels": np.zeros(3, np.uint8)}, r"train: images \(20, 16, 16\) of uint8 with labels \(3,\)"),
        ({"test_labels": np.full(10, 12)}, "test: labels 12 to 12"),
        ({"test_images": np.zeros((10, 8, 8), np.uint8)}, "pixels for training"),
        ({"test_images": np.zeros((10, 16, 16), np.float32)}, "of float32"),
        ({"test_images": np.array([{}] * 10)}, "cannot be read"),
    ],
)
def test_what_is_wrong_with_an_npz_is_said(tmp_path, changes, reason):
    with pytest.raises(DataError, match=f"usps.npz: .*{reason}"):
        load_cells(write_npz(tmp_path / "usps.npz", **changes), LABELS, 28)


def test_what_is_wrong_with_a_root_folder_is_said(tmp_path):
    root = write_mnist(tmp_path / "cut")
    path = root / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DataError, match="cut: not a root folder of MNIST"):
        load_cells(root, LABELS, 28)
    path.unlink()
    with pytest.raises(DataError, match="cut: not a root folder of MNIST"):
        load_cells(root, LABELS, 28)


def test_the_test_part_is_the_datas_own(mnist):
    recipe, cells = load_recipe("mnist-28", ["validation_slides=0.25"]), load_cells(mnist, LABELS, 28)
    split = split_by_recipe(cells.slides, cells.labels.tolist(), recipe)
    assert split.test == tuple(f"test-{i:05d}" for i in range(20))
    assert len(split.validation) == 16  # a quarter of 6 zeros, and of 54 others
    assert len(split.train) == 44
    assert all(slide.startswith("train-") for slide in split.train + split.validation)
    with pytest.raises(RecipeError, match="test_slides must be 0"):
        load_recipe("mnist-28", ["test_slides=0.2"])


def test_digits_are_neither_turned_nor_flipped_but_shifted():
    images = torch.zeros(200, 1, 9, 9, dtype=torch.uint8)
    images[:, :, 3:6, 3:5] = torch.arange(1, 7, dtype=torch.uint8).reshape(3, 2) * 40
    generator = torch.Generator().manual_seed(0)
    assert torch.equal(augment(images, 0.5, generator, symmetries=False), images / 127.5 - 1)
    moved = augment(images, 0.5, generator, symmetries=False, translate=2)
    whole = images[0, 0] / 127.5 - 1
    places = {(dy, dx): whole.roll((dy, dx), (0, 1)) for dy in range(-2, 3) for dx in range(-2, 3)}
    found = [[place for place, expected in places.items() if torch.equal(image[0], expected)] for image in moved]
    assert all(len(places) == 1 for places in found)
    assert len({tuple(places) for places in found}) == 25


def test_from_training_to_figures(checkpoint):
    entry = json.loads((checkpoint / "manifest.json").read_text())["checkpoints"]["mnist-28"]
    assert entry["calibration"]["posterior_bias"] == 0
    assert entry["calibration"]["posterior_temperature"] > 0
    assert "MNIST" in entry["provenance"]["source"]
    figures = json.loads((checkpoint / "figures.json").read_text())
    assert figures["n"] == figures["slides"] == 20
    assert figures["test_set"] == "test digits of mnist"
    assert "per_slide" not in figures  # a slide each
    for verdict in ("head", "posterior"):
        assert entry["metrics"][verdict] == figures[verdict]
        assert 0 <= figures[verdict]["accuracy_interval"][0] <= figures[verdict]["accuracy"]
    lines = [json.loads(line) for line in (checkpoint / "run" / "metrics.jsonl").read_text().splitlines()]
    assert "validation_score_accuracy" in lines[-1]
    assert "validation_score_auroc" not in lines[-1]
    with Image.open(checkpoint / "run" / "samples" / "000000160.png") as sheet:
        assert sheet.size == (8 * 16, 10 * 16)


def test_gray_pictures_are_read_alike_in_every_form(reader, tmp_path):
    gray = drawn_digit(3, 7)
    Image.fromarray(gray).save(tmp_path / "digit.png")
    forms = [gray, np.repeat(gray[:, :, None], 3, axis=2), Image.fromarray(gray), str(tmp_path / "digit.png")]
    p = reader.predict(forms).probabilities
    assert p.shape == (4, 10)
    assert (p == p[0]).all()
    assert np.array_equal(reader.predict(gray).probabilities[0], p[0])
    posterior = reader.posterior(forms, draws=3)
    assert np.ptp(posterior, axis=0).max() < 1e-5
    views = [reader.model_view(form) for form in [*forms, gray[:, :, None]]]
    assert all(np.array_equal(view, views[0]) for view in views)
    expected = to_uint8(to_tensor([forms[1]], 16))[0].numpy()
    assert np.abs(views[0].astype(int) - expected).max() <= 1


def test_ink_on_paper_is_no_cell_to_cut_out(reader):
    y, x = np.mgrid[:60, :60] - 22
    paper = np.where(x**2 + y**2 < 15**2, 60, 250).astype(np.uint8)
    assert prepare(Image.fromarray(paper)).status == "cut out"
    as_given = reader.model_view(np.repeat(paper[:, :, None], 3, axis=2))
    assert np.array_equal(reader.model_view(Image.fromarray(paper)), as_given)


def test_differences_of_ten_classes_are_those_of_the_best_two(reader):
    images = [drawn_digit(label, 5) for label in range(4)]
    found = reader.elbo(images, draws=4)
    assert found.elbo.shape == found.posterior.shape == (4, 10)
    np.testing.assert_allclose(found.posterior.sum(1), 1, rtol=1e-5)
    best = np.argsort(-found.posterior, axis=1)[:, :2]
    rows = np.arange(4)
    np.testing.assert_allclose(
        found.difference, found.elbo[rows, best[:, 0]] - found.elbo[rows, best[:, 1]], rtol=1e-3, atol=0.05
    )
    tau = reader.checkpoint.calibration.posterior_temperature
    odds = np.log(found.posterior[rows, best[:, 0]] / found.posterior[rows, best[:, 1]])
    np.testing.assert_allclose(found.score_difference / tau, odds, rtol=1e-2, atol=1e-3)
    np.testing.assert_allclose(found.evidence.sum((1, 2)), found.score_difference, rtol=1e-4, atol=1e-4)


def test_two_classes_are_compared_in_their_order():
    assert compared_classes(torch.tensor([[1.0, 2.0], [2.0, 1.0]])).tolist() == [[0, 1], [0, 1]]
    assert compared_classes(torch.tensor([[1.0, 3.0, 2.0]])).tolist() == [[1, 2]]


def test_an_edit_may_change_all_of_a_gray_picture_and_blacken_it():
    black, white = torch.full((1, 1, 8, 8), -1.0), torch.ones(1, 1, 8, 8)
    assert cell_mask(black).all()
    bounds = bounds_of(white, cell_mask(white), torch.ones_like(white), torch.tensor([False]))
    assert torch.equal(bounds.hold(black), black)
    assert not cell_mask(black.expand(-1, 3, -1, -1)).any()


def test_an_edit_of_a_digit_keeps_to_the_contract(reader):
    images = [drawn_digit(label, 9) for label in (2, 6)]
    edit = reader.counterfactual(images, target="7")
    assert edit.original.shape == edit.images.shape == (2, 16, 16, 3)
    assert edit.difference.shape == (2, 16, 16, 3)
    assert [picture.shape for picture in edit.full_resolution] == [(28, 28, 3)] * 2
    assert np.array_equal(edit.target, [7, 7])
    np.testing.assert_allclose(edit.images / 255.0 - edit.original / 255.0, edit.difference, atol=1e-6)
    with pytest.raises(ValueError, match="must be named"):
        reader.counterfactual(images)


def test_adapting_to_other_digits_and_what_it_brings(checkpoint, mnist, tmp_path):
    """USPS's layout: adapted to its training part without labels, measured on its test part."""
    usps, manifest = write_npz(tmp_path / "usps.npz"), checkpoint / "manifest.json"
    inputs = Inputs({"digits": mnist, "usps": usps}, tmp_path, manifest=manifest, device="cpu")
    study = MnistToUsps(images=40, draws=3)
    found = study.measure(inputs)
    run, figures = tmp_path / "mnist-28-on-usps", found.measured
    entry = json.loads((run / "manifest.json").read_text())["checkpoints"]["mnist-28"]
    assert entry["metrics"] == {} and "then 20 images of 'usps.npz' without labels" in entry["provenance"]["source"]
    assert (figures["other"]["n"], figures["own_validation"]["n"]) == (10, 12)
    before = Explainer.load("mnist-28", "cpu", manifest)
    after = Explainer.load(str(run), "cpu")
    held_out, labels = digits(10, 1000, 16)
    for verdict, read in (
        ("head", lambda e: e.predict(list(held_out)).probabilities),
        ("posterior", lambda e: e.posterior(list(held_out), 3)),
    ):
        was, is_now = ((read(e).argmax(1) == labels).mean() for e in (before, after))
        assert figures["other"][verdict]["before"]["accuracy"] == pytest.approx(was)
        assert figures["other"][verdict]["after"]["accuracy"] == pytest.approx(is_now)
        assert figures["other"][verdict]["after"]["accuracy_gain"] == pytest.approx(is_now - was)
    (table,) = found.tables
    assert [row[:2] for row in table.rows][:2] == [("usps.npz, n 10", "head"), ("usps.npz, n 10", "posterior")]
    written = (run / "manifest.json").stat().st_mtime_ns
    assert replace(study, images=80).measure(inputs).measured == figures  # what is there is not adapted again
    assert (run / "manifest.json").stat().st_mtime_ns == written


def test_a_pack_of_digits_keeps_labels_and_the_given_test_part(mnist, tmp_path):
    assert main(["pack", "--recipe", "mnist-28", "--data", str(mnist), "--out", str(tmp_path / "pack.zip")]) == 0
    packed, cells = load_cells(tmp_path / "pack.zip", LABELS, 28, channels=1), load_cells(mnist, LABELS, 28)
    recipe = load_recipe("mnist-28", ["validation_slides=0.25"])
    split = split_by_recipe(packed.slides, packed.labels.tolist(), recipe)
    assert split.test == tuple(f"test-{i:05d}.webp" for i in range(20))
    at = [packed.slides.index(f"{slide}.webp") for slide in cells.slides]
    assert torch.equal(packed.labels[at], cells.labels)
    assert (packed.images[at].float() - cells.images.float()).abs().mean() < 4
