"""The paper of a report: an A4 page's margins and inks, and text set between the margins."""

from functools import cache
from textwrap import wrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

A4 = (210 / 25.4, 297 / 25.4)  # inches
POINTS = 72  # to the inch
UNHINTED = 0.96  # of a line's width on the PNG, whose font is fitted to its pixels: at least so much
LEFT, RIGHT = 0.085, 0.915  # margins, as shares of the page
NAME_CHARACTERS = 86  # of a file name, in one line of a monospaced font
INK, QUIET, ALERT = "#111827", "#4b5563", "#9b1c1c"
SANS, MONO = "DejaVu Sans", "DejaVu Sans Mono"  # they come with matplotlib: the same page everywhere


def write(figure: "Figure", x: float, y: float, words: str, **style: Any) -> None:
    """One line of text whose top is at y; x and y are shares of the page, the style is matplotlib's."""
    style = {"va": "top", "color": INK, "family": SANS} | style
    figure.text(x, y, words, parse_math=False, **style)  # a name with $ signs is no formula


def write_paragraph(figure: "Figure", top: float, words: str, size: float, **style: Any) -> float:
    """Text between the margins, its size in points, from the top down; returns where it ends, a share of the page."""
    for line in _broken(words, size):
        write(figure, LEFT, top, line, size=size, **style)
        top -= _step(size)
    return top


def paragraph_height(words: str, size: float) -> float:
    """What `write_paragraph` takes of the page, as a share of its height."""
    return len(_broken(words, size)) * _step(size)


def _step(size: float) -> float:
    """From one line to the next, as a share of the page."""
    return 1.45 * size / POINTS / A4[1]


def _broken(words: str, size: float) -> list[str]:
    """Lines that the margins hold."""
    room, whole = (RIGHT - LEFT) * A4[0] * POINTS * UNHINTED / size, _width(words)
    characters = max(1, len(words)) if whole <= room else round(1.1 * len(words) * room / whole)  # then by trial
    while any(_width(line) > room for line in wrap(words, characters)):
        characters -= 1
    return wrap(words, characters)


def _width(words: str) -> float:
    """How wide a line is before its font is fitted to pixels, as multiples of its size."""
    return sum(map(_advance, words))


@cache
def _advance(character: str) -> float:
    from matplotlib.font_manager import findfont, get_font  # here, since its import takes longer than a prediction

    font = get_font(findfont(SANS))
    font.set_size(1, POINTS)
    return font.load_char(ord(character)).linearHoriAdvance / 65536  # a number of 16.16 bits


def printable(name: str) -> str:
    """A file name on one line that the sheet's font can print: the rest as escapes, its middle left out if long."""
    from matplotlib.font_manager import findfont, get_font

    known = get_font(findfont(MONO)).get_charmap()
    shown = "".join(c if c.isprintable() and ord(c) in known else c.encode("unicode_escape").decode() for c in name)
    if len(shown) <= NAME_CHARACTERS:
        return shown
    half = (NAME_CHARACTERS - 1) // 2
    return f"{shown[:half]}…{shown[-half:]}"
