"""Cell images in and out: read and check what a person gives, turn it into the model's tensors and back."""

import hashlib
import os
import re
import stat
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import ExifTags, Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION, PLANAR_CONFIGURATION, TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile
from torch import Tensor

# CellImageError says what there is to say of a damaged file, so Pillow's own remarks stay off stderr.
# Set once, since catch_warnings is not safe where several threads read.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.\w+ImagePlugin")

MAX_FILE_BYTES = 64 * 2**20
MAX_PIXELS = 40_000_000
MIN_SIDE = 8
MAX_ASPECT = 2.0
IMAGE_EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif"})

# The content decides, never the extension. Not Image.open, which warns of large images on stderr and takes a
# camera's JPEG with an embedded preview for several pages.
_READERS: dict[re.Pattern[bytes], type[ImageFile]] = {
    re.compile(rb"\x89PNG\r\n\x1a\n"): PngImageFile,
    re.compile(rb"\xff\xd8\xff"): JpegImageFile,
    re.compile(rb"II[*+]\0|MM\0[*+]"): TiffImageFile,
    re.compile(rb"RIFF....WEBP", re.DOTALL): WebPImageFile,
    re.compile(rb"BM"): BmpImageFile,
    re.compile(rb"GIF8[79]a"): GifImageFile,
}
_UPRIGHT = {  # EXIF orientation -> what puts the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Lossy compression and squashing leave real backgrounds below this; the darkest stain is far above it.
_BACKGROUND = 32 / 127.5 - 1
_LUMINANCE = (0.299, 0.587, 0.114)


class CellImageError(ValueError):
    """An image that cannot be explained; its text is one line "NAME: reason", and both are attributes."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)  # both, so that the error survives pickling between processes
        self.name = on_one_line(name)
        self.reason = on_one_line(reason)

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


def read_cell(source: str | Path | bytes | Image.Image | np.ndarray, name: str | None = None) -> np.ndarray:
    """The upright RGB pixels of a path, a file's bytes, a PIL image or an (H, W, 3) uint8 array: a new such array.

    Files are PNG, JPEG, TIFF, WebP, BMP or GIF by content, of one frame and at most 64 MiB; images have 8 x 8
    to 40 million pixels and no side over twice the other. EXIF orientation is applied, metadata is dropped,
    transparency laid on black. Grayscale deeper than 8 bits is scaled from the smallest of 8, 10, 12, 14 and
    16 bits that holds its brightest pixel. `name` stands for the source in errors.
    Raises CellImageError, and nothing else, for a source that is not such an image.
    """
    if name is None:
        name = str(source) if isinstance(source, str | Path) else "image"
    if isinstance(source, np.ndarray):
        return _check_array(source, name)
    if isinstance(source, Image.Image):
        with _decoding("PIL", name):
            return _rgb(source, name)
    if isinstance(source, str | Path | bytes):
        data = _checked(source, name) if isinstance(source, bytes) else _read_bytes(source, name)
        reader = next((reader for magic, reader in _READERS.items() if magic.match(data)), None)
        if reader is None:
            raise CellImageError(name, "not a PNG, JPEG, TIFF, WebP, BMP or GIF image")
        with _decoding(reader.format, name):
            return _rgb(reader(BytesIO(data)), name)
    raise CellImageError(name, f"a path, a PIL image or an array is expected, not {type(source).__name__}")


def to_tensor(cells: Sequence[np.ndarray], size: int, channels: int = 3) -> Tensor:
    """Cells uint8 (H, W, 3), squashed to squares as in training: float32 (B, channels, size, size) in [-1, 1].

    In one channel, gray by ITU-R BT.601, which leaves gray pixels what they are.
    """
    squares = [_resize(torch.tensor(cell, dtype=torch.float32), (size, size)) for cell in cells]
    if channels == 1:
        squares = [(square * square.new_tensor(_LUMINANCE)).sum(2, keepdim=True) for square in squares]
    return (torch.stack(squares).permute(0, 3, 1, 2) / 127.5 - 1).clamp(-1, 1).contiguous()


def to_uint8(x: Tensor) -> Tensor:
    """Images (B, C, H, W) in [-1, 1], clamped and rounded to uint8 (B, H, W, C) on the device of `x`."""
    return ((x.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def from_uint8(pixels: Tensor) -> Tensor:
    """Pixels uint8 (B, H, W, C) as float32 (B, C, H, W) in [-1, 1], on their device: the inverse of `to_uint8`."""
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1


def cell_mask(x: Tensor) -> Tensor:
    """What is cell and not black background in `x` (B, C, S, S) in [-1, 1]: (B, S, S) bool on its device.

    Dark pixels that no path of background joins to the border count as cell, as do gaps of up to two pixels. A gray
    picture is no cell, and counts as a whole.
    """
    if x.shape[1] == 1:
        return torch.ones_like(x[:, 0], dtype=torch.bool)
    bright = (x.amax(dim=1, keepdim=True) > _BACKGROUND).float()
    background = 1 + _spread(-_spread(bright))  # 1 - the closing of `bright`
    reached = background.clone()
    reached[..., 1:-1, 1:-1] = 0
    while not torch.equal(further := _spread(reached) * background, reached):
        reached = further
    return reached[:, 0] == 0


def at_own_resolution(original: np.ndarray, difference: np.ndarray) -> np.ndarray:
    """The edit shown in the upload: `original` uint8 (H, W, 3) plus an upsampled difference, uint8 (H, W, 3).

    `difference` is (S, S, 3) in [-2, 2], in units of the [-1, 1] pixel range. Upsampling is bilinear, which
    cannot overshoot: what lies more than one model pixel from any change stays identical.
    """
    change = _resize(torch.tensor(difference, dtype=torch.float32), original.shape[:2])
    edited = torch.tensor(original, dtype=torch.float32) + 127.5 * change
    return edited.round().clamp(0, 255).to(torch.uint8).numpy()


def content_sha256(cell: np.ndarray) -> str:
    """Digest of the shape and pixels of `cell` uint8 (H, W, 3), without any metadata of its file."""
    return hashlib.sha256(repr(cell.shape).encode() + cell.tobytes()).hexdigest()


def content_seed(cell: np.ndarray) -> int:
    """A seed in [0, 2^63) that depends on the shape and pixels of `cell` uint8 (H, W, 3) and nothing else."""
    return int(content_sha256(cell)[:16], 16) >> 1


def image_files(paths: Iterable[Path | str]) -> list[Path]:
    """Files as they are, in their order; each folder gives, sorted, the unhidden image files below it."""
    found: list[Path] = []
    for path in map(Path, paths):
        if os.path.isdir(path):  # unlike Path.is_dir, answers False for a name that the system refuses
            below = (p for p in path.rglob("*") if p.suffix.lower() in IMAGE_EXTENSIONS and p.is_file())
            found += sorted(p for p in below if not any(s.startswith(".") for s in p.relative_to(path).parts))
        else:
            found.append(path)
    return found


def on_one_line(text: str) -> str:
    """`text` on one line, with what does not print (newlines, controls, undecodable bytes) as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _resize(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """Pixels (H, W, 3) float, resized to (*size, 3)."""
    resized = F.interpolate(pixels.permute(2, 0, 1)[None], size=size, mode="bilinear", antialias=True)
    return resized[0].permute(1, 2, 0)


def _spread(mask: Tensor) -> Tensor:
    return F.max_pool2d(mask, kernel_size=3, stride=1, padding=1)


@contextmanager
def _decoding(kind: str | None, name: str) -> Iterator[None]:
    """Turns whatever a decoder stumbles over, from SyntaxError to zlib.error, into CellImageError."""
    try:
        yield
    except CellImageError:
        raise
    except Exception as error:
        raise CellImageError(name, f"a damaged, incomplete or unsupported {kind} image") from error


def _read_bytes(path: str | Path, name: str) -> bytes:
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode):  # never open anything else: a pipe might not end
            with open(path, "rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise CellImageError(name, f"cannot be read ({getattr(error, 'strerror', None) or error})") from error
    if not stat.S_ISREG(mode):
        raise CellImageError(name, "a folder, not an image" if stat.S_ISDIR(mode) else "not a regular file")
    return _checked(data, name)


def _checked(data: bytes, name: str) -> bytes:
    if not data:
        raise CellImageError(name, "an empty file")
    if len(data) > MAX_FILE_BYTES:
        raise CellImageError(name, f"a file of more than {MAX_FILE_BYTES // 2**20} MiB")
    return data


def _check_size(width: int, height: int, name: str) -> None:
    if min(width, height) < MIN_SIDE:
        raise CellImageError(name, f"{width} x {height} pixels, smaller than {MIN_SIDE} x {MIN_SIDE}")
    if width * height > MAX_PIXELS:
        raise CellImageError(name, f"{width} x {height} pixels, more than {MAX_PIXELS // 10**6} million")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise CellImageError(name, f"{width} x {height} pixels, too elongated for one cell (beyond 2:1)")


def _check_array(array: np.ndarray, name: str) -> np.ndarray:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise CellImageError(name, f"an array {array.shape} of {array.dtype}, not (H, W, 3) of uint8")
    _check_size(array.shape[1], array.shape[0], name)
    return np.array(array, order="C", subok=False)


def _rgb(image: Image.Image, name: str) -> np.ndarray:
    """RGB uint8 (H, W, 3) of an opened image; its size is checked before any pixel is decoded."""
    if getattr(image, "is_animated", False):
        raise CellImageError(name, "several frames or pages: save the one that shows the cell")
    _check_size(*image.size, name)
    tags = image.tag_v2 if isinstance(image, TiffImageFile) else {}
    if max(tags.get(BITSPERSAMPLE, (8,))) > 8 and tags.get(PLANAR_CONFIGURATION) == 2:
        # Pillow would read these as 8 bits without a word.
        raise CellImageError(name, "16-bit colour in separate planes: save it with interleaved channels")
    high_bytes_only = image.mode.startswith("RGB") and ";16" in str(getattr(image, "tile", ""))
    image.load()
    orientation = image.getexif().get(ExifTags.Base.Orientation)
    if orientation in _UPRIGHT:
        image = image.transpose(_UPRIGHT[orientation])
    if image.mode == "F":
        raise CellImageError(name, "floating-point pixels have no fixed white: save it with 8 or 16 bits")
    if image.mode.startswith("I"):
        gray = _to_8_bits(np.array(image, dtype=np.int64), name)
        if tags.get(PHOTOMETRIC_INTERPRETATION) == 0:  # white is zero, which Pillow heeds only up to 8 bits
            gray = 255 - gray
        return np.repeat(gray[:, :, None], 3, axis=2)
    if image.has_transparency_data:
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image.convert("RGBA"))
    pixels = np.array(image.convert("RGB"))
    if high_bytes_only and pixels.max() < 16:
        # Pillow keeps the high byte of 16-bit colour, in which a 12-bit camera leaves next to nothing.
        raise CellImageError(name, "16-bit colour that uses 12 bits or fewer: scale it to 8 bits first")
    return pixels


def _to_8_bits(values: np.ndarray, name: str) -> np.ndarray:
    low, high = int(values.min()), int(values.max())
    if low < 0 or high >= 2**16:
        raise CellImageError(name, f"gray values from {low} to {high}: beyond 16 bits")
    bits = next(bits for bits in (8, 10, 12, 14, 16) if high < 2**bits)
    return (values * (255 / (2**bits - 1))).round().astype(np.uint8)
