"""The JSON of verdicts, edits and findings: plain values under the names that the page says, and those of the API."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from jdm_core.explain.matching import MATCHED, ColourChoice
from jdm_core.explain.results import Counterfactual, ElboResult, Prediction
from jdm_core.images.find import Finding
from jdm_core.report.words import found_note, verdict_kind

LEAST = 1e-12  # that a probability is told as: certain is nothing


def verdict_fields(
    file: str, prediction: Prediction, elbo: ElboResult, index: int, unsure_below: float, small: bool = False
) -> dict[str, Any]:
    """The JSON of one cell's verdicts; per-class values by label, ELBO in nats; `verdict` is that of `verdict_kind`.

    `classifier` and `likelihood`, as the page calls them, are `probabilities` and `posterior` once more.
    """
    labels, head, posterior = prediction.labels, prediction.probabilities[index], elbo.posterior[index]
    known = bool(prediction.is_cell[index])
    return {
        "file": file,
        "verdict": verdict_kind(labels, head.tolist(), posterior.tolist(), unsure_below, known, small),
        "label": labels[int(head.argmax())],
        **_readings(labels, head, posterior),
        "called": bool(prediction.called[index]) and not small,
        "elbo": _by_label(labels, elbo.elbo[index]),
        "elbo_standard_error": _by_label(labels, elbo.standard_error[index]),
        "elbo_difference": round(float(elbo.difference[index]), 6),
        "elbo_difference_standard_error": round(float(elbo.difference_standard_error[index]), 6),
        "elbo_logsnr_max": elbo.elbo_logsnr_max,
        **kind_fields(prediction, index),
        "score_difference": round(float(elbo.score_difference[index]), 6),
        "draws": elbo.draws,
    }


def kind_fields(prediction: Prediction, index: int) -> dict[str, Any]:
    """The JSON of whether the model knows such a picture, and of what kind it is."""
    return {
        "familiar": bool(prediction.familiar[index]),
        "kind": str(prediction.kind[index]),
        "unfamiliarity": _finite(prediction.unfamiliarity[index]),
    }


def edit_fields(edit: Counterfactual, index: int) -> dict[str, Any]:
    """The JSON of one edit and its check."""
    return {
        "target": edit.labels[int(edit.target[index])],
        "flipped": bool(edit.flipped[index]),
        **_readings(edit.labels, edit.probabilities[index], edit.posterior[index]),
        "changed_fraction": round(float(edit.changed_fraction[index]), 6),
        "mean_absolute_change": round(float(np.abs(edit.difference[index]).mean()), 6),
        "settings": edit.settings_of(index),
    }


def found_fields(finding: Finding, cell: bool) -> dict[str, Any]:
    """The JSON of a finding: its status, the note unless the image was read as given, and what it was reduced from."""
    note, size = found_note(finding, cell), finding.reduced_from
    told = {"found": finding.status} | ({"found_note": note} if note else {})
    return told | ({"reduced_from": {"height": size[0], "width": size[1]}} if size else {})


def colour_fields(colours: ColourChoice) -> dict[str, Any]:
    """The JSON of the colours in which cells were read, with those of the batch that they were matched from."""
    if isinstance(colours, str):
        return {"colours": colours}
    return {"colours": MATCHED, "matched_from": {name: list(values) for name, values in asdict(colours).items()}}


def exact(shares: Sequence[float] | np.ndarray) -> list[float]:
    """Probabilities (K,) as files hold them: none is 0 or 1, and together they are 1.

    Each has six digits; the largest is what the others leave, so that it has as many nines as there are.
    """
    values = [max(float(share), LEAST) for share in shares]
    top = values.index(max(values))
    rest = [float(f"{value:.6g}") for value in values]
    rest[top] = round(1 - sum(value for i, value in enumerate(rest) if i != top), 12)
    return rest


def _readings(labels: Sequence[str], head: np.ndarray, posterior: np.ndarray) -> dict[str, dict[str, float]]:
    """What both readings give each label, under the names of the API and under the page's."""
    probabilities, likelihood = (dict(zip(labels, exact(shares), strict=True)) for shares in (head, posterior))
    return {
        "probabilities": probabilities,
        "posterior": likelihood,
        "classifier": dict(probabilities),
        "likelihood": dict(likelihood),
    }


def _finite(value: np.floating) -> float | None:
    """A number as JSON has it, which knows no NaN."""
    return round(float(value), 6) if np.isfinite(value) else None


def _by_label(labels: tuple[str, ...], values: np.ndarray) -> dict[str, float]:
    return {label: round(float(value), 6) for label, value in zip(labels, values, strict=True)}
