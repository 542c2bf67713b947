"""Files that training leaves and reads again: each with a digest that is checked, beside the manifest and in runs."""

import hashlib
import json
import shutil

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from jdm_core import CheckpointError
from jdm_core.checkpoint.manifest import MANIFEST, check_recorded, read_classifiers, read_finders, read_manifest
from tests.support.toy import TINY_OPTIONS, write_toy_zip
from training.cli import main
from training.publish.export import record_classifier, write_manifest
from training.run.classifier import load_classifier, load_judge
from training.run.state import STATE_FILE, StateError, read_state

JUDGE = MANIFEST.parent / "weights" / "judge-64.safetensors"
LABELS = ("Parasitized", "Uninfected")


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return write_toy_zip(tmp_path_factory.mktemp("data") / "cells.zip")


@pytest.fixture(scope="module")
def run(toy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(train_command(toy, folder)) == 0
    return folder


def train_command(toy, run, *more):
    return ["train", "--data", str(toy), "--run", str(run), "--device", "cpu", *TINY_OPTIONS, *more]


@pytest.fixture
def manifest(tmp_path):
    """A manifest with the judge beside it."""
    (tmp_path / "weights").mkdir()
    shutil.copy(MANIFEST, tmp_path)
    shutil.copy(JUDGE, tmp_path / "weights")
    return tmp_path / "manifest.json"


def test_every_file_beside_the_manifest_is_recorded():
    networks = [*read_classifiers().values(), *read_finders().values()]
    files = [entry.files[0] for entry in read_manifest().values()] + networks
    recorded = {file.path: (file.bytes, file.sha256) for file in files}
    there = [path for path in (MANIFEST.parent / "weights").rglob("*") if path.is_file()]
    assert {path.relative_to(MANIFEST.parent).as_posix() for path in there} == set(recorded)
    for path in there:
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        assert recorded[path.relative_to(MANIFEST.parent).as_posix()] == (len(data), digest)


def test_a_changed_judge_is_refused_before_it_is_parsed(manifest, capsys):
    judge = manifest.parent / "weights" / JUDGE.name
    load_judge(judge, LABELS)
    data = bytearray(judge.read_bytes())
    data[-9] ^= 1
    judge.write_bytes(data)
    with pytest.raises(CheckpointError, match="its sha256 is not the manifest's"):
        load_judge(judge, LABELS)
    judge.write_bytes(data[:-1])
    with pytest.raises(CheckpointError, match="bytes, where the manifest says"):
        load_judge(judge, LABELS)
    judge.rename(judge.with_name("other.safetensors"))
    with pytest.raises(CheckpointError, match=r"records no classifier of this name"):
        load_judge(judge.with_name("other.safetensors"), LABELS)


@pytest.mark.train
def test_a_command_says_in_one_line_that_its_judge_was_changed(manifest, toy, capsys, tmp_path):
    judge = manifest.parent / "weights" / JUDGE.name
    judge.write_bytes(judge.read_bytes()[:-1] + b"\xff")
    options = ["--data", str(toy), "--judge", str(judge), "--out", str(tmp_path / "x.json"), "--device", "cpu"]
    assert main(["edits", "--cells", "1", *options]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "judge-64.safetensors: its sha256 is not the manifest's" in error


@pytest.mark.train
def test_a_classifier_that_is_trained_beside_a_manifest_is_recorded(manifest, toy):
    checkpoints = json.loads(manifest.read_text())["checkpoints"]
    out = manifest.parent / "weights" / "mine.safetensors"
    options = ["--architecture", "resnet18", "--data", str(toy), "--images", "8", "--out", str(out), "--device", "cpu"]
    assert main(["classifier", *options, *TINY_OPTIONS]) == 0
    assert list(read_classifiers(manifest)) == ["judge-64", "rival-64", "rival-64-abroad", "witness-64", "mine"]
    assert json.loads(manifest.read_text())["checkpoints"] == checkpoints
    assert load_classifier(out).labels == LABELS


def test_checkpoints_are_written_beside_the_classifiers(manifest):
    values = json.loads(manifest.read_text())
    write_manifest(manifest, {"mnist-28": values["checkpoints"]["mnist-28"]})
    assert list(read_manifest(manifest)) == ["mnist-28"]
    assert list(read_classifiers(manifest)) == ["judge-64", "rival-64", "rival-64-abroad", "witness-64"]
    write_manifest(manifest.parent / "new.json", values["checkpoints"])
    assert "classifiers" not in json.loads((manifest.parent / "new.json").read_text())


def test_what_lies_elsewhere_is_its_owners(tmp_path):
    shutil.copy(JUDGE, tmp_path / "mine.safetensors")
    check_recorded(tmp_path / "mine.safetensors")
    record_classifier(tmp_path / "mine.safetensors")
    assert load_judge(tmp_path / "mine.safetensors", LABELS)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.safetensors"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda weights, facts: weights["fc.bias"].fill_(float("nan")), "fc.bias is not finite"),
        (lambda weights, facts: weights["bn1.running_var"].fill_(-1), "a picture is not finite"),
        (lambda weights, facts: weights.pop("fc.bias"), "1 tensors are missing"),
        (lambda weights, facts: facts.update(labels=["a"] * 1_000_000), "labels: 1000000 of them"),
        (lambda weights, facts: facts.update(labels=[["a"], {}]), "labels"),
        (lambda weights, facts: facts.update(kind="other"), "kind"),
        (lambda weights, facts: facts.update(kind=None), "kind"),
        (lambda weights, facts: facts.update(temperature=-1), "temperature"),
        (lambda weights, facts: facts.update(kind="encoder"), "kind"),
        (lambda weights, facts: facts.update(architecture=3), "architecture"),
    ],
)
def test_a_strange_classifier_is_refused(tmp_path, spoil, reason):
    path = tmp_path / "judge.safetensors"
    with safe_open(JUDGE, "pt") as file:
        facts = json.loads(file.metadata()["judge"])
    weights = load_file(JUDGE)
    spoil(weights, facts)
    save_file(weights, path, metadata={"classifier": json.dumps(facts)})
    with pytest.raises(StateError, match=reason) as caught:
        load_classifier(path)
    assert str(path) in str(caught.value)


