"""The sheet of a report: one A4 page of pictures, colour bars, numbers and provenance, as a matplotlib figure."""

from datetime import UTC, datetime
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from jdm_core.checkpoint.calibration import Thresholds
from jdm_core.draw.colours import OPACITY, colour_table
from jdm_core.explain.matching import MATCHED
from jdm_core.report.words import ENGLISH, NOT_A_CELL, elbo_figure, elbo_meaning, outcome, verdict_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

A4 = (210 / 25.4, 297 / 25.4)  # inches
LEFT, RIGHT = 0.085, 0.915  # margins, as shares of the page
DPI = 120  # of the PNG
PICTURE = 500  # pixels on the longer side of a picture in the PDF: 150 to the inch
BELOW = 0.31  # of the page, kept for what stands below the pictures
NAME_CHARACTERS = 86  # of a file name, in one line of a monospaced font
GRAY = 0.66  # under the colours of a bar, about a cell's own
INK, QUIET, ALERT = "#111827", "#4b5563", "#9b1c1c"
TONES = {"0": "#b84a00", "1": "#1f64a5"}  # of the first two labels, as in the evidence map
WIDE = 94  # characters of the largest running text in one line
SANS, MONO = "DejaVu Sans", "DejaVu Sans Mono"  # they come with matplotlib: the same page everywhere


class Panel(NamedTuple):
    """A picture (H, W, 3) uint8 under its title; a map has its colour bar's label, full value and stops."""

    title: str
    picture: np.ndarray
    bar: str = ""
    scale: float = 0.0
    stops: tuple[str, ...] = ()


def draw_sheet(panels: list[Panel], report: dict[str, Any]) -> "Figure":
    """The A4 page of one report: up to four panels, the first of which is the cell itself, and the JSON's values."""
    from matplotlib.figure import Figure  # here, since its import takes longer than a prediction

    figure = Figure(figsize=A4, facecolor="white")
    _text(figure, LEFT, 0.965, "PlasmoLens report", size=15, weight="bold")
    _text(figure, RIGHT, 0.965, report["notice"], size=9.5, weight="bold", color=ALERT, ha="right")
    _text(figure, LEFT, 0.944, printable(report["file"]), size=9, family=MONO)
    bottom = _verdict(figure, 0.924, report)
    bottom = _panels(figure, panels, bottom - 0.012)
    bottom = _table(figure, bottom - 0.016, report)
    bottom = _lines(figure, bottom - 0.01, _reading_help(report), size=7.5)
    _lines(figure, bottom - 0.008, _provenance(report), size=7, color=QUIET)
    _text(figure, LEFT, 0.028, f"{report['notice']}. {report['software']}, {_moment(report)}", size=8, color=ALERT)
    return figure


def save_sheet(figure: "Figure", report: dict[str, Any], path: Path, kind: str) -> None:
    """Writes the page as "png" or "pdf", whose only date is the report's own."""
    metadata = {
        "png": {"Comment": report["notice"], "Software": None},
        "pdf": {
            "Title": printable(report["file"]),
            "Subject": report["notice"],
            "Creator": report["software"],
            "Keywords": f"{report['model']['name']} {report['model']['sha256']}",
            "Producer": None,
            "CreationDate": datetime.fromisoformat(report["time"]),
        },
    }
    figure.savefig(path, format=kind, dpi=DPI, metadata=metadata[kind])


def sheet_book(path: Path, notice: str, software: str) -> "PdfPages":
    """An open PDF of many sheets: `savefig(figure)` adds one."""
    from matplotlib.backends.backend_pdf import PdfPages

    metadata = {"Title": "PlasmoLens reports", "Subject": notice, "Creator": software, "Producer": None}
    return PdfPages(path, metadata=metadata)


def printable(name: str) -> str:
    """A file name on one line that the sheet's font can print: the rest as escapes, its middle left out if long."""
    from matplotlib.font_manager import findfont, get_font

    known = get_font(findfont(MONO)).get_charmap()
    shown = "".join(c if c.isprintable() and ord(c) in known else c.encode("unicode_escape").decode() for c in name)
    if len(shown) <= NAME_CHARACTERS:
        return shown
    half = (NAME_CHARACTERS - 1) // 2
    return f"{shown[:half]}…{shown[-half:]}"


