"""python -m training report: every measurement in one folder, and the tables of the documents made from it."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jdm_core.files import replace_file
from training.blocks import Blocks

TABLES = Blocks("table", "report")


@dataclass(frozen=True)
class Step:
    """One measurement: a command of `training`, with what follows it but for --checkpoint, --data and --out.

    `pictures` are options that take a picture's file; {folder} in an argument is the report's own folder.
    """

    name: str
    arguments: tuple[str, ...]
    pictures: tuple[str, ...] = ()
    of_checkpoint: bool = True  # else it trains networks of its own, from a recipe

    def command(self, checkpoint: Sequence[str], data: Path, folder: Path) -> list[str]:
        """The arguments of `python -m training`."""
        line = [argument.format(folder=folder) for argument in self.arguments]
        line += [*(checkpoint if self.of_checkpoint else ()), "--data", str(data)]
        line += ["--out", str(folder / f"{self.name}.json")]
        for option in self.pictures:
            line += [option, str(folder / f"{self.name}.png")]
        return line


_CLASSIFIERS = ("--classifiers", "{folder}/resnet18.safetensors", "{folder}/encoder.safetensors")
STEPS = (
    Step("evaluate", ("evaluate", "--part", "test")),
    Step("scores-validation", ("scores", "--part", "validation"), ("--plot",)),
    Step("scores", ("scores", "--part", "test", "--fit", "{folder}/scores-validation.json"), ("--plot",)),
    Step("edits", ("edits", "--part", "test"), ("--sheet",)),
    Step("edit-study", ("edit-study", "--part", "test", "--cells", "200"), ("--sheet",)),
    Step("heatmaps", ("heatmaps", "--draws", "16", "32"), ("--sheet",)),
    Step("familiarity", ("familiarity",)),
    Step("generation", ("generation", "--part", "test"), ("--sheet",)),
    Step("probes", ("probes", "--cells", "2000"), ("--plot",)),
    Step("compare-validation", ("compare", "--part", "validation", *_CLASSIFIERS)),
    Step("compare", ("compare", "--part", "test", *_CLASSIFIERS)),
    Step(
        "compare-checkpoints",
        ("compare", "--part", "validation", "--checkpoint", "malaria-128", "--others", "malaria-64", "--draws", "8"),
        of_checkpoint=False,
    ),
    Step("robustness", ("robustness", "--part", "test", "--draws", "0", "--cells", "1000", *_CLASSIFIERS)),
    Step("few-labels", ("few-labels", "--runs", "{folder}/few-labels"), of_checkpoint=False),
    Step("ablations", ("ablations", "--runs", "{folder}/ablations"), of_checkpoint=False),
)


def make(
    steps: Sequence[Step], checkpoint: Sequence[str], sha256: str, data: Path, folder: Path,
    tell: Callable[[str], None],
) -> list[str]:  # fmt: skip
    """Runs the steps that the folder does not hold yet, into NAME.json and NAME.md, and returns the names that failed.

    A table made with other weights than those of `sha256` is made anew. A step that fails does not keep the others
    from being run; its own last line says why.
    """
    folder.mkdir(parents=True, exist_ok=True)
    failed = []
    for step in steps:
        if _is_done(folder, step, sha256):
            tell(f"{step.name}: there already")
            continue
        command = ["-m", "training", *step.command(checkpoint, data, folder)]
        tell(f"{step.name}: python {' '.join(command)}")
        done = subprocess.run([sys.executable, *command], stdout=subprocess.PIPE, text=True)
        if done.returncode:
            failed.append(step.name)
        else:
            replace_file(folder / f"{step.name}.md", lambda path, text=done.stdout: path.write_text(text, "utf-8"))
    gathered = {name: json.loads((folder / f"{name}.json").read_text("utf-8")) for name in tables(folder)}
    replace_file(folder / "report.json", lambda path: path.write_text(json.dumps(gathered, indent=1) + "\n", "utf-8"))
    return failed


def _is_done(folder: Path, step: Step, sha256: str) -> bool:
    figures, table = folder / f"{step.name}.json", folder / f"{step.name}.md"
    if not (figures.exists() and table.exists()):
        return False
    return not step.of_checkpoint or json.loads(figures.read_text("utf-8"))["sha256"] == sha256


def tables(folder: Path) -> dict[str, str]:
    """What the steps printed, by name, less the files that they name, which are this machine's."""
    found = {}
    for path in sorted(folder.glob("*.md")):
        if path.with_suffix(".json").exists():
            lines = (re.sub(rf"; [^;]*{re.escape(str(folder))}.*$", "", line) for line in _lines(path))
            found[path.stem] = "\n".join(lines)
    return found


def _lines(path: Path) -> Iterator[str]:
    """The lines of a printed table, with the blank one that Markdown wants before what follows it."""
    previous = ""
    for line in path.read_text("utf-8").strip().splitlines():
        if previous.startswith("|") and not line.startswith("|"):
            yield ""
        yield line
        previous = line
