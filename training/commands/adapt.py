"""The commands for another microscope, or other digits: cut, adapt, shift, transfer."""

import argparse
import sys
from pathlib import Path

from jdm_core import Explainer
from jdm_core.checkpoints import MANIFEST, choose_device, locate
from jdm_core.elbo import POSTERIOR_DRAWS
from training.commands.options import (
    DATA,
    Commands,
    checkpoint_options,
    judge_options,
    part_name,
    split_of,
    stop_on_signal,
    write_figures,
)
from training.commands.tables import print_table, shown

TEST_SHARE = 0.5  # of the fields, unless told otherwise
ADAPT_FIRST = "where RUN holds no checkpoint, adapt first, seeing N augmented {} of --images"


def register(commands: Commands) -> None:
    """Adds the commands."""
    cut = commands.add_parser("cut", help="cut the cells of whole fields out by their boxes")
    cut.add_argument("--fields", type=Path, required=True, metavar="FOLDER", help="annotations.json and fields/")
    cut.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for adapt/LABEL and test/LABEL")
    cut.add_argument(
        "--test-share", type=float, default=TEST_SHARE, help="about this share of fields to test (default: %(default)s)"
    )
    cut.set_defaults(function=_cut)

    adapt = commands.add_parser(
        "adapt", parents=[checkpoint_options()], help="fine-tune on images without labels, by the diffusion loss"
    )
    adapt.add_argument(
        "--images", type=Path, required=True, metavar="FOLDER", help="cells on black, in any layout, or digits"
    )
    adapt.add_argument("--run", type=Path, required=True, metavar="FOLDER", help="for the new checkpoint")
    adapt.add_argument(
        "--number", type=int, default=12_800, metavar="N", help="augmented images to see (default: 12800)"
    )
    adapt.add_argument("--max-minutes", type=float, help="stop after this time, and keep what there is")
    adapt.set_defaults(function=_adapt)

    shift = commands.add_parser(
        "shift", parents=[checkpoint_options(), judge_options()], help="measure verdicts on another microscope's cells"
    )
    shift.add_argument("--adapted", metavar="RUN", help="a checkpoint adapted to these images")
    shift.add_argument("--images", type=Path, required=True, metavar="FOLDER", help="what cut wrote")
    shift.add_argument(
        "--fields", type=Path, metavar="FOLDER", help="where --images is not there, cut these into it first"
    )
    shift.add_argument("--number", type=int, metavar="N", help=ADAPT_FIRST.format("images of the part to adapt to"))
    shift.add_argument("--data", **DATA)
    shift.add_argument(
        "--cells", type=int, default=1000, metavar="N",
        help="at most so many healthy test cells, and cells of the own validation slides (default: 1000)",
    )  # fmt: skip
    shift.add_argument(
        "--draws", type=int, default=POSTERIOR_DRAWS, help="draws of the posterior, 0 for none (default: %(default)s)"
    )
    shift.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    shift.set_defaults(function=_shift)

    transfer = commands.add_parser(
        "transfer", parents=[checkpoint_options()], help="measure verdicts on labelled images before and after adapting"
    )
    transfer.add_argument("--adapted", metavar="RUN", required=True, help="a checkpoint adapted to such images")
    transfer.add_argument("--images", type=Path, required=True, metavar="ZIP_OR_FOLDER", help="others, labelled")
    transfer.add_argument("--number", type=int, metavar="N", help=ADAPT_FIRST.format("digits of the training part"))
    transfer.add_argument("--data", **DATA)
    transfer.add_argument(
        "--cells", type=int, default=1000, metavar="N", help="of the own validation slides (default: 1000)"
    )
    transfer.add_argument(
        "--draws", type=int, default=POSTERIOR_DRAWS, help="draws of the posterior, 0 for none (default: %(default)s)"
    )
    transfer.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    transfer.set_defaults(function=_transfer)


def _cut(options: argparse.Namespace) -> int:
    from training.fields import cut

    written, left_out = cut(options.fields, options.out, options.test_share)
    for (part, label), count in sorted(written.items()):
        print(f"{options.out / part / label}: {count} cells")
    for reason, count in left_out.most_common():
        print(f"left out, {reason}: {count}")
    return 0


