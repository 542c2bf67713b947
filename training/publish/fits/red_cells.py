"""What tells red cells of any stain from all else: fitted on microscopes whose licence allows it, measured on all."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.optimize import minimize
from tqdm import tqdm

from jdm_core import Explainer
from jdm_core.checkpoint.familiarity import FAMILIAR, NO_RED_CELL, OTHER
from jdm_core.checkpoint.red_cells import RedCells, standardised
from jdm_core.images.colours import density, own_pixels
from jdm_core.images.traits import LEAST_PIXELS, SIDE, measure_cell
from training.data.cells import Cells, as_pixels, sample_cells, squares
from training.data.composed.crowd import crowd
from training.data.outliers import COLOURLESS, PHOTOGRAPHS, outliers
from training.data.red_cells import AMONG, Pictures
from training.metrics import Json, share_figures
from training.tables import Figure, Table

KEPT = 0.985  # of the red cells of fields that had no part in the fit, whatever their stain
VARIED = 3  # times that each red cell is fitted on in other colours, and as often in a crowd, beside once as it is
VARIED_ELSE = 8  # and any other picture, of which there are few kinds
PENALTY = 20.0  # of the squared weights, in pictures
DIGITS = 6  # significant ones that the manifest keeps
OWN = 600  # training cells among those that are fitted on
OUTLIERS = 2  # times as many of a kind are fitted on as are asked for to report
MOST_ALIKE = {"photographs", "cells, colours inverted"}  # of the outliers; they weigh as what lies among red cells does
LEAST = 20  # infected cells of a microscope from which on its sensitivity is told, and healthy ones its specificity
FITTED_PHOTOGRAPHS = PHOTOGRAPHS[::2]  # the others report


def vary(square: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A picture uint8 (S, S, 3) as another laboratory shows it: dyes, contrast, the camera's curve, blur, noise."""
    own = own_pixels(square)
    if own.sum() < LEAST_PIXELS:
        return square
    depth = density(square)
    median = np.median(depth[own], axis=0)
    if generator.random() < 0.6:  # a camera's curve
        depth = median * (depth.clip(0.01) / median.clip(0.02)) ** np.exp(0.4 * generator.normal())
    mixing = np.eye(3) + 0.12 * generator.normal(size=(3, 3))
    contrast = np.exp(generator.uniform(np.log(0.6), np.log(3)))
    level = (median * np.exp(0.4 * generator.normal()) + 0.12 * generator.normal(size=3)).clip(0.05, 1.6)
    light = 256 * np.exp(-((contrast * (depth - median)) @ mixing.T + level)) - 1
    blur = generator.choice([0, 0.5, 0.9])
    light = ndimage.gaussian_filter(light, (blur, blur, 0))
    light += generator.normal(0, generator.choice([0, 2, 5]), light.shape)
    return np.where(own[:, :, None], light.clip(0, 255), square).astype(np.uint8)


