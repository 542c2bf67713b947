"""The judge: an independent classifier that is never used to make an edit, only to say whether one flipped.

Another architecture (a ResNet of torchvision, one block a stage, no pretraining), trained from its own seed on
the training slides alone: an edit that fools the network that made it, and not this one, is adversarial.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from training.run.classifier import ClassifierRecipe, class_logits, load_classifier
from training.run.recipe import Recipe


def judge_recipe(recipe: Recipe, images: int) -> ClassifierRecipe:
    """How the judge is trained: nothing of a joint run's recipe but what an image and a label are."""
    return ClassifierRecipe(
        kind="judge", architecture=recipe.architecture, labels=recipe.labels, seed=7, images=images, batch_size=64,
        learning_rate=1e-3, weight_decay=0.05, label_smoothing=0.05, stain_jitter=0.08,
    )  # fmt: skip


def load_judge(path: Path, labels: Sequence[str]) -> nn.Module:
    """A judge of these labels in evaluation mode; StateError for a file without a classifier, ValueError for others."""
    judge = load_classifier(path)
    if judge.labels != tuple(labels):
        raise ValueError(f"{path}: judges {judge.labels}, not {tuple(labels)}")
    return judge.network


def judge_probabilities(judge: nn.Module, images: Tensor, device: torch.device) -> np.ndarray:
    """Probabilities (N, K) of images (N, 3, S, S) in [-1, 1]."""
    return class_logits(judge, images, device).softmax(1).numpy()
