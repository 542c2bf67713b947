"""Classifiers alone: each kind learns and loads back, an older judge loads, what is no classifier says so."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file

from jdm_core.images.pixels import as_images
from jdm_core.model.diffusion import LOGSNR_MAX
from jdm_core.model.network import JointDiffusionNetwork
from tests.support.toy import TINY, TINY_OPTIONS, write_toy_zip
from tests.support.toy_microscopes import write_microscopes
from training.cli import main
from training.data.cells import load_cells
from training.data.microscopes.trained import Abroad
from training.data.split import labelled_subset
from training.run.classifier import (
    CHOOSER,
    EncoderClassifier,
    class_logits,
    judge_probabilities,
    load_classifier,
    load_judge,
)
from training.run.fit_classifier import ClassifierRecipe, complete_encoder, train_classifier
from training.run.recipe import load_recipe, split_cells
from training.run.state import StateError

pytestmark = pytest.mark.train

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def recipe():
    return load_recipe("malaria-64", TINY)


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return write_toy_zip(tmp_path_factory.mktemp("data") / "cells.zip")


@pytest.fixture(scope="module")
def parts(toy, recipe):
    cells = load_cells(toy, recipe.labels, 16)
    split = split_cells(cells, recipe)
    return cells.of_slides(split.train), cells.of_slides(split.validation)


@pytest.mark.parametrize("kind", ["judge", "resnet18", "encoder", "cnn"])
def test_each_kind_trains_and_loads_back(kind, recipe, parts, tmp_path):
    out = tmp_path / f"{kind}.safetensors"
    settings = ClassifierRecipe.like(recipe, kind, images=96, seed=5)
    figures = train_classifier(settings, *parts, "digest", out, CPU)
    classifier = load_classifier(out)
    assert (classifier.kind, classifier.labels, classifier.split_digest) == (kind, recipe.labels, "digest")
    assert classifier.temperature == figures["temperature"]
    images = as_images(parts[1].images)
    p = classifier.probabilities(images, CPU)
    expected = (class_logits(classifier.network, images, CPU) / classifier.temperature).softmax(1)
    assert p == pytest.approx(expected.numpy())
    assert abs((p.argmax(1) == parts[1].labels.numpy()).mean() - figures["validation_accuracy"]) < 0.13  # fp16
    with safe_open(out, framework="pt") as file:
        facts = json.loads(file.metadata()["classifier"])
    assert (facts["kind"], facts["seed"], facts["images"]) == (kind, 5, 96)
    assert facts["training_cells"] == len(parts[0])


def test_encoder_alone_learns(recipe, parts, tmp_path):
    settings = ClassifierRecipe.like(recipe, "encoder", images=640, seed=0)
    figures = train_classifier(settings, *parts, "", tmp_path / "encoder.safetensors", CPU)
    assert figures["validation_auroc"] > 0.9


def test_encoder_alone_is_the_joint_network_without_its_decoder(recipe):
    torch.manual_seed(3)
    joint = JointDiffusionNetwork(recipe.architecture).eval()
    torch.manual_seed(3)
    alone = EncoderClassifier(recipe.architecture).eval()
    start = joint.state_dict()
    assert all(torch.equal(value, start[name]) for name, value in alone.network.state_dict().items())
    for parameter in joint.parameters():  # an untrained network does not hear the noise level
        torch.nn.init.normal_(parameter, std=0.1)
    alone.network.load_state_dict(joint.state_dict(), strict=False)
    x = torch.rand(4, 3, 16, 16) * 2 - 1
    torch.testing.assert_close(alone(x), joint.classify(joint.encode(x, torch.full((4,), LOGSNR_MAX))))
    assert {name.split(".")[1] for name, _ in alone.named_parameters()} == {
        "encoder_embedding",
        "stem",
        "encoder",
        "head",
    }


def test_a_rival_that_is_there_is_taken_for_what_it_was_trained_as_alone(recipe, parts, tmp_path):
    path, one = tmp_path / "alone.safetensors", replace(recipe, images=16)
    first = complete_encoder(one, *parts, "digest", path, CPU)
    written = path.read_bytes()
    images = as_images(parts[1].images)
    again = complete_encoder(one, *parts, "digest", path, CPU).probabilities(images, CPU)
    assert np.array_equal(again, first.probabilities(images, CPU))
    for other, digest, reason in (
        (replace(one, seed=1), "digest", "these differ: seed"),
        (replace(one, images=32, appearance=0.5), "digest", "these differ: appearance, images"),
        (replace(one, label_share=0.3), "digest", "these differ: training_cells"),
        (one, "another", "these differ: split_digest"),
    ):
        with pytest.raises(StateError, match=rf"alone\.safetensors: trained otherwise; {reason}$"):
            complete_encoder(other, *parts, digest, path, CPU)
    assert path.read_bytes() == written


def test_bundled_judge_loads_as_before():
    judge = load_judge(CHOOSER, ("Parasitized", "Uninfected"))
    with pytest.raises(ValueError, match=r"judges .* not .*'0', '1'"):
        load_judge(CHOOSER, ("0", "1"))
    assert len(list(judge.network.layer1)) == 1
    p = judge_probabilities(judge, torch.zeros(2, 3, 64, 64), CPU)
    assert p.sum(1) == pytest.approx(1)
    classifier = load_classifier(CHOOSER)
    assert (classifier.kind, classifier.temperature, classifier.split_digest) == ("judge", 1.0, None)
    assert np.array_equal(classifier.probabilities(torch.zeros(2, 3, 64, 64), CPU), p)


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {"classifier": "{"},
        {"classifier": '{"kind": "vit", "labels": ["a", "b"]}'},
        {"judge": '{"labels": ["a", "b"]}'},
    ],
)
def test_what_is_no_classifier_is_refused(tmp_path, metadata):
    path = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(1)}, path, metadata=metadata)
    with pytest.raises(StateError, match=r"other\.safetensors: not a classifier"):
        load_classifier(path)


def test_command_trains_on_a_share_of_the_labels(toy, tmp_path, capsys):
    out = tmp_path / "encoder.safetensors"
    command = [
        "classifier",
        "--architecture",
        "encoder",
        "--data",
        str(toy),
        "--images",
        "16",
        "--out",
        str(out),
        "--device",
        "cpu",
        *TINY_OPTIONS,
    ]
    assert main([*command, "--set", "label_share=0.3", "--set", "seed=9"]) == 0
    said = capsys.readouterr().out
    with safe_open(out, framework="pt") as file:
        facts = json.loads(file.metadata()["classifier"])
    assert facts["seed"] == 9
    assert f"{facts['training_cells']} training cells" in said
    assert main([*command]) == 0
    with safe_open(out, framework="pt") as file:
        whole = json.loads(file.metadata()["classifier"])
    assert facts["training_cells"] == pytest.approx(0.3 * whole["training_cells"], abs=2)
    assert facts["split_digest"] == whole["split_digest"]


def test_cells_of_other_microscopes_are_learnt_from_with_their_labels(recipe, parts, tmp_path):
    training, validation = parts
    told = replace(training, labels=1 - training.labels, slides=["elsewhere"] * len(training))
    settings = replace(ClassifierRecipe.like(recipe, "cnn", images=640, seed=0), learning_rate=4e-3)
    figures, facts = {}, {}
    for name, abroad in (("without", None), ("with", Abroad(told, 0.875))):
        out = tmp_path / f"{name}.safetensors"
        figures[name] = train_classifier(settings, training, validation, "", out, CPU, abroad)
        facts[name] = load_classifier(out).facts
    assert figures["without"]["validation_auroc"] > 0.9  # where seven of eight cells contradict, it reads the reverse
    assert figures["with"]["validation_auroc"] < 0.1
    assert facts["with"]["abroad"] == ["elsewhere"] and facts["with"]["abroad_share"] == 0.875
    assert facts["with"]["abroad_cells"] == facts["with"]["training_cells"] == len(training)
    assert "abroad" not in facts["without"]


def test_command_takes_the_cells_of_other_microscopes_that_the_recipe_names(toy, tmp_path, capsys):
    sets, out = write_microscopes(tmp_path / "sets"), tmp_path / "encoder.safetensors"
    command = ["classifier", "--architecture", "encoder", "--data", str(toy), "--images", "16", "--out", str(out)]
    command += ["--device", "cpu", *TINY_OPTIONS]
    assert main([*command, "--microscopes", str(sets)]) == 1
    assert "the recipe malaria-64 trains on no cells of other microscopes" in capsys.readouterr().err
    assert not out.exists()
    command += ["--set", "abroad=['mpidb', 'bccd']", "--set", "abroad_share=0.5"]
    assert main([*command, "--microscopes", str(sets)]) == 0
    told = capsys.readouterr()
    facts = load_classifier(out).facts
    assert (facts["abroad"], facts["abroad_share"]) == (["mpidb", "bccd"], 0.5)
    assert f"training cells and {facts['abroad_cells']} of mpidb, bccd" in told.out
    assert "without --microscopes" not in told.err
    assert main(command) == 0
    assert "without --microscopes nothing is trained on cells of mpidb, bccd" in capsys.readouterr().err
    assert "abroad" not in load_classifier(out).facts


def test_labelled_subset_is_stratified_seeded_and_nested():
    labels = torch.tensor([0] * 200 + [1] * 40 + [2])
    some, more = labelled_subset(labels, 0.05, 0), labelled_subset(labels, 0.2, 0)
    assert labels[some].bincount().tolist() == [10, 2, 1]
    assert labels[more].bincount().tolist() == [40, 8, 1]
    assert not (some & ~more).any()
    assert torch.equal(some, labelled_subset(labels, 0.05, 0))
    assert not torch.equal(some, labelled_subset(labels, 0.05, 1))
    assert labelled_subset(labels, 1, 0).all()
    with pytest.raises(ValueError, match=r"label share: 1\.5"):
        labelled_subset(labels, 1.5, 0)


def test_a_classifier_sees_larger_images_at_its_own_size():
    judge = load_judge(CHOOSER, ("Parasitized", "Uninfected"))
    large = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(0)) * 2 - 1
    small = F.interpolate(large, size=(64, 64), mode="bilinear", antialias=True)
    np.testing.assert_array_equal(judge_probabilities(judge, large, CPU), judge_probabilities(judge, small, CPU))
    assert np.abs(judge_probabilities(judge.network, large, CPU) - judge_probabilities(judge, large, CPU)).max() > 1e-3
