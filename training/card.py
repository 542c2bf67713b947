"""python -m training card: the figures in README.md and MODEL_CARD.md, written from the manifest and nowhere else."""

from pathlib import Path

from jdm_core.card import figures_markdown
from jdm_core.checkpoints import Checkpoint
from jdm_core.files import replace_file

BEGIN, END = "<!-- figures: written by `python -m training card` -->", "<!-- end of figures -->"
DOCUMENTS = ("README.md", "MODEL_CARD.md")


def with_figures(document: str, figures: str) -> str:
    """A document with what stands between the two markers replaced; ValueError where they are not there."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no {BEGIN} … {END} in the document")
    return f"{before}{BEGIN}\n{figures}\n{END}{after}"


def write_card(name: str, checkpoint: Checkpoint, root: Path) -> list[Path]:
    """Rewrites the figures in the documents below `root`; returns their paths."""
    figures, written = figures_markdown(name, checkpoint), []
    for document in DOCUMENTS:
        path = root / document
        text = with_figures(path.read_text(encoding="utf-8"), figures)
        replace_file(path, lambda partial, text=text: partial.write_text(text, encoding="utf-8"))
        written.append(path)
    return written
