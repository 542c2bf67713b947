"""Classifiers alone: networks that cross-entropy and nothing else trains, to judge edits, to compare with, to teach.

"judge" and "resnet18" are ResNets (He et al. 2016, arXiv 1512.03385) of torchvision without pretraining, the first
with one block a stage. "encoder" is the encoder and head of the joint network itself: what it lacks beside a
joint model, the diffusion loss gave. "cnn" is the plainest rival (`PlainCNN`). The judge is never used to make an
edit, only to say whether one flipped: an edit that fools the network that made it, and not this one, is adversarial.
`training.run.fit_classifier` trains them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from jdm_core.bounds import check_labels, check_temperature
from jdm_core.checkpoint.entry import Checkpoint
from jdm_core.checkpoint.manifest import MANIFEST, check_recorded, read_classifiers
from jdm_core.checkpoint.records import build_record, parse_json
from jdm_core.checkpoint.weights import MAX_WEIGHTS_BYTES, CheckpointError, check_tensors
from jdm_core.files import read_file
from jdm_core.model.architecture import Architecture
from jdm_core.model.network import JointDiffusionNetwork
from training.data.vision import BasicBlock, ResNet
from training.run.recipe import Recipe, RecipeError
from training.run.state import StateError

WEIGHTS = MANIFEST.parent / "weights"
CHOOSER = WEIGHTS / "judge-64.safetensors"  # by which settings of the edit are chosen
JUDGE = WEIGHTS / "witness-64.safetensors"  # of another kind, by which edits are reported
BLOCKS = {"judge": [1, 1, 1, 1], "resnet18": [2, 2, 2, 2]}  # residual blocks of each of the four stages
KINDS = (*BLOCKS, "encoder", "cnn")
WIDTHS, DROPOUT = (24, 48, 96, 128), 0.3  # of the plain rival
CHUNK = 128
FIRST_SIZE = 64  # of classifiers whose file is of the time when there was no other


class EncoderClassifier(nn.Module):
    """Encoder and head of a `JointDiffusionNetwork` on clean images: logits (B, K) of x (B, C, S, S) in [-1, 1].

    Built whole before the decoder is dropped: with one seed it starts from the very weights of the joint network.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.network = JointDiffusionNetwork(architecture)
        del self.network.decoder_embedding, self.network.decoder, self.network.out

    def forward(self, x: Tensor) -> Tensor:
        return self.network.classify(self.network.encode_clean(x))


class PlainCNN(nn.Module):
    """The plain rival, whose maximum over positions is all that its verdict reads (0.42 M parameters).

    Four stages of two 3×3 convolutions, each with BatchNorm and ReLU, and 2×2 maxima between.
    Logits (B, K) of images (B, 3, S, S) in [-1, 1], S a multiple of 16.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width in WIDTHS:
            for _ in range(2):
                layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(channels, classes))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).amax(dim=(2, 3)))


class AtItsSize(nn.Module):
    """A classifier that sees every image at the size that it was trained on, antialiased, as cells are read."""

    def __init__(self, network: nn.Module, size: int) -> None:
        super().__init__()
        self.network, self.size = network, (size, size)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2:] != self.size:
            x = F.interpolate(x, size=self.size, mode="bilinear", antialias=True)
        return self.network(x)


def build_classifier(kind: str, classes: int, architecture: Architecture | None) -> nn.Module:
    """An untrained classifier of `KINDS`: logits (B, classes) of images in [-1, 1]. An encoder alone needs the last."""
    if kind == "encoder":
        if architecture is None:
            raise ValueError("an encoder without its architecture")
        return EncoderClassifier(architecture)
    if kind == "cnn":
        return PlainCNN(classes)
    return ResNet(BasicBlock, BLOCKS[kind], num_classes=classes)


@dataclass(frozen=True)
class Classifier:
    """A trained classifier in evaluation mode, and what its file says of it.

    An older file says neither temperature, which then is 1, nor split, which then is None. `abroad` names the sets of
    other microscopes that it trained on beside its own cells. `facts` are all that it says, the settings of its
    training among them.
    """

    network: nn.Module
    kind: str
    labels: tuple[str, ...]
    temperature: float
    split_digest: str | None
    abroad: tuple[str, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)

    def probabilities(self, images: Tensor, device: torch.device) -> np.ndarray:
        """Probabilities (N, K) of images (N, 3, S, S) in [-1, 1], calibrated."""
        return (class_logits(self.network, images, device) / self.temperature).softmax(1).numpy()


def load_classifier(path: Path) -> Classifier:
    """The classifier of a file, on the CPU; StateError where the file does not hold one.

    And CheckpointError where it is not the one that a manifest records. Names, shapes and values are checked before
    the network is built.
    """
    try:
        check_recorded(path)
        read_file(path, MAX_WEIGHTS_BYTES)  # no device, and no file without end
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        # A file under "judge" was written when there was no other kind, and tells the labels alone.
        facts = parse_json(metadata["classifier"] if "classifier" in metadata else metadata["judge"], "facts")
        says = build_record(_Says, {key: facts[key] for key in _SAID if key in facts}, "facts")
        with torch.device("meta"):
            expected = build_classifier(says.kind, len(says.labels), says.architecture).state_dict()
        check_tensors(weights, expected, torch.float16)
        network = build_classifier(says.kind, len(says.labels), says.architecture)
        network.load_state_dict(weights)
        size, channels = FIRST_SIZE, 3
        if says.architecture is not None:
            size, channels = says.architecture.image_size, says.architecture.image_channels
        network = AtItsSize(network, size).eval().requires_grad_(False)
        if not class_logits(network, torch.zeros(1, channels, size, size), torch.device("cpu")).isfinite().all():
            raise ValueError("what it makes of a picture is not finite")
    except CheckpointError:
        raise
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise StateError(f"{path}: not a classifier ({error})") from error
    return Classifier(network, says.kind, says.labels, says.temperature, says.split_digest, says.abroad, facts)


@dataclass(frozen=True)
class _Says:
    """What the facts of a classifier's file say of its network."""

    labels: tuple[str, ...]
    kind: str = "judge"
    architecture: Architecture | None = None
    temperature: float = 1.0
    split_digest: str | None = None
    abroad: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_labels(self.labels)
        check_temperature("temperature", self.temperature)
        if self.kind not in KINDS or (self.kind == "encoder" and self.architecture is None):
            raise ValueError(f"kind: {self.kind!r} is not known, or says no architecture")


