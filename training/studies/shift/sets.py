"""Which microscopes are measured: the sets below a folder, one's own fields, and the cells of the training's own."""

import sys
from functools import partial
from pathlib import Path

from tqdm import tqdm

from jdm_core import Explainer
from training.data.cells import as_pixels, load_cells
from training.data.members import DataError
from training.data.microscopes.boxed import BoxedSet
from training.data.microscopes.places import PLACES, Reader
from training.data.microscopes.sample import Known, Part, Sample
from training.run.recipe import split_of

HOME = Path("malaria/cell_images.zip")


def places(folder: Path) -> list[tuple[Path, Reader]]:
    """The folder of each set and its reader: all known ones, or the one set that the folder itself is.

    A folder with `annotations.json` is one's own fields. Raises DataError for no folder.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: " + ("not a folder" if folder.exists() else "no such folder"))
    if (folder / "annotations.json").exists():
        return [(folder, BoxedSet(folder.resolve().name, folder.resolve().name).read)]
    return [(folder / place.path, place.read) for place in PLACES]


def read_sets(folder: Path, at_most: int, seed: int) -> tuple[list[Sample], list[str]]:
    """Cells of every set that is there, at most so many of a role and part; which are missing, as stderr says too.

    Raises DataError where no set is there.
    """
    samples, missing = [], []
    for path, read in places(folder):
        try:
            sample = read(path, at_most, seed)
            if not sample.cells:
                raise DataError(f"{path}: no cell found in it")
        except DataError as error:
            tqdm.write(f"error: {error}; {path.name} is left out", file=sys.stderr)
            missing.append(path.relative_to(folder).as_posix())
        else:
            samples.append(sample)
    if not samples:
        raise DataError(f"{folder}: no set of another microscope that can be read")
    return samples, missing


def read_home(explainer: Explainer, data: Path, at_most: int, seed: int) -> Sample:
    """Cells of the training's own microscope: its test slides report, its validation slides are the developers'."""
    split, load = split_of(explainer, data), partial(load_cells, data, explainer.labels, explainer.size)
    cells, known = [], []
    parts: tuple[tuple[Part, set[str]], ...] = (("report", set(split.test)), ("developer", set(split.validation)))
    for part, slides in parts:
        loaded = load(slides.__contains__, 2 * at_most, seed)
        cells += list(as_pixels(loaded))
        for label, slide in zip(loaded.labels.tolist(), loaded.slides, strict=True):
            role = "infected" if label == 0 else "healthy"
            known.append(Known(role, explainer.labels[label], slide, part, drawn=True))
    return Sample("home", "NIH, slides not trained on", "slide", cells, known)
