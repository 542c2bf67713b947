"""Pixels of what a person gives: a file's bytes or its path, checked, decoded and put upright as RGB. Without torch."""

import os
import stat
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION, PLANAR_CONFIGURATION, TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from jdm_core.images import limits
from jdm_core.images.announced import SEVERAL, announced, damaged, wrong_size
from jdm_core.images.parts import orientation
from jdm_core.images.refused import CellImageError

# CellImageError says what there is to say of a damaged file, so Pillow's own remarks stay off stderr.
# Set once, since catch_warnings is not safe where several threads read.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.\w+ImagePlugin")

IMAGE_EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif"})

# By the content, never the extension. Not Image.open, which warns of large images on stderr and takes a camera's JPEG
# with an embedded preview for several pages.
_READERS: dict[str, type[ImageFile]] = {
    str(reader.format): reader
    for reader in (PngImageFile, JpegImageFile, TiffImageFile, WebPImageFile, BmpImageFile, GifImageFile)
}
_STRIP_PIXELS = 2**20  # that are converted at once, so that a large picture is not held in several forms


def read_cell(
    source: str | Path | bytes | Image.Image | np.ndarray,
    name: str | None = None,
    bounds: limits.Bounds = limits.OF_CELL,
) -> np.ndarray:
    """The upright RGB pixels of a path, a file's bytes, a PIL image or an (H, W, 3) uint8 array: a new such array.

    Files are PNG, JPEG, TIFF, WebP, BMP or GIF by content, of one frame and at most 64 MiB; images have 8 x 8
    to 40 million pixels and no side over twice the other. EXIF orientation is applied, metadata is dropped,
    transparency laid on black. Grayscale deeper than 8 bits is scaled from the smallest of 8, 10, 12, 14 and
    16 bits that holds its brightest pixel. `name` stands for the source in errors; a whole field has other `bounds`.
    Raises CellImageError, and nothing else, for a source that is not such an image.
    """
    if name is None:
        name = str(source) if isinstance(source, str | Path) else "image"
    try:
        return _read(source, name, bounds)
    except CellImageError as error:
        refusal = CellImageError(error.name, error.reason)
    # Raised here, outside of the handler: an error that somebody keeps holds no frame of the decoding, nor its pixels.
    del source
    raise refusal


def read_bytes(path: str | Path, name: str, bounds: limits.Bounds = limits.OF_CELL) -> bytes:
    """The bytes of an image's file. Raises CellImageError, for `name`."""
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode):  # never open anything else: a pipe might not end
            with open(path, "rb") as file:
                return checked_bytes(file.read(bounds.file_bytes + 1), name, bounds)
        reason = "a folder, not an image" if stat.S_ISDIR(mode) else "not a regular file"
    except CellImageError:
        raise
    except FileNotFoundError:
        reason = "there is no such file"
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = f"cannot be read ({getattr(error, 'strerror', None) or error})"
    raise CellImageError(name, reason)


def checked_bytes(data: bytes, name: str, bounds: limits.Bounds = limits.OF_CELL) -> bytes:
    """The bytes, neither none nor too many. Raises CellImageError, for `name`."""
    if not data:
        raise CellImageError(name, "an empty file")
    if len(data) > bounds.file_bytes:
        raise CellImageError(name, f"a file of more than {bounds.file_bytes // 2**20} MiB")
    return data


def image_files(paths: Iterable[Path | str]) -> list[Path]:
    """Files as they are, in their order; each folder gives, sorted, the unhidden image files below it."""
    found: list[Path] = []
    for path in map(Path, paths):
        if os.path.isdir(path):  # unlike Path.is_dir, answers False for a name that the system refuses
            below = (p for p in path.rglob("*") if p.suffix.lower() in IMAGE_EXTENSIONS and p.is_file())
            found += sorted(p for p in below if not _hidden(p, path))
        else:
            found.append(path)
    return found


def other_files(folder: Path | str) -> list[Path]:
    """What `image_files` passes over below a folder, sorted: the unhidden files that bear no image's ending."""
    below = (p for p in Path(folder).rglob("*") if p.suffix.lower() not in IMAGE_EXTENSIONS and p.is_file())
    return sorted(p for p in below if not _hidden(p, Path(folder)))


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _read(source: str | Path | bytes | Image.Image | np.ndarray, name: str, bounds: limits.Bounds) -> np.ndarray:
    if isinstance(source, np.ndarray):
        return _check_array(source, name, bounds)
    if isinstance(source, Image.Image):
        return _rgb(source, name, "PIL", None, bounds)
    if not isinstance(source, str | Path | bytes):
        raise CellImageError(name, f"a path, a PIL image or an array is expected, not {type(source).__name__}")
    whole = isinstance(source, bytes)
    data = checked_bytes(source, name, bounds) if whole else read_bytes(source, name, bounds)
    said = announced(data, name, bounds)
    with _decoding(said.kind, name):
        image = _READERS[said.kind](BytesIO(said.data))
    return _rgb(image, name, said.kind, said.turn, bounds)


