"""Cells in the colours of the training cells: what the networks see of them, and the way back to their own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from jdm_core.draw.maps import CHANGED
from jdm_core.explain.results import Counterfactual, Frame
from jdm_core.explain.verdicts import Batch, Verdicts
from jdm_core.images.colours import ColourMap, Colours, map_between, measure_colours
from jdm_core.images.pixels import cell_mask, to_uint8

AS_GIVEN, MATCHED = "as given", "matched"
ColourChoice = str | Colours  # AS_GIVEN, MATCHED, or what was measured of a larger batch and is matched from


@dataclass(frozen=True)
class Sight:
    """A batch as it was given, and as the networks see it: the same one unless its colours are matched."""

    own: Batch
    seen: Batch
    colours: ColourMap | None = None

    def brought_back(self, frame: Frame) -> Frame:
        """A frame of an edit of what was seen, in the colours of what was given; what is untouched is as it was."""
        if self.colours is None:
            return frame
        own, seen = to_uint8(self.own.x[:1])[0].cpu().numpy(), to_uint8(self.seen.x[:1])[0].cpu().numpy()
        image = self.colours.undo(own, seen, frame.image)
        return replace(frame, image=image, result=frame.result and self._result(frame.result, self.colours))

    def _result(self, edit: Counterfactual, colours: ColourMap) -> Counterfactual:
        original = to_uint8(self.own.x).cpu().numpy()
        images = np.stack([colours.undo(*cell) for cell in zip(original, edit.original, edit.images, strict=True)])
        difference = (images.astype(np.float32) - original) / 255
        mask = cell_mask(self.own.x).cpu().numpy()
        changed = (np.abs(difference).max(axis=3) > CHANGED) & mask
        cells = zip(self.own.cells, self.seen.cells, edit.full_resolution, strict=True)
        each = zip(original, edit.original, edit.variants, strict=True)
        return replace(
            edit,
            original=original,
            images=images,
            variants=np.stack([[colours.undo(own, seen, one) for one in some] for own, seen, some in each]),
            difference=difference,
            full_resolution=[colours.undo(*cell) for cell in cells],
            changed_fraction=changed.sum((1, 2)) / mask.sum((1, 2)).clip(min=1),
        )


def colours_of(verdicts: Verdicts, cells: Sequence[np.ndarray]) -> Colours | None:
    """The colours of cells uint8 (H, W, 3), measured at the model's size, as those of the training cells were."""
    return measure_colours(list(to_uint8(verdicts.tensor(cells)).cpu().numpy()))


def chosen_map(
    choice: ColourChoice, verdicts: Verdicts, cells: Sequence[np.ndarray], ours: Colours | None
) -> ColourMap | None:
    """The map to the training cells' colours that is asked for; None where cells stay as they are. Raises ValueError.

    MATCHED takes the cells themselves for the batch; cells that are nothing but background stay as they are too.
    """
    if choice == AS_GIVEN:
        return None
    if not isinstance(choice, Colours) and choice != MATCHED:
        raise ValueError(f'colours: {choice!r}, where "{AS_GIVEN}" or "{MATCHED}" is expected')
    if ours is None:
        raise ValueError("colours: the checkpoint does not know those of its training cells, so none can be matched")
    theirs = choice if isinstance(choice, Colours) else colours_of(verdicts, cells)
    return theirs and map_between(theirs, ours)


def look_at(verdicts: Verdicts, cells: Sequence[np.ndarray], seed: int, colours: ColourMap | None) -> Sight:
    """Cells uint8 (H, W, 3) as they are given and seen. The noise is that of a cell as given, whatever its colours."""
    own = verdicts.batch(cells, seed)
    if colours is None:
        return Sight(own, own)
    matched = [colours.apply(cell) for cell in cells]
    return Sight(own, Batch(matched, verdicts.tensor(matched), own.seeds), colours)
