"""Named endpoints for programs; their components are never shown."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import gradio as gr
import numpy as np

from jdm_core import CellImageError, Explainer
from jdm_core.explain.likelihood import POSTERIOR_DRAWS
from jdm_core.explain.matching import AS_GIVEN, MATCHED
from jdm_core.images.find import Finding
from jdm_core.report.report import colour_fields, edit_fields, found_fields, kind_fields, verdict_fields
from web.field.endpoint import add_field_endpoint
from web.one_cell.callbacks import USUAL_DRAWS
from web.one_cell.edits import finished
from web.parts.pictures import SHOWN, like
from web.parts.reading import find_upload


def add_endpoints(explainer: Explainer, limits: dict[str, Any]) -> None:
    """Adds /predict, /explain, /edit and /field to the surrounding page."""

    def predict(file: dict[str, Any], as_given: bool | None = False, colours: str | None = AS_GIVEN) -> dict[str, Any]:
        """Tells whether a cropped red blood cell looks parasitized (malaria), by two verdicts of one research model.

        Research use only, not for diagnosis.

        Parameters:
            file: an image (PNG, JPEG, TIFF, WebP, BMP or GIF) of one Giemsa-stained cell of a thin smear.
            as_given: whether the picture is read whole; else a cell on a bright ground is found and put on black.
            colours: "as given", or "matched": the model sees the cell in the training cells' usual colour.
        Returns:
            the label, its calibrated probabilities of the classifier, the posterior by likelihood, the ELBO, and how
            the cell was obtained.
        """
        return _verdicts(file, as_given, colours, POSTERIOR_DRAWS)[1]

    def explain(
        file: dict[str, Any], as_given: bool | None = False, colours: str | None = AS_GIVEN
    ) -> tuple[dict[str, Any], Any]:
        """The verdicts of `predict`, and a map of where in the cell the evidence for each of them lies.

        Research use only, not for diagnosis.

        Parameters:
            file: an image (PNG, JPEG, TIFF, WebP, BMP or GIF) of one Giemsa-stained cell of a thin smear.
            as_given: whether the picture is read whole; else a cell on a bright ground is found and put on black.
            colours: "as given", or "matched": the model sees the cell in the training cells' usual colour.
        Returns:
            the verdicts as JSON, and the map: orange speaks for a parasite, blue against one.
        """
        cell, fields, evidence = _verdicts(file, as_given, colours, USUAL_DRAWS)
        return fields, like(explainer.draw.evidence(explainer.model_view(cell), evidence, SHOWN), cell)

    def edit(
        file: dict[str, Any], target: str | None = None, as_given: bool | None = False, colours: str | None = AS_GIVEN
    ) -> Iterator[tuple[Any, Any, Any]]:
        """The mildest edit found that changes both verdicts of a cell to another label, its check and a map of change.

        Progress comes while it is sought. Research use only, not for diagnosis.

        Parameters:
            file: an image (PNG, JPEG, TIFF, WebP, BMP or GIF) of one Giemsa-stained cell of a thin smear.
            target: "Parasitized" or "Uninfected"; left out, the label that the cell does not have now.
            as_given: whether the picture is read whole; else a cell on a bright ground is found and put on black.
            colours: "as given", or "matched": the model sees the cell in the training cells' usual colour.
        Returns:
            the check of the edit as JSON, the edited cell, and the map: green became brighter, purple darker.
        """
        name, finding = _find(file, as_given)
        cell = finding.cell
        choice = colours or AS_GIVEN
        try:
            prediction = explainer.predict(cell, choice)
            with closing(
                explainer.stream(cell, target or None, colours=choice)
            ) as frames:  # a caller that leaves stops the work
                for frame in frames:
                    if frame.result is None:
                        progress = {"attempt": frame.attempt, "attempts": frame.attempts}
                        yield {**progress, "step": frame.step, "steps": frame.steps}, None, None
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from error
        result = finished(frame)
        change = explainer.draw.difference(result.original[0], result.difference[0], SHOWN)
        kind, known = kind_fields(prediction, 0), bool(prediction.is_cell[0])
        fields = {
            "file": name,
            **edit_fields(result, 0),
            **kind,
            **found_fields(finding, known),
            **colour_fields(choice),
        }
        yield fields, like(result.full_resolution[0], cell), like(change, cell)

    def _verdicts(
        file: dict[str, Any], as_given: bool | None, colours: str | None, draws: int
    ) -> tuple[np.ndarray, dict[str, Any], np.ndarray]:
        name, finding = _find(file, as_given)
        cell = finding.cell
        choice = colours or AS_GIVEN
        try:
            prediction, elbo = explainer.predict(cell, choice), explainer.elbo(cell, draws, colours=choice)
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from error
        unsure_below = explainer.checkpoint.thresholds.unsure_below
        fields = verdict_fields(name, prediction, elbo, 0, unsure_below)
        told = found_fields(finding, bool(prediction.is_cell[0])) | colour_fields(choice)
        return cell, fields | told, elbo.evidence[0]

    with gr.Row(visible=False):
        file = gr.File(label="file")
        target = gr.Dropdown([*explainer.labels], label="target", value=None)
        as_given = gr.Checkbox(False, label="as_given")
        colours = gr.Dropdown([AS_GIVEN, MATCHED], label="colours", value=AS_GIVEN)
        fields = gr.JSON(label="result")
        pictures = [gr.Image(label=name, format="png") for name in ("picture", "map")]
    _endpoint(predict, [file, as_given, colours], [fields], limits)
    _endpoint(explain, [file, as_given, colours], [fields, pictures[1]], limits)
    _endpoint(edit, [file, target, as_given, colours], [fields, *pictures], limits)
    add_field_endpoint(explainer, limits)


def _find(file: dict[str, Any] | None, as_given: bool | None) -> tuple[str, Finding]:
    if not file:
        raise gr.Error("file: none given", print_exception=False)
    try:
        return find_upload(file, bool(as_given))
    except CellImageError as error:
        raise gr.Error(str(error), print_exception=False) from error


def _endpoint(fn: Callable, inputs: list, outputs: list, limits: dict[str, Any]) -> None:
    gr.on([], fn, inputs, outputs, api_name=fn.__name__, preprocess=False, **limits)
