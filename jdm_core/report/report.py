"""What a person takes away of one cell: pictures, a sheet, a PDF and a JSON, each with provenance and the notice."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo

from jdm_core.checkpoint.familiarity import NO_RED_CELL
from jdm_core.draw.colours import CHANGE_STOPS, EVIDENCE_STOPS
from jdm_core.explain.explainer import Explainer
from jdm_core.explain.matching import AS_GIVEN, ColourChoice
from jdm_core.explain.results import Counterfactual, ElboResult, Prediction
from jdm_core.files import replace_file
from jdm_core.images.find import Finding
from jdm_core.images.pixels import content_sha256
from jdm_core.report.fields import colour_fields, edit_fields, found_fields, verdict_fields
from jdm_core.report.kinds import abroad, kind_warning
from jdm_core.report.language import ENGLISH, Language
from jdm_core.report.sheet import Panel, draw_sheet, save_sheet
from jdm_core.report.told import edit_title
from jdm_core.report.words import NOTICE, found_note, too_small
from jdm_core.version import VERSION

PICTURE = 512  # pixels a side of the maps
PICTURES = ("original", "evidence", "counterfactual", "difference", "sheet")
MARKED = "marked"  # a field's picture
SHEETS = {"png": "_sheet.png", "pdf": ".pdf"}


@dataclass(frozen=True)
class Explanation:
    """Everything about one cell: its pixels (H, W, 3) uint8, and image `index` of batched results.

    finding, of how the cell was found in the upload, has a `status` and a `note`; file_sha256 is the digest of the
    upload's bytes; colours, in which the model saw the cell.
    """

    file: str
    cell: np.ndarray
    index: int
    prediction: Prediction
    elbo: ElboResult
    edit: Counterfactual | None = None
    finding: Finding | None = None
    file_sha256: str | None = None
    colours: ColourChoice = AS_GIVEN


def report_json(explainer: Explainer, explanation: Explanation, seed: int) -> dict[str, Any]:
    """The whole report of one cell as plain JSON values; the same for the same input and seed, but for the time."""
    e, thresholds = explanation, explainer.checkpoint.thresholds
    report = verdict_fields(e.file, e.prediction, e.elbo, e.index, thresholds.unsure_below, too_small(e.cell.shape))
    if e.edit is not None:
        report["counterfactual"] = edit_fields(e.edit, e.index)
    if e.finding is not None:
        report |= found_fields(e.finding, report["kind"] != NO_RED_CELL)
    if e.file_sha256 is not None:
        report["file_sha256"] = e.file_sha256
    if warning := kind_warning(report["kind"], abroad(explainer.checkpoint.metrics)):
        report["warning"] = warning
    return report | {
        **colour_fields(e.colours),
        "seed": seed,
        "thresholds": asdict(thresholds),
        "model": model_fields(explainer),
        "software": f"PlasmoLens {VERSION}",
        "input_sha256": content_sha256(e.cell),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "notice": NOTICE,
    }


def model_fields(explainer: Explainer) -> dict[str, Any]:
    """The JSON of what decides a report's numbers beside the picture: weights, and what was fitted to them."""
    checkpoint = explainer.checkpoint
    return {
        "name": explainer.name,
        "version": checkpoint.version,
        "sha256": explainer.sha256,
        "calibration_sha256": checkpoint.calibration_sha256,
    }


def is_report_picture(path: Path) -> bool:
    """Whether a file is one of a report's own pictures, by its name and the notice in it."""
    if path.suffix != ".png" or path.stem.rpartition("_")[2] not in (*PICTURES, MARKED):
        return False
    try:
        image = PngImageFile(path)
        with image:
            return image.text.get("Comment") == NOTICE
    except (OSError, SyntaxError, ValueError):
        return False


