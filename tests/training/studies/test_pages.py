"""The report of all measurements: commands that parse, what is there is not run again, tables between their markers."""

import json
from pathlib import Path

import pytest
from training.report import STEPS, TABLES, Step, tables

from tests.toy import TINY_OPTIONS, train_toy
from training.cli import main

ROOT = Path(__file__).resolve().parents[1]


def test_every_step_is_a_command_with_these_options(monkeypatch, tmp_path):
    parsed = []
    for module in ("measure", "heat", "familiarity", "generation", "scores", "study", "adapt"):
        name = f"training.commands.{module}"
        module = __import__(name, fromlist=["register"])
        for name, function in list(vars(module).items()):
            if callable(function) and list(getattr(function, "__annotations__", ())) == ["options", "return"]:
                monkeypatch.setattr(module, name, lambda options: parsed.append(options.out) or 0)
    data = {name: Path(name) for name in ("cells", "digits", "usps", "fields")}
    for step in STEPS:
        checkpoint = ["--checkpoint", "malaria-64", "--seed", "0", "--device", "cpu"]
        assert main(step.command(checkpoint, data, tmp_path)) == 0
    assert parsed == [step.out(tmp_path) for step in STEPS]


def test_the_model_card_has_a_place_for_tables_of_steps_alone():
    text = (ROOT / "MODEL_CARD.md").read_text(encoding="utf-8")
    names = TABLES.names(text)
    assert names and set(names) <= {step.name for step in STEPS}
    assert len(names) == len(set(names)) == text.count(TABLES.end)


def test_tables_go_between_their_markers():
    document = "\n".join(f"{TABLES.begin(name)}\nold\n{TABLES.end}\ntext" for name in ("one", "two"))
    written = TABLES.fill(document, {"one": "| new |"}.get)
    assert "| new |" in written and written.count("old") == 1 and written.count("text") == 2
    assert TABLES.fill(written, {"one": "| new |"}.get) == written
    with pytest.raises(ValueError, match="no <!-- table of NAME"):
        TABLES.fill("text", {}.get)


def report_of(data, manifest, out, document):
    return ["report", "--checkpoint", "toy", "--manifest", str(manifest), "--data", str(data), "--device", "cpu",
            "--out", str(out), "--document", str(document)]  # fmt: skip


def test_measures_once_and_again_for_other_weights(tmp_path, monkeypatch, capfd):
    toy = train_toy(tmp_path, images=40)
    monkeypatch.setattr("training.commands.report.STEPS", (
        Step("evaluate", ("evaluate", "--part", "test", "--draws", "3")),
        Step("broken", ("evaluate", "--part", "nowhere")),
        Step("of digits", ("evaluate", "--part", "test"), data="digits"),
        Step("of cells and digits", ("evaluate", "--part", "{usps}")),
    ))  # fmt: skip
    document, out = tmp_path / "evidence.md", tmp_path / "report"
    document.write_text(f"before\n{TABLES.begin('evaluate')}\n{TABLES.end}\n")
    command = report_of(*toy, out, document)
    assert main(command) == 1
    told = capfd.readouterr()
    assert "not measured: broken\n" in told.err and "digits" not in told.out
    assert "head: accuracy" in document.read_text() and str(tmp_path) not in document.read_text()
    figures = json.loads((out / "report.json").read_text())
    assert list(figures) == ["evaluate"] and figures["evaluate"]["n"] == 16

    assert main([*command, "--only", "evaluate"]) == 0
    assert "evaluate: there already" in capfd.readouterr().out
    manifest = json.loads(toy[1].read_text())
    manifest["checkpoints"]["toy"]["metrics"] = {"test": {"n": 1}}  # says nothing about what would be measured
    toy[1].write_text(json.dumps(manifest))
    assert main([*command, "--only", "evaluate"]) == 0
    assert "evaluate: there already" in capfd.readouterr().out
    manifest["checkpoints"]["toy"]["calibration"]["posterior_bias"] += 0.5
    toy[1].write_text(json.dumps(manifest))
    assert main([*command, "--only", "evaluate"]) == 0
    assert "evaluate: python -m training evaluate" in capfd.readouterr().out
    assert main([*command, "--only", "evaluate"]) == 0
    assert "evaluate: there already" in capfd.readouterr().out


def test_weights_that_later_steps_read_are_trained_once(tmp_path, monkeypatch, capfd):
    toy = train_toy(tmp_path, images=40)
    tiny = (*TINY_OPTIONS, "--images", "8")
    monkeypatch.setattr("training.commands.report.STEPS", (
        Step("encoder", ("classifier", "--architecture", "encoder", *tiny), of_checkpoint=False, suffix=".safetensors"),
        Step("compare", ("compare", "--part", "test", "--judge", "{folder}/encoder.safetensors")),
    ))  # fmt: skip
    document, out = tmp_path / "evidence.md", tmp_path / "report"
    document.write_text(f"{TABLES.begin('compare')}\n{TABLES.end}\n")
    command = report_of(*toy, out, document)
    assert main(command) == 0
    assert (out / "encoder.safetensors").exists() and not (out / "encoder.md").exists()
    assert "encoder.safetensors disputes" in document.read_text()
    capfd.readouterr()
    assert main(command) == 0
    assert "encoder: there already" in capfd.readouterr().out


def test_what_a_table_says_of_files_is_left_out(tmp_path):
    (tmp_path / "compare.json").write_text("{}")
    printed = f"| a |\n| --- |\n| 1 |\nn 3 cells; {tmp_path}/compare.json\n{tmp_path}/compare.png\n"
    (tmp_path / "compare.md").write_text(printed)
    (tmp_path / "notes.md").write_text("not a table")
    assert tables(tmp_path) == {"compare": "| a |\n| --- |\n| 1 |\n\nn 3 cells"}
