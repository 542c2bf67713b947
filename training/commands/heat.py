"""The commands about where the parasite is, and whether there is one: mark, heatmaps, second-look."""

import argparse
from pathlib import Path

from jdm_core import Explainer
from training.commands.options import (
    DATA,
    Commands,
    checkpoint_options,
    judge_options,
    part_name,
    split_of,
    write_figures,
)
from training.commands.tables import print_table, shown

MARKS = Path(__file__).resolve().parents[1] / "marks" / "test.csv"
LOOKS = MARKS.with_name("second-look.csv")


def register(commands: Commands) -> None:
    """Adds the commands."""
    mark = commands.add_parser("mark", parents=[checkpoint_options()], help="draw boxes around parasites, on a page")
    mark.add_argument("--data", **DATA)
    mark.add_argument("--part", choices=("validation", "test"), default="test", help="of the split (default: test)")
    mark.add_argument("--cells", type=int, default=100, help="cells, at most five of a slide (default: 100)")
    mark.add_argument("--out", type=Path, required=True, metavar="FILE.csv", help="continued where it exists")
    mark.add_argument("--port", type=int, default=7870, help="of the page, on this machine alone (default: 7870)")
    mark.set_defaults(function=_mark)

    heatmaps = commands.add_parser(
        "heatmaps", parents=[checkpoint_options(), judge_options()], help="maps against hand-marked parasites"
    )
    heatmaps.add_argument("--data", **DATA)
    heatmaps.add_argument("--marks", type=Path, default=MARKS, metavar="FILE.csv", help="boxes (default: test cells')")
    heatmaps.add_argument("--draws", type=int, nargs="+", default=[16], help="of the evidence maps (default: 16)")
    heatmaps.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    heatmaps.add_argument("--sheet", type=Path, metavar="FILE.png", help="draw 16 of the cells with every map")
    heatmaps.set_defaults(function=_heatmaps)

    look = commands.add_parser(
        "second-look", parents=[checkpoint_options(), judge_options()],
        help="are cells that no network reads as labelled labelled rightly?",
    )  # fmt: skip
    look.add_argument("--data", **DATA)
    look.add_argument("--part", choices=("validation", "test"), default="test", help="of the split (default: test)")
    look.add_argument("--others", default=[], nargs="+", metavar="NAME", help="checkpoints of no more pixels")
    look.add_argument("--looks", type=Path, default=LOOKS, metavar="FILE.csv", help="what was seen (default: bundled)")
    task = look.add_mutually_exclusive_group(required=True)
    task.add_argument("--out", type=Path, metavar="FILE.json", help="the figures of what was seen")
    task.add_argument("--sheets", type=Path, metavar="FOLDER", help="draw cells anew, to be looked at, into --looks")
    look.add_argument("--cells", type=int, default=60, help="of each label and kind, with --sheets (default: 60)")
    look.set_defaults(function=_second_look)


def _mark(options: argparse.Namespace) -> int:
    from training.boxes import draw_members
    from training.data import choose_members
    from training.marking import serve_marking

    explainer = Explainer.load(options.checkpoint, options.device, options.manifest)
    keep = set(getattr(split_of(explainer, options.data), options.part)).__contains__
    parasitized = [member for member, label in choose_members(options.data, explainer.labels, keep) if label == 0]
    serve_marking(options.data, draw_members(parasitized, options.cells, options.seed), options.out, options.port)
    return 0


