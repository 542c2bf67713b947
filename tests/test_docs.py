"""The documents: their figures are the manifest's and the studies', what they name exists, and they stay short."""

import argparse
import importlib
import json
import re
import shlex
from pathlib import Path

import pytest

from benchmarks import __main__ as benchmarks
from jdm_core.checkpoint.manifest import MANIFEST, read_classifiers, read_manifest
from training.publish.card import DOCUMENTS, END, PARTS, Sources, with_figures, write_card
from training.run.classifier import JUDGE

ROOT = MANIFEST.parent.parent
PAGES = sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LONGEST = {"README.md": 9 * 1024, "MODEL_CARD.md": 14 * 1024}  # bytes


@pytest.fixture(scope="module")
def sources() -> Sources:
    return Sources(read_manifest(), ROOT / "docs/studies")


def marked(name: str) -> str:
    return f"before\n<!-- figures of {name}: written by `python -m training card` -->\nstale\n{END}\nafter"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_figures_are_those_of_the_manifest_and_the_studies(document, sources):
    text = (ROOT / document).read_text(encoding="utf-8")
    assert with_figures(text, sources) == text


FIGURE = re.compile(
    r"\b0\.\d{2,}\b|\b(?:AUROC|accuracy)(?: of| was|:)? \d|\b\d+ of (?:these|\d+)\b|\bC\d+P\d+|[Vv]ersion \d+ was"
)
OF_WEIGHTS = ("README.md", "MODEL_CARD.md", "docs/new-microscope.md", "docs/using-the-page.md")


@pytest.mark.parametrize("document", OF_WEIGHTS)
def test_no_figure_of_some_weights_is_typed_by_hand(document):
    """What was measured stands between markers or in a study: typed into a sentence, it outlives its checkpoint."""
    text = (ROOT / document).read_text(encoding="utf-8")
    written = re.sub(r"<!-- figures of .*?" + re.escape(END), "", text, flags=re.DOTALL)
    prose = re.sub(r"(?s:^```.*?^```$)|^\|.*$|\]\([^)]*\)|\[[\d.]+\]", "", written, flags=re.MULTILINE)
    assert FIGURE.findall(prose) == []


@pytest.mark.parametrize("document, most", LONGEST.items())
def test_a_document_stays_short_enough_to_be_read(document, most):
    assert (ROOT / document).stat().st_size <= most


@pytest.mark.parametrize("part", PARTS)
def test_figures_are_written_between_their_markers(part, sources):
    written = with_figures(marked(part), sources)
    assert written.startswith("before\n") and written.endswith(f"{END}\nafter") and "stale" not in written
    tables = len(re.findall(r"^\| --- ", written, re.MULTILINE))
    assert tables == (2 if part == "familiarity" else 1) and " nan" not in written
    assert with_figures(written, sources) == written


def test_the_summary_holds_the_figures_that_it_names(sources):
    metrics, text = read_manifest()["malaria-64"].metrics, with_figures(marked("summary"), sources)
    for figure in (
        metrics["head"]["accuracy"],
        metrics["posterior"]["auroc"],
        metrics["edits"]["from_Parasitized"]["judge_flips"]["rate"],
    ):
        assert f"{figure:.3f} (" in text
    abroad = json.loads((ROOT / "docs/studies/microscopes.json").read_text(encoding="utf-8"))["tables"][0]["rows"]
    areas = [row[3]["value"] for row in abroad if row[1] == "matched" and isinstance(row[3], dict)]
    assert len(areas) == 4 and all(f" | {area:.3f} (" in text for area in areas[1:])  # the first is of its own kind
    test_slides, *_ = json.loads((ROOT / "docs/studies/compare.json").read_text(encoding="utf-8"))["tables"]
    (plain,) = [row for row in test_slides["rows"] if row[0] == "rival-64-abroad"]
    first, *_ = [line for line in text.splitlines() if line.startswith("| accuracy")]
    assert first.endswith(f"| {plain[1]['value']:.3f} ({plain[1]['low']:.3f} to {plain[1]['high']:.3f}) |")


def test_what_a_verdict_is_worth_falls_with_the_infected(sources):
    shares = re.findall(r"^\| ([\d.]+) % \| ([\d.]+) ", with_figures(marked("worth"), sources), re.M)
    assert [float(prevalence) for prevalence, _ in shares] == [50, 5, 1, 0.1]
    assert [share for _, share in shares] == sorted((share for _, share in shares), reverse=True)


def test_places_of_unknown_figures_and_none_are_told(sources):
    with pytest.raises(ValueError, match="none of summary"):
        with_figures(marked("malaria-65"), sources)
    with pytest.raises(ValueError, match="no place for figures"):
        with_figures("no markers", sources)
    with pytest.raises(ValueError, match="study that is not there"):
        with_figures(marked("microscopes"), Sources(read_manifest(), Path("nowhere")))