_SAID = tuple(field.name for field in fields(_Says))


def encoder_of(classifier: Classifier) -> JointDiffusionNetwork:
    """The joint network without its decoder that a classifier of the kind "encoder" is."""
    network = classifier.network.network
    if not isinstance(network, EncoderClassifier):
        raise ValueError(f"a classifier of the kind {classifier.kind!r} has no such encoder")
    return network.network


@torch.inference_mode()
def class_logits(network: nn.Module, images: Tensor, device: torch.device) -> Tensor:
    """Logits (N, K), on the CPU, of images (N, 3, S, S) in [-1, 1]."""
    parts = [network(part.to(device)).float().cpu() for part in images.split(CHUNK)]
    return torch.cat(parts)


def judge_features(judge: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """What the judge's last linear layer is given, (N, F), and its logits (N, K), for x (N, 3, S, S) in [-1, 1]."""
    given: list[Tensor] = []
    last = [module for module in judge.modules() if isinstance(module, nn.Linear)][-1]
    hook = last.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0].float().cpu()))
    try:
        logits = class_logits(judge, x, next(judge.parameters()).device)
    finally:
        hook.remove()
    return torch.cat(given), logits


def load_judge(path: Path, labels: Sequence[str]) -> nn.Module:
    """A judge of these labels in evaluation mode; StateError for a file without a classifier, ValueError for others."""
    judge = load_classifier(path)
    if judge.labels != tuple(labels):
        raise ValueError(f"{path}: judges {judge.labels}, not {tuple(labels)}")
    return judge.network


def load_judge_of(checkpoint: Checkpoint, path: Path) -> nn.Module:
    """`load_judge`, of a checkpoint that has learnt nothing from it; ValueError for one of its teachers."""
    if path.stem in checkpoint.provenance.recipe.get("teachers", ()):
        raise ValueError(f"{path}: has taught the checkpoint that it is to judge; a judge takes no part")
    return load_judge(path, checkpoint.labels)


class OtherSplitError(RecipeError):
    """A teacher was trained on another split of the slides: it may have met what is held out."""


def load_teachers(recipe: Recipe, split_digest: str) -> list[nn.Module]:
    """The networks that a joint run of the recipe learns from beside the labels, in evaluation mode and on the CPU.

    Raises RecipeError for one that the manifest does not record, that has other labels, or that judges edits: a
    judge's worth is that it took no part. And OtherSplitError.
    """
    files, networks = read_classifiers(), []
    for name in recipe.teachers:
        if name not in files:
            raise RecipeError(f"{recipe.name}: teacher {name!r} is not in the manifest, which has {', '.join(files)}")
        teacher = load_classifier(MANIFEST.parent / files[name].path)
        if teacher.kind == "judge" or name == JUDGE.stem:
            raise RecipeError(f"{recipe.name}: {name} judges edits, and takes no part in what it judges")
        if teacher.labels != recipe.labels:
            raise RecipeError(f"{recipe.name}: {name} tells {', '.join(teacher.labels)}, which are other labels")
        if teacher.split_digest != split_digest:
            raise OtherSplitError(f"{name} was trained on another split of the slides")
        networks.append(teacher.network)
    return networks


def judge_probabilities(judge: nn.Module, images: Tensor, device: torch.device) -> np.ndarray:
    """Probabilities (N, K) of images (N, 3, S, S) in [-1, 1]."""
    return class_logits(judge, images, device).softmax(1).numpy()
