"""One checkpoint as a manifest records it: weights, shape, calibration, figures, and where it comes from."""

import hashlib
import json
from dataclasses import asdict, dataclass
from reprlib import repr as shortened
from typing import Any

from jdm_core.bounds import check_digest, check_labels
from jdm_core.checkpoint.calibration import Calibration, Thresholds
from jdm_core.checkpoint.familiarity import trait_count
from jdm_core.checkpoint.records import build_record
from jdm_core.checkpoint.weights import DTYPES, WeightsFile
from jdm_core.model.architecture import Architecture
from jdm_core.model.diffusion import LOGSNR_MAX, LOGSNR_MIN

FORMAT = 1
RESIZE = "bilinear, antialiased, squashed to a square"
MAX_NAME = 100  # characters


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
    """How a cell becomes the network's input; fixed in `pixels.to_tensor`, stated for other readers."""

    size: int
    resize: str
    range: tuple[float, ...]

    def __post_init__(self) -> None:
        if (self.resize, self.range) != (RESIZE, (-1.0, 1.0)):
            raise ValueError(f"only pictures that are {RESIZE}, in [-1, 1], are known")


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
    thresholds: Thresholds
    metrics: dict[str, Any]
    provenance: Provenance

    @property
    def calibration_sha256(self) -> str:
        """Digest of all that was fitted and decides verdicts beside the weights: calibration and thresholds."""
        fitted = {"calibration": asdict(self.calibration), "thresholds": asdict(self.thresholds)}
        return hashlib.sha256(json.dumps(fitted, sort_keys=True).encode()).hexdigest()

    def __post_init__(self) -> None:
        check_labels(self.labels)
        if self.dtype not in DTYPES:
            raise ValueError(f"dtype: {shortened(self.dtype)} is none of {', '.join(DTYPES)}")
        if self.preprocessing.size != self.architecture.image_size:
            raise ValueError("preprocessing: another size than the architecture's")
        if len(self.labels) != self.architecture.classes:
            raise ValueError(f"{len(self.labels)} labels for {self.architecture.classes} classes")
        if len(self.files) != 1:
            raise ValueError(f"{len(self.files)} files, where one safetensors file is expected")
        known, traits = self.calibration.familiarity, trait_count(len(self.architecture.widths))
        if known is not None and len(known.traits.centre) != traits:
            raise ValueError(f"familiarity: of {len(known.traits.centre)} traits, where the network has {traits}")


def build_checkpoint(values: Any, where: str) -> Checkpoint:
    """A checkpoint from plain values; RecordError, of which `where` opens the message."""
    return build_record(Checkpoint, values, where)
