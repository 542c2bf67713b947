"""Classifiers alone: networks that cross-entropy and nothing else trains, to judge edits and to be compared with.

"judge" and "resnet18" are ResNets (He et al. 2016, arXiv 1512.03385) of torchvision without pretraining, the first
with one block a stage. "encoder" is the encoder and head of the joint network itself: what it lacks beside a
joint model, the diffusion loss gave.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from jdm_core.files import replace_file
from jdm_core.network import Architecture, JointDiffusionNetwork
from jdm_core.records import RecordError, build_record
from training.augment import augment
from training.data import Cells, batches, labelled_cells
from training.metrics import accuracy, mean_auroc
from training.publish.calibrate import fit_temperature
from training.run.recipe import Recipe
from training.run.step import Stepper, join_processes
from training.run.validate import as_images
from training.state import StateError
from training.vision import BasicBlock, ResNet

BLOCKS = {"judge": [1, 1, 1, 1], "resnet18": [2, 2, 2, 2]}  # residual blocks of each of the four stages
KINDS = (*BLOCKS, "encoder")
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
    """An untrained classifier of `KINDS`: logits (B, classes) of images in [-1, 1]. ResNets need no architecture."""
    if kind == "encoder":
        return EncoderClassifier(architecture)
    return ResNet(BasicBlock, BLOCKS[kind], num_classes=classes)


@dataclass(frozen=True)
class ClassifierRecipe:
    """Everything that decides a classifier's training, but the cells."""

    kind: str
    architecture: Architecture
    labels: tuple[str, ...]
    seed: int
    images: int  # augmented cells seen
    batch_size: int
    learning_rate: float  # at the top of its one cycle
    weight_decay: float
    label_smoothing: float
    stain_jitter: float
    symmetries: bool = True
    translate: int = 0

    @classmethod
    def like(cls, recipe: Recipe, kind: str, images: int, seed: int) -> "ClassifierRecipe":
        """The settings of a joint run, as far as cross-entropy alone has them."""
        return cls(
            kind, recipe.architecture, recipe.labels, seed, images, recipe.batch_size, recipe.learning_rate,
            recipe.weight_decay, recipe.label_smoothing, recipe.stain_jitter, recipe.symmetries, recipe.translate,
        )  # fmt: skip


@dataclass(frozen=True)
class LabelledImages:
    """Images (B, C, S, S) in [-1, 1] and their classes (B,)."""

    images: Tensor
    labels: Tensor

    def shares(self, count: int) -> "list[LabelledImages]":
        """`count` equal parts."""
        parts = zip(self.images.chunk(count), self.labels.chunk(count), strict=True)
        return [LabelledImages(*part) for part in parts]


class CrossEntropy(nn.Module):
    """The loss of a classifier alone, as the one step of all training wants it."""

    def __init__(self, network: nn.Module, label_smoothing: float) -> None:
        super().__init__()
        self.network, self._smoothing = network, label_smoothing

    def forward(self, batch: LabelledImages) -> dict[str, Tensor]:
        """Cross-entropy, a scalar."""
        logits = self.network(batch.images).float()
        return {"loss": F.cross_entropy(logits, batch.labels, label_smoothing=self._smoothing)}


