"""The finder's weights, from the manifest: their size and digest, names, shapes and values are checked."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load

from jdm_core.checkpoint.manifest import MANIFEST, read_finders
from jdm_core.checkpoint.weights import CheckpointError, check_tensors, find_inside, verified_bytes
from jdm_core.field.network import MULTIPLE, FinderNetwork

FINDER = "cells"  # the manifest's name of the finder that ships


def load_finder(manifest: Path = MANIFEST) -> FinderNetwork:
    """The finder of a manifest in evaluation mode, fp32 on the CPU. Raises CheckpointError."""
    finders = read_finders(manifest)
    if FINDER not in finders:
        raise CheckpointError(f"{manifest}: no finder {FINDER!r}")
    file = finders[FINDER]
    path = find_inside(manifest.parent, file.path)
    try:
        return build_finder(verified_bytes(path, file))
    except CheckpointError:
        raise
    except ValueError as error:
        raise CheckpointError(f"{path}: does not hold a finder's weights: {error}") from error


def build_finder(data: bytes) -> FinderNetwork:
    """The network of a safetensors file's bytes in evaluation mode, fp32. Raises ValueError for other tensors."""
    try:
        weights = load(data)
    except SafetensorError as error:
        raise ValueError(str(error).splitlines()[0]) from error
    network = FinderNetwork()
    expected = {name: value for name, value in network.state_dict().items() if value.is_floating_point()}
    check_tensors(weights, expected, torch.float16)
    network.load_state_dict({name: value.float() for name, value in weights.items()}, strict=False)
    network.eval().requires_grad_(False)
    maps = network(torch.zeros(1, 3, MULTIPLE, MULTIPLE))
    if not all(bool(values.isfinite().all()) for values in vars(maps).values()):
        raise ValueError("what the network makes of a picture is not finite")
    return network
