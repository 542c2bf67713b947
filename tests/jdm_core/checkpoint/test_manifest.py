"""Manifest and weights: checked before they are parsed, and every mismatch said plainly."""

import hashlib
import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from jdm_core import CheckpointError, Explainer
from jdm_core.checkpoint.manifest import MANIFEST, read_manifest
from jdm_core.model.device import choose_device


@pytest.fixture
def manifest(tmp_path):
    """A copy of the manifest and its weights, to be broken."""
    shutil.copytree(MANIFEST.parent, tmp_path / "manifest")
    return tmp_path / "manifest" / "manifest.json"


def edit(manifest, change):
    values = json.loads(manifest.read_text())
    change(values["checkpoints"]["malaria-64"])
    manifest.write_text(json.dumps(values))


def refused(manifest, reason):
    with pytest.raises(CheckpointError, match=reason) as caught:
        Explainer.load("malaria-64", "cpu", manifest)
    assert str(manifest.parent) in str(caught.value)
    assert "\n" not in str(caught.value) or "weights of" in str(caught.value)


def test_changed_byte_is_refused_before_parsing(manifest):
    weights = manifest.parent / "weights/malaria-64.safetensors"
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    refused(manifest, "sha256")


def test_cut_file_is_refused(manifest):
    weights = manifest.parent / "weights/malaria-64.safetensors"
    weights.write_bytes(weights.read_bytes()[:-5])
    refused(manifest, "bytes, where the manifest says")


def test_missing_weights_are_named(manifest):
    (manifest.parent / "weights/malaria-64.safetensors").unlink()
    refused(manifest, "malaria-64.safetensors: No such file")


def test_unknown_field_is_refused(manifest):
    edit(manifest, lambda entry: entry.update(surprise=1))
    refused(manifest, "unknown key 'surprise'")


def test_missing_field_is_refused(manifest):
    edit(manifest, lambda entry: entry.pop("calibration"))
    refused(manifest, "missing key 'calibration'")


def test_unknown_architecture_is_refused(manifest):
    edit(manifest, lambda entry: entry["architecture"].update(transformer_blocks=3))
    refused(manifest, "unknown key 'transformer_blocks'")


def test_other_architecture_than_the_weights_is_refused(manifest):
    edit(manifest, lambda entry: entry["architecture"].update(widths=[64, 128, 128]))
    refused(manifest, "does not hold the weights")


def test_other_prediction_is_refused(manifest):
    edit(manifest, lambda entry: entry["diffusion"].update(prediction="epsilon"))
    refused(manifest, "only v-prediction")


def test_file_of_other_weights_is_refused(manifest):
    weights = manifest.parent / "weights/malaria-64.safetensors"
    save_file({"stem.weight": torch.zeros(3)}, weights)
    data = weights.read_bytes()
    edit(manifest, lambda e: e["files"][0].update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest()))
    refused(manifest, "does not hold the weights")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 9, "checkpoints": {}}'])
def test_broken_manifest_is_refused(manifest, text):
    manifest.write_text(text)
    refused(manifest, "manifest.json")


def test_unknown_name_lists_the_known(manifest):
    with pytest.raises(CheckpointError, match="malaria-64"):
        Explainer.load("malaria-7", "cpu", manifest)


def test_unusable_device_is_refused():
    with pytest.raises(ValueError, match="warp"):
        choose_device("warp")


def test_shipped_weights_are_fp16_and_predict_as_the_exporter_calibrated_them(explainer, cells):
    entry = read_manifest()["malaria-64"]
    weights = load_file(MANIFEST.parent / entry.files[0].path)
    assert entry.files[0].bytes <= 16 * 2**20
    assert {value.dtype for value in weights.values()} == {torch.float16}
    loaded = dict(explainer.network.state_dict())
    assert all(torch.equal(loaded[name], value.float()) for name, value in weights.items())
    again = Explainer.load("malaria-64", "cpu").predict(cells).probabilities
    assert np.array_equal(again, explainer.predict(cells).probabilities)
