"""The commands that make or mark data: pack, cut, mark, looks."""

import argparse
from pathlib import Path

from jdm_core import Explainer
from training.cli.options import DATA, Commands, checkpoint_options, judge_options


def register(commands: Commands) -> None:
    """Adds the commands."""
    pack = commands.add_parser("pack", help="write the cells at the model's size into one small zip")
    pack.add_argument("--recipe", default="malaria-64", help="whose size and labels (default: malaria-64)")
    pack.add_argument("--data", **DATA)
    pack.add_argument("--out", type=Path, required=True, metavar="FILE.zip", help="the zip to write")
    pack.set_defaults(function=_pack)

    cut = commands.add_parser("cut", help="cut the cells of whole fields out by their boxes")
    cut.add_argument("--fields", type=Path, required=True, metavar="FOLDER", help="annotations.json and fields/")
    cut.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for adapt/LABEL and test/LABEL")
    cut.add_argument(
        "--test-share", type=float, default=0.5, help="about this share of fields to test (default: %(default)s)"
    )
    cut.set_defaults(function=_cut)

    mark = commands.add_parser("mark", parents=[checkpoint_options()], help="draw boxes around parasites, on a page")
    mark.add_argument("--data", **DATA)
    mark.add_argument("--part", choices=("validation", "test"), default="test", help="of the split (default: test)")
    mark.add_argument("--cells", type=int, default=100, help="cells, at most five of a slide (default: 100)")
    mark.add_argument("--out", type=Path, required=True, metavar="FILE.csv", help="continued where it exists")
    mark.add_argument("--port", type=int, default=7870, help="of the page, on this machine alone (default: 7870)")
    mark.set_defaults(function=_mark)

    looks = commands.add_parser(
        "looks",
        parents=[checkpoint_options(), judge_options()],
        help="draw cells whose labels are to be looked at again",
    )
    looks.add_argument("--data", **DATA)
    looks.add_argument("--part", choices=("validation", "test"), default="test", help="of the split (default: test)")
    looks.add_argument("--others", default=[], nargs="+", metavar="NAME", help="checkpoints of no more pixels")
    looks.add_argument("--cells", type=int, default=60, help="of each label and kind (default: 60)")
    looks.add_argument("--looks", type=Path, required=True, metavar="FILE.csv", help="to be filled in by the annotator")
    looks.add_argument("--sheets", type=Path, required=True, metavar="FOLDER", help="for the pictures of the cells")
    looks.set_defaults(function=_looks)


def _pack(options: argparse.Namespace) -> int:
    from training.data.cells import pack
    from training.run.recipe import load_recipe

    recipe = load_recipe(options.recipe)
    size = pack(options.data, recipe.labels, recipe.architecture.image_size, options.out)
    print(f"{options.out}: {size / 2**20:.1f} MiB")
    return 0


def _cut(options: argparse.Namespace) -> int:
    from training.data.fields import cut

    written, left_out = cut(options.fields, options.out, options.test_share)
    for (part, label), count in sorted(written.items()):
        print(f"{options.out / part / label}: {count} cells")
    for reason, count in left_out.most_common():
        print(f"left out, {reason}: {count}")
    return 0


def _mark(options: argparse.Namespace) -> int:
    from training.data.marking import serve_marking
    from training.data.marks import draw_members
    from training.data.members import choose_members
    from training.run.recipe import part_of

    explainer = Explainer.load(options.checkpoint, options.device, options.manifest)
    keep, _ = part_of(explainer, options.data, options.part)
    parasitized = [member for member, label in choose_members(options.data, explainer.labels, keep) if label == 0]
    serve_marking(options.data, draw_members(parasitized, options.cells, options.seed), options.out, options.port)
    return 0


def _looks(options: argparse.Namespace) -> int:
    from training.data.members import DataError
    from training.run.recipe import part_of
    from training.studies.second_look import ANSWERS, draw_looks, draw_sheets, take_readings, write_looks

    explainer = Explainer.load(options.checkpoint, options.device, options.manifest)
    if options.looks.exists():
        raise DataError(f"{options.looks}: is there already, and would be overwritten; name another with --looks")
    keep, _ = part_of(explainer, options.data, options.part)
    others = [Explainer.load(name, options.device, options.manifest) for name in options.others]
    readings = take_readings(explainer, others, [options.judge], options.data, keep, options.seed)
    looks = draw_looks(readings, options.cells, options.seed)
    sheets = draw_sheets(options.data, list(looks), options.sheets)
    write_looks(options.looks, looks)
    print(
        f"{len(looks)} cells on {len(sheets)} sheets in {options.sheets}: say in {options.looks}, in the line "
        f"whose number stands above a cell, whether a parasite is seen: {', '.join(ANSWERS)}"
    )
    return 0
