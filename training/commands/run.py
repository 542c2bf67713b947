"""The commands that train: train, pack, judge."""

import argparse
import os
import sys
from pathlib import Path

from jdm_core.checkpoints import choose_device
from training.commands.options import DATA, DEVICE, Commands, stop_on_signal
from training.data import load_cells, split_cells
from training.run.recipe import load_recipe
from training.state import STATE_FILE, StateError, read_state

# A run may be made longer or shorter, watched more or less closely, and end on other noise levels, a margin between
# classes or a shorter average, as a further leg; anything else would be another run.
CHANGEABLE = {"images", "focus", "margin_weight", "ema_decay", "validate_every", "validation_cells"}


def register(commands: Commands) -> None:
    """Adds the commands."""
    train = commands.add_parser("train", help="train a model, or continue a run")
    train.add_argument("--recipe", default="malaria-64", help="a preset of training/recipes, or a TOML file")
    train.add_argument("--data", **DATA)
    train.add_argument("--run", type=Path, help="run folder (default: runs/RECIPE)")
    train.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a key of the recipe")
    train.add_argument("--resume", action="store_true", help="continue the run folder's state exactly")
    train.add_argument("--max-minutes", type=float, help="stop in good order after this time; --resume goes on")
    train.add_argument(
        "--accumulate", type=int, default=1, metavar="N", help="compute each batch in N parts, for less memory"
    )
    train.add_argument("--compile", action="store_true", help="compile the network first: worth it on a GPU")
    train.add_argument("--device", **DEVICE)
    train.set_defaults(function=_train)

    pack = commands.add_parser("pack", help="write the cells at the model's size into one small zip")
    pack.add_argument("--recipe", default="malaria-64", help="whose size and labels (default: malaria-64)")
    pack.add_argument("--data", **DATA)
    pack.add_argument("--out", type=Path, required=True, help="the zip to write")
    pack.set_defaults(function=_pack)

    judge = commands.add_parser("judge", help="train the independent classifier that judges edits")
    judge.add_argument("--recipe", default="malaria-64", help="whose size, labels and split (default: malaria-64)")
    judge.add_argument("--data", **DATA)
    judge.add_argument("--images", type=int, default=60_000, help="augmented cells seen (default: 60000)")
    judge.add_argument("--out", type=Path, default=Path("runs/judge.safetensors"))
    judge.add_argument("--device", **DEVICE)
    judge.set_defaults(function=_judge)


def _train(options: argparse.Namespace) -> int:
    from training.run.step import NonFiniteLoss
    from training.run.train import Schedule, train

    recipe = load_recipe(options.recipe, options.set)
    run = options.run or Path("runs") / recipe.name
    resumed = None
    if options.resume:
        resumed = read_state(run)
        changed = {key for key, value in recipe.as_dict().items() if resumed.recipe.as_dict()[key] != value}
        if changed - CHANGEABLE:
            raise StateError(f"{run}: its state comes from another recipe; these differ: {', '.join(sorted(changed))}")
    elif (run / STATE_FILE).exists():
        raise StateError(f"{run}: holds a run already; --resume continues it, another --run starts a new one")

    try:
        finished = train(
            recipe, options.data, run, choose_device(options.device),
            Schedule(options.max_minutes, options.accumulate, options.compile), resumed,
            should_stop=stop_on_signal(),
        )  # fmt: skip
    except NonFiniteLoss as error:
        print(f"error: {error}; the last good state is {run / STATE_FILE}", file=sys.stderr)
        return 1
    if os.environ.get("RANK", "0") == "0":
        print(f"{run}: " + ("finished" if finished else "stopped; --resume continues it"))
    return 0


def _pack(options: argparse.Namespace) -> int:
    from training.pack import pack

    recipe = load_recipe(options.recipe)
    size = pack(options.data, recipe.labels, recipe.architecture.image_size, options.out)
    print(f"{options.out}: {size / 2**20:.1f} MiB")
    return 0


def _judge(options: argparse.Namespace) -> int:
    from training.judge import judge_recipe
    from training.run.classifier import train_classifier

    recipe = load_recipe(options.recipe)
    cells = load_cells(options.data, recipe.labels, recipe.architecture.image_size)
    split = split_cells(cells, recipe)
    figures = train_classifier(
        judge_recipe(recipe, options.images), cells.of_slides(split.train), cells.of_slides(split.validation),
        split.digest, options.out, choose_device(options.device),
    )  # fmt: skip
    print(f"{options.out}: {figures}")
    return 0
