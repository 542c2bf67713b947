"""What tests of the tab for one cell share: quick edits, uploads, and what HTML says and shows."""

import base64
import io
import re
from collections.abc import Callable, Sequence
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from jdm_core.checkpoint import kinds
from jdm_core.cli import explain
from jdm_core.explain import explainer
from jdm_core.explain.edit import EditSettings, Strength
from jdm_core.explain.verdicts import Verdicts
from jdm_core.report.report import write_report

LABELS = ("Parasitized", "Uninfected")
QUICK = EditSettings(steps=3, time=0.6, ladder=(Strength(2, 1.0), Strength(3, 2.0)))
# For a process of its own, which runs this before the command: quick edits, and reports without their sheets.
QUICKLY = """
from tests.support.one_cell import explain_quickly
explain_quickly(setattr)
"""
EXPLAIN = f"""{QUICKLY}
import sys
from jdm_core import cli
sys.exit(cli.main())
"""
REASON = "not a PNG, JPEG, TIFF, WebP, BMP or GIF image"


def explain_quickly(put: Callable[[Any, str, Any], None]) -> None:
    """Quick edits, and reports without their sheets, which take longer than all else, from the command that explains.

    `put` is `setattr`, or that of a monkeypatch.
    """
    put(explainer, "settings_for", lambda _: QUICK)
    check_quickly(put)
    put(explain, "write_report", partial(write_report, sheets=()))


def check_quickly(put: Callable[[Any, str, Any], None]) -> None:
    """Edits whose check asks the likelihood with few draws, for they are most of what a quick edit takes."""
    posterior = Verdicts.posterior

    def few(self: Verdicts, x: Tensor, seeds: Sequence[int], draws: int = 4) -> Tensor:
        return posterior(self, x, seeds, draws)

    put(Verdicts, "posterior", few)


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
    """The last view of an explanation of a cell with 8 draws, made once for all tests: to be read and not changed."""
    key = callbacks.explainer, cell, kinds.LIMIT
    if key not in _EXPLAINED:
        *_, _EXPLAINED[key] = callbacks.explain(upload(cell), 8, 0)
    return _EXPLAINED[key]


_EXPLAINED: dict[tuple[Any, ...], Any] = {}
