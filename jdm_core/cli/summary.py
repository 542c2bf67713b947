"""What a run of explain came to, in a few sentences and the path of what it wrote."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jdm_core.checkpoint.familiarity import NO_RED_CELL, OTHER
from jdm_core.report.language import ENGLISH
from jdm_core.report.words import DISAGREE, NOT_A_CELL, TOO_SMALL, UNCLEAR

# As a person reads them; a label stands for itself.
_VERDICTS = {UNCLEAR: "unclear", DISAGREE: "verdicts disagree", TOO_SMALL: "too small", NOT_A_CELL: "not a cell?"}


def summary(rows: Sequence[dict[str, Any]], kept: int, passed_over: int, warning: str, index: Path) -> str:
    """Lines: cells by verdict, how many were strange or could not be read, what was there already, and where all is.

    rows are those of the index; `kept` of them were done by an earlier run; `warning` is said of cells of another
    stain or microscope.
    """
    read = [row for row in rows if "error" not in row]
    lines = []
    if read:
        tally = Counter(_VERDICTS.get(row["verdict"], row["verdict"]) for row in read)
        verdicts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(tally.items()))
        lines.append(f"{ENGLISH.plural('{count} picture', '{count} pictures', len(read))}: {verdicts}.")
    lines += _counted(
        (sum(row["kind"] == OTHER for row in read), f"of another stain, lamp or camera. {warning}".strip()),
        (sum(row["kind"] == NO_RED_CELL for row in read), "not like a stained red cell: no edit unless --target asks."),
        (len(rows) - len(read), "not read; the index says why."),
        (passed_over, "passed over: no pictures by their names."),
        (kept, "done by an earlier run."),
    )
    return "\n".join([*lines, f"Reports: {index.parent}, listed in {index}"])


def _counted(*counts: tuple[int, str]) -> list[str]:
    return [f"{ENGLISH.number(count)} {words}" for count, words in counts if count]
