"""Checkpoints from elsewhere: whatever their words and weights are, one clear line, or a model with finite figures."""

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from jdm_core import CheckpointError, Explainer
from jdm_core.checkpoint.card import model_card
from jdm_core.checkpoint.familiarity import COLOURS, Ellipsoid, Familiarity, trait_count
from jdm_core.checkpoint.manifest import MANIFEST, read_manifest
from jdm_core.checkpoint.pretrained import save_pretrained
from jdm_core.model.network import JointDiffusionNetwork
from tests.support.warm_python import warm_python
from web.page import figures

ROOT = MANIFEST.parents[1]
CELL = np.full((20, 20, 3), 180, np.uint8)
MUTATIONS = (None, 0, -1, float("nan"), "", [], {}, 10**30, 1e308, True, [[]], "x" * 5000)
WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """A folder with a tiny network, of which the words are a manifest's entry too."""
    folder = tmp_path_factory.mktemp("saved")
    shipped = read_manifest()["malaria-64"]
    architecture = replace(
        shipped.architecture,
        image_size=16,
        widths=(16, 32),
        blocks=(1, 1),
        attention=(1,),
        embedding=32,
        head_widths=(),
    )
    traits = trait_count(2)
    known = Familiarity(*(Ellipsoid((0.0,) * d, tuple((0.1,) * (i + 1) for i in range(d))) for d in (traits, COLOURS)))
    checkpoint = replace(
        shipped,
        architecture=architecture,
        preprocessing=replace(shipped.preprocessing, size=16),
        calibration=replace(shipped.calibration, familiarity=known),
    )
    torch.manual_seed(1)
    save_pretrained(JointDiffusionNetwork(architecture).eval(), checkpoint, "tiny", folder)
    return folder


@pytest.fixture
def config(saved) -> dict[str, Any]:
    return json.loads((saved / "config.json").read_text())


@pytest.fixture
def folder(saved, tmp_path) -> Path:
    """A folder with the network as config.json and as a manifest describe it, to be broken."""
    for file in ("config.json", WEIGHTS):
        (tmp_path / file).write_bytes((saved / file).read_bytes())
    describe(tmp_path, json.loads((saved / "config.json").read_text()))
    return tmp_path


def describe(folder: Path, config: dict[str, Any]) -> None:
    (folder / "config.json").write_text(json.dumps(config))
    entry = {key: value for key, value in config.items() if key not in ("format", "name")}
    (folder / "manifest.json").write_text(json.dumps({"format": 1, "checkpoints": {"tiny": entry}}))


def put_weights(folder: Path, config: dict[str, Any], data: bytes) -> None:
    (folder / WEIGHTS).write_bytes(data)
    config["files"][0] |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    describe(folder, config)


def refused(folder: Path, reason: str) -> None:
    """Both ways to load it end in one short line."""
    for loads in (lambda: Explainer.load(str(folder), "cpu"), lambda: Explainer.from_pretrained(folder, "cpu")):
        with pytest.raises(CheckpointError, match=reason) as caught:
            loads()
        assert str(caught.value).isprintable() and len(str(caught.value)) < 1000


