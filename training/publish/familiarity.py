"""python -m training familiarity: fits what the model knows on cells, and measures what it then finds strange."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from jdm_core import Explainer
from jdm_core.checkpoint.familiarity import COLOURS, LIMIT, Ellipsoid, Familiarity, measure_traits
from jdm_core.checkpoint.red_cells import RedCells
from jdm_core.images.colours import Colours, measure_colours
from jdm_core.images.pixels import as_images
from jdm_core.model.network import JointDiffusionNetwork
from training.data.cells import Cells, as_pixels, load_cells, sample_cells
from training.data.digits import part_name
from training.data.members import chunks
from training.data.outliers import Outliers, outliers
from training.data.red_cells import read_pictures
from training.data.split import Split
from training.metrics import Json, auroc, share_figures, slide_spread, summarise
from training.publish.fits.red_cells import fit_red_cells, measure_kinds, training_sets

CELLS = 3000  # training cells behind the fit: far more than it has numbers
FOLDS = 10  # of the slides behind the fit, left out one after the other
SHARE = 0.99  # of the cells of left-out slides that are to be familiar
DIGITS = 6  # significant ones that the manifest keeps
CHUNK = 64


def fit_familiarity(
    network: JointDiffusionNetwork, training: Cells, validation: Cells, device: torch.device
) -> tuple[Familiarity, np.ndarray]:
    """Ellipsoids fitted on a sample of the training cells, and which validation cells lie inside.

    The sample has at most `CELLS` cells; the second is (N,) bool. The limit leaves `SHARE` of cells inside whose slide
    had no part in the fit: a tenth of the slides at a time is left out, since what differs is mostly the slide.
    """
    sample = sample_cells(training, CELLS, seed=0)
    traits, held_out = gather_traits(network, sample, device), gather_traits(network, validation, device)
    fold = torch.from_numpy(np.unique(sample.slides, return_inverse=True)[1] % FOLDS)
    blocks = slice(None), slice(-COLOURS, None)
    away = torch.empty(2, len(traits), dtype=traits.dtype)
    for left_out in (fold == k for k in fold.unique().tolist()):
        # Too few slides to leave any out: the fit's own cells then say how far away a cell may be.
        kept = traits if left_out.all() else traits[~left_out]
        for i, block in enumerate(blocks):
            centre, whitening = _gaussian(kept[:, block])
            away[i, left_out] = ((traits[left_out][:, block] - centre) @ whitening.T).norm(dim=1)
    # Each alone leaves out as few, so that neither outweighs the other; then both together.
    limits = away.quantile(SHARE, dim=1, keepdim=True)
    scales = limits[:, 0] * (away / limits).amax(dim=0).quantile(SHARE)
    fits = [_gaussian(traits[:, block]) for block in blocks]
    known = Familiarity(*(_ellipsoid(c, w / scale) for (c, w), scale in zip(fits, scales, strict=True)))
    return known, (known.unfamiliarity(held_out) < LIMIT).numpy()


def fit_colours(training: Cells) -> Colours | None:
    """The colours to which others' cells are matched: those of a sample of at most `CELLS` training cells."""
    return measure_colours(list(as_pixels(sample_cells(training, CELLS, seed=0))))


@torch.inference_mode()
def gather_traits(network: JointDiffusionNetwork, cells: Cells, device: torch.device) -> Tensor:
    """The traits (N, d) of cells, float64 on the CPU."""
    traits = []
    for part in tqdm(chunks(len(cells), CHUNK), desc="encoding cells", unit="batch"):
        x = as_images(cells.images[part], device)
        z = network.encode_clean(x)
        traits.append(measure_traits(x, network.levels(z)).double().cpu())
    return torch.cat(traits)


def _gaussian(traits: Tensor) -> tuple[Tensor, Tensor]:
    """Centre (d,) of traits (N, d), and the inverse of Cholesky's factor of their covariance (d, d).

    Correlations are shrunk by d / (N + d), so that a few cells too make a covariance that can be inverted.
    """
    count, d = traits.shape
    centre, scale = traits.mean(dim=0), traits.std(dim=0).clamp(min=1e-6)
    z = (traits - centre) / scale
    shrinkage = d / (count + d)
    correlation = (1 - shrinkage) * z.T @ z / count + shrinkage * torch.eye(d, dtype=traits.dtype)
    return centre, torch.linalg.inv(torch.linalg.cholesky(correlation)) / scale


