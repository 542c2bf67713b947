"""The documents: their figures are the manifest's, and what they name exists."""

import re

import pytest

from jdm_core.checkpoints import MANIFEST, read_manifest
from training.card import DOCUMENTS, figures_markdown, with_figures

ROOT = MANIFEST.parent.parent


@pytest.mark.parametrize("document", DOCUMENTS)
def test_figures_are_those_of_the_shipped_checkpoint(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    assert with_figures(text, figures_markdown("malaria-64", read_manifest()["malaria-64"])) == text


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_and_pictures_exist(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / target).exists(), target


def test_recorded_figures_name_the_shipped_weights():
    entry = read_manifest()["malaria-64"]
    assert entry.metrics["sha256"] == entry.files[0].sha256
    assert entry.metrics["edits"]["sha256"] == entry.files[0].sha256
