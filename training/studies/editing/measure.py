"""Which way of editing turns the verdicts, and what else does it change?"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from tqdm import tqdm

from jdm_core import Explainer
from jdm_core.images.pixels import content_seed, from_uint8, to_uint8
from training.data.cells import squares
from training.data.members import choose_members, chunks, read_all, slide_of
from training.metrics import frechet_distance, write_json
from training.run.classifier import class_logits
from training.studies.editing.figures import DRAWS, changes, flips, read_cells
from training.studies.editing.methods import Method, edit_once
from training.studies.stain import StainProxy

CHUNK = 16
SEARCH = "search"  # the edit that the explainer makes, with the strength that it finds
GUIDANCE, REGION = 2.0, 0.25
METHODS = (
    *(
        Method(way, guide, GUIDANCE)
        for way in ("noise", "ddim", "residuals", "edit-friendly")
        for guide in ("source", "no class")
    ),
    Method("residuals", "head", GUIDANCE),
    *(Method(way, "source", GUIDANCE, REGION) for way in ("noise", "residuals", "edit-friendly")),
)
SHEET_CELLS = 8


@dataclass(frozen=True)
class StudyCells:
    """Cells that head and judge both read as labelled: x (N, C, S, S) in [-1, 1], labels (N,) and slides."""

    cells: list[np.ndarray]
    x: Tensor
    labels: np.ndarray
    slides: np.ndarray


def draw_study_cells(
    explainer: Explainer, judge: nn.Module, data: Path, keep: Callable[[str], bool] | None, per_class: int, seed: int
) -> StudyCells:
    """Up to `per_class` cells of each class, drawn by `seed`, less those that head or judge misread.

    Raises DataError for unreadable cells, ValueError where a class has none left.
    """
    generator = np.random.default_rng(seed)
    found = choose_members(data, explainer.labels, keep)
    chosen: list[tuple[str, int]] = []
    for label in range(len(explainer.labels)):
        items = [item for item in found if item[1] == label]
        chosen += [items[i] for i in generator.permutation(len(items))[:per_class]]
    cells = read_all(data, [member for member, _ in chosen])
    labels = np.array([label for _, label in chosen])
    x = from_uint8(torch.from_numpy(squares(cells, explainer.size)))
    judged = class_logits(judge, x, torch.device("cpu")).argmax(1).numpy()
    right = np.flatnonzero((explainer.predict(cells).probabilities.argmax(1) == labels) & (judged == labels))
    for label, name in enumerate(explainer.labels):
        if not (labels[right] == label).any():
            raise ValueError(f"no cell labelled {name} that head and judge both read so: nothing to count")
    slides = np.array([slide_of(chosen[i][0]) for i in right])
    return StudyCells([cells[i] for i in right], x[right], labels[right], slides)


@dataclass(frozen=True)
class _Made:
    """Edits (N, S, S, 3) uint8 with the passes (N,) for each, those of checks not counted, and seconds a cell."""

    images: np.ndarray
    encoder: np.ndarray
    decoder: np.ndarray
    seconds: float


def study_edits(
    explainer: Explainer,
    judge: nn.Module,
    proxy: StainProxy,
    study: StudyCells,
    seed: int,
    facts: Mapping[str, Any],
    out: Path,
    methods: Sequence[Method] = METHODS,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Figures of every method both ways as plain JSON values, and the edits (N, S, S, 3) uint8 that were made.

    They are saved to `out` after each method; one that it holds already, with the same facts, is not run again.
    """
    original = to_uint8(study.x).numpy()
    # Every method starts from the noise that the search starts from; it alone may go further.
    start = explainer.edit.ladder[0].start
    levels = explainer.edit.logsnr(explainer.device)[: start + 1]
    facts = {
        **facts,
        "checkpoint": explainer.name,
        "sha256": explainer.sha256,
        "seed": seed,
        "cells": len(study.cells),
        "slides": len(set(study.slides)),
        "draws": DRAWS,
        "levels": [round(value, 4) for value in levels.tolist()],
        "search": repr(explainer.edit),
    }
    before = read_cells(explainer, judge, original, seed)
    features = [before.features[study.labels == label] for label in range(len(explainer.labels))]
    done = _held(out, facts)
    figures: dict[str, Any] = {**facts, "unedited_frechet": round(frechet_distance(*features), 3), "methods": done}
    pictures: dict[str, np.ndarray] = {}
    made_by: dict[str, Callable[[slice], tuple[np.ndarray, Any, Any]]] = {
        SEARCH: lambda part: _searched(explainer, study.cells[part], seed)
    }
    for method in methods:
        made_by[method.name] = lambda part, method=method: _edited_once(explainer, study, part, levels, method, seed)
    for name, make in made_by.items():
        if name in done:
            continue
        made = _make(make, len(study.cells), name)
        pictures[name] = made.images
        after = read_cells(explainer, judge, made.images, seed)
        done[name] = {}
        for label, source in enumerate(explainer.labels):
            rows = study.labels == label
            slides = study.slides[rows].tolist()
            done[name][f"from_{source}"] = {
                "n": int(rows.sum()),
                **flips(after, study.labels, rows, slides),
                **changes(original[rows], made.images[rows], slides, proxy),
                "encoder_passes": round(float(made.encoder[rows].mean()), 1),
                "decoder_passes": round(float(made.decoder[rows].mean()), 1),
                "seconds": round(made.seconds, 3),
                "frechet": round(frechet_distance(after.features[rows], features[1 - label]), 3),
            }
        figures["methods"] = {name: done[name] for name in made_by if name in done}
        write_json(out, figures)
    return figures, pictures


