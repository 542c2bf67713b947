"""The viewer is OpenSeadragon as it was released, with its licence, and nothing of it comes from elsewhere."""

import hashlib
import re

from web.field.layout import VIEWER

RELEASE = "6.1.1"
SHA256 = {  # of npm's openseadragon-6.1.1.tgz, build/openseadragon/openseadragon.min.js and LICENSE.txt
    "openseadragon.min.js": "14d587cd3ee7c4861f1a41077ce642029364a21029956ba635bd8fb1202cf9ad",
    "openseadragon.LICENSE.txt": "17da96b26ac706d2cbd06d4555dedb43026782f4943faf0156fe7acf89454228",
}


def test_the_vendored_files_are_those_of_the_release():
    folder = VIEWER.parent
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()} == SHA256
    assert f"openseadragon {RELEASE}" in VIEWER.read_text(encoding="utf-8")[:200]
    assert "Redistributions in binary form" in (folder / "openseadragon.LICENSE.txt").read_text(encoding="utf-8")


def test_the_scripts_of_the_tab_name_no_other_site():
    for path in VIEWER.parents[1].glob("field*"):
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", path.read_text(encoding="utf-8")), path.name
