"""What a person takes away of one cell: pictures, a sheet and a JSON, each with its provenance and the notice."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from jdm_core.cells import content_sha256
from jdm_core.explainer import Explainer
from jdm_core.files import replace_file
from jdm_core.results import Counterfactual, ElboResult, Prediction
from jdm_core.version import VERSION

NOTICE = "Research use only, not for diagnosis"
PICTURE = 512  # pixels a side of the maps
SETTINGS_PER_IMAGE = ("guidance", "start_time", "attempts", "decoded_steps")


@dataclass(frozen=True)
class Explanation:
    """Everything about one cell: its pixels as uploaded (H, W, 3) uint8, and image `index` of batched results."""

    file: str
    cell: np.ndarray
    index: int
    prediction: Prediction
    elbo: ElboResult
    edit: Counterfactual | None = None


def verdict_fields(file: str, prediction: Prediction, elbo: ElboResult, index: int) -> dict[str, Any]:
    """The JSON of one cell's verdicts; per-class values by label, ELBO in nats."""
    labels = prediction.labels
    return {
        "file": file,
        "label": labels[int(prediction.probabilities[index].argmax())],
        "probabilities": _by_label(labels, prediction.probabilities[index]),
        "elbo": _by_label(labels, elbo.elbo[index]),
        "elbo_standard_error": _by_label(labels, elbo.standard_error[index]),
        "elbo_difference": round(float(elbo.difference[index]), 6),
        "elbo_difference_standard_error": round(float(elbo.difference_standard_error[index]), 6),
        "posterior": _by_label(labels, elbo.posterior[index]),
        "score_difference": round(float(elbo.score_difference[index]), 6),
        "draws": elbo.draws,
    }


def edit_fields(edit: Counterfactual, index: int) -> dict[str, Any]:
    """The JSON of one edit and its check."""
    labels = edit.labels
    settings = {
        key: value[index] if key in SETTINGS_PER_IMAGE else value for key, value in edit.settings.items()
    }
    return {
        "target": labels[int(edit.target[index])],
        "flipped": bool(edit.flipped[index]),
        "probabilities": _by_label(labels, edit.probabilities[index]),
        "posterior": _by_label(labels, edit.posterior[index]),
        "changed_fraction": round(float(edit.changed_fraction[index]), 6),
        "mean_absolute_change": round(float(np.abs(edit.difference[index]).mean()), 6),
        "settings": settings,
    }


def _by_label(labels: tuple[str, ...], values: np.ndarray) -> dict[str, float]:
    return {label: round(float(value), 6) for label, value in zip(labels, values, strict=True)}


def report_json(explainer: Explainer, explanation: Explanation, seed: int) -> dict[str, Any]:
    """The whole report of one cell as plain JSON values; the same for the same input and seed, but for the time."""
    e = explanation
    report = verdict_fields(e.file, e.prediction, e.elbo, e.index)
    if e.edit is not None:
        report["counterfactual"] = edit_fields(e.edit, e.index)
    return report | {
        "seed": seed,
        "model": {"name": explainer.name, "version": explainer.checkpoint.version, "sha256": explainer.sha256},
        "software": f"PlasmoLens {VERSION}",
        "input_sha256": content_sha256(e.cell),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "notice": NOTICE,
    }


def pictures(explainer: Explainer, explanation: Explanation) -> dict[str, np.ndarray]:
    """The pictures of a report by name, uint8: the cell, its evidence map and, with an edit, edit and difference."""
    e = explanation
    drawn = {"original": e.cell}
    shown = _model_view(e, explainer)
    drawn["evidence"] = explainer.draw_evidence(shown, e.elbo.evidence[e.index], PICTURE)
    if e.edit is not None:
        drawn["counterfactual"] = e.edit.full_resolution[e.index]
        drawn["difference"] = explainer.draw_difference(shown, e.edit.difference[e.index], PICTURE)
    return drawn


def write_report(explainer: Explainer, explanation: Explanation, stem: Path, seed: int) -> dict[str, Any]:
    """Writes STEM_original.png and its sisters, STEM_sheet.png and, last, STEM.json; returns the JSON's values."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    report = report_json(explainer, explanation, seed)
    drawn = pictures(explainer, explanation)
    for name, picture in drawn.items():
        save_png(picture, stem.with_name(f"{stem.name}_{name}.png"))
    replace_file(stem.with_name(f"{stem.name}_sheet.png"), lambda path: _draw_sheet(path, drawn, report))
    text = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
    replace_file(stem.with_name(f"{stem.name}.json"), lambda path: path.write_text(text, encoding="utf-8"))
    return report


def save_png(picture: np.ndarray, path: Path) -> None:
    """A picture (H, W, 3) uint8 as PNG, with the notice among its text fields and no other metadata."""
    notice = PngInfo()
    notice.add_text("Comment", NOTICE)
    replace_file(path, lambda partial: Image.fromarray(picture).save(partial, "PNG", pnginfo=notice))


def _model_view(e: Explanation, explainer: Explainer) -> np.ndarray:
    return e.edit.original[e.index] if e.edit is not None else explainer.model_view(e.cell)


def _draw_sheet(path: Path, drawn: dict[str, np.ndarray], report: dict[str, Any]) -> None:
    from matplotlib.figure import Figure  # its import takes longer than a prediction

    titles = {
        "original": "Cell", "evidence": "Evidence\n(orange: for parasite)",
        "counterfactual": "Counterfactual", "difference": "Change\n(blue: darker, orange: brighter)",
    }  # fmt: skip
    figure = Figure(figsize=(3 * len(drawn), 4.4), dpi=100, layout="constrained")
    axes = figure.subplots(1, len(drawn), squeeze=False)[0]
    for axis, (name, picture) in zip(axes, drawn.items(), strict=True):
        axis.imshow(picture, interpolation="bicubic" if picture.shape[0] < PICTURE else "nearest")
        axis.set_title(titles[name], fontsize=10)
        axis.set_axis_off()
    figure.suptitle(_summary(report), fontsize=10, x=0.01, ha="left")
    model = report["model"]
    figure.supxlabel(
        f"{NOTICE}.  {report['software']}, {model['name']} {model['sha256'][:12]}, seed {report['seed']}, "
        f"{report['time']}",
        fontsize=7, x=0.01, ha="left",
    )  # fmt: skip
    figure.savefig(path, format="png", metadata={"Comment": NOTICE, "Software": None})


def _summary(report: dict[str, Any]) -> str:
    label = report["label"]
    lines = [
        report["file"],
        f"{label} {report['probabilities'][label]:.1%}; posterior {report['posterior'][label]:.1%}; "
        f"ELBO difference {report['elbo_difference']:+.1f} ± {report['elbo_difference_standard_error']:.1f} nats "
        f"({report['draws']} draws)",
    ]
    if edit := report.get("counterfactual"):
        outcome = "flipped" if edit["flipped"] else "did not flip"
        lines.append(
            f"Edit to {edit['target']}: {outcome}, head {edit['probabilities'][edit['target']]:.1%}, "
            f"posterior {edit['posterior'][edit['target']]:.1%}, {edit['changed_fraction']:.1%} of the cell changed"
        )
    return "\n".join(lines)
