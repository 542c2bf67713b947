"""The sheet of a report: one A4 page of pictures, colour bars, numbers and provenance, as a matplotlib figure."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from jdm_core.draw.colours import OPACITY, colour_table, cover
from jdm_core.report import told
from jdm_core.report.language import ENGLISH, Language
from jdm_core.report.paper import (
    A4,
    ALERT,
    INK,
    LEFT,
    MONO,
    QUIET,
    RIGHT,
    SANS,
    paragraph_height,
    printable,
    write,
    write_paragraph,
)
from jdm_core.report.words import NOTICE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 120  # of the PNG
PICTURE = 400  # pixels on the longer side of a picture in the PDF: 125 to the inch; a cell has some 130
ROW, GAP, FOOT = 0.0155, 0.008, 0.052  # a row of the table, between blocks of lines, and the foot: shares of the page
GRAY = 0.66  # under the colours of a bar, about a cell's own
TONES = {"0": "#b84a00", "1": "#1f64a5"}  # of the first two labels, as in the evidence map
LOOKS = {told.PLAIN: INK, told.WARN: ALERT, told.FAINT: QUIET}


class Panel(NamedTuple):
    """A picture (H, W, 3) uint8 under its title; a map has its colour bar's label, full value and stops."""

    title: str
    picture: np.ndarray
    bar: str = ""
    scale: float = 0.0
    stops: tuple[str, ...] = ()


def draw_sheet(panels: list[Panel], report: dict[str, Any], say: Language = ENGLISH) -> "Figure":
    """The A4 page of one report: up to four panels, the first of which is the cell itself, and the JSON's values."""
    from matplotlib.figure import Figure  # here, since its import takes longer than a prediction

    figure = Figure(figsize=A4, facecolor="white")
    write(figure, LEFT, 0.965, say("PlasmoLens report"), size=15, weight="bold")
    write(figure, RIGHT, 0.965, say(NOTICE), size=9.5, weight="bold", color=ALERT, ha="right")
    write(figure, LEFT, 0.944, printable(report["file"]), size=9, family=MONO)
    rows, blocks = told.table(report, say), _blocks(report, say)
    below = ROW * len(rows) + sum(GAP + _height(*block) for block in blocks) + FOOT
    bottom = _verdict(figure, 0.924, report, say)
    bottom = _panels(figure, panels, bottom - 0.012, below, say)
    bottom = _table(figure, bottom - 0.016, rows)
    for lines, size in blocks:
        bottom = _lines(figure, bottom - GAP, lines, size)
    foot = told.foot_line(report, say)
    write(figure, LEFT, 0.028, foot.words, size=8, color=LOOKS[foot.look])
    return figure


def save_sheet(figure: "Figure", report: dict[str, Any], path: Path, kind: str) -> None:
    """Writes the page as "png" or "pdf", whose only date is the report's own."""
    metadata = {
        "png": {"Comment": NOTICE, "Software": None},  # by which it is known for a report's own
        "pdf": {
            "Title": printable(report["file"]),
            "Subject": report["notice"],
            "Creator": report["software"],
            "Keywords": f"{report['model']['name']} {report['model']['sha256']}",
            "Producer": None,
            "CreationDate": datetime.fromisoformat(report["time"]),
        },
    }
    # Level 3 takes half the time of the usual 6, for a fifth more bytes; of a PDF there is none to choose.
    how: dict[str, Any] = {"pil_kwargs": {"compress_level": 3}} if kind == "png" else {}
    figure.savefig(path, format=kind, dpi=DPI, metadata=metadata[kind], **how)


def _blocks(report: dict[str, Any], say: Language) -> tuple[tuple[list[told.Line], float], ...]:
    """What stands below the table: lines, and their size in points."""
    return (
        (told.figure_lines(report, say), 8.5),
        (told.help_lines(report, say), 7.5),
        (told.origin_lines(report, say), 7.0),
    )


def _height(lines: list[told.Line], size: float) -> float:
    """How much of the page such lines take."""
    return sum(paragraph_height(line.words, size) for line in lines)


def _lines(figure: "Figure", top: float, lines: list[told.Line], size: float) -> float:
    """Lines from the top down; returns where the last one ends."""
    for line in lines:
        top = write_paragraph(figure, top, line.words, size, color=LOOKS[line.look])
    return top


def _verdict(figure: "Figure", top: float, report: dict[str, Any], say: Language) -> float:
    """The page's verdict, what else must be known before any figure, and what became of the edit; returns its end."""
    title, tone, lines = told.verdict_lines(report, say)
    colour = ALERT if title.look == told.WARN else TONES.get(tone, INK)
    write(figure, LEFT, top, title.words, size=14, weight="bold", color=colour)
    return _lines(figure, top - 0.026, lines, 9.5)


def _panels(figure: "Figure", panels: list[Panel], top: float, below: float, say: Language) -> float:
    """Two columns of pictures from `top` down, so large that `below` is left; maps in the cell's proportions."""
    height, width = panels[0].picture.shape[:2]
    rows = -(-len(panels) // 2)
    tall = min(0.39 * A4[0] / A4[1] * height / width, (top - below) / rows - 0.068)  # shares of the page
    shown = round(PICTURE * width / max(height, width)), round(PICTURE * height / max(height, width))
    for i, panel in enumerate(panels):
        left, above = LEFT + 0.44 * (i % 2), top - (tall + 0.068) * (i // 2)
        write(figure, left + 0.195, above, panel.title, size=8.5, ha="center")
        axis = figure.add_axes((left, above - 0.016 - tall, 0.39, tall))
        axis.imshow(Image.fromarray(panel.picture).resize(shown, Image.Resampling.LANCZOS), interpolation="none")
        axis.set_axis_off()
        if panel.bar:
            _bar(figure.add_axes((left + 0.06, above - 0.016 - tall - 0.013, 0.27, 0.008)), panel, say)
    return top - (tall + 0.068) * rows


def _bar(axis: "Axes", panel: Panel, say: Language) -> None:
    """The colours of a map over mid-gray, as they lie over the cell: the smaller the value, the less they cover."""
    values = np.linspace(-1, 1, 256)
    colours = colour_table(panel.stops, torch.device("cpu")).numpy()
    covered = OPACITY * cover(torch.from_numpy(values)).numpy()[:, None]
    axis.imshow((covered * colours + (1 - covered) * GRAY)[None], aspect="auto", extent=(-1, 1, 0, 1))
    full = float(f"{panel.scale:.2g}")
    ticks = [say.number(-full, sign=True), "0", say.number(full, sign=True)]
    axis.set_xticks((-1, 0, 1), ticks, fontsize=7, family=SANS, parse_math=False)
    axis.set_yticks([])
    axis.tick_params(length=2, pad=1.5, color=QUIET)
    axis.set_xlabel(panel.bar, fontsize=7, labelpad=1, family=SANS, color=QUIET)
    axis.spines[:].set_linewidth(0.4)


def _table(figure: "Figure", top: float, rows: list[list[str]]) -> float:
    """Rows of numbers below their headings; returns where the table ends."""
    at = (LEFT, 0.31, 0.42, 0.57, 0.735, RIGHT)
    for row, cells in enumerate(rows):
        style = {"size": 8.5, "color": INK} if row else {"size": 7.0, "color": QUIET}
        for column, words in enumerate(cells):
            write(figure, at[column], top, words, ha="right" if column else "left", **style)
        top -= ROW
    return top