def test_the_command_writes_both_documents(tmp_path, sources):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/studies").symlink_to(ROOT / "docs/studies")
    for document in DOCUMENTS:
        (tmp_path / document).write_text(marked("verdicts"), encoding="utf-8")
    paths = write_card(read_manifest(), tmp_path)
    assert [path.name for path in paths] == list(DOCUMENTS)
    assert all("stale" not in path.read_text(encoding="utf-8") for path in paths)


@pytest.mark.parametrize("document", PAGES)
def test_links_pictures_and_headings_exist(document):
    path = ROOT / document
    for target, heading in re.findall(r"\]\(([^)#:\s]*)(?:#([^)\s]+))?\)", path.read_text(encoding="utf-8")):
        found = path.parent / target if target else path
        assert found.exists(), target
        if heading:
            assert heading in anchors(found), f"{target}#{heading}"


def anchors(path: Path) -> set[str]:
    """The headings of a page, as its links name them."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_how_it_works_names_functions_that_exist():
    text = (ROOT / "docs/how-it-works.md").read_text(encoding="utf-8")
    names = re.findall(r"`((?:jdm_core|training)\.[\w.]+)`", text)
    assert len(names) > 20
    for name in names:
        assert resolves(name), name


def resolves(name: str) -> bool:
    """Whether a dotted name is a module's attribute, or an attribute of that."""
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            found = getattr(found, part, None)
        return found is not None
    return False


COMMAND = re.compile(r"^(?:torchrun .*-m (?:-- )?|python -m )(jdm_core|training) ([^#\n]+)", re.MULTILINE)


def commands() -> list[tuple[str, str, str]]:
    """Document, package and arguments of every command line that stands in a block of one."""
    found = []
    for document in PAGES:
        text = (ROOT / document).read_text(encoding="utf-8").replace("\\\n", " ")  # a command goes on after its \
        for block in re.findall(r"^```\w*\n(.*?)^```$", text, re.M | re.S):
            found += [(document, package, line.strip()) for package, line in COMMAND.findall(block)]
    return sorted(set(found))


@pytest.mark.parametrize("document, package, line", commands())
def test_commands_of_the_documents_have_these_options(document, package, line, monkeypatch):
    """Parsed as the program does, up to what it would do: the function of the command is called and nothing else."""
    main = importlib.import_module(f"{package}.cli").main
    parse, parsed = argparse.ArgumentParser.parse_args, []

    def stop(parser: argparse.ArgumentParser, arguments: list[str]) -> None:
        parsed.append(parse(parser, arguments))
        raise SystemExit(0)

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    with pytest.raises(SystemExit) as end:
        main(shlex.split(line))
    assert end.value.code == 0 and callable(parsed[0].function), line


@pytest.mark.parametrize("name", ["malaria-64", "malaria-128"])
def test_recorded_figures_name_the_shipped_weights(name):
    entry = read_manifest()[name]
    assert entry.metrics["sha256"] == entry.files[0].sha256
    assert entry.metrics["edits"]["sha256"] == entry.files[0].sha256
    judge = entry.metrics["edits"]["judge"]
    assert judge == JUDGE.stem and judge in read_classifiers()
    assert judge not in entry.provenance.recipe.get("teachers", ()), "it learnt from its own judge"


def test_the_tables_of_benchmarks_are_those_of_their_figures(tmp_path):
    page, figures = benchmarks.PAGE, json.loads(benchmarks.PAGE.with_suffix(".json").read_text(encoding="utf-8"))
    text = page.read_text(encoding="utf-8")
    assert benchmarks.written(text, figures) == text  # else: python -m benchmarks
    assert sorted(figures) == sorted(benchmarks.NAMES)
    assert all(f"<!-- table of {name}: " in text for name in benchmarks.NAMES)
    copy = tmp_path / "performance.md"
    copy.write_text(text.replace("| Prediction |", "| Something |"), encoding="utf-8")
    copy.with_suffix(".json").write_text(json.dumps(figures), encoding="utf-8")
    benchmarks.main([], copy)
    assert copy.read_text(encoding="utf-8") == text
    with pytest.raises(SystemExit):
        benchmarks.main(["none"], copy)


MEASURED = re.compile(r"\d+(?:\.\d+)? ?(?:(?:s|ms|[GM]iB|TFLOP/s|images/s)\b|%)|\b(?:needs?|takes?) \d|\d+ times\b")


def test_no_measured_figure_is_typed_among_the_benchmarks():
    text = benchmarks.PAGE.read_text(encoding="utf-8")
    prose = re.sub(r"<!-- table of .*?<!-- end of table -->", "", text, flags=re.DOTALL)
    assert len(prose) < len(text) / 1.5 and MEASURED.findall(text)
    assert MEASURED.findall(prose) == []
