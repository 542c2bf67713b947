"""Training recipes: TOML presets read into a frozen dataclass, with overrides, unknown keys refused."""

import dataclasses
import json
import math
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from jdm_core import Explainer
from jdm_core.checkpoint.records import RecordError, build_record
from jdm_core.model.architecture import Architecture
from training.data.cells import Cells
from training.data.digits import part_name
from training.data.doubted import read_doubted, sure_labels
from training.data.members import DataError, list_members, slide_of
from training.data.microscopes.trained import read_trained
from training.data.split import Split, labelled_subset, split_slides

RECIPES = Path(str(files("training") / "recipes"))


class RecipeError(ValueError):
    """A recipe that cannot be used; the message names the recipe and the key."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run, but the data itself; units are images unless said otherwise."""

    name: str
    labels: tuple[str, ...]
    architecture: Architecture
    seed: int  # of weights, batches, noise and the choice of labels
    validation_slides: float  # share of the slides
    test_slides: float  # share of the slides
    images: int  # seen in all, the length of the run
    batch_size: int
    learning_rate: float
    warmup_images: int
    decay_share: float  # of a leg's images: over so many the rate falls to zero, at the leg's end
    weight_decay: float
    ema_decay: float  # per step, reached by a warm-up
    clean_weight: float  # s: cross-entropy of the head on clean images
    noisy_weight: float  # s': cross-entropy of the head on noisy images
    label_smoothing: float
    label_dropout: float  # share of images decoded under "no class"
    stain_jitter: float  # standard deviation of the log of the optical-density scale
    validate_every: int  # images
    validation_cells: int  # how many cells the validation while training looks at
    split_seed: int = 0  # of the slides' parts; apart from `seed`, so that seeds compare on the same slides
    label_share: float = 1.0  # share of the training cells, each class apart, whose label is used
    focus: tuple[float, ...] = ()  # (low, high, share): so much of a batch has cosine times in [low, high) alone
    margin_weight: float = 0.0  # s'': cross-entropy of the classes' denoising errors, within `focus` if there is one
    margin_from: float = 0.0  # the share of the run after which the margin counts
    restarts: tuple[int, ...] = ()  # images below `images` where a leg ends: the rate, fallen to zero, is whole again
    abroad: tuple[str, ...] = ()  # sets of other microscopes, whose developers' cells are trained on beside the data
    abroad_share: float = 0.0  # of a batch, for the cells of `abroad`
    abroad_grafts: bool = False  # whether parasites of the data are laid into healthy cells of `abroad` beside them
    abroad_from: float = 0.0  # the share of the run after which they are met
    appearance: float = 0.0  # strength at which stain, lamp and sampling vary, instead of `stain_jitter`
    grain: float = 0.0  # share of the images with a camera's noise, and JPEG, as the head reads them
    teachers: tuple[str, ...] = ()  # classifiers of the manifest, whose mean verdict on clean images is learnt too
    teaching_weight: float = 0.0  # of what parts the head from them
    teaching_from: float = 0.0  # the share of the run after which they teach
    head_alone_from: float = 1.0  # the share of the run after which all but the head stands still, in a leg of its own
    crowd_share: float = 0.0  # of the cells that the head alone learns from: made as crowded fields give them
    start_from: str = ""  # a checkpoint whose weights are taken, or grown where its side is half; "": random weights
    symmetries: bool = True  # whether images are flipped and turned: cells have no up, digits have
    translate: int = 0  # pixels by which images are shifted at most
    given_test: bool = False  # the test part is the data's own, and test_slides must be 0
    source: str = "NIH/NLM malaria cell images, thin smears (Rajaraman et al. 2018, PeerJ 6:e4568)"  # of the data
    licence: str = "weights MIT; training data public domain"
    doubted_labels: str = "as given"  # or "unlabelled": cells of `training.data.doubted` enter without theirs
    precision: str = "bf16"  # of the network's passes: "bf16", where the device has hardware for it, or "fp32"

    def __post_init__(self) -> None:
        if len(self.labels) != self.architecture.classes:
            raise ValueError(f"{len(self.labels)} labels for {self.architecture.classes} classes")
        if self.images < self.batch_size or self.batch_size < 1:
            raise ValueError("images must be at least one batch")
        if not 0 < self.label_share <= 1:
            raise ValueError("label_share must be in (0, 1]")
        if self.given_test and self.test_slides:
            raise ValueError("test_slides must be 0 where the test part is given")
        if not 0 <= self.translate < self.architecture.image_size:
            raise ValueError("translate must be in [0, image_size)")
        if self.focus:
            low, high, share = self.focus if len(self.focus) == 3 else (0.0, 0.0, 0.0)
            if not (0 <= low < high <= 1 and 0 < share < 1):
                raise ValueError("focus must be [low, high, share], low < high in [0, 1] and share in (0, 1)")
        if not 0 <= self.margin_from < 1:
            raise ValueError("margin_from must be in [0, 1)")
        if bool(self.abroad) != (self.abroad_share > 0) or not (
            0 <= self.abroad_share < 1 and 0 <= self.abroad_from < 1
        ):
            raise ValueError("abroad and abroad_share go together; the share and abroad_from must be in [0, 1)")
        if bool(self.teachers) != (self.teaching_weight > 0):
            raise ValueError("teachers and teaching_weight go together")
        if self.teachers and self.label_share < 1:
            raise ValueError(
                "teachers=[] and teaching_weight=0.0 where label_share withholds labels, which teachers know"
            )
        if not 0 <= self.teaching_from < 1:
            raise ValueError("teaching_from must be in [0, 1)")
        if not 0 <= self.head_alone_from <= 1:
            raise ValueError("head_alone_from must be in [0, 1]")
        if self.head_alone_from == 0 and not self.start_from:
            raise ValueError("head_alone_from=0 leaves encoder and decoder as they are: start_from says as what")
        if not 0 <= self.crowd_share <= 1 or (self.crowd_share and self.head_alone_from == 1):
            raise ValueError("crowd_share must be in [0, 1], and 0 where the head never learns alone")
        if list(self.restarts) != sorted({n for n in self.restarts if n >= self.batch_size}):
            raise ValueError("restarts must ascend, from a batch on")
        if self.appearance < 0 or (self.appearance and self.stain_jitter):
            raise ValueError("appearance must not be negative, and stain_jitter 0 beside it")
        if not 0 <= self.grain <= 1 or (self.grain and self.architecture.image_channels != 3):
            raise ValueError("grain must be in [0, 1], and 0 for gray images")
        if self.doubted_labels not in ("as given", "unlabelled"):
            raise ValueError(f'doubted_labels {self.doubted_labels!r} is neither "as given" nor "unlabelled"')
        if self.precision not in ("bf16", "fp32"):
            raise ValueError(f"precision {self.precision!r} is neither bf16 nor fp32")

    @property
    def steps(self) -> int:
        """Optimizer steps of the whole run."""
        return self.images // self.batch_size

    @property
    def head_alone_step(self) -> int | None:
        """The first step in which the head alone learns; None where it never does."""
        return None if self.head_alone_from == 1 else math.ceil(self.head_alone_from * self.steps)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values, as TOML would hold them."""
        return json.loads(json.dumps(dataclasses.asdict(self)))


def load_recipe(name: str, overrides: Iterable[str] = ()) -> Recipe:
    """The preset `name` (or a path to a TOML file) with `key=value` overrides, dotted for tables."""
    path = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in RECIPES.glob("*.toml")))
        raise RecipeError(f"recipe {name}: no such preset or file (presets: {known})")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"recipe {name}: {error}") from error
    for override in overrides:
        key, value = parse_override(override, f"recipe {name}: ")
        table = values
        *parents, last = key.split(".")
        for parent in parents:
            table = table.get(parent)
            if not isinstance(table, dict):
                raise RecipeError(f"recipe {name}: unknown key {key!r}")
        table[last] = value
    return recipe_from_dict(values, f"recipe {name}")


def recipe_from_dict(values: dict[str, Any], where: str) -> Recipe:
    """A recipe from plain values; every key must be known and present, and of its type."""
    try:
        return build_record(Recipe, values, where)
    except RecordError as error:
        raise RecipeError(str(error)) from error


def split_cells(cells: Cells, recipe: Recipe) -> Split:
    """The split of the cells' slides by a recipe."""
    return split_by_recipe(cells.slides, cells.labels.tolist(), recipe)