def leaves(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """Where in JSON's values anything stands; of long lists of numbers the ends alone."""
    if path:
        yield path
    if isinstance(value, dict):
        for key in value:
            yield from leaves(value[key], (*path, key))
    elif isinstance(value, list):
        for i in sorted({0, len(value) - 1}) if value else ():
            yield from leaves(value[i], (*path, i))


def mutated(values: dict[str, Any], path: tuple, value: Any) -> dict[str, Any]:
    copy = json.loads(json.dumps(values))
    *above, last = path
    place = copy
    for key in above:
        place = place[key]
    place[last] = value
    return copy


@pytest.mark.slow
@pytest.mark.parametrize("share", [5, pytest.param(1, marks=pytest.mark.long)], ids=["a fifth", "all"])
def test_each_word_of_a_manifest_may_be_anything(folder, config, share):
    """The figures, which nothing reads before the page and the card do, a few of them; all else whole.

    Of a share of the values that each word may have, the next ones for the next word.
    """
    config["metrics"] = {"n": 3, "head": {"accuracy": 0.5, "accuracy_interval": [0.1, 0.9]}, "test_set": "x"}
    config["provenance"]["recipe"] = {"batch_size": 8}
    tried, loaded = 0, 0
    for number, path in enumerate(leaves(config)):
        if path in (("format",), ("name",)):
            continue
        for value in MUTATIONS[number % share :: share]:
            describe(folder, mutated(config, path, value))
            tried += 1
            try:
                explainer = Explainer.load(str(folder), "cpu")
            except CheckpointError as error:
                assert str(error).isprintable() and len(str(error)) < 1000, (path, value, str(error))
                continue
            prediction = explainer.predict(CELL)
            assert prediction.probabilities.sum() == pytest.approx(1, abs=1e-3), (path, value)
            if explainer.checkpoint.calibration.familiarity is not None:
                assert np.isfinite(prediction.unfamiliarity).all(), (path, value)
            if path[0] in ("architecture", "calibration", "diffusion"):
                elbo = explainer.elbo(CELL, draws=3)
                scores = (elbo.elbo, elbo.posterior, elbo.evidence)
                assert all(np.isfinite(each).all() for each in scores), (path, value)
            loaded += 1
    assert tried > 800 / share and loaded > 50 / share


def test_the_figures_of_a_checkpoint_may_be_anything_to_the_page_and_the_card(config):
    """The page tells what it can read, in a sentence of its own for each figure; all else is one line that says so."""
    checkpoint, told = read_manifest()["malaria-64"], set()
    usual, unreadable = figures(config["metrics"]), "The test figures that are recorded for this model cannot be read."
    verdicts = {(name, *figure) for name in ("head", "posterior") for figure in ((), ("accuracy",), ("auroc",))}
    read = verdicts | {("n",), ("slides",), ("test_set",)}
    for path in leaves(config["metrics"]):
        if path[0] in ("head", "posterior", "test_set", "n", "slides", "agreement"):
            for value in (None, "", [], {}, 0.25):
                metrics = mutated(config["metrics"], path, value)
                words = figures(metrics)
                if path not in read:
                    assert words == usual, (path, value)
                elif value == 0.25 and path[-1] in ("accuracy", "auroc", "n", "slides"):
                    told.add(words)
                elif (path, value) != (("test_set",), ""):
                    assert words == unreadable, (path, value)
                else:
                    assert "slides (no name recorded)" in words
                try:
                    card = model_card("tiny", replace(checkpoint, metrics=metrics))
                    assert path != ("test_set",) or value or "`tiny` on the test set without a name" in card
                except CheckpointError as error:
                    assert "its figures are not what" in str(error)
    assert len(told) == 6 and not told & {usual, unreadable}


@pytest.mark.parametrize("where", [(), ("calibration",), ("provenance", "recipe"), ("metrics",), ("files", 0)])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_deep_words_are_refused(folder, config, where, opening):
    marked = json.dumps(mutated(config, where, "HERE") if where else "HERE")
    deep = opening * 200_000 + "1" + ("]" if opening == "[" else "}") * 200_000
    (folder / "config.json").write_text(marked.replace('"HERE"', deep))
    (folder / "manifest.json").write_text(f'{{"format": 1, "checkpoints": {{"tiny": {deep}}}}}')
    refused(folder, "nested too deeply")


@pytest.mark.parametrize(
    "text", ["", "{", "null", "[]", "1", '"x"', "{}", "9" * 5000, '{"format": 1e999}', '{"format": NaN}', "\ufeff{}"]
)
def test_words_that_are_none_are_refused(folder, text):
    for file in ("config.json", "manifest.json"):
        (folder / file).write_text(text, encoding="utf-8")
    refused(folder, f"{folder}")


def test_words_without_end_are_not_read(folder):
    for file in ("config.json", "manifest.json"):
        (folder / file).unlink()
        (folder / file).symlink_to("/dev/zero")
    with pytest.raises(CheckpointError, match="leads out of"):
        Explainer.from_pretrained(folder, "cpu")
    with pytest.raises(CheckpointError, match="no checkpoint"):
        Explainer.load(str(folder), "cpu")
    with pytest.raises(CheckpointError, match="not a regular file"):
        Explainer.load("tiny", "cpu", folder / "manifest.json")
    (folder / "large.json").write_bytes(b" " * (5 * 2**20))
    with pytest.raises(CheckpointError, match="larger than"):
        Explainer.load("tiny", "cpu", folder / "large.json")


@pytest.mark.parametrize(
    ("key", "values", "reason"),
    [
        (("calibration", "temperature"), (0, -1, -0.9, 1e-300, 1e300), "temperature"),
        (("calibration", "posterior_temperature"), (0, -1, 1e-300), "posterior_temperature"),
        (("calibration", "posterior_bias"), (1e300,), "posterior_bias"),
        (("architecture", "widths"), ([16_000_000, 16_000_000], [], [16] * 2000), "architecture"),
        (("architecture", "blocks"), ([10**9, 1], [0, 1]), "block count"),
        (("architecture", "embedding"), (10**12, 0, 30), "embedding"),
        (("architecture", "classes"), (10**9, 0, 1), "classes"),
        (("architecture", "image_size"), (0, 10**9, -16), "image_size"),
        (("architecture", "fold"), (0, 10**9, -2), "fold"),
        (("thresholds",), ({}, {"unsure_below": 0.8}), "thresholds: missing key"),
        (("labels",), (["a", "a"], ["", "b"], ["a\n", "b"]), "labels"),
        (("preprocessing", "size"), (64,), "preprocessing"),
        (("dtype",), ("float64", "pickle"), "dtype"),
    ],
)
def test_what_would_mislead_or_fill_the_memory_is_refused(folder, config, key, values, reason):
    for value in values:
        describe(folder, mutated(config, key, value))
        refused(folder, reason)


def test_a_network_is_not_allocated_before_its_weights_are_looked_at(folder, config):
    config["architecture"] |= {"widths": [2048, 2048], "blocks": [16, 16], "embedding": 2048}  # 26 GB
    describe(folder, config)
    refused(folder, r"does not hold the weights of tiny: \d+ tensors are missing")
    import resource

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 8 * 2**20  # KiB


def test_weights_are_finite(folder, config):
    whole = load((folder / WEIGHTS).read_bytes())
    for value in (float("nan"), float("inf"), -float("inf")):
        spoiled = {name: tensor.clone() for name, tensor in whole.items()}
        spoiled["head.3.bias"][0] = value
        put_weights(folder, config, save(spoiled))
        refused(folder, "does not hold the weights of tiny: head.3.bias is not finite")


def test_weights_that_overflow_together_are_refused(folder, config):
    whole = load((folder / WEIGHTS).read_bytes())
    put_weights(folder, config, save({name: torch.full_like(tensor, 6e4) for name, tensor in whole.items()}))
    try:
        prediction = Explainer.from_pretrained(folder, "cpu").predict(CELL)
        assert np.isfinite(prediction.probabilities).all()
    except CheckpointError as error:
        assert "not finite" in str(error)


def test_weights_of_other_names_shapes_and_numbers_are_refused(folder, config):
    whole = load((folder / WEIGHTS).read_bytes())
    less = dict(whole)
    less.pop("stem.weight")
    cases = {
        r"1 tensors are missing and 0 unknown: no stem\.weight": less,
        "0 tensors are missing and 1 unknown: 'more' besides": whole | {"more": torch.zeros(3)},
        r"stem\.bias is \(3,\), where \(16,\) is expected": whole | {"stem.bias": torch.zeros(3)},
        r"stem\.bias is torch\.float64": whole | {"stem.bias": torch.zeros(16, dtype=torch.float64)},
        r"stem\.bias is torch\.int64": whole | {"stem.bias": torch.zeros(16, dtype=torch.int64)},
    }
    for reason, weights in cases.items():
        put_weights(folder, config, save(weights))
        refused(folder, reason)
    for data in (b"x", b"\xff" * 100, save(whole)[:-1], b"\x02" + bytes(7) + b"{}"):
        put_weights(folder, config, data)
        refused(folder, "does not hold the weights")


OUTSIDE = ("/dev/zero", "/etc/passwd", "../model.safetensors", "a/../../x", "..", "C:\\x", "a\\..\\b", "a\0b", "", ".")


@pytest.mark.parametrize("path", OUTSIDE)
def test_paths_stay_in_their_folder(folder, config, path):
    config["files"][0]["path"] = path
    describe(folder, config)
    refused(folder, "not a path within its folder|not the name of a file")


@pytest.mark.parametrize("target", ["/dev/zero", "../outside.safetensors"])
def test_links_do_not_lead_out(folder, target):
    (folder.parent / "outside.safetensors").write_bytes((folder / WEIGHTS).read_bytes())
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).symlink_to(target)
    refused(folder, "a link that leads out of")


