"""HTML from the templates, in the reader's language; whatever is put into it is escaped."""

from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from jdm_core.report.words import ENGLISH, Language

TEMPLATES = Path(str(files("web") / "templates"))
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def render(template: str, say: Language = ENGLISH, **values: Any) -> Markup:
    """The HTML of TEMPLATE.html, in which `say` and the values are known."""
    return Markup(_ENVIRONMENT.get_template(f"{template}.html").render(say=say, **values))


def note(words: str, tone: str = "") -> Markup:
    """A remark in small print."""
    return Markup('<p class="{}">{}</p>').format(f"note {tone}".strip(), words)
