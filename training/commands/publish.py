"""The commands that make a run into what is shipped: export, calibrate, examples, card, hub."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from jdm_core import Explainer
from jdm_core.checkpoints import MANIFEST, Calibration, choose_device, locate, read_manifest
from training.commands.options import DATA, DEVICE, Commands, checkpoint_options, read_slides, split_of
from training.data import load_cells, split_cells
from training.state import StateError, read_state


def register(commands: Commands) -> None:
    """Adds the commands."""
    export = commands.add_parser("export", help="calibrate a run and write its weights and manifest entry")
    export.add_argument("--run", type=Path, required=True, help="run folder")
    export.add_argument("--data", **DATA)
    export.add_argument("--name", help="checkpoint name (default: the recipe's)")
    export.add_argument("--manifest", type=Path, default=MANIFEST, help="manifest to extend")
    export.add_argument("--cells", type=int, default=800, help="validation cells for the scores (default: 800)")
    export.add_argument("--device", **DEVICE)
    export.set_defaults(function=_export)

    calibrate = commands.add_parser(
        "calibrate", parents=[checkpoint_options()], help="fit a checkpoint's probabilities anew, on labelled slides"
    )
    calibrate.add_argument("--data", **DATA)
    calibrate.add_argument("--slides", type=Path, metavar="FILE", help="one id a line (default: its validation slides)")
    calibrate.add_argument("--cells", type=int, default=800, help="cells for the scores (default: 800)")
    calibrate.set_defaults(function=_calibrate)

    examples = commands.add_parser(
        "examples", parents=[checkpoint_options()], help="generate the example cells of the page"
    )
    examples.add_argument("--cells", type=int, default=4, help="of each class (default: 4)")
    examples.add_argument("--out", type=Path, default=Path("web/examples"))
    examples.set_defaults(function=_examples)

    card = commands.add_parser("card", help="write the manifest's figures into README.md and MODEL_CARD.md")
    card.set_defaults(function=_card)

    hub = commands.add_parser("hub", help="write a checkpoint as a folder for the Hugging Face hub")
    hub.add_argument("--checkpoint", default="malaria-64", help="name in the manifest (default: malaria-64)")
    hub.add_argument("--manifest", type=Path, default=MANIFEST)
    hub.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    hub.set_defaults(function=_hub)


def _export(options: argparse.Namespace) -> int:
    from training.export import export, rounded_network
    from training.familiarity import fit_familiarity
    from training.publish.calibrate import calibrate

    state, device = read_state(options.run), choose_device(options.device)
    recipe = state.recipe
    architecture = recipe.architecture
    cells = load_cells(options.data, recipe.labels, architecture.image_size, channels=architecture.image_channels)
    split = split_cells(cells, recipe)
    if split.digest != state.split_digest:
        raise StateError(f"{options.data}: splits into other slides than the run's data did")
    validation = cells.of_slides(split.validation)
    network = rounded_network(state, device)
    calibration, windows = calibrate(network, validation, options.cells, recipe.symmetries, device)
    if architecture.image_channels == 3:  # half of what is familiar are colours
        known, _ = fit_familiarity(network, cells.of_slides(split.train), validation, device)
        calibration = replace(calibration, familiarity=known)
    (options.run / "windows.json").write_text(json.dumps(windows, indent=1), encoding="utf-8")
    path = export(state, calibration, options.name or recipe.name, options.manifest, device.type, metrics={})
    print(f"{path}: {path.stat().st_size} bytes; {_fitted(calibration)}")
    return 0


def _calibrate(options: argparse.Namespace) -> int:
    from training.export import record_calibration
    from training.publish.calibrate import calibrate

    name, manifest = locate(options.checkpoint, options.manifest)
    explainer = Explainer.load(name, options.device, manifest)
    if options.slides:
        wanted = read_slides(options.slides, options.data, explainer.labels)
    else:
        wanted = set(split_of(explainer, options.data).validation)
    architecture, recipe = explainer.checkpoint.architecture, explainer.checkpoint.provenance.recipe
    cells = load_cells(
        options.data, explainer.labels, explainer.size, wanted.__contains__, channels=architecture.image_channels
    )
    symmetries = recipe.get("symmetries", True)  # which recipes did not say when all had them
    calibration, _ = calibrate(explainer.network, cells, options.cells, symmetries, explainer.device)
    record_calibration(manifest, name, calibration)
    print(
        f"{manifest}: {name}, fitted on {len(cells)} cells of {len(set(cells.slides))} slides: {_fitted(calibration)}"
    )
    return 0


def _fitted(calibration: Calibration) -> str:
    return ", ".join(f"{name} {value}" for name, value in vars(calibration).items() if name != "familiarity")


def _examples(options: argparse.Namespace) -> int:
    from training.publish.examples import generate

    explainer = Explainer.load(options.checkpoint, options.device, options.manifest)
    for path in generate(explainer, options.cells, options.seed, options.out):
        print(path)
    return 0


def _card(options: argparse.Namespace) -> int:
    from training.publish.card import write_card

    for path in write_card(read_manifest(), MANIFEST.parent.parent):
        print(path)
    return 0


def _hub(options: argparse.Namespace) -> int:
    Explainer.load(options.checkpoint, "cpu", options.manifest).save_pretrained(options.out)
    print(options.out)
    return 0
