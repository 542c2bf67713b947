"""Before and after in one place: a slider that the keyboard moves too, an alternating view, an animation to keep."""

import base64
import io
from html import escape
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from jdm_core.report import NOTICE
from jdm_core.words import Say, english

MILLISECONDS = 900  # each picture stays in an animation: well below three changes a second
CAPTION = 22  # pixels under each frame

# The range input lies over the pictures, so that mouse, finger and arrow keys all move the border between them.
FOLLOW = """
element.addEventListener('input', (event) => {
    const compare = event.target.closest('.compare');
    if (compare && event.target.type === 'range') compare.style.setProperty('--at', event.target.value + '%');
});
"""


def comparison(before: Image.Image, after: Image.Image, words: tuple[str, str], say: Say = english) -> str:
    """HTML of two pictures of one size, each with what it shows in words; nothing alternates unasked."""
    sides = "".join(
        f'<span class="side">{embedded(image, text)}<span class="tag">{escape(say(tag))}</span></span>'
        for image, text, tag in zip((before, after), words, ("before", "after"), strict=True)
    )
    modes = "".join(
        f'<label><input type="radio" name="compare-mode" value="{mode}"{" checked" if mode == "beside" else ""}>'
        f" {escape(say(name))}</label>"
        for mode, name in (("beside", "Side by side"), ("slide", "Slider"), ("alternate", "Alternating"))
    )
    name = escape(say("Before | after"))
    return (
        f'<div class="before-after"><fieldset class="modes" aria-label="{name}">{modes}</fieldset>'
        f'<div class="compare" style="--ratio:{before.width}/{before.height}">{sides}'
        f'<span class="border"></span><input type="range" min="0" max="100" value="50" aria-label="{name}"></div></div>'
    )


def embedded(image: Image.Image, words: str) -> str:
    """An <img> that carries its picture, lossless."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", lossless=True)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img src="data:image/webp;base64,{data}" alt="{escape(words)}">'


def animation(before: Image.Image, after: Image.Image, path: Path, say: Say = english) -> None:
    """Writes an endless animated WebP of both pictures in turn, each with its name and the notice below it."""
    frames = [_captioned(before, say("before"), say), _captioned(after, say("after"), say)]
    frames[0].save(
        path, "WEBP", save_all=True, append_images=frames[1:], duration=MILLISECONDS, loop=0, quality=95, method=4
    )


def _captioned(image: Image.Image, name: str, say: Say) -> Image.Image:
    frame = Image.new("RGB", (image.width, image.height + CAPTION), "white")
    frame.paste(image)
    words = f"{name}   {say(NOTICE)}"
    ImageDraw.Draw(frame).text((6, image.height + 4), words, fill="black", font=ImageFont.load_default(13))
    return frame
