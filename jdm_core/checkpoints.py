"""From the manifest to a verified, loaded model: sizes and digests are checked before a byte is parsed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from jdm_core.diffusion import LOGSNR_MAX, LOGSNR_MIN
from jdm_core.elbo import Window
from jdm_core.familiarity import Familiarity, trait_count
from jdm_core.hub import HubError, HubFile, fetch
from jdm_core.network import Architecture, JointDiffusionNetwork
from jdm_core.records import RecordError, build_record

MANIFEST = Path(__file__).parent.parent / "checkpoints_manifest" / "manifest.json"
FORMAT = 1


class CheckpointError(ValueError):
    """A checkpoint or manifest that cannot be used; the message names the file and the reason."""


@dataclass(frozen=True)
class WeightsFile:
    """A safetensors file beside the manifest, with what its bytes must be; where it is not there, `hub` has it."""

    path: str
    bytes: int
    sha256: str
    hub: HubFile | None = None


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
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict) or set(values) != {"format", "checkpoints"} or values["format"] != FORMAT:
            raise CheckpointError(f"{path}: not a manifest of format {FORMAT}")
        return {
            name: build_record(Checkpoint, entry, f"{path}: {name}") for name, entry in values["checkpoints"].items()
        }
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path}: {error}") from error
    except RecordError as error:
        raise CheckpointError(str(error)) from error


def locate(name: str, manifest: Path = MANIFEST) -> tuple[str, Path]:
    """Name and manifest of what a person calls a checkpoint: a name in `manifest`, or a folder with a manifest of one.

    Raises CheckpointError for a folder whose manifest holds none or several.
    """
    own = Path(name) / MANIFEST.name
    if not own.is_file():
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
    entries = read_manifest(manifest)
    if name not in entries:
        raise CheckpointError(f"{manifest}: no checkpoint {name!r} (known: {', '.join(entries) or 'none'})")
    checkpoint = entries[name]
    weights = checkpoint.files[0]
    path = manifest.parent / weights.path
    if weights.hub is not None and not path.exists():
        try:
            path = fetch(weights.hub.repo, weights.hub.file, weights.hub.revision)
        except HubError as error:
            raise CheckpointError(f"{path}: not here, and {error}") from error
    return load_network(path, checkpoint, name).to(device), checkpoint


def load_network(path: Path, checkpoint: Checkpoint, name: str) -> JointDiffusionNetwork:
    """The network of a checkpoint whose weights lie at `path`, in evaluation mode, fp32 on the CPU.

    Raises CheckpointError for bytes, tensors or shapes that are not the checkpoint's.
    """
    try:
        weights = load(_verified_bytes(path, checkpoint.files[0]))
        network = JointDiffusionNetwork(checkpoint.architecture)
        network.load_state_dict({key: value.float() for key, value in weights.items()})
    except (SafetensorError, RuntimeError) as error:
        raise CheckpointError(f"{path}: does not hold the weights of {name}: {error}") from error
    return network.eval().requires_grad_(False)


def half_weights(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights in fp16, as they are shipped; CheckpointError where one leaves the range of fp16."""
    halves = {name: value.half().contiguous() for name, value in weights.items()}
    for name, value in halves.items():
        if not value.isfinite().all():
            raise CheckpointError(f"{name}: not finite in fp16")
    return halves


def pack_weights(weights: Mapping[str, Tensor]) -> bytes:
    """Weights in fp16 as the bytes of a safetensors file, the same for the same weights; CheckpointError as above."""
    return save(half_weights(weights), metadata={"format": "pt"})  # the order of several entries would be random


def _verified_bytes(path: Path, expected: WeightsFile) -> bytes:
    try:
        size = path.stat().st_size
        if size != expected.bytes:
            raise CheckpointError(f"{path}: {size} bytes, where the manifest says {expected.bytes}")
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}") from error
    if hashlib.sha256(data).hexdigest() != expected.sha256:
        raise CheckpointError(f"{path}: its sha256 is not the manifest's: a damaged or exchanged file")
    return data
