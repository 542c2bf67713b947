"""Styles, scripts and pictures that the page is made of, and the examples that it offers."""

from pathlib import Path

WEB = Path(__file__).parents[1]
STATIC, EXAMPLES = WEB / "static", WEB / "examples"
STYLES = [STATIC / "style.css", STATIC / "batch.css", STATIC / "field.css"]
ICON = STATIC / "favicon.svg"


def script(name: str) -> str:
    """The source of NAME.js."""
    return (STATIC / f"{name}.js").read_text(encoding="utf-8")
