"""The sets of other microscopes that are known: where each lies below a folder of all, and what reads it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from training.data.microscopes.boxed import BoxedSet
from training.data.microscopes.chula import read_chula
from training.data.microscopes.mpidb import read_mpidb
from training.data.microscopes.sample import Part, Sample
from training.data.microscopes.uploads import read_uploads

Reader = Callable[[Path, int, int], Sample]
WholeReader = Callable[[Path, Part, int, int], Sample]


@dataclass(frozen=True)
class Place:
    """A set: where it lies below the folder of all, what reads it, and whether its licence lets a fit rest on it.

    `read_whole` reads whole fields, where every cell has a box.
    """

    path: Path
    read: Reader
    fitted: bool = False
    read_whole: WholeReader | None = None


def _boxed(path: Path, boxed: BoxedSet, fitted: bool = False) -> Place:
    return Place(path, boxed.read, fitted, boxed.read_whole)


MPIDB = Path("microscopes/mpidb")
IML = Path("iml_malaria")
BCCD = Path("microscopes/bccd")
UPLOADS = Path("uploads")
PLACES = (
    _boxed(IML, BoxedSet("iml", "IML, P. vivax")),
    Place(MPIDB, read_mpidb, fitted=True),
    _boxed(Path("microscopes/bbbc041"), BoxedSet("bbbc041", "BBBC041, P. vivax", dark=True)),
    Place(Path("microscopes/chula"), read_chula, fitted=True),
    _boxed(BCCD, BoxedSet("bccd", "BCCD, no malaria"), fitted=True),
    Place(UPLOADS, lambda folder, at_most, seed: read_uploads(folder)),
)
