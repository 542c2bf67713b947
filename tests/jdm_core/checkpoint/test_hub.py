"""Weights that the manifest names on the hub: fetched once, checked before they are parsed, never for bundled ones."""

import json
import shutil
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from jdm_core.checkpoint.manifest import MANIFEST, read_manifest
from jdm_core.checkpoint.weights import CheckpointError
from tests.support.fake_hub import COMMIT, REPO, FakeHub, load

FILE = "weights/malaria-64.safetensors"


@pytest.fixture(scope="module")
def unanswered(tmp_path_factory):
    """What a client says whom nobody answers, begun at once: it tries for half a minute, beside the other tests."""
    folder = tmp_path_factory.mktemp("unanswered")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    with ThreadPoolExecutor(1) as threads:
        yield threads.submit(load, folder, nobody, published(folder / "here"))


@pytest.fixture
def hub():
    server = FakeHub({FILE: (MANIFEST.parent / FILE).read_bytes()})
    yield server
    server.stop()


def published(folder, **hub):
    """A call that loads a manifest without weights beside it, whose entry names them on the hub."""
    folder.mkdir()
    values = json.loads(MANIFEST.read_text())
    values["checkpoints"]["malaria-64"]["files"][0]["hub"] = {"repo": REPO, "revision": COMMIT, "file": FILE} | hub
    (folder / "manifest.json").write_text(json.dumps(values))
    return "load", "malaria-64", {"manifest": str(folder / "manifest.json")}


@pytest.mark.slow
@pytest.mark.usefixtures("unanswered")
def test_missing_weights_come_from_the_hub_once(hub, tmp_path):
    call = published(tmp_path / "here")
    expected = read_manifest()["malaria-64"].files[0].sha256
    assert load(tmp_path, hub.endpoint, call) == ([expected], True)
    assert [asked.split()[0] for asked in hub.asked] == ["HEAD", "HEAD", "GET"]  # how large it is, before it is fetched
    assert all(asked.endswith(f"/{REPO}/resolve/{COMMIT}/{FILE}") for asked in hub.asked)
    assert load(tmp_path, hub.endpoint, call) == ([expected], True)
    assert len(hub.asked) == 3


@pytest.mark.slow
def test_bundled_weights_ask_nobody(hub, tmp_path):
    expected = read_manifest()["malaria-64"].files[0].sha256
    call = published(tmp_path / "here")
    shutil.copytree(MANIFEST.parent / "weights", tmp_path / "here" / "weights")
    assert load(tmp_path, hub.endpoint, ("load", "malaria-64", {}), call) == ([expected, expected], False)
    assert hub.asked == []


@pytest.mark.slow
def test_what_is_not_the_manifests_file_is_refused(hub, tmp_path):
    data = hub.files[FILE]
    hub.files |= {"changed": data[:-1] + bytes([data[-1] ^ 1]), "cut": data[:-5], "longer": data + b"x"}
    wrong = {
        "changed": "its sha256 is not the manifest's",
        "cut": f"{len(data) - 5} bytes, where the manifest says",
        "longer": f"it has {len(data) + 1} bytes, where at most {len(data)} are expected",
        "absent": f"{REPO}: absent at revision {COMMIT} cannot be fetched from the hub: no such file",
    }
    calls = [published(tmp_path / file, file=file) for file in wrong]
    calls.append(published(tmp_path / "repo", repo="someone/else"))
    calls.append(published(tmp_path / "revision", revision=COMMIT[::-1]))
    reasons = [*wrong.values(), "someone/else: weights/malaria-64.safetensors at revision", "no such revision"]
    outcomes, _ = load(tmp_path, hub.endpoint, *calls)
    assert not [asked for asked in hub.asked if asked.startswith("GET") and asked.endswith("longer")]
    for outcome, reason in zip(outcomes, reasons, strict=True):
        assert reason in outcome
        assert "\n" not in outcome
    assert "no such repository" in outcomes[4]


SILENT = f"{REPO}: {FILE} at revision {COMMIT} cannot be fetched from the hub: it does not answer"


@pytest.mark.slow
def test_told_to_stay_offline_it_says_so(tmp_path):
    (outcome,), _ = load(tmp_path, "http://127.0.0.1:1", published(tmp_path / "here"), HF_HUB_OFFLINE="1")
    assert SILENT in outcome and "\n" not in outcome


def test_a_revision_that_may_move_is_refused(tmp_path):
    published(tmp_path / "here", revision="main")
    with pytest.raises(CheckpointError, match="'main' is not a commit"):
        read_manifest(tmp_path / "here" / "manifest.json")


@pytest.mark.slow
def test_where_nobody_answers_it_says_so(unanswered):
    (outcome,), _ = unanswered.result()
    assert SILENT in outcome and "\n" not in outcome
