"""Classifiers that a joint run learns from beside the labels: networks of the manifest, but never the judge."""

from collections.abc import Sequence

from torch import nn

from jdm_core.checkpoint.manifest import MANIFEST, read_classifiers
from training.run.classifier import load_classifier
from training.run.recipe import Recipe, RecipeError


def read_teachers(recipe: Recipe, split_digest: str) -> Sequence[nn.Module]:
    """The networks that the recipe names, in evaluation mode and on the CPU.

    Raises RecipeError for one that the manifest does not record, that has other labels, that may have trained on what
    is to be held out, or that judges edits: the judge's worth is that it took no part.
    """
    files, networks = read_classifiers(), []
    for name in recipe.teachers:
        if name not in files:
            raise RecipeError(f"{recipe.name}: teacher {name!r} is not in the manifest, which has {', '.join(files)}")
        teacher = load_classifier(MANIFEST.parent / files[name].path)
        if teacher.kind == "judge":
            raise RecipeError(f"{recipe.name}: {name} judges edits, and takes no part in what it judges")
        if teacher.labels != recipe.labels:
            raise RecipeError(f"{recipe.name}: {name} tells {', '.join(teacher.labels)}, which are other labels")
        if teacher.split_digest != split_digest:
            raise RecipeError(f"{recipe.name}: {name} was trained on another split of the slides")
        networks.append(teacher.network)
    return networks
