"""python -m benchmarks.archives [--workers N [N ...]]: what a field of an archive costs a cluster.

Processor seconds of one thread, not those on the clock, so that other work on the machine hardly moves them; and bytes.
With --workers, fields a second on the clock of a Ray of so many workers on this machine, which should be doing nothing
else.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np
import torch
from PIL import Image

from jdm_core import Explainer
from jdm_core.cli.field import Task, read_pixels
from jdm_core.cli.smears import told_of, write_tables
from jdm_core.explain.fields import FIELD_DRAWS
from jdm_core.images.inputs import read_field
from training.tables import Table

EXAMPLES = Path(__file__).parent.parent / "web" / "examples"
HEIGHT, WIDTH, DIAMETER, STEP = 1200, 1600, 100, 125  # pixels of the field, and of its cells, apart from each other
GROUND = (228, 222, 226)
TABLED = 200  # fields of which tables are written
DEALT, SIDES = 16, (600, 800)  # fields that workers share, and their pixels
T = TypeVar("T")


def pasted() -> np.ndarray:
    """A field uint8 (HEIGHT, WIDTH, 3) of the example cells, in which one in twelve is infected."""
    pixels = np.full((HEIGHT, WIDTH, 3), GROUND, np.float32)
    infected, healthy = (sorted(EXAMPLES.glob(f"{label}-*.png")) for label in ("parasitized", "uninfected"))
    places = [(x, y) for y in range(20, HEIGHT - DIAMETER, STEP) for x in range(20, WIDTH - DIAMETER, STEP)]
    for number, (x, y) in enumerate(places):
        chosen = infected if number % 12 == 0 else healthy
        with Image.open(chosen[number % len(chosen)]) as image:
            cell = np.rot90(np.asarray(image.convert("RGB").resize((DIAMETER, DIAMETER)), np.float32), number % 4)
        there = pixels[y : y + DIAMETER, x : x + DIAMETER]
        there[:] = np.where(cell.max(axis=2, keepdims=True) > 32, cell, there)
    return (pixels + np.random.default_rng(0).normal(0, 2, pixels.shape)).clip(0, 255).astype(np.uint8)


def spent(action: Callable[[], T]) -> tuple[float, T]:
    """Processor seconds of this process for an action, and what it returns."""
    started = time.process_time()
    result = action()
    return time.process_time() - started, result


def measure() -> Table:
    """Processor seconds and bytes a field, for a worker and for the driver."""
    torch.set_num_threads(1)
    explainer = Explainer.load(device="cpu")
    task = Task(FIELD_DRAWS, 0, "matched", 5e6, overwrite=True)
    pixels = pasted()
    with TemporaryDirectory() as folder:
        out = Path(folder)
        Image.fromarray(pixels).save(out / "upload.png")
        explainer.field(pixels[:400, :400], FIELD_DRAWS, 0, "matched")  # what is loaded once
        decoded, _ = spent(lambda: read_field(out / "upload.png"))
        read, found = spent(lambda: explainer.field(pixels, FIELD_DRAWS, 0, "matched"))
        whole, outcome = spent(lambda: read_pixels(explainer, pixels, "field.png", out / "field", "smear", task))
        fields = [(Path("field.png"), out / "field", "smear", outcome)] * TABLED
        tabled, _ = spent(lambda: write_tables(told_of(fields, out), out))
        record = json.dumps(json.loads((out / "field.json").read_text(encoding="utf-8")))
        files = sum(path.stat().st_size for path in out.glob("field*") if path.name != "fields.csv")
        lines = (out / "cells.csv").stat().st_size / TABLED
    counts = f"{len(found.status)} cells found, {found.found.counts['read']} read, {found.suspicious.sum()} to look at"
    rows = [
        ["Worker: decode", f"{decoded:.2f}", f"{pixels.nbytes / 1e6:.1f} MB of pixels"],
        ["Worker: find, read and rank", f"{read:.2f}", counts],
        ["Worker: mark, write", f"{max(0.0, whole - read):.2f}", f"{files / 1e6:.2f} MB in three files"],
        ["Driver: tables", f"{tabled / TABLED:.4f}", f"{len(record) / 1e3:.0f} kB come, {lines / 1e3:.0f} kB of lines"],
    ]
    note = f"A field of {WIDTH} x {HEIGHT} pixels, {FIELD_DRAWS} draws, one thread, no GPU."
    return Table.make(("A field", "Processor seconds", "What"), rows, note=note)


def measure_workers(counts: Sequence[int]) -> Table:
    """Fields a second of a local Ray of so many workers each, from the first field written to the last.

    So the start of Ray and of its workers, which an archive's size makes nothing of, is not counted.
    """
    ray, rows, rates = Path(sys.executable).with_name("ray"), [], []
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
    pixels = pasted()
    with TemporaryDirectory() as folder:
        fields = Path(folder) / "fields"
        fields.mkdir()
        for i in range(DEALT):
            Image.fromarray(np.roll(pixels, STEP * i, axis=1)[: SIDES[0], : SIDES[1]]).save(fields / f"{i:02}.png")
        for count in counts:
            out = Path(folder) / str(count)
            start = ["start", "--head", "--num-cpus", str(count), "--include-dashboard", "false"]
            subprocess.run([ray, *start], check=True, env=environment, stdout=subprocess.DEVNULL)
            try:
                command = [
                    sys.executable,
                    "-m",
                    "jdm_core",
                    "field",
                    str(fields),
                    "--out",
                    str(out),
                    "--cluster",
                    "auto",
                ]
                subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
            finally:
                subprocess.run([ray, "stop", "--force"], check=True, env=environment, stdout=subprocess.DEVNULL)
            written = sorted(path.stat().st_mtime for path in out.rglob("[0-9][0-9].json"))
            rates.append((len(written) - count) / (written[-1] - written[count - 1]))
            rows.append([str(count), f"{rates[-1]:.2f}", f"{rates[-1] / rates[0]:.2f}"])
    note = f"{DEALT} fields of {SIDES[1]} x {SIDES[0]} pixels, {FIELD_DRAWS} draws, a thread a worker, no GPU."
    return Table.make(("Workers", "Fields a second", "Over the first row"), rows, note=note)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", nargs="+", type=int, metavar="N", help="time a Ray of so many workers instead")
    wanted = parser.parse_args().workers
    print((measure_workers(wanted) if wanted else measure()).markdown())