def pictures(explainer: Explainer, explanation: Explanation) -> dict[str, np.ndarray]:
    """The pictures of a report by name, uint8: the cell, its evidence map and, with an edit, edit and difference."""
    e = explanation
    drawn = {"original": e.cell}
    shown = _model_view(e, explainer)
    drawn["evidence"] = explainer.draw.evidence(shown, e.elbo.evidence[e.index], PICTURE)
    if e.edit is not None:
        drawn["counterfactual"] = e.edit.full_resolution[e.index]
        drawn["difference"] = explainer.draw.difference(shown, e.edit.difference[e.index], PICTURE)
    return drawn


def write_report(
    explainer: Explainer,
    explanation: Explanation,
    stem: Path,
    seed: int,
    sheets: Sequence[str] = ("png", "pdf"),
    say: Language = ENGLISH,
) -> dict[str, Any]:
    """Writes STEM_original.png and its sisters, STEM_sheet.png, STEM.pdf and, last, STEM.json; returns its values.

    `sheets` names the formats in which the sheet is wanted. It speaks the language of `say`; the JSON, which programs
    read, English.
    """
    stem.parent.mkdir(parents=True, exist_ok=True)
    report = report_json(explainer, explanation, seed)
    drawn = pictures(explainer, explanation)
    for name, picture in drawn.items():
        save_png(picture, stem.with_name(f"{stem.name}_{name}.png"))
    spoken = report | _spoken(explainer, explanation, report, say)
    sheet = draw_sheet(panels(explainer, explanation, drawn, say), spoken, say)
    for kind in sheets:
        name = f"{stem.name}{SHEETS[kind]}"
        replace_file(stem.with_name(name), lambda path, kind=kind: save_sheet(sheet, spoken, path, kind))
    text = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
    replace_file(stem.with_name(f"{stem.name}.json"), lambda path: path.write_text(text, encoding="utf-8"))
    return report


def panels(
    explainer: Explainer, explanation: Explanation, drawn: dict[str, np.ndarray], say: Language = ENGLISH
) -> list[Panel]:
    """The drawn pictures with their titles, and the maps with the units and colours of their bars."""
    e = explanation
    first, second = (say(label) for label in e.elbo.labels[:2])
    found = [
        Panel(say("The cell") if e.prediction.is_cell[e.index] else say("The picture"), drawn["original"]),
        Panel(
            say("Speaks for {first} (orange) or {second} (blue)", first=first, second=second),
            drawn["evidence"],
            say("weight in the likelihood, per pixel of the model"),
            explainer.draw.evidence_scale(e.elbo.evidence[e.index]),
            EVIDENCE_STOPS,
        ),
    ]
    if e.edit is not None:
        found += [
            Panel(edit_title(e.edit.labels[int(e.edit.target[e.index])], say), drawn["counterfactual"]),
            Panel(
                say("Stain taken away (green) or added (purple)"),
                drawn["difference"],
                say("change of brightness, in 1/255"),
                255 * explainer.draw.difference_scale(e.edit.difference[e.index]),
                CHANGE_STOPS,
            ),
        ]
    return found


def save_png(picture: np.ndarray, path: Path) -> None:
    """A picture (H, W, 3) uint8 as PNG, with the notice among its text fields and no other metadata."""
    notice = PngInfo()
    notice.add_text("Comment", NOTICE)
    # Level 3 takes half the time of the usual 6, for a fifth more bytes.
    replace_file(path, lambda partial: Image.fromarray(picture).save(partial, "PNG", pnginfo=notice, compress_level=3))


def _spoken(explainer: Explainer, e: Explanation, report: dict[str, Any], say: Language) -> dict[str, Any]:
    """Those of a report's values that are sentences, in the language of `say`."""
    told = {"notice": say(NOTICE)}
    if "warning" in report:
        told["warning"] = kind_warning(report["kind"], abroad(explainer.checkpoint.metrics), say)
    if e.finding is not None and "found_note" in report:
        told["found_note"] = found_note(e.finding, report["kind"] != NO_RED_CELL, say)
    return told


def _model_view(e: Explanation, explainer: Explainer) -> np.ndarray:
    return e.edit.original[e.index] if e.edit is not None else explainer.model_view(e.cell)
