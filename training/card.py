"""python -m training card: the figures in README.md and MODEL_CARD.md, written from the manifest and nowhere else."""

import re
from collections.abc import Mapping
from pathlib import Path

from jdm_core.card import figures_markdown
from jdm_core.checkpoints import Checkpoint
from jdm_core.files import replace_file

BEGIN, END = "<!-- figures of {name}: written by `python -m training card` -->", "<!-- end of figures -->"
DOCUMENTS = ("README.md", "MODEL_CARD.md")
_BLOCK = re.compile(re.escape(BEGIN).replace(re.escape("{name}"), r"(?P<name>\S+)") + ".*?" + re.escape(END), re.DOTALL)


def with_figures(document: str, checkpoints: Mapping[str, Checkpoint]) -> str:
    """A document with the figures between each pair of markers written anew.

    Raises ValueError where there are no markers, or those of a checkpoint that is unknown.
    """

    def block(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in checkpoints:
            raise ValueError(f"figures of {name} are asked for, which is no checkpoint")
        return f"{BEGIN.format(name=name)}\n{figures_markdown(name, checkpoints[name])}\n{END}"

    written, count = _BLOCK.subn(block, document)
    if not count:
        raise ValueError(f"no {BEGIN.format(name='NAME')} … {END} in the document")
    return written


def write_card(checkpoints: Mapping[str, Checkpoint], root: Path) -> list[Path]:
    """Rewrites the figures in the documents below `root`; returns their paths."""
    written = []
    for document in DOCUMENTS:
        path = root / document
        text = with_figures(path.read_text(encoding="utf-8"), checkpoints)
        replace_file(path, lambda partial, text=text: partial.write_text(text, encoding="utf-8"))
        written.append(path)
    return written
