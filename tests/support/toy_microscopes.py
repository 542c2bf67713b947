"""A folder of small drawn sets, each in the layout in which a set of another microscope comes."""

import csv
import json
from pathlib import Path

import numpy as np
from PIL import Image

from tests.support.toy import toy_cell
from tests.support.toy_fields import BACKGROUND, NAMES, PARASITE, STAIN, box_of, disc, drawn_field, write_fields

SMEARS = ("1405022890", "1307210661")
UPLOADS = (  # file, what the index says of its size and of it
    ("red.png", "60x60", "infected (P. vivax ring)"),
    ("pale.png", "60x60", "uninfected"),
    ("white.png", "60x60", "leukocyte"),
    ("stretched.png", "90x30", "not a cell"),
    ("field.png", "2000x1500", "infected field"),
)


def write_microscopes(folder: Path) -> Path:
    """Every set that `training.data.microscopes.places` knows, below a folder."""
    write_fields(folder / "iml_malaria", NAMES)
    write_fields(folder / "microscopes/bbbc041", NAMES[:6])
    write_bccd(folder / "microscopes/bccd")
    write_chula(folder / "microscopes/chula")
    write_mpidb(folder / "microscopes/mpidb")
    write_uploads(folder / "uploads")
    return folder


def write_bccd(folder: Path) -> None:
    """Fields without malaria; one of the cells is a leukocyte."""
    write_fields(folder, NAMES[:6])
    path = folder / "annotations.json"
    entries = json.loads(path.read_text())
    for entry in entries:
        kinds = ["red blood cell", "red blood cell", "leukocyte"]
        entry["objects"] = [{**marked, "type": kind} for marked, kind in zip(entry["objects"][:3], kinds, strict=True)]
    path.write_text(json.dumps(entries))


def write_chula(folder: Path) -> None:
    """Fields with the centres of their cells."""
    (folder / "fields").mkdir(parents=True)
    entries = []
    for seed, name in enumerate(NAMES[:6]):
        Image.fromarray(drawn_field(seed)[0]).save(folder / "fields" / name)
        points = [{"x": x, "y": y, "type": "normal"} for x, y in ((30, 30), (64, 30), (30, 90))]
        entries.append({"image_name": name, "points": points})
    (folder / "points.json").write_text(json.dumps(entries))


def on_ground(cell: np.ndarray, side: int = 60) -> np.ndarray:
    """A cell on black as the middle of a picture with a bright ground, uint8 (side, side, 3)."""
    picture = np.full((side, side, 3), BACKGROUND, dtype=np.uint8)
    height, width = cell.shape[:2]
    top, left = (side - height) // 2, (side - width) // 2
    inner = picture[top : top + height, left : left + width]
    inner[cell.any(axis=2)] = cell[cell.any(axis=2)]
    return picture


def write_mpidb(folder: Path) -> None:
    """Crops of two smears and eight fields, and a field for each smear with boxes round its parasites."""
    for label in ("Parasitized", "Uninfected", "Lookalike"):
        (folder / "cells" / label).mkdir(parents=True)
        for i in range(8):
            pixels = on_ground(toy_cell(label != "Uninfected", seed=i, size=40))
            name = f"{SMEARS[i % 2]}-000{i}-R_{i}_ring.webp"
            Image.fromarray(pixels).save(folder / "cells" / label / name, lossless=True)
    (folder / "fields").mkdir()
    entries = []
    for smear in SMEARS:
        pixels, marks = parasite_field()
        name = f"{smear}-0001-R.jpg"
        Image.fromarray(pixels).save(folder / "fields" / name, "JPEG", quality=98)
        entries.append({"image_name": name, "objects": marks})
    (folder / "parasites.json").write_text(json.dumps(entries))


def parasite_field() -> tuple[np.ndarray, list[dict[str, object]]]:
    """Cells of 68 pixels' radius: two infected, one infected and cut off, one with a burnt-in box, one healthy."""
    pixels = np.full((640, 800, 3), BACKGROUND, dtype=np.uint8)
    centres = [(120, 120), (320, 120), (20, 420), (520, 120), (320, 420)]
    for x, y in centres:
        disc(pixels, x, y, 68, STAIN)
    marks = []
    for x, y in centres[:4]:
        disc(pixels, x + 24, y + 10, 12, PARASITE)
        marks.append(box_of("ring", x + 24, y + 10, 16))
    pixels[100:146, 520:523] = (0, 0, 255)
    return pixels, marks


def write_uploads(folder: Path) -> None:
    """Two red cells, a white one, a picture that cannot be read as a cell, and a field that is not even there."""
    folder.mkdir(parents=True)
    pictures = {
        "red.png": on_ground(toy_cell(True, seed=1, size=40)),
        "pale.png": on_ground(toy_cell(False, seed=2, size=40)),
        "white.png": np.full((60, 60, 3), PARASITE, dtype=np.uint8),
        "stretched.png": np.full((30, 90, 3), PARASITE, dtype=np.uint8),
    }
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(folder / name)
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file", "size", "true_label"), *UPLOADS])
