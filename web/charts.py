"""Numbers as pictures: bars, the chart of the ELBO, colour legends; HTML and SVG that follow the page's colours."""

import math
from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image, ImageFilter

from jdm_core.heatmap import EVIDENCE_STOPS, OPACITY, SEQUENTIAL_STOPS
from jdm_core.words import Say, elbo_figure, elbo_meaning, english, nats, percent
from web.text import ELBO_NOTE

SHOWN = 512  # pixels on the longer side of every picture of the cell
_PLOT = (112, 358)  # left and right end of the chart's axis
_CLASS_COLOURS = ("#d95f02", "#3d85c6")  # orange and blue, apart with any colour blindness and on black or white


def like(picture: np.ndarray, cell: np.ndarray, longer: int = SHOWN) -> Image.Image:
    """A picture (H, W, 3) uint8 of a cell, in the cell's proportions and with a longer side of that many pixels."""
    height, width = cell.shape[:2]
    scale = longer / max(height, width)
    return Image.fromarray(picture).resize((round(width * scale), round(height * scale)), Image.Resampling.LANCZOS)


def marked(picture: Image.Image, region: np.ndarray) -> Image.Image:
    """A picture with the border of a region (H, W) bool of it drawn in black and white, seen on any ground."""
    mask = Image.fromarray(region.astype(np.uint8) * 255).resize(picture.size, Image.Resampling.NEAREST)
    inner, outer = (np.asarray(mask.filter(kind(7))) for kind in (ImageFilter.MinFilter, ImageFilter.MaxFilter))
    pixels, inside = np.array(picture), np.asarray(mask)
    pixels[outer > inside] = 255
    pixels[inside > inner] = 0
    return Image.fromarray(pixels)


def bars(
    labels: tuple[str, ...], readings: dict[str, list[float] | None], say: Say = english, muted: bool = False
) -> str:
    """A bar for each label of each reading, which is None while it is being computed; muted, without colours."""
    groups = []
    for name, shares in readings.items():
        rows = "".join(
            f'<div class="bar"><span>{escape(say(label))}</span><span class="track">'
            f'<span class="fill class-{k}" style="width:{100 * (shares[k] if shares else 0):.1f}%"></span></span>'
            f"<strong>{percent(shares[k]) if shares else '…'}</strong></div>"
            for k, label in enumerate(labels)
        )
        groups.append(f'<div class="reading"><h3>{escape(say(name))}</h3>{rows}</div>')
    return f'<div class="readings{" muted" if muted else ""}">{"".join(groups)}</div>'


def elbo_panel(
    labels: tuple[str, ...], elbo: np.ndarray, errors: np.ndarray, paired: tuple[float, float], draws: int,
    say: Say, posterior: Sequence[float],
) -> str:  # fmt: skip
    """ELBO (K,) of both labels, errors (K,), paired difference with its error, and how it stands to the posterior (K,).

    Sentences, chart and table; the difference is no verdict.
    """
    names = tuple(say(label) for label in labels)
    rows = "".join(
        f"<tr><th scope='row'>{escape(name)}</th><td>{say(nats(float(value), float(error)))}</td>"
        f"<td>± {say(nats(float(error), float(error)))}</td></tr>"
        for name, value, error in zip(names, elbo, errors, strict=True)
    )
    return (
        f"<h3>{escape(say('ELBO under each class'))}</h3>"
        f'<p class="elbo-figure">{escape(elbo_figure(labels, *paired, say))}</p>'
        f"<p>{escape(elbo_meaning(labels, *paired, posterior, say))}</p>"
        f'<div class="elbo">{elbo_chart(names, *paired, say)}<table><thead><tr><td></td>'
        f'<th scope="col">{escape(say("ELBO, nats"))}</th><th scope="col">{escape(say("standard error"))}</th></tr>'
        f'</thead><tbody>{rows}</tbody><tfoot><tr><th scope="row">{escape(say("Difference"))}</th>'
        f"<td>{say(nats(*paired, sign=True))}</td><td>± {say(nats(paired[1], paired[1]))}</td></tr></tfoot>"
        "</table></div>"
        f'<details class="note"><summary>{escape(say("How to read the chart"))}</summary>'
        f"<p>{escape(say('{draws} paired draws.').format(draws=draws))} {escape(say(ELBO_NOTE))}</p></details>"
    )


