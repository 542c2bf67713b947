"""python -m benchmarks.plain_loop: images a second in training, against a plain loop over a `diffusers` UNet2DModel.

Both learn the class-conditional velocity of 64×64 cells with AdamW, in bf16 where the device has hardware for it, with
the same batch, and have as many parameters (within a twentieth). The joint model's step also holds augmentation, a
second encoder pass, the head's two losses, clipping and the average of the weights; the plain loop's holds none of
these. Timed in turns in one run, the fastest of several counted. Needs `pip install diffusers`.
"""

import time
from collections.abc import Callable

import torch
import torch.nn.functional as F

import training.data.vision  # noqa: F401 - diffusers imports torchvision, which may need this first

# isort: split
from diffusers import DDPMScheduler, UNet2DModel  # pyright: ignore[reportMissingImports]  # only this benchmark needs it

from jdm_core.model.device import choose_device, half_precision
from training.data.cells import Cells
from training.run.recipe import load_recipe
from training.run.train import Schedule, Trainer
from training.tables import Table

ROUNDS, BATCH, CELLS = 5, 32, 256


def plain_step(device: torch.device) -> tuple[Callable[[torch.Tensor, torch.Tensor], None], int]:
    """A step over a UNet2DModel on images (B, 3, 64, 64) and labels (B,), and the number of its parameters."""
    torch.manual_seed(0)
    unet = UNet2DModel(
        sample_size=64,
        layers_per_block=1,
        block_out_channels=(64, 128, 128, 160),
        num_class_embeds=3,
        down_block_types=("DownBlock2D", "DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D", "UpBlock2D"),
    ).to(device)
    scheduler = DDPMScheduler(beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction")
    optimizer = torch.optim.AdamW(unet.parameters(), 6e-4)

    def step(images: torch.Tensor, labels: torch.Tensor) -> None:
        noise, times = torch.randn_like(images), torch.randint(1000, (len(images),), device=device)
        with half_precision(device):
            v = unet(scheduler.add_noise(images, noise, times), times, class_labels=labels).sample
        loss = F.mse_loss(v.float(), scheduler.get_velocity(images, noise, times))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss.item()  # waits for the device, as the joint model's step does

    return step, sum(p.numel() for p in unet.parameters())


def measure() -> Table:
    """Images a second of both."""
    device = choose_device("auto")
    recipe = load_recipe("malaria-64", [f"batch_size={BATCH}"])
    pixels = torch.randint(0, 256, (CELLS, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    cells = Cells(pixels, torch.arange(CELLS) % 2, ["C1P1"] * CELLS, [""] * CELLS)
    trainer = Trainer(recipe, cells, device, Schedule())
    step, plain_parameters = plain_step(device)
    images, labels = pixels.to(device).float() / 127.5 - 1, cells.labels.to(device)
    best = {"joint": float("inf"), "plain": float("inf")}
    for turn in range(ROUNDS + 1):
        index = torch.arange(BATCH) + BATCH * (turn % (CELLS // BATCH))
        for name, run in (
            ("joint", lambda turn=turn, index=index: trainer.step(turn, index, stop=False)),
            ("plain", lambda index=index: step(images[index], labels[index])),
        ):
            started = time.perf_counter()
            run()
            if turn:  # the first one warms up
                best[name] = min(best[name], time.perf_counter() - started)
    parameters = sum(p.numel() for p in trainer.network.parameters())
    whole = (
        "whole step of the joint model: augmentation, both encoder passes, three losses, clipping, averaging",
        f"{parameters / 1e6:.2f} M",
        f"{BATCH / best['joint']:.1f}",
    )
    plain = ("plain loop", f"{plain_parameters / 1e6:.2f} M", f"{BATCH / best['plain']:.1f}")
    note = f"The joint model's step: {trainer.throughput.describe(BATCH / best['joint'])}."
    return Table.make(("", "Parameters", "Images/s"), [whole, plain], note=note)


def main() -> None:
    """Prints the table."""
    print(measure().markdown())


if __name__ == "__main__":
    main()
