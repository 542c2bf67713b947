"""Cells in the colours of the training cells: what the networks see of them, and the way back to their own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from jdm_core.draw.maps import CHANGED
from jdm_core.explain.results import Counterfactual, Frame
from jdm_core.explain.verdicts import Batch, Verdicts
from jdm_core.images.colours import ColourMap, Colours, far_darker, map_between, measure_colours
from jdm_core.images.pixels import cell_mask, to_uint8

AS_NEEDED, AS_GIVEN, MATCHED = "as needed", "as given", "matched"
ColourChoice = str | Colours  # one of these, or what was measured of a larger batch and is matched from


@dataclass(frozen=True)
class Sight:
    """A batch as it was given, and as the networks see it: the same but for cells whose colours are matched.

    `maps` are those of the matched cells, None of the others.
    """

    own: Batch
    seen: Batch
    maps: Sequence[ColourMap | None]

    @property
    def matched(self) -> dict[int, ColourMap]:
        """The maps of the cells that are seen in other colours than their own, by index."""
        return {i: one for i, one in enumerate(self.maps) if one is not None}

    def brought_back(self, frame: Frame) -> Frame:
        """A frame of an edit of what was seen, in the colours of what was given; what is untouched is as it was."""
        image, matched = frame.image, self.matched
        if not matched:
            return frame
        if 0 in matched:  # whose picture it is
            own, seen = to_uint8(self.own.x[:1])[0].cpu().numpy(), to_uint8(self.seen.x[:1])[0].cpu().numpy()
            image = matched[0].undo(own, seen, image)
        return replace(frame, image=image, result=frame.result and self._result(frame.result, matched))

    def _result(self, edit: Counterfactual, matched: dict[int, ColourMap]) -> Counterfactual:
        original, mask = to_uint8(self.own.x).cpu().numpy(), cell_mask(self.own.x).cpu().numpy()
        images, variants, difference = edit.images.copy(), edit.variants.copy(), edit.difference.copy()
        full, share = list(edit.full_resolution), edit.changed_fraction.copy()
        for i, back in matched.items():
            images[i] = back.undo(original[i], edit.original[i], edit.images[i])
            variants[i] = [back.undo(original[i], edit.original[i], one) for one in edit.variants[i]]
            full[i] = back.undo(self.own.cells[i], self.seen.cells[i], full[i])
            difference[i] = (images[i].astype(np.float32) - original[i]) / 255
            changed = (np.abs(difference[i]).max(axis=2) > CHANGED) & mask[i]
            share[i] = changed.sum() / max(1, mask[i].sum())
        return replace(
            edit,
            original=original,
            images=images,
            variants=variants,
            difference=difference,
            full_resolution=full,
            changed_fraction=share,
        )


def colours_of(verdicts: Verdicts, cells: Sequence[np.ndarray]) -> Colours | None:
    """The colours of cells uint8 (H, W, 3), measured at the model's size, as those of the training cells were."""
    return measure_colours(list(verdicts.pixels(cells).numpy()))


def sources(
    choice: ColourChoice, verdicts: Verdicts, cells: Sequence[np.ndarray], ours: Colours | None
) -> list[Colours | None]:
    """The colours that each cell is matched from by a choice; None of those that stay as they are. Raises ValueError.

    AS_NEEDED matches each cell by itself, and only where its stain is far darker than that of the training cells:
    there it is read as well as by a batch, and needs none. MATCHED takes the cells themselves for the batch. Cells that
    are nothing but background stay as they are.
    """
    if isinstance(choice, str) and choice not in (AS_NEEDED, AS_GIVEN, MATCHED):
        raise ValueError(f'colours: {choice!r}, where "{AS_NEEDED}", "{AS_GIVEN}" or "{MATCHED}" is expected')
    if choice == AS_GIVEN or (choice == AS_NEEDED and ours is None):
        return [None] * len(cells)
    if ours is None:
        raise ValueError("colours: the checkpoint does not know those of its training cells, so none can be matched")
    if choice == AS_NEEDED:
        each = [measure_colours([one]) for one in verdicts.pixels(cells).numpy()]
        return [theirs if theirs is not None and far_darker(theirs, ours) else None for theirs in each]
    return [choice if isinstance(choice, Colours) else colours_of(verdicts, cells)] * len(cells)


def look_at(
    verdicts: Verdicts,
    cells: Sequence[np.ndarray],
    seed: int,
    matched_from: Sequence[Colours | None],
    ours: Colours | None,
) -> Sight:
    """Cells uint8 (H, W, 3) as they are given and seen. The noise is that of a cell as given, whatever its colours."""
    own = verdicts.batch(cells, seed)
    maps = [None if theirs is None or ours is None else map_between(theirs, ours) for theirs in matched_from]
    if not any(maps):
        return Sight(own, own, maps)
    seen = [cell if one is None else one.apply(cell) for cell, one in zip(cells, maps, strict=True)]
    return Sight(own, Batch(seen, verdicts.tensor(seen), own.seeds), maps)
