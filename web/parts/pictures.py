"""Pictures of a cell: in its proportions, with the border of what was found, and within the page's own HTML."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from PIL import Image, ImageFilter

SHOWN = 512  # pixels on the longer side of every picture of the cell


def like(picture: np.ndarray, cell: np.ndarray, longer: int = SHOWN) -> Image.Image:
    """A picture (H, W, 3) uint8 of a cell, in the cell's proportions and with a longer side of that many pixels."""
    height, width = cell.shape[:2]
    scale = longer / max(height, width)
    return Image.fromarray(picture).resize((round(width * scale), round(height * scale)), Image.Resampling.LANCZOS)


def fitted(picture: np.ndarray, cell: np.ndarray, most: int = SHOWN) -> Image.Image:
    """As `like`, but never with more pixels than the larger of the picture's and the cell's own: a browser enlarges."""
    return like(picture, cell, min(most, max(*picture.shape[:2], *cell.shape[:2])))


def shown_uri(picture: np.ndarray) -> str:
    """A picture (H, W, 3) uint8 as a text that stands for its file, lossless, of at most `SHOWN` pixels a side."""
    return data_uri(fitted(picture, picture), "WEBP", lossless=True)


def thumbnail(file: Path, side: int = 96) -> str:
    """A small copy of a picture's file as a text that stands for one."""
    with Image.open(file) as picture:
        small = picture.convert("RGB")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return data_uri(small, "WEBP", quality=85)


def marked(picture: Image.Image, region: np.ndarray) -> Image.Image:
    """A picture with the border of a region (H, W) bool of it drawn in black and white, seen on any ground."""
    mask = Image.fromarray(region.astype(np.uint8) * 255).resize(picture.size, Image.Resampling.NEAREST)
    inner, outer = (np.asarray(mask.filter(kind(7))) for kind in (ImageFilter.MinFilter, ImageFilter.MaxFilter))
    pixels, inside = np.array(picture), np.asarray(mask)
    pixels[outer > inside] = 255
    pixels[inside > inner] = 0
    return Image.fromarray(pixels)


def data_uri(picture: Image.Image, kind: str, **options: Any) -> str:
    """A picture as a text that stands for its file: it leaves nothing on the server."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def embedded(picture: Image.Image, words: str) -> Markup:
    """An <img> that carries its picture, lossless, with what it shows in words."""
    return Markup('<img src="{}" alt="{}">').format(data_uri(picture, "WEBP", lossless=True), words)
