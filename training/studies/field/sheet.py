"""Fields with their outlines, to be looked at."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from jdm_core.field.found import CLUMP, CUT_OFF, NO_RED_CELL
from training.data.annotations import read_pixels
from training.studies.field.readings import Read

WIDTH, COLUMNS, LINE = 900, 2, 14  # pixels of a field, fields a row, and pixels of a line of text
COLOURS = {CUT_OFF: (0, 110, 255), CLUMP: (255, 140, 0), NO_RED_CELL: (200, 0, 160)}
READ_COLOUR, SUSPECT_COLOUR, MARK_COLOUR = (0, 150, 0), (220, 0, 0), (0, 0, 0)


def draw_fields(reads: Sequence[Read], path: Path) -> None:
    """Draws fields: what was read in green, suspects thick in red, marked infected cells in black boxes."""
    tiles = [_tile(read) for read in reads]
    height = max(tile.height for tile in tiles)
    sheet = Image.new("RGB", (COLUMNS * WIDTH, -(-len(tiles) // COLUMNS) * height), "white")
    for i, tile in enumerate(tiles):
        sheet.paste(tile, (i % COLUMNS * WIDTH, i // COLUMNS * height))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def _tile(read: Read) -> Image.Image:
    picture = Image.fromarray(read_pixels(read.marked.path))
    scale = WIDTH / picture.width
    picture = picture.resize((WIDTH, round(picture.height * scale)))
    tile = Image.new("RGB", (WIDTH, picture.height + LINE), "white")
    tile.paste(picture, (0, LINE))
    draw = ImageDraw.Draw(tile)
    for i, outline in enumerate(read.field.outlines):
        suspect = bool(read.field.suspicious[i])
        colour = SUSPECT_COLOUR if suspect else COLOURS.get(str(read.field.status[i]), READ_COLOUR)
        places = [(float(x) * scale, float(y) * scale + LINE) for x, y in outline]
        draw.line([*places, places[0]], fill=colour, width=3 if suspect else 1)
    for (x, y, w, h), infected in zip(read.marked.boxes * scale, read.marked.infected, strict=True):
        if infected:
            draw.rectangle([x, y + LINE, x + w, y + h + LINE], outline=MARK_COLOUR)
    counts = ", ".join(f"{number} {status}" for status, number in read.field.found.counts.items())
    draw.text((2, 1), f"{read.marked.path.name}: {counts}; {read.field.suspicious.sum()} to look at", fill="black")
    return tile
