"""Training of the finder of cells on composed fields, whose outlines are known, by the one optimizer step of all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from jdm_core.checkpoint.weights import pack_weights
from jdm_core.field.network import DIAMETER, FinderNetwork, network_input
from jdm_core.files import replace_file
from jdm_core.model.symmetries import COUNT
from training.data.composed.debris import Debris
from training.data.composed.scene import compose
from training.data.composed.targets import Targets, targets_of
from training.run.step import Stepper, join_processes, one_cycle

SIDE = 256  # pixels of a composed field
BATCH, LEARNING_RATE, WEIGHT_DECAY = 16, 3e-3, 0.02
MIXED = 0.3  # of the fields hold cells of many slides
RADII_WEIGHT, STAIN_WEIGHT = 1.0, 0.3
MEMORY = 0.98  # of the losses that are told


@dataclass(frozen=True)
class Fields:
    """Fields (B, 3, S, S) as uint8, and their targets stacked."""

    pictures: Tensor
    centres: Tensor
    radii: Tensor
    known: Tensor
    stained: Tensor

    def shares(self, count: int) -> "list[Fields]":
        """`count` equal parts."""
        return [Fields(*part) for part in zip(*(t.chunk(count) for t in vars(self).values()), strict=True)]

    def take(self, index: Tensor) -> "Fields":
        """Some of the fields, by their indices (n,)."""
        return Fields(*(t[index] for t in vars(self).values()))


def composed(
    cells: Sequence[np.ndarray], slides: Sequence[str], debris: Sequence[Debris], number: int, seed: int
) -> Fields:
    """So many fields composed of N cells uint8 (h, w, 3) on black, most of them of one slide's."""
    random = np.random.default_rng(seed)
    of_slide = {slide: np.flatnonzero(np.asarray(slides) == slide) for slide in sorted(set(slides))}
    names = sorted(of_slide)
    pictures: list[np.ndarray] = []
    targets: list[Targets] = []
    for _ in tqdm(range(number), desc="composing", unit="field", mininterval=5):
        if random.random() < MIXED:
            index = random.integers(len(cells), size=100).tolist()
        else:
            index = of_slide[names[int(random.integers(len(names)))]].tolist()
        scene = compose(random, [cells[i] for i in index], debris, SIDE, DIAMETER)
        pictures.append(scene.picture)
        targets.append(targets_of(scene))
    return Fields(
        torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous(),
        *(
            torch.from_numpy(np.stack([getattr(one, name) for one in targets])).to(kind)
            for name, kind in (
                ("centres", torch.float16),
                ("radii", torch.float16),
                ("known", torch.bool),
                ("stained", torch.uint8),
            )
        ),
    )


class FinderLoss(nn.Module):
    """Cross-entropy of centres and stain, and the radii's absolute error where they are known."""

    def __init__(self, network: FinderNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Fields) -> dict[str, Tensor]:
        """Scalars; "loss" is their weighted sum."""
        maps = self.network(network_input(batch.pictures).contiguous(memory_format=torch.channels_last))
        centres = F.binary_cross_entropy_with_logits(maps.centres, batch.centres.float())
        known = batch.known[:, None].float() * batch.centres[:, :1].float()
        error = (maps.radii - batch.radii.float()).abs() / DIAMETER
        radii = (error * known).sum() / (known.sum() * error.shape[1] + 1)
        stain = F.cross_entropy(maps.stained, batch.stained.long())
        loss = centres + RADII_WEIGHT * radii + STAIN_WEIGHT * stain
        return {"loss": loss, "centres": centres, "radii": radii, "stain": stain}


def turned(batch: Fields, symmetry: int) -> Fields:
    """The fields under one of the square's eight symmetries; the rays turn with them."""
    rays = batch.radii.shape[1]
    quarter, flip = symmetry % 4, symmetry >= 4

    def turn(t: Tensor) -> Tensor:
        t = torch.rot90(t, quarter, (-2, -1))
        return t.flip(-1) if flip else t

    # A quarter turn against the clock takes the ray along x to the one along -y.
    index = torch.arange(rays)
    if flip:
        index = (rays // 2 - index) % rays
    index = (index + quarter * rays // 4) % rays
    radii = turn(batch.radii)[:, index]
    return Fields(turn(batch.pictures), turn(batch.centres), radii, turn(batch.known), turn(batch.stained))


def fit_finder(fields: Fields, steps: int, seed: int, device: torch.device) -> tuple[FinderNetwork, dict[str, float]]:
    """The network trained for so many steps (AdamW, one cycle that ends near zero), in evaluation mode.

    And the mean losses of about the last fifty steps.
    """
    accelerator, device = join_processes(device)
    torch.manual_seed(seed)
    network = FinderNetwork().to(device)
    nn.utils.convert_conv2d_weight_memory_format(network, torch.channels_last)
    optimizer, rate = one_cycle(network, LEARNING_RATE, WEIGHT_DECAY, steps, rising=0.15)
    stepper = Stepper(
        FinderLoss(network),
        optimizer,
        rate,
        accelerator,
        device,
        batch_size=BATCH,
        clip=5.0,
    )
    order = _order(len(fields.pictures), seed)
    losses: dict[str, float] = {}
    bar = tqdm(range(steps), desc="finder", unit="batch", mininterval=10)
    for step in bar:
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
        symmetry = int(torch.randint(COUNT, (1,), generator=generator))
        index = torch.tensor([next(order) for _ in range(BATCH)])
        batch = turned(fields.take(index), symmetry)
        batch = Fields(*(t.to(device) for t in vars(batch).values()))
        means, _ = stepper(step, batch, lambda index=index: ", ".join(str(i) for i in index.tolist()))
        losses = {name: losses.get(name, value) * MEMORY + value * (1 - MEMORY) for name, value in means.items()}
        bar.set_postfix({name: f"{value:.4f}" for name, value in losses.items()}, refresh=False)
    return network.eval(), losses


def _order(count: int, seed: int) -> Iterator[int]:
    epoch = 0
    while True:
        yield from torch.randperm(count, generator=torch.Generator().manual_seed(seed + epoch)).tolist()
        epoch += 1


def save_finder(network: FinderNetwork, path: Path) -> None:
    """Writes the weights in fp16."""
    weights = {n: v for n, v in network.state_dict().items() if v.is_floating_point()}
    data = pack_weights(weights)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, lambda partial: partial.write_bytes(data))
