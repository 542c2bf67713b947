"""The PDF of fields: what was counted and by whom, the suspects with their crops and readings, and the notice."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

from jdm_core.field.estimate import Estimate
from jdm_core.field.found import STATUSES
from jdm_core.report.field.entry import INFECTED, FieldEntry, Smear
from jdm_core.report.language import ENGLISH
from jdm_core.report.paper import (
    A4,
    ALERT,
    INK,
    LEFT,
    MONO,
    QUIET,
    RIGHT,
    SANS,
    printable,
    write,
    write_paragraph,
)
from jdm_core.report.words import NOTICE
from jdm_core.version import VERSION

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIELDS_A_PAGE = 44  # lines of the table of fields
COLUMNS, ROWS = 5, 7  # of suspects on a page
CROP = 150  # pixels of a crop's longer side: what its 25 mm hold at 150 to the inch
DPI = 150


class Suspect(NamedTuple):
    """A cell that the machine suspects or a person read, and the name of its field."""

    entry: FieldEntry
    cell: int
    rank: int | None


def book(smear: Smear) -> bytes:
    """The PDF of a smear's fields, A4: the count, a table of the fields, and all suspects."""
    from matplotlib.backends.backend_pdf import PdfPages

    data = BytesIO()
    about: dict[str, Any] = {"Title": printable(smear.name), "Subject": NOTICE, "Creator": f"PlasmoLens {VERSION}"}
    with PdfPages(data, metadata=about | {"Producer": None, "CreationDate": None}) as pages:
        for figure in draw_pages(smear):
            pages.savefig(figure)
    return data.getvalue()


def suspects(smear: Smear) -> list[Suspect]:
    """The suspects of all fields in the order of their ranks, and whatever else a person read."""
    chosen = []
    for entry in smear.fields:
        ranks = entry.ranks
        cells = {int(i) for i in np.flatnonzero(entry.field.suspicious & entry.field.read)} | set(entry.readings)
        chosen += [Suspect(entry, cell, ranks.get(cell)) for cell in cells]
    return sorted(chosen, key=lambda one: (_negated(one.entry.field.suspicion[one.cell]), one.entry.file, one.cell))


def _negated(suspicion: float) -> float:
    return np.inf if np.isnan(suspicion) else -float(suspicion)