def test_a_classifier_without_end_is_not_read(tmp_path):
    (tmp_path / "judge.safetensors").symlink_to("/dev/zero")
    with pytest.raises(StateError, match="not a regular file"):
        load_classifier(tmp_path / "judge.safetensors")


def places(data: bytes) -> dict[str, int]:
    """Where to change a byte of a state: in its facts, its digest, the names of both, and in the values."""
    return {
        "facts": data.index(b'\\"seconds\\": ') + 14,
        "digest": data.index(b'"sha256":"') + 12,
        "its name": data.index(b'"sha256"') + 3,
        "the facts' name": data.index(b'"run"') + 2,
        "the first value": 8 + int.from_bytes(data[:8], "little"),
        "a value": len(data) * 2 // 3,
        "the last value": len(data) - 1,
    }


@pytest.mark.train
@pytest.mark.parametrize(
    "place", ["facts", "digest", "its name", "the facts' name", "the first value", "a value", "the last value"]
)
def test_a_damaged_state_is_refused_wherever_it_is_damaged(run, toy, tmp_path, capsys, place):
    folder = shutil.copytree(run, tmp_path / "run")
    data = bytearray((folder / STATE_FILE).read_bytes())
    data[places(bytes(data))[place]] ^= 1
    (folder / STATE_FILE).write_bytes(data)
    with pytest.raises(StateError, match=r"damaged|not a training state"):
        read_state(folder)
    assert main(train_command(toy, folder, "--resume")) == 1
    assert str(folder / STATE_FILE) in capsys.readouterr().err
    options = ["--run", str(folder), "--data", str(toy), "--manifest", str(tmp_path / "manifest.json")]
    assert main(["export", *options, "--cells", "8", "--device", "cpu"]) == 1
    assert str(folder / STATE_FILE) in capsys.readouterr().err


@pytest.mark.train
def test_a_state_of_earlier_code_is_read(run, tmp_path):
    with safe_open(run / STATE_FILE, "pt") as file:
        metadata = {"run": file.metadata()["run"]}
    save_file(load_file(run / STATE_FILE), tmp_path / STATE_FILE, metadata)
    before, after = read_state(run), read_state(tmp_path)
    assert before.step == after.step
    assert all(torch.equal(value, after.tensors[name]) for name, value in before.tensors.items())
