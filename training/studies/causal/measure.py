"""What verdicts, maps and edits make of things whose place in a cell is known, because they were laid there."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from tqdm import tqdm

from jdm_core import Explainer
from jdm_core.draw.maps import CHANGED, smooth_keeping_sum
from jdm_core.explain.answers import EVIDENCE_SMOOTHING
from jdm_core.images.pixels import content_seed
from training.data.cells import squares
from training.data.marks import Box, box_mask
from training.data.members import chunks
from training.metrics import clustered_interval, share, share_figures
from training.publish.edits import masks_of
from training.studies.causal.paste import Laid, Thing, lay
from training.studies.pointing import energy_inside, pointing
from training.studies.stain import colour_maps

CHUNK = 16
MARGIN = 3 / 64  # of the side: what an edit makes anew around a thing
Figures = dict[str, Any]


@dataclass(frozen=True)
class Ground:
    """Healthy cells (N, S, S, 3) uint8 that both verdicts read so, their masks (N, S, S) and slides (N,)."""

    cells: np.ndarray
    masks: np.ndarray
    slides: Sequence[str]

    def first(self, count: int) -> "Ground":
        """So many of them."""
        return Ground(self.cells[:count], self.masks[:count], self.slides[:count])


@dataclass(frozen=True)
class Scene:
    """Cells with things in them, and the indices of the healthy cells that they were.

    `laid` (N, 1 or 2): one thing, or a parasite and what was laid beside it.
    """

    laid: list[tuple[Laid, ...]]
    of: list[int]

    @property
    def cells(self) -> np.ndarray:
        """The cells (N, S, S, 3) with all that lies in them."""
        return np.stack([things[-1].cell for things in self.laid])


@dataclass(frozen=True)
class Read:
    """Probabilities of the first class (N,) by head and likelihood, evidence for it and colour (N, S, S), both ≥ 0."""

    head: np.ndarray
    posterior: np.ndarray
    evidence: np.ndarray
    colour: np.ndarray


def lay_out(ground: Ground, kinds: Sequence[Sequence[Thing]], seed: int) -> Scene:
    """Each healthy cell with the next thing of every kind in it, one apart from another.

    After the last thing comes the first again; a cell in which there is no place for them is left out.
    """
    scene = Scene([], [])
    for i in range(len(ground.cells) if all(kinds) else 0):
        generator = np.random.default_rng((seed, i))
        things: list[Laid] = []
        cell, taken = ground.cells[i], None
        for kind in kinds:
            laid = lay(cell, ground.masks[i], kind[i % len(kind)], generator, taken)
            if laid is None:
                break
            things.append(laid)
            cell, taken = laid.cell, laid.place
        if len(things) == len(kinds):
            scene.laid.append(tuple(things))
            scene.of.append(i)
    return scene


@torch.inference_mode()
def read(explainer: Explainer, cells: np.ndarray, draws: int, seed: int) -> Read:
    """What the explainer says of cells (N, S, S, 3) uint8."""
    verdicts, parts = explainer.verdicts, []
    for part in tqdm(chunks(len(cells), CHUNK), desc="reading", unit="batch"):
        x = verdicts.tensor(list(cells[part]))
        scores = verdicts.scores(x, [content_seed(cell) + seed for cell in cells[part]], draws)
        smooth = smooth_keeping_sum(scores.evidence(0, 1).cpu(), EVIDENCE_SMOOTHING * explainer.size)
        head, posterior = (p[:, 0].cpu().numpy() for p in (verdicts.head(x), verdicts.posterior_of(scores.scores)))
        parts.append((head, posterior, smooth.clamp(min=0).numpy()))
    head, posterior, evidence = (np.concatenate(values) for values in zip(*parts, strict=True))
    return Read(head, posterior, evidence, colour_maps(squares(list(cells), explainer.size)))


def alone(found: Read, scene: Scene, slides: Sequence[str], size: int) -> Figures:
    """Figures of cells with one thing each: whether it turns the verdicts, and whether the maps lie on it."""
    inside = [box_mask([things[0].box], size) for things in scene.laid]
    figures: Figures = {"n": len(inside), "slides": len(set(slides)), "chance": round(float(np.mean(inside)), 4)}
    figures |= share_figures("head_turned", found.head >= 0.5, slides)
    figures |= share_figures("posterior_turned", found.posterior >= 0.5, slides)
    for name, maps in (("evidence", found.evidence), ("colour", found.colour)):
        pairs = list(zip(maps, inside, strict=True))
        figures |= _mean(f"{name}_energy", np.array([energy_inside(*pair) for pair in pairs]), slides)
        figures |= share_figures(f"{name}_points", _points(maps, inside), slides)
    return figures


def beside(found: Read, scene: Scene, slides: Sequence[str], size: int) -> Figures:
    """Figures of cells with a parasite and a decoy: on which of them the greatest values of the maps lie."""
    figures: Figures = {"n": len(scene.laid), "slides": len(set(slides))}
    for name, maps in (("evidence", found.evidence), ("colour", found.colour)):
        for k, what in enumerate(("parasite", "decoy")):
            inside = [box_mask([things[k].box], size) for things in scene.laid]
            figures |= share_figures(f"{name}_on_{what}", _points(maps, inside), slides)
    return figures


def removed(explainer: Explainer, ground: Ground, scene: Scene, seed: int) -> tuple[Figures, np.ndarray]:
    """What removing takes out of cells that hold a parasite and perhaps a decoy; figures, and the edits (N, S, S, 3).

    Counted are cells that the head reads as infected: of the others nothing is removed.
    """
    size, cells = explainer.size, list(scene.cells)
    targets, parts = [explainer.labels[1]] * CHUNK, []
    for part in tqdm(chunks(len(cells), CHUNK), desc="removing", unit="batch"):
        parts.append(explainer.counterfactual(cells[part], targets[: len(cells[part])], seed))
    edited = np.concatenate([edit.images for edit in parts]).astype(float)
    laid = np.concatenate([edit.original for edit in parts]).astype(float)
    asked = np.concatenate([np.array(edit.settings["encoder_passes"]) > 0 for edit in parts])
    passed = np.concatenate([edit.flipped for edit in parts])
    clean = squares([ground.cells[i] for i in scene.of], size).astype(float)
    rows: dict[str, list[float]] = {"inside": [], "brought_back": [], "decoy_kept": []}
    for i in np.flatnonzero(asked):
        places = [_around(things.box, size) for things in scene.laid[i]]
        change = ((edited[i] - laid[i]) ** 2).sum(2)
        rows["inside"].append(float(change[places[0]].sum() / max(change.sum(), 1e-9)))
        left, there = (_distance(pixels[i], clean[i], places[0]) for pixels in (edited, laid))
        rows["brought_back"].append(1 - left / there)
        if len(places) > 1:
            own = box_mask([scene.laid[i][1].box], size)
            moved = np.abs(edited[i] - laid[i]).max(2)[own].mean()
            rows["decoy_kept"].append(float(moved <= 255 * CHANGED))
    slides = [ground.slides[scene.of[i]] for i in np.flatnonzero(asked)]
    figures: Figures = {"n": int(asked.sum()), "slides": len(set(slides))}
    if slides:
        figures |= share_figures("own_check", passed[asked], slides)
        figures |= _mean("inside", np.array(rows["inside"]), slides)
        figures |= _mean("brought_back", np.array(rows["brought_back"]), slides)
        if rows["decoy_kept"]:
            figures |= share_figures("decoy_kept", np.array(rows["decoy_kept"]) > 0, slides)
    return figures, edited.astype(np.uint8)


def ground_of(explainer: Explainer, cells: np.ndarray, slides: Sequence[str], draws: int, seed: int) -> Ground:
    """Of healthy cells (N, S, S, 3) uint8 those that head and likelihood both read so; ValueError for none."""
    found = read(explainer, cells, draws, seed)
    rows = np.flatnonzero((found.head < 0.5) & (found.posterior < 0.5))
    if not len(rows):
        raise ValueError("no healthy cell that both verdicts read so: nothing can be laid into one")
    return Ground(cells[rows], masks_of(cells[rows]), [slides[i] for i in rows.tolist()])


def save_sheet(rows: Sequence[tuple[np.ndarray, ...]], path: Path) -> None:
    """Columns of pictures uint8, of any size each, one above the other."""
    side = 128
    columns = [[np.asarray(Image.fromarray(picture).resize((side, side))) for picture in row] for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate([np.concatenate(column) for column in columns], axis=1)).save(path)


def _points(maps: np.ndarray, inside: Sequence[np.ndarray]) -> np.ndarray:
    """Whether each map has its greatest value inside, (N,) bool; one of zeros points nowhere."""
    return np.array([m.max() > 0 and pointing(m, where) >= 0.5 for m, where in zip(maps, inside, strict=True)])


def _mean(name: str, values: np.ndarray, slides: Sequence[str]) -> Figures:
    interval = clustered_interval(share, values, values, slides)
    return {name: round(float(values.mean()), 5), f"{name}_interval": [round(v, 5) for v in interval]}


def _around(box: Box, size: int) -> np.ndarray:
    wide: Any = ndimage.binary_dilation(box_mask([box], size), np.ones((3, 3)), round(MARGIN * size))
    return np.asarray(wide)


def _distance(first: np.ndarray, second: np.ndarray, place: np.ndarray) -> float:
    return max(float(np.abs(first - second)[place].sum()), 1e-9)
