"""The joint diffusion model of red blood cells and its explanations."""

from jdm_core.cells import CellImageError
from jdm_core.checkpoints import CheckpointError
from jdm_core.explainer import Explainer
from jdm_core.results import Counterfactual, ElboResult, Frame, Prediction
from jdm_core.version import VERSION

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
