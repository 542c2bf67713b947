"""The commands that train: train, adapt, classifier, judge, doubts."""

import argparse
import os
import sys
from pathlib import Path

from jdm_core.checkpoint.manifest import locate
from jdm_core.model.device import choose_device
from training.cli.missing import NOTHING_ABROAD, without_missing
from training.cli.options import DATA, DEVICE, SET, Commands, checkpoint_options, stop_on_signal
from training.run.recipe import load_recipe, parse_override
from training.run.state import STATE_FILE, StateError, read_state

# A run may be made longer or shorter, watched more or less closely, and end on other noise levels, a margin between
# classes or a shorter average, as a further leg; anything else would be another run.
CHANGEABLE = {"images", "focus", "margin_weight", "ema_decay", "validate_every", "validation_cells"}


def register(commands: Commands) -> None:
    """Adds the commands."""
    train = commands.add_parser("train", help="train a model, or continue a run")
    train.add_argument("--recipe", default="malaria-64", help="a preset of training/recipes, or a TOML file")
    train.add_argument("--data", **DATA)
    train.add_argument(
        "--microscopes", type=Path, metavar="FOLDER", help="sets of other microscopes, where the recipe trains on some"
    )
    train.add_argument("--run", type=Path, help="run folder (default: runs/RECIPE)")
    train.add_argument("--set", **SET)
    train.add_argument("--resume", action="store_true", help="continue the run folder's state exactly")
    train.add_argument("--max-minutes", type=float, help="stop in good order after this time; --resume goes on")
    train.add_argument("--max-images", type=int, metavar="N", help="stop in good order after so many images")
    train.add_argument(
        "--budget-minutes",
        type=float,
        metavar="M",
        help="choose the number of images so that the run ends, its rate at zero, after M minutes",
    )
    train.add_argument("--accumulate", type=int, default=1, metavar="N", help="parts of a batch, for less memory")
    train.add_argument("--compile", action="store_true", help="compile the network first, on a GPU")
    train.add_argument("--device", **DEVICE)
    train.set_defaults(function=_train)

    adapt = commands.add_parser(
        "adapt", parents=[checkpoint_options()], help="fine-tune on images without labels, by the diffusion loss"
    )
    adapt.add_argument(
        "--images", type=Path, required=True, metavar="FOLDER", help="cells on black, in any layout, or digits"
    )
    adapt.add_argument("--run", type=Path, required=True, metavar="FOLDER", help="for the new checkpoint")
    adapt.add_argument(
        "--number", type=int, default=12_800, metavar="N", help="augmented images to see (default: 12800)"
    )
    adapt.add_argument("--resume", action="store_true", help="continue the run folder's state exactly")
    adapt.add_argument("--max-minutes", type=float, help="stop after this time, and keep what there is")
    adapt.set_defaults(function=_adapt)

    classifier = commands.add_parser("classifier", help="train a classifier alone, to compare with")
    classifier.add_argument(
        "--architecture", choices=("cnn", "resnet18", "encoder"), required=True, help="of its network"
    )
    classifier.add_argument("--recipe", default="malaria-64", help="whose size, split, augmentation and rates")
    classifier.add_argument("--set", **SET)
    classifier.add_argument("--data", **DATA)
    classifier.add_argument(
        "--microscopes",
        type=Path,
        metavar="FOLDER",
        help="sets of other microscopes: from the first batch on, in the recipe's share, those that it trains on",
    )
    classifier.add_argument("--images", type=int, help="augmented cells seen (default: the recipe's; cnn: 102400)")
    classifier.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors", help="for the weights")
    classifier.add_argument("--device", **DEVICE)
    classifier.set_defaults(function=_classifier)

    judge = commands.add_parser("judge", help="train the independent classifier that judges edits")
    judge.add_argument("--recipe", default="malaria-64", help="whose size, labels and split (default: malaria-64)")
    judge.add_argument("--data", **DATA)
    judge.add_argument("--images", type=int, default=60_000, help="augmented cells seen (default: 60000)")
    judge.add_argument("--out", type=Path, default=Path("runs/judge.safetensors"), help="for the weights")
    judge.add_argument("--device", **DEVICE)
    judge.set_defaults(function=_judge)

    doubts = commands.add_parser("doubts", help="find cells whose label networks trained without them contradict")
    doubts.add_argument("--recipe", default="malaria-64", help="whose size, labels and split (default: malaria-64)")
    doubts.add_argument("--set", **SET)
    doubts.add_argument("--data", **DATA)
    doubts.add_argument("--folds", type=int, default=2, help="parts of the training slides (default: 2)")
    doubts.add_argument(
        "--images", type=int, default=36_000, help="augmented cells that each network sees (default: 36000)"
    )
    doubts.add_argument("--cells", type=int, metavar="N", help="at most so many cells, to rehearse (default: all)")
    doubts.add_argument("--run", type=Path, default=Path("runs/doubts"), help="folder for the networks")
    doubts.add_argument("--out", type=Path, metavar="FILE.csv", help="(default: the bundled marks/doubted.csv)")
    doubts.add_argument("--device", **DEVICE)
    doubts.set_defaults(function=_doubts)


