"""What a run tells while it goes on: JSON lines, sample sheets, and TensorBoard's events where it is installed."""

import importlib.util
import json
from pathlib import Path
from types import TracebackType

import numpy as np
import torch
from PIL import Image

from jdm_core.files import replace_file
from jdm_core.images.pixels import to_uint8
from jdm_core.model.network import JointDiffusionNetwork
from jdm_core.model.sampling import sample

METRICS_FILE, SHEETS, EVENTS = "metrics.jsonl", "samples", "tensorboard"
PER_CLASS, STEPS = 8, 20  # of a sheet


class RunLog:
    """Writes the figures of a run folder, from a step on: what an unfinished run wrote after it is dropped."""

    def __init__(self, run: Path, step: int) -> None:
        _drop_after(run / METRICS_FILE, step)
        self._run = run
        self._lines = (run / METRICS_FILE).open("a", encoding="utf-8")
        self._events = None
        if importlib.util.find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self._events = SummaryWriter(str(run / EVENTS), purge_step=step + 1)

    def figures(self, step: int, images: int, values: dict[str, float]) -> None:
        """One line of figures, and a point of each curve."""
        self._lines.write(json.dumps({"step": step, "images": images, **values}) + "\n")
        self._lines.flush()
        if self._events:
            for name, value in values.items():
                self._events.add_scalar(name.replace("validation_", "validation/"), value, step)

    def sheet(self, step: int, images: int, sheet: np.ndarray) -> None:
        """A sheet of samples, uint8 (H, W, 3), as a PNG named after the images seen."""
        folder = self._run / SHEETS
        folder.mkdir(exist_ok=True)
        path = folder / f"{images:09d}.png"
        replace_file(path, lambda partial: Image.fromarray(sheet).save(partial, "PNG"))
        if self._events:
            self._events.add_image("samples", sheet, step, dataformats="HWC")

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()
        if self._events:
            self._events.close()


def _drop_after(path: Path, step: int) -> None:
    """Removes the lines of steps that the state had not reached: the resumed run writes them again."""
    if not path.is_file():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line)
        except (json.JSONDecodeError, KeyError):
            continue  # a line cut short when the run was killed
    replace_file(path, lambda partial: partial.write_text("".join(kept), encoding="utf-8"))


def sample_sheet(network: JointDiffusionNetwork, device: torch.device) -> np.ndarray:
    """A row of generated cells for each class, uint8 (K·S, 8·S, 3), from the same seeds every time."""
    classes = network.architecture.classes
    labels = torch.arange(classes, device=device).repeat_interleave(PER_CLASS)
    cells = to_uint8(sample(network, labels, range(len(labels)), STEPS).cpu()).expand(-1, -1, -1, 3)  # gray or not
    rows = cells.unflatten(0, (classes, PER_CLASS))  # (K, 8, S, S, 3)
    sheet = rows.permute(0, 2, 1, 3, 4).flatten(2, 3).flatten(0, 1).numpy()
    return np.ascontiguousarray(sheet)
