"""python -m training report: every measurement in one folder, and the tables of the documents made from it."""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from string import Formatter

from jdm_core.checkpoints import Checkpoint
from jdm_core.files import replace_file
from training.blocks import Blocks

TABLES = Blocks("table", "report")


@dataclass(frozen=True)
class Step:
    """One measurement: a command of `training`, with what follows it but for --checkpoint, --data and --out.

    `pictures` are options that take a picture's file. In an argument {folder} is the report's own folder, and other
    names in braces are data beside `data`. What it writes ends in `suffix`: figures, or the weights of a network that
    later steps read, which make no table.
    """

    name: str
    arguments: tuple[str, ...]
    pictures: tuple[str, ...] = ()
    of_checkpoint: bool = True  # else it names one itself, or trains networks of its own from a recipe
    data: str = "cells"  # or "digits"
    suffix: str = ".json"

    @property
    def needs(self) -> set[str]:
        """The names of all data that it reads."""
        named = {field for argument in self.arguments for _, field, _, _ in Formatter().parse(argument) if field}
        return {self.data} | (named - {"folder"})

    def out(self, folder: Path) -> Path:
        """The file that it writes."""
        return folder / f"{self.name}{self.suffix}"

    def command(self, checkpoint: Sequence[str], data: Mapping[str, Path], folder: Path) -> list[str]:
        """The arguments of `python -m training`."""
        line = [argument.format(folder=folder, **data) for argument in self.arguments]
        line += [*(checkpoint if self.of_checkpoint else ()), "--data", str(data[self.data])]
        line += ["--out", str(self.out(folder))]
        for option in self.pictures:
            line += [option, str(folder / f"{self.name}.png")]
        return line


_CLASSIFIERS = ("--classifiers", "{folder}/resnet18.safetensors", "{folder}/encoder.safetensors")
_ALONE = ("classifier", "--images", "128_000", "--architecture")
_DIGITS = ("scores", "--checkpoint", "mnist-28", "--verdicts", "1000")
_SMALL_DIGITS = (  # a fourth of the weights, few images: there are many runs
    "--recipe", "mnist-28", "--set", "architecture.widths=[32, 64]", "--set", "images=16_000", "--set", "batch_size=32",
    "--set", "validate_every=16_000", "--set", "validation_cells=128", "--set", "warmup_images=1_000",
    "--set", "ema_decay=0.995", "--set", "clean_weight=0.1",
    "--set", "focus=[]", "--set", "margin_weight=0",
)  # fmt: skip
STEPS = (
    Step("evaluate", ("evaluate", "--part", "test")),
    Step("scores-validation", ("scores", "--part", "validation"), ("--plot",)),
    Step("scores", ("scores", "--part", "test", "--fit", "{folder}/scores-validation.json"), ("--plot",)),
    Step("edits", ("edits", "--part", "test"), ("--sheet",)),
    Step("edit-study", ("edit-study", "--part", "test", "--cells", "200"), ("--sheet",)),
    Step("heatmaps", ("heatmaps", "--draws", "16", "32"), ("--sheet",)),
    Step("familiarity", ("familiarity",)),
    Step("generation", ("generation", "--part", "test", "--cells", "100"), ("--sheet",)),
    Step("probes", ("probes", "--cells", "2000"), ("--plot",)),
    Step(
        "objectives", ("objectives", "--cells", "2000", "--runs", "{folder}/objectives"), ("--plot",),
        of_checkpoint=False,
    ),
    Step("resnet18", (*_ALONE, "resnet18"), of_checkpoint=False, suffix=".safetensors"),
    Step("encoder", (*_ALONE, "encoder"), of_checkpoint=False, suffix=".safetensors"),
    Step("compare-validation", ("compare", "--part", "validation", *_CLASSIFIERS)),
    Step("compare", ("compare", "--part", "test", *_CLASSIFIERS)),
    Step(
        "compare-checkpoints",
        ("compare", "--part", "validation", "--checkpoint", "malaria-128", "--others", "malaria-64", "--draws", "8"),
        of_checkpoint=False,
    ),
    Step(
        "second-look", ("second-look", "--checkpoint", "malaria-128", "--others", "malaria-64"), of_checkpoint=False
    ),
    Step("robustness", ("robustness", "--part", "test", "--draws", "0", "--cells", "1000", *_CLASSIFIERS)),
    Step(
        "scores-mnist-validation", (*_DIGITS, "--part", "validation", "--cells", "150", "--compared", "4"),
        of_checkpoint=False, data="digits",
    ),
    Step(
        "scores-mnist",
        (*_DIGITS, "--part", "test", "--cells", "300", "--compared", "24",
         "--fit", "{folder}/scores-mnist-validation.json"),
        ("--plot",), of_checkpoint=False, data="digits",
    ),
    Step("few-labels", ("few-labels", "--set", "images=46_080", "--runs", "{folder}/few-labels"), of_checkpoint=False),
    Step(
        "few-labels-mnist",
        ("few-labels", *_SMALL_DIGITS, "--shares", "0.001", "0.01", "0.05", "0.1", "1", "--part", "test",
         "--runs", "{folder}/few-labels-mnist"),
        of_checkpoint=False, data="digits",
    ),
    Step(
        "mnist-usps",
        ("transfer", "--checkpoint", "mnist-28", "--images", "{usps}", "--adapted", "{folder}/mnist-28-on-usps",
         "--number", "60_000"),
        of_checkpoint=False, data="digits",
    ),
    Step(
        "shift",
        ("shift", "--fields", "{fields}", "--images", "{folder}/other-microscope", "--adapted",
         "{folder}/on-other-microscope", "--number", "12_800", "--draws", "8"),
    ),
    Step("ablations", ("ablations", "--runs", "{folder}/ablations"), of_checkpoint=False),
)  # fmt: skip