def _text(figure: "Figure", x: float, y: float, words: str, **style: Any) -> None:
    style = {"va": "top", "color": INK, "family": SANS} | style
    figure.text(x, y, words, parse_math=False, **style)  # a name with $ signs is no formula


def _lines(figure: "Figure", top: float, lines: list[tuple[str, dict[str, Any]]], **style: Any) -> float:
    """Lines from the top down; returns where the last one ends."""
    step = 1.45 * style["size"] / 72 / A4[1]
    for words, own in lines:
        _text(figure, LEFT, top, words, **{**style, **own})
        top -= step
    return top


def _verdict(figure: "Figure", top: float, report: dict[str, Any]) -> float:
    """The page's verdict, what else must be known before any figure, and what became of the edit; returns its end."""
    labels = list(report["probabilities"])
    head, posterior = ([report[key][label] for label in labels] for key in ("probabilities", "posterior"))
    title, detail, tone = verdict_words(report["verdict"], labels, head, posterior)
    strange = report["verdict"] == NOT_A_CELL
    _text(figure, LEFT, top, title, size=14, weight="bold", color=ALERT if strange else TONES.get(tone, INK))
    lines = [(line, {"color": ALERT if strange else INK}) for line in wrap(detail, WIDE)]
    lines += [(line, {"color": ALERT}) for line in wrap(report.get("warning", ""), WIDE)]
    if report.get("found") in ("several", "none"):
        lines += [(line, {"color": ALERT}) for line in wrap(report["found_note"], WIDE)]
    if edit := report.get("counterfactual"):
        lines += [(line, {"color": INK if edit["flipped"] else ALERT}) for line in wrap(_edit_outcome(report), WIDE)]
    return _lines(figure, top - 0.026, lines, size=9.5)


def _edit_outcome(report: dict[str, Any]) -> str:
    edit = report["counterfactual"]
    target, settings = edit["target"], edit["settings"]
    if not settings["attempts"]:
        return f"Edit to {target}: none was made, because the classifier says so already."
    reached = edit["probabilities"][target], edit["posterior"][target]
    return f"Edit to {target}: {outcome(edit['flipped'], target, *reached, Thresholds(**report['thresholds']))}"


