"""python -m tests.support.mutants: puts small faults into the mathematics, one at a time: do its tests see them?

Faults are drawn at random: an operator, a comparison, a sign, a number or a reduction becomes another one. No file is
changed: a fork of this process imports the module with the fault and runs the module's own tests. A seed draws the same
faults again. Exits with 1 where the tests fail without a fault.
"""

import argparse
import ast
import importlib
import importlib.machinery
import importlib.util
import os
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = {  # of each module
    "jdm_core.explain.bound": ("jdm_core/explain/test_bound.py",),
    "jdm_core.explain.likelihood": ("jdm_core/explain/test_likelihood.py", "jdm_core/explain/test_bound.py"),
    "jdm_core.explain.matching": ("jdm_core/explain/test_matching.py",),
    "jdm_core.model.diffusion": ("jdm_core/model/test_diffusion.py", "jdm_core/explain/test_bound.py"),
    "jdm_core.model.sampling": ("jdm_core/model/test_sampling.py",),
    "training.publish.calibrate": ("training/publish/test_calibrate.py",),
    "training.publish.fits.ends": ("training/publish/test_ends.py",),
    "training.publish.fits.promise": ("training/publish/test_promise.py",),
    "training.publish.fits.sureness": (
        "training/publish/test_sureness.py::test_nearly_all_real_cells_of_every_class_reach_it",
    ),
    "training.run.loss": ("training/run/test_loss.py",),
    "training.temperature": ("training/publish/test_calibrate.py",),
}
PRELOADED = (
    "torch",
    "numpy",
    "scipy.optimize",
    "scipy.ndimage",
    "safetensors.torch",
    "accelerate",
    "PIL.Image",
    "pytest",
)
OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Lt: ast.GtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
_PAIRS = (("mean", "sum"), ("min", "max"), ("argmin", "argmax"), ("floor", "ceil"), ("var", "std"), ("square", "abs"))
_SPARED = (ast.Raise, ast.Assert, ast.Import, ast.ImportFrom, ast.JoinedStr)
_PLACES = ("dim", "axis")
NAMES = {a: b for pair in _PAIRS for a, b in (pair, pair[::-1])}


@dataclass(frozen=True)
class Mutant:
    """The fault number `site` of a module."""

    module: str
    site: int

    @property
    def file(self) -> Path:
        return ROOT.joinpath(*self.module.split(".")).with_suffix(".py")

    def made(self) -> tuple[ast.Module, str]:
        """The module with the fault, and what the fault is."""
        tree = ast.parse(self.file.read_text(encoding="utf-8"))
        node = sites(tree)[self.site]
        before = ast.unparse(node)
        spoil(node)
        place = f"{self.file.relative_to(ROOT)}:{getattr(node, 'lineno', '?')}"
        return tree, f"{place}: {before}  ->  {ast.unparse(node)}"


def sites(tree: ast.Module) -> list[ast.AST]:
    """The nodes that a fault may go into; types, words and what is raised are none."""
    return [node for node in _computing(tree) if _can_be_spoilt(node)]


def _computing(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "slice"):  # another index or dimension is seen at once
            continue
        for child in value if isinstance(value, list) else [value]:
            if (
                isinstance(child, ast.AST)
                and not isinstance(child, _SPARED)
                and getattr(child, "arg", "") not in _PLACES
            ):
                yield from _computing(child)


def _can_be_spoilt(node: ast.AST) -> bool:
    match node:
        case ast.BinOp(op=op) | ast.BoolOp(op=op) | ast.Compare(ops=[op]):
            return type(op) in OPERATORS
        case ast.UnaryOp(op=ast.USub() | ast.Invert() | ast.Not()):
            return True
        case ast.Constant(value=bool() | int() | float()):
            return True
        case ast.Call(func=ast.Attribute(attr=name)):
            return name in NAMES
        case ast.keyword(arg=name):
            return name in ("min", "max")
    return False


def spoil(node: ast.AST) -> None:
    """Puts the fault in."""
    match node:
        case ast.Compare(ops=[op]):
            node.ops = [OPERATORS[type(op)]()]
        case ast.BinOp(op=op) | ast.BoolOp(op=op):
            node.op = OPERATORS[type(op)]()
        case ast.UnaryOp(op=ast.USub()):
            node.op = ast.UAdd()
        case ast.UnaryOp(op=op):  # twice is not at all
            node.operand = ast.UnaryOp(op, node.operand)
        case ast.Constant(value=bool() as value):
            node.value = not value
        case ast.Constant(value=int() as value):
            node.value = value + 1
        case ast.Constant(value=float() as value):
            node.value = 1.5 * value or 1.0
        case ast.Call(func=ast.Attribute() as function):
            function.attr = NAMES[function.attr]
        case ast.keyword(arg=str() as name):
            node.arg = NAMES[name]


class _Finder(importlib.machinery.SourceFileLoader):
    """Imports a module from a tree in place of its file."""

    def __init__(self, module: str, file: Path, tree: ast.Module) -> None:
        super().__init__(module, str(file))
        self.tree = tree

    def find_spec(self, name: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def get_code(self, fullname: str):
        return compile(ast.fix_missing_locations(self.tree), self.path, "exec")


def passes(tests: Sequence[str], mutant: Mutant | None = None) -> bool:
    """Whether tests pass in a fork of this process, with a fault in one module."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    status = 1
    try:
        import pytest

        if mutant:
            sys.meta_path.insert(0, _Finder(mutant.module, mutant.file, mutant.made()[0]))  # type: ignore[arg-type]
        for stream in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--timeout=120"]
        status = int(pytest.main([*options, *(str(ROOT / "tests" / test) for test in tests)]))
    finally:
        os._exit(status)


def main(arguments: list[str] | None = None) -> int:
    """Prints each fault and whether it was seen, and how many were."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"of {', '.join(TESTS)} (default: all)")
    parser.add_argument("--count", type=int, default=30, help="faults (default: 30)")
    parser.add_argument("--seed", type=int, default=0, help="of the draw (default: 0)")
    options = parser.parse_args(arguments)
    if unknown := set(options.modules) - TESTS.keys():
        parser.error(f"no tests are named for {', '.join(sorted(unknown))}")
    for name in PRELOADED:
        importlib.import_module(name)
    every = [
        Mutant(m, i)
        for m in options.modules or TESTS
        for i in range(len(sites(ast.parse(Mutant(m, 0).file.read_text("utf-8")))))
    ]
    drawn = sorted(
        random.Random(options.seed).sample(every, min(options.count, len(every))), key=lambda m: (m.module, m.site)
    )
    if not passes(sorted({test for mutant in drawn for test in TESTS[mutant.module]})):
        print("the tests fail as they are", file=sys.stderr)
        return 1
    killed = 0
    for mutant in drawn:
        survived = passes(TESTS[mutant.module], mutant)
        killed += not survived
        print(f"{'SURVIVED' if survived else 'killed  '} {mutant.made()[1]}", flush=True)
    print(f"{killed} of {len(drawn)} killed, of {len(every)} that could be drawn (seed {options.seed})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
