"""Tables as the commands print them: Markdown, a figure with its interval."""

from collections.abc import Mapping, Sequence
from typing import Any


def shown(figures: Mapping[str, Any], name: str) -> str:
    """A figure with its interval as a table has it; a dash where there is none."""
    if name not in figures:
        return "–"
    low, high = figures[f"{name}_interval"]
    return f"{figures[name]:.3f} ({low:.3f} to {high:.3f})"


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a Markdown table."""
    for cells in (header, ["---"] * len(header), *rows):
        print(f"| {' | '.join(cells)} |")