def _adapt(options: argparse.Namespace) -> int:
    from training.publish.adapted import adapt_checkpoint as adapt
    from training.run.step import NonFiniteLoss

    name, manifest = locate(options.checkpoint, options.manifest)
    try:
        path, done = adapt(
            name, manifest, options.images, options.run, options.number, options.seed, choose_device(options.device),
            options.max_minutes, stop_on_signal(),
        )  # fmt: skip
    except NonFiniteLoss as error:
        print(f"error: {error}; nothing is written", file=sys.stderr)
        return 1
    print(f"{path}: {done.seen} images seen of {done.found}; "
          f"diffusion loss {done.first_loss:.4f} at first, {done.last_loss:.4f} at last")  # fmt: skip
    print(f"use it with --checkpoint {options.run}")
    return 0


def _shift(options: argparse.Namespace) -> int:
    from training.fields import cut
    from training.studies.shift.microscopes import shift

    if options.number is not None and not options.adapted:
        raise ValueError("--number: says how to make what --adapted names, which is missing")
    explainer = Explainer.load(options.checkpoint, options.device, options.manifest)
    if options.fields and not options.images.exists():
        cut(options.fields, options.images, TEST_SHARE)
    adapted = _adapted(options, explainer, options.images / "adapt") if options.adapted else None
    figures = shift(
        explainer, adapted, options.judge, options.images, options.data, split_of(explainer, options.data),
        options.cells, options.draws, options.seed,
    )  # fmt: skip
    write_figures(options.out, figures)
    columns = ("auroc", "auroc_gain", "balanced_accuracy", "balanced_accuracy_gain")
    rows = [[f"{row['model']}: {row['verdict']}", row["colours"], *(shown(row, column) for column in columns)]
            for row in figures["rows"]]  # fmt: skip
    print_table(["Verdict", "Colours", "AUROC", "gained", "Balanced accuracy", "gained"], rows)
    own = figures["own_validation"]
    for model in (explainer.name, *(["adapted"] if adapted else [])):
        print(f"{model}: head on {own['n']} validation cells of {options.data.name}: "
              f"accuracy {shown(own[model], 'accuracy')}, gained {shown(own[model], 'accuracy_gain')}.")  # fmt: skip
    counts = f"n {figures['n']} cells, {figures['infected']} of them infected, of {figures['fields']} fields"
    print(f"{counts}; {options.out}")
    return 0


def _adapted(options: argparse.Namespace, explainer: Explainer, images: Path) -> Explainer:
    """What --adapted names, adapted to the images first where --number says so and it holds no checkpoint."""
    from training.publish.adapted import adapt_checkpoint as adapt, load_adapted

    if options.number is not None and not (Path(options.adapted) / MANIFEST.name).exists():
        adapt(
            *locate(options.checkpoint, options.manifest), images, Path(options.adapted), options.number, options.seed,
            explainer.device,
        )  # fmt: skip
    return load_adapted(options.adapted, explainer)


def _transfer(options: argparse.Namespace) -> int:
    from training.digits import holds_digits
    from training.studies.shift.digits import transfer

    explainer = Explainer.load(options.checkpoint, options.device, options.manifest)
    if options.number is not None and not holds_digits(options.images):
        raise ValueError(f"{options.images}: not digits; cells are adapted to by `adapt`, and others measured")
    adapted = _adapted(options, explainer, options.images)
    figures = transfer(
        explainer, adapted, options.images, options.data, split_of(explainer, options.data), options.cells,
        options.draws, options.seed,
    )  # fmt: skip
    write_figures(options.out, figures)
    rows = []
    for key, name in (("other", options.images.name), ("own_validation", part_name("validation", options.data))):
        part = figures[key]
        for verdict in (verdict for verdict in ("head", "posterior") if verdict in part):
            before, after = part[verdict]["before"], part[verdict]["after"]
            rows.append([
                f"{name}, n {part['n']}", verdict, shown(before, "accuracy"), shown(after, "accuracy"),
                shown(after, "accuracy_gain"),
            ])  # fmt: skip
    print_table(["images", "verdict", "accuracy before", "after", "gained"], rows)
    print(f"posterior from {options.draws} draws; {options.out}")
    return 0
