"""What a joint run moves: weights, their average and the optimizer, from the recipe's first weights on."""

import time
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jdm_core.checkpoint.manifest import load_checkpoint
from jdm_core.model.architecture import Architecture
from jdm_core.model.device import bf16_is_fast
from jdm_core.model.network import JointDiffusionNetwork
from training.data.augment import add_grain, augment
from training.data.cells import Cells, joined
from training.data.composed.crowded import Crowded
from training.data.microscopes.trained import Abroad
from training.data.split import batches
from training.run.loss import Batch, HeadLoss, JointLoss, draw_batch
from training.run.recipe import Recipe, RecipeError
from training.run.step import Stepper, join_processes, learning_rate, set_rate, settle
from training.run.throughput import measure

STATISTICS_BATCHES = 20
STATISTICS_STEP = 10**9  # seeds from here on are of no step of a run


@dataclass(frozen=True)
class Schedule:
    """What a call of `train` decides beside the recipe; of it the budget alone changes what the run computes."""

    max_minutes: float | None = None
    max_images: int | None = None  # seen, in earlier calls too
    accumulate: int = 1  # parts that a process cuts its share of a batch into, for less memory
    compile: bool = False
    budget_minutes: float | None = None  # of the whole run, which chooses the number of images


class Trainer:
    """The weights, their average and the optimizer of a run, on this process's device, and the step that moves them."""

    def __init__(
        self,
        recipe: Recipe,
        training: Cells,
        device: torch.device,
        schedule: Schedule,
        abroad: Cells | None = None,
        teachers: Sequence[nn.Module] = (),
    ) -> None:
        # Every process makes the same network and the same draws, so that only gradients need to travel.
        self.accelerator, self.device = join_processes(device)
        self.recipe, self._count = recipe, len(training)
        self._abroad = None if abroad is None else Abroad(abroad, recipe.abroad_share)
        if abroad is not None:
            training = joined(training, abroad)
        self._names = training.names
        if schedule.accumulate > 1 and recipe.architecture.normalisation == "data":
            raise RecipeError("a batch cannot be computed in parts where its own statistics normalise it")
        self.half = recipe.precision == "bf16" and bf16_is_fast(self.device)
        self._crowded = Crowded(training, recipe.crowd_share) if recipe.crowd_share else None
        self._images, self._labels = training.images.to(self.device), training.labels.to(self.device)
        torch.manual_seed(recipe.seed)
        self.network = initial_network(recipe).to(self.device)
        self.average = deepcopy(self.network).requires_grad_(False).eval()
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), recipe.learning_rate, betas=(0.9, 0.99), weight_decay=recipe.weight_decay
        )
        self._teachers = [teacher.to(self.device) for teacher in teachers]
        self._schedule, self._alone = schedule, False
        loss = JointLoss(self.network, recipe, self._teachers)
        few = self._batch(torch.arange(min(8, recipe.batch_size)), 0)
        self.throughput = measure(loss, few, self.half, self.accelerator.num_processes)
        self.network.load_state_dict(self.average.state_dict())  # measuring has moved running statistics
        self._stepper = self._stepper_of(loss)

    def step(self, step: int, index: Tensor, stop: bool, plan: int = 0) -> tuple[dict[str, float], bool, int]:
        """One optimizer step on the cells at `index`; the losses of the whole batch, whether any process stops.

        Third, the mean of the processes' plans. All random draws follow from the seed and the step, so that a resumed
        run repeats them, and are the same in every process, which then computes its own share alone.
        """
        alone_from = self.recipe.head_alone_step
        if not self._alone and alone_from is not None and step >= alone_from:
            self._leave_head_alone(first=step == alone_from)
        self.network.train(not self._alone)  # what stands still is normalised as in use
        self.network.head.train()
        index = self._with_abroad(index, step)
        batch = self._batch(index, step)
        losses, (stops, planned) = self._stepper(
            step, batch, lambda: ", ".join(self._names[i] for i in index.tolist()), (float(stop), float(plan))
        )
        return losses, stops > 0, int(planned)

    def _leave_head_alone(self, first: bool) -> None:
        """From here on the head alone learns; encoder and decoder stay, bit by bit, the averaged ones.

        `first` says that the run has just come here, and is not resumed from a later step.
        """
        if first and self.recipe.head_alone_step:
            self.settle_average()
            self.network.load_state_dict(self.average.state_dict())
        self._alone = True
        self.network.requires_grad_(False)
        self.network.head.requires_grad_(True)
        self._stepper = self._stepper_of(HeadLoss(self.network, self.recipe, self._teachers))

    def _stepper_of(self, loss: JointLoss) -> Stepper:
        if self._schedule.compile:
            loss.compile()
        return Stepper(
            loss,
            self.optimizer,
            lambda step: set_rate(self.optimizer, learning_rate(self.recipe, step)),
            self.accelerator,
            self.device,
            batch_size=self.recipe.batch_size,
            half=self.half,
            average=(self.average, self.recipe.ema_decay),
            clip=1.0,
            parts=self._schedule.accumulate,
        )

    def rehearse(self) -> float:
        """Seconds of a step, from two of which nothing is kept."""
        before = {name: value.clone() for name, value in self.network.state_dict().items()}
        index = torch.arange(self.recipe.batch_size) % self._count
        for _ in range(2):  # the first one warms up; a later step may be of the head alone, which stays so
            began = time.monotonic()
            self.step(0, index, stop=False)
        seconds = time.monotonic() - began
        self.network.load_state_dict(before)
        self.average.load_state_dict(before)
        self.optimizer.state.clear()
        return seconds

    def settle_average(self) -> None:
        """Takes the statistics of the data for the averaged weights, over the same training cells every time."""
        order = batches(self._count, min(self.recipe.batch_size, self._count), self.recipe.seed, 0)
        steps = range(STATISTICS_STEP, STATISTICS_STEP + STATISTICS_BATCHES)
        made = (self._batch(self._with_abroad(next(order), step), step) for step in steps)
        settle(self.average, self.average.head if self._alone else self.average, made, self.half)

    def _with_abroad(self, index: Tensor, step: int) -> Tensor:
        """`index` (B,), its last places given to cells of other microscopes where the recipe meets them by now."""
        if self._abroad is None or step < self.recipe.abroad_from * self.recipe.steps:
            return index
        return self._abroad.lend(index, self._count, self.recipe.seed, step)

    def _batch(self, index: Tensor, step: int) -> Batch:
        generator = torch.Generator(self.device).manual_seed(self.recipe.seed * 1_000_003 + step)
        recipe = self.recipe
        crowded = self._crowded if self._alone else None
        images = augment(
            self._images[index] if crowded is None else crowded(index, recipe.seed, step).to(self.device),
            recipe.stain_jitter,
            generator,
            recipe.symmetries,
            recipe.translate,
            recipe.appearance,
        )
        return draw_batch(
            images,
            self._labels[index],
            self.network.no_class,
            recipe.label_dropout,
            generator,
            recipe.architecture.logsnr_shift,
            recipe.focus,
            recipe.margin_weight if step >= recipe.margin_from * recipe.steps else 0.0,
            recipe.teaching_weight if step >= recipe.teaching_from * recipe.steps else 0.0,
            add_grain(images, recipe.grain, generator) if recipe.grain else None,
        )


