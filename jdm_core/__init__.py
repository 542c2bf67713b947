"""The joint diffusion model of red blood cells and its explanations."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from jdm_core.version import VERSION

if TYPE_CHECKING:
    from jdm_core.checkpoint.weights import CheckpointError
    from jdm_core.checkpoint.worth import Worth, worth
    from jdm_core.explain.explainer import Explainer
    from jdm_core.explain.results import Counterfactual, ElboResult, Frame, Prediction
    from jdm_core.images.refused import CellImageError

__version__ = VERSION
__all__ = [
    "CellImageError",
    "CheckpointError",
    "Counterfactual",
    "ElboResult",
    "Explainer",
    "Frame",
    "Prediction",
    "Worth",
    "worth",
]

_PLACES = {
    "CellImageError": "images.refused",
    "CheckpointError": "checkpoint.weights",
    "Counterfactual": "explain.results",
    "ElboResult": "explain.results",
    "Explainer": "explain.explainer",
    "Frame": "explain.results",
    "Prediction": "explain.results",
    "Worth": "checkpoint.worth",
    "worth": "checkpoint.worth",
}


def __getattr__(name: str) -> Any:
    """What this package offers, imported when it is asked for: a process that only decodes needs no torch."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = value
    return value
