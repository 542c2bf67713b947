"""The state of a run on disk: one safetensors file, replaced atomically, from which training continues exactly."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from jdm_core.checkpoint.records import RecordError, parse_json
from jdm_core.files import replace_file
from jdm_core.model.network import JointDiffusionNetwork
from training.run.recipe import Recipe, recipe_from_dict

STATE_FILE = "state.safetensors"
FORMAT = 3  # raised when states of earlier code no longer continue exactly


class StateError(ValueError):
    """A run folder whose state cannot be used; the message names the file and the reason."""


@dataclass(frozen=True)
class RunState:
    """What a run has reached: tensors by role and name, and the facts that go with them."""

    tensors: dict[str, Tensor]
    recipe: Recipe
    step: int
    seconds: float
    split_digest: str


def save_state(
    run: Path,
    recipe: Recipe,
    step: int,
    seconds: float,
    split_digest: str,
    network: nn.Module,
    average: nn.Module,
    optimizer: torch.optim.Optimizer,
) -> None:
    """Writes weights, their average, the optimizer's moments and the step; every random draw follows from the step.

    Raises StateError where it cannot be written (a full disk); an earlier state is then still whole.
    """
    tensors = {f"weights.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
    for name, parameter in network.named_parameters():
        tensors |= {f"optimizer.{key}.{name}": value for key, value in optimizer.state[parameter].items()}
    facts = {
        "format": FORMAT,
        "recipe": recipe.as_dict(),
        "step": step,
        "seconds": seconds,
        "split_digest": split_digest,
    }
    contiguous = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    metadata = {"run": json.dumps(facts)}
    metadata["sha256"] = _digest(metadata["run"], contiguous)
    path = run / STATE_FILE
    try:
        replace_file(path, lambda partial: save_file(contiguous, partial, metadata=metadata))
    except (OSError, SafetensorError) as error:
        kept = "the state before it is kept" if path.exists() else "there is no earlier one"
        raise StateError(f"{path}: step {step} cannot be saved ({error}); {kept}") from error


def read_state(run: Path) -> RunState:
    """The state of a run folder; StateError where there is none, it is not one, or it is damaged anywhere."""
    path = run / STATE_FILE
    if not path.is_file():
        raise StateError(f"{path}: no such file; nothing to resume")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            facts = parse_json(metadata["run"], "run")
            if facts.get("format", FORMAT) != FORMAT:
                raise StateError(f"{path}: a state of format {facts['format']}; this code continues format {FORMAT}")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        whole = {"run": metadata["run"], "sha256": _digest(metadata["run"], tensors)}
        if set(metadata) != {"run"} and metadata != whole:  # states of earlier code have no digest
            raise StateError(f"{path}: damaged: its sha256 is not the one that was written with it")
        recipe = recipe_from_dict(facts["recipe"], str(path))
        return RunState(tensors, recipe, facts["step"], facts["seconds"], facts["split_digest"])
    except (SafetensorError, KeyError, RecordError, OSError) as error:
        raise StateError(f"{path}: not a training state ({error})") from error


def restore(state: RunState, network: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Puts a state back into the parts of a run built from the same recipe."""
    network.load_state_dict(_of_role(state, "weights."))
    average.load_state_dict(_of_role(state, "average."))
    for name, parameter in network.named_parameters():
        if f"optimizer.step.{name}" not in state.tensors:
            continue  # a part that has stood still from the first step on has no moments
        moments = {key: state.tensors[f"optimizer.{key}.{name}"] for key in ("step", "exp_avg", "exp_avg_sq")}
        # AdamW counts its steps on the host; the moments live beside the parameter.
        optimizer.state[parameter] = {
            key: value if key == "step" else value.to(parameter.device) for key, value in moments.items()
        }


def averaged_weights(state: RunState) -> dict[str, Tensor]:
    """The averaged (EMA) weights of a state, by parameter name."""
    return _of_role(state, "average.")


def averaged_network(state: RunState, device: torch.device) -> JointDiffusionNetwork:
    """The network of the averaged weights, ready to read with."""
    network = JointDiffusionNetwork(state.recipe.architecture)
    network.load_state_dict(averaged_weights(state))
    return network.to(device).eval().requires_grad_(False)


def _digest(facts: str, tensors: Mapping[str, Tensor]) -> str:
    """sha256 of the facts, and of every tensor's name, dtype, shape and bytes."""
    digest = hashlib.sha256(facts.encode())
    for name in sorted(tensors):
        value = tensors[name]
        digest.update(f"\n{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _of_role(state: RunState, role: str) -> dict[str, Tensor]:
    return {name.removeprefix(role): value for name, value in state.tensors.items() if name.startswith(role)}
