"""Hostile input, each within its budget of time and memory: python -m benchmarks.fuzz --seconds 60 --target pictures

Starts from small whole files, requests and checkpoints made in code, and damages them: bits flipped, stretches cut,
doubled and exchanged, and where a format is sensitive its lengths, dimensions, tags, frames and directories. A run of a
seed tries the same inputs again; `--first N --count 1` tries one alone. Exits with 1 where a promise was broken: an
input took more than 5 s of the processor or 600 MiB above idle, ended in anything but a result or one line of reason,
or kept an honest visitor waiting. Needs Linux.
"""

import argparse
import sys

from benchmarks.fuzz.budget import Factory, run
from benchmarks.fuzz.checkpoints import checkpoints_target
from benchmarks.fuzz.server import json_target, requests_target
from benchmarks.fuzz.uploads import decoders_target, metadata_target, pictures_target, zips_target

TARGETS: dict[str, Factory] = {
    "pictures": pictures_target,
    "decoders": decoders_target,
    "metadata": metadata_target,
    "zips": zips_target,
    "checkpoints": checkpoints_target,
    "json": json_target,
    "requests": requests_target,
}
SHOWN = 20  # broken promises of a target


def main(arguments: list[str] | None = None) -> int:
    """Prints what became of the inputs; 1 where any broke a promise."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=120, help="of all targets together (default: 120)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", action="append", choices=TARGETS, help="only this one; may be given again")
    parser.add_argument("--first", type=int, default=0, help="number of the first input (default: 0)")
    parser.add_argument("--count", type=int, help="inputs of each target at most")
    options = parser.parse_args(arguments)
    names, broken = options.target or list(TARGETS), 0
    for name in names:
        outcome = run(TARGETS[name], options.seconds / len(names), options.seed, options.first, options.count)
        ended = ", ".join(f"{outcome.ended[how]} {how}" for how in ("refused", "read", "broken"))
        print(f"{name}: {outcome.tried} tried, {ended}; slowest {outcome.slowest:.2f} s, ", end="")
        print(f"largest {outcome.largest / 2**20:.0f} MiB above idle", flush=True)
        for words in outcome.broken[:SHOWN]:
            print(f"  {words}")
        broken += len(outcome.broken)
    print(
        f"{broken} broken promises"
        if broken
        else "every input ended with a result or one line of reason, within budget"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