def split_by_recipe(slides: Sequence[str], labels: Sequence[int], recipe: Recipe) -> Split:
    """The split of slides, per cell as in `split_slides`, by a recipe's shares and seed, or as the data come."""
    return split_slides(
        slides, labels, recipe.validation_slides, recipe.test_slides, recipe.split_seed, recipe.given_test
    )


def labelled_cells(training: Cells, recipe: Recipe) -> Cells:
    """The training cells whose labels a recipe uses."""
    return training.take(kept_labels(training, recipe).nonzero().flatten().tolist())


def kept_labels(training: Cells, recipe: Recipe) -> Tensor:
    """Which of the training cells keep their label, (N,) bool: the recipe's share, less those in doubt if it says so.

    Raises DataError where these are wanted and not known.
    """
    kept = labelled_subset(training.labels, recipe.label_share, recipe.seed)
    if recipe.doubted_labels == "unlabelled":
        kept &= torch.from_numpy(sure_labels(training.names, read_doubted()))
    return kept


def cells_abroad(folder: Path, training: Cells, recipe: Recipe) -> Cells:
    """The cells of other microscopes below a folder that a recipe trains on beside the training cells; DataError."""
    donors = training if recipe.abroad_grafts else None
    return read_trained(folder, recipe.abroad, recipe.architecture.image_size, recipe.seed, donors)


def split_members(data: Path, recipe: Recipe) -> Split:
    """The split of the slides of data by a recipe, of which no picture is read. Raises DataError."""
    found = list_members(data, recipe.labels)
    return split_by_recipe([slide_of(member) for member, _ in found], [label for _, label in found], recipe)


def split_of(explainer: Explainer, data: Path) -> Split:
    """The split that the checkpoint was trained on; DataError where the data are others and split otherwise."""
    provenance = explainer.checkpoint.provenance
    split = split_members(data, recipe_from_dict(provenance.recipe, f"{explainer.name}: recipe"))
    if split.digest != provenance.split_digest:
        raise DataError(f"{data}: splits into other slides than the checkpoint's data did; use --slides")
    return split


def part_of(explainer: Explainer, data: Path, part: str) -> tuple[Callable[[str], bool], str]:
    """Which slides a part of the checkpoint's split holds, and how to call them."""
    return set(getattr(split_of(explainer, data), part)).__contains__, part_name(part, data)


def parse_override(setting: str, where: str = "") -> tuple[str, Any]:
    """Key and value of `key=value`, the value as TOML has it or else a string; RecipeError for another form."""
    key, separator, text = setting.partition("=")
    if not separator:
        raise RecipeError(f"{where}--set {setting!r} is not of the form key=value")
    try:
        return key.strip(), tomllib.loads(f"value = {text.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), text.strip()
