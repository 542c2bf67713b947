"""The command that measures how well infected cells are told to be suspicious: reading."""

import argparse
from pathlib import Path

from jdm_core import Explainer
from jdm_core.checkpoint.manifest import locate
from jdm_core.checkpoint.reading import READING
from jdm_core.explain.likelihood import POSTERIOR_DRAWS
from training.cli.options import DATA, Commands, checkpoint_options
from training.metrics import write_json
from training.run.recipe import part_of, split_of


def register(commands: Commands) -> None:
    """Adds the command."""
    reading = commands.add_parser(
        "reading",
        parents=[checkpoint_options()],
        help="measure how well infected cells are told to be suspicious, and how slides part in it",
    )
    reading.add_argument("--data", **DATA)
    reading.add_argument("--microscopes", type=Path, metavar="FOLDER", help="other microscopes' cells too")
    reading.add_argument(
        "--cells", type=int, default=30, metavar="N", help="at most so many of a slide and label (default: %(default)s)"
    )
    reading.add_argument(
        "--others", type=int, default=200, metavar="N", help="and of a microscope without whole fields (%(default)s)"
    )
    reading.add_argument(
        "--fields",
        type=int,
        default=20,
        metavar="N",
        help="at most so many fields of a microscope (default: %(default)s)",
    )
    reading.add_argument(
        "--draws", type=int, default=POSTERIOR_DRAWS, help="draws of the posterior (default: %(default)s)"
    )
    reading.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    reading.add_argument("--record", action="store_true", help="put the figures into the manifest too")
    reading.set_defaults(function=_reading)


def _reading(options: argparse.Namespace) -> int:
    from training.publish.export import record_metrics
    from training.publish.fits.reading import measure_reading, other_microscopes, own_slides

    name, manifest = locate(options.checkpoint, options.manifest)
    explainer = Explainer.load(name, options.device, manifest)
    _, told = part_of(explainer, options.data, "test")
    test = set(split_of(explainer, options.data).test)
    batches = list(own_slides(explainer, options.data, test, options.cells, options.seed))
    if options.microscopes is not None:
        batches += other_microscopes(options.microscopes, options.others, options.fields, options.seed)
    figures = {"test_set": told, **measure_reading(explainer, batches, options.draws, options.seed)}
    write_json(options.out, figures)
    if options.record:
        record_metrics(manifest, name, {READING: figures})
    for kind, r in figures["kinds"].items():
        shown = (
            f"{part} {r[part]:.3f} ± {r[f'{part}_spread']:.3f} (of {r[label]})"
            for part, label in (("sensitivity", "infected"), ("specificity", "healthy"))
        )
        print(f"{kind}: {', '.join(shown)}")
    return 0
