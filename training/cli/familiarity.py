"""The command that fits when a picture lies outside what a checkpoint knows, and what of that is a red cell."""

import argparse
from pathlib import Path

from jdm_core import Explainer
from jdm_core.checkpoint.manifest import locate
from training.cli.options import DATA, Commands, checkpoint_options
from training.metrics import write_json
from training.run.recipe import split_of
from training.tables import Figure


def register(commands: Commands) -> None:
    """Adds the command."""
    familiarity = commands.add_parser(
        "familiarity", parents=[checkpoint_options()], help="fit when a picture lies outside what a checkpoint knows"
    )
    familiarity.add_argument("--data", **DATA)
    familiarity.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    familiarity.add_argument("--record", action="store_true", help="put fit and figures into the manifest too")
    familiarity.add_argument(
        "--part",
        choices=("validation", "test"),
        default="test",
        help="whose cells outliers are told from (default: test)",
    )
    familiarity.add_argument(
        "--cells", type=int, default=3000, metavar="N", help="at most so many cells of each part (default: 3000)"
    )
    familiarity.add_argument(
        "--number", type=int, default=300, metavar="N", help="at most so many outliers of each kind (default: 300)"
    )
    familiarity.add_argument("--mnist", type=Path, metavar="FOLDER", help="digits, as torchvision lays them out")
    familiarity.add_argument("--fields", type=Path, metavar="FOLDER", help="another microscope's, as for cut")
    familiarity.add_argument(
        "--microscopes",
        type=Path,
        metavar="FOLDER",
        help="other microscopes' cells: fit what red cells of any stain are",
    )
    familiarity.set_defaults(function=_familiarity)


def _familiarity(options: argparse.Namespace) -> int:
    from training.publish.export import record_metrics
    from training.publish.familiarity import fit_and_measure

    name, manifest = locate(options.checkpoint, options.manifest)
    explainer = Explainer.load(name, options.device, manifest)
    figures, fitted = fit_and_measure(
        explainer,
        options.data,
        split_of(explainer, options.data),
        options.part,
        options.cells,
        options.number,
        options.seed,
        options.mnist,
        options.fields,
        options.microscopes,
    )
    write_json(options.out, figures)
    if options.record:
        record_metrics(manifest, name, {"familiarity": figures}, fitted)
    for row in figures.get("kinds", ()):
        print(f"{row['set']}, {row['what']}, n {row['n']}: right {Figure.of(row, 'right', row['n'])}")
    for row in figures["outliers"]:
        area, found = Figure.of(row, "auroc"), Figure.of(row, "found", row["n"])
        print(f"{row['kind']}, n {row['n']}: AUROC {area}, found unfamiliar {found}")
    print(
        f"familiar {Figure.of(figures, 'familiar')} of {figures['n']} cells, {figures['slides']} slides, "
        f"of the {figures['test_set']}; {options.out}"
    )
    return 0
