"""The fields of one smear as the page keeps them between callbacks: what was read of each, and no picture of it."""

from dataclasses import dataclass, field

from jdm_core.explain.matching import AS_GIVEN, ColourChoice
from jdm_core.field.results import Field

CARDS = 48  # explanations of cells that are kept, so that going back to one takes no time
Box = tuple[float, float, float, float] | list[float]


@dataclass
class Entry:
    """One field: its name, the upload's and the shown picture's path in the cache, and what was read of it so far.

    digest is that of the upload's pixels; error says why there is no reading; colours are those in which the model saw
    the cells; added are the places of cells that a person added; seconds the reading took.
    """

    name: str
    path: str
    digest: str = ""
    picture: str = ""
    read: Field | None = None
    colours: ColourChoice = AS_GIVEN
    error: str = ""
    seconds: float = 0.0
    added: set[str] = field(default_factory=set)

    @property
    def done(self) -> bool:
        """Whether nothing more comes."""
        return bool(self.error) or (self.read is not None and self.read.done >= 1)

    @property
    def places(self) -> list[str]:
        """The place of each thing found, by which the browser names it."""
        return [place_of(box) for box in self.read.boxes.tolist()] if self.read else []

    def index_of(self, place: str) -> int | None:
        """The thing found at a place, if there is one."""
        places = self.places
        return places.index(place) if place in places else None


@dataclass
class Smear:
    """The fields of a smear in the order of their uploads, and which of them is shown.

    It is changed in place: a reading that goes on and a person who works in another field share it. `left_out` is how
    many files there was no room for; cards are explanations as HTML, by the digest of a field and the place of a cell.
    """

    entries: list[Entry] = field(default_factory=list)
    shown: int = 0
    left_out: int = 0
    cards: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def here(self) -> Entry | None:
        """The field that is shown."""
        return self.entries[self.shown] if self.shown < len(self.entries) else None

    def named(self, digest: str) -> Entry | None:
        """The field of a digest that was read."""
        return next((entry for entry in self.entries if entry.digest == digest and entry.read is not None), None)

    def keep(self, digest: str, place: str, card: str) -> None:
        """Keeps the explanation of a cell; the oldest goes where there are too many."""
        self.cards[digest, place] = card
        while len(self.cards) > CARDS:
            del self.cards[next(iter(self.cards))]


def place_of(box: Box) -> str:
    """A box x, y, w, h as the name of a cell in its field: the same whenever the same picture is read again."""
    return ",".join(str(round(value)) for value in box)
