"""The result that the page opens with: python -m web.one_cell.opening makes it, once for each shipped checkpoint."""

import io
import json
import sys
import zlib
from collections.abc import Callable
from dataclasses import asdict, fields
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from jdm_core import Counterfactual, ElboResult, Explainer, Prediction
from jdm_core.explain.edit import Strength
from jdm_core.explain.results import Effort
from jdm_core.files import replace_file
from jdm_core.report.report import Explanation
from jdm_core.report.words import Language
from web.one_cell.change_map import Wanted
from web.one_cell.shown import VARIANTS, edited_view, explained_view, read_view
from web.one_cell.view import SKIP, Reading, View
from web.parts.reading import find
from web.parts.static import EXAMPLES

NAME = "parasitized-1"
FILE = EXAMPLES / "opening.npz"
_DRAWS, _SEED = 32, 0
_RECORDS = {"prediction": Prediction, "elbo": ElboResult, "edit": Counterfactual}
_UNREADABLE = (OSError, ValueError, TypeError, LookupError, BadZipFile, zlib.error)


def compute(explainer: Explainer) -> Explanation:
    """Everything that the page says of the example: verdicts, evidence, the edit and its variants."""
    finding = find(EXAMPLES / f"{NAME}.png", NAME)
    cell = finding.cell
    edit = explainer.counterfactual(cell, seed=_SEED, variants=VARIANTS)
    read = explainer.predict(cell), explainer.elbo(cell, _DRAWS, _SEED)
    return Explanation(f"{NAME}.png", cell, 0, *read, edit=edit, finding=finding)


def write(explainer: Explainer, explanation: Explanation, path: Path = FILE) -> None:
    """Writes the records of an explanation, with the digest of the weights that they come from."""
    arrays: dict[str, np.ndarray] = {}
    plain: dict[str, Any] = {"sha256": explainer.sha256}
    for name in _RECORDS:
        record = getattr(explanation, name)
        for field in fields(record):
            value, key = getattr(record, field.name), f"{name}.{field.name}"
            if isinstance(value, np.ndarray):
                arrays[key] = value.astype(str) if value.dtype == object else value
            elif field.name == "full_resolution":
                arrays[key] = np.stack(value)
            else:
                plain[key] = [asdict(one) for one in value] if field.name == "efforts" else value
    packed = io.BytesIO()
    np.savez_compressed(packed, allow_pickle=False, plain=np.array(json.dumps(plain)), **arrays)
    replace_file(path, lambda partial: partial.write_bytes(packed.getvalue()))


def read(explainer: Explainer, path: Path = FILE) -> Reading | None:
    """The example with its records, if they come from these weights; None where the page has to open without."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            plain = json.loads(str(arrays["plain"]))
            if plain["sha256"] != explainer.sha256:
                return None
            records = {name: kind(**_values(name, plain, arrays)) for name, kind in _RECORDS.items()}
        finding = find(EXAMPLES / f"{NAME}.png", NAME)
    except _UNREADABLE:
        return None
    return Reading(Explanation(f"{NAME}.png", finding.cell, 0, **records, finding=finding), _SEED, finding.cell)


def opener(explainer: Explainer, reading: Reading) -> Callable[[Language], View]:
    """The page with the example on it, drawn once in each language."""

    @cache
    def opened(say: Language) -> View:
        one = reading.explanation
        assert one.finding is not None
        read = read_view(explainer, one.file, reading.upload, one.finding, one.prediction, say)
        later = explained_view(explainer, reading, say), edited_view(explainer, reading, Wanted(), say)
        view = read._asdict()
        for state in later:
            view |= {name: value for name, value in state._asdict().items() if value != SKIP}
        return View(**view)

    return opened


def _values(name: str, plain: dict[str, Any], arrays: Any) -> dict[str, Any]:
    """The fields of one record."""
    begin = f"{name}."
    values = {key.removeprefix(begin): value for key, value in plain.items() if key.startswith(begin)}
    values |= {key.removeprefix(begin): arrays[key] for key in arrays.files if key.startswith(begin)}
    if "labels" in values:
        values["labels"] = tuple(values["labels"])
    if "full_resolution" in values:
        values["full_resolution"] = list(values["full_resolution"])
    if "efforts" in values:
        values["efforts"] = [Effort(**one | {"strength": _strength(one["strength"])}) for one in values["efforts"]]
    if "kind" in values:
        values["kind"] = values["kind"].astype(object)
    return values


def _strength(value: dict[str, Any] | None) -> Strength | None:
    return Strength(**value) if value else None


def main() -> int:
    """Makes the result anew and writes it."""
    explainer = Explainer.load(device="cpu")
    write(explainer, compute(explainer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
