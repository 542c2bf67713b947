"""What is taken away of a smear: all in one ZIP, GeoJSON and PDF alone, each with the readings."""

import json
import zipfile
from pathlib import Path

import pytest

from web.field.downloads import Downloads
from web.field.smear import Smear
from web.field.view import SKIP, View


@pytest.fixture
def sent(one_read):
    return json.dumps({one_read.digest: {one_read.places[int(one_read.read.order[0])]: "P"}})


def test_geojson_has_every_cell_and_the_reading(explainer, smear, one_read, sent):
    path = Downloads(explainer).geojson(smear, sent, None).geojson_file
    told = json.loads(Path(path).read_text(encoding="utf-8"))
    assert path.endswith("field_1.geojson") or path.endswith("field 1.geojson")
    assert len(told["features"]) == len(one_read.read.status)
    said = [feature["properties"].get("reading") for feature in told["features"]]
    assert [i for i, reading in enumerate(said) if reading] == [int(one_read.read.order[0])]


def test_the_zip_has_every_export(explainer, smear, sent):
    path = Downloads(explainer).archive(smear, sent, None).archive_file
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        endings = sorted(name.split("field_1")[-1].split("field 1")[-1] for name in names)
        assert endings == sorted(
            [
                ".geojson",
                ".json",
                ".pdf",
                "_cells.csv",
                "_crops.zip",
                "_fields.csv",
                "_marked.png",
                "_readings.json",
                "_rois.zip",
            ]
        )
        assert all(archive.getinfo(name).file_size for name in names)


def test_the_pdf_is_one(explainer, smear, sent):
    path = Downloads(explainer).pdf(smear, sent, None).pdf_file
    assert Path(path).read_bytes()[:5] == b"%PDF-"


def test_nothing_is_made_of_nothing(explainer):
    downloads = Downloads(explainer)
    assert downloads.archive(None, "{}", None) == View() and downloads.archive(Smear(), "{}", None) == View()
    assert downloads.pdf(None, "{}", None).pdf_file == SKIP