def initial_network(recipe: Recipe) -> JointDiffusionNetwork:
    """A network with random weights, or with those of the checkpoint that the recipe starts from, grown if need be.

    A head may be of another shape than the checkpoint's (`widened_head`).
    """
    network = JointDiffusionNetwork(recipe.architecture)
    if recipe.start_from:
        small, checkpoint = load_checkpoint(recipe.start_from, torch.device("cpu"))
        if checkpoint.provenance.recipe.get("split_seed", 0) != recipe.split_seed:
            raise RecipeError(f"{recipe.name}: {recipe.start_from} was trained on another split of the slides")
        weights, theirs = small.state_dict(), checkpoint.architecture
        try:
            if theirs == recipe.architecture:
                network.load_state_dict(weights)
            elif replace(theirs, head_widths=recipe.architecture.head_widths) == recipe.architecture:
                network.load_state_dict(widened_head(weights, network.state_dict(), theirs))
            else:
                network.load_state_dict(grown_weights(weights, theirs, recipe.architecture))
        except ValueError as error:
            raise RecipeError(f"{recipe.name}: cannot start from {recipe.start_from}: {error}") from error
    return network


def widened_head(weights: Mapping[str, Tensor], begun: Mapping[str, Tensor], theirs: Architecture) -> dict[str, Tensor]:
    """All `weights` but a head of another shape, whose weights are those `begun`.

    A head without a path gets one that is silent, where the data's statistics normalise what it reads: it says what it
    said, until it has learnt to read what the path finds.
    """
    wide = {**begun, **{name: value for name, value in weights.items() if not name.startswith("head.")}}
    if theirs.head_widths:
        return wide
    pooled = sum(theirs.widths)
    for name, value in weights.items():
        if name.startswith("head."):
            wide[name] = torch.cat([value, begun[name][..., pooled:]], dim=-1) if pooled in value.shape else value
    wide["head.1.weight"] = F.pad(weights["head.1.weight"], (0, begun["head.1.weight"].shape[-1] - pooled))
    return wide


def grown_weights(weights: Mapping[str, Tensor], small: Architecture, large: Architecture) -> dict[str, Tensor]:
    """The weights with which a network at twice the side starts where a smaller one stands, detail still to learn.

    With them `large` predicts, of 2×2 means, what `small` does with `weights`, and linearly the detail.
    Only the folding differs: the stem reads the mean of four pixels where it read one, and the output says of all
    four what it said of one. Raises ValueError where the two are not otherwise alike.
    """
    side, fold = 2 * small.image_size, 2 * small.fold
    doubled = replace(small, image_size=side, fold=fold, detail_variance=large.detail_variance)
    if small.detail_variance or not large.detail_variance or doubled != large:
        raise ValueError(
            "only a network with a detail variance, twice the side and the folding of a network without one, and "
            f"otherwise alike, can start from it; these are {large} and {small}"
        )
    grown = dict(weights)
    of_input, of_output = "stem.weight", "out.2"
    grown[of_input] = _repeat(weights[of_input].transpose(0, 1), small).transpose(0, 1).contiguous() / 4
    for name in (f"{of_output}.weight", f"{of_output}.bias"):
        grown[name] = _repeat(weights[name], small)
    return grown


def _repeat(value: Tensor, small: Architecture) -> Tensor:
    """Folded channels (C·f², ...) repeated over 2×2 pixels each: (C·(2f)², ...), in the order of pixel_unshuffle."""
    grid = value.unflatten(0, (small.image_channels, small.fold, small.fold))
    return grid.repeat_interleave(2, 1).repeat_interleave(2, 2).flatten(0, 2)
