"""The endpoints for programs."""

import json
from pathlib import Path

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from jdm_core.cli import main as command_line
from tests.support.one_cell import LABELS, REASON
from web.compute.shared import SharedExplainer
from web.page import LAUNCH, build_page

pytestmark = pytest.mark.usefixtures("drawn_cells_are_cells")


@pytest.fixture(scope="module")
def client(explainer):
    blocks = build_page(SharedExplainer(explainer))
    _, url, _ = blocks.launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1", **LAUNCH)
    yield Client(url, verbose=False)
    blocks.close(verbose=False)


def test_only_the_named_endpoints_are_public(client):
    assert set(client.view_api(return_format="dict")["named_endpoints"]) == {"/predict", "/explain", "/edit", "/field"}


@pytest.mark.slow
def test_predict_endpoint(client, cell, explainer):
    result = client.predict(handle_file(cell), api_name="/predict")
    prediction = explainer.predict(cell)
    assert result["file"] == "drawn cell.png"
    assert result["label"] == LABELS[prediction.probabilities[0].argmax()]
    assert list(result["probabilities"].values()) == pytest.approx(prediction.probabilities[0].tolist(), abs=1e-4)
    assert {"elbo", "elbo_difference", "elbo_difference_standard_error", "posterior"} <= result.keys()
    assert result["draws"] == 16


@pytest.mark.slow
@pytest.mark.parametrize("as_given", [False, True])
def test_the_endpoints_read_the_picture_that_the_command_line_reads(client, bright, as_given, capsys):
    given = ["--as-given"] if as_given else []
    assert command_line(["predict", str(bright), "--json", "--device", "cpu", "--draws", "16", *given]) == 0
    told = json.loads(capsys.readouterr().out)
    result = client.predict(handle_file(bright), as_given, api_name="/predict")
    assert result.keys() == told.keys() and result["found"] == told["found"] == ("as given" if as_given else "cut out")
    for key in ("verdict", "label", "kind", "familiar", "found_note", "colours"):
        assert result.get(key) == told.get(key)
    assert result["probabilities"] == pytest.approx(told["probabilities"], abs=1e-4)
    assert result["posterior"] == pytest.approx(told["posterior"], abs=1e-4)
    (explained, picture), (edited, *_) = (
        client.predict(handle_file(bright), api_name=name, as_given=as_given) for name in ("/explain", "/edit")
    )
    assert explained["found"] == edited["found"] == told["found"] and explained["label"] == told["label"]
    assert (edited["familiar"], edited["kind"]) == (told["familiar"], told["kind"])
    assert Image.open(picture).size == ((512, 455) if as_given else (512, 512))


@pytest.mark.slow
def test_the_endpoints_read_matched_colours_as_the_library_does(client, explainer, cell_files):
    given, matched = (explainer.predict(cell_files[0], colours=colours) for colours in ("as given", "matched"))
    assert np.abs(given.probabilities - matched.probabilities).max() > 1e-6
    file = handle_file(cell_files[0])
    told = client.predict(file, colours="matched", api_name="/predict")
    assert told["colours"] == "matched"
    assert list(told["probabilities"].values()) == pytest.approx(matched.probabilities[0].tolist(), abs=1e-5)
    assert client.predict(file, colours="matched", api_name="/explain")[0]["probabilities"] == told["probabilities"]
    assert client.predict(file, api_name="/predict")["colours"] == "as given"
    for name in ("/predict", "/edit"):
        with pytest.raises(AppError, match="colours"):
            client.predict(file, colours="macenko", api_name=name)


@pytest.mark.slow
def test_the_endpoints_say_when_they_reduce_a_picture(client, large, cell):
    size = {"height": 1170, "width": 1560}
    assert client.predict(handle_file(large), api_name="/predict")["reduced_from"] == size
    assert client.predict(handle_file(large), api_name="/edit")[0]["reduced_from"] == size
    assert "reduced_from" not in client.predict(handle_file(cell), api_name="/predict")


@pytest.mark.slow
def test_explain_endpoint_gives_the_evidence_map(client, cell):
    result, evidence = client.predict(handle_file(cell), api_name="/explain")
    assert result["posterior"].keys() == set(LABELS)
    with Image.open(evidence) as picture:
        assert (picture.format, picture.size) == ("PNG", (512, 384))


@pytest.mark.slow
def test_edit_endpoint(client, cell):
    other = {"Parasitized": "Uninfected", "Uninfected": "Parasitized"}
    target = other[client.predict(handle_file(cell), api_name="/predict")["label"]]
    result, picture, change = client.predict(handle_file(cell), target, api_name="/edit")
    assert result["target"] == target and isinstance(result["flipped"], bool) and result["settings"]["attempts"] > 0
    assert Image.open(picture).size == Image.open(change).size == (512, 384)


@pytest.mark.slow
def test_the_endpoints_take_draws_and_a_seed_and_tell_their_ranges(client, cell, explainer):
    told = client.predict(handle_file(cell), draws=4, seed=3, api_name="/predict")
    assert told["draws"] == 4 and told["likelihood"] == told["posterior"]
    expected = explainer.elbo(np.asarray(Image.open(cell).convert("RGB")), 4, 3)
    assert told["elbo_difference"] == pytest.approx(float(expected.difference[0]), rel=1e-3)
    assert client.predict(handle_file(cell), draws=4, seed=4, api_name="/predict")["elbo"] != told["elbo"]
    for name, numbers, words in (
        ("/predict", {"draws": 2}, "draws: 2 is not a whole number within 3 to 128"),
        ("/explain", {"draws": 4096}, "draws: 4096 is not a whole number within 3 to 128"),
        ("/edit", {"seed": -1}, "seed: -1 is not a whole number within 0 to 2147483647"),
    ):
        with pytest.raises(AppError, match=words):
            client.predict(handle_file(cell), **numbers, api_name=name)


@pytest.mark.slow
def test_the_files_of_the_endpoints_bear_the_name_of_the_upload(client, cell):
    _, evidence = client.predict(handle_file(cell), draws=3, api_name="/explain")
    _, edited, change = client.predict(handle_file(cell), api_name="/edit")
    assert [Path(path).name for path in (evidence, edited, change)] == [
        "drawn_cell_evidence.png",
        "drawn_cell_edited.png",
        "drawn_cell_change.png",
    ]


def test_endpoints_name_bad_files_and_targets(client, bad, cell):
    with pytest.raises(AppError, match=f"notes.png: {REASON}"):
        client.predict(handle_file(bad), api_name="/predict")
    with pytest.raises(AppError, match="target: 'Nonsense'"):
        client.predict(handle_file(cell), "Nonsense", api_name="/edit")
    with pytest.raises(AppError, match="file: none given"):
        client.predict(None, api_name="/predict")


def test_a_file_of_the_server_cannot_be_read(client, cell):
    """Unlike a file that the client's library uploads, one that a request merely names must be refused."""
    for data in ({"path": str(cell), "meta": {"_type": "gradio.FileData"}}, {"path": str(cell)}):
        with httpx.Client(base_url=f"{client.src.rstrip(chr(47))}/gradio_api/call/") as web:
            event = web.post("v2/predict", json={"file": data}).json()["event_id"]
            answer = web.get(f"predict/{event}").text
        assert "event: error" in answer and "probabilities" not in answer
