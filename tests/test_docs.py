"""The documents: their figures are the manifest's, and what they name exists."""

import re

import pytest

from jdm_core.checkpoints import MANIFEST, read_manifest
from training.publish.card import DOCUMENTS, FIGURES, with_figures

ROOT = MANIFEST.parent.parent


@pytest.mark.parametrize("document", DOCUMENTS)
def test_figures_are_those_of_the_shipped_checkpoints(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    assert with_figures(text, read_manifest()) == text


def test_figures_are_written_between_their_markers():
    marked = "before\n" + FIGURES.begin("malaria-64") + "\nstale figures\n" + FIGURES.end + "\nafter"
    written = with_figures(marked, read_manifest())
    assert written.startswith("before\n") and written.endswith("\nafter") and "stale" not in written
    assert f"{read_manifest()['malaria-64'].metrics['head']['accuracy']:.3f}" in written
    for unmarked in ("no markers", marked.replace("malaria-64", "malaria-65")):
        with pytest.raises(ValueError, match="figures"):
            with_figures(unmarked, read_manifest())


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_and_pictures_exist(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("name", ["malaria-64", "malaria-128"])
def test_recorded_figures_name_the_shipped_weights(name):
    entry = read_manifest()[name]
    assert entry.metrics["sha256"] == entry.files[0].sha256
    assert entry.metrics["edits"]["sha256"] == entry.files[0].sha256
