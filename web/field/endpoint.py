"""The endpoint of fields for programs, and with it a tool of the MCP server; its components are never shown."""

from typing import Any

import gradio as gr
import numpy as np

from jdm_core import CellImageError, Explainer
from jdm_core.explain.fields import FIELD_DRAWS
from jdm_core.explain.matching import AS_GIVEN, MATCHED
from jdm_core.field.results import Field
from jdm_core.images.limits import OF_FIELD
from jdm_core.images.pixels import content_sha256
from jdm_core.report.field.entry import FieldEntry
from jdm_core.report.field.geojson import finite
from jdm_core.report.words import NOTICE
from web.field.readings import known
from web.parts.reading import read_upload

DRAWS = 3, 128  # least and most
OUTLINE_DIGITS = 1  # of a pixel


def add_field_endpoint(explainer: Explainer, limits: dict[str, Any]) -> None:
    """Adds /field to the surrounding page."""
    reads = known(explainer.checkpoint)

    def field(
        file: dict[str, Any], draws: int | None = FIELD_DRAWS, seed: int | None = 0, colours: str | None = MATCHED
    ) -> dict[str, Any]:
        """Finds the red cells of a whole field of a thin smear, reads each, and ranks them, the most suspicious first.

        Research use only, not for diagnosis: a person must look at what is suspicious before anything is counted.

        Parameters:
            file: an image (PNG, JPEG, TIFF, WebP, BMP or GIF) of a whole Giemsa-stained field, at most 40 megapixels.
            draws: of the likelihood, 3 to 128; more are slower and more precise.
            seed: of the draws, from 0; the same seed gives the same numbers.
            colours: "matched": the model sees the cells in the training cells' usual colour; or "as given".
        Returns:
            boxes (x, y, w, h in pixels of the upload), outlines, and the status of everything found ("read", "cut off",
            "clump", "not a red cell"); of what was read the classifier's probabilities, the posterior by likelihood
            where it was asked, how unfamiliar it is, and whether it is to be looked at; the order, the most suspicious
            first; the machine's own estimate of the infected share with its interval, where it is known how well it
            reads; and `trouble`, why a picture is no field whose cells can be counted.
        """
        if not file:
            raise gr.Error("file: none given", print_exception=False)
        try:
            name, pixels = read_upload(file, OF_FIELD)
            read = explainer.field(pixels, _whole("draws", draws, FIELD_DRAWS, *DRAWS), _seed(seed), _choice(colours))
        except (CellImageError, ValueError) as error:
            raise gr.Error(str(error), print_exception=False) from error
        estimate = FieldEntry(name, content_sha256(pixels), read).totals().estimate(reads)
        told = {key: finite(getattr(estimate, key)) for key in ("share", "low", "high")} if estimate else None
        return {"file": name, **field_fields(read), "estimate": told, "model": explainer.name, "notice": NOTICE}

    with gr.Row(visible=False):
        file = gr.File(label="file")
        numbers = [gr.Number(FIELD_DRAWS, label="draws", precision=0), gr.Number(0, label="seed", precision=0)]
        colours = gr.Dropdown([MATCHED, AS_GIVEN], label="colours", value=MATCHED)
        result = gr.JSON(label="result")
    gr.on([], field, [file, *numbers, colours], [result], api_name="field", preprocess=False, **limits)


def field_fields(read: Field) -> dict[str, Any]:
    """A field as plain JSON values, in the names of `Field`; None stands where there is no reading."""
    height, width = read.found.size
    return {
        "size": {"height": height, "width": width},
        "trouble": read.trouble,
        "labels": list(read.labels),
        "counts": read.found.counts,
        "boxes": [[round(value, 2) for value in box] for box in read.boxes.tolist()],
        "outlines": [np.round(outline.astype(float), OUTLINE_DIGITS).tolist() for outline in read.outlines],
        "status": read.status.tolist(),
        "probabilities": [[finite(value) for value in row] for row in read.probabilities],
        "posterior": [[finite(value) for value in row] for row in read.posterior],
        "unfamiliarity": [finite(value) for value in read.unfamiliarity],
        "suspicious": (read.suspicious & read.read).tolist(),
        "order": read.order.tolist(),
        "colours": read.colours,
        "draws": read.draws,
        "seed": read.seed,
    }


def _whole(name: str, value: float | None, usual: int, least: int, most: int) -> int:
    number = usual if value is None else int(value)
    if not least <= number <= most:
        raise ValueError(f"{name}: {number}, where {least} to {most} is expected")
    return number


def _seed(value: float | None) -> int:
    return _whole("seed", value, 0, 0, 2**31 - 1)


def _choice(colours: str | None) -> str:
    if colours not in (None, MATCHED, AS_GIVEN):
        raise ValueError(f"colours: {colours!r}, where {MATCHED!r} or {AS_GIVEN!r} is expected")
    return colours or MATCHED
