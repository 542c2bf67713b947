"""python -m training card: the figures in README.md and MODEL_CARD.md, written from the manifest and nowhere else."""

from collections.abc import Mapping
from pathlib import Path

from jdm_core.card import figures_markdown
from jdm_core.checkpoints import Checkpoint
from jdm_core.files import replace_file
from training.blocks import Blocks

FIGURES = Blocks("figures", "card")
DOCUMENTS = ("README.md", "MODEL_CARD.md")


def with_figures(document: str, checkpoints: Mapping[str, Checkpoint]) -> str:
    """A document with the figures of each checkpoint that it marks written anew.

    Raises ValueError where there are no markers, or those of a checkpoint that is unknown.
    """

    def figures(name: str) -> str:
        if name not in checkpoints:
            raise ValueError(f"figures of {name} are asked for, which is no checkpoint")
        return figures_markdown(name, checkpoints[name])

    return FIGURES.fill(document, figures)


def write_card(checkpoints: Mapping[str, Checkpoint], root: Path) -> list[Path]:
    """Rewrites the figures in the documents below `root`; returns their paths."""
    written = []
    for document in DOCUMENTS:
        path = root / document
        text = with_figures(path.read_text(encoding="utf-8"), checkpoints)
        replace_file(path, lambda partial, text=text: partial.write_text(text, encoding="utf-8"))
        written.append(path)
    return written
