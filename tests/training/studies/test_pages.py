"""From a study to its page: typed figures and tables, what is there is not measured again, and pages as shipped."""

import json
from dataclasses import dataclass, replace

import pytest

from jdm_core.checkpoint.manifest import MANIFEST, read_manifest
from training.cli import main
from training.metrics import exact_interval
from training.publish.evaluate import evaluate
from training.run.recipe import part_of
from training.studies import report
from training.studies.report import PAGES, STUDIES, complete, fingerprint, for_people, page, told
from training.studies.shipped import Edits, Verdicts, VerdictsOfDigits
from training.studies.study import Findings, Inputs, Study
from training.tables import NOTHING, Figure, Table


@dataclass(frozen=True)
class Toy(Study):
    """Verdicts on the test slides of a toy checkpoint, which take no time to measure."""

    draws: int = 2

    name = "toy-verdicts"
    title = "Verdicts of a toy"
    question = "How often is a network right that has learnt nothing?"
    setup = "All cells of the test slides."
    conclusion = "As often as chance."
    reads = ("toy",)

    def measure(self, inputs):
        explainer, data = inputs.load("toy"), inputs.data["cells"]
        keep, told = part_of(explainer, data, "test")
        figures = evaluate(explainer, data, keep, self.draws, inputs.seed)
        table = Table.make(("verdict", "n", "accuracy"), [["toy: head", figures["n"], Figure(0.5, 0.4, 0.6)]])
        return Findings([table], f"n {figures['n']} cells of {figures['slides']} slides ({told})", {"toy": figures})


class ToyEdits(Toy):
    """One that depends on how the explainer searches for an edit."""

    edits = True


TOY = Toy()
NAMES = [study.name for study in STUDIES]


def test_a_share_of_one_is_not_certain():
    assert exact_interval(10, 10) == (pytest.approx(0.025 ** (1 / 10)), 1.0)
    assert exact_interval(0, 10) == (0.0, pytest.approx(1 - 0.025 ** (1 / 10)))
    assert exact_interval(5, 10) == pytest.approx((0.187, 0.813), abs=1e-3)
    flags = {"flips": 1.0, "flips_interval": [1.0, 1.0]}
    assert str(Figure.of(flags, "flips", 194)) == "1.000 (0.981 to 1.000)"
    assert str(Figure.of(flags, "flips")) == "1.000 (1.000 to 1.000)"  # a correlation, say, that has no such number
    assert Figure.of(flags, "nothing", 3) == NOTHING


def test_a_table_survives_json_and_is_markdown():
    rows = [["head", 3, Figure(0.5, 0.25, 0.75)], ["judge", 3, "–"]]
    table = Table.make(("who", "n", "right"), rows, "Title", "Note.")
    assert Table.from_json(json.loads(json.dumps(table.as_json()))) == table
    lines = table.markdown().splitlines()
    assert lines[0] == "**Title**" and lines[-1] == "Note."
    assert lines[2:5] == ["| who | n | right |", "| --- | --- | --- |", "| head | 3 | 0.500 (0.250 to 0.750) |"]
    assert str(Figure(None)) == NOTHING and str(Figure(0.5)) == "0.500"
    with pytest.raises(ValueError, match="a row of 1 cells under 2 columns"):
        Table.make(("a", "b"), [["a"]])


def test_people_read_classifier_and_likelihood():
    table = for_people(Table.make(("verdict", "less the head"), [["toy: posterior", "–"], ["overhead", "–"]]))
    assert table.columns == ("verdict", "less the classifier")
    assert [row[0] for row in table.rows] == ["toy: likelihood", "overhead"]


def test_what_is_there_is_not_measured_again(inputs, tmp_path, monkeypatch, few_resamples):
    pages = tmp_path / "pages"
    assert complete(TOY, inputs, pages) and not complete(TOY, inputs, pages)
    found = json.loads((pages / "toy-verdicts.json").read_text())
    assert found["sample"] == "n 16 cells of 2 slides (test slides of cells.zip)"
    assert found["measured_on"]["toy"]["version"] == 1
    assert json.loads((pages / "toy-verdicts.curves.json").read_text())["toy"]["n"] == 16
    assert complete(TOY, replace(inputs, seed=1), pages)


def test_what_decides_the_figures_is_in_the_fingerprint(own, inputs, monkeypatch):
    inputs = replace(inputs, manifest=own / "manifest.json")
    edits = ToyEdits()
    before, edited = fingerprint(TOY, inputs), fingerprint(edits, inputs)
    monkeypatch.setattr(report, "DEFAULT_EDIT", "another search")
    assert fingerprint(TOY, inputs) == before and fingerprint(edits, inputs) != edited
    assert fingerprint(replace(edits, draws=3), inputs) != fingerprint(edits, inputs)
    edited = fingerprint(edits, inputs)
    manifest = json.loads(inputs.manifest.read_text())
    manifest["checkpoints"]["toy"]["thresholds"]["flip_head"] += 0.01  # what an edit must reach
    inputs.manifest.write_text(json.dumps(manifest))
    assert fingerprint(TOY, inputs) == before and fingerprint(edits, inputs) != edited
    manifest["checkpoints"]["toy"]["metrics"] = {"n": 1}  # says nothing about what would be measured
    inputs.manifest.write_text(json.dumps(manifest))
    assert fingerprint(TOY, inputs) == before
    manifest["checkpoints"]["toy"]["calibration"]["posterior_bias"] += 0.5
    inputs.manifest.write_text(json.dumps(manifest))
    assert fingerprint(TOY, inputs) != before