def test_links_within_are_followed_and_so_are_those_of_the_hubs_cache(folder, tmp_path_factory, config):
    cache = tmp_path_factory.mktemp("models--someone--cells")
    snapshot, blobs = cache / "snapshots" / "0123", cache / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for i, file in enumerate(("config.json", WEIGHTS)):
        (blobs / f"{i}").write_bytes((folder / file).read_bytes())
        (snapshot / file).symlink_to(f"../../blobs/{i}")
    assert Explainer.from_pretrained(snapshot, "cpu").name == "tiny"
    (folder / WEIGHTS).rename(folder / "real")
    (folder / WEIGHTS).symlink_to("real")
    assert Explainer.from_pretrained(folder, "cpu").name == "tiny"


def test_files_that_are_none_are_refused(folder, config):
    (folder / WEIGHTS).unlink()
    os.mkfifo(folder / WEIGHTS)
    refused(folder, "not a regular file")
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).mkdir()
    refused(folder, "not a regular file")
    (folder / WEIGHTS).rmdir()
    (folder / WEIGHTS).symlink_to(WEIGHTS)
    refused(folder, "cannot be found|Too many|leads out|not a regular")


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ["-m", "jdm_core", "predict", "x.png", "--device", "cpu", "--checkpoint"],
        ["-m", "jdm_core", "explain", "x.png", "--out", "out", "--device", "cpu", "--checkpoint"],
        ["app.py", "--device", "cpu", "--checkpoint"],
    ],
    ids=["predict", "explain", "page"],
)
def test_every_command_says_it_in_one_line(folder, config, command):
    whole = load((folder / WEIGHTS).read_bytes())
    put_weights(folder, config, save({name: tensor * float("nan") for name, tensor in whole.items()}))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GRADIO_SERVER_PORT": "1"}
    done = subprocess.run(
        [warm_python(), *command, str(folder)], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ") and "not finite" in line


@pytest.mark.parametrize("name", ["\0", "x" * 5000, "a\nb", "", ".", "/", "no\u202esuch"])
def test_a_name_may_be_anything(name):
    for loads in (Explainer.load, Explainer.from_pretrained):
        with pytest.raises(CheckpointError) as caught:
            loads(name, "cpu")
        assert len(str(caught.value)) < 1000 and str(caught.value).isprintable()


def test_a_file_named_twice_the_classes_is_not_read(folder, config):
    config["files"] *= 2
    describe(folder, config)
    refused(folder, "2 files, where one")
