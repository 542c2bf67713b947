"""From the manifest to a verified, loaded model.

A manifest may come from anywhere: its words are checked before a file is looked for, a file's size and digest before a
byte of it is parsed, and names, shapes and values of weights before a network is built.
"""

import os
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from reprlib import repr as shortened
from typing import Any, TypeVar

import torch

from jdm_core.checkpoint.entry import FORMAT, MAX_NAME, Checkpoint, build_checkpoint
from jdm_core.checkpoint.hub import HubError, fetch
from jdm_core.checkpoint.records import RecordError, build_record, read_json
from jdm_core.checkpoint.weights import (
    CheckpointError,
    WeightsFile,
    build_network,
    find_inside,
    verified_bytes,
)
from jdm_core.model.network import JointDiffusionNetwork

MANIFEST = Path(str(files("checkpoints_manifest") / "manifest.json"))
DEFAULT_CHECKPOINT = "malaria-64"  # what answers where none is named
WEIGHTS = "weights"  # the folder beside a manifest
T = TypeVar("T")


def read_manifest(path: Path = MANIFEST) -> dict[str, Checkpoint]:
    """Every checkpoint of a manifest, by name; CheckpointError where the manifest is not one."""
    return _read(path, "checkpoints", build_checkpoint)


def read_classifiers(path: Path = MANIFEST) -> dict[str, WeightsFile]:
    """The files of classifiers, such as the judge, that a manifest records beside its checkpoints, by name.

    CheckpointError where the manifest is not one.
    """
    return _read(path, "classifiers", lambda values, where: build_record(WeightsFile, values, where))


def read_finders(path: Path = MANIFEST) -> dict[str, WeightsFile]:
    """The files of networks that find cells in fields, that a manifest records beside its checkpoints, by name.

    CheckpointError where the manifest is not one.
    """
    return _read(path, "finders", lambda values, where: build_record(WeightsFile, values, where))


def check_recorded(path: Path) -> None:
    """Raises CheckpointError for a classifier's file in the `weights` of a manifest that is not the recorded one.

    A file anywhere else is its owner's, and nothing is known of it.
    """
    path = path.resolve()
    manifest = path.parent.parent / MANIFEST.name
    if path.parent.name != WEIGHTS or not manifest.is_file():
        return
    relative = path.relative_to(manifest.parent).as_posix()
    recorded = [file for file in read_classifiers(manifest).values() if file.path == relative]
    if not recorded:
        raise CheckpointError(f"{path}: {manifest} records no classifier of this name")
    verified_bytes(path, recorded[0])


def _read(path: Path, part: str, build: Callable[[Any, str], T]) -> dict[str, T]:
    try:
        values = read_json(path)
        known = set(values) - {"classifiers", "finders"} == {"format", "checkpoints"} and values["format"] == FORMAT
        entries = values.get(part, {})
        if not known or isinstance(values["format"], bool) or not isinstance(entries, dict):
            raise CheckpointError(f"{path}: not a manifest of format {FORMAT}")
        for name in entries:
            if not (0 < len(name) <= MAX_NAME and name.isprintable()):
                raise CheckpointError(f"{path}: {shortened(name)} is not a name")
        return {name: build(entry, f"{path}: {name}") for name, entry in entries.items()}
    except RecordError as error:
        raise CheckpointError(str(error)) from error


def locate(name: str, manifest: Path = MANIFEST) -> tuple[str, Path]:
    """Name and manifest of what a person calls a checkpoint: a name in `manifest`, or a folder with a manifest of one.

    Raises CheckpointError for a folder whose manifest holds none or several.
    """
    own = Path(name) / MANIFEST.name
    if not os.path.isfile(own):  # unlike Path.is_file, answers False for a name that the system refuses
        return name, manifest
    names = list(read_manifest(own))
    if len(names) != 1:
        raise CheckpointError(f"{own}: {len(names)} checkpoints, where a folder stands for one")
    return names[0], own


def load_checkpoint(
    name: str, device: torch.device, manifest: Path = MANIFEST
) -> tuple[JointDiffusionNetwork, Checkpoint]:
    """The network of a manifest entry in evaluation mode, fp32 on `device`, and the entry.

    Raises CheckpointError for an unknown name, a file that is missing or cannot be fetched, and bytes, tensors or
    shapes that do not match.
    """
    manifest = Path(manifest)
    entries = read_manifest(manifest)
    if name not in entries:
        raise CheckpointError(f"{manifest}: no checkpoint {shortened(name)} (known: {', '.join(entries) or 'none'})")
    checkpoint = entries[name]
    weights = checkpoint.files[0]
    path = find_inside(manifest.parent, weights.path)
    if weights.hub is not None and not path.exists():
        try:
            path = fetch(weights.hub.repo, weights.hub.file, weights.bytes, weights.hub.revision)
        except HubError as error:
            raise CheckpointError(f"{path}: not here, and {error}") from error
    return load_network(path, checkpoint, name).to(device), checkpoint


def load_network(path: Path, checkpoint: Checkpoint, name: str) -> JointDiffusionNetwork:
    """The network of a checkpoint whose weights lie at `path`, in evaluation mode, fp32 on the CPU.

    Raises CheckpointError for bytes, tensors, shapes or values that are not the checkpoint's.
    """
    try:
        return build_network(verified_bytes(path, checkpoint.files[0]), checkpoint.architecture, checkpoint.dtype)
    except CheckpointError:
        raise
    except ValueError as error:
        raise CheckpointError(f"{path}: does not hold the weights of {name}: {error}") from error
