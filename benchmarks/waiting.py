"""python -m benchmarks.waiting: classifications of users who wait at the same time, together against one by one."""

import argparse
import statistics
import threading
import time

import numpy as np

from jdm_core import Explainer
from web.compute.shared import SharedExplainer


def main() -> None:
    """Prints medians of both, their ratio, and by how much a probability differs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.waiting", description=__doc__)
    parser.add_argument("--users", type=int, default=32)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    explainer = Explainer.load(device=options.device)
    shared = SharedExplainer(explainer)
    random = np.random.default_rng(0)
    cells = random.integers(0, 256, (options.users, 128, 128, 3), np.uint8)
    alone = np.concatenate([explainer.predict(cell).probabilities for cell in cells])
    answers: dict[int, np.ndarray] = {}

    def ask(number: int) -> None:
        answers[number] = shared.predict(cells[number]).probabilities

    ask(0)
    seconds: dict[str, list[float]] = {"one by one": [], "together": []}
    for _ in range(options.runs):  # in turn, so that what else the machine does meets both
        start = time.perf_counter()
        for cell in cells:
            explainer.predict(cell)
        seconds["one by one"].append(time.perf_counter() - start)
        start = time.perf_counter()
        users = [threading.Thread(target=ask, args=(number,)) for number in range(options.users)]
        for user in users:
            user.start()
        for user in users:
            user.join()
        seconds["together"].append(time.perf_counter() - start)
    one, together = (statistics.median(seconds[name]) for name in seconds)
    moved = max(float(np.abs(answers[number] - alone[number]).max()) for number in range(options.users))
    print(f"{options.users} users on {explainer.device}: one by one {one:.3f} s, together {together:.3f} s")
    print(f"ratio {one / together:.2f}; probabilities differ by at most {moved:.1e}")


if __name__ == "__main__":
    main()
