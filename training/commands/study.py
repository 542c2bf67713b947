"""The commands that study a model or its training beside others: from probes to ablations."""

import argparse
from pathlib import Path

from jdm_core import Explainer
from jdm_core.checkpoints import choose_device
from training.commands.options import (
    DATA,
    DEVICE,
    Commands,
    checkpoint_options,
    judge_options,
    part_name,
    slides_options,
    split_of,
    stop_on_signal,
    wanted_slides,
    write_figures,
)
from training.commands.tables import print_table, shown
from training.metrics import sample
from training.run.recipe import load_recipe

CHANGES = (
    "noisy_weight=0", "clean_weight=0.01", "label_smoothing=0", "stain_jitter=0",
    "architecture.widths=[64, 128, 192]", "focus=[0.2, 0.55, 0.5]", "margin_weight=0.0025",
)  # fmt: skip
PROBED = {
    "type": int, "default": 4000, "metavar": "N",
    "help": "at most so many of the training slides to fit on, and of the validation slides (default: 4000)",
}  # fmt: skip


def register(commands: Commands) -> None:
    """Adds the commands."""
    probes = commands.add_parser(
        "probes", parents=[checkpoint_options()], help="what the features know of the label, over noise levels"
    )
    probes.add_argument("--data", **DATA)
    probes.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    probes.add_argument("--plot", type=Path, required=True, metavar="FILE.png")
    probes.add_argument("--cells", **PROBED)
    probes.set_defaults(function=_probes)

    objectives = commands.add_parser(
        "objectives", help="what the features know after joint training, diffusion alone and classification alone"
    )
    objectives.add_argument("--recipe", default="malaria-32", help="of the joint runs (default: malaria-32)")
    objectives.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a key of it")
    objectives.add_argument("--data", **DATA)
    objectives.add_argument("--seeds", type=int, nargs="+", default=[0, 1], metavar="SEED")
    objectives.add_argument("--cells", **PROBED)
    objectives.add_argument("--runs", type=Path, default=Path("runs/objectives"), help="where the runs are kept")
    objectives.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    objectives.add_argument("--plot", type=Path, required=True, metavar="FILE.png")
    objectives.add_argument("--device", **DEVICE)
    objectives.set_defaults(function=_objectives)

    parents = [checkpoint_options(), slides_options(record=False), judge_options()]
    classifiers = {"type": Path, "nargs": "+", "metavar": "FILE", "help": "weights of classifiers alone"}
    robustness = commands.add_parser("robustness", parents=parents, help="verdicts and calibration on corrupted cells")
    robustness.add_argument("--classifiers", default=[], **classifiers)
    robustness.add_argument("--cells", type=int, metavar="N", help="so many cells drawn at random (default: all)")
    robustness.add_argument("--draws", type=int, default=8, help="draws of the posterior, 0 for none (default: 8)")
    robustness.set_defaults(function=_robustness)

    compare = commands.add_parser("compare", parents=parents, help="a checkpoint beside others, and classifiers alone")
    compare.add_argument("--classifiers", default=[], **classifiers)
    compare.add_argument("--others", default=[], nargs="+", metavar="NAME", help="checkpoints of no more pixels")
    compare.add_argument("--draws", type=int, default=0, help="draws of the posteriors (default: 0, for none)")
    compare.set_defaults(function=_compare)

    classifier = commands.add_parser("classifier", help="train a classifier alone, to compare with")
    classifier.add_argument("--architecture", choices=("resnet18", "encoder"), required=True)
    classifier.add_argument("--recipe", default="malaria-64", help="whose size, split, augmentation and rates")
    classifier.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a key of it")
    classifier.add_argument("--data", **DATA)
    classifier.add_argument("--images", type=int, help="augmented cells seen (default: the recipe's)")
    classifier.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors")
    classifier.add_argument("--device", **DEVICE)
    classifier.set_defaults(function=_classifier)

    few = commands.add_parser("few-labels", help="joint model against its encoder alone, when few cells are labelled")
    few.add_argument("--recipe", default="malaria-32", help="of the joint runs (default: malaria-32)")
    few.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a key of it")
    few.add_argument("--data", **DATA)
    few.add_argument("--shares", type=float, nargs="+", default=[0.01, 0.05, 0.1, 1.0], metavar="SHARE")
    few.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="SEED")
    few.add_argument("--part", choices=("validation", "test"), default="validation", help="where they are measured")
    few.add_argument("--runs", type=Path, default=Path("runs/few-labels"), help="where the runs are kept")
    few.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    few.add_argument("--device", **DEVICE)
    few.set_defaults(function=_few_labels)

    ablations = commands.add_parser("ablations", help="what each choice of a recipe brings, one changed at a time")
    ablations.add_argument("--recipe", default="malaria-32", help="that is changed (default: malaria-32)")
    ablations.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a key of all runs")
    ablations.add_argument(
        "--change", action="append", metavar="KEY=VALUE", help=f"one a run (default: {', '.join(CHANGES)})"
    )
    ablations.add_argument("--data", **DATA)
    ablations.add_argument("--seeds", type=int, nargs="+", default=[0, 1], metavar="SEED")
    ablations.add_argument("--runs", type=Path, default=Path("runs/ablations"), help="where the runs are kept")
    ablations.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    ablations.add_argument("--device", **DEVICE)
    ablations.set_defaults(function=_ablations)


