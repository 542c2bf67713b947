"""python -m training robustness: verdicts of a joint model and of classifiers alone on corrupted cells."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from jdm_core import CellImageError, Explainer
from jdm_core.cells import cell_mask, from_uint8
from training.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from training.data import choose_members, read_members, slide_of, unreadable
from training.metrics import accuracy
from training.studies.verdicts import accuracy_gain, gather_verdicts, squares, verdict_figures

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
    explainer: Explainer, classifiers: Sequence[Path], data: Path, keep: Callable[[str], bool] | None,
    count: int | None, draws: int, seed: int,
) -> dict[str, object]:  # fmt: skip
    """Figures of every verdict on clean and on corrupted cells, averaged over conditions; plain JSON values.

    `count` cells drawn by `seed`, or all, of the slides that `keep` wants, are corrupted at their own resolution, as
    a user's would come, and then squashed.
    """
    found = choose_members(data, explainer.labels, keep)
    chosen = sorted(np.random.default_rng(seed).permutation(len(found))[:count].tolist())
    names, labels = [found[i][0] for i in chosen], np.array([found[i][1] for i in chosen])
    slides = [slide_of(name) for name in names]
    cells = list(read_members(data, names))
    if bad := [cell for cell in cells if isinstance(cell, CellImageError)]:
        raise unreadable(data, bad)

    verdicts = gather_verdicts(explainer, classifiers, draws, seed)
    parts: dict[str, list[np.ndarray]] = {name: [] for name in verdicts}
    for start in tqdm(range(0, len(cells), CHUNK), desc="corrupting", unit="batch"):
        chunk = cells[start : start + CHUNK]
        x = squares([picture for cell in chunk for picture in conditions(cell, seed)], explainer.size)
        for name, verdict in verdicts.items():
            p = verdict.read(x)
            parts[name].append(p.reshape(len(chunk), -1, p.shape[1]))
    read = {name: np.concatenate(chunks) for name, chunks in parts.items()}  # (N, J, K) for J conditions

    figures: dict[str, object] = {}
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