def _ellipsoid(centre: Tensor, whitening: Tensor) -> Ellipsoid:
    def kept(values: Tensor) -> tuple[float, ...]:
        return tuple(float(f"{value:.{DIGITS}g}") for value in values.tolist())

    return Ellipsoid(kept(centre), tuple(kept(row[: i + 1]) for i, row in enumerate(whitening)))


def measure_familiarity(explainer: Explainer, cells: Cells, kinds: Iterable[Outliers]) -> dict[str, object]:
    """Figures of cells, and how each kind of outliers is told from them; plain JSON values.

    Intervals are clustered by slide, photograph or field. Outliers pass as a user's pictures would.
    """
    own, labels, slides = explainer.predict(list(as_pixels(cells))), cells.labels.numpy(), cells.slides
    right = own.probabilities.argmax(1) == labels
    rows = []
    for kind in tqdm(kinds, desc="outliers", unit="kind"):
        strange = explainer.predict(kind.pictures)
        scores = np.concatenate([own.unfamiliarity, strange.unfamiliarity])
        positive = np.arange(len(scores)) >= len(cells)
        rows.append(
            {
                "kind": kind.name,
                "near": kind.near,
                "n": len(kind.pictures),
                "groups": len(set(kind.groups)),
                **summarise(scores, positive, [*slides, *kind.groups], {"auroc": auroc}),
                **share_figures("found", ~strange.familiar, kind.groups),
                **share_figures("refused", ~strange.is_cell, kind.groups),
            }
        )
    return {
        "checkpoint": explainer.name,
        "sha256": explainer.sha256,
        "n": len(cells),
        "slides": len(set(slides)),
        **share_figures("familiar", own.familiar, slides),
        "familiar_by_label": {
            label: round(float(own.familiar[labels == k].mean()), 5) for k, label in enumerate(explainer.labels)
        },
        "familiar_per_slide": familiar_per_slide(own.familiar, slides),
        "head_accuracy": {
            name: {"n": int(of.sum()), "accuracy": round(float(right[of].mean()), 5) if of.any() else None}
            for name, of in (("familiar", own.familiar), ("unfamiliar", ~own.familiar))
        },
        "outliers": rows,
    }


def fit_and_measure(
    explainer: Explainer,
    data: Path,
    split: Split,
    part: str,
    cells: int,
    count: int,
    seed: int,
    digits: Path | None = None,
    fields: Path | None = None,
    microscopes: Path | None = None,
) -> tuple[Json, dict[str, Familiarity | Colours | RedCells | None]]:
    """Fits what is familiar on training slides and measures it on a part of the split; figures, and what was fitted.

    That is what is familiar, the colours of the training cells and, where a folder of other `microscopes` is given,
    what is a red cell all the same; by their names in the calibration. At most so many `cells` of each part, and
    outliers `count` of each kind; digits and another microscope's fields only where they are given.
    """
    labels, size = explainer.labels, explainer.size
    training, validation, tested = (
        load_cells(data, labels, size, set(slides).__contains__, cells, seed)
        for slides in (split.train, split.validation, getattr(split, part))
    )
    # All of them now, so that a folder that is none is named before the long work.
    kinds = list(outliers(tested, count, seed, digits, fields))
    known, held_out = fit_familiarity(explainer.network, training, validation, explainer.device)
    fitted: dict[str, Familiarity | Colours | RedCells | None] = {
        "familiarity": known,
        "colours": fit_colours(training),
    }
    others = None if microscopes is None else read_pictures(microscopes, count, seed)
    if others is not None:
        fitted["red_cells"] = fit_red_cells(training_sets(others["developer"], training, count, seed, digits), seed)
    calibration = replace(explainer.checkpoint.calibration, **fitted)
    explainer.checkpoint = replace(explainer.checkpoint, calibration=calibration)
    figures = {
        "test_set": part_name(part, data),
        "fitted_on": len(training),
        "validation": {
            "n": len(validation),
            "familiar": round(float(held_out.mean()), 5),
            "familiar_per_slide": familiar_per_slide(held_out, validation.slides),
        },
        **measure_familiarity(explainer, tested, kinds),
        "seed": seed,
    }
    if others is not None:
        figures |= measure_kinds(explainer, others["report"])
    return figures, fitted


def familiar_per_slide(familiar: np.ndarray, slides: Sequence[str]) -> dict[str, object]:
    """The spread over slides of the share of familiar cells (N,) bool; plain JSON values."""
    return slide_spread(np.eye(2)[familiar.astype(int)], np.ones(len(familiar), dtype=int), slides)
