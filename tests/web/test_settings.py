"""The settings of the server: where they come from, and what is refused."""

from pathlib import Path

import pytest

import app
from web.settings import Settings, SettingsError, read_settings, settings_table

ROOT = Path(__file__).resolve().parents[2]


def test_the_documents_have_the_table_of_the_settings():
    assert settings_table() in (ROOT / "docs/serving.md").read_text(encoding="utf-8")


def test_the_command_line_goes_before_the_environment():
    environment = {"GRADIO_SERVER_PORT": "7999", "GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_MCP_SERVER": "True"}
    settings = read_settings(["--port", "8001", "--no-mcp"], environment)
    assert (settings.host, settings.port, settings.mcp) == ("0.0.0.0", 8001, False)
    assert read_settings([], {}) == Settings()
    assert read_settings([], {"PLASMOLENS_KEPT_SECONDS": ""}).kept_seconds == 3600


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (["--port", "http"], {}, "--port: 'http' is not a whole number"),
        ([], {"GRADIO_SERVER_PORT": "70000"}, "GRADIO_SERVER_PORT: 70000, where 1 to 65535"),
        ([], {"PLASMOLENS_KEPT_SECONDS": "0"}, "PLASMOLENS_KEPT_SECONDS: 0, where 1 or more"),
        (["--device", "tpu"], {}, "--device: 'tpu', where one of auto"),
        ([], {"GRADIO_MCP_SERVER": "maybe"}, "GRADIO_MCP_SERVER: 'maybe', where true or false"),
        (["--login", "nobody"], {}, "login: neither USER:PASSWORD nor a file"),
        (["--login", "nobody:"], {}, "login: every line must be USER:PASSWORD"),
    ],
)
def test_a_value_that_cannot_be_followed_is_named(arguments, environment, words):
    with pytest.raises(SettingsError, match=words):
        read_settings(arguments, environment)


def test_a_bad_setting_is_one_line_and_a_status(capsys):
    assert app.main(["--queue-length", "none"]) == 2
    assert capsys.readouterr().err == "error: --queue-length: 'none' is not a whole number\n"


def test_logins_come_from_a_file_and_are_never_shown(tmp_path):
    file = tmp_path / "logins"
    file.write_text("ann:pass:word\n\nben:other\n")
    assert read_settings(["--login", str(file)], {}).logins() == [("ann", "pass:word"), ("ben", "other")]
    settings = read_settings(["--login", "ann:secret"], {})
    assert settings.logins() == [("ann", "secret")] and "secret" not in repr(settings)