def test_another_judge_makes_what_it_judged_measured_again(inputs, tmp_path):
    one, other = (replace(inputs, checkpoint="malaria-64", manifest=MANIFEST, judge=tmp_path / name) for name in "ab")
    for each in (one, other):
        each.judge.write_text(each.judge.name)
    asked = {study.name for study in STUDIES if fingerprint(study, one) != fingerprint(study, other)}
    assert asked == {"edit-study", "heatmaps", "generation", "second-look"}


def test_a_field_that_is_new_and_at_its_default_is_not_told():
    @dataclass(frozen=True)
    class Older:
        width: int
        names: tuple[str, ...] = ("a",)

    @dataclass(frozen=True)
    class Newer(Older):
        more: tuple[int, ...] = ()

    assert told(Older(1)) == told(Newer(1)) == {"width": 1}
    assert told([Newer(1, ("b",), (2,))]) == [{"width": 1, "names": ["b"], "more": [2]}]
    assert told({"of": Newer(1)}) == {"of": {"width": 1}}


def test_the_command_measures_what_it_can_and_writes_pages(trained, tmp_path, monkeypatch, capsys, few_resamples):
    class Broken(Toy):
        name = "broken"

        def measure(self, inputs):
            raise ValueError("nothing to see")

    digits = replace(STUDIES[NAMES.index("scores-digits")])
    monkeypatch.setattr(report, "STUDIES", (Broken(), TOY, digits))
    out = tmp_path / "pages"
    command = [
        "report",
        "--checkpoint",
        "toy",
        "--manifest",
        str(trained / "manifest.json"),
        "--device",
        "cpu",
        "--runs",
        str(tmp_path / "runs"),
        "--out",
        str(out),
    ]
    assert main([*command, "--data", str(trained / "cells.zip")]) == 1
    told = capsys.readouterr()
    assert "error: broken: nothing to see" in told.err and told.err.endswith("error: not measured: broken\n")
    assert "toy-verdicts: measured" in told.out and "scores-digits" not in told.out
    text = (out / "toy-verdicts.md").read_text()
    for part in (
        "# Verdicts of a toy",
        "## Question",
        "## Set-up",
        "## Conclusion",
        "| toy: classifier | 16 |",
        "python -m training report --only toy-verdicts",
        "(toy-verdicts.curves.json)",
    ):
        assert part in text
    assert "[Verdicts of a toy](toy-verdicts.md)" in (out / "README.md").read_text()
    assert main([*command, "--only", "toy-verdicts", "--data", str(trained / "cells.zip"), "--set", "cells=3"]) == 1
    assert "unknown key 'cells'" in capsys.readouterr().err
    assert main([*command, "--only", "scores-digits"]) == 1
    assert "scores-digits: needs digits" in capsys.readouterr().err
    assert main([*command, "--only", "nothing"]) == 1
    assert "no study nothing (known: broken, toy-verdicts" in capsys.readouterr().err


@pytest.mark.parametrize("study", [Verdicts(), VerdictsOfDigits(), Edits()])
def test_what_the_manifest_records_is_shown_and_not_measured_again(study, tmp_path):
    found = study.measure(Inputs({}, tmp_path))
    for name in study.checkpoints:
        metrics = read_manifest()[name].metrics
        rows = [row for table in found.tables[:1] for row in table.rows if str(row[0]).startswith(f"{name}:")]
        if study.name == "edits":
            recorded = [
                metrics["edits"][f"from_{label}"]["judge_flips"]["rate"] for label in ("Parasitized", "Uninfected")
            ]
        else:
            recorded = [metrics[verdict]["accuracy"] for verdict in ("head", "posterior")]
        assert [row[2].value for row in rows] == recorded
        assert metrics["test_set"] in found.sample
    assert not study.needs


def test_a_page_says_of_which_version_its_conclusion_speaks():
    study = STUDIES[NAMES.index("robustness")]
    found = json.loads((PAGES / "robustness.json").read_text())
    assert "Written for version" not in page(study, found, curves=False)
    found["measured_on"] = {"malaria-64": {"version": 99, "sha256": ""}}
    written = study.concluded_on["malaria-64"]
    warning = f"*Written for version {written} of `malaria-64`; the tables are of version 99.*"
    assert warning in page(study, found, curves=False)


@pytest.mark.parametrize("name", NAMES)
def test_every_study_ships_with_its_page(name):
    study = STUDIES[NAMES.index(name)]
    found = json.loads((PAGES / f"{name}.json").read_text())
    curves = (PAGES / f"{name}.curves.json").exists()
    assert (PAGES / f"{name}.md").read_text() == page(study, found, curves), "python -m training report --write-only"
    for table in map(Table.from_json, found["tables"]):
        for cell in (cell for row in table.rows for cell in row if isinstance(cell, Figure) and cell.low is not None):
            assert cell.low <= cell.high


def test_names_are_those_of_one_study_each():
    assert len(NAMES) == len(set(NAMES))
    shipped = {path.name.split(".")[0] for path in PAGES.glob("*.json")}
    assert shipped == set(NAMES)
