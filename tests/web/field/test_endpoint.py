"""The endpoint of fields: the contract's fields as JSON, and what is refused."""

import json

import gradio as gr
import numpy as np
import pytest

from web.field.endpoint import add_field_endpoint, field_fields


@pytest.fixture(scope="module")
def endpoint(explainer):
    with gr.Blocks() as blocks:
        add_field_endpoint(explainer, {})
    (function,) = (fn for fn in blocks.fns.values() if fn.api_name == "field")
    return function.fn


def test_the_endpoint_tells_what_the_explainer_does(endpoint, uploads, explainer, field_files):
    told = endpoint(uploads[0], 3, 1, "as given")
    read = explainer.field(str(field_files[0]), 3, 1, "as given")
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["file"] == "field 1.png" and told["counts"] == read.found.counts and told["seed"] == 1
    assert told["status"] == read.status.tolist() and told["order"] == read.order.tolist()
    np.testing.assert_allclose(told["boxes"], read.boxes, atol=0.01)
    asked = ~np.isnan(read.posterior[:, 0])
    assert [row[0] is None for row in told["posterior"]] == (~asked).tolist()
    assert len(told["outlines"]) == len(told["unfamiliarity"]) == len(told["suspicious"]) == len(read.status)
    assert "estimate" in told and "Research use only" in told["notice"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((2, 0, "matched"), "draws: 2"), ((3, -1, "matched"), "seed: -1"), ((3, 0, "blue"), "colours: 'blue'")],
)
def test_settings_that_cannot_be_followed_are_named(endpoint, uploads, arguments, words):
    with pytest.raises(gr.Error, match=words):
        endpoint(uploads[0], *arguments)


def test_a_file_that_is_no_picture_says_why(endpoint, bad):
    with pytest.raises(gr.Error, match="none given"):
        endpoint(None)
    with pytest.raises(gr.Error, match="not a PNG, JPEG"):
        endpoint({"path": str(bad), "orig_name": "notes.png"})


def test_the_fields_of_a_record_are_plain(one_read):
    assert json.dumps(field_fields(one_read.read), allow_nan=False)
