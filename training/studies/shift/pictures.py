"""A sheet of cells of other microscopes, each beside its evidence and under both verdicts, to be looked at."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from jdm_core import Explainer
from jdm_core.files import replace_file
from training.data.cells import squares
from training.data.microscopes.sample import Known, Sample

PICTURE, CAPTION, GAP, PAIRS_A_ROW = 96, 26, 8, 6
CELLS_OF_EACH = 12
RIGHT, WRONG = (20, 120, 60), (190, 30, 30)


def draw_sheet(explainer: Explainer, samples: Sequence[Sample], draws: int, seed: int, path: Path) -> None:
    """Writes a PNG: of each sample twelve cells of the developers' part, half of them infected where any are.

    A cell stands beside its evidence, orange for a parasite. Below: what it is, the probability of a parasite by
    classifier and likelihood, in red where the classifier is wrong, and "?" where it is not familiar.
    """
    pictures = [picture for sample in samples for picture in _pictures(explainer, sample, draws, seed)]
    width, height = 2 * PICTURE + GAP, PICTURE + CAPTION + GAP
    rows = -(-len(pictures) // PAIRS_A_ROW)
    sheet = Image.new("RGB", (PAIRS_A_ROW * width, rows * height), "white")
    for i, picture in enumerate(pictures):
        sheet.paste(picture, (i % PAIRS_A_ROW * width, i // PAIRS_A_ROW * height))
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, lambda partial: sheet.save(partial, "PNG"))


def _pictures(explainer: Explainer, sample: Sample, draws: int, seed: int) -> list[Image.Image]:
    infected, healthy = (sample.where("developer", role) for role in ("infected", "healthy"))
    generator = np.random.default_rng(seed)
    first = generator.permutation(infected)[: CELLS_OF_EACH // 2]
    chosen = [*first, *generator.permutation(healthy)[: CELLS_OF_EACH - len(first)]]
    if not chosen:
        return []
    cells = [sample.cells[i] for i in chosen]
    predicted = explainer.predict(cells)
    scored = explainer.elbo(cells, max(draws, 3), seed)
    originals = squares(cells, explainer.size)
    pictures = []
    for place, i in enumerate(chosen):
        p, q = float(predicted.probabilities[place, 0]), float(scored.posterior[place, 0])
        overlay = explainer.draw.evidence(originals[place], scored.evidence[place], PICTURE)
        cell = squares([cells[place]], PICTURE)[0]
        pictures.append(_pair(cell, overlay, sample.name, sample.known[i], p, q, bool(predicted.familiar[place])))
    return pictures


def _pair(
    cell: np.ndarray, overlay: np.ndarray, name: str, known: Known, p: float, q: float, familiar: bool
) -> Image.Image:
    picture = Image.new("RGB", (2 * PICTURE, PICTURE + CAPTION), "white")
    picture.paste(Image.fromarray(cell), (0, 0))
    picture.paste(Image.fromarray(overlay), (PICTURE, 0))
    pen, right = ImageDraw.Draw(picture), (p > 0.5) == (known.role == "infected")
    pen.text((2, PICTURE), f"{name}: {known.kind or known.role}", fill="black")
    verdict = f"classifier {p:.2f}  likelihood {q:.2f}{'' if familiar else '  ?'}"
    pen.text((2, PICTURE + 12), verdict, fill=RIGHT if right else WRONG)
    return picture
