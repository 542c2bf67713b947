"""How many draws the likelihood needs, when to stop, and how far its verdict is reliable: what is measured."""

import time
from dataclasses import asdict, dataclass

import numpy as np
import torch
from tqdm import tqdm

from jdm_core import Explainer
from jdm_core.explain.likelihood import ELBO_DRAWS, POSTERIOR_DRAWS, posterior
from jdm_core.images.pixels import as_images
from training.data.cells import Cells
from training.data.members import chunks
from training.metrics import Json, accuracy, summarise
from training.publish.fits.parting import parting
from training.studies.scores.curves import CHUNK, DRAWS, Curve, Pool, curves, draw_pools
from training.studies.scores.draws import SCHEMES, Scheme, Weighting, weightings
from training.studies.scores.official import beside_official
from training.studies.scores.reliability import Combination, disagreement, fit_combination, verdict_reliability
from training.studies.scores.stopping import choose_threshold, computed, decide, mean_and_error, stopping_table

LIMITS = (20, 100)  # draws after which an undecided image is decided all the same
ERRORS = (0.005, 0.01, 0.02)  # shares of decisions that may differ from those of all draws
RULE_LIMIT, RULE_ERROR = 20, 0.01  # of the rule as it is run
RULE_STREAM = 99  # its noise is its own
RULE_CHUNK = 64  # images in play at once, so that batches stay full while images drop out
TRIAL_CELLS, TRIAL_DRAWS = 4, 4


@dataclass(frozen=True)
class Sizes:
    """How many cells: with 100 draws of the window; of these, the first, with every scheme and weighting; and those
    of which both verdicts are read and which the rule decides."""

    cells: int
    compared: int
    verdicts: int


@dataclass(frozen=True)
class Fit:
    """What validation cells decide: the threshold for each limit and error, and the combination of the verdicts.

    For the weights of `sha256` alone.
    """

    sha256: str
    thresholds: dict[str, dict[str, float]]
    combination: Combination

    def threshold(self, limit: int, error: float) -> float:
        """That of a rule of so many draws at most and so many decisions that may differ."""
        return self.thresholds[str(limit)][f"{error:g}"]


def study_scores(explainer: Explainer, cells: Cells, sizes: Sizes, fit: Fit | None, seed: int) -> dict[str, object]:
    """Curves, stopping rules, reliability and disagreement on cells in random order; plain JSON values.

    Without a fit, one is made on these cells, and stands under "fit".
    """
    calibration, classes = explainer.checkpoint.calibration, len(explainer.labels)
    window = weightings(explainer)[2]
    offset = np.zeros(classes)
    offset[0] = calibration.posterior_bias * calibration.posterior_temperature

    sampled = cells.take(range(min(sizes.cells, len(cells))))
    long = _pools(explainer, sampled, window, ("stratified",), DRAWS[-1], seed)["stratified"]
    compared = sampled.take(range(min(sizes.compared, len(sampled))))
    lines: dict[str, dict[Scheme, Curve]] = {}
    extra: Json = {}
    for weighting in weightings(explainer):
        if weighting == window:
            pools: dict[Scheme, Pool] = {
                **_pools(explainer, compared, window, ("independent", "shared"), DRAWS[-1], seed),
                "stratified": long,
            }
        else:
            pools = _pools(explainer, compared, weighting, SCHEMES, DRAWS[-1], seed)
        lines[weighting.name] = curves(pools, sampled, np.zeros(classes))
        if weighting.name == "elbo" and classes == 2:
            extra["parting"] = _parting(explainer, compared, pools["stratified"], long)
        if weighting.name == "simple":
            extra["official"] = beside_official(explainer, compared, weighting, long, offset, seed)
        if weighting == window and offset.any():
            lines["posterior"] = curves(pools, sampled, offset)

    truth = sampled.labels.numpy()
    tables = {limit: stopping_table(long.logsnr, long.scores, truth, sampled.slides, limit, offset) for limit in LIMITS}
    read = cells.take(range(min(sizes.verdicts, len(cells))))
    head, scores_posterior, seconds = read_verdicts(explainer, read, window, seed)
    if fit is None:
        thresholds = {
            str(limit): {f"{error:g}": choose_threshold(rows, error) for error in ERRORS}
            for limit, rows in tables.items()
        }
        combination = fit_combination(head, scores_posterior, read.labels.numpy())
        fitted, fit = True, Fit(explainer.sha256, thresholds, combination)
    else:
        fitted = False
    combined = fit.combination.probabilities(head, scores_posterior)
    verdicts = {"head": head, "posterior": scores_posterior, "combination": combined}
    labels = read.labels.numpy()
    return {
        "checkpoint": explainer.name,
        "sha256": explainer.sha256,
        "n": len(sampled),
        "compared": len(compared),
        "slides": len(set(sampled.slides)),
        "seed": seed,
        "curves": lines,
        **extra,
        "stopping": {str(limit): rows for limit, rows in tables.items()},
        "fitted_on_these_cells": fitted,
        "fit": asdict(fit),
        "rule": run_rule(explainer, read, window, offset, fit.threshold(RULE_LIMIT, RULE_ERROR), seed),
        "verdicts": {
            "n": len(read),
            "slides": len(set(read.slides)),
            "draws": POSTERIOR_DRAWS,
            "posterior_seconds_per_cell": round(seconds, 5),
            **{name: verdict_reliability(p, labels, read.slides) for name, p in verdicts.items()},
        },
        "disagreement": disagreement(head, scores_posterior, combined, labels, read.slides),
    }