def draw_sheet(study: StudyCells, pictures: Mapping[str, np.ndarray], path: Path) -> None:
    """Eight cells of each class in columns; below the cell, its edit by each method in the order of the table."""
    columns = np.concatenate([np.flatnonzero(study.labels == label)[:SHEET_CELLS] for label in np.unique(study.labels)])
    rows = [to_uint8(study.x).numpy(), *pictures.values()]
    sheet = np.concatenate([np.concatenate(list(row[columns]), axis=1) for row in rows])
    path.parent.mkdir(parents=True, exist_ok=True)
    enlarged = Image.fromarray(sheet).resize((2 * sheet.shape[1], 2 * sheet.shape[0]), Image.Resampling.NEAREST)
    enlarged.save(path)


def _searched(explainer: Explainer, cells: list[np.ndarray], seed: int) -> tuple[np.ndarray, Any, Any]:
    edit = explainer.counterfactual(cells, seed=seed)
    passes = np.array(edit.settings["encoder_passes"])
    return edit.images, passes, 2 * passes


def _edited_once(
    explainer: Explainer, study: StudyCells, part: slice, levels: Tensor, method: Method, seed: int
) -> tuple[np.ndarray, Any, Any]:
    x = study.x[part].to(explainer.device)
    source = torch.from_numpy(study.labels[part]).to(explainer.device)
    own = [torch.Generator().manual_seed((content_seed(cell) + seed) % 2**63) for cell in study.cells[part]]
    drawn = [torch.randn(len(levels), *x.shape[1:], generator=generator) for generator in own]
    noise = torch.stack(drawn, dim=1).to(explainer.device)
    edited = edit_once(explainer.network, x, source, 1 - source, levels, method, noise.__getitem__)
    return to_uint8(edited.images).cpu().numpy(), edited.encoder_passes, edited.decoder_passes


def _make(make: Callable[[slice], tuple[np.ndarray, Any, Any]], count: int, name: str) -> _Made:
    started, parts = time.perf_counter(), []
    for part in tqdm(chunks(count, CHUNK), desc=name, unit="batch"):
        images, encoder, decoder = make(part)
        parts.append((images, np.broadcast_to(encoder, len(images)), np.broadcast_to(decoder, len(images))))
    seconds = (time.perf_counter() - started) / count
    images, encoder, decoder = (np.concatenate(values) for values in zip(*parts, strict=True))
    return _Made(images, encoder, decoder, seconds)


def _held(out: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The methods' figures that `out` holds of the same study; none where it is missing or of another one.

    Of the strengths that the search tries, its own figures alone depend.
    """
    try:
        held = json.loads(out.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    if not isinstance(held, dict):
        return {}
    other = {key for key, value in facts.items() if held.get(key) != value}
    if other - {"search"}:
        return {}
    return {name: figures for name, figures in held["methods"].items() if name != SEARCH or not other}
