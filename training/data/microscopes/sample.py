"""Cells of one microscope, framed as the product frames them, with what is known of each."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from os import cpu_count
from typing import Literal, TypeVar

import numpy as np
from tqdm import tqdm

from training.data.annotations import Field
from training.data.fields import part_of

Role = Literal["infected", "healthy", "lookalike", "no red cell"]
Part = Literal["report", "developer"]
Item = TypeVar("Item")

PARTS: tuple[Part, ...] = ("report", "developer")
RED_CELLS: tuple[Role, ...] = ("infected", "healthy", "lookalike")
TEST_SHARE = 0.5  # of the fields: half of every set is for choosing, the other half reports
FRAMING = min(8, cpu_count() or 1)  # threads; the libraries that frame let go of the lock


@dataclass(frozen=True)
class Known:
    """What is known of a cell: what it is, the annotator's word for it, its field and its smear, and its part.

    `batch` is what is photographed alike, a field or a smear, whose colours are matched together; `drawn` says that
    the cell was drawn without a look at its label, so that the drawn ones are a batch as a person brings it.
    """

    role: Role
    kind: str
    field: str
    part: Part
    batch: str = ""
    smear: str = ""
    drawn: bool = False


@dataclass(frozen=True)
class Sample:
    """Cells uint8 (h, w, 3) of any size, what is known of each, how many were left out why, and what a unit is.

    Cells of a `unit`, "field" or "smear", are alike; without a unit each stands for itself.
    """

    name: str
    title: str
    unit: str
    cells: Sequence[np.ndarray]
    known: Sequence[Known]
    left_out: Counter[str] = field(default_factory=Counter)

    def where(self, part: Part, *roles: Role) -> np.ndarray:
        """The indices of a part's cells of these roles, in their order."""
        chosen = [i for i, known in enumerate(self.known) if known.part == part and known.role in roles]
        return np.array(chosen, dtype=int)


def part_of_field(name: str) -> Part:
    """The part of a field: the one that `cut` adapts to is the developers', the one that it tests on reports."""
    return "report" if part_of(name, TEST_SHARE) == "test" else "developer"


def choose(known: Sequence[Known], at_most: int, seed: int) -> list[tuple[int, Known]]:
    """What to read of all that there is: of each part, so many cells of each role, and their indices in order.

    First red cells are drawn without a look at their label, then what the roles still lack.
    """
    generator = np.random.default_rng(seed)
    chosen: dict[int, Known] = {}
    for part in PARTS:
        order = [int(i) for i in generator.permutation(len(known)) if known[i].part == part]
        plain = [i for i in order if known[i].role in ("infected", "healthy")][:at_most]
        chosen |= {i: replace(known[i], drawn=True) for i in plain}
        for role in (*RED_CELLS, "no red cell"):
            there = sum(known[i].role == role for i in plain)
            others = [i for i in order if known[i].role == role and i not in chosen]
            chosen |= {i: known[i] for i in others[: max(0, at_most - there)]}
    return sorted(chosen.items())


def choose_of_fields(
    places: Sequence[tuple[Field, int]], known: Sequence[Known], at_most: int, seed: int
) -> dict[str, dict[int, Known]]:
    """What `choose` takes of boxes (field, number), by the name of the field's file and the box's number."""
    wanted: dict[str, dict[int, Known]] = {}
    for place, facts in choose(known, at_most, seed):
        field, i = places[place]
        wanted.setdefault(field.path.name, {})[i] = facts
    return wanted


def framed(
    name: str,
    title: str,
    unit: str,
    frame: Callable[[Item], Iterable[tuple[Known, np.ndarray | str]]],
    items: Sequence[Item],
) -> Sample:
    """The sample that `frame` makes of fields or files: of each, its cells or the reason why one is left out."""
    cells: list[np.ndarray] = []
    known: list[Known] = []
    left_out: Counter[str] = Counter()
    with ThreadPoolExecutor(FRAMING) as pool:
        done = pool.map(lambda item: list(frame(item)), items)
        for found in tqdm(done, total=len(items), desc=f"framing {title}", unit="picture"):
            for facts, cell in found:
                if isinstance(cell, str):
                    left_out[f"{facts.role}: {cell}"] += 1
                else:
                    cells.append(cell)
                    known.append(facts)
    return Sample(name, title, unit, cells, known, left_out)
