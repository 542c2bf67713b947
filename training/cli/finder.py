"""The command that trains the network which finds cells in fields: finder."""

import argparse
from pathlib import Path
from time import perf_counter

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
        "--microscopes",
        type=Path,
        metavar="FOLDER",
        help="sets of other microscopes: red cells of their developers' halves, where a licence allows it, and BCCD's "
        "white cells and platelets (else drawn)",
    )
    finder.add_argument("--fields", type=int, default=2_000, help="composed fields (default: 2000)")
    finder.add_argument("--steps", type=int, default=1_500, help="batches of 16 fields (default: 1500)")
    finder.add_argument("--seed", type=int, default=0, help="of fields and weights (default: 0)")
    finder.add_argument("--out", type=Path, default=Path("runs/cells.safetensors"), help="for the weights")
    finder.add_argument("--device", **DEVICE)
    finder.set_defaults(function=_finder)


def _finder(options: argparse.Namespace) -> int:
    from training.data.cells import as_pixels, load_cells, sample_cells
    from training.data.composed.borrowed import borrow_cells
    from training.data.composed.debris import read_debris
    from training.data.microscopes.places import BCCD
    from training.publish.export import current_commit, record_finder
    from training.run.fit_finder import composed, fit_finder, save_finder
    from training.run.recipe import split_cells

    recipe = load_recipe(options.recipe)
    cells = load_cells(options.data, recipe.labels, recipe.architecture.image_size)
    library = sample_cells(cells.of_slides(split_cells(cells, recipe).train), LIBRARY, recipe.seed)
    pictures, slides, debris, counts = list(as_pixels(library)), list(library.slides), [], {"nih": len(library)}
    if options.microscopes:
        borrowed, debris = borrow_cells(options.microscopes, options.seed), read_debris(options.microscopes / BCCD)
        pictures, slides = pictures + borrowed.cells, slides + borrowed.fields
        counts |= borrowed.counts | {"white cells and platelets of bccd": len(debris)}
    device, start = choose_device(options.device), perf_counter()
    fields = composed(pictures, slides, debris, options.fields, options.seed)
    network, losses = fit_finder(fields, options.steps, options.seed, device)
    save_finder(network, options.out)
    trained = {"source": recipe.source, "cells": counts, "fields": options.fields, "steps": options.steps}
    trained |= {"seed": options.seed, "commit": current_commit(), "device": str(device)}
    record_finder(options.out, trained | {"seconds": round(perf_counter() - start, 1)})
    print(f"{options.out}: " + ", ".join(f"{name} {value:.4f}" for name, value in losses.items()))
    return 0
