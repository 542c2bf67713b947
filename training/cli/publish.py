"""The commands that make of a run what ships: export, calibrate, evaluate, edits, examples, card, hub."""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from jdm_core import Explainer
from jdm_core.checkpoint.manifest import MANIFEST, locate, read_manifest
from jdm_core.explain.likelihood import POSTERIOR_DRAWS
from jdm_core.images.pixels import as_images
from jdm_core.model.device import choose_device
from training.cli.options import (
    DATA,
    DEVICE,
    Commands,
    checkpoint_options,
    judge_options,
    read_slides,
    slides_options,
    wanted_slides,
)
from training.data.cells import load_cells
from training.data.members import chunks
from training.metrics import sample, write_json
from training.run.recipe import split_cells, split_of
from training.run.state import StateError, read_state

if TYPE_CHECKING:
    from training.publish.calibrate import Fitted


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

    sureness = commands.add_parser(
        "sureness",
        parents=[checkpoint_options()],
        help="fit how sure of an edit the classifier must be, on validation slides, and record it in the manifest",
    )
    sureness.add_argument("--data", **DATA)
    sureness.set_defaults(function=_sureness)

    examples = commands.add_parser(
        "examples", parents=[checkpoint_options()], help="generate the example cells and the example field of the page"
    )
    examples.add_argument("--cells", type=int, default=4, help="of each class (default: 4)")
    examples.add_argument("--out", type=Path, default=Path("web/examples"))
    examples.add_argument(
        "--infected", type=int, default=5, help="infected cells of the example field (default: 5; 0: no field)"
    )
    examples.set_defaults(function=_examples)

    card = commands.add_parser("card", help="write the manifest's figures into README.md and MODEL_CARD.md")
    card.set_defaults(function=_card)

    hub = commands.add_parser("hub", help="write a checkpoint as a folder for the Hugging Face hub")
    hub.add_argument("--checkpoint", default="malaria-64", help="name in the manifest (default: malaria-64)")
    hub.add_argument("--manifest", type=Path, default=MANIFEST)
    hub.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    hub.set_defaults(function=_hub)

    parents = [checkpoint_options(), slides_options()]
    evaluate = commands.add_parser("evaluate", parents=parents, help="measure a checkpoint's verdicts")
    evaluate.add_argument(
        "--draws", type=int, default=POSTERIOR_DRAWS, help="draws of the posterior (default: %(default)s)"
    )
    evaluate.add_argument(
        "--elbo-cells", type=int, default=200, help="cells whose bounds are drawn too (default: %(default)s)"
    )
    evaluate.set_defaults(function=_evaluate)

    edits = commands.add_parser("edits", parents=[*parents, judge_options()], help="measure its edits by the judge")
    edits.add_argument("--cells", type=int, default=200, help="cells of each class (default: 200)")
    edits.add_argument("--sheet", type=Path, metavar="FILE.png", help="draw the first 24 cells with maps and edits")
    edits.set_defaults(function=_edits)


def _export(options: argparse.Namespace) -> int:
    from training.publish.calibrate import Fitted, calibrate, calibrate_head
    from training.publish.export import export, rounded_network, standing
    from training.publish.familiarity import fit_colours, fit_familiarity

    state, device = read_state(options.run), choose_device(options.device)
    recipe = state.recipe
    architecture = recipe.architecture
    cells = load_cells(options.data, recipe.labels, architecture.image_size, channels=architecture.image_channels)
    split = split_cells(cells, recipe)
    if split.digest != state.split_digest:
        raise StateError(f"{options.data}: splits into other slides than the run's data did")
    validation = cells.of_slides(split.validation)
    network = rounded_network(state, device)
    if (started := standing(state)) is not None:  # and so is all that is fitted to encoder and decoder
        temperature, thresholds = calibrate_head(network, validation, device)
        fitted = Fitted(replace(started.calibration, temperature=temperature), thresholds)
    else:
        fitted = calibrate(network, validation, options.cells, recipe.symmetries, device)
        if architecture.image_channels == 3:  # half of what is familiar are colours
            training = cells.of_slides(split.train)
            known, _ = fit_familiarity(network, training, validation, device)
            kept = replace(fitted.calibration, familiarity=known, colours=fit_colours(training))
            fitted = replace(fitted, calibration=kept)
        (options.run / "windows.json").write_text(json.dumps(fitted.windows, indent=1), encoding="utf-8")
        (options.run / "ends.json").write_text(json.dumps(fitted.ends, indent=1), encoding="utf-8")
    name = options.name or recipe.name
    path = export(state, fitted.calibration, fitted.thresholds, name, options.manifest, device.type, metrics={})
    print(f"{path}: {path.stat().st_size} bytes; {_told(fitted)}")
    return 0


