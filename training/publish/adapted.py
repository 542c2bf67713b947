"""python -m training adapt: what fine-tuning on cells without labels makes of a checkpoint, written as one."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from jdm_core import CheckpointError, Explainer
from jdm_core.checkpoint.entry import Checkpoint
from jdm_core.checkpoint.manifest import MANIFEST, load_checkpoint, locate
from jdm_core.checkpoint.weights import pack_weights
from jdm_core.files import replace_file
from training.publish.export import current_commit, write_manifest
from training.run.adapt import Adaptation, Adapted, adapt
from training.run.recipe import recipe_from_dict
from training.run.state import StateError


def adapt_checkpoint(name: str, manifest: Path, wanted: Adaptation) -> tuple[Path, Adapted]:
    """Adapts checkpoint `name` as `training.run.adapt.adapt` does, and writes what there is then as a checkpoint.

    RUN/manifest.json has the one entry, RUN/weights/NAME.safetensors the average in fp16; RUN's state goes on with
    `resume`. Raises CheckpointError, DataError, StateError for a run that holds a checkpoint, and NonFiniteLoss.
    """
    run = wanted.run
    if not wanted.resume and (run / MANIFEST.name).exists():
        raise StateError(f"{run}: holds a checkpoint already; --resume goes on with it, another --run starts a new one")
    network, checkpoint = load_checkpoint(name, wanted.device, manifest)
    source = recipe_from_dict(checkpoint.provenance.recipe, f"{name}: recipe")
    adapted = adapt(network, source, _origin(checkpoint), wanted)
    path = run / "weights" / f"{name}.safetensors"
    if adapted.leads:
        _save(adapted, name, manifest, checkpoint, wanted)
    return path, adapted


def complete_adaptation(
    explainer: Explainer, manifest: Path, folder: Path, run: Path, images: int, seed: int
) -> Explainer:
    """The checkpoint of a run that adapted `explainer` to the images of a folder; adapted first unless it is there."""
    if not (run / MANIFEST.name).exists():
        adapt_checkpoint(*locate(explainer.name, manifest), Adaptation(folder, run, images, seed, explainer.device))
    return load_adapted(str(run), explainer)


def load_adapted(run: str, source: Explainer) -> Explainer:
    """The checkpoint of a run that adapted `source`; CheckpointError for another, or an earlier version of it."""
    explainer = Explainer.load(run, str(source.device))
    if _origin(source.checkpoint) not in explainer.checkpoint.provenance.source:
        raise CheckpointError(f"{run}: not adapted from {source.name} as it is now; adapt that into another folder")
    return explainer


def _save(adapted: Adapted, name: str, manifest: Path, checkpoint: Checkpoint, wanted: Adaptation) -> None:
    """Writes the weights and, last, a manifest with the source's entry, changed where these weights are others.

    Calibration but for what is familiar, thresholds and the recipe, which says how NIH was split, stay; figures were
    measured on other weights.
    """
    folder, run = wanted.folder.resolve().name, wanted.run
    before, data = checkpoint.provenance, pack_weights(adapted.average.state_dict())
    digest = hashlib.sha256(data).hexdigest()
    provenance = asdict(before) | {
        "source": (
            f"{before.source}; then {adapted.found} images of {folder!r} without labels, by the diffusion "
            f"loss alone ({adapted.seen} seen, learning rate {adapted.recipe.learning_rate}, "
            f"seed {adapted.recipe.seed}), "
            f"from {name} {_origin(checkpoint)}"
        ),
        "licence": f"{before.licence}; images of {folder!r} under their owner's terms",
        "commit": current_commit(),
        "device": wanted.device.type,
        "seconds": round(before.seconds + adapted.seconds, 1),
        "images": before.images + adapted.seen,
    }
    entry = json.loads(manifest.read_text(encoding="utf-8"))["checkpoints"][name] | {
        "files": [{"path": f"weights/{name}.safetensors", "bytes": len(data), "sha256": digest}],
        "metrics": {},
        "provenance": provenance,
    }
    entry["calibration"] |= {"familiarity": None, "colours": None}  # fitted on what other weights make of other cells
    path = run / "weights" / f"{name}.safetensors"
    path.parent.mkdir(exist_ok=True)
    replace_file(path, lambda partial: partial.write_bytes(data))
    write_manifest(run / MANIFEST.name, {name: entry})


def _origin(checkpoint: Checkpoint) -> str:
    """How a provenance names what was adapted."""
    return f"version {checkpoint.version}, sha256 {checkpoint.files[0].sha256[:12]}"
