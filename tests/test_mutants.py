"""The faults that `python -m tests.support.mutants` puts into the mathematics."""

import ast
import importlib.util
import subprocess

import pytest

from tests.support.mutants import ROOT, TESTS, Mutant, sites, spoil
from tests.support.warm_python import warm_python

SOURCE = '''
def f(x: int = 3) -> float:
    """Of 7."""
    if not 0 <= x and x > 2:
        raise ValueError(f"{x + 1}: no more than 9")
    return -x.mean(dim=1)[:, 2] * x.clamp(min=0.5)
'''
SPOILT = [
    "4",
    "not 0 <= x or x > 2",
    "not not 0 <= x",
    "0 < x",
    "1",
    "x <= 2",
    "3",
    "-x.mean(dim=1)[:, 2] / x.clamp(min=0.5)",
    "+x.mean(dim=1)[:, 2]",
    "x.sum(dim=1)",
    "max=0.5",
    "0.75",
]


def test_each_fault_changes_one_thing_that_is_computed():
    found = []
    for number in range(len(sites(ast.parse(SOURCE)))):
        node = sites(ast.parse(SOURCE))[number]
        spoil(node)
        found.append(ast.unparse(node))
    assert sorted(found) == sorted(SPOILT)


@pytest.mark.parametrize("module", TESTS)
def test_every_module_and_its_tests_are_there(module):
    assert importlib.util.find_spec(module) is not None and "  ->  " in Mutant(module, 0).made()[1]
    assert all((ROOT / "tests" / test.partition("::")[0]).is_file() for test in TESTS[module])


@pytest.mark.slow
def test_the_command_says_of_each_fault_whether_it_was_seen():
    command = [warm_python(), "-m", "tests.support.mutants", "training.publish.fits.sureness", "--count", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    fault, last = done.stdout.splitlines()
    assert fault.startswith("killed   training/publish/fits/sureness.py:") and last.startswith("1 of 1 killed, of ")
