"""Cells cut out of whole microscope fields by their boxes and laid out as the NIH set is, to adapt to and to test on.

Fields come as IML has them (Arshad et al. 2021, arXiv 2102.08708): `fields/*` and `annotations.json`, a list of
{image_name, objects: [{type, bbox: {x, y, w, h}}]} in pixels. A cell is found in its box by its distance from the
background's colour; what is not cell becomes black, and the crop is as tight as NIH's are.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.filters import threshold_otsu
from skimage.morphology import convex_hull_image, isotropic_dilation, isotropic_erosion
from tqdm import tqdm

from jdm_core.field.boxes import overlaps
from jdm_core.images.limits import MAX_ASPECT, MIN_SIDE
from jdm_core.images.segment import enclosed
from training.data.annotations import Box, Field, read_fields, read_pixels
from training.data.members import DataError

KINDS = {
    "ring": "Parasitized",
    "trophozoite": "Parasitized",
    "schizont": "Parasitized",
    "gametocyte": "Parasitized",
    "red blood cell": "Uninfected",
}
PARTS = ("adapt", "test")
MARGIN = 0.1  # of a box's sides, added on each: boxes are drawn by hand, and some cut their cell
NECK = 0.06  # of the shorter side: half the width of what joins a cell to something else
GAP = 0.25  # of the shorter side: a pale centre opens to the background through what is narrower
SOLID = 0.88  # of its convex hull: what covers less is a crescent round a pale centre
LEAST = 0.5  # of a box: a cell covers more, an ellipse about three quarters
SAME_CELL = 0.5  # boxes with at least this intersection over union mark one cell twice
BLACK = 40  # no stain is darker than this in all channels: a scale bar is, and so is dirt
SPECK = 20  # black pixels from which a cell is left out


def part_of(field_name: str, test_share: float) -> str:
    """The part, "adapt" or "test", that a hash of the field's name decides.

    The last digit does not count: a microscope numbers its pictures in the order in which they are taken, and the
    next one often shows some of the same cells, which must not stand on both sides.
    """
    group = re.sub(r"\d$", "", Path(field_name).stem)
    place = int(hashlib.sha256(group.encode()).hexdigest()[:8], 16) / 16**8
    return PARTS[place < test_share]


def stained(pixels: np.ndarray) -> np.ndarray:
    """What is not background in a field uint8 (H, W, 3): (H, W) bool.

    The background's colour is the median of the brighter side of Otsu's threshold on green, which haemoglobin and
    Giemsa both absorb. Pale cells beside deeply stained ones are nearer to it than Otsu's threshold on the distance
    (Otsu 1979), so half of that is asked.
    """
    smooth = ndimage.gaussian_filter(pixels.astype(np.float32), (1, 1, 0))
    green = smooth[:, :, 1]
    if green.min() == green.max():
        return np.zeros(green.shape, dtype=bool)
    background = np.median(smooth[green > threshold_otsu(green)], axis=0)
    distance = np.linalg.norm(smooth - background, axis=2)
    return distance > threshold_otsu(distance) / 2


def find_cell(foreground: np.ndarray, boxes: Sequence[Box], index: int) -> tuple[slice, slice, np.ndarray] | None:
    """Rows, columns and mask (rows, columns) bool of the cell in a box of a field's foreground (H, W); None without.

    Touching cells part where one box's ellipse is as near as the other's. What hangs on by a neck, or is thin, goes;
    a pale centre belongs to its cell, though its rim have a gap.
    """
    box = boxes[index]
    x, y = box.x - MARGIN * box.w, box.y - MARGIN * box.h
    top, left = max(0, int(y)), max(0, int(x))
    window = foreground[top : int(y + (1 + 2 * MARGIN) * box.h) + 1, left : int(x + (1 + 2 * MARGIN) * box.w) + 1]
    rows, columns = np.mgrid[top : top + window.shape[0], left : left + window.shape[1]] + 0.5
    own = _ellipse(box, rows, columns)
    mask = window & (own <= (1 + MARGIN) ** 2)
    for i in np.flatnonzero(overlaps(_grown([box]), _grown(boxes))[0] > 0).tolist():
        if i != index:
            mask &= own <= _ellipse(boxes[i], rows, columns)
    side = min(box.w, box.h)
    mask |= enclosed(mask, GAP * side)
    across, down = abs(columns - box.x - box.w / 2) / box.w, abs(rows - box.y - box.h / 2) / box.h
    mask = _whole(mask, own, np.maximum(across, down) <= (1 + MARGIN / 2) / 2, NECK * side)
    if not mask.any():
        return None
    tight = ndimage.find_objects(mask.astype(np.uint8))[0]
    height, width = mask[tight].shape
    if min(height, width) < MIN_SIDE or max(height, width) > MAX_ASPECT * min(height, width):
        return None
    return (
        slice(top + tight[0].start, top + tight[0].stop),
        slice(left + tight[1].start, left + tight[1].stop),
        mask[tight],
    )


def _whole(mask: np.ndarray, own: np.ndarray, inside: np.ndarray, neck: float) -> np.ndarray:
    """The cell of a mask (H, W) bool; nothing where all is thin, or no piece is solid.

    `own` are squared distances to its box's centre, `inside` is the box. A crescent becomes its hull where the box
    holds that; what else is not solid is parted at wider necks.
    """
    whole, cell = (_without_necks(mask, own, width) for width in (0, neck))
    if not mask.any() or (2 * cell.sum() >= whole.sum() and _solid(cell)):
        return cell
    # A rim may be as thin as a neck, and a neighbour may hang on: the hull of all, else of what has no necks.
    for crescent in (whole, cell):
        if crescent.any() and inside[hull := convex_hull_image(crescent)].all():
            return hull
    parted = (cell, *(_without_necks(mask, own, times * neck) for times in (2, 3)))
    return next((piece for piece in parted if piece.any() and _solid(piece)), np.zeros_like(cell))


def _without_necks(mask: np.ndarray, own: np.ndarray, neck: float) -> np.ndarray:
    """The main piece of a mask (H, W) bool, less what hangs on by less than twice a neck, with its holes filled."""
    near = (1 - own).clip(1e-6)
    core = _main_piece(isotropic_erosion(np.pad(mask, 1), neck)[1:-1, 1:-1], near)
    return np.asarray(ndimage.binary_fill_holes(_main_piece(mask & isotropic_dilation(core, neck), near)))


def _solid(mask: np.ndarray) -> bool:
    return bool(mask.sum() >= SOLID * convex_hull_image(mask).sum())


def cut_cells(pixels: np.ndarray, boxes: Sequence[Box]) -> Iterator[tuple[int, np.ndarray | str]]:
    """Each box's index and its cell, uint8 (h, w, 3) on black, or the reason why it is left out."""
    foreground = stained(pixels)
    twice = marked_twice(boxes)
    single = [box for i, box in enumerate(boxes) if i not in twice]
    for i, box in enumerate(boxes):
        if box.kind not in KINDS:
            yield i, f"of kind {box.kind!r}"
        elif i in twice:
            yield i, "marked twice"
        else:
            yield i, cut_cell(pixels, foreground, single, single.index(box))


