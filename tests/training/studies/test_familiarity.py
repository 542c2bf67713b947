"""The page of what is told from red cells shows what the manifest records, and measures nothing anew."""

from dataclasses import replace

import pytest

from jdm_core.checkpoint.manifest import MANIFEST, read_manifest
from training.studies.report import fingerprint
from training.studies.shipped import Familiar
from training.studies.study import Inputs
from training.tables import Figure


def test_the_tables_are_those_of_the_manifest(tmp_path):
    inputs, study = Inputs({}, tmp_path), Familiar()
    recorded = read_manifest()["malaria-64"].metrics["familiarity"]
    found = study.measure(inputs)
    tables = {table.title: table for table in found.tables}
    own = tables[""].rows[0]
    assert list(own[:2]) == ["malaria-64", recorded["n"]]
    rows = tables["malaria-64: other microscopes"].rows
    assert len(rows) == len(recorded["kinds"])
    for row, kind in zip(rows, recorded["kinds"], strict=True):
        refused = row[-1]
        assert isinstance(refused, Figure)
        assert (row[0], row[2], refused.value) == (kind["set"], kind["n"], kind["not a red cell"])
        assert refused.low is not None and refused.high is not None
        assert refused.low <= refused.value + 1e-4 and refused.value <= refused.high + 1e-4
    assert [row[0] for row in tables["malaria-64"].rows] == [row["kind"] for row in recorded["outliers"]]


def test_other_figures_make_another_page(tmp_path):
    manifest = tmp_path / "manifest.json"
    manifest.write_text(MANIFEST.read_text(encoding="utf-8"), encoding="utf-8")
    study = Familiar(checkpoints=("malaria-64",))
    before = fingerprint(study, Inputs({}, tmp_path, manifest=manifest))
    assert before == fingerprint(study, Inputs({}, tmp_path, manifest=manifest))
    familiar = read_manifest()["malaria-64"].metrics["familiarity"]["familiar"]
    text = manifest.read_text(encoding="utf-8")
    assert text.count(f'"familiar": {familiar},') >= 1
    manifest.write_text(text.replace(f'"familiar": {familiar},', '"familiar": 0.5,'), encoding="utf-8")
    assert fingerprint(study, Inputs({}, tmp_path, manifest=manifest)) != before


@pytest.mark.parametrize("name", Familiar().checkpoints)
def test_a_checkpoint_without_figures_is_left_out(tmp_path, name, monkeypatch):
    entries = {key: Inputs({}, tmp_path).entry(key) for key in Familiar().checkpoints}
    entries[name] = (name, replace(entries[name][1], metrics={}))
    monkeypatch.setattr(Inputs, "entry", lambda _, wanted: entries[wanted])
    found = Familiar().measure(Inputs({}, tmp_path))
    assert name not in found.measured and len(found.measured) == 1
