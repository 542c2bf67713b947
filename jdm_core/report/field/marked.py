"""A field with its cells marked: an outline a cell, told apart by colour and by line, over a legend with the notice."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from jdm_core.field.found import CLUMP, CUT_OFF, NO_RED_CELL, READ
from jdm_core.report.field.entry import HEALTHY, INFECTED, NO_CELL, UNSURE, FieldEntry
from jdm_core.report.field.geojson import COLOURS
from jdm_core.report.words import NOTICE

SUSPICIOUS = "to look at"
INK, ALERT, PAPER = (17, 24, 39), (155, 28, 28), (255, 255, 255)
# Of each kind of mark: colour, dash and gap in widths of the line (none: a whole line), and width in lines.
STYLES: dict[str, tuple[tuple[int, int, int], tuple[float, float] | None, float]] = {
    SUSPICIOUS: (COLOURS[INFECTED], None, 2.0),
    READ: (COLOURS[HEALTHY], None, 1.0),
    CUT_OFF: (COLOURS[CUT_OFF], (1.5, 3.0), 1.0),
    CLUMP: (COLOURS[CLUMP], (6.0, 3.0), 1.5),
    NO_RED_CELL: (COLOURS[NO_RED_CELL], (3.0, 2.0), 1.0),
}
SIGNS = {INFECTED: "P", HEALTHY: "U", UNSURE: "?", NO_CELL: "×"}  # of a person's reading, as the keys of the page
WORDS = {
    SUSPICIOUS: "to look at, with its rank",
    READ: "read",
    CUT_OFF: "cut off or written over",
    CLUMP: "in a clump",
    NO_RED_CELL: "not a red cell (crossed)",
}
LINE_SHARE = 1 / 28  # of a cell's diameter
LEAST_LEGEND = 11  # pixels of its letters; a field's width makes them larger


def marked(entry: FieldEntry) -> np.ndarray:
    """The picture uint8 (H + legend, W, 3) of a field whose entry holds its pixels. Raises ValueError without them."""
    if entry.pixels is None:
        raise ValueError(f"{entry.file}: its pixels are not at hand")
    height, width = entry.pixels.shape[:2]
    legend = _legend(entry, width)
    canvas = Image.new("RGB", (width, height + legend.height), PAPER)
    canvas.paste(Image.fromarray(entry.pixels), (0, 0))
    canvas.paste(legend, (0, height))
    picture = ImageDraw.Draw(canvas)
    diameter = entry.field.found.diameter
    diameter = float(diameter) if np.isfinite(diameter) else max(height, width) / 20
    ranks = entry.ranks
    for cell in sorted(range(len(entry.field.status)), key=lambda i: bool(entry.field.suspicious[i])):
        _mark(picture, entry, cell, diameter, ranks.get(cell), height)
    return np.asarray(canvas)


def kind_of(entry: FieldEntry, cell: int) -> str:
    """The kind of mark of a cell, a key of STYLES."""
    status = str(entry.field.status[cell])
    return SUSPICIOUS if status == READ and entry.field.suspicious[cell] else status


def _mark(
    draw: ImageDraw.ImageDraw, entry: FieldEntry, cell: int, diameter: float, rank: int | None, bottom: int
) -> None:
    kind, (x, y, w, h) = kind_of(entry, cell), (float(v) for v in entry.field.boxes[cell])
    colour, dash, share = STYLES[kind]
    line = max(1.0, diameter * LINE_SHARE)
    width = max(1, round(line * share))
    outline = np.asarray(entry.field.outlines[cell], dtype=float)
    if len(outline) < 3:
        outline = np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)])
    for part in _dashes(np.concatenate([outline, outline[:1]]), dash, line):
        draw.line([(float(px), float(py)) for px, py in part], fill=colour, width=width, joint="curve")
    if kind == NO_RED_CELL:
        draw.line((x + 0.25 * w, y + 0.25 * h, x + 0.75 * w, y + 0.75 * h), fill=colour, width=width)
        draw.line((x + 0.25 * w, y + 0.75 * h, x + 0.75 * w, y + 0.25 * h), fill=colour, width=width)
    told = f"{rank}" if kind == SUSPICIOUS and rank is not None else ""
    if reading := entry.readings.get(cell):
        told, colour = f"{told} {SIGNS[reading]}".strip(), COLOURS[reading]
    if told:
        _tag(draw, told, (x + w / 2, y), colour, max(9, round(diameter / 4)), bottom)


def _tag(
    draw: ImageDraw.ImageDraw,
    words: str,
    at: tuple[float, float],
    colour: tuple[int, int, int],
    size: int,
    bottom: int,
) -> None:
    """A filled tag above a place, or as near to it as the picture leaves room."""
    font, pad = _font(size), max(1, size // 6)
    left, top, right, low = draw.textbbox((0, 0), words, font=font)
    width, height = right - left + 2 * pad, low - top + 2 * pad
    x = min(max(0.0, at[0] - width / 2), max(0.0, draw.im.size[0] - width))
    y = min(max(0.0, at[1] - height), max(0.0, bottom - height))
    draw.rectangle((x, y, x + width, y + height), fill=colour, outline=PAPER)
    draw.text((x + pad - left, y + pad - top), words, font=font, fill=PAPER)


def _dashes(points: np.ndarray, dash: tuple[float, float] | None, line: float) -> Iterator[np.ndarray]:
    """A path (P, 2) whole, or the pieces of it that dashes and gaps, in widths of the line, leave."""
    if dash is None:
        yield points
        return
    lengths = np.hypot(*np.diff(points, axis=0).T)
    at = np.concatenate([[0], np.cumsum(lengths)])
    on, off = (max(2.0, part * line) for part in dash)
    for start in np.arange(0, at[-1], on + off):
        stops = np.linspace(start, min(start + on, at[-1]), 4)
        yield np.stack([np.interp(stops, at, points[:, axis]) for axis in (0, 1)], axis=1)


def _legend(entry: FieldEntry, width: int) -> Image.Image:
    """The strip below a picture: the headline, a sample of each kind of mark with its count, and the notice."""
    size = max(LEAST_LEGEND, width // 75)
    font, step, pad = _font(size), round(1.7 * size), size
    totals = entry.totals()
    counts = {SUSPICIOUS: totals.suspicious, READ: totals.read - totals.suspicious} | {
        kind: totals.counts[kind] for kind in (CUT_OFF, CLUMP, NO_RED_CELL)
    }
    headline = entry.field.trouble or f"{totals.suspicious} of {totals.read} cells to look at"
    rows, x = 1, pad
    places: dict[str, tuple[int, int]] = {}
    for kind, words in WORDS.items():
        wide = round(3.2 * size + font.getlength(f"{words}: {counts[kind]}") + 1.5 * size)
        if x + wide > width and x > pad:
            rows, x = rows + 1, pad
        places[kind] = x, rows
        x += wide
    lines = [(headline, INK, 0)]
    if entry.readings:
        lines.append(("a person's reading: P infected, U not infected, ? unsure, × no cell", INK, rows + 1))
    lines.append((NOTICE, ALERT, rows + len(lines)))
    strip = Image.new("RGB", (width, (rows + len(lines)) * step + pad), PAPER)
    draw = ImageDraw.Draw(strip)
    for words, colour, row in lines:
        draw.text((pad, pad // 2 + row * step), _fitted(words, font, width - 2 * pad), font=font, fill=colour)
    for kind, (x, row) in places.items():
        colour, dash, share = STYLES[kind]
        y = pad // 2 + row * step + 0.6 * size
        for part in _dashes(np.array([(x, y), (x + 2.6 * size, y)]), dash, size / 8):
            draw.line([(float(a), float(b)) for a, b in part], fill=colour, width=max(1, round(share * size / 7)))
        draw.text((x + 3.2 * size, pad // 2 + row * step), f"{WORDS[kind]}: {counts[kind]}", font=font, fill=INK)
    return strip


def _fitted(words: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    while words and font.getlength(words) > width:
        words = words[:-2].rstrip("…") + "…" if len(words) > 2 else ""
    return words


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont:
    import matplotlib  # its fonts are the same everywhere

    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf"), size)
