"""python -m benchmarks.soak: a thousand explanations in one process; its memory must stay."""

import argparse
import os
import time

import numpy as np

from benchmarks.start import memory
from jdm_core import Explainer

GROWTH = 32.0  # MiB that the allocator may still settle by


def main() -> int:
    """Explains drawn cells one by one and prints memory on the way; 1 where it grew."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=4)
    options = parser.parse_args()
    explainer, random = Explainer.load(), np.random.default_rng(0)
    settled, start = 0.0, time.monotonic()
    for number in range(options.cells):
        side = int(random.integers(60, 180))
        cell = random.integers(0, 256, (side, side, 3), np.uint8)
        explainer.predict(cell)
        evidence = explainer.elbo(cell, draws=options.draws, seed=number).evidence[0]
        explainer.draw.evidence(explainer.model_view(cell), evidence)
        if number + 1 == options.cells // 10:
            settled = memory(os.getpid())
        if (number + 1) % max(options.cells // 10, 1) == 0:
            seconds = time.monotonic() - start
            print(f"{number + 1:6} cells  {memory(os.getpid()):6.0f} MiB  {seconds:6.0f} s", flush=True)
    growth = memory(os.getpid()) - settled
    print(f"memory grew by {growth:.1f} MiB over the last nine tenths (limit {GROWTH:.0f} MiB)")
    return int(growth > GROWTH)


if __name__ == "__main__":
    raise SystemExit(main())
