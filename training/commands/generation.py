"""The command that compares what can guide the sampler."""

import argparse
from pathlib import Path

from jdm_core import Explainer
from training.commands.options import (
    Commands,
    checkpoint_options,
    judge_options,
    slides_options,
    wanted_slides,
    write_figures,
)
from training.commands.tables import print_table, shown


def register(commands: Commands) -> None:
    """Adds the command."""
    parents = [checkpoint_options(), slides_options(record=False), judge_options()]
    generation = commands.add_parser("generation", parents=parents, help="guides of the sampler side by side")
    generation.add_argument("--cells", type=int, default=200, help="cells of each class a guide (default: 200)")
    generation.add_argument("--steps", type=int, default=25, help="of the sampler (default: 25)")
    generation.add_argument("--sheet", type=Path, metavar="FILE.png", help="draw eight cells of each class and guide")
    generation.set_defaults(function=_generation)


def _generation(options: argparse.Namespace) -> int:
    from training.data import load_cells
    from training.judge import load_judge
    from training.studies.generation import draw_sheet, study_generation

    explainer = Explainer.load(options.checkpoint, options.device, options.manifest)
    judge = load_judge(options.judge, explainer.labels)
    keep, test_set = wanted_slides(explainer, options)
    real = load_cells(options.data, explainer.labels, explainer.size, keep)
    figures, cells = study_generation(explainer, judge, real, options.cells, options.steps, options.seed)
    write_figures(options.out, {"test_set": test_set, "judge": options.judge.name, **figures})
    if options.sheet:
        draw_sheet(cells, options.cells, options.sheet)
    rows = [
        [name, f"{f['frechet']:.3g}", *(shown(f, column) for column in ("as_asked", "precision", "recall"))]
        for name, f in figures["guides"].items()
    ]
    print_table(["guide", "Fréchet", "as asked, judge", "precision", "recall"], rows)
    print(f"n {figures['n']} cells a guide, {options.steps} steps, beside as many of the {test_set}; {options.out}")
    return 0
