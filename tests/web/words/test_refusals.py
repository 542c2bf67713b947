"""Why a picture is not read, in the reader's language: whatever the readers really say."""

import io
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from jdm_core import CellImageError
from jdm_core.images.read import read_bytes, read_cell
from tests.jdm_core.images.test_others import OTHERS
from tests.support.many_cells import png, zipped
from tests.web.many_cells.test_uploads import ATTACKS
from web.compute.decoding import read_pixels
from web.many_cells.run import Result
from web.many_cells.table import table_head, table_rows
from web.many_cells.uploads import Item, Limits, list_items, read_item
from web.one_cell.callbacks import Callbacks
from web.server.jobs import _watched
from web.words.language import CODES, say_in
from web.words.refusals import REASONS, refusal


def saved(mode: str, size: tuple[int, int], kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, kind, **options)
    return buffer.getvalue()


FILES = {
    **{name: data for name, (data, _) in OTHERS.items()},
    "no image": b"no image at all",
    "empty": b"",
    "small": saved("RGB", (4, 4), "PNG"),
    "long": saved("RGB", (100, 10), "PNG"),
    "large": saved("L", (8000, 8000), "PNG"),
    "damaged": png()[:90],
    "several": saved("RGB", (20, 20), "GIF", save_all=True, append_images=[Image.new("RGB", (20, 20), "red")]),
    "floating": saved("F", (20, 20), "TIFF"),
    "deep": saved("I", (20, 20), "TIFF")[:-4] + b"\xff\xff\xff\x7f",
}


def said(tmp_path) -> list[str]:
    """The reasons of real files and archives that are refused."""
    reasons = []
    for number, data in enumerate(FILES.values()):
        (tmp_path / f"{number}.png").write_bytes(data)
        for read in (read_cell, lambda path: read_pixels(path, "a.png")):
            with pytest.raises(CellImageError) as caught:
                read(tmp_path / f"{number}.png")
            reasons.append(caught.value.reason)
    for path in (tmp_path, tmp_path / "gone.png", "/dev/null"):
        with pytest.raises(CellImageError) as caught:
            read_bytes(path, "a.png")
        reasons.append(caught.value.reason)
    for name, (member, data, _) in ATTACKS.items():
        items, _ = list_items([zipped(tmp_path / f"{name}.zip", (member, data))], Limits())
        with pytest.raises(CellImageError) as caught:
            read_item(items[0])
        reasons.append(caught.value.reason)
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04")
    uploads = [zipped(tmp_path / "empty.zip"), {"path": str(tmp_path / "broken.zip"), "orig_name": "broken.zip"}]
    uploads += [{"path": str(tmp_path / "gone.zip"), "orig_name": "gone.zip"}]
    uploads += [zipped(tmp_path / "two.zip", ("a.png", png()), ("b.png", png()))]
    items, _ = list_items(uploads, Limits(unpacked_bytes=1))
    return reasons + [item.reason for item in items]


def test_every_reason_is_said_in_every_language(tmp_path):
    reasons = said(tmp_path)
    assert len(set(reasons)) > 18
    for code in CODES:
        say = say_in(code)
        assert [reason for reason in reasons if refusal(reason, say) == reason] == []
        assert all("{" not in refusal(reason, say) for reason in reasons)
    assert [refusal(reason, say_in("en")) for reason in reasons] == reasons


def test_the_numbers_of_a_reason_stay():
    french = say_in("fr")
    assert refusal("4 x 5 pixels, smaller than 8 x 8", french) == "4 x 5 pixels, moins que 8 x 8"
    assert refusal("a damaged, incomplete or unsupported TIFF image", french).startswith("une image TIFF endommagée")
    assert refusal("words of tomorrow", french) == "words of tomorrow" and len(set(REASONS)) == len(REASONS)


FRENCH = SimpleNamespace(headers={"accept-language": "fr"}, session_hash="a")


def test_the_page_says_them_in_the_language_of_the_request(explainer, bad):
    (view,) = Callbacks(explainer).explain({"path": str(bad), "orig_name": "notes.png"}, 8, 0, request=FRENCH)
    assert "notes.png: n’est pas une image PNG" in view.status
    rows = table_rows([Result(Item("a.png", ""), "an empty file")], explainer.labels, 0, say_in("fr"))
    assert "un fichier vide" in rows and "an empty file" not in rows
    assert "Résultats, une ligne par fichier" in table_head(explainer.labels, say_in("fr"))


def test_a_fault_is_said_in_the_language_of_the_request():
    def broken(_: gr.Request) -> None:
        np.zeros(1)[2]

    request = gr.Request()
    request.request = FRENCH
    with pytest.raises(gr.Error, match="Une erreur s’est produite"):
        _watched(broken, "broken")(request)
