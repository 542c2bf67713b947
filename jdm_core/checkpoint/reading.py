"""How well cells are told to be suspicious, and how far slides part in it: what a machine's count is corrected by."""

from dataclasses import dataclass
from reprlib import repr as shortened
from typing import Any

from jdm_core.bounds import check_figure
from jdm_core.checkpoint.entry import Checkpoint
from jdm_core.checkpoint.records import RecordError, build_record

READING = "reading"  # of the metrics of a checkpoint


@dataclass(frozen=True)
class Reading:
    """Sensitivity and specificity of "suspicious" in [0, 1], and the standard deviation of each for one more slide.

    The deviations are those between slides, less what the number of cells on each explains, and with what the number
    of slides leaves open of the mean. infected and healthy are the slides, smears or fields that they rest on.
    """

    sensitivity: float
    sensitivity_spread: float
    specificity: float
    specificity_spread: float
    infected: int
    healthy: int

    def __post_init__(self) -> None:
        for name in ("sensitivity", "sensitivity_spread", "specificity", "specificity_spread"):
            check_figure(name, getattr(self, name), 0, 1)


def readings(checkpoint: Checkpoint) -> dict[str, Reading]:
    """What is recorded of a checkpoint's reading, by the kind of cells, "familiar" or "other"; {} of none.

    Raises ValueError for records that are none.
    """
    recorded: Any = checkpoint.metrics.get(READING, {})
    try:
        return {kind: build_record(Reading, values, f"{READING}: {kind}") for kind, values in recorded["kinds"].items()}
    except RecordError:
        raise
    except (LookupError, AttributeError, TypeError) as error:
        if recorded == {}:
            return {}
        raise ValueError(f"{READING}: {shortened(recorded)} is no record of it") from error
