"""Writing over a cell, and what looks a little like it."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from jdm_core.field.light import written_over

SIDE = 66
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]
MASK = np.hypot(ROWS - 33, COLUMNS - 33) < 31


def cell_with(draw, scale=1, blur=0.0):
    """A cell of a stain, `scale` times as large, on which something is drawn."""
    picture = Image.fromarray(np.where(MASK[:, :, None], (190, 120, 150), (235, 235, 225)).astype(np.uint8))
    picture = picture.resize((scale * SIDE, scale * SIDE), Image.Resampling.BICUBIC)
    draw(ImageDraw.Draw(picture))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(blur))), MASK.repeat(scale, 0).repeat(scale, 1)


def number(scale=1):
    """A number in black with a white rim, as a camera writes it."""

    def draw(on):
        for width, ink in ((2 * scale, "white"), (scale, "black")):
            on.text((18 * scale, 22 * scale), "50", ink, stroke_width=width, stroke_fill=ink, font_size=20 * scale)

    return draw


def nucleus(on):
    """A nucleus in the pale middle of a cell, dark in red and green light alone."""
    on.ellipse((14, 14, 52, 52), (245, 235, 240))
    on.ellipse((22, 22, 44, 44), (60, 10, 140))


@pytest.mark.parametrize(("scale", "blur"), [(1, 0.0), (3, 0.0), (3, 1.8)])
def test_a_number_over_a_cell_is_seen_at_any_size(scale, blur):
    assert written_over(*cell_with(number(scale), scale, blur))


@pytest.mark.parametrize(
    ("what", "picture"),
    [
        ("a cell alone", cell_with(lambda on: None)),
        ("a number beside it", cell_with(lambda on: on.text((0, 0), "5", (0, 0, 0), stroke_width=1, font_size=9))),
        ("a nucleus", cell_with(nucleus)),
        ("dark and out of focus", cell_with(number(), blur=3.0)),
        ("the end of a line", cell_with(lambda on: on.line((0, 33, 8, 33), (0, 0, 0), 2))),
    ],
)
def test_what_is_no_writing(what, picture):
    assert not written_over(*picture), what