def draw_pages(smear: Smear) -> Iterator["Figure"]:
    """The pages of `book` as figures: the count and the first fields, more fields, and the suspects."""
    shown = suspects(smear)
    starts = range(0, len(shown), COLUMNS * ROWS)
    tables = range(FIELDS_A_PAGE // 2, len(smear.fields), FIELDS_A_PAGE)
    pages, page = 1 + len(tables) + len(starts), 1
    yield _summary(smear, page, pages)
    for start in tables:
        page += 1
        figure = _page(smear, page, pages)
        _fields(figure, 0.925, smear.fields[start : start + FIELDS_A_PAGE])
        yield figure
    for start in starts:
        page += 1
        figure = _page(smear, page, pages)
        _suspects(figure, shown[start : start + COLUMNS * ROWS], len(shown), start)
        yield figure


def _page(smear: Smear, page: int, pages: int) -> "Figure":
    from matplotlib.figure import Figure  # here, since its import takes longer than a prediction

    figure = Figure(figsize=A4, facecolor="white", dpi=DPI)
    write(figure, LEFT, 0.965, "PlasmoLens: cells to look at", size=14, weight="bold")
    write(figure, RIGHT, 0.965, NOTICE, size=9.5, weight="bold", color=ALERT, ha="right")
    write(figure, LEFT, 0.944, printable(smear.name), size=9, family=MONO)
    moment = datetime.now(UTC)
    foot = f"{NOTICE}. PlasmoLens {VERSION}, {moment.day} {moment:%b %Y %H:%M} UTC"
    write(figure, LEFT, 0.028, foot, size=8, color=ALERT)
    write(figure, RIGHT, 0.028, f"{page} / {pages}", size=8, color=QUIET, ha="right")
    return figure


def _lines(figure: "Figure", top: float, lines: Sequence[str], size: float, **style: Any) -> float:
    """Paragraphs from the top down; returns where the last one ends."""
    for words in lines:
        top = write_paragraph(figure, top, words, size, **style)
    return top


def _summary(smear: Smear, page: int, pages: int) -> "Figure":
    figure, totals = _page(smear, page, pages), smear.totals()
    headline = f"{totals.suspicious} of {totals.read} cells to look at"
    write(figure, LEFT, 0.92, headline, size=15, weight="bold")
    found = ", ".join(f"{status} {totals.counts[status]}" for status in STATUSES)
    top = _lines(figure, 0.89, [f"Fields: {totals.fields}. Found: {totals.found}; {found}."], 9.5) - 0.008
    top = _lines(figure, top, ["Reviewed count"], 11, weight="bold")
    top = _lines(figure, top, _reviewed(smear), 9.5) - 0.008
    top = _lines(figure, top, ["The machine's own estimate"], 11, weight="bold")
    top = _lines(figure, top, _estimated(smear), 9.5) - 0.008
    troubled = [entry for entry in smear.fields if entry.field.trouble]
    said = [f"{printable(entry.file)}: {entry.field.trouble}" for entry in troubled]
    top = _lines(figure, top, said[:6], 8.5, color=ALERT)
    top = _fields(figure, top - 0.01, smear.fields[: FIELDS_A_PAGE // 2])
    _lines(figure, top - 0.012, _provenance(smear), 7, color=QUIET)
    return figure


def _reviewed(smear: Smear) -> list[str]:
    totals = smear.totals()
    share = totals.reviewed_share()
    if share is None:
        return ["Nobody has read a cell yet: there is no count. What the machine suspects is no count."]
    return [
        f"{totals.infected} infected of {totals.counted} cells: {_interval(share)}. "
        f"{_blood(share, smear.red_cells_per_ul)}",
        f"Cells that a person read: {totals.reviewed}, and of the {totals.suspicious} to look at {totals.looked_at}. "
        f"Unsure: {totals.unsure}, which are left out. What nobody looked at counts as not infected.",
    ]


def _estimated(smear: Smear) -> list[str]:
    estimate = smear.totals().estimate(smear.known)
    if estimate is None:
        return ["Not made: how well this checkpoint reads such cells was not measured, or there are none."]
    words = f"{_interval(estimate)}. {_blood(estimate, smear.red_cells_per_ul)}"
    if not estimate.tells:
        words = f"Cannot be told from none: {words}"
    return [words, "Corrected for what the machine misses and what it suspects wrongly, with their spread over slides."]


def _interval(share: Estimate) -> str:
    low, high, middle = (_share(value) for value in (share.low, share.high, share.share))
    return f"{middle} (95 % interval {low} to {high})"


def _share(value: float) -> str:
    """A share in percent with three digits, since few cells of a smear are infected."""
    return f"{100 * value:.3g} %"


def _blood(share: Estimate, red_cells: float) -> str:
    blood = share.per_microlitre(red_cells)
    low, high, middle = (f"{round(value):,}" for value in (blood.low, blood.high, blood.share))
    return f"Per µL {middle} ({low} to {high}), if there are {round(red_cells):,} red cells per µL."


def _fields(figure: "Figure", top: float, fields: Sequence[FieldEntry]) -> float:
    """A line a field; returns where the table ends."""
    heads = ["Field", "found", "read", "to look at", "cut off", "clumps", "no red cell", "by a person", "infected"]
    at = (LEFT, 0.41, 0.47, 0.543, 0.608, 0.672, 0.756, 0.848, RIGHT)
    rows = [heads]
    for entry in fields:
        totals = entry.totals()
        numbers = [totals.found, totals.read, totals.suspicious, *(totals.counts[s] for s in STATUSES[1:])]
        read = [totals.reviewed, totals.infected] if entry.readings else ["", ""]
        rows.append([printable(entry.file)[-38:], *map(str, numbers + read)])
    for row, cells in enumerate(rows):
        for column, words in enumerate(cells):
            style = {"ha": "right" if column else "left", "color": INK if row else QUIET}
            write(figure, at[column], top, words, size=7.5, family=MONO if row and not column else SANS, **style)
        top -= 0.0145
    return top


def _suspects(figure: "Figure", shown: Sequence[Suspect], count: int, start: int) -> None:
    """A page of suspects: their crops on black in one picture, and a few words below each."""
    write(figure, LEFT, 0.925, f"Suspects {start + 1} to {start + len(shown)} of {count}", size=10, weight="bold")
    wide, tall = (RIGHT - LEFT) / COLUMNS, 0.86 / ROWS
    crop = 0.025 / (A4[0] * 0.0254)  # 25 mm, as a share of the page's width
    for place, one in enumerate(shown):
        left, top = LEFT + wide * (place % COLUMNS), 0.9 - tall * (place // COLUMNS)
        high = crop * A4[0] / A4[1]
        axis = figure.add_axes((left, top - high, crop, high))
        axis.imshow(_square(one.entry.field.cells[one.cell]), interpolation="none")
        axis.set_axis_off()
        for line, (words, style) in enumerate(_words(one)):
            write(figure, left, top - high - 0.003 - 0.0088 * line, words, size=5.8, **style)


def _square(crop: np.ndarray) -> Image.Image:
    """A crop in the middle of a black square of CROP pixels a side."""
    picture = Image.fromarray(crop)
    scale = CROP / max(picture.size)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    square = Image.new("RGB", (CROP, CROP))
    square.paste(picture.resize(size, Image.Resampling.LANCZOS), ((CROP - size[0]) // 2, (CROP - size[1]) // 2))
    return square


def _words(one: Suspect) -> list[tuple[str, dict[str, Any]]]:
    f, cell, reading = one.entry.field, one.cell, one.entry.readings.get(one.cell)
    infected = f.labels.index(INFECTED) if INFECTED in f.labels else 0
    head, posterior = f.probabilities[cell, infected], f.posterior[cell, infected]
    verdict = "not read by the machine" if np.isnan(head) else f"{f.labels[infected]}: classifier {_percent(head)}"
    likelihood = "" if np.isnan(posterior) else f"likelihood {_percent(posterior)}"
    place = f"{one.rank}. " if one.rank else ""
    return [
        (f"{place}cell {cell} of {printable(one.entry.stem)[-18:]}", {"weight": "bold"}),
        (verdict, {}),
        (", ".join(word for word in (likelihood, str(f.kind[cell])) if word), {"color": QUIET}),
        (
            f"read by a person: {reading}" if reading else "not yet read by a person",
            {"color": ALERT if reading else QUIET},
        ),
    ]


def _percent(value: float) -> str:
    return ENGLISH.percent(float(value))


def _provenance(smear: Smear) -> list[str]:
    model = smear.model
    lines = [f"Model {model['name']}, version {model['version']}, sha256 {model['sha256']}"]
    if smear.fields:
        f = smear.fields[0].field
        lines.append(f"Cells read in colours {f.colours}; likelihood from {f.draws} draws, seed {f.seed}.")
    lines.append("Outlines, verdicts and readings of every cell are in the CSV, JSON and GeoJSON of the same fields.")
    return lines
