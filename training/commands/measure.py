"""The commands that measure a checkpoint: evaluate, edits, edit-study."""

import argparse
from pathlib import Path

from jdm_core import Explainer
from jdm_core.checkpoints import locate
from jdm_core.elbo import POSTERIOR_DRAWS
from training.commands.options import (
    Commands,
    checkpoint_options,
    judge_options,
    slides_options,
    split_of,
    wanted_slides,
    write_figures,
)  # fmt: skip
from training.commands.tables import print_table, shown
from training.metrics import sample


def register(commands: Commands) -> None:
    """Adds the commands."""
    parents = [checkpoint_options(), slides_options()]
    evaluate = commands.add_parser("evaluate", parents=parents, help="measure its verdicts")
    evaluate.add_argument(
        "--draws", type=int, default=POSTERIOR_DRAWS, help="draws of the posterior (default: %(default)s)"
    )
    evaluate.set_defaults(function=_evaluate)

    edits = commands.add_parser("edits", parents=[*parents, judge_options()], help="measure its edits by the judge")
    edits.add_argument("--cells", type=int, default=200, help="cells of each class (default: 200)")
    edits.add_argument("--sheet", type=Path, metavar="FILE.png", help="draw the first 24 cells with maps and edits")
    edits.set_defaults(function=_edits)

    study = commands.add_parser(
        "edit-study", parents=[checkpoint_options(), slides_options(record=False), judge_options()],
        help="ways of editing side by side",
    )  # fmt: skip
    study.add_argument("--cells", type=int, default=32, help="cells of each class (default: 32)")
    study.add_argument("--sheet", type=Path, metavar="FILE.png", help="draw eight cells of each class with every edit")
    study.set_defaults(function=_edit_study)


def _evaluate(options: argparse.Namespace) -> int:
    from training.export import record_metrics
    from training.publish.evaluate import evaluate

    name, manifest = locate(options.checkpoint, options.manifest)
    explainer = Explainer.load(name, options.device, manifest)
    keep, test_set = wanted_slides(explainer, options)
    figures = evaluate(explainer, options.data, keep, options.draws, options.seed)
    write_figures(options.out, {"test_set": test_set, **figures})
    if options.record:
        record_metrics(manifest, name, {"test_set": test_set, **figures})
    for verdict in ("head", "posterior"):
        f = figures[verdict]
        shown = ", ".join(f"{key} {f[key]:.4f} [{f[f'{key}_interval'][0]:.4f}, {f[f'{key}_interval'][1]:.4f}]"
                          for key in ("accuracy", "auroc", "ece"))  # fmt: skip
        print(f"{verdict}: {shown}")
    print(f"{sample(figures)} ({test_set}); {options.out}")
    return 0


def _edits(options: argparse.Namespace) -> int:
    from training.export import record_metrics
    from training.publish.edits import evaluate_edits

    name, manifest = locate(options.checkpoint, options.manifest)
    explainer = Explainer.load(name, options.device, manifest)
    keep, test_set = wanted_slides(explainer, options)
    figures = evaluate_edits(
        explainer, options.data, options.judge, keep, options.cells, options.seed, options.sheet
    )  # fmt: skip
    write_figures(options.out, {"test_set": test_set, **figures})
    if options.record:
        record_metrics(manifest, name, {"edits": {"test_set": test_set, **figures}})
    for label in explainer.labels:
        f = figures[f"from_{label}"]
        shown = ", ".join(f"{who} {f[f'{who}_flips']['rate']:.3f} {f[f'{who}_flips']['interval']}"
                          for who in ("judge", "head", "posterior"))  # fmt: skip
        print(f"from {label}: n {f['n']} of {f['slides']} slides; flips: {shown}; "
              f"median changed {f['changed_fraction_median']:.3f}; {f['network_passes_mean']} passes; "
              f"{f['cells_with_dark_specks']} cells with dark specks")  # fmt: skip
    return 0


def _edit_study(options: argparse.Namespace) -> int:
    from training.judge import load_judge
    from training.studies.editing.measure import draw_sheet, draw_study_cells, study_edits
    from training.studies.heatmaps.measure import fit_proxy

    explainer = Explainer.load(options.checkpoint, options.device, options.manifest)
    judge = load_judge(options.judge, explainer.labels)
    keep, test_set = wanted_slides(explainer, options)
    proxy = fit_proxy(explainer, options.data, split_of(explainer, options.data).train, options.seed)
    cells = draw_study_cells(explainer, judge, options.data, keep, options.cells, options.seed)
    facts = {"test_set": test_set, "judge": options.judge.name}
    figures, pictures = study_edits(
        explainer, judge, proxy, cells, options.seed, facts, options.out, write_figures
    )  # fmt: skip
    if options.sheet and pictures:
        draw_sheet(cells, pictures, options.sheet)
    columns = {
        "outside the change": "outside_changed", "outside the parasite": "outside_parasite",
        "share changed": "changed_fraction", "L1": "l1", "shape IoU": "shape_iou", "colour drift": "colour_drift",
        "encoder": "encoder_passes", "decoder": "decoder_passes", "s": "seconds", "Fréchet": "frechet",
    }  # fmt: skip
    rows = []
    for name, both in figures["methods"].items():
        for source, f in both.items():
            turned = (shown(f, f"{who}_flips") for who in ("head", "posterior", "judge"))
            rows.append(
                [name, source.removeprefix("from_"), *turned, *(f"{f[column]:g}" for column in columns.values())]
            )
    print_table(["method", "from", "head flips", "posterior flips", "judge flips", *columns], rows)
    print(f"medians, colours in 1/255; n {figures['cells']} cells of {figures['slides']} slides ({test_set}); Fréchet "
          f"of the classes unedited {figures['unedited_frechet']:g}; {options.out}")  # fmt: skip
    return 0
