"""What is kept of an edit as a moving picture: the cell through the strengths of the edit and back."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from jdm_core.explain.results import Counterfactual
from jdm_core.report.words import ENGLISH, NOTICE, Language
from web.parts.pictures import like

ENDS, BETWEEN = 1200, 150  # milliseconds that the cell and its edit stay, and the pictures between them: no flicker
STEPS = 8
CAPTION = 22  # pixels under each frame


def animation(cell: np.ndarray, edit: Counterfactual, path: Path, say: Language = ENGLISH) -> None:
    """Writes an endless animated WebP of a cell uint8 (H, W, 3) to its first edit and back, with strengths."""
    before, after = like(cell, cell), like(edit.full_resolution[0], cell)
    way = [step / STEPS for step in range(STEPS + 1)]
    shares = [*way, *way[-2:0:-1]]
    frames = [_captioned(Image.blend(before, after, share), share, say) for share in shares]
    durations = [ENDS if share in (0, 1) else BETWEEN for share in shares]
    frames[0].save(
        path, "WEBP", save_all=True, append_images=frames[1:], duration=durations, loop=0, quality=90, method=2
    )


def _captioned(image: Image.Image, share: float, say: Language) -> Image.Image:
    frame = Image.new("RGB", (image.width, image.height + CAPTION), "white")
    frame.paste(image)
    told = say("edit at {share}", share=say.share(share))
    ImageDraw.Draw(frame).text(
        (6, image.height + 4), f"{told}   {say(NOTICE)}", fill="black", font=ImageFont.load_default(13)
    )
    return frame