def _panels(figure: "Figure", panels: list[Panel], top: float) -> float:
    """Two columns of pictures from `top` down, maps in the proportions of the cell; returns where they end."""
    height, width = panels[0].picture.shape[:2]
    rows = -(-len(panels) // 2)
    tall = min(0.39 * A4[0] / A4[1] * height / width, (top - BELOW) / rows - 0.068)  # shares of the page
    shown = round(PICTURE * width / max(height, width)), round(PICTURE * height / max(height, width))
    for i, panel in enumerate(panels):
        left, above = LEFT + 0.44 * (i % 2), top - (tall + 0.068) * (i // 2)
        _text(figure, left + 0.195, above, panel.title, size=8.5, ha="center")
        axis = figure.add_axes((left, above - 0.016 - tall, 0.39, tall))
        axis.imshow(Image.fromarray(panel.picture).resize(shown, Image.Resampling.LANCZOS), interpolation="none")
        axis.set_axis_off()
        if panel.bar:
            _bar(figure.add_axes((left + 0.06, above - 0.016 - tall - 0.013, 0.27, 0.008)), panel)
    return top - (tall + 0.068) * rows


def _bar(axis: "Axes", panel: Panel) -> None:
    """The colours of a map over mid-gray, as they lie over the cell: the smaller the value, the less they cover."""
    values = np.linspace(-1, 1, 256)
    colours = colour_table(panel.stops, torch.device("cpu")).numpy()
    cover = OPACITY * np.sqrt(np.abs(values))[:, None]
    axis.imshow((cover * colours + (1 - cover) * GRAY)[None], aspect="auto", extent=(-1, 1, 0, 1))
    ticks = [f"{value:+.2g}".replace("-", "−") if value else "0" for value in (-panel.scale, 0, panel.scale)]
    axis.set_xticks((-1, 0, 1), ticks, fontsize=7, family=SANS, parse_math=False)
    axis.set_yticks([])
    axis.tick_params(length=2, pad=1.5, color=QUIET)
    axis.set_xlabel(panel.bar, fontsize=7, labelpad=1, family=SANS, color=QUIET)
    axis.spines[:].set_linewidth(0.4)


def _table(figure: "Figure", top: float, report: dict[str, Any]) -> float:
    """The numbers of each class, a line a class, and of the edit; returns where the table ends."""
    edit = report.get("counterfactual")
    columns = ["", "Classifier", "Likelihood", "ELBO, nats"]
    rows = [
        [
            label,
            ENGLISH.percent(report["probabilities"][label]),
            ENGLISH.percent(report["posterior"][label]),
            _with_error(report["elbo"][label], report["elbo_standard_error"][label]),
        ]
        for label in report["probabilities"]
    ]
    if edit:
        columns += ["Edit: classifier", "Edit: likelihood"]
        for row in rows:
            row += [ENGLISH.percent(edit["probabilities"][row[0]]), ENGLISH.percent(edit["posterior"][row[0]])]
    at = (LEFT, 0.32, 0.43, 0.62, 0.765, RIGHT)
    for row, cells in enumerate([columns, *rows]):
        for column, words in enumerate(cells):
            _text(
                figure, at[column], top, words, size=8.5, ha="right" if column else "left", color=INK if row else QUIET
            )
        top -= 0.0155
    labels = list(report["probabilities"])
    paired = report["elbo_difference"], report["elbo_difference_standard_error"]
    lines = [f"{elbo_figure(labels, *paired)} (standard error), {report['draws']} paired draws."]
    lines += wrap(elbo_meaning(labels, *paired, [report["posterior"][label] for label in labels]), 105)
    if edit:
        lines.append(
            f"Edit: {ENGLISH.percent(edit['changed_fraction'])} of the cell changed by more than 10/255; mean absolute "
            f"change {255 * edit['mean_absolute_change']:.2f}/255."
        )
    return _lines(figure, top, [(line, {}) for line in lines], size=8.5)


def _with_error(value: float, error: float) -> str:
    return f"{ENGLISH.nats(value, error)} ± {ENGLISH.nats(error, error)}"


def _reading_help(report: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """How to read the figures, and how the cell was obtained."""
    first, second = list(report["probabilities"])[:2]
    found = report["found_note"] if report.get("found") == "cut out" else "Nothing was cut out of the picture."
    if report.get("colours") == MATCHED:
        found += " The model saw the cell in the colours of the training cells."
    lines = [
        f"Evidence map: what in the likelihood verdict speaks for {first} (orange) and for {second} (blue), by pixel.",
        "ELBO: a bound on how likely the model finds the cell under a class, over all noise levels but the faintest; "
        "± is the noise of drawing.",
        "Edit: part of the cell made anew, the mildest found that changes both verdicts; what the model would need to "
        "see, not what the cell was.",
    ]
    return [(line, {}) for line in [*lines[: 3 if "counterfactual" in report else 2], found]]


def _provenance(report: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """What a reader needs to make the same figures again; all settings are in the JSON."""
    model = report["model"]
    lines = [
        f"Model {model['name']}, version {model['version']}, sha256 {model['sha256']}",
        f"Pixels, sha256 {report['input_sha256']}",
    ]
    if digest := report.get("file_sha256"):
        lines.append(f"File, sha256 {digest}")
    settings = f"Seed {report['seed']}, {report['draws']} draws."
    if (edit := report.get("counterfactual")) and edit["settings"]["attempts"]:
        chosen = edit["settings"]
        settings += (
            f" Edit: guidance {chosen['guidance']:g}, starting noise {ENGLISH.percent(chosen['start_time'])}, attempt "
            f"{chosen['attempts']}."
        )
    return [(line, {}) for line in [*lines, f"{settings} Everything else is in the JSON file of this report."]]


def _moment(report: dict[str, Any]) -> str:
    """When the report was written, to the minute."""
    moment = datetime.fromisoformat(report["time"]).astimezone(UTC)
    return f"{moment.day} {moment:%b %Y %H:%M} UTC"
