"""python -m benchmarks.edit: seconds of an edit, with and without its checks, and of inverting and regenerating.

All on the same network and cells, one cell at a time, so that what differs is the procedure alone. Inverting up to
noise and regenerating takes 225 decoder passes and checks nothing: so the edit is timed without its checks too.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from jdm_core import Explainer
from jdm_core.explain.counterfactual.candidates import cells_to_edit, make
from jdm_core.explain.counterfactual.search import AT_ONCE
from jdm_core.images.pixels import from_uint8
from jdm_core.model.diffusion import cosine_logsnr
from training.studies.editing.methods import Method, edit_once

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "web/examples").glob("*-*.png"))
INVERSION_STEPS = 75  # up under one class, and as many down under two: 225 decoder passes


def main() -> None:
    """Times the three procedures in turn on every cell, and prints medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=len(EXAMPLES), help="of the page's examples (default: all)")
    options = parser.parse_args()
    explainer = Explainer.load(device="auto")
    explainer.counterfactual(EXAMPLES[0])  # warm
    rows = [_row(explainer, path) for path in EXAMPLES[: options.cells]]
    edit, unchecked, regenerated = (list(seconds) for seconds in zip(*rows, strict=True))
    print(
        f"edit: {statistics.median(edit):.2f} s with its checks, {statistics.median(unchecked):.2f} s without; "
        f"medians of {len(edit)} cells"
    )
    print(
        f"225 passes: {statistics.median(regenerated):.1f} s, {_ratio(regenerated, edit):.1f} times the edit with its "
        f"checks, {_ratio(regenerated, unchecked):.1f} times the edit without"
    )


def _ratio(seconds: Sequence[float], mine: Sequence[float]) -> float:
    return statistics.median(other / own for other, own in zip(seconds, mine, strict=True))


def _row(explainer: Explainer, path: Path) -> tuple[float, float, float]:
    """Seconds of the edit, of the edit without its checks, and of 225 passes, for one cell."""
    x = from_uint8(torch.from_numpy(explainer.model_view(path)[None])).to(explainer.device)
    source = torch.from_numpy(explainer.predict(path).probabilities.argmax(1)).to(explainer.device)
    return (
        _seconds(lambda: explainer.counterfactual(path)),
        _seconds(lambda: _unchecked(explainer, x, source)),
        _seconds(lambda: _invert_and_regenerate(explainer, x, source)),
    )


@torch.inference_mode()
def _unchecked(explainer: Explainer, x: Tensor, source: Tensor) -> None:
    """What the search computes for its first candidates, but for reading the verdicts."""
    cells = cells_to_edit(explainer.network, x, source, 1 - source, [0])
    removes = cells.removes(0)
    first = explainer.edit.candidates(removes)[: 1 if removes else AT_ONCE]
    wanted = [(0, number, strength) for number, strength in enumerate(first)]
    for _ in make(explainer.network, cells, explainer.edit, wanted):
        pass


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _invert_and_regenerate(explainer: Explainer, x: Tensor, source: Tensor) -> Tensor:
    """DDIM inversion up to noise and guided DDIM down again (Song et al. 2021, section 4.3)."""
    levels = cosine_logsnr(torch.linspace(0, 1, INVERSION_STEPS + 1, device=x.device), explainer.edit.logsnr_shift)
    method = Method("ddim", 2.0)
    return edit_once(explainer.network, x, source, 1 - source, levels, method, lambda _: torch.zeros_like(x)).images


if __name__ == "__main__":
    main()
