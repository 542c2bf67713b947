"""A target that loads checkpoints from elsewhere: folders and manifests whose words and weights are spoiled."""

import hashlib
import json
import random
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.fuzz.damage import damaged
from benchmarks.fuzz.values import spoiled, text
from jdm_core import CheckpointError, Explainer
from jdm_core.checkpoint.entry import FORMAT
from jdm_core.checkpoint.manifest import read_manifest
from jdm_core.checkpoint.pretrained import CONFIG, WEIGHTS, save_pretrained
from jdm_core.model.network import JointDiffusionNetwork

NAME = "malaria-64"
SIZE = 16
TINY = {"image_size": SIZE, "widths": (16, 32), "blocks": (1, 1), "attention": (1,), "embedding": 32, "head_widths": ()}
SPECIAL = (float("nan"), float("inf"), -float("inf"), 6e4, -6e4, 0.0)


class Checkpoints:
    """Loads a checkpoint both ways and asks it for one prediction, which must be one."""

    def __init__(self, folder: Path) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(0)
        shipped = read_manifest()[NAME]
        architecture = replace(shipped.architecture, **TINY)
        calibration = replace(shipped.calibration, familiarity=None)
        checkpoint = replace(
            shipped,
            architecture=architecture,
            calibration=calibration,
            metrics={},
            preprocessing=replace(shipped.preprocessing, size=SIZE),
        )
        self._folder, self._manifest = folder, folder / "manifest.json"
        save_pretrained(JointDiffusionNetwork(architecture), checkpoint, NAME, folder)
        self._config = json.loads((folder / CONFIG).read_text())
        self._weights = (folder / WEIGHTS).read_bytes()

    def make(self, rng: random.Random) -> bytes:
        """The length of the words, the words, and the weights; either is spoiled, or both are."""
        config, weights = json.loads(json.dumps(self._config)), self._weights
        if rng.random() < 0.5:
            weights = _other_weights(weights, rng)
        honest = {"path": WEIGHTS, "bytes": len(weights), "sha256": hashlib.sha256(weights).hexdigest()}
        config["files"] = [honest | {"hub": None}]  # so that it is the reading of weights that is tried
        if rng.random() < 0.7:
            config = spoiled(config, rng)
            words = text(config, rng)
        else:
            words = json.dumps(config).encode()
        return struct.pack("<I", len(words)) + words + weights

    def read(self, data: bytes) -> str:
        (length,) = struct.unpack_from("<I", data)
        words = data[4 : 4 + length]
        (self._folder / CONFIG).write_bytes(words)
        (self._folder / WEIGHTS).write_bytes(data[4 + length :])
        entry = words.replace(b'"format": 1, "name": "malaria-64", ', b"", 1)
        self._manifest.write_bytes(b'{"format": %d, "checkpoints": {"%s": %b}}' % (FORMAT, NAME.encode(), entry))
        return max(self._asked(folder=True), self._asked(folder=False), key=("refused", "read").index)

    def _asked(self, folder: bool) -> str:
        try:
            load = Explainer.from_pretrained if folder else Explainer.load
            explainer = load(str(self._folder), "cpu")
        except CheckpointError as error:
            if len(str(error)) > 2000:
                raise ValueError(f"a reason of {len(str(error))} characters") from error
            return "refused"
        size = explainer.size
        probabilities = explainer.predict(np.full((size, size, 3), 200, np.uint8)).probabilities
        if not np.isfinite(probabilities).all() or not np.allclose(probabilities.sum(1), 1, atol=1e-3):
            raise ValueError(f"believes in probabilities {probabilities.tolist()}")
        return "read"


@contextmanager
def checkpoints_target() -> Iterator[Checkpoints]:
    """Spoiled checkpoints of a tiny network."""
    with tempfile.TemporaryDirectory() as folder:
        yield Checkpoints(Path(folder))


def _other_weights(weights: bytes, rng: random.Random) -> bytes:
    """Damaged anywhere, in the header, in its JSON, or in the values alone."""
    (length,) = struct.unpack_from("<Q", weights)
    header, values = weights[8 : 8 + length], bytearray(weights[8 + length :])
    how = rng.randrange(4)
    if how == 0:
        return damaged([weights], rng)
    if how == 1:
        number = rng.choice((0, 1, 2**20, 2**31, 2**63, 2**64 - 1, length - 1, length + 1))
        return struct.pack("<Q", number) + weights[8:]
    if how == 2:
        words = text(spoiled(json.loads(header), rng), rng)
        return struct.pack("<Q", len(words)) + words + values
    for _ in range(rng.choice((1, 1, 1000))):
        struct.pack_into("<e", values, 2 * rng.randrange(len(values) // 2), rng.choice(SPECIAL))
    return weights[: 8 + length] + bytes(values)
