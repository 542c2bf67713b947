"""The figures of one part of one microscope's cells, of one reader and of two readers' difference."""

from collections.abc import Mapping

import numpy as np

from jdm_core.checkpoint.familiarity import FAMILIAR, NO_RED_CELL, OTHER
from training.data.microscopes.sample import Part, Sample
from training.metrics import Json
from training.studies.intervals import Resamples, figure
from training.studies.shift.readers import Said

THRESHOLD = 0.5  # above it page, command line and Python say Parasitized
KINDS = (FAMILIAR, OTHER, NO_RED_CELL)
STRICT = 0.01  # of false positives
DIFFERENCES = ("auroc", "balanced_accuracy", "strict_sensitivity", "false_positives")

Samples = dict[str, np.ndarray]  # a figure's values (1 + R,): of all cells, then of every bootstrap sample


def part_figures(sample: Sample, part: Part, colours: str, said: Mapping[str, Said], seed: int) -> list[Json]:
    """A row of plain JSON for each reader, then for each reader but the first what the first has more, paired."""
    chosen = sample.where(part, "infected", "healthy", "lookalike")
    if not len(chosen):
        return []
    roles = np.array([sample.known[i].role for i in chosen])
    resamples = Resamples.of([sample.known[i].field for i in chosen], sample.unit, seed)
    counted = {
        "set": sample.name,
        "title": sample.title,
        "part": part,
        "colours": colours,
        "n": int((roles != "lookalike").sum()),
        "infected": int((roles == "infected").sum()),
        "lookalikes": int((roles == "lookalike").sum()),
        "unit": resamples.unit,
        "units": resamples.units,
    }
    found = {name: _measure(_of(what, chosen), roles, resamples) for name, what in said.items()}
    rows = []
    for name, samples in found.items():
        asked = ~np.isnan(said[name].likelihood[chosen])
        rows.append(counted | {"reader": name, "asked": int(asked.sum())} | _plain(samples, roles))
    first = next(iter(found))
    for name in list(found)[1:]:
        more = {f"{key}_more": found[first][key] - found[name][key] for key in DIFFERENCES if key in found[name]}
        rows.append(counted | {"reader": f"{first} less {name}"} | _plain(more, roles))
    return rows


def verdict_shares(sample: Sample, part: Part, said: Said) -> list[Json]:
    """What share of a part's red cells, and of each kind of what is none, is familiar, of another kind, and refused."""
    assert said.kind is not None
    rows = []
    own = np.array([known.part == part for known in sample.known])
    red = np.array([known.role != "no red cell" for known in sample.known])
    kinds = np.array([known.kind for known in sample.known])
    groups: list[tuple[str, np.ndarray]] = [("red cells", red)]
    if sample.name == "uploads":
        groups.append(("no red cells", ~red))
    else:
        groups += [(f"{kind}s", ~red & (kinds == kind)) for kind in sorted(set(kinds[~red].tolist()))]
    for name, of_both in groups:
        group = own & of_both
        if not group.any():
            continue
        resamples = Resamples.of([sample.known[i].field for i in np.flatnonzero(group).tolist()], sample.unit, 0)
        row: Json = {"set": sample.name, "title": sample.title, "part": part, "what": name, "n": int(group.sum())}
        for kind in KINDS:
            row |= figure(kind, resamples.share(said.kind[group] == kind), row["n"])
        rows.append(row)
    return rows


def _of(said: Said, chosen: np.ndarray) -> Said:
    return Said(said.infected[chosen], said.likelihood[chosen], None if said.kind is None else said.kind[chosen])


def _measure(said: Said, roles: np.ndarray, resamples: Resamples) -> Samples:
    """Every figure that the roles (N,) allow, over all samples."""
    infected, healthy, lookalike = (roles == role for role in ("infected", "healthy", "lookalike"))
    called = said.infected > THRESHOLD
    samples: Samples = {}
    if healthy.any():
        samples["false_positives"] = resamples.take(healthy).share(called[healthy])
    if lookalike.any():
        samples["lookalikes_called"] = resamples.take(lookalike).share(called[lookalike])
    if infected.any() and healthy.any():
        both = infected | healthy
        of_both = resamples.take(both)
        samples["sensitivity"] = resamples.take(infected).share(called[infected])
        samples["auroc"] = of_both.auroc(said.infected[both], infected[both])
        samples["balanced_accuracy"] = (samples["sensitivity"] + 1 - samples["false_positives"]) / 2
        samples["strict_sensitivity"] = of_both.sensitivity_at(STRICT, said.infected[both], infected[both])
    asked = ~np.isnan(said.likelihood) & (infected | healthy)
    if infected[asked].any() and healthy[asked].any():
        samples["likelihood_auroc"] = resamples.take(asked).auroc(said.likelihood[asked], infected[asked])
    return samples


def _plain(samples: Mapping[str, np.ndarray], roles: np.ndarray) -> Json:
    """Plain values; of a share of one role, with its number."""
    of_role = {"false_positives": "healthy", "sensitivity": "infected", "lookalikes_called": "lookalike"}
    plain: Json = {}
    for name, values in samples.items():
        plain |= figure(name, values, int((roles == of_role[name]).sum()) if name in of_role else None)
    return plain