def _probes(options: argparse.Namespace) -> int:
    from training.studies.features.probes import draw_probes, probe_network

    explainer = Explainer.load(options.checkpoint, options.device, options.manifest)
    split = split_of(explainer, options.data)
    figures = probe_network(explainer, options.data, split, options.cells, options.seed)
    write_figures(options.out, {"test_set": part_name("validation", options.data), **figures})
    draw_probes(figures, explainer.checkpoint.architecture.widths, options.plot)
    series = figures["series"]
    rows = [[f"{points[0]['logsnr']:g}", *(shown(point, "accuracy") for point in points)]
            for points in zip(*series.values(), strict=True)]  # fmt: skip
    print_table(["log-SNR", *series], rows)
    print(f"fitted on {figures['training_cells']} cells; {sample(figures)}; "
          f"{options.out}, {options.plot}")  # fmt: skip
    return 0


def _objectives(options: argparse.Namespace) -> int:
    from training.studies.features.objectives import JOINT, compare_objectives, draw_objectives
    from training.studies.features.probes import ALL_LEVELS

    figures = compare_objectives(
        load_recipe(options.recipe, options.set), options.data, options.seeds, options.cells, options.runs,
        choose_device(options.device), stop_on_signal(),
    )  # fmt: skip
    write_figures(options.out, {"test_set": part_name("validation", options.data), **figures})
    draw_objectives(figures, options.plot)
    series, header = figures["series"], ["log-SNR"]
    rows = [[f"{point['logsnr']:g}"] for point in series[JOINT][ALL_LEVELS]]
    for name, levels in series.items():
        header += [name, *(() if name == JOINT else ("gain of joint",))]
        for row, point in zip(rows, levels[ALL_LEVELS], strict=True):
            row += [shown(point, "accuracy"), *(() if name == JOINT else (shown(point, "accuracy_gain"),))]
    print_table(header, rows)
    print(f"{ALL_LEVELS}; fitted on {figures['training_cells']} cells; {sample(figures)}, "
          f"{len(figures['seeds'])} seeds; {options.out}, {options.plot}")  # fmt: skip
    return 0


def _robustness(options: argparse.Namespace) -> int:
    from training.corruptions import CORRUPTIONS
    from training.studies.robustness import robustness

    explainer = Explainer.load(options.checkpoint, options.device, options.manifest)
    keep, test_set = wanted_slides(explainer, options)
    figures = robustness(
        explainer, [options.judge, *options.classifiers], options.data, keep, options.cells, options.draws, options.seed
    )  # fmt: skip
    write_figures(options.out, {"test_set": test_set, **figures})
    header = ["", "clean", "corrupted", "less the head", "AUROC", "ECE", "ECE uncalibrated", *CORRUPTIONS]
    rows = []
    for name, f in figures["verdicts"].items():
        columns = ("accuracy", "accuracy_gain", "auroc", "ece", "ece_uncalibrated")
        rows.append([
            name, shown(f["clean"], "accuracy"), *(shown(f["corrupted"], column) for column in columns),
            *(shown(f[corruption], "accuracy") for corruption in CORRUPTIONS),
        ])  # fmt: skip
    print_table(header, rows)
    print(f"{sample(figures)} ({test_set}); {options.out}")
    return 0


