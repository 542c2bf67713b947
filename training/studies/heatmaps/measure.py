"""Do the maps lie where an eye finds the parasite, and where do others do better?"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from jdm_core import Explainer
from jdm_core.images.pixels import cell_mask, from_uint8, to_uint8
from training.data.cells import squares
from training.data.corruptions import corrupt
from training.data.marks import Marks, box_mask
from training.data.members import DataError, chunks, list_members, read_all, slide_of
from training.metrics import Summary, clustered_interval, summarise
from training.run.classifier import judge_probabilities, load_judge_of
from training.studies.heatmaps.attributions import Attribution, Maps
from training.studies.heatmaps.localisation import average_precision, correlation, deletion_and_insertion
from training.studies.pointing import energy_inside, pointing, pointing_by_chance

CHUNK = 16
STABLE_UNDER = ("blur", "noise", "jpeg")  # the mildest severity of each, which no verdict should mind
STABILITY_CELLS = 8
FIGURES = ("energy", "average_precision", "pointing", "deletion", "insertion", "judge_deletion", "judge_insertion")


def read_marked(data: Path, marks: Marks, labels: Sequence[str]) -> tuple[list[str], list[np.ndarray]]:
    """Members and pixels of the marked cells that show a parasite; DataError for one that the data do not hold."""
    there = {member for member, label in list_members(data, labels) if label == 0}
    names = [name for name, boxes in marks.items() if boxes]
    if missing := [name for name in marks if name not in there]:
        raise DataError(f"{data}: {len(missing)} marked cells are not in it as {labels[0]}, the first {missing[0]}")
    if not names:
        raise DataError(f"{data}: no marked cell shows a parasite")
    return names, read_all(data, names)


def draw_maps(methods: Sequence[Attribution], cells: Sequence[np.ndarray], seed: int) -> Maps:
    """Every method's maps (N, S, S) of the cells."""
    parts: dict[str, list[np.ndarray]] = {}
    for part in tqdm(chunks(len(cells), CHUNK), desc="maps", unit="batch"):
        for attribute in methods:
            for name, values in attribute(cells[part], seed).items():
                parts.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in parts.items()}


def measure_maps(
    maps: Maps, inside: np.ndarray, x: Tensor, readers: Mapping[str, Callable[[Tensor], np.ndarray]]
) -> dict[str, np.ndarray]:
    """The `FIGURES` (N, 7) of every method for cells x (N, C, S, S) with marked pixels `inside` (N, S, S) bool.

    readers are the probabilities of the first class by head and judge, in this order.
    """
    masks, rows = cell_mask(x), {}
    for name in tqdm(maps, desc="measuring", unit="method"):
        rows[name] = np.array(
            [
                [
                    energy_inside(values, where),
                    average_precision(values, where),
                    pointing(values, where),
                    *(
                        area
                        for read in readers.values()
                        for area in deletion_and_insertion(read, picture, values, mask)
                    ),
                ]
                for values, where, picture, mask in zip(maps[name], inside, x, masks, strict=True)
            ]
        )
    return rows


def summarise_maps(rows: Mapping[str, np.ndarray], slides: Sequence[str], reference: str) -> dict[str, Summary]:
    """Means of the `FIGURES` with intervals clustered by slide, and the energy over that of the `reference`, paired."""
    figures: dict[str, Summary] = {}
    for name, values in rows.items():
        means = {figure: lambda v, _, i=i: float(v[:, i].mean()) for i, figure in enumerate(FIGURES)}
        figures[name] = summarise(values, values, slides, means)
        if name != reference:
            energies = np.stack([values[:, 0], rows[reference][:, 0]], axis=1)
            figures[name] |= summarise(energies, energies, slides, {"energy_ratio": _ratio})
    return figures