def _train(options: argparse.Namespace) -> int:
    from training.run.step import NonFiniteLoss
    from training.run.train import train
    from training.run.trainer import Schedule

    device = choose_device(options.device)
    if options.compile and device.type == "cpu":
        raise ValueError(
            "--compile: on a CPU the compiled network's gradients are not always numbers in bf16, and little is gained "
            "there; leave it out, or name a GPU with --device"
        )
    if options.budget_minutes is not None and any(parse_override(setting)[0] == "images" for setting in options.set):
        print("--set images is not used: --budget-minutes chooses the number of images", file=sys.stderr)
    # A length that is found on the way is one fall of the rate.
    once = [] if options.budget_minutes is None else ["restarts=[]"]
    recipe = load_recipe(options.recipe, [*options.set, *once])
    if left_out := without_missing(recipe, options.data, options.microscopes):
        once += left_out
        recipe = load_recipe(options.recipe, [*options.set, *once])
    run = options.run or Path("runs") / recipe.name
    resumed = None
    if options.resume:
        resumed = read_state(run)
        if options.budget_minutes is not None:
            recipe = load_recipe(options.recipe, [*options.set, *once, f"images={resumed.recipe.images}"])
        changed = {key for key, value in recipe.as_dict().items() if resumed.recipe.as_dict()[key] != value}
        if changed - CHANGEABLE:
            raise StateError(f"{run}: its state comes from another recipe; these differ: {', '.join(sorted(changed))}")
    elif (run / STATE_FILE).exists():
        raise StateError(f"{run}: holds a run already; --resume continues it, another --run starts a new one")

    schedule = Schedule(
        options.max_minutes, options.max_images, options.accumulate, options.compile, options.budget_minutes
    )
    try:
        finished = train(recipe, options.data, run, device, schedule, resumed, stop_on_signal(), options.microscopes)
    except NonFiniteLoss as error:
        print(f"error: {error}; the last good state is {run / STATE_FILE}", file=sys.stderr)
        return 1
    if _leads():
        print(f"{run}: " + ("finished" if finished else "stopped; --resume continues it"))
    return 0


def _adapt(options: argparse.Namespace) -> int:
    from training.publish.adapted import adapt_checkpoint
    from training.run.adapt import Adaptation
    from training.run.step import NonFiniteLoss

    name, manifest = locate(options.checkpoint, options.manifest)
    try:
        wanted = Adaptation(
            options.images,
            options.run,
            options.number,
            options.seed,
            choose_device(options.device),
            options.max_minutes,
            stop_on_signal(),
            options.resume,
        )
        path, done = adapt_checkpoint(name, manifest, wanted)
    except NonFiniteLoss as error:
        print(f"error: {error}; nothing is written", file=sys.stderr)
        return 1
    if _leads():
        print(
            f"{path}: {done.seen} images seen of {done.found}; "
            f"diffusion loss {done.first_loss:.4f} at first, {done.last_loss:.4f} at last"
        )
        print(f"use it with --checkpoint {options.run}")
    return 0


