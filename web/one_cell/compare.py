"""Before and after in one place: a slider that the keyboard moves too, an alternating view, an animation to keep."""

from pathlib import Path

from markupsafe import Markup
from PIL import Image, ImageDraw, ImageFont

from jdm_core.report.words import ENGLISH, NOTICE, Language
from web.parts.html import render
from web.parts.pictures import embedded

MILLISECONDS = 900  # each picture stays in an animation: well below three changes a second
CAPTION = 22  # pixels under each frame


def comparison(before: Image.Image, after: Image.Image, words: tuple[str, str], say: Language = ENGLISH) -> Markup:
    """HTML of two pictures of one size, each with what it shows in words; nothing alternates unasked."""
    sides = (embedded(before, words[0]), say("before")), (embedded(after, words[1]), say("after"))
    return render("comparison", say, sides=sides, ratio=f"{before.width}/{before.height}")


def animation(before: Image.Image, after: Image.Image, path: Path, say: Language = ENGLISH) -> None:
    """Writes an endless animated WebP of both pictures in turn, each with its name and the notice below it."""
    frames = [_captioned(before, say("before"), say), _captioned(after, say("after"), say)]
    frames[0].save(
        path, "WEBP", save_all=True, append_images=frames[1:], duration=MILLISECONDS, loop=0, quality=95, method=4
    )


def _captioned(image: Image.Image, name: str, say: Language) -> Image.Image:
    frame = Image.new("RGB", (image.width, image.height + CAPTION), "white")
    frame.paste(image)
    words = f"{name}   {say(NOTICE)}"
    ImageDraw.Draw(frame).text((6, image.height + 4), words, fill="black", font=ImageFont.load_default(13))
    return frame
