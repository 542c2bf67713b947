"""What the operator of the page may choose: one dataclass, read from the environment and the command line."""

import argparse
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from web.compute.space import is_space

DEVICES = ("auto", "cpu", "cuda", "mps")
_ORIGIN = re.compile(r"https?://[\w.-]+(:\d+)?")
LEVELS = ("debug", "info", "warning", "error")


class SettingsError(ValueError):
    """A setting that cannot be followed; its text is one line that names the setting."""


def _setting(default: Any, variable: str, words: str, **limits: Any) -> Any:
    metadata = {"variable": variable, "words": words, **limits}
    return field(default=default, metadata=metadata, repr="login" not in variable.lower())


@dataclass(frozen=True)
class Settings:
    """The settings of one server; every field is an option of `app.py` and an environment variable."""

    host: str = _setting("127.0.0.1", "GRADIO_SERVER_NAME", "address to serve on; 0.0.0.0 for every one")
    port: int | None = _setting(None, "GRADIO_SERVER_PORT", "port; none: the first free from 7860", least=1, most=65535)
    root_path: str = _setting("", "GRADIO_ROOT_PATH", "path under which a proxy shows the page, such as /cells")
    login: str = _setting("", "PLASMOLENS_LOGIN", "USER:PASSWORD, or a file of such lines; none: open to all")
    sites: str = _setting("", "PLASMOLENS_SITES", "other sites that may embed and call the page: https://HOST, ...")
    proxies: str = _setting("127.0.0.1", "FORWARDED_ALLOW_IPS", "proxies whose word for a visitor's address is taken")
    checkpoint: str = _setting("malaria-64", "PLASMOLENS_CHECKPOINT", "name in the manifest, or folder of an own one")
    device: str = _setting("auto", "PLASMOLENS_DEVICE", ", ".join(DEVICES), choices=DEVICES)
    upload_megabytes: int = _setting(64, "PLASMOLENS_UPLOAD_MEGABYTES", "limit of a file", least=1, most=256)
    post_megabytes: int = _setting(512, "PLASMOLENS_POST_MEGABYTES", "limit of all files of one upload", least=1)
    queue_length: int = _setting(100, "PLASMOLENS_QUEUE_LENGTH", "jobs that may wait; more are refused", least=1)
    batch_cells: int = _setting(500, "PLASMOLENS_BATCH_CELLS", "images in one batch", least=1, most=100_000)
    disk_megabytes: int = _setting(8192, "PLASMOLENS_DISK_MEGABYTES", "all kept files; half for one visitor", least=1)
    kept_seconds: int = _setting(3600, "PLASMOLENS_KEPT_SECONDS", "age at which files and results go", least=1)
    stop_seconds: int = _setting(10, "PLASMOLENS_STOP_SECONDS", "time for a running job when told to stop", least=0)
    gpu_seconds: int = _setting(60, "PLASMOLENS_GPU_SECONDS", "GPU time of a call on a shared-GPU Space", least=1)
    log_level: str = _setting("info", "PLASMOLENS_LOG_LEVEL", ", ".join(LEVELS), choices=LEVELS)
    debug: bool = _setting(False, "PLASMOLENS_DEBUG", "whole tracebacks, on the terminal and in the log")
    mcp: bool = _setting(False, "GRADIO_MCP_SERVER", 'serve the endpoints to MCP clients (pip install "gradio[mcp]")')

    def logins(self) -> list[tuple[str, str]] | None:
        """Pairs of user and password, or None for a page that is open to all. Raises SettingsError."""
        if not self.login:
            return None
        lines = [self.login]
        if ":" not in self.login or Path(self.login).is_file():
            try:
                lines = [line for line in Path(self.login).read_text(encoding="utf-8").splitlines() if line.strip()]
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or "not text"
                raise SettingsError(f"login: neither USER:PASSWORD nor a file that can be read ({reason})") from error
        pairs = [(user, password) for user, _, password in (line.strip().partition(":") for line in lines)]
        if not pairs or not all(user and password for user, password in pairs):
            raise SettingsError("login: every line must be USER:PASSWORD")
        return pairs

    def other_sites(self) -> tuple[str, ...]:
        """The origins that may embed and call the page; of a Space, the one that shows it. Raises SettingsError."""
        sites = tuple(site.strip().rstrip("/") for site in self.sites.split(",") if site.strip())
        for site in sites:
            if not _ORIGIN.fullmatch(site):
                raise SettingsError(f"sites: {site!r}, where https://HOST is expected")
        return sites or (("https://huggingface.co",) if is_space() else ())


def read_settings(arguments: list[str] | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of a command line, of the environment where that is silent, else the defaults.

    Raises SettingsError for values that cannot be followed, SystemExit for --help and unknown options.
    """
    prog = None if Path(sys.argv[0]).stem == "plasmolens" else "app.py"
    parser = argparse.ArgumentParser(prog=prog, description="Serves the PlasmoLens page. Not for diagnosis.")
    for item in fields(Settings):
        flag = {"action": argparse.BooleanOptionalAction}
        given: dict[str, Any] = flag if item.type is bool else {"metavar": item.name.upper()}
        shown = "" if item.default in ("", None, False) else f"; default: {item.default}"
        words = f"{item.metadata['words']} ({item.metadata['variable']}{shown})"
        parser.add_argument(option(item.name), default=None, help=words, **given)
    options = vars(parser.parse_args(arguments))
    values = {}
    for item in fields(Settings):
        source, value = option(item.name), options[item.name]
        if value is None and (from_environment := environment.get(item.metadata["variable"], "").strip()):
            source, value = item.metadata["variable"], from_environment
        if value is not None:
            values[item.name] = _checked(item, source, value)
    settings = Settings(**values)
    settings.logins()
    settings.other_sites()
    return settings


def option(name: str) -> str:
    """A field's name as an option of the command line."""
    return f"--{name.replace('_', '-')}"


def settings_table() -> str:
    """The settings as a table in Markdown, for docs/serving.md."""
    lines = ["| Option | Variable | Default | What |", "| --- | --- | --- | --- |"]
    for item in fields(Settings):
        default = "" if item.default in ("", None) else f"`{str(item.default).lower()}`"
        meta = item.metadata
        lines.append(f"| `{option(item.name)}` | `{meta['variable']}` | {default} | {meta['words']} |")
    return "\n".join(lines)


def _checked(item: Any, source: str, value: Any) -> Any:
    meta = item.metadata
    if item.type is bool:
        if isinstance(value, bool):
            return value
        if value.lower() not in ("true", "false", "1", "0"):
            raise SettingsError(f"{source}: {value!r}, where true or false is expected")
        return value.lower() in ("true", "1")
    if "least" in meta:
        try:
            number = int(value)
        except ValueError as error:
            raise SettingsError(f"{source}: {value!r} is not a whole number") from error
        if number < meta["least"] or number > meta.get("most", number):
            most = f" to {meta['most']}" if "most" in meta else " or more"
            raise SettingsError(f"{source}: {number}, where {meta['least']}{most} is expected")
        return number
    if "choices" in meta and value not in meta["choices"]:
        raise SettingsError(f"{source}: {value!r}, where one of {', '.join(meta['choices'])} is expected")
    return value
