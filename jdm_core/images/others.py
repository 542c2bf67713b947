"""Files that people bring and that are not read: what each is, and the way to one that is."""

import re

NOT_READ = "not a PNG, JPEG, TIFF, WebP, BMP or GIF image"

# By the content, as pictures are. HEIC is not decoded: its codecs have a record of faults by which a file runs code.
_OTHERS = {
    re.compile(rb"....ftyp(hei|hev|mif1|msf1)", re.DOTALL): (
        "a HEIC picture, as phones take them: export it as JPEG first (iPhone: Settings, Camera, Formats, Most "
        "Compatible)"
    ),
    re.compile(rb"....ftypavi[fs]", re.DOTALL): "an AVIF picture: save it as PNG or JPEG first",
    re.compile(rb"....(ftypjp2|jP  )", re.DOTALL): "a JPEG 2000 picture: save it as PNG or JPEG first",
    re.compile(rb"\s*%PDF-"): "a PDF: save the picture in it as PNG or JPEG first",
    re.compile(rb"PK\x03\x04"): "a ZIP or an office document: unpack it, or save the picture as PNG or JPEG first",
    re.compile(rb"ZISRAWFILE|\xda\xce\xbe\x0a|.{128}DICM", re.DOTALL): (
        "a microscope’s or scanner’s own format: export it as TIFF or PNG first"
    ),
}


def why_not_read(data: bytes) -> str:
    """Why a file, by its first bytes, is not among those that are read; where there is a way out, with it."""
    return next((reason for magic, reason in _OTHERS.items() if magic.match(data[:1024])), NOT_READ)
