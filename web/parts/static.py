"""Styles, scripts and pictures that the page is made of."""

from pathlib import Path

STATIC = Path(__file__).parents[1] / "static"
STYLES = [STATIC / "style.css", STATIC / "batch.css"]
ICON = STATIC / "favicon.svg"


def script(name: str) -> str:
    """The source of NAME.js."""
    return (STATIC / f"{name}.js").read_text(encoding="utf-8")