@contextmanager
def _decoding(kind: str, name: str) -> Iterator[None]:
    """Turns whatever a decoder stumbles over, from SyntaxError to zlib.error, into CellImageError.

    Around calls of the decoder alone: a fault of our own is to be told as one.
    """
    try:
        yield
        return
    except MemoryError:
        reason = f"a {kind} image that takes too much memory to decode"
    except Exception:
        reason = damaged(kind)
    raise CellImageError(name, reason)


def _check_size(width: int, height: int, name: str, bounds: limits.Bounds) -> None:
    if reason := wrong_size(width, height, bounds):
        raise CellImageError(name, reason)


def _check_array(array: np.ndarray, name: str, bounds: limits.Bounds) -> np.ndarray:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise CellImageError(name, f"an array {array.shape} of {array.dtype}, not (H, W, 3) of uint8")
    _check_size(array.shape[1], array.shape[0], name, bounds)
    return np.array(array, order="C", subok=False)


def _rgb(image: Image.Image, name: str, kind: str, turn: int | None, bounds: limits.Bounds) -> np.ndarray:
    """RGB uint8 (H, W, 3) of an opened image; its size is checked before any pixel is decoded.

    `turn` is its orientation, or None where the image itself says.
    """
    with _decoding(kind, name):
        several = getattr(image, "is_animated", False)
        tags = image.tag_v2 if isinstance(image, TiffImageFile) else {}
        separate = max(tags.get(BITSPERSAMPLE, (8,))) > 8 and tags.get(PLANAR_CONFIGURATION) == 2
        white_is_zero = tags.get(PHOTOMETRIC_INTERPRETATION) == 0
    if several:
        raise CellImageError(name, SEVERAL)
    _check_size(*image.size, name, bounds)
    if separate:  # Pillow would read these as 8 bits without a word.
        raise CellImageError(name, "16-bit colour in separate planes: save it with interleaved channels")
    high_bytes_only = image.mode.startswith("RGB") and ";16" in str(getattr(image, "tile", ""))
    with _decoding(kind, name):
        image.load()
        turn = _turn(image) if turn is None or (kind == "PNG" and turn == 1) else turn
    if image.mode == "F":
        raise CellImageError(name, "floating-point pixels have no fixed white: save it with 8 or 16 bits")
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    if image.mode.startswith("I"):
        _fill_from_deep(pixels, image, white_is_zero, name)  # white is zero: Pillow heeds that only up to 8 bits
    else:
        _fill(pixels, image, name, kind)
    if high_bytes_only and pixels.max() < 16:
        # Pillow keeps the high byte of 16-bit colour, in which a 12-bit camera leaves next to nothing.
        raise CellImageError(name, "16-bit colour that uses 12 bits or fewer: scale it to 8 bits first")
    del image  # before a turned copy is made
    return _upright(pixels, turn)


def _turn(image: Image.Image) -> int:
    """The orientation of an opened image, by what its decoder found."""
    if isinstance(image, PngImageFile):
        lines = str(image.info.get("Raw profile type exif", "")).split("\n")[3:]
        return orientation(bytes.fromhex("".join(lines)), str(image.info.get("XML:com.adobe.xmp", "")).encode())
    return image.getexif().get(ExifTags.Base.Orientation, 1)


def _upright(pixels: np.ndarray, turn: int) -> np.ndarray:
    """The pixels of a picture of an EXIF orientation, 1 to 8, as they are to be seen."""
    if turn in (5, 6, 7, 8):  # stored with rows for columns
        pixels = pixels.transpose(1, 0, 2)
    rows = -1 if turn in (3, 4, 7, 8) else 1
    columns = -1 if turn in (2, 3, 6, 7) else 1
    return np.ascontiguousarray(pixels[::rows, ::columns])


def _strips(image: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    """The rows of a loaded image, some at a time, and where they lie."""
    step = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, step):
        bottom = min(top + step, image.height)
        yield slice(top, bottom), image.crop((0, top, image.width, bottom))


def _fill(pixels: np.ndarray, image: Image.Image, name: str, kind: str) -> None:
    """Fills `pixels` (H, W, 3) from a loaded image of 8 bits, transparency laid on black."""
    for rows, strip in _strips(image):
        with _decoding(kind, name):
            if strip.has_transparency_data:
                black = Image.new("RGBA", strip.size, (0, 0, 0, 255))
                strip = Image.alpha_composite(black, strip.convert("RGBA"))
            strip = strip.convert("RGB")
        pixels[rows] = strip


def _fill_from_deep(pixels: np.ndarray, image: Image.Image, white_is_zero: bool, name: str) -> None:
    """Fills `pixels` (H, W, 3) from a loaded gray image of up to 16 bits, scaled to 8."""
    extrema = [(int(values.min()), int(values.max())) for values in (np.asarray(strip) for _, strip in _strips(image))]
    low, high = min(low for low, _ in extrema), max(high for _, high in extrema)
    if low < 0 or high >= 2**16:
        raise CellImageError(name, f"gray values from {low} to {high}: beyond 16 bits")
    bits = next(bits for bits in (8, 10, 12, 14, 16) if high < 2**bits)
    scaled = (np.arange(2**bits) * (255 / (2**bits - 1))).round().astype(np.uint8)
    if white_is_zero:
        scaled = 255 - scaled
    for rows, strip in _strips(image):
        pixels[rows] = scaled[np.asarray(strip)][:, :, None]
