"""Weights from a file: what its size, digest, names, shapes and values must be, checked in this order."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor
from torch.overrides import TorchFunctionMode

from jdm_core.bounds import check_digest, check_relative
from jdm_core.checkpoint.hub import HubFile
from jdm_core.files import read_file
from jdm_core.images.refused import on_one_line
from jdm_core.model.architecture import Architecture
from jdm_core.model.network import JointDiffusionNetwork

MAX_WEIGHTS_BYTES = 256 * 2**20
MAX_MESSAGE = 800  # characters: names and values in it may come from anywhere
DTYPES = {"float16": torch.float16, "float32": torch.float32}


class CheckpointError(ValueError):
    """A checkpoint or manifest that cannot be used; the message names the file and the reason, on one short line."""

    def __init__(self, message: str) -> None:
        line = on_one_line(message)
        super().__init__(line if len(line) <= MAX_MESSAGE else f"{line[: MAX_MESSAGE - 1]}…")


@dataclass(frozen=True)
class WeightsFile:
    """A safetensors file beside the manifest, with what its bytes must be; where it is not there, `hub` has it.

    `trained` tells how its weights came about, for a network that has no entry of its own.
    """

    path: str
    bytes: int
    sha256: str
    hub: HubFile | None = None
    trained: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        check_relative("path", self.path)
        check_digest("sha256", self.sha256)
        if not 0 < self.bytes <= MAX_WEIGHTS_BYTES:
            raise ValueError(f"bytes: not within 1 to {MAX_WEIGHTS_BYTES}")


def find_inside(folder: Path, relative: str) -> Path:
    """The path of a file below a folder, links followed; CheckpointError where one leads out of the folder.

    A folder of the hub's cache holds links to the files beside it, which are followed.
    """
    path = folder / relative
    try:
        found, home = path.resolve(), folder.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, names that the system refuses
        raise CheckpointError(f"{path}: cannot be found") from error
    blobs = home.parent.parent / "blobs" if home.parent.name == "snapshots" else home
    if not (found.is_relative_to(home) or found.parent == blobs):
        raise CheckpointError(f"{path}: a link that leads out of {folder}")
    return found


def verified_bytes(path: Path, expected: WeightsFile) -> bytes:
    """The bytes of a file, which are those that were recorded; CheckpointError for others, none of which is parsed."""
    try:
        size = path.stat().st_size if path.is_file() else None
        if size not in (None, expected.bytes):
            raise CheckpointError(f"{path}: {size} bytes, where the manifest says {expected.bytes}")
        data = read_file(path, expected.bytes)
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}") from error
    if hashlib.sha256(data).hexdigest() != expected.sha256:
        raise CheckpointError(f"{path}: its sha256 is not the manifest's: a damaged or exchanged file")
    return data


def build_network(data: bytes, architecture: Architecture, dtype: str) -> JointDiffusionNetwork:
    """The network of a safetensors file's bytes in evaluation mode, fp32 on the CPU.

    Built once names, shapes and dtype are those of the architecture, so that no more is allocated than the file holds.
    Raises ValueError for other tensors, and for weights that make a network whose figures are not finite.
    """
    try:
        weights = load(data)
    except SafetensorError as error:
        raise ValueError(str(error).splitlines()[0]) from error
    with torch.device("meta"), _NoValues():
        expected = JointDiffusionNetwork(architecture).state_dict()
    check_tensors(weights, expected, DTYPES[dtype])
    network = JointDiffusionNetwork(architecture)
    network.load_state_dict({name: value.float() for name, value in weights.items()})
    network.eval().requires_grad_(False)
    _try_out(network)
    return network


class _NoValues(TorchFunctionMode):
    """Passes over what only fills tensors: without memory, it would import torch's compiler, which takes seconds."""

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init":
            return kwargs["tensor"]
        return func(*args, **kwargs | ({"device": "cpu"} if func is torch.linspace else {}))


def check_tensors(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor], dtype: torch.dtype) -> None:
    """Raises ValueError where weights have other names, shapes or numbers than expected, or are not finite."""
    missing, unknown = sorted(expected.keys() - weights.keys()), sorted(weights.keys() - expected.keys())
    if missing or unknown:
        some = [f"no {name}" for name in missing[:2]] + [f"{name[:100]!r} besides" for name in unknown[:2]]
        raise ValueError(f"{len(missing)} tensors are missing and {len(unknown)} unknown: {', '.join(some)}")
    for name, value in weights.items():
        if value.shape != expected[name].shape:
            raise ValueError(f"{name} is {tuple(value.shape)}, where {tuple(expected[name].shape)} is expected")
        wanted = dtype if expected[name].is_floating_point() else expected[name].dtype
        if value.dtype != wanted:
            raise ValueError(f"{name} is {value.dtype}, where {wanted} is expected")
        if not value.isfinite().all():
            raise ValueError(f"{name} is not finite")


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


@torch.inference_mode()
def _try_out(network: JointDiffusionNetwork) -> None:
    """Raises ValueError where weights, each of them finite, overflow together: one picture through every layer."""
    a = network.architecture
    picture = torch.linspace(-1, 1, a.image_size).expand(1, a.image_channels, a.image_size, a.image_size)
    z = network.encode_clean(picture)
    velocity = network.decode(z, torch.zeros(1), torch.zeros(1, dtype=torch.long))
    if not all(figures.isfinite().all() for figures in (*z, velocity, network.classify(z))):
        raise ValueError("what the network makes of a picture is not finite")
