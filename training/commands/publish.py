"""The commands that make a run into what is shipped: export, examples, card, hub."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from jdm_core import Explainer
from jdm_core.checkpoints import MANIFEST, choose_device, read_manifest
from training.commands.options import DATA, DEVICE, Commands, checkpoint_options
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
    from training.calibrate import calibrate
    from training.export import export, rounded_network
    from training.familiarity import fit_familiarity

    state, device = read_state(options.run), choose_device(options.device)
    recipe = state.recipe
    architecture = recipe.architecture
    cells = load_cells(options.data, recipe.labels, architecture.image_size, channels=architecture.image_channels)
    split = split_cells(cells, recipe)
    if split.digest != state.split_digest:
        raise StateError(f"{options.data}: splits into other slides than the run's data did")
    validation = cells.of_slides(split.validation)
    network = rounded_network(state, device)
    calibration, windows = calibrate(network, validation, options.cells, device)
    if architecture.image_channels == 3:  # half of what is familiar are colours
        known, _ = fit_familiarity(network, cells.of_slides(split.train), validation, device)
        calibration = replace(calibration, familiarity=known)
    (options.run / "windows.json").write_text(json.dumps(windows, indent=1), encoding="utf-8")
    path = export(state, calibration, options.name or recipe.name, options.manifest, device.type, metrics={})
    fitted = {name: value for name, value in vars(calibration).items() if name != "familiarity"}
    print(f"{path}: {path.stat().st_size} bytes; " + ", ".join(f"{name} {value}" for name, value in fitted.items()))
    return 0


def _examples(options: argparse.Namespace) -> int:
    from training.examples import generate

    explainer = Explainer.load(options.checkpoint, options.device, options.manifest)
    for path in generate(explainer, options.cells, options.seed, options.out):
        print(path)
    return 0


def _card(options: argparse.Namespace) -> int:
    from training.card import write_card

    for path in write_card(read_manifest(), MANIFEST.parent.parent):
        print(path)
    return 0


def _hub(options: argparse.Namespace) -> int:
    Explainer.load(options.checkpoint, "cpu", options.manifest).save_pretrained(options.out)
    print(options.out)
    return 0