def stability(
    methods: Sequence[Attribution], clean: Maps, cells: Sequence[np.ndarray], slides: Sequence[str], seed: int
) -> dict[str, Summary]:
    """Correlation of every method's maps of cells with those of the same cells a little worse, and of another seed."""
    masks = [cell_mask(from_uint8(torch.from_numpy(cell)[None]))[0].numpy() for cell in cells]
    others = {
        name: ([corrupt(cell, mask, name, 1, seed) for cell, mask in zip(cells, masks, strict=True)], seed)
        for name in STABLE_UNDER
    } | {"seed": (list(cells), seed + 1)}
    figures: dict[str, Summary] = {name: {} for name in clean}
    for condition, (pictures, other_seed) in others.items():
        for name, maps in draw_maps(methods, pictures, other_seed).items():
            values = np.array([correlation(*pair) for pair in zip(clean[name], maps, strict=True)])
            figures[name] |= summarise(values, values, slides, {condition: lambda v, _: float(v.mean())})
    return figures


def study_heatmaps(
    explainer: Explainer, methods: Sequence[Attribution], judge_file: Path, data: Path, marks: Marks, seed: int
) -> tuple[dict[str, object], list[np.ndarray], Maps]:
    """Figures of every method on the marked cells, plain JSON values; and the cells and maps behind them.

    Counted are the cells that the head reads as parasitized, since of the others there is nothing that speaks for it,
    and nothing to remove; those are given as `all_marked` too, where a map of zeros has no energy anywhere.
    The first map is the one that the others' energy is compared with.
    """
    judge = load_judge_of(explainer.checkpoint, judge_file)
    names, cells = read_marked(data, marks, explainer.labels)
    slides = np.array([slide_of(name) for name in names])
    x = from_uint8(torch.from_numpy(squares(cells, explainer.size)))
    inside = np.stack([box_mask(marks[name], explainer.size) for name in names])
    masks = cell_mask(x).numpy()
    chance = np.array([pointing_by_chance(*pair) for pair in zip(inside, masks, strict=True)])
    read = explainer.predict(cells).probabilities[:, 0] >= 0.5
    if not read.any():
        raise ValueError(f"the head reads none of {len(cells)} marked cells as {explainer.labels[0]}: nothing to count")

    readers = {
        "head": lambda pictures: explainer.predict(list(to_uint8(pictures).numpy())).probabilities[:, 0],
        "judge": lambda pictures: judge_probabilities(judge, pictures, torch.device("cpu"))[:, 0],
    }
    maps = draw_maps(methods, cells, seed)
    rows, reference = measure_maps(maps, inside, x, readers), next(iter(maps))
    few = np.random.default_rng(seed).permutation(np.flatnonzero(read))[:STABILITY_CELLS].tolist()
    clean = {name: values[few] for name, values in maps.items()}
    stable = stability(methods, clean, [cells[i] for i in few], slides[few].tolist(), seed)
    interval = clustered_interval(lambda v, _: float(v.mean()), chance[read], chance[read], slides[read].tolist())
    figures: dict[str, object] = {
        "checkpoint": explainer.name,
        "sha256": explainer.sha256,
        "seed": seed,
        "n": int(read.sum()),
        "slides": len(set(slides[read])),
        "marked": len(cells),
        "no_parasite_visible": len(marks) - len(cells),
        "boxes_of_picture": round(float(inside[read].mean()), 5),
        "pointing_by_chance": round(float(chance[read].mean()), 5),
        "pointing_by_chance_interval": [round(v, 5) for v in interval],
        "methods": summarise_maps({k: v[read] for k, v in rows.items()}, slides[read].tolist(), reference),
        "all_marked": summarise_maps(rows, slides.tolist(), reference),
        "stability": {"n": len(few), **stable},
    }
    return figures, cells, maps


def _ratio(both: np.ndarray, _: np.ndarray) -> float:
    """The reference's mean over the other's."""
    return float(both[:, 1].mean() / max(both[:, 0].mean(), 1e-9))
