"""python -m training export: a run's averaged weights as fp16 safetensors, and its entry in the manifest."""

import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from jdm_core.checkpoint.calibration import Calibration, Thresholds
from jdm_core.checkpoint.entry import FORMAT, RESIZE, Checkpoint
from jdm_core.checkpoint.familiarity import Familiarity
from jdm_core.checkpoint.manifest import (
    MANIFEST,
    WEIGHTS,
    load_checkpoint,
    read_classifiers,
    read_finders,
    read_manifest,
)
from jdm_core.checkpoint.red_cells import RedCells
from jdm_core.checkpoint.weights import CheckpointError, half_weights, pack_weights
from jdm_core.files import replace_file
from jdm_core.images.colours import Colours
from jdm_core.model.diffusion import LOGSNR_MAX, LOGSNR_MIN
from jdm_core.model.network import JointDiffusionNetwork
from training.metrics import without_nan
from training.run.state import RunState, averaged_weights

MAX_BYTES = 16 * 2**20
PARTS = ("checkpoints", "classifiers", "finders")  # of a manifest
# What a verdict or an edit must reach; the first is chosen anew on the validation slides of every checkpoint that can
# keep a promise (`training.publish.fits.promise`), the second of every one (`training.publish.fits.sureness`).
THRESHOLDS = Thresholds(unsure_below=0.8, flip_head=0.9, flip_posterior=0.5)


def rounded_weights(state: RunState) -> dict[str, torch.Tensor]:
    """The averaged weights in fp16, as they are shipped; CheckpointError where one leaves the range of fp16."""
    return half_weights(averaged_weights(state))


def rounded_network(state: RunState, device: torch.device) -> JointDiffusionNetwork:
    """The network as a user will load it: fp16 weights computed in fp32. Calibration must see this one."""
    network = JointDiffusionNetwork(state.recipe.architecture)
    network.load_state_dict({name: value.float() for name, value in rounded_weights(state).items()})
    return network.to(device).eval().requires_grad_(False)


def standing(state: RunState) -> Checkpoint | None:
    """The checkpoint that a run started from, where encoder and decoder still equal that one's."""
    if not state.recipe.start_from:
        return None
    started, checkpoint = load_checkpoint(state.recipe.start_from, torch.device("cpu"))
    theirs, ours = (
        {name: value.float() for name, value in weights.items() if not name.startswith("head.")}
        for weights in (started.state_dict(), rounded_weights(state))
    )
    same = theirs.keys() == ours.keys() and all(torch.equal(theirs[name], ours[name]) for name in theirs)
    return checkpoint if same else None


