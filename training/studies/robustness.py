"""Verdicts of a joint model and of classifiers alone on corrupted cells."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from tqdm import tqdm

from jdm_core import Explainer
from jdm_core.images.pixels import cell_mask, from_uint8
from training.data.cells import squares
from training.data.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from training.data.members import choose_members, chunks, read_all, slide_of
from training.metrics import accuracy, sample
from training.run.classifier import CHOOSER
from training.run.recipe import part_of
from training.studies.study import Findings, Inputs, Study, digests
from training.studies.verdicts import accuracy_gain, gather_verdicts, verdict_figures
from training.tables import Figure, Table

CHUNK = 16  # cells, each of which becomes nineteen pictures


def conditions(cell: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """`cell` uint8 (H, W, 3) as it is, then under each severity of each corruption."""
    mask = cell_mask(from_uint8(torch.from_numpy(cell)[None]))[0].numpy()
    yield cell
    for name in CORRUPTIONS:
        for severity in SEVERITIES:
            yield corrupt(cell, mask, name, severity, seed)


def groups() -> dict[str, slice]:
    """The places among the `conditions` of clean cells, of all corruptions, and of each one's severities."""
    count = len(SEVERITIES)
    each = {name: slice(1 + i * count, 1 + (i + 1) * count) for i, name in enumerate(CORRUPTIONS)}
    return {"clean": slice(0, 1), "corrupted": slice(1, None), **each}


def robustness(
    explainer: Explainer,
    classifiers: Sequence[Path],
    data: Path,
    keep: Callable[[str], bool] | None,
    count: int | None,
    draws: int,
    seed: int,
) -> dict[str, object]:
    """Figures of every verdict on clean and on corrupted cells, averaged over conditions; plain JSON values.

    `count` cells drawn by `seed`, or all, of the slides that `keep` wants, are corrupted at their own resolution, as
    a user's would come, and then squashed.
    """
    found = choose_members(data, explainer.labels, keep)
    chosen = sorted(np.random.default_rng(seed).permutation(len(found))[:count].tolist())
    names, labels = [found[i][0] for i in chosen], np.array([found[i][1] for i in chosen])
    slides = [slide_of(name) for name in names]
    cells = read_all(data, names)

    verdicts = gather_verdicts(explainer, classifiers, draws, seed)
    parts: dict[str, list[np.ndarray]] = {name: [] for name in verdicts}
    for part in tqdm(chunks(len(cells), CHUNK), desc="corrupting", unit="batch"):
        chunk = cells[part]
        x = squares([picture for cell in chunk for picture in conditions(cell, seed)], explainer.size)
        for name, verdict in verdicts.items():
            p = verdict.read(x)
            parts[name].append(p.reshape(len(chunk), -1, p.shape[1]))
    read = {name: np.concatenate(chunks) for name, chunks in parts.items()}  # (N, J, K) for J conditions

    figures: dict[str, dict[str, Any]] = {}
    for name, verdict in verdicts.items():
        figures[name] = {"temperature": verdict.temperature}
        for group, places in groups().items():
            p = read[name][:, places]
            figures[name][group] = {
                **verdict_figures(verdict, p, labels, slides),
                **({} if name == "head" else accuracy_gain(p, read["head"][:, places], labels, slides)),
            }
            if group in CORRUPTIONS:
                by_severity = [round(accuracy(p[:, j], labels), 5) for j in range(len(SEVERITIES))]
                figures[name][group]["accuracy_by_severity"] = by_severity
    return {
        "checkpoint": explainer.name,
        "sha256": explainer.sha256,
        "n": len(cells),
        "slides": len(set(slides)),
        "draws": draws,
        "seed": seed,
        "strengths": {name: strengths for name, (_, strengths) in CORRUPTIONS.items()},
        "verdicts": figures,
    }


@dataclass(frozen=True)
class Robustness(Study):
    """Verdicts on corrupted cells."""

    cells: int = 1000
    draws: int = 0  # of the posterior; 0 leaves it out

    name = "robustness"
    title = "Corrupted cells"
    question = "How much accuracy does each classifier lose when the picture of a cell gets worse?"
    setup = """1,000 test cells, clean and under six corruptions of three severities each: out of focus, short
        exposure, JPEG, a brighter or darker lamp, more or less stain, a stain of another hue
        (`training/data/corruptions.py`). Cells are corrupted at their own resolution and then scaled down, as a user's
        picture would be. The columns of single corruptions are accuracies over the three severities. *Less the
        classifier* is the paired difference. A resampled calibration error (ECE) is larger than the error itself, so
        its intervals lie above it."""
    conclusion = """The joint model's classifier loses five cells in a thousand on average, nearly all of them to the
        noise of a short exposure, which its training does not show it. Blur, JPEG, lamp and stain cost it next to
        nothing. It holds out better than the residual judge and than either plain CNN, by intervals that do not hold 0,
        and again the noise parts them: 0.946 for the joint model, 0.906 for the CNN that met other microscopes, 0.810
        for the one that did not. An encoder that learnt to denoise may be why; so may its size, which was not varied
        here."""
    concluded_on: ClassVar = {"malaria-64": 8}

    def facts(self, inputs: Inputs) -> Sequence[object]:
        """Which classifiers stand beside it decides the figures too."""
        return digests([CHOOSER, *inputs.plain_cnns])

    def measure(self, inputs: Inputs) -> Findings:
        """Reads every cell nineteen times by every verdict."""
        explainer, data = inputs.load(), inputs.data["cells"]
        rivals = [CHOOSER, *inputs.plain_cnns]
        keep, test_set = part_of(explainer, data, "test")
        measured = robustness(explainer, rivals, data, keep, self.cells, self.draws, inputs.seed)
        return Findings([self.table(measured)], f"{sample(measured)} ({test_set})", measured)

    def table(self, measured: Mapping[str, Any]) -> Table:
        """A row a verdict."""
        columns = ("accuracy", "accuracy_gain", "auroc", "ece", "ece_uncalibrated")
        header = ("", "clean", "corrupted", "less the head", "AUROC", "ECE", "ECE uncalibrated", *CORRUPTIONS)
        return Table.make(
            header,
            [
                [
                    name,
                    Figure.of(f["clean"], "accuracy"),
                    *(Figure.of(f["corrupted"], column) for column in columns),
                    *(Figure.of(f[corruption], "accuracy") for corruption in CORRUPTIONS),
                ]
                for name, f in measured["verdicts"].items()
            ],
        )