def cut_cell(
    pixels: np.ndarray,
    foreground: np.ndarray,
    boxes: Sequence[Box],
    index: int,
    dark: bool = False,
    least: float = LEAST,
) -> np.ndarray | str:
    """The cell in a box, uint8 (h, w, 3) on black, or why it is left out.

    `dark` stains are black, and no mark is; `least` is the share of its box that a whole cell covers.
    """
    found = find_cell(foreground, boxes, index)
    if found is None:
        return "no whole cell found"
    rows, columns, mask = found
    if mask.sum() < least * boxes[index].w * boxes[index].h:
        return "too little of it found"
    black = (pixels[rows, columns].max(axis=2) < BLACK) & mask
    if not dark and black.sum() >= SPECK:
        return "black marks"
    return pixels[rows, columns] * mask[:, :, None]


def cut(folder: Path, out: Path, test_share: float) -> tuple[Counter[tuple[str, str]], Counter[str]]:
    """Writes `PART/LABEL/FIELDthin_NUMBER_KIND.png` under `out` for every box of a folder of fields.

    Returns how many cells each (part, label) got, and how many were left out for each reason. What stands before
    "thin" is the field, which takes the place of NIH's slide. Raises DataError for a field that cannot be read,
    an `out` that holds something, and fields without a cell; `out` is then as it was.
    """
    if out.is_dir() and any(out.iterdir()):
        raise DataError(f"{out}: not empty; cells of another cut would mix with these")
    fields = read_fields(folder)
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as partial:
        cells = Path(partial) / out.name
        written, left_out = _write_cells(fields, cells, test_share)
        if not written:
            raise DataError(f"{folder}: no cell found in any box")
        if out.exists():
            out.rmdir()
        cells.rename(out)
    return written, left_out


def _write_cells(
    fields: Sequence[Field], out: Path, test_share: float
) -> tuple[Counter[tuple[str, str]], Counter[str]]:
    written: Counter[tuple[str, str]] = Counter()
    left_out: Counter[str] = Counter()
    for field in tqdm(fields, desc="cutting", unit="field"):
        part = part_of(field.path.name, test_share)
        for i, cell in cut_cells(read_pixels(field.path), field.boxes):
            if isinstance(cell, str):
                left_out[cell] += 1
                continue
            kind = field.boxes[i].kind
            target = out / part / KINDS[kind]
            target.mkdir(parents=True, exist_ok=True)
            Image.fromarray(cell).save(target / f"{field.path.stem}thin_{i:03d}_{kind.replace(' ', '-')}.png")
            written[part, KINDS[kind]] += 1
    return written, left_out


def _main_piece(mask: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The connected piece of a mask (H, W) bool with the greatest weight; nothing of an empty one."""
    pieces = np.empty(mask.shape, dtype=np.int32)
    count = ndimage.label(mask, output=pieces)  # the pieces go there, and their number alone comes back
    return pieces == 1 + np.bincount(pieces.ravel(), weights.ravel())[1:].argmax() if count else mask


def _ellipse(box: Box, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Squared distance from a box's centre, 1 on the ellipse that the box encloses."""
    across = (columns - box.x - box.w / 2) / max(box.w / 2, 1)
    down = (rows - box.y - box.h / 2) / max(box.h / 2, 1)
    return across**2 + down**2


def _grown(boxes: Sequence[Box]) -> np.ndarray:
    """Boxes (n, 4) of x, y, w, h, each with its margin's half, so that cells that touch overlap."""
    sides = np.array([(box.x, box.y, box.w, box.h) for box in boxes], float).reshape(-1, 4)
    grow = MARGIN / 2 * sides[:, 2:]
    return np.concatenate([sides[:, :2] - grow, sides[:, 2:] + 2 * grow], axis=1)


def marked_twice(boxes: Sequence[Box]) -> set[int]:
    """The boxes to drop where two mark one cell: the healthy one, else the later one."""
    drop = set()
    same = overlaps(_grown(boxes), _grown(boxes)) >= SAME_CELL
    for i, box in enumerate(boxes):
        for j in np.flatnonzero(same[i, :i]).tolist():
            if j not in drop and i not in drop:
                infected = [KINDS.get(b.kind) != "Uninfected" for b in (boxes[j], box)]
                drop.add(j if infected[1] and not infected[0] else i)
    return drop
