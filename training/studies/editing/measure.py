"""Which way of editing turns the verdicts, what else does it change, and would an eye believe it?"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from jdm_core import Explainer
from jdm_core.images.pixels import from_uint8
from training.data.cells import squares
from training.data.members import choose_members, read_all, slide_of
from training.metrics import frechet_distance, share_figures, write_json
from training.publish.edits import has_dirt
from training.run.classifier import class_logits
from training.studies.editing.figures import DRAWS, Judges, Readings, changes, flips, read_cells
from training.studies.editing.makers import METHODS, SEARCH, Made, Sample, makers, run
from training.studies.editing.methods import Method
from training.studies.editing.outside import outside_figures
from training.studies.editing.quality import ghosts, share_of, spreads
from training.studies.editing.told_apart import told_apart
from training.studies.stain import StainProxy

VARIANTS = 4


def draw_samples(
    explainer: Explainer, judge: nn.Module, data: Path, keep: Callable[[str], bool] | None, per_class: int, seed: int
) -> tuple[Sample, Sample]:
    """Cells to edit, and as many others to hold the edits against: up to `per_class` of each class, drawn by `seed`.

    Less those that head or judge misread: of these nothing could flip. Raises DataError for unreadable cells,
    ValueError where a class has none left.
    """
    generator = np.random.default_rng(seed)
    found = choose_members(data, explainer.labels, keep)
    chosen: list[tuple[str, int]] = []
    second: list[bool] = []
    for label in range(len(explainer.labels)):
        items = [item for item in found if item[1] == label]
        drawn = [items[i] for i in generator.permutation(len(items))[: 2 * per_class]]
        chosen += drawn
        second += [i >= (len(drawn) + 1) // 2 for i in range(len(drawn))]
    cells = read_all(data, [member for member, _ in chosen])
    labels = np.array([label for _, label in chosen])
    x = from_uint8(torch.from_numpy(squares(cells, explainer.size)))
    judged = class_logits(judge, x, torch.device("cpu")).argmax(1).numpy()
    right = (explainer.predict(cells).probabilities.argmax(1) == labels) & (judged == labels)
    slides = np.array([slide_of(member) for member, _ in chosen])
    samples = []
    for others in (False, True):
        rows = np.flatnonzero(right & (np.array(second) == others))
        for label, name in enumerate(explainer.labels):
            if not (labels[rows] == label).any():
                raise ValueError(f"no cell labelled {name} that head and judge both read so: nothing to count")
        samples.append(Sample([cells[i] for i in rows], x[rows], labels[rows], slides[rows]))
    return samples[0], samples[1]


def study_edits(
    explainer: Explainer,
    judges: Judges,
    proxy: StainProxy,
    samples: tuple[Sample, Sample],
    seed: int,
    facts: Mapping[str, Any],
    out: Path,
    methods: tuple[Method, ...] = METHODS,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Figures of every method both ways as plain JSON values, and the edits (N, S, S, 3) uint8 that were made.

    They are saved to `out` after each method; one that it holds already, with the same facts, is not run again.
    """
    sample, others = samples
    facts = {
        **facts,
        "checkpoint": explainer.name,
        "sha256": explainer.sha256,
        "seed": seed,
        "cells": len(sample.cells),
        "slides": len(set(sample.slides)),
        "draws": DRAWS,
        "search": repr(explainer.edit),
    }
    read = {kind: read_cells(explainer, judges, of.squares, seed) for kind, of in (("own", sample), ("other", others))}
    reference = {label: read["other"].features[others.labels == label] for label in range(len(explainer.labels))}
    floors = {
        f"floor_{name}": round(frechet_distance(read["own"].features[sample.labels == label], reference[label]), 3)
        for label, name in enumerate(explainer.labels)
    }
    done = _held(out, facts)
    figures: dict[str, Any] = {**facts, **floors, "methods": done}
    pictures: dict[str, np.ndarray] = {}
    made_by = makers(explainer, sample, proxy, seed, methods)
    for name, make in made_by.items():
        if name in done:
            continue
        made = run(make, len(sample.cells), name)
        pictures[name] = made.images
        after = read_cells(explainer, judges, made.images, seed)
        done[name] = {
            f"from_{source}": _both(samples, label, made, after, reference, proxy, seed)
            for label, source in enumerate(explainer.labels)
        }
        if name == SEARCH:
            for label, source in enumerate(explainer.labels):
                done[name][f"from_{source}"] |= outside_figures(explainer, samples, label, made.images, seed)
        figures["methods"] = {name: done[name] for name in made_by if name in done}
        write_json(out, figures)
    return figures, pictures


def _both(
    samples: tuple[Sample, Sample],
    label: int,
    made: Made,
    after: Readings,
    reference: Mapping[int, np.ndarray],
    proxy: StainProxy,
    seed: int,
) -> dict[str, Any]:
    """Figures of the edits of cells of one class."""
    sample, others = samples
    rows, target = sample.labels == label, others.labels != label
    slides, original, edited = sample.slides[rows].tolist(), sample.squares[rows], made.images[rows]
    real = others.squares[target]
    figures: dict[str, Any] = {
        "n": int(rows.sum()),
        **flips(after, sample.labels, rows, slides),
        **changes(original, edited, slides, proxy),
        **share_figures("dirt", has_dirt(original, edited), slides),
        "encoder_passes": round(float(made.encoder[rows].mean()), 1),
        "seconds": round(made.seconds, 3),
        "frechet": round(frechet_distance(after.features[rows], reference[1 - label]), 3),
    }
    told_from_real = told_apart(edited, slides, real, others.slides[target].tolist())
    if np.isfinite(told_from_real):
        figures["told_apart"] = round(told_from_real, 3)
    if made.passed is not None:
        figures |= share_figures("own_check", made.passed[rows], slides)
    if label == 0:
        ghost, told = ghosts(original, edited, real, proxy, seed)
        if told.any():
            figures |= {"ghosts_told": int(told.sum()), **share_figures("ghost", *share_of(ghost, told, slides))}
    else:
        figures |= spreads(edited, real, proxy)
    return figures


def draw_sheet(sample: Sample, pictures: Mapping[str, np.ndarray], cells: int, path: Path) -> None:
    """The first cells of each class, as they were drawn, in columns; below each its edit by every method."""
    rows = [sample.squares, *pictures.values()]
    save_rows([row[_first(sample, cells)] for row in rows], path)


def draw_variants(explainer: Explainer, sample: Sample, cells: int, seed: int, path: Path) -> None:
    """The first cells of each class in columns, and four edits of each below."""
    chosen = _first(sample, cells)
    targets = [explainer.labels[1 - label] for label in sample.labels[chosen]]
    edit = explainer.counterfactual([sample.cells[i] for i in chosen], targets, seed, variants=VARIANTS)
    save_rows([edit.original, *np.moveaxis(edit.variants, 1, 0)], path)


def save_rows(rows: list[np.ndarray], path: Path) -> None:
    """Rows of pictures (n, S, S, 3) uint8 as one, at twice their size."""
    sheet = np.concatenate([np.concatenate(list(row), axis=1) for row in rows])
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(sheet)
    image.resize((2 * image.width, 2 * image.height), Image.Resampling.BICUBIC).save(path)


def _first(sample: Sample, cells: int) -> np.ndarray:
    return np.concatenate([np.flatnonzero(sample.labels == label)[:cells] for label in np.unique(sample.labels)])


def _held(out: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The methods' figures that `out` holds of the same study; none where it is missing or of another one.

    Of what the search tries, its own figures alone depend.
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
