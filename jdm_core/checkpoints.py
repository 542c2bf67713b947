"""From the manifest to a verified, loaded model.

A manifest may come from anywhere: its words are checked before a file is looked for, a file's size and digest before a
byte of it is parsed, and names, shapes and values of weights before a network is built.
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from reprlib import repr as shortened
from typing import Any, TypeVar

import torch

from jdm_core.bounds import LARGEST, check_digest, check_figure, check_labels, check_temperature
from jdm_core.diffusion import LOGSNR_MAX, LOGSNR_MIN
from jdm_core.elbo import Window
from jdm_core.familiarity import Familiarity, trait_count
from jdm_core.hub import HubError, fetch
from jdm_core.network import Architecture, JointDiffusionNetwork
from jdm_core.records import RecordError, build_record, read_json
from jdm_core.weights import (
    DTYPES,
    CheckpointError,
    WeightsFile,
    build_network,
    find_inside,
    half_weights,
    pack_weights,
    verified_bytes,
)

__all__ = [
    "FORMAT",
    "MANIFEST",
    "RESIZE",
    "THRESHOLDS",
    "WEIGHTS",
    "Calibration",
    "Checkpoint",
    "CheckpointError",
    "DiffusionSettings",
    "Preprocessing",
    "Provenance",
    "WeightsFile",
    "build_checkpoint",
    "check_recorded",
    "choose_device",
    "half_weights",
    "load_checkpoint",
    "load_network",
    "locate",
    "pack_weights",
    "read_classifiers",
    "read_manifest",
]

MANIFEST = Path(__file__).parent.parent / "checkpoints_manifest" / "manifest.json"
FORMAT = 1
RESIZE = "bilinear, antialiased, squashed to a square"
THRESHOLDS = ("unsure_below", "flip_head", "flip_posterior")  # what is read of them here; there may be others
WEIGHTS = "weights"  # the folder beside a manifest
MAX_NAME = 100  # characters
T = TypeVar("T")


@dataclass(frozen=True)
class DiffusionSettings:
    """What the network predicts, and the range of λ that it was trained on."""

    prediction: str
    logsnr_min: float
    logsnr_max: float

    def __post_init__(self) -> None:
        if (self.prediction, self.logsnr_min, self.logsnr_max) != ("v", LOGSNR_MIN, LOGSNR_MAX):
            raise ValueError(f"only v-prediction with log-SNR in [{LOGSNR_MIN}, {LOGSNR_MAX}] is known")


@dataclass(frozen=True)
class Preprocessing:
    """How a cell becomes the network's input; fixed in `cells.to_tensor`, stated for other readers."""

    size: int
    resize: str
    range: tuple[float, ...]

    def __post_init__(self) -> None:
        if (self.resize, self.range) != (RESIZE, (-1.0, 1.0)):
            raise ValueError(f"only pictures that are {RESIZE}, in [-1, 1], are known")


@dataclass(frozen=True)
class Calibration:
    """Fitted on validation slides: the head's temperature, the posterior's τ and b, and the window it reads.

    And what pictures the model knows, None where that was not fitted.
    """

    temperature: float
    posterior_temperature: float
    posterior_bias: float
    window: Window
    familiarity: Familiarity | None = None

    def __post_init__(self) -> None:
        check_temperature("temperature", self.temperature)
        check_temperature("posterior_temperature", self.posterior_temperature)
        check_figure("posterior_bias", self.posterior_bias, -LARGEST, LARGEST)


@dataclass(frozen=True)
class Provenance:
    """Where a checkpoint comes from."""

    source: str
    licence: str
    split_digest: str
    recipe: dict[str, Any]
    commit: str
    device: str
    seconds: float
    images: int
    seed: int

    def __post_init__(self) -> None:
        check_digest("split_digest", self.split_digest)
        if self.seconds < 0 or self.images < 0:
            raise ValueError("seconds and images are not below 0")


@dataclass(frozen=True)
class Checkpoint:
    """One entry of the manifest."""

    version: int
    files: tuple[WeightsFile, ...]
    dtype: str
    architecture: Architecture
    diffusion: DiffusionSettings
    preprocessing: Preprocessing
    labels: tuple[str, ...]
    calibration: Calibration
    thresholds: dict[str, float]
    metrics: dict[str, Any]
    provenance: Provenance

    @property
    def calibration_sha256(self) -> str:
        """Digest of all that was fitted and decides verdicts beside the weights: calibration and thresholds."""
        fitted = {"calibration": asdict(self.calibration), "thresholds": dict(self.thresholds)}
        return hashlib.sha256(json.dumps(fitted, sort_keys=True).encode()).hexdigest()

    def __post_init__(self) -> None:
        check_labels(self.labels)
        if self.dtype not in DTYPES:
            raise ValueError(f"dtype: {shortened(self.dtype)} is none of {', '.join(DTYPES)}")
        if self.preprocessing.size != self.architecture.image_size:
            raise ValueError("preprocessing: another size than the architecture's")
        for threshold in THRESHOLDS:
            if threshold not in self.thresholds:
                raise ValueError(f"thresholds: missing key {threshold!r}")
            check_figure(f"thresholds: {threshold}", self.thresholds[threshold], 0, 1)
        if len(self.labels) != self.architecture.classes:
            raise ValueError(f"{len(self.labels)} labels for {self.architecture.classes} classes")
        if len(self.files) != 1:
            raise ValueError(f"{len(self.files)} files, where one safetensors file is expected")
        known, traits = self.calibration.familiarity, trait_count(len(self.architecture.widths))
        if known is not None and len(known.traits.centre) != traits:
            raise ValueError(f"familiarity: of {len(known.traits.centre)} traits, where the network has {traits}")


def choose_device(name: str) -> torch.device:
    """A torch device of that name; "auto" takes cuda, then mps, then cpu. ValueError for an unusable one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device {name!r} cannot be used here: {str(error).splitlines()[0]}") from error
    return device


def read_manifest(path: Path = MANIFEST) -> dict[str, Checkpoint]:
    """Every checkpoint of a manifest, by name; CheckpointError where the manifest is not one."""
    return _read(path, "checkpoints", build_checkpoint)


def read_classifiers(path: Path = MANIFEST) -> dict[str, WeightsFile]:
    """The files of classifiers, such as the judge, that a manifest records beside its checkpoints, by name.

    CheckpointError where the manifest is not one.
    """
    return _read(path, "classifiers", lambda values, where: build_record(WeightsFile, values, where))


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


def build_checkpoint(values: Any, where: str) -> Checkpoint:
    """A checkpoint from plain values; RecordError, of which `where` opens the message."""
    return build_record(Checkpoint, values, where)


def _read(path: Path, part: str, build: Callable[[Any, str], T]) -> dict[str, T]:
    try:
        values = read_json(path)
        known = set(values) - {"classifiers"} == {"format", "checkpoints"} and values["format"] == FORMAT
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
