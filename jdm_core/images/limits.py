"""How much a picture may hold, announce and cost to decode: every limit of reading, defined once."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """How large a file of `what` may be, and how many times its picture's one side may be the other."""

    file_bytes: int
    aspect: float
    what: str


MAX_FILE_BYTES = 64 * 2**20
MAX_PIXELS = 40_000_000
MIN_SIDE = 8
SMALL_SIDE = 32  # pixels on a cell's longer side, below which it is read but gets no verdict
MAX_ASPECT = 2.0
# A field may be a strip of a few that were stitched. Its file may be as large as one of MAX_PIXELS in colour of 16 bits
# that nothing compressed, 240 MB; what has more pixels is no camera's field but a scan, which is read in tiles.
MAX_FIELD_FILE_BYTES = 256 * 2**20
MAX_FIELD_ASPECT = 4.0
OF_CELL = Bounds(MAX_FILE_BYTES, MAX_ASPECT, "one cell")
OF_FIELD = Bounds(MAX_FIELD_FILE_BYTES, MAX_FIELD_ASPECT, "a field")
# The brightest channel of a black background, of 255: lossy compression and squashing leave real ones below this, and
# the darkest stain is far above it.
BLACK = 32

MAX_PARTS = 65_536  # chunks, segments, strips or tiles of a file; one of 64 MiB in chunks of 8 KiB has 8,192
MAX_TAG_VALUES = 2**18  # numbers in a TIFF's directories; the colours of a 16-bit palette are 196,608
MAX_TILE_PIXELS = 2048**2  # of a TIFF's tile, where that is more than its picture
MAX_PIXEL_BYTES = 8  # of a TIFF as it is stored: four samples of 16 bits
MAX_SCANS = 100  # of a JPEG; programs write up to about twenty
MAX_SCAN_PIXELS = 20 * MAX_PIXELS  # scans times pixels: each scan passes over all of them
MAX_RLE_PIXELS = 1_000_000  # of a run-length encoded BMP, which Pillow decodes byte by byte in Python

DECODERS = 2  # processes that decode for the page, and so pictures that are decoded at once
SMALL_PIXELS = 4_000_000  # larger pictures leave one process to the others
DECODER_BYTES = 1280 * 2**20  # of address space for one of them, of which it takes some 200 MiB before it decodes
WALL_FACTOR = 5  # of the processor's time, on a machine that does other work too


def decoding_seconds(pixels: int) -> int:
    """Seconds of the processor that decoding so many pixels may take: several times what slow formats do."""
    return 2 + pixels // SMALL_PIXELS