def export(
    state: RunState,
    calibration: Calibration,
    thresholds: Thresholds,
    name: str,
    manifest: Path,
    device: str,
    metrics: Mapping[str, Any],
) -> Path:
    """Writes weights/NAME.safetensors beside the manifest and then the manifest's entry; returns the weights' path."""
    data = pack_weights(averaged_weights(state))
    if len(data) > MAX_BYTES:
        raise CheckpointError(f"{name}: {len(data)} bytes of weights, more than {MAX_BYTES}")
    entries = _recorded(manifest, "checkpoints")
    recipe = state.recipe
    entries[name] = {
        "version": entries.get(name, {}).get("version", 0) + 1,
        "files": [
            {"path": f"weights/{name}.safetensors", "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        ],
        "dtype": "float16",
        "architecture": asdict(recipe.architecture),
        "diffusion": {"prediction": "v", "logsnr_min": LOGSNR_MIN, "logsnr_max": LOGSNR_MAX},
        "preprocessing": {
            "size": recipe.architecture.image_size,
            "resize": RESIZE,
            "range": [-1.0, 1.0],
        },
        "labels": recipe.labels,
        "calibration": asdict(calibration),
        "thresholds": asdict(thresholds),
        "metrics": dict(metrics),
        "provenance": {
            "source": recipe.source,
            "licence": recipe.licence,
            "split_digest": state.split_digest,
            "recipe": recipe.as_dict(),
            "commit": current_commit(),
            "device": device,
            "seconds": round(state.seconds, 1),
            "images": state.step * recipe.batch_size,
            "seed": recipe.seed,
        },
    }
    path = manifest.parent / "weights" / f"{name}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, lambda partial: partial.write_bytes(data))
    write_manifest(manifest, entries)
    return path


def write_manifest(manifest: Path, entries: Mapping[str, Any]) -> None:
    """Writes the manifest's checkpoints atomically; the other networks that it records stay."""
    _write(manifest, {"checkpoints": entries})


def record_classifier(path: Path) -> None:
    """Puts a classifier's file into the manifest in whose `weights` it lies, if it lies in one's."""
    _record(path, "classifiers")


def record_finder(path: Path, trained: Mapping[str, Any]) -> None:
    """Puts a finder's file, and how it was trained, into the manifest in whose `weights` it lies, if in one's."""
    _record(path, "finders", {"trained": dict(trained)})


def _record(path: Path, part: str, more: Mapping[str, Any] | None = None) -> None:
    manifest = path.resolve().parent.parent / MANIFEST.name
    if path.resolve().parent.name != WEIGHTS or not manifest.is_file():
        return
    data = path.read_bytes()
    entries = _recorded(manifest, part)
    entries[path.stem] = {
        "path": f"{WEIGHTS}/{path.name}",
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        **(more or {}),
    }
    _write(manifest, {part: entries})


def _recorded(manifest: Path, part: str) -> dict[str, Any]:
    if not manifest.is_file():
        return {}
    read_manifest(manifest)  # refuse to add to a broken one
    read_classifiers(manifest)
    read_finders(manifest)
    return json.loads(manifest.read_text(encoding="utf-8")).get(part, {})


def _write(manifest: Path, changed: Mapping[str, Any]) -> None:
    """Writes the parts that changed, and the others as they are."""
    parts = {part: _recorded(manifest, part) for part in PARTS if part not in changed} | dict(changed)
    values = {"format": FORMAT} | {name: parts[name] for name in PARTS if parts[name] or name == PARTS[0]}
    text = json.dumps(values, indent=2) + "\n"
    replace_file(manifest, lambda partial: partial.write_text(text, encoding="utf-8"))


def record_metrics(
    manifest: Path,
    name: str,
    figures: Mapping[str, Any],
    fitted: Mapping[str, Familiarity | Colours | RedCells | None] | None = None,
) -> None:
    """Adds measured figures, which say the set that they were measured on, to the metrics of the manifest's entry.

    With them goes what was fitted for them, by its name in the calibration.
    """
    entries = _recorded(manifest, "checkpoints")
    entries[name]["metrics"] |= without_nan(figures)
    for part, values in (fitted or {}).items():
        entries[name]["calibration"][part] = None if values is None else asdict(values)
    write_manifest(manifest, entries)


def record_calibration(manifest: Path, name: str, calibration: Calibration, thresholds: Thresholds) -> None:
    """Puts a new calibration and its thresholds into the manifest's entry, as its next version.

    What is familiar and the training cells' colours stay; other figures were measured with what was fitted before, and
    go.
    """
    entries = _recorded(manifest, "checkpoints")
    entry = entries[name]
    fitted = {
        key: value for key, value in asdict(calibration).items() if key not in ("familiarity", "colours", "red_cells")
    }
    entry["calibration"] |= fitted
    entry["thresholds"] = asdict(thresholds)
    entry["metrics"] = {key: figures for key, figures in entry["metrics"].items() if key == "familiarity"}
    entry["version"] += 1
    write_manifest(manifest, entries)


def record_thresholds(manifest: Path, name: str, thresholds: Thresholds) -> None:
    """Puts thresholds into the manifest's entry; `edits --record` measures anew what passes an edit's check then."""
    entries = _recorded(manifest, "checkpoints")
    entries[name]["thresholds"] = asdict(thresholds)
    write_manifest(manifest, entries)


def current_commit() -> str:
    """The commit of the code, "unknown" outside a checkout."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