def elbo_chart(labels: tuple[str, ...], difference: float, error: float, say: Say = english) -> str:
    """SVG: each of two classes relative to their mean, ± half the standard error of the paired difference.

    Drawn by hand: a plotting library takes longer to import than the page to answer.
    """
    reach = max(abs(difference) / 2 + error / 2, 0.05) * 1.25
    left, right = _PLOT

    def at(value: float) -> str:
        return f"{left + (right - left) * (value / reach + 1) / 2:.1f}"

    parts = [
        f'<path d="M{left} 92H{right}" stroke="currentColor"/>',
        f'<path d="M{at(0)} 6V92" stroke="currentColor" stroke-dasharray="4 3"/>',
    ]
    for tick in _ticks(reach):
        number = say(f"{tick:g}".replace("-", "−"))
        parts.append(f'<path d="M{at(tick)} 92v5" stroke="currentColor"/><text x="{at(tick)}" y="112">{number}</text>')
    for k, (sign, colour) in enumerate(zip((1, -1), _CLASS_COLOURS, strict=True)):
        value, y = sign * difference / 2, 26 + 40 * k
        low, high, middle = at(value - error / 2), at(value + error / 2), at(value)
        mark = (
            f'<circle cx="{middle}" cy="{y}" r="6.5"/>',
            f'<rect x="{float(middle) - 6:.1f}" y="{y - 6}" width="12" height="12"/>',
        )[k]
        parts.append(
            f'<path d="M{low} {y}H{high}M{low} {y - 7}v14M{high} {y - 7}v14" stroke="{colour}" stroke-width="3"/>'
            f'<g fill="{colour}">{mark}</g>'
            f'<text x="{left - 10}" y="{y + 5}" text-anchor="end">{escape(labels[k])}</text>'
        )
    below = escape(say("nats relative to the mean of both (right: higher)"))
    small = min(14.0, 620 / len(below))  # whatever the language, it fits the width
    halves = (say(nats(half, error, True)) for half in (difference / 2, -difference / 2))
    name = ", ".join(f"{label} {half}" for label, half in zip(labels, halves, strict=True)) + " nats about their mean"
    return (
        f'<svg role="img" aria-label="{escape(name)}" viewBox="0 0 370 140" width="370" height="140" '
        f'fill="currentColor" font-size="14">'
        f'<g text-anchor="middle">{"".join(parts)}'
        f'<text x="185" y="134" font-size="{small:.1f}">{below}</text></g></svg>'
    )


def _ticks(reach: float) -> list[float]:
    """Round numbers about zero, two to five of them, none beyond the reach."""
    power = 10.0 ** math.floor(math.log10(reach / 2.5))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= reach / 2.5)
    return [number * step for number in range(-2, 3) if abs(number) * step <= reach]


def legend(low: str, middle: str, high: str, unit: str = "", stops: tuple[str, ...] = EVIDENCE_STOPS) -> str:
    """The signed colour scale of a map: what its ends and its middle mean, in which unit; small is see-through."""
    return _scale(stops, np.abs(np.linspace(-1, 1, len(stops))), (low, middle, high), unit)


def magnitude_legend(low: str, high: str) -> str:
    """The sequential colour scale of a map."""
    return _scale(SEQUENTIAL_STOPS, np.linspace(0, 1, len(SEQUENTIAL_STOPS)), (low, "", high), "")


def _scale(colours: tuple[str, ...], levels: np.ndarray, ends: tuple[str, ...], unit: str) -> str:
    """A bar of colours that cover the cell by their levels (n,), from 0 to 1, as they do in the map."""
    cover = 255 * OPACITY * np.sqrt(levels)
    stops = ",".join(f"{colour}{round(alpha):02x}" for colour, alpha in zip(colours, cover.tolist(), strict=True))
    words = "".join(f"<span>{escape(end)}</span>" for end in ends)
    below = f'<div class="unit">{escape(unit)}</div>' if unit else ""
    return (
        f'<div class="legend"><div class="scale" style="background-image:linear-gradient(90deg,{stops})"></div>'
        f'<div class="ends">{words}</div>{below}</div>'
    )
