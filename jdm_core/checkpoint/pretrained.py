"""A checkpoint as a folder of its own, as the Hugging Face hub lays models out: config.json, weights and model card."""

import hashlib
import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from reprlib import repr as shortened

import torch

from jdm_core.checkpoint.card import model_card
from jdm_core.checkpoint.entry import FORMAT, MAX_NAME, Checkpoint, build_checkpoint
from jdm_core.checkpoint.hub import HubError, fetch
from jdm_core.checkpoint.manifest import load_network
from jdm_core.checkpoint.records import MAX_JSON_BYTES, RecordError, read_json
from jdm_core.checkpoint.weights import CheckpointError, WeightsFile, find_inside, pack_weights
from jdm_core.files import replace_file
from jdm_core.model.network import JointDiffusionNetwork

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"


def save_pretrained(network: JointDiffusionNetwork, checkpoint: Checkpoint, name: str, folder: Path) -> None:
    """Writes the network's weights in fp16, everything else that the checkpoint holds, and a card.

    A card that is there stays, so that one written by hand is not lost. Raises CheckpointError for weights that fp16
    cannot hold, OSError.
    """
    data = pack_weights(network.state_dict())
    weights = WeightsFile(WEIGHTS, len(data), hashlib.sha256(data).hexdigest())
    saved = replace(checkpoint, files=(weights,), dtype="float16")
    values = {"format": FORMAT, "name": name, **asdict(saved)}
    texts = {CARD: model_card(name, saved), CONFIG: json.dumps(values, indent=2) + "\n"}
    if (folder / CARD).exists():
        del texts[CARD]
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / WEIGHTS, lambda partial: partial.write_bytes(data))
    for file, text in texts.items():
        replace_file(folder / file, lambda partial, text=text: partial.write_text(text, encoding="utf-8"))


def load_pretrained(
    source: str | Path, device: torch.device, revision: str | None = None
) -> tuple[JointDiffusionNetwork, Checkpoint, str]:
    """The network on `device`, checkpoint and name that a folder holds, or "owner/name" on the hub at a revision.

    Raises CheckpointError as `load_checkpoint` does, and for what the hub does not give.
    """
    if revision is not None and os.path.isdir(source):
        raise CheckpointError(f"{source}: a folder, which has no revision {revision!r}")
    name, checkpoint = _read_config(_find(source, CONFIG, MAX_JSON_BYTES, revision))
    weights = checkpoint.files[0]
    if weights.path != WEIGHTS:  # a config from elsewhere must not point outside its folder
        raise CheckpointError(f"{source}: {CONFIG} names {shortened(weights.path)}, where {WEIGHTS} is expected")
    path = _find(source, WEIGHTS, weights.bytes, revision)
    return load_network(path, checkpoint, name).to(device), checkpoint, name


def _find(source: str | Path, file: str, most: int, revision: str | None) -> Path:
    if os.path.isdir(source):
        return find_inside(Path(source), file)
    try:
        return fetch(str(source), file, most, revision)
    except HubError as error:
        raise CheckpointError(f"{error} (nor is there such a folder here)") from error


def _read_config(path: Path) -> tuple[str, Checkpoint]:
    try:
        values = read_json(path)
        if values.pop("format", None) != FORMAT:
            raise CheckpointError(f"{path}: not a checkpoint of format {FORMAT}")
        name = values.pop("name", None)
        if not (isinstance(name, str) and 0 < len(name) <= MAX_NAME and name.isprintable()):
            raise CheckpointError(f"{path}: missing key 'name', or not a name")
        return name, build_checkpoint(values, str(path))
    except RecordError as error:
        raise CheckpointError(str(error)) from error
