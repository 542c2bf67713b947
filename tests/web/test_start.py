"""Starting the app: its settings, and checkpoints that it cannot show."""

import pytest
from gradio.routes import App

import app
from tests.support.server import serving
from web.settings import read_settings


def test_an_unknown_checkpoint_is_one_line(capsys):
    assert app.main(["--checkpoint", "nothing"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and "nothing" in error and error.count("\n") == 1


def test_a_checkpoint_of_other_labels_is_refused_in_one_line(capsys, monkeypatch):
    monkeypatch.setattr("web.__main__.serve", lambda *_: pytest.fail("it is served"))
    assert app.main(["--checkpoint", "mnist-28", "--device", "cpu"]) == 1
    error = capsys.readouterr().err
    assert (
        error.startswith("error: checkpoint: mnist-28 has 10 labels and images of 1 channel,")
        and error.count("\n") == 1
    )


def test_settings_come_from_the_environment(monkeypatch):
    for name, value in {
        "GRADIO_SERVER_NAME": "0.0.0.0",
        "GRADIO_SERVER_PORT": "7999",
        "PLASMOLENS_CHECKPOINT": "other",
    }.items():
        monkeypatch.setenv(name, value)
    options = read_settings([])
    assert (options.host, options.port, options.checkpoint) == ("0.0.0.0", 7999, "other")
    assert read_settings(["--port", "8001"]).port == 8001


@pytest.mark.slow
def test_gradio_makes_its_application_once(explainer, tmp_path, monkeypatch):
    """It is half of a start: Gradio would make it four times."""
    made, create = [], App.create_app

    def counted(*given, **named):
        made.append(given)
        return create(*given, **named)

    monkeypatch.setattr(App, "create_app", counted)
    with serving(explainer, tmp_path) as running:
        assert len(made) == 1 and running.app is running.blocks.app
