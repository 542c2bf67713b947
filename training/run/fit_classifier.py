"""Training of classifiers alone: cross-entropy on augmented cells, by the one optimizer step of all training."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from jdm_core.files import replace_file
from jdm_core.images.pixels import as_images
from jdm_core.model.architecture import Architecture
from training.data.augment import augment
from training.data.cells import Cells, joined
from training.data.microscopes.trained import Abroad
from training.data.split import batches
from training.data.vision import ResNet
from training.metrics import accuracy, mean_auroc
from training.run.classifier import Classifier, PlainCNN, build_classifier, class_logits, load_classifier
from training.run.recipe import Recipe, labelled_cells
from training.run.state import StateError
from training.run.step import Stepper, join_processes, one_cycle
from training.temperature import fit_temperature

# Of smaller images the last stage of a ResNet sees one pixel, where oneDNN's bf16 gradient of a padded convolution's
# weights holds memory that was never written.
SMALLEST_HALF = 64
PLAIN_IMAGES = 102_400  # that the plain rival sees: six passes over the training slides, minutes on two cores


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
    appearance: float = 0.0

    @classmethod
    def like(cls, recipe: Recipe, kind: str, images: int, seed: int) -> "ClassifierRecipe":
        """The settings of a joint run, as far as cross-entropy alone has them."""
        return cls(
            kind,
            recipe.architecture,
            recipe.labels,
            seed,
            images,
            recipe.batch_size,
            recipe.learning_rate,
            recipe.weight_decay,
            recipe.label_smoothing,
            recipe.stain_jitter,
            recipe.symmetries,
            recipe.translate,
            recipe.appearance,
        )


def plain_recipe(recipe: Recipe, images: int, seed: int) -> ClassifierRecipe:
    """How the plain rival is trained: as is best for it, on the cells and their varied appearance of a joint run."""
    return ClassifierRecipe(
        kind="cnn",
        architecture=recipe.architecture,
        labels=recipe.labels,
        seed=seed,
        images=images,
        batch_size=128,
        learning_rate=4e-3,
        weight_decay=0.02,
        label_smoothing=0.05,
        stain_jitter=0.0,
        appearance=1.0,
    )


def judge_recipe(recipe: Recipe, images: int) -> ClassifierRecipe:
    """How the judge is trained: nothing of a joint run's recipe but what an image and a label are."""
    return ClassifierRecipe(
        kind="judge",
        architecture=recipe.architecture,
        labels=recipe.labels,
        seed=7,
        images=images,
        batch_size=64,
        learning_rate=1e-3,
        weight_decay=0.05,
        label_smoothing=0.05,
        stain_jitter=0.08,
    )


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
    recipe: ClassifierRecipe,
    training: Cells,
    validation: Cells,
    split_digest: str,
    out: Path,
    device: torch.device,
    abroad: Abroad | None = None,
) -> dict[str, float]:
    """Trains on augmented cells (AdamW, one cycle that ends near zero) and writes fp16 weights.

    Cells of other microscopes take their share of every batch, from the first on. Returns the figures on the
    validation cells; the temperature is fitted there too, as a checkpoint's is.
    """
    accelerator, device = join_processes(device)
    torch.manual_seed(recipe.seed)
    network = build_classifier(recipe.kind, len(recipe.labels), recipe.architecture)
    # Convolutions are faster on channels-last tensors, GroupNorm several times slower.
    layout = torch.channels_last if isinstance(network, ResNet | PlainCNN) else torch.contiguous_format
    network = nn.utils.convert_conv2d_weight_memory_format(network.to(device), layout)
    steps = max(1, recipe.images // recipe.batch_size)
    optimizer, rate = one_cycle(network, recipe.learning_rate, recipe.weight_decay, steps)
    stepper = Stepper(
        CrossEntropy(network, recipe.label_smoothing),
        optimizer,
        rate,
        accelerator,
        device,
        batch_size=recipe.batch_size,
        half=not isinstance(network, ResNet) or recipe.architecture.image_size >= SMALLEST_HALF,
    )
    indices = batches(len(training), recipe.batch_size, recipe.seed, 0)
    met = training if abroad is None else joined(training, abroad.cells)
    for step in tqdm(range(steps), desc=recipe.kind, unit="batch", mininterval=5):
        index = next(indices)
        if abroad is not None:
            index = abroad.lend(index, len(training), recipe.seed, step)
        generator = torch.Generator(device).manual_seed(recipe.seed * 1_000_003 + step)
        pixels = met.images[index].to(device)
        x = augment(pixels, recipe.stain_jitter, generator, recipe.symmetries, recipe.translate, recipe.appearance)
        batch = LabelledImages(x.contiguous(memory_format=layout), met.labels[index].to(device))
        stepper(step, batch, lambda index=index: ", ".join(met.names[i] for i in index.tolist()))
    network.eval()
    logits = class_logits(network, as_images(validation.images), device)
    probabilities, truth = logits.softmax(1).numpy(), validation.labels.numpy()
    figures = {
        "validation_accuracy": round(accuracy(probabilities, truth), 4),
        "validation_auroc": round(mean_auroc(probabilities, truth), 4),
        "temperature": round(fit_temperature(logits, validation.labels), 4),
    }
    facts = {**_facts(recipe, training, split_digest, abroad), **figures}
    if accelerator.is_main_process:
        weights = {
            name: value.half() if value.is_floating_point() else value for name, value in network.state_dict().items()
        }
        contiguous = {name: value.cpu().contiguous() for name, value in weights.items()}
        out.parent.mkdir(parents=True, exist_ok=True)
        replace_file(out, lambda partial: save_file(contiguous, partial, metadata={"classifier": json.dumps(facts)}))
    return figures


def _facts(
    recipe: ClassifierRecipe, training: Cells, split_digest: str, abroad: Abroad | None = None
) -> dict[str, object]:
    """What decides the weights, as a file's JSON gives it back."""
    facts = {**asdict(recipe), "training_cells": len(training), "split_digest": split_digest}
    if abroad is not None:
        facts |= {"abroad": abroad.sets, "abroad_share": abroad.share, "abroad_cells": len(abroad.cells)}
        facts["abroad_grafts"] = abroad.grafts
    return json.loads(json.dumps(facts))


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
