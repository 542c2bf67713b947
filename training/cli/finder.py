"""The command that trains the network which finds cells in fields: finder."""

import argparse
from pathlib import Path

from jdm_core.model.device import choose_device
from training.cli.options import DATA, DEVICE, Commands
from training.run.recipe import load_recipe

LIBRARY = 6_000  # training cells of which fields are composed


def register(commands: Commands) -> None:
    """Adds the command."""
    finder = commands.add_parser("finder", help="train the network that finds cells, on fields composed of cells")
    finder.add_argument("--recipe", default="malaria-64", help="whose training slides (default: malaria-64)")
    finder.add_argument("--data", **DATA)
    finder.add_argument(
        "--bccd", type=Path, metavar="FOLDER", help="fields with boxed white cells and platelets (else drawn)"
    )
    finder.add_argument("--fields", type=int, default=2_000, help="composed fields (default: 2000)")
    finder.add_argument("--steps", type=int, default=1_500, help="batches of 16 fields (default: 1500)")
    finder.add_argument("--seed", type=int, default=0, help="of fields and weights (default: 0)")
    finder.add_argument("--out", type=Path, default=Path("runs/cells.safetensors"), help="for the weights")
    finder.add_argument("--device", **DEVICE)
    finder.set_defaults(function=_finder)


def _finder(options: argparse.Namespace) -> int:
    from training.data.cells import as_pixels, load_cells, sample_cells
    from training.data.composed.debris import read_debris
    from training.publish.export import record_finder
    from training.run.fit_finder import composed, fit_finder, save_finder
    from training.run.recipe import split_cells

    recipe = load_recipe(options.recipe)
    cells = load_cells(options.data, recipe.labels, recipe.architecture.image_size)
    library = sample_cells(cells.of_slides(split_cells(cells, recipe).train), LIBRARY, recipe.seed)
    debris = read_debris(options.bccd) if options.bccd else []
    fields = composed(as_pixels(library), library.slides, debris, options.fields, options.seed)
    network, losses = fit_finder(fields, options.steps, options.seed, choose_device(options.device))
    save_finder(network, options.out)
    record_finder(options.out)
    print(f"{options.out}: " + ", ".join(f"{name} {value:.4f}" for name, value in losses.items()))
    return 0
