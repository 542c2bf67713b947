"""python -m benchmarks [NAME ...]: runs what has a table in docs/performance.md, keeps its figures, writes the tables.

Figures lie beside the page, in performance.json. Without a name nothing is run: the tables are written from there.
"""

import argparse
import json
import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from training.tables import Table

PAGE = Path(__file__).parents[1] / "docs/performance.md"
NAMES = ("latency", "page", "field", "decoding", "forward", "shapes", "plain_loop")
_BLOCK = re.compile(
    r"(<!-- table of (\w+): written by `python -m benchmarks` -->\n).*?(<!-- end of table -->)", re.DOTALL
)


def written(page: str, figures: Mapping[str, Any]) -> str:
    """A page with every table as its figures say; KeyError for a table without figures."""
    return _BLOCK.sub(lambda found: found[1] + Table.from_json(figures[found[2]]).markdown() + "\n" + found[3], page)


def main(arguments: list[str] | None = None, page: Path = PAGE) -> None:
    """Runs what is named, and writes the page and the figures beside it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    names = parser.parse_args(arguments).names
    if unknown := set(names) - set(NAMES):
        parser.error(f"no table of {', '.join(sorted(unknown))}: there are {', '.join(NAMES)}")
    beside = page.with_suffix(".json")
    figures = json.loads(beside.read_text(encoding="utf-8")) if beside.exists() else {}
    for name in names:
        table: Table = import_module(f"benchmarks.{name}").measure()
        figures[name] = table.as_json()
        print(f"{name}\n{table.markdown()}\n")
        beside.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    page.write_text(written(page.read_text(encoding="utf-8"), figures), encoding="utf-8")


if __name__ == "__main__":
    main()
