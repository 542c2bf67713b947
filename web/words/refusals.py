"""Why a picture is not read, in the reader's language: the readers of pictures say it in English, as files keep it."""

import re
from functools import cache

from jdm_core.report.words import Language, noop

# As `jdm_core.images`, `web.compute.decoding` and the uploads say them; a field holds numbers, or what is one's name.
REASONS = (
    noop("not a PNG, JPEG, TIFF, WebP, BMP or GIF image"),
    noop(
        "a HEIC picture, as phones take them: export it as JPEG first (iPhone: Settings, Camera, Formats, Most "
        "Compatible)"
    ),
    noop("an AVIF picture: save it as PNG or JPEG first"),
    noop("a JPEG 2000 picture: save it as PNG or JPEG first"),
    noop("a PDF: save the picture in it as PNG or JPEG first"),
    noop("a ZIP or an office document: unpack it, or save the picture as PNG or JPEG first"),
    noop("a microscope’s or scanner’s own format: export it as TIFF or PNG first"),
    noop("there is no such file"),
    noop("a damaged, incomplete or unsupported {kind} image"),
    noop("a {kind} image of more than {parts} parts"),
    noop("a {kind} image that takes too much memory to decode"),
    noop("{width} x {height} pixels, smaller than {least} x {side}"),
    noop("{width} x {height} pixels, more than {most} million"),
    noop("{width} x {height} pixels, too elongated for one cell (beyond 2:1)"),
    noop("{width} x {height} pixels, too elongated for a field (beyond 4:1)"),
    noop("a JPEG image in {scans} scans: save it again, as a baseline JPEG or PNG"),
    noop("several frames or pages: save the one that shows the cell"),
    noop("16-bit colour in separate planes: save it with interleaved channels"),
    noop("floating-point pixels have no fixed white: save it with 8 or 16 bits"),
    noop("16-bit colour that uses 12 bits or fewer: scale it to 8 bits first"),
    noop("gray values from {low} to {high}: beyond 16 bits"),
    noop("an empty file"),
    noop("a file of more than {megabytes} MiB"),
    noop("a folder, not an image"),
    noop("not a regular file"),
    noop("cannot be read ({error})"),
    noop("takes too long to decode"),
    noop("cannot be decoded safely"),
    noop("not an uploaded file"),
    noop("no longer kept: upload it again"),
    noop("damaged in its archive"),
    noop("beyond the {megabytes} MiB of a batch"),
    noop("an archive within an archive"),
    noop("an empty zip"),
    noop("a zip of too many files"),
    noop("a damaged zip"),
    noop("a path that leads out of its archive"),
    noop("a link, not an image"),
    noop("encrypted"),
    noop("compressed in another way than deflate"),
    noop("compressed more than {ratio} to 1"),
)


def refusal(reason: str, say: Language) -> str:
    """A reason in the reader's language; one that is not among `REASONS` stays as it is."""
    for message in REASONS:
        if found := _pattern(message).fullmatch(reason):
            return say(message, **found.groupdict())
    return reason


@cache
def _pattern(message: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", message)
    return re.compile("".join(f"(?P<{part}>.+?)" if i % 2 else re.escape(part) for i, part in enumerate(parts)))