def _calibrate(options: argparse.Namespace) -> int:
    from training.publish.calibrate import calibrate
    from training.publish.export import record_calibration

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
    fitted = calibrate(explainer.network, cells, options.cells, symmetries, explainer.device)
    record_calibration(manifest, name, fitted.calibration, fitted.thresholds)
    print(f"{manifest}: {name}, fitted on {len(cells)} cells of {len(set(cells.slides))} slides: {_told(fitted)}")
    return 0


def _sureness(options: argparse.Namespace) -> int:
    from training.publish.export import record_thresholds
    from training.publish.fits.sureness import SHARE, fit_flip_head

    name, manifest = locate(options.checkpoint, options.manifest)
    explainer = Explainer.load(name, options.device, manifest)
    wanted = set(split_of(explainer, options.data).validation).__contains__
    channels = explainer.checkpoint.architecture.image_channels
    cells = load_cells(options.data, explainer.labels, explainer.size, wanted, channels=channels)
    parts = chunks(len(cells), 64)
    read = [explainer.verdicts.head(as_images(cells.images[part], explainer.device)).cpu() for part in parts]
    least = fit_flip_head(torch.cat(read).numpy(), cells.labels.numpy())
    record_thresholds(manifest, name, replace(explainer.checkpoint.thresholds, flip_head=least))
    slides = len(set(cells.slides))
    print(f"{manifest}: {name}, of {len(cells)} cells of {slides} slides {SHARE:.0%} reach flip_head {least}")
    return 0


def _told(fitted: "Fitted") -> str:
    parts = vars(fitted.calibration) | vars(fitted.thresholds)
    records = ("familiarity", "colours", "red_cells")
    return ", ".join(f"{name} {value}" for name, value in parts.items() if name not in records)


def _evaluate(options: argparse.Namespace) -> int:
    from training.publish.evaluate import evaluate, told
    from training.publish.export import record_metrics

    name, manifest = locate(options.checkpoint, options.manifest)
    explainer = Explainer.load(name, options.device, manifest)
    keep, test_set = wanted_slides(explainer, options)
    figures = evaluate(explainer, options.data, keep, options.draws, options.seed, options.elbo_cells)
    write_json(options.out, {"test_set": test_set, **figures})
    if options.record:
        record_metrics(manifest, name, {"test_set": test_set, **figures})
    print(*told(figures), sep="\n")
    print(f"{sample(figures)} ({test_set}); {options.out}")
    return 0


def _edits(options: argparse.Namespace) -> int:
    from training.publish.edits import evaluate_edits
    from training.publish.export import record_metrics

    name, manifest = locate(options.checkpoint, options.manifest)
    explainer = Explainer.load(name, options.device, manifest)
    keep, test_set = wanted_slides(explainer, options)
    figures = evaluate_edits(explainer, options.data, options.judge, keep, options.cells, options.seed, options.sheet)
    write_json(options.out, {"test_set": test_set, **figures})
    if options.record:
        record_metrics(manifest, name, {"edits": {"test_set": test_set, **figures}})
    for label in explainer.labels:
        f = figures[f"from_{label}"]
        shown = ", ".join(
            f"{who} {f[f'{who}_flips']['rate']:.3f} {f[f'{who}_flips']['interval']}"
            for who in ("judge", "head", "posterior")
        )
        print(
            f"from {label}: n {f['n']} of {f['slides']} slides; flips: {shown}; "
            f"median changed {f['changed_fraction_median']:.3f}; {f['network_passes_mean']} passes; "
            f"{f['cells_with_dirt']} cells with dirt"
        )
    return 0


def _examples(options: argparse.Namespace) -> int:
    from training.publish.example_field import FIELD, generate_field
    from training.publish.examples import generate

    explainer = Explainer.load(options.checkpoint, options.device, options.manifest)
    for path in generate(explainer, options.cells, options.seed, options.out):
        print(path)
    if options.infected:
        print(generate_field(explainer, options.infected, options.seed, options.out / FIELD))
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