def _compare(options: argparse.Namespace) -> int:
    from training.studies.compare import compare

    explainer = Explainer.load(options.checkpoint, options.device, options.manifest)
    keep, test_set = wanted_slides(explainer, options)
    others = [Explainer.load(name, options.device, options.manifest) for name in options.others]
    figures = compare(
        explainer, others, options.classifiers, options.judge, options.data, keep, options.draws, options.seed
    )  # fmt: skip
    write_figures(options.out, {"test_set": test_set, **figures})
    header = ["", "accuracy", "less the head", "AUROC", "ECE", "ECE uncalibrated", "slides: lowest, quartile, median",
              "accuracy, undisputed", "AUROC, undisputed"]  # fmt: skip
    rows = []
    for name, f in figures["verdicts"].items():
        spread = ", ".join(f"{f['per_slide'][key]:.3f}" for key in ("lowest", "lower_quartile", "median"))
        columns = ("accuracy", "accuracy_gain", "auroc", "ece", "ece_uncalibrated")
        rows.append([
            name, *(shown(f, column) for column in columns), spread,
            *(shown(f["undisputed"], column) for column in ("accuracy", "auroc")),
        ])  # fmt: skip
    print_table(header, rows)
    print(f"{sample(figures)} ({test_set}), {figures['disputed']['n']} of them with "
          f"a label that {figures['disputed']['judge']} disputes; at least one of the {len(rows)} is right on "
          f"{shown(figures, 'right_by_any')}; {options.out}")  # fmt: skip
    return 0


def _classifier(options: argparse.Namespace) -> int:
    from training.data import labelled_cells, load_cells, split_cells
    from training.run.classifier import ClassifierRecipe, train_classifier

    recipe = load_recipe(options.recipe, options.set)
    cells = load_cells(options.data, recipe.labels, recipe.architecture.image_size)
    split = split_cells(cells, recipe)
    training = labelled_cells(cells.of_slides(split.train), recipe)
    figures = train_classifier(
        ClassifierRecipe.like(recipe, options.architecture, options.images or recipe.images, recipe.seed), training,
        cells.of_slides(split.validation), split.digest, options.out, choose_device(options.device),
    )  # fmt: skip
    print(f"{options.out}: {len(training)} training cells, {figures}")
    return 0


def _few_labels(options: argparse.Namespace) -> int:
    from training.studies.few_labels import few_labels

    recipe = load_recipe(options.recipe, options.set)
    figures = few_labels(
        recipe, options.data, options.shares, options.seeds, options.part, options.runs, choose_device(options.device),
        stop_on_signal(),
    )  # fmt: skip
    test_set = part_name(options.part, options.data)
    write_figures(options.out, {"test_set": test_set, **figures})
    rows = []
    for row in figures["rows"]:
        each = (" ".join(f"{value:.3f}" for value in row[name]["per_seed"]) for name in ("joint", "alone"))
        rows.append([
            f"{100 * row['share']:g} %", str(row["labelled_cells"]), shown(row["joint"], "accuracy"),
            shown(row["alone"], "accuracy"), shown(row, "accuracy_gain"), *each,
        ])  # fmt: skip
    print_table(["labels", "labelled cells", "joint", "alone", "gain", "joint, each seed", "alone, each seed"], rows)
    print(f"{sample(figures)} ({test_set}), "
          f"{len(figures['seeds'])} seeds; {options.out}")  # fmt: skip
    return 0


def _ablations(options: argparse.Namespace) -> int:
    from training.studies.ablations import ablate

    recipes = {"as it is": load_recipe(options.recipe, options.set)}
    for change in options.change or CHANGES:
        recipes[change] = load_recipe(options.recipe, [*options.set, change])
    figures = ablate(
        recipes, options.data, options.seeds, options.runs, choose_device(options.device), stop_on_signal()
    )
    write_figures(options.out, {"test_set": part_name("validation", options.data), **figures})
    rows = []
    for name, row in figures["rows"].items():
        head, scores = row["head"], row["scores"]
        rows.append([
            name, *(shown(head, column) for column in ("accuracy", "accuracy_gain", "log_loss")),
            *(shown(scores, column) for column in ("accuracy", "accuracy_gain", "auroc")),
            shown(row["denoising"], "error_ratio"), " ".join(f"{value:.3f}" for value in head["per_seed"]),
        ])  # fmt: skip
    header = ["recipe", "head", "gain", "log loss", "scores", "gain", "AUROC", "denoising error", "head, each seed"]
    print_table(header, rows)
    print(f"{sample(figures)}, {len(figures['seeds'])} seeds; {options.out}")
    return 0
