"""Train, pack, export and evaluate a joint diffusion model of cells."""

import argparse
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from jdm_core import CheckpointError, Explainer
from jdm_core.checkpoints import MANIFEST, choose_device, read_manifest
from jdm_core.files import replace_file
from training.data import DataError, list_members, load_cells, slide_of, split_slides
from training.recipe import RecipeError, load_recipe, recipe_from_dict
from training.state import STATE_FILE, StateError, read_state

JUDGE = MANIFEST.parent / "weights" / "judge-64.safetensors"
# A run may be made longer or shorter and watched more or less closely; anything else would be another run.
CHANGEABLE = {"images", "validate_every", "validation_cells"}


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; 0 when it succeeded, 1 after a one-line reason on stderr."""
    options = _parser().parse_args(arguments)
    try:
        return options.function(options)
    except (RecipeError, DataError, StateError, CheckpointError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    data = {"type": Path, "required": True, "metavar": "ZIP_OR_FOLDER", "help": "cells in the NIH layout"}
    device = {"default": "auto", "help": "auto, cpu, cuda, or a torch device (default: auto)"}

    train = commands.add_parser("train", help="train a model, or continue a run")
    train.add_argument("--recipe", default="malaria-64", help="a preset of training/recipes, or a TOML file")
    train.add_argument("--data", **data)
    train.add_argument("--run", type=Path, help="run folder (default: runs/RECIPE)")
    train.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a key of the recipe")
    train.add_argument("--resume", action="store_true", help="continue the run folder's state exactly")
    train.add_argument("--max-minutes", type=float, help="stop in good order after this time; --resume goes on")
    train.add_argument("--device", **device)
    train.set_defaults(function=_train)

    pack = commands.add_parser("pack", help="write the cells at the model's size into one small zip")
    pack.add_argument("--recipe", default="malaria-64", help="whose size and labels (default: malaria-64)")
    pack.add_argument("--data", **data)
    pack.add_argument("--out", type=Path, required=True, help="the zip to write")
    pack.set_defaults(function=_pack)

    export = commands.add_parser("export", help="calibrate a run and write its weights and manifest entry")
    export.add_argument("--run", type=Path, required=True, help="run folder")
    export.add_argument("--data", **data)
    export.add_argument("--name", help="checkpoint name (default: the recipe's)")
    export.add_argument("--manifest", type=Path, default=MANIFEST, help="manifest to extend")
    export.add_argument("--cells", type=int, default=800, help="validation cells for the scores (default: 800)")
    export.add_argument("--device", **device)
    export.set_defaults(function=_export)

    # What a checkpoint is loaded from, and which slides of the data it is measured on.
    checkpoint = argparse.ArgumentParser(add_help=False)
    checkpoint.add_argument("--checkpoint", default="malaria-64", help="name in the manifest")
    checkpoint.add_argument("--manifest", type=Path, default=MANIFEST)
    checkpoint.add_argument("--seed", type=int, default=0)
    checkpoint.add_argument("--device", **device)
    slides = argparse.ArgumentParser(add_help=False)
    slides.add_argument("--data", **data)
    which = slides.add_mutually_exclusive_group()
    which.add_argument("--slides", type=Path, metavar="FILE", help="only these slides, one id a line")
    which.add_argument("--part", choices=("train", "validation", "test"), help="only this part of the training split")
    slides.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    slides.add_argument("--record", action="store_true", help="put the figures into the manifest too")

    evaluate = commands.add_parser("evaluate", parents=[checkpoint, slides], help="measure its verdicts")
    evaluate.add_argument("--draws", type=int, default=16, help="draws of the posterior (default: 16)")
    evaluate.set_defaults(function=_evaluate)

    edits = commands.add_parser("edits", parents=[checkpoint, slides], help="measure its edits by the judge")
    edits.add_argument("--judge", type=Path, default=JUDGE, help="weights of the judge (default: the bundled ones)")
    edits.add_argument("--cells", type=int, default=200, help="cells of each class (default: 200)")
    edits.add_argument("--sheet", type=Path, metavar="FILE.png", help="draw the first 24 cells with maps and edits")
    edits.set_defaults(function=_edits)

    examples = commands.add_parser("examples", parents=[checkpoint], help="generate the example cells of the page")
    examples.add_argument("--cells", type=int, default=4, help="of each class (default: 4)")
    examples.add_argument("--out", type=Path, default=Path("web/examples"))
    examples.set_defaults(function=_examples)

    card = commands.add_parser("card", help="write the manifest's figures into README.md and MODEL_CARD.md")
    card.add_argument("--checkpoint", default="malaria-64", help="name in the manifest")
    card.set_defaults(function=_card)

    judge = commands.add_parser("judge", help="train the independent classifier that judges edits")
    judge.add_argument("--recipe", default="malaria-64", help="whose size, labels and split (default: malaria-64)")
    judge.add_argument("--data", **data)
    judge.add_argument("--images", type=int, default=60_000, help="augmented cells seen (default: 60000)")
    judge.add_argument("--out", type=Path, default=Path("runs/judge.safetensors"))
    judge.add_argument("--device", **device)
    judge.set_defaults(function=_judge)
    return parser


def _train(options: argparse.Namespace) -> int:
    from training.train import NonFiniteLoss, train

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

    stopping: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: stopping.append(received))
    try:
        finished = train(
            recipe, options.data, run, choose_device(options.device), options.max_minutes, resumed,
            should_stop=lambda: bool(stopping),
        )  # fmt: skip
    except NonFiniteLoss as error:
        print(f"error: {error}; the last good state is {run / STATE_FILE}", file=sys.stderr)
        return 1
    print(f"{run}: " + ("finished" if finished else "stopped; --resume continues it"))
    return 0


def _pack(options: argparse.Namespace) -> int:
    from training.pack import pack

    recipe = load_recipe(options.recipe)
    size = pack(options.data, recipe.labels, recipe.architecture.image_size, options.out)
    print(f"{options.out}: {size / 2**20:.1f} MiB")
    return 0


def _export(options: argparse.Namespace) -> int:
    from training.calibrate import calibrate
    from training.export import export, rounded_network

    state, device = read_state(options.run), choose_device(options.device)
    recipe = state.recipe
    cells = load_cells(options.data, recipe.labels, recipe.architecture.image_size)
    split = split_slides(cells.slides, cells.labels.tolist(), recipe.validation_slides, recipe.test_slides, recipe.seed)
    if split.digest != state.split_digest:
        raise StateError(f"{options.data}: splits into other slides than the run's data did")
    validation = cells.of_slides(split.validation)
    calibration, windows = calibrate(rounded_network(state, device), validation, options.cells, device)
    (options.run / "windows.json").write_text(json.dumps(windows, indent=1), encoding="utf-8")
    path = export(state, calibration, options.name or recipe.name, options.manifest, device.type, metrics={})
    print(f"{path}: {path.stat().st_size} bytes; {calibration}")
    return 0


def _judge(options: argparse.Namespace) -> int:
    from training.judge import train_judge

    recipe = load_recipe(options.recipe)
    cells = load_cells(options.data, recipe.labels, recipe.architecture.image_size)
    split = split_slides(cells.slides, cells.labels.tolist(), recipe.validation_slides, recipe.test_slides, recipe.seed)
    figures = train_judge(
        cells.of_slides(split.train), cells.of_slides(split.validation), recipe.labels, options.images, options.out,
        choose_device(options.device),
    )  # fmt: skip
    print(f"{options.out}: {figures}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from training.evaluate import evaluate
    from training.export import record_metrics

    explainer = Explainer.load(options.checkpoint, options.device, options.manifest)
    keep, test_set = _wanted_slides(explainer, options)
    figures = evaluate(explainer, options.data, keep, options.draws, options.seed)
    _write_figures(options.out, test_set, figures)
    if options.record:
        record_metrics(options.manifest, options.checkpoint, {"test_set": test_set, **figures})
    for name in ("head", "posterior"):
        f = figures[name]
        shown = ", ".join(f"{key} {f[key]:.4f} [{f[f'{key}_interval'][0]:.4f}, {f[f'{key}_interval'][1]:.4f}]"
                          for key in ("accuracy", "auroc", "ece"))  # fmt: skip
        print(f"{name}: {shown}")
    print(f"n {figures['n']} cells of {figures['slides']} slides ({test_set}); {options.out}")
    return 0


def _wanted_slides(explainer: Explainer, options: argparse.Namespace) -> tuple[Callable[[str], bool] | None, str]:
    """Which slides --slides or --part mean, None for all, and how to call them."""
    name = options.data.name
    if options.slides:
        wanted = set(options.slides.read_text(encoding="utf-8").split())
        return wanted.__contains__, f"slides of {options.slides.name} in {name}"
    if not options.part:
        return None, f"all slides of {name}"
    provenance = explainer.checkpoint.provenance
    recipe = recipe_from_dict(provenance.recipe, f"{options.checkpoint}: recipe")
    found = list_members(options.data, explainer.labels)
    split = split_slides(
        [slide_of(member) for member, _ in found], [label for _, label in found],
        recipe.validation_slides, recipe.test_slides, recipe.seed,
    )  # fmt: skip
    if split.digest != provenance.split_digest:
        raise DataError(f"{options.data}: splits into other slides than the checkpoint's data did; use --slides")
    return set(getattr(split, options.part)).__contains__, f"{options.part} slides of {name}"


def _edits(options: argparse.Namespace) -> int:
    from training.edits import evaluate_edits
    from training.export import record_metrics

    explainer = Explainer.load(options.checkpoint, options.device, options.manifest)
    keep, test_set = _wanted_slides(explainer, options)
    figures = evaluate_edits(
        explainer, options.data, options.judge, keep, options.cells, options.seed, options.sheet
    )  # fmt: skip
    _write_figures(options.out, test_set, figures)
    if options.record:
        record_metrics(options.manifest, options.checkpoint, {"edits": {"test_set": test_set, **figures}})
    for name in explainer.labels:
        f = figures[f"from_{name}"]
        shown = ", ".join(f"{who} {f[f'{who}_flips']['rate']:.3f} {f[f'{who}_flips']['interval']}"
                          for who in ("judge", "head", "posterior"))  # fmt: skip
        print(f"from {name}: n {f['n']} of {f['slides']} slides; flips: {shown}; "
              f"median changed {f['changed_fraction_median']:.3f}; {f['network_passes_mean']} passes; "
              f"{f['cells_with_dark_specks']} cells with dark specks")  # fmt: skip
    return 0


def _examples(options: argparse.Namespace) -> int:
    from training.examples import generate

    explainer = Explainer.load(options.checkpoint, options.device, options.manifest)
    for path in generate(explainer, options.cells, options.seed, options.out):
        print(path)
    return 0


def _card(options: argparse.Namespace) -> int:
    from training.card import write_card

    checkpoint = read_manifest()[options.checkpoint]
    for path in write_card(options.checkpoint, checkpoint, MANIFEST.parent.parent):
        print(path)
    return 0


def _write_figures(path: Path, test_set: str, figures: dict[str, object]) -> None:
    text = json.dumps({"test_set": test_set, **figures}, indent=1) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, lambda partial: partial.write_text(text, encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(main())
