"""python -m benchmarks.bound_error: is the standard error that is told of a bound the spread of repeated estimates?

Every example cell is scored anew with other seeds. Told over true is the root mean square of the errors that are told
over that of the spread between seeds: 1 where they are right, above where they are too large.
"""

import argparse
from pathlib import Path

import numpy as np

from jdm_core import Explainer
from jdm_core.checkpoint.manifest import MANIFEST
from jdm_core.explain.likelihood import ELBO_DRAWS
from jdm_core.images.read import read_cell

EXAMPLES = Path(__file__).parent.parent / "web" / "examples"


def told_over_true(estimates: np.ndarray, errors: np.ndarray) -> tuple[float, float]:
    """The ratio, and the true deviation, of estimates and the errors told of them, both (seeds, cells)."""
    true = float(np.sqrt(estimates.var(axis=0, ddof=1).mean()))
    return float(np.sqrt(np.square(errors).mean())) / true, true


def main(arguments: list[str] | None = None) -> None:
    """Scores the cells and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", default="malaria-64")
    parser.add_argument("--manifest", type=Path, default=MANIFEST)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--draws", type=int, default=ELBO_DRAWS)
    options = parser.parse_args(arguments)
    explainer = Explainer.load(options.checkpoint, manifest=options.manifest)
    cells = [read_cell(path) for path in sorted(EXAMPLES.glob("*-*.png"))]
    found = [explainer.elbo(cells, options.draws, seed) for seed in range(options.seeds)]
    rows = {"difference": [(e.difference, e.difference_standard_error) for e in found]}
    for k, label in enumerate(explainer.labels):
        rows[label] = [(e.elbo[:, k], e.standard_error[:, k]) for e in found]
    print(f"{'bound of':14} {'told / true':>12} {'true, nats':>11}")
    for name, pairs in rows.items():
        ratio, true = told_over_true(*map(np.stack, zip(*pairs, strict=True)))
        print(f"{name:14} {ratio:12.2f} {true:11.2f}")
    end = found[0].elbo_logsnr_max
    print(f"{len(cells)} cells, {options.seeds} seeds, {options.draws} draws, up to log-SNR {end:g}")


if __name__ == "__main__":
    main()
