"""What is kept of an edit as a moving picture: the cell through the strengths of the edit and back."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder
from PIL import Image, ImageDraw, ImageFont

from jdm_core.explain.results import Counterfactual
from jdm_core.report.words import ENGLISH, NOTICE, Language
from web.parts.pictures import like
from web.parts.reading import plain_stem

ENDS, BETWEEN = 1200, 150  # milliseconds that the cell and its edit stay, and the pictures between them: no flicker
STEPS = 8
CAPTION = 22  # pixels under each frame


def kept_animation(name: str, cell: np.ndarray, edit: Counterfactual, say: Language = ENGLISH) -> str:
    """The path of an animated WebP of the first edit, in the folder of what may be downloaded."""
    with TemporaryDirectory() as folder:
        path = Path(folder, f"{plain_stem(name)}-edit.webp")
        animation(like(cell, cell), like(edit.full_resolution[0], cell), path, say)
        return save_file_to_cache(path, get_upload_folder())


def animation(before: Image.Image, after: Image.Image, path: Path, say: Language = ENGLISH) -> None:
    """Writes an endless animated WebP from one picture to the other and back, with strength and notice."""
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
    words = f"{say('edit at {share}', share=say.share(share))}   {say(NOTICE)}"
    ImageDraw.Draw(frame).text((6, image.height + 4), words, fill="black", font=ImageFont.load_default(13))
    return frame
