"""Numbers as pictures: bars, the chart of the ELBO, colour legends; HTML and SVG that follow the page's colours."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup

from jdm_core.draw.colours import EVIDENCE_STOPS, OPACITY, SEQUENTIAL_STOPS
from jdm_core.report.words import ENGLISH, Language, elbo_figure, elbo_meaning
from web.parts.html import render

_PLOT = (112, 358)  # left and right end of the chart's axis
_CLASS_COLOURS = ("#d95f02", "#3d85c6")  # orange and blue, apart with any colour blindness and on black or white


def bars(
    labels: Sequence[str],
    readings: Mapping[str, Sequence[float] | None],
    say: Language = ENGLISH,
    muted: bool = False,
) -> Markup:
    """A bar for each label of each reading, which is None while it is being computed; muted, without colours."""
    return render("bars", say, labels=labels, readings=readings, muted=muted)


def elbo_panel(
    labels: Sequence[str],
    elbo: np.ndarray,
    errors: np.ndarray,
    paired: tuple[float, float],
    draws: int,
    say: Language,
    posterior: Sequence[float],
) -> Markup:
    """ELBO (K,) of both labels, errors (K,), paired difference with its error, and how it stands to the posterior (K,).

    Sentences, chart and table; the difference is no verdict.
    """
    names = tuple(say(label) for label in labels)
    return render(
        "elbo",
        say,
        figure=elbo_figure(labels, *paired, say),
        meaning=elbo_meaning(labels, *paired, posterior, say),
        chart=elbo_chart(names, *paired, say),
        rows=list(zip(names, elbo.tolist(), errors.tolist(), strict=True)),
        difference=paired[0],
        error=paired[1],
        draws=draws,
    )


def elbo_chart(labels: Sequence[str], difference: float, error: float, say: Language = ENGLISH) -> Markup:
    """SVG: each of two classes relative to their mean, ± half the standard error of the paired difference.

    Drawn by hand: a plotting library takes longer to import than the page to answer.
    """
    reach = max(abs(difference) / 2 + error / 2, 0.05) * 1.25
    left, right = _PLOT

    def at(value: float) -> str:
        return f"{left + (right - left) * (value / reach + 1) / 2:.1f}"

    halves = (difference / 2, -difference / 2)
    below = say("nats relative to the mean of both (right: higher)")
    marks = [
        {"y": 26 + 40 * k, "low": at(half - error / 2), "high": at(half + error / 2), "middle": at(half)}
        | {"label": labels[k], "colour": _CLASS_COLOURS[k]}
        for k, half in enumerate(halves)
    ]
    first, second = (f"{label} {say.nats(half, error, sign=True)}" for label, half in zip(labels, halves, strict=True))
    return render(
        "elbo_chart",
        say,
        name=say("{first}, {second} nats about their mean", first=first, second=second),
        left=left,
        right=right,
        zero=at(0),
        ticks=[(at(tick), say.number(tick)) for tick in _ticks(reach)],
        marks=marks,
        below=below,
        small=min(14.0, 620 / len(below)),  # whatever the language, it fits the width
    )


def _ticks(reach: float) -> list[float]:
    """Round numbers about zero, two to five of them, none beyond the reach."""
    power = 10.0 ** math.floor(math.log10(reach / 2.5))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= reach / 2.5)
    return [number * step for number in range(-2, 3) if abs(number) * step <= reach]


def legend(low: str, middle: str, high: str, unit: str = "", stops: Sequence[str] = EVIDENCE_STOPS) -> Markup:
    """The signed colour scale of a map: what its ends and its middle mean, in which unit; small is see-through."""
    return _scale(stops, np.abs(np.linspace(-1, 1, len(stops))), (low, middle, high), unit)


def magnitude_legend(low: str, high: str) -> Markup:
    """The sequential colour scale of a map."""
    return _scale(SEQUENTIAL_STOPS, np.linspace(0, 1, len(SEQUENTIAL_STOPS)), (low, "", high), "")


def _scale(colours: Sequence[str], levels: np.ndarray, ends: tuple[str, ...], unit: str) -> Markup:
    """A bar of colours that cover the cell by their levels (n,), from 0 to 1, as they do in the map."""
    cover = 255 * OPACITY * np.sqrt(levels)
    stops = ",".join(f"{colour}{round(alpha):02x}" for colour, alpha in zip(colours, cover.tolist(), strict=True))
    return render("legend", stops=stops, ends=ends, unit=unit)
