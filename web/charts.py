"""Numbers as pictures: bars, the chart of the ELBO, colour legends; HTML and SVG that follow the page's colours."""

import io
import re
from html import escape

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from jdm_core.heatmap import SIGNED_STOPS
from web.text import ELBO_NOTE, elbo_sentence, nats, percent

OPACITY = 0.9  # of the strongest colour in a map
SHOWN = 512  # pixels on the longer side of every picture of the cell
_INK = "#010203"  # stands for the page's text colour in the chart
_CLASS_COLOURS = ("#d95f02", "#3d85c6")  # orange and blue, apart with any colour blindness and on black or white


def like(picture: np.ndarray, cell: np.ndarray) -> Image.Image:
    """A picture (H, W, 3) uint8 of a cell, at the size of display and in the proportions of the cell."""
    height, width = cell.shape[:2]
    scale = SHOWN / max(height, width)
    return Image.fromarray(picture).resize((round(width * scale), round(height * scale)), Image.Resampling.LANCZOS)


def bars(labels: tuple[str, ...], readings: dict[str, list[float] | None]) -> str:
    """A bar for each label of each reading, which is None while it is being computed."""
    groups = []
    for name, shares in readings.items():
        rows = "".join(
            f'<div class="bar"><span>{escape(label)}</span><span class="track">'
            f'<span class="fill class-{k}" style="width:{100 * (shares[k] if shares else 0):.1f}%"></span></span>'
            f"<strong>{percent(shares[k]) if shares else '…'}</strong></div>"
            for k, label in enumerate(labels)
        )
        groups.append(f'<div class="reading"><h3>{escape(name)}</h3>{rows}</div>')
    return f'<div class="readings">{"".join(groups)}</div>'


def elbo_panel(
    labels: tuple[str, ...], elbo: np.ndarray, errors: np.ndarray, paired: tuple[float, float], draws: int
) -> str:
    """Chart and table of the ELBO (K,) of both labels, their errors (K,) and the paired difference with its error."""
    rows = "".join(
        f"<tr><th scope='row'>{escape(label)}</th><td>{nats(float(value))}</td><td>± {nats(float(error))}</td></tr>"
        for label, value, error in zip(labels, elbo, errors, strict=True)
    )
    return (
        f"<p>{escape(elbo_sentence(labels, *paired, draws))}</p>"
        f'<div class="elbo">{elbo_chart(labels, *paired)}<table><thead><tr><td></td><th scope="col">ELBO, nats</th>'
        f'<th scope="col">standard error</th></tr></thead><tbody>{rows}</tbody><tfoot><tr>'
        f'<th scope="row">Difference</th><td>{nats(paired[0], sign=True)}</td><td>± {nats(paired[1])}</td></tr></tfoot>'
        f'</table></div><p class="note">{escape(ELBO_NOTE)}</p>'
    )


def elbo_chart(labels: tuple[str, ...], difference: float, error: float) -> str:
    """SVG: each of two classes relative to their mean, ± half the standard error of the paired difference."""
    figure = Figure(figsize=(3.7, 1.4), layout="constrained")
    axis = figure.subplots()
    for k, (sign, colour) in enumerate(zip((1, -1), _CLASS_COLOURS, strict=True)):
        axis.errorbar(
            sign * difference / 2, k, xerr=error / 2, fmt="os"[k], color=colour, markersize=9, capsize=5, elinewidth=2.5
        )
    reach = max(abs(difference) / 2 + error / 2, 1e-6) * 1.25
    axis.set(
        xlim=(-reach, reach), ylim=(1.6, -0.6), yticks=range(2), xlabel="nats relative to the mean (right: likelier)"
    )
    axis.set_yticklabels(labels)
    axis.axvline(0, color=_INK, linewidth=0.8, linestyle=(0, (4, 3)))
    axis.locator_params(axis="x", nbins=5)
    axis.tick_params(colors=_INK, left=False)
    axis.xaxis.label.set_color(_INK)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.spines["bottom"].set_color(_INK)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    drawing = buffer.getvalue()
    drawing = re.sub(r"<metadata>.*?</metadata>", "", drawing[drawing.index("<svg") :], flags=re.DOTALL)
    name = f"{labels[0]} {nats(difference / 2, True)}, {labels[1]} {nats(-difference / 2, True)} nats about their mean"
    return drawing.replace(_INK, "currentColor").replace("<svg", f'<svg role="img" aria-label="{escape(name)}"', 1)


def legend(low: str, middle: str, high: str) -> str:
    """The signed colour scale of a map, with what its ends and its middle mean; as in the map, small is see-through."""
    levels = np.linspace(-1, 1, len(SIGNED_STOPS))
    cover = 255 * OPACITY * np.sqrt(np.abs(levels))
    stops = ",".join(f"{stop}{round(alpha):02x}" for stop, alpha in zip(SIGNED_STOPS, cover.tolist(), strict=True))
    ends = "".join(f"<span>{escape(words)}</span>" for words in (low, middle, high))
    return (
        f'<div class="legend"><div class="scale" style="background-image:linear-gradient(90deg,{stops})"></div>'
        f'<div class="ends">{ends}</div></div>'
    )