def _parting(explainer: Explainer, cells: Cells, bounds: Pool, window: Pool) -> Json:
    """How bound and posterior part on the cells, with as many draws as each has unless told otherwise."""
    calibration, drawn = explainer.checkpoint.calibration, slice(0, ELBO_DRAWS)
    paired = bounds.scores[:, drawn, :1] - bounds.scores[:, drawn, 1:]
    difference, error = mean_and_error(paired, bounds.logsnr[:, drawn])
    scores = torch.from_numpy(window.estimates(POSTERIOR_DRAWS)[: len(cells), 0])
    read = posterior(scores, calibration.posterior_temperature, calibration.posterior_bias).numpy()
    return parting(difference[:, 0], error[:, 0], read, cells.labels.numpy(), cells.slides)


def estimated_minutes(explainer: Explainer, cells: Cells, sizes: Sizes) -> float:
    """How long `study_scores` will take here, from a trial on a few cells."""
    cells = cells.take(range(min(TRIAL_CELLS, len(cells))))
    *others, window = weightings(explainer)

    def trial(weighting: Weighting, schemes: tuple[Scheme, ...]) -> float:
        started = time.perf_counter()
        draw_pools(explainer, cells, weighting, schemes, TRIAL_DRAWS, 0, lambda _: None)
        return (time.perf_counter() - started) / (TRIAL_DRAWS * len(cells))

    trial(window, ("stratified",))  # warms up
    stratified = trial(window, ("stratified",))
    compared = trial(window, SCHEMES[:2]) + sum(trial(other, SCHEMES) for other in others)
    seconds = sizes.compared * DRAWS[-1] * compared + sizes.cells * DRAWS[-1] * stratified
    return (seconds + sizes.verdicts * (POSTERIOR_DRAWS + RULE_LIMIT / 2) * stratified) / 60


def _pools(
    explainer: Explainer, cells: Cells, weighting: Weighting, schemes: tuple[Scheme, ...], count: int, seed: int
) -> dict[Scheme, Pool]:
    with tqdm(total=len(cells), desc=f"{weighting.name}: {', '.join(schemes)}", unit="cell") as bar:
        return draw_pools(explainer, cells, weighting, schemes, count, seed, bar.update)


@torch.inference_mode()
def read_verdicts(
    explainer: Explainer, cells: Cells, window: Weighting, seed: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Calibrated probabilities (N, K) of head and of posterior, and the posterior's seconds a cell."""
    calibration, logits = explainer.checkpoint.calibration, []
    for part in chunks(len(cells), CHUNK):
        x = as_images(cells.images[part], explainer.device)
        logits.append(explainer.network.classify(explainer.network.encode_clean(x)).cpu())
    head = (torch.cat(logits).double() / calibration.temperature).softmax(1).numpy()
    started = time.perf_counter()
    pool = _pools(explainer, cells, window, ("stratified",), POSTERIOR_DRAWS, seed)["stratified"]
    seconds = (time.perf_counter() - started) / len(cells)
    scores = torch.from_numpy(pool.scores.mean(1))
    probabilities = posterior(scores, calibration.posterior_temperature, calibration.posterior_bias)
    return head, probabilities.double().numpy(), seconds


@torch.inference_mode()
def run_rule(
    explainer: Explainer, cells: Cells, window: Weighting, offset: np.ndarray, threshold: float, seed: int
) -> dict[str, object]:
    """The rule as it would be used, passes that it needs no more left out: its figures; plain JSON values."""
    classes, found = len(explainer.labels), []
    started = time.perf_counter()
    for part in tqdm(chunks(len(cells), RULE_CHUNK), desc="stopping early", unit="batch"):
        x, index = as_images(cells.images[part], explainer.device), range(part.start, part.stop)
        score = computed(explainer.network, x, [(seed, i, RULE_STREAM) for i in index], RULE_LIMIT, window)
        found.append(decide(score, len(x), classes, RULE_LIMIT, threshold, offset))
    seconds = (time.perf_counter() - started) / len(cells)
    labels, draws, passes = (
        np.concatenate([getattr(d, part) for d in found]) for part in ("labels", "draws", "decoder_passes")
    )
    probabilities = np.eye(classes)[labels]
    return {
        "n": len(cells),
        "limit": RULE_LIMIT,
        "error": RULE_ERROR,
        "threshold": threshold,
        **summarise(probabilities, cells.labels.numpy(), cells.slides, {"accuracy": accuracy}),
        "draws": round(float(draws.mean()), 3),
        "decoder_passes": round(float(passes.mean()), 3),
        "decoder_passes_all": RULE_LIMIT * classes,
        "seconds_per_cell": round(seconds, 5),
    }