def _classifier(options: argparse.Namespace) -> int:
    from training.data.cells import load_cells
    from training.data.microscopes.trained import Abroad
    from training.publish.export import record_classifier
    from training.run.fit_classifier import PLAIN_IMAGES, ClassifierRecipe, plain_recipe, train_classifier
    from training.run.recipe import cells_abroad, labelled_cells, split_cells

    recipe = load_recipe(options.recipe, options.set)
    size, abroad = recipe.architecture.image_size, None
    if options.microscopes is not None and not recipe.abroad:
        raise ValueError(f"--microscopes: the recipe {recipe.name} trains on no cells of other microscopes")
    cells = load_cells(options.data, recipe.labels, size)
    split = split_cells(cells, recipe)
    training = labelled_cells(cells.of_slides(split.train), recipe)
    if options.microscopes is not None:
        abroad = Abroad(cells_abroad(options.microscopes, training, recipe), recipe.abroad_share)
    elif recipe.abroad:
        print(NOTHING_ABROAD.format(", ".join(recipe.abroad)), file=sys.stderr)
    images = options.images or (PLAIN_IMAGES if options.architecture == "cnn" else recipe.images)
    if options.architecture == "cnn":
        settings = plain_recipe(recipe, images, recipe.seed)
    else:
        settings = ClassifierRecipe.like(recipe, options.architecture, images, recipe.seed)
    validation, device = cells.of_slides(split.validation), choose_device(options.device)
    figures = train_classifier(settings, training, validation, split.digest, options.out, device, abroad)
    if _leads():
        record_classifier(options.out)
        beside = "" if abroad is None else f" and {len(abroad.cells)} of {', '.join(abroad.sets)}"
        print(f"{options.out}: {len(training)} training cells{beside}, {figures}")
    return 0


def _judge(options: argparse.Namespace) -> int:
    from training.data.cells import load_cells
    from training.publish.export import record_classifier
    from training.run.fit_classifier import judge_recipe, train_classifier
    from training.run.recipe import split_cells

    recipe = load_recipe(options.recipe)
    cells = load_cells(options.data, recipe.labels, recipe.architecture.image_size)
    split = split_cells(cells, recipe)
    training, validation = cells.of_slides(split.train), cells.of_slides(split.validation)
    settings, device = judge_recipe(recipe, options.images), choose_device(options.device)
    figures = train_classifier(settings, training, validation, split.digest, options.out, device)
    if _leads():
        record_classifier(options.out)
        print(f"{options.out}: {figures}")
    return 0


def _doubts(options: argparse.Namespace) -> int:
    from training.data.cells import load_cells
    from training.data.doubted import FILE, write_doubted
    from training.run.doubts import contradicted, out_of_fold
    from training.run.recipe import split_cells

    recipe, out = load_recipe(options.recipe, options.set), options.out or FILE
    size = recipe.architecture.image_size
    cells = load_cells(options.data, recipe.labels, size, at_most=options.cells, seed=recipe.seed)
    split, device = split_cells(cells, recipe), choose_device(options.device)
    probabilities = out_of_fold(recipe, cells, split, options.folds, options.images, options.run, device)
    labels = cells.labels.numpy()
    given = probabilities[range(len(cells)), labels]
    found = contradicted(probabilities, labels).nonzero()[0].tolist()
    names = [recipe.labels[label] for label in labels.tolist()]
    if _leads():
        write_doubted(out, [cells.names[i] for i in found], [names[i] for i in found], [float(given[i]) for i in found])
        shares = ", ".join(
            f"{sum(names[i] == label for i in found)} of {names.count(label)} {label}" for label in recipe.labels
        )
        print(f"{out}: in doubt are {shares}; the networks read {(probabilities.argmax(1) == labels).mean():.4f} right")
    return 0


def _leads() -> bool:
    """Whether this process speaks for all that torchrun started."""
    return os.environ.get("RANK", "0") == "0"
