"""A checkpoint as a folder of its own, as the Hugging Face hub lays models out: config.json, weights and model card."""

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path

import torch

from jdm_core.card import model_card
from jdm_core.checkpoints import FORMAT, Checkpoint, CheckpointError, WeightsFile, load_network, pack_weights
from jdm_core.files import replace_file
from jdm_core.hub import HubError, fetch
from jdm_core.network import JointDiffusionNetwork
from jdm_core.records import RecordError, build_record

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
    if revision is not None and Path(source).is_dir():
        raise CheckpointError(f"{source}: a folder, which has no revision {revision!r}")
    name, checkpoint = _read_config(_find(source, CONFIG, revision))
    weights = checkpoint.files[0]
    if weights.path != WEIGHTS:  # a config from elsewhere must not point outside its folder
        raise CheckpointError(f"{source}: {CONFIG} names {weights.path!r}, where {WEIGHTS} is expected")
    return load_network(_find(source, WEIGHTS, revision), checkpoint, name).to(device), checkpoint, name


def _find(source: str | Path, file: str, revision: str | None) -> Path:
    if Path(source).is_dir():
        return Path(source) / file
    try:
        return fetch(str(source), file, revision)
    except HubError as error:
        raise CheckpointError(f"{error} (nor is there such a folder here)") from error


def _read_config(path: Path) -> tuple[str, Checkpoint]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
            raise CheckpointError(f"{path}: not a checkpoint of format {FORMAT}")
        name = values.pop("name", None)
        if not isinstance(name, str):
            raise CheckpointError(f"{path}: missing key 'name'")
        return name, build_record(Checkpoint, values, str(path))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    except RecordError as error:
        raise CheckpointError(str(error)) from error
