"""Cells of other microscopes that a network trains on: the developers' halves of sets whose licence allows it."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from jdm_core.images.pixels import to_tensor, to_uint8
from training.data.cells import Cells, joined
from training.data.members import DataError
from training.data.microscopes.grafted import GRAFTS, grafted
from training.data.microscopes.places import PLACES
from training.data.microscopes.sample import Role, Sample

FITTED = {place.path.name: place for place in PLACES if place.fitted}
AT_MOST = 1500  # cells of a set's half and kind: all, of the sets that are known
GRAFT_SEED = 0  # not a run's own: seeds compare on the same cells
# As the labels of the malaria cells; what looks like a parasite says nothing.
ROLES: dict[Role, int] = {"infected": 0, "healthy": 1}


def trainable(folder: Path, names: Collection[str], at_most: int, seed: int) -> Iterator[tuple[Sample, list[int]]]:
    """The named sets below a folder, and in each the indices of the red cells that weights which ship may rest on.

    They are the developers' half, at most so many of a kind. Raises DataError for a set that is not known, not there,
    or whose licence keeps it from such weights.
    """
    if unknown := sorted(set(names) - set(FITTED)):
        raise DataError(f"{', '.join(unknown)}: may not be trained on; these may: {', '.join(sorted(FITTED))}")
    for name in names:
        sample = FITTED[name].read(folder / FITTED[name].path, at_most, seed)
        yield sample, sample.where("developer", *ROLES).tolist()


def read_trained(folder: Path, names: Collection[str], size: int, seed: int, donors: Cells | None = None) -> Cells:
    """The red cells of the named sets' developers' halves, at (3, size, size); the slide of each is its set.

    Behind them, where there are donors, the sets' healthy cells with what these hold laid into them (`grafted`).
    Raises DataError as `trainable` does.
    """
    images: list[Tensor] = []
    labels: list[int] = []
    slides: list[str] = []
    files: list[str] = []
    for sample, chosen in trainable(folder, names, AT_MOST, seed):
        images += [to_uint8(to_tensor([sample.cells[i]], size)).permute(0, 3, 1, 2) for i in chosen]
        labels += [ROLES[sample.known[i].role] for i in chosen]
        slides += [sample.name] * len(chosen)
        files += [f"{sample.name}/{sample.known[i].field}/{i}" for i in chosen]
    cells = Cells(torch.cat(images), torch.tensor(labels), slides, files)
    return cells if donors is None else joined(cells, grafted(cells, donors, GRAFT_SEED))


def even_weights(labels: Tensor, sets: Sequence[str]) -> Tensor:
    """How often each of N cells is drawn, (N,), so that classes are met alike often, and in each class the sets.

    Else the network would learn that what looks foreign is healthy.
    """
    kinds = list(zip(labels.tolist(), sets, strict=True))
    sets_of = {label: len({name for other, name in kinds if other == label}) for label, _ in kinds}
    return torch.tensor([1 / (len(sets_of) * sets_of[kind[0]] * kinds.count(kind)) for kind in kinds])


class Abroad:
    """Cells of other microscopes that take a share of each batch, beside a network's own training cells."""

    def __init__(self, cells: Cells, share: float) -> None:
        self.cells, self.share = cells, share
        self._weights = even_weights(cells.labels, cells.slides)

    @property
    def sets(self) -> list[str]:
        """The names of the sets that they are of."""
        return list(dict.fromkeys(slide.removesuffix(GRAFTS) for slide in self.cells.slides))

    @property
    def grafts(self) -> int:
        """How many of them have something laid into them."""
        return sum(slide.endswith(GRAFTS) for slide in self.cells.slides)

    def lend(self, index: Tensor, own: int, seed: int, step: int) -> Tensor:
        """`index` (B,) of a step, its last places given to these cells, which are joined to `own` others.

        The same for a seed and step, so that a resumed run meets the same cells.
        """
        places = round(self.share * len(index))
        if not places:
            return index
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
        drawn = torch.multinomial(self._weights, places, replacement=True, generator=generator)
        return torch.cat([index[:-places], own + drawn])
