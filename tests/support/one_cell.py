"""What tests of the tab for one cell share: quick edits, uploads, and what HTML says and shows."""

import base64
import io
import re
from html import unescape
from pathlib import Path

from PIL import Image

from jdm_core.explain.edit import EditSettings, Strength

LABELS = ("Parasitized", "Uninfected")
QUICK = EditSettings(steps=3, time=0.6, ladder=(Strength(2, 1.0), Strength(3, 2.0)))
# The same for a process of its own, which runs this before the command.
QUICKLY = """
from jdm_core.explain import explainer
from tests.support.one_cell import QUICK
explainer.settings_for = lambda _: QUICK
"""
EXPLAIN = f"""{QUICKLY}
import sys
from jdm_core import cli
sys.exit(cli.main())
"""
REASON = "not a PNG, JPEG, TIFF, WebP, BMP or GIF image"


def upload(path: Path, name: str | None = None) -> dict[str, str]:
    """A file as the page hands it on."""
    return {"path": str(path), "orig_name": name or path.name}


def text_of(html: str) -> str:
    """What HTML says, on one line."""
    return re.sub(r"[ \n]+", " ", unescape(re.sub(r"<[^>]*>", " ", html))).strip()


def shown(html: str) -> list[Image.Image]:
    """The pictures that HTML carries."""
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in re.findall(r"base64,([^\"]+)", html)]


def explained(callbacks, cell: Path):
    """The last view of an explanation of a cell with 8 draws."""
    *_, last = callbacks.explain(upload(cell), 8, 0)
    return last
