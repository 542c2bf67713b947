"""A field's cells as GeoJSON (RFC 7946) that QuPath takes by drag and drop: one detection a cell, in pixels."""

from typing import Any
from uuid import NAMESPACE_OID, uuid5

import numpy as np

from jdm_core.field.found import CLUMP, CUT_OFF, NO_RED_CELL
from jdm_core.report.field.entry import HEALTHY, INFECTED, NO_CELL, UNSURE, FieldEntry
from jdm_core.report.field.rings import ring
from jdm_core.report.words import NOTICE

# Okabe and Ito's colours, apart with any colour blindness; the same in every picture of a field.
COLOURS = {
    INFECTED: (213, 94, 0),
    HEALTHY: (0, 114, 178),
    UNSURE: (240, 180, 30),
    CUT_OFF: (90, 90, 90),
    CLUMP: (150, 70, 160),
    NO_RED_CELL: (0, 130, 95),
    NO_CELL: (0, 0, 0),
}
OTHER_LABEL = (86, 130, 200)


def feature_collection(entry: FieldEntry) -> dict[str, Any]:
    """The FeatureCollection of a field: a closed ring a cell, counterclockwise, and no number that JSON lacks.

    Measurements are a flat object of numbers, `classification` has a name and a colour, and the id is a UUID that
    follows from picture and cell: what QuPath 0.4 and later read. `metadata` is what QuPath shows as text.
    """
    ranks = entry.ranks
    features = [_feature(entry, cell, ranks.get(cell)) for cell in range(len(entry.field.status))]
    return {"type": "FeatureCollection", "features": features, "notice": NOTICE, "file": entry.file}


def group_of(entry: FieldEntry, cell: int) -> str:
    """What a cell is shown as: a person's reading of it, else the classifier's label, else its status."""
    return entry.readings.get(cell) or entry.label_of(cell) or str(entry.field.status[cell])


def _feature(entry: FieldEntry, cell: int, rank: int | None) -> dict[str, Any]:
    f, label, group = entry.field, entry.label_of(cell), group_of(entry, cell)
    x, y, w, h = (round(float(v), 2) for v in entry.box(cell))
    index = f.labels.index(label) if label else 0
    probability, posterior = (finite(values[cell, index]) for values in (f.probabilities, f.posterior))
    numbers: dict[str, float | None] = {"cell": cell, "x": x, "y": y, "w": w, "h": h, "rank": rank}
    for i, name in enumerate(f.labels):
        numbers[f"probability {name}"] = finite(f.probabilities[cell, i])
        numbers[f"posterior {name}"] = finite(f.posterior[cell, i])
    numbers["unfamiliarity"], numbers["suspicion"] = finite(f.unfamiliarity[cell]), finite(f.suspicion[cell])
    numbers["suspicious"] = int(f.suspicious[cell])
    texts = {"status": str(f.status[cell]), "label": label, "reading": entry.readings.get(cell, ""), "notice": NOTICE}
    return {
        "type": "Feature",
        "id": str(uuid5(NAMESPACE_OID, f"{entry.sha256}/{cell}")),
        "geometry": {"type": "Polygon", "coordinates": [ring(entry.outline(cell), entry.box(cell))]},
        "properties": {
            "objectType": "detection",
            "name": f"cell {cell}",
            "classification": {"name": group, "color": list(COLOURS.get(group, OTHER_LABEL))},
            "measurements": {name: number for name, number in numbers.items() if number is not None},
            "metadata": {name: text for name, text in texts.items() if text},
            "status": str(f.status[cell]),
            "label": label or None,
            "probability": probability,
            "posterior": posterior,
            "reading": entry.readings.get(cell),
        },
    }


def finite(value: Any) -> float | None:
    """A number as JSON has it, which knows neither NaN nor infinity."""
    return round(float(value), 6) if np.isfinite(value) else None
