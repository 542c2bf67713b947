"""What a recipe asks for and a call has not: told of, and left out, so that the rest can be trained."""

import sys
from pathlib import Path

from training.run.recipe import Recipe, split_members

NOTHING_ABROAD = "without --microscopes nothing is trained on cells of {}"


def without_missing(recipe: Recipe, data: Path, microscopes: Path | None) -> list[str]:
    """The overrides that leave out other microscopes without their folder, and teachers of another split of the slides.

    One line on stderr tells of each. Raises RecipeError and DataError.
    """
    from training.run.classifier import OtherSplitError, load_teachers

    left_out = []
    if recipe.abroad and microscopes is None:
        print(NOTHING_ABROAD.format(", ".join(recipe.abroad)), file=sys.stderr)
        left_out += ["abroad=[]", "abroad_share=0.0"]
    if recipe.teachers:
        try:
            load_teachers(recipe, split_members(data, recipe).digest)
        except OtherSplitError as error:
            print(f"nothing is learnt from {', '.join(recipe.teachers)}: {error}", file=sys.stderr)
            left_out += ["teachers=[]", "teaching_weight=0.0"]
    return left_out
