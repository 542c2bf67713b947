"""Named endpoints for programs; their components are never shown."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr
import numpy as np
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

from jdm_core import CellImageError, Explainer
from jdm_core.bounds import RANGES
from jdm_core.explain.likelihood import POSTERIOR_DRAWS
from jdm_core.explain.matching import AS_GIVEN, AS_NEEDED, MATCHED
from jdm_core.images.find import Finding
from jdm_core.report.fields import colour_fields, edit_fields, found_fields, kind_fields, verdict_fields
from jdm_core.report.report import save_png
from jdm_core.report.words import too_small
from web.field.endpoint import add_field_endpoint
from web.one_cell.callbacks import USUAL_DRAWS
from web.one_cell.edits import finished
from web.parts.pictures import SHOWN, like
from web.parts.reading import find_upload, plain_stem

DRAWS = 3, 128  # least and most that a program may ask for: they hold the device for all


def add_endpoints(explainer: Explainer, limits: dict[str, Any]) -> None:
    """Adds /predict, /explain, /edit and /field to the surrounding page."""

    def predict(
        file: dict[str, Any],
        as_given: bool | None = False,
        colours: str | None = AS_NEEDED,
        draws: int | None = POSTERIOR_DRAWS,
        seed: int | None = 0,
    ) -> dict[str, Any]:
        """Tells whether a cropped red blood cell looks parasitized (malaria), by two verdicts of one research model.

        Research use only, not for diagnosis.

        Parameters:
            file: an image (PNG, JPEG, TIFF, WebP, BMP or GIF) of one Giemsa-stained cell of a thin smear.
            as_given: whether the picture is read whole; else a cell on a bright ground is found and put on black.
            colours: "matched": the model sees the cell in the training cells' usual colour; "as given": in its own; or
                "as needed": matched where its own is far darker.
            draws: of the likelihood, 3 to 128; more are slower and more precise.
            seed: of the draws, from 0; the same seed gives the same numbers.
        Returns:
            the verdict ("unclear", "disagree", "too small" or "not a cell" where it is no label), what classifier and
            likelihood give each label, the ELBO, what kind of picture it is, and how the cell was obtained.
        """
        return _verdicts(file, as_given, colours, _draws(draws, POSTERIOR_DRAWS), _seed(seed))[1]

    def explain(
        file: dict[str, Any],
        as_given: bool | None = False,
        colours: str | None = AS_NEEDED,
        draws: int | None = USUAL_DRAWS,
        seed: int | None = 0,
    ) -> tuple[dict[str, Any], Any]:
        """The verdicts of `predict`, and a map of what in the cell speaks for a parasite.

        Research use only, not for diagnosis.

        Parameters:
            file: an image (PNG, JPEG, TIFF, WebP, BMP or GIF) of one Giemsa-stained cell of a thin smear.
            as_given: whether the picture is read whole; else a cell on a bright ground is found and put on black.
            colours: "matched": the model sees the cell in the training cells' usual colour; "as given": in its own; or
                "as needed": matched where its own is far darker.
            draws: of the likelihood, 3 to 128; more are slower and more precise.
            seed: of the draws, from 0; the same seed gives the same numbers.
        Returns:
            the verdicts as JSON, and the map, NAME_evidence.png: orange speaks for a parasite, blue against one.
        """
        cell, fields, evidence = _verdicts(file, as_given, colours, _draws(draws, USUAL_DRAWS), _seed(seed))
        drawn = explainer.draw.evidence(explainer.model_view(cell), evidence, SHOWN)
        return fields, _named(drawn, cell, fields["file"], "evidence")

    def edit(
        file: dict[str, Any],
        target: str | None = None,
        as_given: bool | None = False,
        colours: str | None = AS_NEEDED,
        seed: int | None = 0,
    ) -> Iterator[tuple[Any, Any, Any]]:
        """The smallest change found that changes both verdicts of a cell to another label, its check and its map.

        Progress comes while it is sought. Research use only, not for diagnosis.

        Parameters:
            file: an image (PNG, JPEG, TIFF, WebP, BMP or GIF) of one Giemsa-stained cell of a thin smear.
            target: "Parasitized" or "Uninfected"; left out, the label that the cell does not have now.
            as_given: whether the picture is read whole; else a cell on a bright ground is found and put on black.
            colours: "matched": the model sees the cell in the training cells' usual colour; "as given": in its own; or
                "as needed": matched where its own is far darker.
            seed: of the noise, from 0; another one gives another edit.
        Returns:
            the check of the edit as JSON, the edited cell, NAME_edited.png, and the map, NAME_change.png: green where
            stain was taken away, purple where it was added.
        """
        name, finding = _find(file, as_given)
        cell, number = finding.cell, _seed(seed)
        choice = colours or AS_NEEDED
        try:
            prediction = explainer.predict(cell, choice)
            frames = explainer.stream(cell, target or None, number, colours=choice)
            with closing(frames):  # a caller that leaves stops the work
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
            **colour_fields(explainer.seen_in(cell, choice)),
        }
        edited = result.full_resolution[0]
        yield fields, _named(edited, cell, name, "edited"), _named(change, cell, name, "change")

    def _verdicts(
        file: dict[str, Any], as_given: bool | None, colours: str | None, draws: int, seed: int
    ) -> tuple[np.ndarray, dict[str, Any], np.ndarray]:
        name, finding = _find(file, as_given)
        cell = finding.cell
        choice = colours or AS_NEEDED
        try:
            prediction, elbo = explainer.predict(cell, choice), explainer.elbo(cell, draws, seed, colours=choice)
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from error
        unsure_below = explainer.checkpoint.thresholds.unsure_below
        fields = verdict_fields(name, prediction, elbo, 0, unsure_below, too_small(cell.shape))
        told = found_fields(finding, bool(prediction.is_cell[0])) | colour_fields(explainer.seen_in(cell, choice))
        return cell, fields | told, elbo.evidence[0]

    with gr.Row(visible=False):
        file = gr.File(label="file")
        target = gr.Dropdown([*explainer.labels], label="target", value=None)
        as_given = gr.Checkbox(False, label="as_given")
        colours = gr.Dropdown([AS_NEEDED, AS_GIVEN, MATCHED], label="colours", value=AS_NEEDED)
        few, usual = (gr.Number(count, label="draws", precision=0) for count in (POSTERIOR_DRAWS, USUAL_DRAWS))
        seed = gr.Number(0, label="seed", precision=0)
        fields = gr.JSON(label="result")
        pictures = [gr.Image(label=name, format="png") for name in ("picture", "map")]
    _endpoint(predict, [file, as_given, colours, few, seed], [fields], limits)
    _endpoint(explain, [file, as_given, colours, usual, seed], [fields, pictures[1]], limits)
    _endpoint(edit, [file, target, as_given, colours, seed], [fields, *pictures], limits)
    add_field_endpoint(explainer, limits)


def _named(picture: np.ndarray, cell: np.ndarray, name: str, what: str) -> str:
    """The path of a picture in the proportions of its cell, under the name of what was uploaded and what it shows."""
    with TemporaryDirectory() as folder:
        path = Path(folder, f"{plain_stem(name)}_{what}.png")
        save_png(np.asarray(like(picture, cell)), path)
        return save_file_to_cache(path, get_upload_folder())


def _draws(draws: float | None, usual: int) -> int:
    return _whole("draws", usual if draws is None else draws, *DRAWS)


def _seed(seed: float | None) -> int:
    return _whole("seed", seed or 0, *RANGES["seed"])


def _whole(name: str, value: float, least: int, most: int) -> int:
    if not (isinstance(value, int | float) and least <= value <= most and int(value) == value):
        raise gr.Error(f"{name}: {value!r} is not a whole number within {least} to {most}", print_exception=False)
    return int(value)


def _find(file: dict[str, Any] | None, as_given: bool | None) -> tuple[str, Finding]:
    if not file:
        raise gr.Error("file: none given", print_exception=False)
    try:
        return find_upload(file, bool(as_given))
    except CellImageError as error:
        raise gr.Error(str(error), print_exception=False) from error


def _endpoint(fn: Callable, inputs: list, outputs: list, limits: dict[str, Any]) -> None:
    gr.on([], fn, inputs, outputs, api_name=fn.__name__, preprocess=False, **limits)
