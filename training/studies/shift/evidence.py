"""Where the evidence points on infected cells of other microscopes: at boxed parasites, or at least into the cell."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from jdm_core import Explainer
from jdm_core.explain.matching import AS_NEEDED, MATCHED, ColourChoice
from jdm_core.images.pixels import cell_mask, from_uint8
from training.data.cells import squares
from training.data.marks import box_mask
from training.data.microscopes.mpidb import read_parasites
from training.data.microscopes.sample import PARTS, Part, Sample
from training.metrics import Json
from training.studies.intervals import Resamples, figure
from training.studies.stain import colour_maps


def parasites(explainer: Explainer, folder: Path, at_most: int, draws: int, seed: int) -> list[Json]:
    """How often the evidence is greatest in a boxed parasite of an MP-IDB cell: rows of plain JSON, part by part.

    Raises DataError.
    """
    found, rows = read_parasites(folder), []
    for part in PARTS:
        own = [pointed for pointed in found if pointed.known.part == part]
        order = np.random.default_rng(seed).permutation(len(own))[:at_most]
        chosen = [own[i] for i in sorted(order)]
        inside = [box_mask(pointed.parasites, explainer.size) for pointed in chosen]
        fields = [pointed.known.field for pointed in chosen]
        cells = [pointed.cell for pointed in chosen]
        rows += _rows(explainer, "MP-IDB, P. falciparum: a boxed parasite", part, cells, inside, fields, draws, seed)
    return rows


def infected_cells(explainer: Explainer, sample: Sample, at_most: int, draws: int, seed: int) -> list[Json]:
    """How often it is greatest within the cell, not on the ground, where boxes mark cells alone: such rows."""
    rows = []
    for part in PARTS:
        infected = sample.where(part, "infected")
        order = np.sort(np.random.default_rng(seed).permutation(infected)[:at_most])
        cells, fields = [sample.cells[i] for i in order], [sample.known[i].field for i in order]
        if not cells:
            continue
        inside = list(cell_mask(from_uint8(torch.from_numpy(squares(cells, explainer.size)))).numpy())
        rows += _rows(explainer, f"{sample.title}: the infected cell", part, cells, inside, fields, draws, seed)
    return rows


def _rows(
    explainer: Explainer,
    what: str,
    part: Part,
    cells: Sequence[np.ndarray],
    inside: Sequence[np.ndarray],
    fields: Sequence[str],
    draws: int,
    seed: int,
) -> list[Json]:
    """A row for each way to take the colours: the share that points inside, and inside's share of the picture.

    Beside it how often purple alone points there, without any model.
    """
    if not cells:
        return []
    choices: list[tuple[str, ColourChoice]] = [(AS_NEEDED, AS_NEEDED)]
    if explainer.checkpoint.calibration.colours is not None:
        choices.append((MATCHED, explainer.measure_colours(cells) or AS_NEEDED))
    resamples, rows = Resamples.of(fields, "field", seed), []
    purple = colour_maps(squares(cells, explainer.size))
    by_colour = np.array([m.max() > 0 and where[m == m.max()].any() for m, where in zip(purple, inside, strict=True)])
    for name, colours in choices:
        maps = explainer.elbo(cells, max(draws, 3), seed, colours).evidence
        points = np.array([where[values == values.max()].any() for values, where in zip(maps, inside, strict=True)])
        row: Json = {"what": what, "part": part, "colours": name, "n": len(cells)}
        row |= {"unit": resamples.unit, "units": resamples.units}
        row |= figure("points", resamples.share(points), len(cells))
        row |= figure("colour_points", resamples.share(by_colour), len(cells))
        rows.append(row | {"chance": round(float(np.mean([where.mean() for where in inside])), 4)})
    return rows
