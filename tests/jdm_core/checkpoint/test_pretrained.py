"""Checkpoints as folders of their own: everything comes back equal, from a folder and from the hub."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load_file

from jdm_core import CheckpointError, Explainer
from jdm_core.checkpoint.manifest import MANIFEST
from jdm_core.report.report import NOTICE
from tests.support.fake_hub import COMMIT, REPO, FakeHub, load
from training.cli import main

FILES = {"README.md", "config.json", "model.safetensors"}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "malaria"
    assert main(["hub", "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A copy of a saved folder, to be broken."""
    for file in FILES:
        (tmp_path / file).write_bytes((saved / file).read_bytes())
    return tmp_path


def test_a_saved_checkpoint_comes_back_equal(explainer, saved, cells):
    assert {path.name for path in saved.iterdir()} == FILES
    loaded = Explainer.from_pretrained(saved, "cpu")
    assert loaded.name == explainer.name
    assert replace(loaded.checkpoint, files=explainer.checkpoint.files) == explainer.checkpoint
    shipped = load_file(MANIFEST.parent / explainer.checkpoint.files[0].path)
    weights = load_file(saved / "model.safetensors")
    assert weights.keys() == shipped.keys()
    assert all(weights[name].dtype == torch.float16 for name in shipped)
    assert all(torch.equal(weights[name], shipped[name]) for name in shipped)
    assert np.array_equal(loaded.predict(cells[:2]).probabilities, explainer.predict(cells[:2]).probabilities)


def test_saved_again_it_is_the_same_files(saved, tmp_path):
    Explainer.from_pretrained(saved, "cpu").save_pretrained(tmp_path / "deep" / "again")
    for file in FILES:
        assert (tmp_path / "deep" / "again" / file).read_bytes() == (saved / file).read_bytes()


def test_the_card_says_what_the_hub_and_a_reader_need(explainer, saved):
    card = ModelCard.load(saved / "README.md")
    front, metrics = card.data, explainer.checkpoint.metrics
    assert (front.license, front.library_name, front.pipeline_tag) == ("mit", "plasmolens", "image-classification")
    assert "research-use-only" in front.tags
    values = {result.metric_name: result for result in front.eval_results}
    assert values["head: accuracy"].metric_value == metrics["head"]["accuracy"]
    assert values["posterior: auroc"].metric_value == metrics["posterior"]["auroc"]
    for result in values.values():
        assert result.dataset_name == metrics["test_set"]
        assert result.dataset_args == {"cells": metrics["n"], "slides": metrics["slides"]}
    assert NOTICE in card.text
    assert f"n = {metrics['n']} cells" in card.text
    assert explainer.checkpoint.provenance.split_digest in card.text


def test_a_card_without_figures_says_so(explainer, tmp_path):
    provenance = replace(explainer.checkpoint.provenance, licence="ask us")
    checkpoint = replace(explainer.checkpoint, metrics={}, provenance=provenance)
    Explainer(explainer.network, checkpoint, "mine", explainer.device).save_pretrained(tmp_path)
    card = ModelCard.load(tmp_path / "README.md")
    assert card.data.eval_results is None
    assert (card.data.license, card.data.license_name) == ("other", "ask us")
    assert "No figures are recorded for `mine`" in card.text


def test_a_card_written_by_hand_stays(explainer, tmp_path):
    (tmp_path / "README.md").write_text("by hand")
    explainer.save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_text() == "by hand"
    assert {path.name for path in tmp_path.iterdir()} == FILES


def test_weights_beyond_fp16_are_refused(explainer, tmp_path):
    other = Explainer.load("malaria-64", "cpu")
    next(other.network.parameters()).fill_(1e6)
    with pytest.raises(CheckpointError, match="not finite in fp16"):
        other.save_pretrained(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def refused(folder, reason):
    with pytest.raises(CheckpointError, match=reason) as caught:
        Explainer.from_pretrained(folder, "cpu")
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_weights_are_refused(folder):
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    refused(folder, "sha256")
    (folder / "model.safetensors").unlink()
    refused(folder, "No such file")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda config: config.update(format=9), "not a checkpoint of format 1"),
        (lambda config: config.pop("name"), "missing key 'name'"),
        (lambda config: config.pop("calibration"), "missing key 'calibration'"),
        (
            lambda config: config["files"][0].update(path="../model.safetensors"),
            "path: .* is not a path within its folder",
        ),
    ],
)
def test_another_config_is_refused(folder, change, reason):
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))
    refused(folder, reason)


@pytest.mark.parametrize("text", [None, "", "[]"])
def test_no_config_is_refused(folder, text):
    (folder / "config.json").unlink()
    if text is not None:
        (folder / "config.json").write_text(text)
    refused(folder, "config.json")


def test_a_folder_has_no_revision(folder):
    with pytest.raises(CheckpointError, match="has no revision"):
        Explainer.from_pretrained(folder, "cpu", revision="main")


@pytest.mark.slow
def test_the_hub_gives_what_was_saved(saved, tmp_path):
    hub = FakeHub({file: (saved / file).read_bytes() for file in FILES})
    calls = [
        ("from_pretrained", REPO, {}),
        ("from_pretrained", REPO, {"revision": COMMIT}),
        ("from_pretrained", REPO, {"revision": "v9"}),
        ("from_pretrained", "no folder", {}),
    ]
    outcomes, _ = load(tmp_path, hub.endpoint, *calls)
    hub.stop()
    digest = json.loads((saved / "config.json").read_text())["files"][0]["sha256"]
    assert outcomes[:2] == [digest, digest]
    assert "config.json at revision v9 cannot be fetched from the hub: no such revision" in outcomes[2]
    assert "nor is there such a folder here" in outcomes[3]
    assert all("\n" not in outcome for outcome in outcomes)