def make(
    steps: Sequence[Step], checkpoint: Sequence[str], own: Checkpoint, others: Mapping[str, Checkpoint],
    data: Mapping[str, Path], folder: Path, tell: Callable[[str], None],
) -> list[str]:  # fmt: skip
    """Runs the steps that the folder does not hold yet, into NAME.json and NAME.md, and returns the names that failed.

    `own` is the one that the options `checkpoint` name, `others` are those that steps may name themselves: what was
    made with another checkpoint or other arguments is made anew. `data` says where "cells", "digits", "usps" and the
    "fields" of another microscope are; steps whose data it does not have are left out. A step that fails does not keep
    the others from being run; its own last line says why.
    """
    folder.mkdir(parents=True, exist_ok=True)
    failed = []
    made_of = folder / "made-of.json"
    fingerprints = json.loads(made_of.read_text("utf-8")) if made_of.exists() else {}
    for step in (step for step in steps if step.needs <= set(data)):
        wanted = _fingerprint(step, own, others)
        if _is_there(folder, step) and fingerprints.get(step.name) == wanted:
            tell(f"{step.name}: there already")
            continue
        command = ["-m", "training", *step.command(checkpoint, data, folder)]
        tell(f"{step.name}: python {' '.join(command)}")
        done = subprocess.run([sys.executable, *command], stdout=subprocess.PIPE, text=True)
        if done.returncode:
            failed.append(step.name)
            continue
        if step.suffix == ".json":
            replace_file(folder / f"{step.name}.md", lambda path, text=done.stdout: path.write_text(text, "utf-8"))
        fingerprints[step.name] = wanted
        replace_file(made_of, lambda path: path.write_text(json.dumps(fingerprints, indent=1) + "\n", "utf-8"))
    gathered = {name: json.loads((folder / f"{name}.json").read_text("utf-8")) for name in tables(folder)}
    replace_file(folder / "report.json", lambda path: path.write_text(json.dumps(gathered, indent=1) + "\n", "utf-8"))
    return failed


def _fingerprint(step: Step, own: Checkpoint, others: Mapping[str, Checkpoint]) -> str:
    """A digest of a step's arguments and of the checkpoints that it reads, less the figures recorded of them."""
    read = [others[name] for option, name in pairwise(step.arguments) if option in ("--checkpoint", "--others")]
    read += [own] if step.of_checkpoint else []
    facts = [asdict(replace(checkpoint, metrics={}, provenance=None)) for checkpoint in read]
    return hashlib.sha256(json.dumps([step.arguments, facts], sort_keys=True).encode()).hexdigest()


def _is_there(folder: Path, step: Step) -> bool:
    return step.out(folder).exists() and (step.suffix != ".json" or (folder / f"{step.name}.md").exists())


def tables(folder: Path) -> dict[str, str]:
    """What the steps printed, by name, less the files that they name, which are this machine's."""
    found = {}
    for path in sorted(folder.glob("*.md")):
        if path.with_suffix(".json").exists():
            lines = (re.sub(rf"; [^;]*{re.escape(str(folder))}.*$", "", line) for line in _lines(path))
            found[path.stem] = "\n".join(line for line in lines if str(folder) not in line)
    return found


def _lines(path: Path) -> Iterator[str]:
    """The lines of a printed table, with the blank one that Markdown wants before what follows it."""
    previous = ""
    for line in path.read_text("utf-8").strip().splitlines():
        if previous.startswith("|") and line and not line.startswith("|"):
            yield ""
        yield line
        previous = line