def train_classifier(
    recipe: ClassifierRecipe, training: Cells, validation: Cells, split_digest: str, out: Path, device: torch.device
) -> dict[str, float]:
    """Trains on augmented cells (AdamW, one cycle that ends near zero) and writes fp16 weights.

    Returns the figures on the validation cells; the temperature is fitted there too, as a checkpoint's is.
    """
    accelerator, device = join_processes(device)
    torch.manual_seed(recipe.seed)
    network = build_classifier(recipe.kind, len(recipe.labels), recipe.architecture)
    # Convolutions are faster on channels-last tensors, GroupNorm several times slower.
    layout = torch.channels_last if isinstance(network, ResNet) else torch.contiguous_format
    network = network.to(device, memory_format=layout)
    optimizer = torch.optim.AdamW(network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    steps = max(1, recipe.images // recipe.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, total_steps=steps)
    stepper = Stepper(
        CrossEntropy(network, recipe.label_smoothing),
        optimizer,
        lambda step: schedule.step() if step else None,
        accelerator,
        device,
        batch_size=recipe.batch_size,
    )
    indices = batches(len(training), recipe.batch_size, recipe.seed, 0)
    for step in tqdm(range(steps), desc=recipe.kind, unit="batch", mininterval=5):
        index = next(indices)
        generator = torch.Generator(device).manual_seed(recipe.seed * 1_000_003 + step)
        pixels = training.images[index].to(device)
        x = augment(pixels, recipe.stain_jitter, generator, recipe.symmetries, recipe.translate)
        batch = LabelledImages(x.contiguous(memory_format=layout), training.labels[index].to(device))
        stepper(step, batch, lambda index=index: ", ".join(training.names[i] for i in index.tolist()))
    network.eval()
    logits = class_logits(network, as_images(validation, torch.device("cpu")), device)
    probabilities, truth = logits.softmax(1).numpy(), validation.labels.numpy()
    figures = {
        "validation_accuracy": round(accuracy(probabilities, truth), 4),
        "validation_auroc": round(mean_auroc(probabilities, truth), 4),
        "temperature": round(fit_temperature(logits, validation.labels), 4),
    }
    facts = {**_facts(recipe, training, split_digest), **figures}
    if accelerator.is_main_process:
        weights = {
            name: value.half() if value.is_floating_point() else value for name, value in network.state_dict().items()
        }
        contiguous = {name: value.cpu().contiguous() for name, value in weights.items()}
        out.parent.mkdir(parents=True, exist_ok=True)
        replace_file(out, lambda partial: save_file(contiguous, partial, metadata={"classifier": json.dumps(facts)}))
    return figures


def _facts(recipe: ClassifierRecipe, training: Cells, split_digest: str) -> dict[str, object]:
    """What decides the weights, as a file's JSON gives it back."""
    facts = {**asdict(recipe), "training_cells": len(training), "split_digest": split_digest}
    return json.loads(json.dumps(facts))


@dataclass(frozen=True)
class Classifier:
    """A trained classifier in evaluation mode, and what its file says of it.

    An older file says neither temperature, which then is 1, nor split, which then is None. `facts` are all that it
    says, the settings of its training among them.
    """

    network: nn.Module
    kind: str
    labels: tuple[str, ...]
    temperature: float
    split_digest: str | None
    facts: Mapping[str, object] = field(default_factory=dict)

    def probabilities(self, images: Tensor, device: torch.device) -> np.ndarray:
        """Probabilities (N, K) of images (N, 3, S, S) in [-1, 1], calibrated."""
        return (class_logits(self.network, images, device) / self.temperature).softmax(1).numpy()


def load_classifier(path: Path) -> Classifier:
    """The classifier of a file, on the CPU; StateError where the file does not hold one."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        # A file under "judge" was written when there was no other kind, and tells the labels alone.
        facts = json.loads(metadata["classifier"] if "classifier" in metadata else metadata["judge"])
        kind, labels = facts.get("kind", "judge"), tuple(facts["labels"])
        architecture = build_record(Architecture, facts["architecture"], "file") if "architecture" in facts else None
        network = build_classifier(kind, len(labels), architecture)
        network.load_state_dict(weights)
    except (SafetensorError, KeyError, RuntimeError, json.JSONDecodeError, RecordError, OSError) as error:
        raise StateError(f"{path}: not a classifier ({error})") from error
    size = architecture.image_size if architecture else FIRST_SIZE
    network = AtItsSize(network, size).eval().requires_grad_(False)
    return Classifier(network, kind, labels, facts.get("temperature", 1.0), facts.get("split_digest"), facts)


def complete_encoder(
    recipe: Recipe, training: Cells, validation: Cells, split_digest: str, path: Path, device: torch.device
) -> Classifier:
    """The rival of a joint run in a file, trained unless it is there: its encoder and head, by cross-entropy alone.

    It learns from the labels that the recipe uses, on clean cells, and starts from the weights that the joint run
    starts from. Not calibrated, as a joint run is not. Raises StateError where the file is of other settings or cells.
    """
    settings = ClassifierRecipe.like(recipe, "encoder", recipe.images, recipe.seed)
    labelled = labelled_cells(training, recipe)
    if not path.exists():
        train_classifier(settings, labelled, validation, split_digest, path, device)
    classifier = load_classifier(path)
    wanted = _facts(settings, labelled, split_digest)
    if changed := [key for key, value in wanted.items() if classifier.facts.get(key) != value]:
        raise StateError(f"{path}: trained otherwise; these differ: {', '.join(sorted(changed))}")
    classifier.network.to(device)
    return replace(classifier, temperature=1.0)


def encoder_of(classifier: Classifier) -> JointDiffusionNetwork:
    """The joint network without its decoder that a classifier of the kind "encoder" is."""
    network = classifier.network.network
    if not isinstance(network, EncoderClassifier):
        raise ValueError(f"a classifier of the kind {classifier.kind!r} has no such encoder")
    return network.network


@torch.inference_mode()
def class_logits(network: nn.Module, images: Tensor, device: torch.device) -> Tensor:
    """Logits (N, K), on the CPU, of images (N, 3, S, S) in [-1, 1]."""
    parts = [network(images[i : i + CHUNK].to(device)).float().cpu() for i in range(0, len(images), CHUNK)]
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
