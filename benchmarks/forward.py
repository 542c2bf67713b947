"""python -m benchmarks.forward: a pass under both classes, by precision, memory format and compiler.

The share is that of the rate which square matrix products of the same precision reach on this device, so that it says
how much there is left to gain. Every variant is timed in turns in one run, the fastest of several counted.
"""

import argparse
import copy
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from jdm_core import Explainer
from jdm_core.model.network import JointDiffusionNetwork
from training.run.throughput import matrix_rate
from training.tables import Table

ROUNDS, BATCHES = 10, (1, 32)
LOGSNR = 2.0  # within the window that the posterior reads


@dataclass
class Variant:
    """One way to run the network, with the best seconds a pass seen."""

    name: str
    dtype: torch.dtype
    memory_format: torch.memory_format
    run: Callable[[Tensor], Tensor]
    best: float = float("inf")

    def time(self, x: Tensor) -> Tensor:
        """v̂ (B, K, C, S, S) of x (B, C, S, S), timed."""
        started = time.perf_counter()
        with torch.autocast(x.device.type, self.dtype, self.dtype != torch.float32):
            velocity = self.run(x.contiguous(memory_format=self.memory_format)).float()
        float(velocity.flatten()[0])  # waits for the device
        self.best = min(self.best, time.perf_counter() - started)
        return velocity


def both_classes(network: JointDiffusionNetwork) -> Callable[[Tensor], Tensor]:
    """One encoder pass and one decoder pass a class."""

    def run(x: Tensor) -> Tensor:
        logsnr = torch.full((len(x),), LOGSNR, device=x.device)
        classes = torch.arange(network.no_class, device=x.device)
        return network.decode_classes(network.encode(x, logsnr), logsnr, classes)

    return run


def variants(network: JointDiffusionNetwork, compiled: bool) -> list[Variant]:
    """All of them, plain fp32 first."""
    formats = {"": torch.contiguous_format, ", channels last": torch.channels_last}
    found = []
    for precision, dtype in {"fp32": torch.float32, "bf16": torch.bfloat16}.items():
        for suffix, memory_format in formats.items():
            own = copy.deepcopy(network)
            own.to(memory_format=memory_format)  # pyright: ignore[reportCallIssue]  # a keyword that torch's stubs forget
            found.append(Variant(precision + suffix, dtype, memory_format, both_classes(own)))
        if compiled:
            run = torch.compile(both_classes(copy.deepcopy(network)))
            found.append(Variant(f"{precision}, compiled", dtype, torch.contiguous_format, run))
    return found


@torch.inference_mode()
def measure(checkpoint: str = "malaria-64") -> Table:
    """Milliseconds, share and error of every variant at every batch."""
    explainer = Explainer.load(checkpoint)
    network, size = explainer.network, explainer.size
    compiled = shutil.which("g++") is not None
    rates = {dtype: matrix_rate(explainer.device, dtype) for dtype in (torch.float32, torch.bfloat16)}
    found: dict[str, list[str]] = {}
    generator = torch.Generator().manual_seed(0)
    errors: dict[str, float] = {}
    for batch in BATCHES:
        x = torch.randn(batch, network.architecture.image_channels, size, size, generator=generator)
        x = x.to(explainer.device)
        with FlopCounterMode(display=False) as counter:
            exact = both_classes(network)(x)
        ways = variants(network, compiled)
        errors = {way.name: float((way.time(x) - exact).abs().max()) for way in ways}
        for way in ways:
            way.best = float("inf")  # that one compiled
        for _ in range(ROUNDS):
            for way in ways:
                way.time(x)
        for way in ways:
            share = counter.get_total_flops() / way.best / rates[way.dtype]
            found.setdefault(way.name, []).extend([f"{1000 * way.best / batch:.1f} ms", f"{100 * share:.0f} %"])
    rows = [[name, *row, f"{errors[name]:.2f}"] for name, row in found.items()]
    names = {torch.float32: "fp32", torch.bfloat16: "bf16"}
    reached = " and ".join(f"{rate / 1e12:.2f} TFLOP/s in {names[dtype]}" for dtype, rate in rates.items())
    header = ("", "One cell", "Share", "32 cells, each", "Share", "Largest error of v̂")
    return Table.make(header, rows, note=f"Square matrix products reach {reached} there.")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", default="malaria-64", help="name in the manifest (default: malaria-64)")
    print(measure(parser.parse_args().checkpoint).markdown())


if __name__ == "__main__":
    main()