def _heatmaps(options: argparse.Namespace) -> int:
    from training.boxes import read_marks
    from training.studies.heatmaps.attributions import by_chance, edit_difference, evidence, stain, usual_attributions
    from training.studies.heatmaps.measure import fit_proxy, study_heatmaps
    from training.studies.heatmaps.sheet import draw_sheet

    explainer = Explainer.load(options.checkpoint, options.device, options.manifest)
    marks = read_marks(options.marks)
    proxy = fit_proxy(explainer, options.data, split_of(explainer, options.data).train, options.seed)
    methods = [
        *(evidence(explainer, draws) for draws in options.draws), edit_difference(explainer),
        usual_attributions(explainer), stain(proxy, explainer.size), by_chance(explainer.size),
    ]  # fmt: skip
    figures, cells, maps = study_heatmaps(explainer, methods, options.judge, options.data, marks, options.seed)
    write_figures(options.out, {"marks": options.marks.name, "stain_direction": proxy.direction.tolist(), **figures})
    if options.sheet:
        draw_sheet(cells, [boxes for boxes in marks.values() if boxes], maps, options.seed, options.sheet)
    columns = {
        "energy in boxes": "energy", "AP": "average_precision", "pointing": "pointing", "deletion": "deletion",
        "insertion": "insertion", "deletion, judge": "judge_deletion", "insertion, judge": "judge_insertion",
        "energy, first over this": "energy_ratio",
    }  # fmt: skip
    stable = {name: values for name, values in figures["stability"].items() if name != "n"}
    conditions = list(next(iter(stable.values()))) if stable else []
    conditions = [name for name in conditions if not name.endswith("_interval")]
    print_table(
        ["", *columns, *(f"correlation, {condition}" for condition in conditions)],
        [[name, *(shown(f, column) for column in columns.values()), *(shown(stable[name], c) for c in conditions)]
         for name, f in figures["methods"].items()],
    )  # fmt: skip
    print(f"n {figures['n']} cells of {figures['slides']} slides that the head reads as {explainer.labels[0]}, of "
          f"{figures['marked']} marked; {figures['no_parasite_visible']} more show no parasite. By chance: energy "
          f"{figures['boxes_of_picture']:.3f}, pointing {shown(figures, 'pointing_by_chance')}. A null edit moves no "
          f"pixel by more than {figures['null_edit_change']:g}/255; {options.out}")  # fmt: skip
    return 0


def _second_look(options: argparse.Namespace) -> int:
    from training.data import DataError
    from training.studies.second_look import (
        ANSWERS,
        draw_looks,
        draw_sheets,
        read_looks,
        summarise_looks,
        take_readings,
        write_looks,
    )

    explainer = Explainer.load(options.checkpoint, options.device, options.manifest)
    if options.sheets and options.looks.exists():
        raise DataError(f"{options.looks}: is there already, and would be overwritten; name another with --looks")
    looks = {} if options.sheets else read_looks(options.looks)
    keep = set(getattr(split_of(explainer, options.data), options.part)).__contains__
    others = [Explainer.load(name, options.device, options.manifest) for name in options.others]
    readings = take_readings(explainer, others, [options.judge], options.data, keep, options.seed)
    if options.sheets:
        looks = draw_looks(readings, options.cells, options.seed)
        sheets = draw_sheets(options.data, list(looks), options.sheets)
        write_looks(options.looks, looks)
        print(f"{len(looks)} cells on {len(sheets)} sheets in {options.sheets}: say in {options.looks}, in the line "
              f"whose number stands above a cell, whether a parasite is seen: {', '.join(ANSWERS)}")  # fmt: skip
        return 0
    figures = summarise_looks(looks, readings, explainer.labels)
    test_set = part_name(options.part, options.data)
    write_figures(options.out, {"test_set": test_set, "looks": options.looks.name, **figures})
    count = len(figures["verdicts"])
    print_table(
        ["label", "read so by", "cells", "looked at", *(f"parasite seen: {seen}" for seen in ANSWERS)],
        [[row["label"], f"{'none' if row['verdicts'] == 0 else 'all'} of {count}", str(row["cells"]),
          f"{row['n']} ({row['slides']} slides)", *(shown(row, seen) for seen in ANSWERS)] for row in figures["rows"]],
    )  # fmt: skip
    print()
    others = f"without the {figures['contradicted']} that the eye contradicts"
    print_table(
        ["verdict", "accuracy", "AUROC", f"accuracy, {others}", "AUROC"],
        [[name, *(shown(f[part], metric) for part in ("all", "others") for metric in ("accuracy", "auroc"))]
         for name, f in figures["verdicts"].items()],
    )  # fmt: skip
    print(f"{figures['cells']} cells ({test_set}); {options.out}")
    return 0
