"""Whole, small pictures to be damaged: every format that is read, many modes, and all that a camera writes beside."""

from io import BytesIO

import numpy as np
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

WORDS = "Ward 7, bed 3"
COMPRESSIONS = ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")


def pictures() -> list[bytes]:
    """Small images of all formats and many modes: a disc on black, and one on a bright background."""
    y, x = np.mgrid[-1:1:40j, -1:1:36j]
    disc = ((x**2 + y**2 < 0.6)[:, :, None] * np.array([200, 120, 150])).astype(np.uint8)
    bright = np.where(disc > 0, disc, np.uint8(225))
    files = []
    for pixels in (disc, bright):
        rgb = Image.fromarray(pixels)
        gray, deep = rgb.convert("L"), Image.fromarray(pixels[:, :, 0].astype(np.uint16) * 256)
        modes = (rgb, gray, deep, rgb.convert("RGBA"), rgb.quantize(16), rgb.convert("1"))
        files += [encoded(image, "PNG") for image in modes]
        files += [encoded(image, "TIFF") for image in (*modes[:3], rgb.convert("CMYK"), modes[5])]
        files += [encoded(rgb, "TIFF", compression=name) for name in COMPRESSIONS]
        files += [encoded(image, "JPEG") for image in (rgb, gray, rgb.convert("CMYK"))]
        files += [encoded(rgb, "JPEG", progressive=True), encoded(rgb, "JPEG", restart_marker_blocks=1)]
        files += [encoded(rgb, "WEBP"), encoded(rgb, "WEBP", lossless=True), encoded(rgb.convert("RGBA"), "WEBP")]
        files += [encoded(rgb, "GIF"), encoded(rgb, "GIF", save_all=True, append_images=[rgb.rotate(90)])]
        files += [encoded(image, "BMP") for image in (rgb, gray, modes[5])]
        files += _with_words(rgb)
    return files


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of a file of that kind."""
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _with_words(rgb: Image.Image) -> list[bytes]:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.ImageDescription] = WORDS
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = profile[:24] + bytes(12) + profile[36:]  # not the hour in which it was made
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", WORDS, zip=True)
    text.add_itxt("Comment", WORDS, "en", "Comment")
    return [
        encoded(rgb, "JPEG", exif=exif, icc_profile=profile, comment=WORDS),
        encoded(rgb, "JPEG", exif=exif) + encoded(rgb, "JPEG"),  # a second picture behind the first
        encoded(rgb, "PNG", exif=exif, icc_profile=profile, pnginfo=text),
        encoded(rgb, "WEBP", exif=exif, icc_profile=profile, xmp=WORDS.encode()),
        encoded(rgb, "TIFF", exif=exif, icc_profile=profile),
    ]
