"""The command that fits and measures what is familiar to a checkpoint."""

import argparse
from dataclasses import replace
from pathlib import Path

from jdm_core import Explainer
from jdm_core.checkpoints import locate
from training.commands.options import DATA, Commands, checkpoint_options, part_name, split_of, write_figures
from training.commands.tables import print_table, shown
from training.data import load_cells


def register(commands: Commands) -> None:
    """Adds the command."""
    familiarity = commands.add_parser(
        "familiarity", parents=[checkpoint_options()], help="fit when a picture lies outside what a checkpoint knows"
    )
    familiarity.add_argument("--data", **DATA)
    familiarity.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    familiarity.add_argument("--record", action="store_true", help="put fit and figures into the manifest too")
    familiarity.add_argument(
        "--part", choices=("validation", "test"), default="test",
        help="whose cells outliers are told from (default: test)",
    )  # fmt: skip
    familiarity.add_argument(
        "--cells", type=int, default=3000, metavar="N", help="at most so many cells of each part (default: 3000)"
    )
    familiarity.add_argument(
        "--number", type=int, default=300, metavar="N", help="at most so many outliers of each kind (default: 300)"
    )
    familiarity.add_argument("--mnist", type=Path, metavar="FOLDER", help="digits, as torchvision lays them out")
    familiarity.add_argument("--fields", type=Path, metavar="FOLDER", help="another microscope's, as for cut")
    familiarity.set_defaults(function=_familiarity)


def _familiarity(options: argparse.Namespace) -> int:
    from training.export import record_metrics
    from training.familiarity import familiar_per_slide, fit_familiarity, measure_familiarity
    from training.outliers import outliers

    name, manifest = locate(options.checkpoint, options.manifest)
    explainer = Explainer.load(name, options.device, manifest)
    labels, size, split = explainer.labels, explainer.size, split_of(explainer, options.data)
    training, validation, tested = (
        load_cells(options.data, labels, size, set(part).__contains__, options.cells, options.seed)
        for part in (split.train, split.validation, getattr(split, options.part))
    )
    # All of them now, so that a folder that is none is named before the long work.
    kinds = list(outliers(tested, options.number, options.seed, options.mnist, options.fields))
    known, held_out = fit_familiarity(explainer.network, training, validation, explainer.device)
    calibration = replace(explainer.checkpoint.calibration, familiarity=known)
    explainer.checkpoint = replace(explainer.checkpoint, calibration=calibration)

    figures = measure_familiarity(explainer, tested, kinds)
    figures = {
        "test_set": part_name(options.part, options.data), "fitted_on": len(training),
        "validation": {
            "n": len(validation), "familiar": round(float(held_out.mean()), 5),
            "familiar_per_slide": familiar_per_slide(held_out, validation.slides),
        },
        **figures, "seed": options.seed,
    }  # fmt: skip
    write_figures(options.out, figures)
    if options.record:
        record_metrics(manifest, name, {"familiarity": figures}, known)
    rows = [[row["kind"], str(row["n"]), shown(row, "auroc"), shown(row, "found")] for row in figures["outliers"]]
    print_table(["Outliers", "n", "AUROC", "found unfamiliar"], rows)
    print(f"familiar {shown(figures, 'familiar')} of {len(tested)} cells, {figures['slides']} slides, "
          f"of the {figures['test_set']}; {options.out}")  # fmt: skip
    return 0
