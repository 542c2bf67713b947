"""Finds the cells of a field."""

import numpy as np
from PIL import Image

from jdm_core.field.found import CUT_OFF, READ, Found
from jdm_core.images.segment import segment

WORK_SIDE_PIXELS = 640


def find(pixels: np.ndarray) -> Found:
    """What a field uint8 (H, W, 3) shows."""
    from skimage.measure import find_contours, regionprops

    height, width = pixels.shape[:2]
    scale = min(1, WORK_SIDE_PIXELS / max(height, width))
    small = Image.fromarray(pixels).resize((round(width * scale), round(height * scale)), Image.Resampling.BOX)
    regions = segment(np.asarray(small).astype(np.float32))
    boxes, outlines, status, cells = [], [], [], []
    for piece in regionprops(regions):
        top, left, bottom, right = piece.bbox
        outline = max(find_contours(np.pad(piece.image, 1).astype(float), 0.5), key=len)[:, ::-1]
        outlines.append(((outline - 0.5 + (left, top)) / scale).astype(np.float32))
        x, y, x1, y1 = (round(v / scale) for v in (left, top, right, bottom))
        mask = np.asarray(Image.fromarray(piece.image_filled).resize((x1 - x, y1 - y)))
        boxes.append((x, y, x1 - x, y1 - y))
        crop = pixels[y:y1, x:x1]
        cells.append(np.pad(crop * mask[: crop.shape[0], : crop.shape[1], None], ((1, 1), (1, 1), (0, 0))))
        edge = top == 0 or left == 0 or bottom == regions.shape[0] or right == regions.shape[1]
        status.append(CUT_OFF if edge else READ)
    array = np.array(boxes, np.float32).reshape(-1, 4)
    diameter = float(np.median(np.sqrt(array[:, 2] * array[:, 3]))) if boxes else float("nan")
    return Found((height, width), array, outlines, np.array(status, dtype="<U16"), cells, diameter)
