"""The command that measures the likelihood scores themselves: scores."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from jdm_core import Explainer
from jdm_core.records import RecordError, build_record
from training.commands.options import Commands, checkpoint_options, slides_options, wanted_slides, write_figures
from training.commands.tables import print_table, shown
from training.metrics import sample

COST = (
    "With the defaults, malaria-64 takes about a quarter of an hour on two idle CPU cores; an estimate is printed "
    "first. Run --part validation before --part test: it fits thresholds and combination, which --fit then reads."
)


def register(commands: Commands) -> None:
    """Adds the command."""
    scores = commands.add_parser(
        "scores", parents=[checkpoint_options(), slides_options(record=False)],
        help="draws that the likelihood needs, early stopping, reliability", description=COST,
    )  # fmt: skip
    counts = {"type": _positive, "metavar": "N"}
    scores.add_argument(
        "--cells", default=300, **counts, help="at most so many with 100 draws of the window (default: 300)"
    )
    scores.add_argument(
        "--compared", default=48, **counts, help="so many of them with every scheme and weighting (default: 48)"
    )
    scores.add_argument(
        "--verdicts", default=800, **counts, help="at most so many for reliability and the rule (default: 800)"
    )
    scores.add_argument("--fit", type=Path, metavar="FILE.json", help="what --part validation wrote")
    scores.add_argument("--plot", type=Path, metavar="FILE.png", help="draw curves and reliability diagrams")
    scores.set_defaults(function=_scores)


def _positive(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{value}, where at least 1 is expected")
    return value


def _scores(options: argparse.Namespace) -> int:
    from training.data import load_cells
    from training.studies.features.probes import sample_cells
    from training.studies.scores.figure import draw_scores
    from training.studies.scores.measure import Sizes, estimated_minutes, study_scores

    explainer = Explainer.load(options.checkpoint, options.device, options.manifest)
    fit = read_fit(options.fit, explainer) if options.fit else None
    if fit is None and options.part != "validation":
        raise ValueError("--fit: needed, but for --part validation: nothing may be fitted on the cells that are tested")
    keep, test_set = wanted_slides(explainer, options)
    sizes = Sizes(options.cells, min(options.compared, options.cells), options.verdicts)
    cells = load_cells(
        options.data, explainer.labels, explainer.size, keep, max(sizes.cells, sizes.verdicts), options.seed,
        explainer.checkpoint.architecture.image_channels,
    )  # fmt: skip
    cells = sample_cells(cells, len(cells), options.seed)
    print(f"about {estimated_minutes(explainer, cells, sizes):.0f} minutes", file=sys.stderr)
    figures = {"test_set": test_set, **study_scores(explainer, cells, sizes, fit, options.seed)}
    write_figures(options.out, figures)
    if options.plot:
        draw_scores(figures, options.plot)
    _print(figures)
    print(f"{sample(figures)} ({test_set}); {options.out}")
    return 0


def read_fit(path: Path, explainer: Explainer) -> Any:
    """What a validation run fitted; ValueError where the file holds no such thing, or that of other weights."""
    from training.studies.scores.measure import Fit

    try:
        fit = build_record(Fit, json.loads(path.read_text(encoding="utf-8"))["fit"], str(path))
    except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not what scores --part validation writes ({type(error).__name__})") from error
    except RecordError as error:
        raise ValueError(str(error)) from error
    if fit.sha256 != explainer.sha256:
        raise ValueError(f"{path}: fitted for other weights than those of {explainer.name}")
    return fit


def _print(figures: dict[str, Any]) -> None:
    rows, others = [], []
    for weighting, schemes in figures["curves"].items():
        for scheme, found in schemes.items():
            points, first = found["points"], [weighting, scheme, str(found["n"])]
            needed = (str(found["draws_needed"][target] or "–") for target in ("0.95", "0.97"))
            rows.append([*first, *(shown(p, "accuracy") for p in points), *needed])
            both = [[f"{p[key]:.3f}" if key in p else "–" for key in ("auroc", "standard_error")] for p in points]
            others.append([*first, *map(" / ".join, both)])
    draws = [f"{point['draws']} draws" for point in points]
    print_table(["weighting", "draws are", "n", *draws, "for 95 %", "for 97 %"], rows)
    print("\nAUROC, which a bias does not change, / standard error of the score difference:")
    print_table(["weighting", "draws are", "n", *draws], others)
    for limit, table in figures["stopping"].items():
        print(f"\nStopping early, at most {limit} draws:")
        print_table(
            ["standard errors", "mean draws", "decoder passes", "accuracy", "differ from all draws"],
            [[f"{r['threshold']:g}", f"{r['draws']:.2f}", f"{r['decoder_passes']:.1f} of {r['decoder_passes_all']}",
              shown(r, "accuracy"), shown(r, "differs")] for r in table],
        )  # fmt: skip
    rule, verdicts = figures["rule"], figures["verdicts"]
    print(f"\nThe rule of {rule['threshold']:g} standard errors, run on {rule['n']} cells: accuracy "
          f"{shown(rule, 'accuracy')}, {rule['draws']:.2f} draws, {rule['decoder_passes']:.1f} of "
          f"{rule['decoder_passes_all']} decoder passes, {rule['seconds_per_cell']:.3f} s a cell "
          f"(posterior of {verdicts['draws']} draws: {verdicts['posterior_seconds_per_cell']:.3f} s)\n")  # fmt: skip
    names = ("head", "posterior", "combination")
    print_table(
        ["verdict", "accuracy", "ECE", "Brier"],
        [[name, *(shown(verdicts[name], key) for key in ("accuracy", "ece", "brier"))] for name in names],
    )
    for name in names:
        print(f"\n{name}:")
        print_table(
            ["confidence", "n", "mean confidence", "accuracy"],
            [[f"{b['low']:.3f} to {b['high']:.3f}", str(b["n"]), f"{b['confidence']:.3f}", f"{b['accuracy']:.3f}"]
             for b in verdicts[name]["bins"]],
        )  # fmt: skip
    combination, differ = figures["fit"]["combination"], figures["disagreement"]
    fitted = "fitted on these cells" if figures["fitted_on_these_cells"] else "fitted on validation cells"
    print(f"\ncombination: head {combination['head']:.3f}, posterior {combination['posterior']:.3f}, bias "
          f"{combination['bias']:.3f}, {fitted}\n")  # fmt: skip
    right = ("head_right", "posterior_right", "combination_right", "neither")
    print_table(
        ["head and posterior disagree", "n", *(name.replace("_", " ") for name in right)],
        [[shown(differ, "share"), str(differ["n"]), *(shown(differ, name) for name in right)]],
    )
