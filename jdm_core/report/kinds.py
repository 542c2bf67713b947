"""What is said of a red cell that is not as those in training: that the model errs more often, and how often it did."""

from collections.abc import Mapping
from typing import Any

from jdm_core.checkpoint.familiarity import OTHER
from jdm_core.report.words import ENGLISH, Language


def kind_warning(kind: str, worth: Mapping[str, float] | None, say: Language = ENGLISH) -> str:
    """What is to be known of the verdict on a red cell of another stain or microscope; nothing of other kinds.

    worth is that of `abroad`.
    """
    if kind != OTHER:
        return ""
    warning = say(
        "A red cell, but not as in training: another stain, lamp or camera. On such cells the model errs more often."
    )
    if worth is None:
        return warning
    measured = say.plural(
        "Measured on {count} other microscope: {found} of infected cells were found, {alarms} of healthy ones called "
        "infected.",
        "Measured on {count} other microscopes: at worst, {found} of infected cells were found and {alarms} of healthy "
        "ones called infected.",
        int(worth["microscopes"]),
        found=say.percent(worth["lowest_sensitivity"]),
        alarms=say.percent(1 - worth["lowest_specificity"]),
    )
    return f"{warning} {measured}"


def abroad(metrics: Mapping[str, Any]) -> Mapping[str, float] | None:
    """What a checkpoint's metrics say of the classifier on other microscopes' cells; None where it was not measured."""
    return (metrics.get("familiarity") or {}).get("abroad")
