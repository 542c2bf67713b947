"""The joint diffusion model of red blood cells and its explanations."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from jdm_core.version import VERSION

if TYPE_CHECKING:
    from jdm_core.explainer import Explainer
    from jdm_core.refused import CellImageError
    from jdm_core.results import Counterfactual, ElboResult, Frame, Prediction
    from jdm_core.weights import CheckpointError

__version__ = VERSION
__all__ = [
    "CellImageError",
    "CheckpointError",
    "Counterfactual",
    "ElboResult",
    "Explainer",
    "Frame",
    "Prediction",
]

_PLACES = {
    "CellImageError": "refused",
    "CheckpointError": "weights",
    "Counterfactual": "results",
    "ElboResult": "results",
    "Explainer": "explainer",
    "Frame": "results",
    "Prediction": "results",
}


def __getattr__(name: str) -> Any:
    """What this package offers, imported when it is asked for: a process that only decodes needs no torch."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = value
    return value
