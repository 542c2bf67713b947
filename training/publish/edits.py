"""python -m training edits: do the edits flip, to the eyes of a network that had no part in them?"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from tqdm import tqdm

from jdm_core import Counterfactual, Explainer
from jdm_core.images.limits import BLACK
from jdm_core.images.pixels import cell_mask, from_uint8
from training.data.members import choose_members, chunks, read_all, slide_of
from training.metrics import Json, share, share_interval
from training.run.classifier import judge_probabilities, load_judge_of

CHUNK = 16
SHEET_CELLS = 24
SHEET_PICTURE = 128
DARKER, NEW = 0.7, 0.15  # dirt: below this share of the cell's brightness, by so much of it darker than before
COLOURLESS = 0.85  # of the cell's own share of green beside the brightest channel: purple has less
DIRT_PIXELS = 4


def evaluate_edits(
    explainer: Explainer,
    data: Path,
    judge_file: Path,
    keep: Callable[[str], bool] | None,
    per_class: int,
    seed: int,
    sheet: Path | None,
) -> Json:
    """Edits `per_class` cells of each class, drawn by `seed`, to the other class; figures each way as JSON values.

    Counted are cells that head and judge both read as labelled before the edit: of the others nothing could flip.
    `sheet` takes a picture of the first 24 drawn, good or bad: cell, evidence, edit and difference.
    """
    judge = load_judge_of(explainer.checkpoint, judge_file)
    found = choose_members(data, explainer.labels, keep)
    generator = np.random.default_rng(seed)
    of_class = [[item for item in found if item[1] == label] for label in range(len(explainer.labels))]
    drawn = [[items[i] for i in generator.permutation(len(items))[:per_class]] for items in of_class]
    chosen = [item for pair in zip(*drawn, strict=False) for item in pair]
    cells = read_all(data, [member for member, _ in chosen])

    truth = np.array([label for _, label in chosen])
    head = explainer.predict(cells).probabilities.argmax(1)
    edits = [
        explainer.counterfactual(cells[part], seed=seed)
        for part in tqdm(chunks(len(cells), CHUNK), desc="editing", unit="batch")
    ]
    before = _judged(judge, np.concatenate([edit.original for edit in edits]))
    after = _judged(judge, np.concatenate([edit.images for edit in edits]))
    counted = (head == truth) & (before == truth)
    flips = {
        "judge": after != before,
        "head": np.concatenate([edit.probabilities.argmax(1) == edit.target for edit in edits]),
        "posterior": np.concatenate([edit.posterior.argmax(1) == edit.target for edit in edits]),
        "search": np.concatenate([edit.flipped for edit in edits]),
    }
    changed = np.concatenate([edit.changed_fraction for edit in edits])
    passes = np.concatenate([_passes(edit) for edit in edits])
    dirt = np.concatenate([has_dirt(edit.original, edit.images) for edit in edits])
    slides = np.array([slide_of(member) for member, _ in chosen])
    if sheet is not None:
        _draw_sheet(explainer, cells[:SHEET_CELLS], edits, seed, sheet)

    figures: Json = {"checkpoint": explainer.name, "sha256": explainer.sha256, "judge": judge_file.stem, "seed": seed}
    for label, name in enumerate(explainer.labels):
        rows = counted & (truth == label)
        if not rows.any():
            raise ValueError(f"no cell labelled {name} that head and judge both read so: nothing to count")
        figures[f"from_{name}"] = {
            "n": int(rows.sum()),
            "slides": len(set(slides[rows])),
            "not_counted": int(((truth == label) & ~counted).sum()),
            **{f"{who}_flips": _rate(flip[rows], slides[rows]) for who, flip in flips.items()},
            "changed_fraction_median": round(float(np.median(changed[rows])), 4),
            "network_passes_mean": round(float(passes[rows].mean()), 1),
            "cells_with_dirt": int(dirt[rows].sum()),
            "judge_disagrees": [chosen[i][0] for i in np.flatnonzero(rows & ~flips["judge"])],
        }
    return figures


def _judged(judge: torch.nn.Module, images: np.ndarray) -> np.ndarray:
    """The judge's class (N,) of images (N, S, S, 3) uint8."""
    x = from_uint8(torch.from_numpy(images))
    return judge_probabilities(judge, x, torch.device("cpu")).argmax(1)


def _rate(flips: np.ndarray, slides: np.ndarray) -> Json:
    interval = share_interval(flips, slides.tolist())
    return {"rate": round(share(flips, flips), 4), "interval": [round(v, 4) for v in interval]}


def _passes(edit: Counterfactual) -> np.ndarray:
    """Encoder passes of each edit: for the region, and every step of every candidate; checks not counted."""
    return np.array(edit.settings["encoder_passes"])


def masks_of(cells: np.ndarray) -> np.ndarray:
    """What is cell (N, S, S) in cells (N, S, S, 3) uint8."""
    return cell_mask(from_uint8(torch.from_numpy(cells))).numpy()


def has_dirt(original: np.ndarray, edited: np.ndarray) -> np.ndarray:
    """Whether cells (N, S, S, 3) uint8 got a new dark and colourless piece of at least four pixels of 64, (N,) bool.

    Gray and black alike: dark against the cell's own brightness, and without the stain that makes a parasite dark.
    """
    found = []
    for before, after, mask in zip(original.astype(float), edited.astype(float), masks_of(original), strict=True):
        own = np.maximum(np.median(before[mask], axis=0) if mask.any() else np.ones(3), 1)
        light, was = after.max(2) / own.max(), before.max(2) / own.max()
        green = after[..., 1] / np.maximum(after.max(2), 1) / (own[1] / own.max())
        black = after.max(2) < BLACK
        dark = mask & (light < DARKER) & (was - light > NEW) & (black | (green > COLOURLESS))
        numbered: Any = ndimage.label(dark, np.ones((3, 3)))  # scipy states no type
        sizes = np.bincount(np.asarray(numbered[0]).ravel())[1:]
        found.append(bool((sizes >= DIRT_PIXELS * (len(mask) / 64) ** 2).any()))
    return np.array(found)


def _draw_sheet(
    explainer: Explainer, cells: list[np.ndarray], edits: list[Counterfactual], seed: int, path: Path
) -> None:
    """Two bands of twelve columns: cell, evidence, edit and difference, one above the other."""
    scores = explainer.elbo(cells, draws=16, seed=seed)
    columns = []
    for i in range(len(cells)):
        edit, k = edits[i // CHUNK], i % CHUNK
        original, changed = edit.original[k], edit.images[k]
        pictures = [
            _enlarged(original),
            explainer.draw.evidence(original, scores.evidence[i], SHEET_PICTURE),
            _enlarged(changed),
            explainer.draw.difference(original, edit.difference[k], SHEET_PICTURE),
        ]
        columns.append(np.concatenate(pictures))
    half = (len(columns) + 1) // 2
    columns += [np.zeros_like(columns[0])] * (2 * half - len(columns))
    bands = [np.concatenate(columns[:half], axis=1), np.concatenate(columns[half:], axis=1)]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(bands)).save(path)


def _enlarged(picture: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((SHEET_PICTURE, SHEET_PICTURE), Image.Resampling.BICUBIC))
