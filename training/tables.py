"""Typed figures and tables: what a study finds, as dataclasses, as JSON and as Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.metrics import exact_interval

NOTHING = "–"


@dataclass(frozen=True)
class Figure:
    """A value with its 95 % interval, if it has one; None where it is undefined."""

    value: float | None
    low: float | None = None
    high: float | None = None
    digits: int = 3

    @classmethod
    def of(cls, figures: Mapping[str, Any], name: str, n: int | None = None, digits: int = 3) -> "Figure | str":
        """The figure of plain values {NAME: value, NAME_interval: [low, high]}; a dash where there is none.

        Resampling tells nothing of a share of exactly 0 or 1: with the number `n` behind it, its interval is exact.
        """
        if name not in figures:
            return NOTHING
        value, (low, high) = figures[name], figures.get(f"{name}_interval") or (None, None)
        if n is not None and low == high and value in (0, 1):
            low, high = exact_interval(round(value * n), n)
        return cls(value, low, high, digits)

    def __str__(self) -> str:
        if self.value is None:
            return NOTHING
        if self.low is None or self.high is None:
            return f"{self.value:.{self.digits}f}"
        return f"{self.value:.{self.digits}f} ({self.low:.{self.digits}f} to {self.high:.{self.digits}f})"


Cell = str | int | Figure


@dataclass(frozen=True)
class Table:
    """Columns and rows, with a title above and a note below; every row has a cell a column."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"table {self.title!r}: a row of {len(row)} cells under {len(self.columns)} columns")

    @classmethod
    def make(cls, columns: Sequence[str], rows: Sequence[Sequence[Cell]], title: str = "", note: str = "") -> "Table":
        """A table of any sequences."""
        return cls(tuple(columns), tuple(tuple(row) for row in rows), title, note)

    def markdown(self) -> str:
        """Title, table and note as Markdown."""
        lines = [f"**{self.title}**", ""] if self.title else []
        for cells in (self.columns, ["---"] * len(self.columns), *self.rows):
            lines.append(f"| {' | '.join(str(cell) for cell in cells)} |")
        return "\n".join([*lines, *(["", self.note] if self.note else [])])

    def as_json(self) -> dict[str, Any]:
        """Plain values, which `from_json` reads back."""
        rows = [[vars(cell) if isinstance(cell, Figure) else cell for cell in row] for row in self.rows]
        return {"title": self.title, "columns": list(self.columns), "rows": rows, "note": self.note}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Table":
        """The table of plain values."""
        rows = [[Figure(**cell) if isinstance(cell, dict) else cell for cell in row] for row in values["rows"]]
        return cls.make(values["columns"], rows, values["title"], values["note"])