def gather(pictures: Pictures, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The traits (n, d) of pictures as they are and varied, and whether each one's field had no part in the fit.

    Red cells are varied in a crowd too, for many that are cut out of fields have a neighbour over their rim.
    """
    fields = sorted(set(pictures.groups))
    held_out = {fields[i] for i in generator.permutation(len(fields))[: len(fields) // 3]}
    traits, outside = [], []
    all_of = list(squares(pictures.cells, SIDE))
    for square, group in zip(all_of, pictures.groups, strict=True):
        times = VARIED if pictures.red else VARIED_ELSE
        shown = [square, *(vary(square, generator) for _ in range(times))]
        if pictures.red:
            shown += [vary(crowd(square, all_of, generator), generator) for _ in range(VARIED)]
        for one in shown:
            measured = measure_cell(one)
            if measured is not None:
                traits.append(measured)
                outside.append(group in held_out)
    return np.array(traits), np.array(outside, dtype=bool)


def fit_red_cells(sets: Sequence[Pictures], seed: int) -> RedCells:
    """The rule that parts the red cells among the sets from the rest; a set has its weight within its class.

    `KEPT` of the red cells of fields that were left out lie on the right side.
    """
    generator = np.random.default_rng(seed)
    gathered = [(one, *gather(one, generator)) for one in tqdm(sets, desc="measuring", unit="set")]
    gathered = [(one, traits, outside) for one, traits, outside in gathered if len(traits)]
    own = np.concatenate([traits for one, traits, _ in gathered if one.red])
    centre, scale = own.mean(axis=0), own.std(axis=0) + 1e-3
    x, y, weight = [], [], []
    for one, traits, outside in gathered:
        inside = traits[~outside] if one.red else traits  # of what is none there is too little to leave any out
        x.append(_design(inside, centre, scale))
        y.append(np.full(len(inside), 1.0 if one.red else -1.0))
        weight.append(np.full(len(inside), one.weight / max(1, len(inside))))
    rows, side, share = np.concatenate(x), np.concatenate(y), np.concatenate(weight)
    for sign in (1, -1):
        share[side == sign] *= len(side) / 2 / share[side == sign].sum()
    weights = _logistic(rows, side, share)
    left_out = [_design(traits[outside], centre, scale) for one, traits, outside in gathered if one.red]
    left_out = np.concatenate(left_out)
    bias = -np.quantile(left_out[:, :-1] @ weights[:-1], 1 - KEPT) if len(left_out) else weights[-1]
    d = len(centre)
    kept = [tuple(float(f"{v:.{DIGITS}g}") for v in row) for row in (centre, scale, weights[:d], weights[d : 2 * d])]
    return RedCells(*kept, bias=float(f"{bias:.{DIGITS}g}"))


def _design(traits: np.ndarray, centre: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Rows (N, 2d + 1) of the rule's inputs: traits in deviations, their squares, and 1."""
    z = standardised(traits, centre, scale)
    return np.concatenate([z, z**2, np.ones((len(z), 1))], axis=1)


def _logistic(rows: np.ndarray, side: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Weights (d,) with the least cross-entropy over rows (N, d) of sides 1 and -1, each with its share.

    All but the last, that of the constant, are held small by PENALTY.
    """
    held = np.append(np.full(rows.shape[1] - 1, PENALTY), 0)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        margin = side * (rows @ weights)
        slope = -side * share / (1 + np.exp(margin.clip(-50, 50)))
        value = (share * np.logaddexp(0, -margin)).sum() + (held * weights**2).sum() / 2
        return float(value), rows.T @ slope + held * weights

    return minimize(loss, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 500}).x


def training_sets(
    others: Sequence[Pictures], training: Cells, count: int, seed: int, digits: Path | None
) -> list[Pictures]:
    """What the rule is fitted on: the developers' part of microscopes whose licence allows it, own cells, outliers."""
    own = sample_cells(training, OWN, seed)
    sets = [
        *others,
        Pictures("training", "red cells", list(as_pixels(own)), own.slides, own.labels.tolist(), True),
    ]
    for kind in outliers(training, OUTLIERS * count, seed + 1, digits, None):
        if kind.name == COLOURLESS:
            continue
        chosen = [i for i, group in enumerate(kind.groups) if group not in PHOTOGRAPHS or group in FITTED_PHOTOGRAPHS]
        pictures, groups = [kind.pictures[i] for i in chosen], [kind.groups[i] for i in chosen]
        if chosen:
            weight = AMONG if kind.name in MOST_ALIKE else 1.0
            sets.append(Pictures(kind.name, "no red cells", pictures, groups, [-1] * len(chosen), True, weight))
    return sets


def measure_kinds(explainer: Explainer, sets: Sequence[Pictures]) -> Json:
    """The share of each kind in each set, and what the classifier's verdicts are worth abroad; plain JSON values.

    `abroad` is the worst of the other microscopes that have enough infected cells, or healthy ones, of those that get
    a verdict.
    """
    rows, told = [], set[str]()
    worth: dict[int, list[float]] = {0: [], 1: []}  # sensitivities and specificities
    for one in tqdm(sets, desc="other microscopes", unit="set"):
        read, labels = explainer.predict(one.cells), np.array(one.labels)
        counts = {kind: round(float((read.kind == kind).mean()), 5) for kind in (FAMILIAR, OTHER, NO_RED_CELL)}
        right = read.is_cell if one.red else ~read.is_cell
        rows.append(
            {
                "set": one.title,
                "what": one.what,
                "n": len(one.cells),
                "groups": len(set(one.groups)),
                "fitted_on_other_fields": one.fitted,
                **counts,
                **share_figures("right", right, one.groups),
            }
        )
        for label, of_label in worth.items():
            asked = read.is_cell & (labels == label)
            if one.red and asked.sum() >= LEAST:
                of_label.append(float((read.probabilities[asked, label] > 0.5).mean()))
                told.add(one.title)
    if not all(worth.values()):
        return {"kinds": rows}
    sensitivity, specificity = (round(min(values), 5) for values in worth.values())
    abroad = {"microscopes": len(told), "lowest_sensitivity": sensitivity, "lowest_specificity": specificity}
    return {"kinds": rows, "abroad": abroad}


def kinds_table(familiarity: Json) -> str:
    """A table, after an empty line, of the kinds that pictures of other microscopes were found to be; "" unmeasured."""
    if "kinds" not in familiarity:
        return ""
    rows = [
        [f"{row['set']}: {row['what']}", row["n"], f"{row[FAMILIAR]:.3f}", Figure.of(row, "right", row["n"])]
        for row in familiarity["kinds"]
        if row["right"] < 1 or row["what"] == "red cells"
    ]
    header = ("Other microscopes", "n", "Familiar", "Right")
    note = "Right: a red cell that gets a verdict, or something else that is refused; what is not listed all was."
    return "\n\n" + Table.make(header, rows, note=note).markdown()
