"""A TIFF's directories: how large its picture is, and what reading them and decoding it would take."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from jdm_core.images.limits import MAX_PARTS, MAX_PIXEL_BYTES, MAX_TAG_VALUES, MAX_TILE_PIXELS

WIDTH, HEIGHT, BITS, SAMPLES = 256, 257, 258, 277
STRIP_OFFSETS, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS = 273, 322, 323, 324
PARTS = (34665, 34853, 40965)  # Exif, GPS, Interoperability: directories that Pillow reads too
LAYOUT = {WIDTH, HEIGHT, BITS, SAMPLES, STRIP_OFFSETS, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS}
# Bytes of a value by type, and how the whole numbers among them are read: signed ones too, as large as they may be.
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
NUMBERS = {1: "B", 3: "H", 4: "I", 6: "B", 8: "H", 9: "I", 13: "I", 16: "Q", 17: "Q", 18: "Q"}
PLAIN = {1, 2, 6, 7}  # types that stay bytes
FIRST = 16  # values of a tag that are looked at


@dataclass
class _Reader:
    """The directories of one file, and what their values come to in all."""

    data: bytes
    order: str
    big: bool
    entries: int = 0
    byte_count: int = 0
    value_count: int = 0
    seen: set[int] = field(default_factory=set)

    def directory(self, at: int) -> tuple[dict[int, tuple[int, ...]], dict[int, int], int]:
        """First values by tag and counts by tag of the directory at `at`, and where the next one starts, or 0."""
        self.seen.add(at)
        head, step = ("Q", 20) if self.big else ("H", 12)
        (entries,) = struct.unpack_from(f"{self.order}{head}", self.data, at)
        start = at + struct.calcsize(head)
        self.entries += entries
        if self.entries > MAX_PARTS:
            raise ValueError("too many entries")
        values, counts = {}, {}
        for entry in range(start, start + step * entries, step):
            tag, kind, count, first = self._entry(entry)
            if tag in LAYOUT and tag in values:  # decoders differ in which one they take
                raise IndexError
            values[tag], counts[tag] = first, count
            if kind in SIZES:
                self.byte_count += count * SIZES[kind]
                self.value_count += 0 if kind in PLAIN else count
        (following,) = struct.unpack_from(f"{self.order}{'Q' if self.big else 'I'}", self.data, start + step * entries)
        return values, counts, following

    def _entry(self, at: int) -> tuple[int, int, int, tuple[int, ...]]:
        tag, kind, count = struct.unpack_from(f"{self.order}HH{'Q' if self.big else 'I'}", self.data, at)
        room, place = (8, at + 12) if self.big else (4, at + 8)
        if kind not in NUMBERS or not count:
            return tag, kind, count, ()
        if count * SIZES[kind] > room:
            (place,) = struct.unpack_from(f"{self.order}{'Q' if self.big else 'I'}", self.data, place)
        wanted = f"{self.order}{min(count, FIRST)}{NUMBERS[kind]}"
        if place + struct.calcsize(wanted) > len(self.data):
            return tag, kind, count, ()
        return tag, kind, count, struct.unpack_from(wanted, self.data, place)

    def below(self, values: dict[int, tuple[int, ...]]) -> Iterator[int]:
        """Where the directories start that a directory of these values points at, but for those seen."""
        return (values[tag][0] for tag in PARTS if values.get(tag) and values[tag][0] not in self.seen)


def check_tiff(data: bytes) -> tuple[int, int, str]:
    """Width and height of a TIFF's first picture, turned as it is shown or not, and why it is not read, or "".

    Raises struct.error, IndexError or ValueError for what is no TIFF.
    """
    order, big = "<" if data.startswith(b"II") else ">", data[2:4] in (b"+\0", b"\0+")
    (at,) = struct.unpack_from(f"{order}{'Q' if big else 'I'}", data, 8 if big else 4)
    reader = _Reader(data, order, big)
    values, counts, following = reader.directory(at)
    left = [*reader.below(values)]
    while left:  # ends: no directory is read twice, and all of them have at most MAX_PARTS entries
        try:
            inner, _, _ = reader.directory(left.pop())
        except struct.error:  # Pillow passes over it likewise
            continue
        left += reader.below(inner)
    if not values.get(WIDTH) or not values.get(HEIGHT):
        raise IndexError
    width, height = values[WIDTH][0], values[HEIGHT][0]
    if following and following != at:
        return width, height, "several frames or pages: save the one that shows the cell"
    if reader.byte_count > 2 * len(data) or reader.value_count > MAX_TAG_VALUES:
        # Values of one place in the file under many tags, each of which would be read on its own.
        return width, height, "a TIFF image whose directory says more than its file holds"
    return width, height, _layout(values, counts, width * height)


def _layout(values: dict[int, tuple[int, ...]], counts: dict[int, int], pixels: int) -> str:
    """Why strips or tiles of these values, of a picture of so many pixels, are not decoded, or ""."""
    bits, (samples, *_) = values.get(BITS) or (1,), values.get(SAMPLES) or (1,)
    if counts.get(BITS, 1) > FIRST or samples > FIRST or max(samples, len(bits)) * max(bits) > 8 * MAX_PIXEL_BYTES:
        return f"a TIFF image of more than {MAX_PIXEL_BYTES} bytes a pixel"
    if max(counts.get(STRIP_OFFSETS, 0), counts.get(TILE_OFFSETS, 0)) > MAX_PARTS:
        return f"a TIFF image of more than {MAX_PARTS} parts"
    (tile_width, *_), (tile_height, *_) = (values.get(tag) or (0,) for tag in (TILE_WIDTH, TILE_HEIGHT))
    tile = tile_width * tile_height
    if tile > max(MAX_TILE_PIXELS, 2 * pixels):
        return "a TIFF image in tiles much larger than itself"
    return ""
