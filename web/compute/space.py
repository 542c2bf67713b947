"""On a Space whose GPU is shared (ZeroGPU), the device is there only within functions that ask for it."""

import importlib.util
import os
from typing import Any

COMPUTING = (
    "predict",
    "elbo",
    "posterior",
    "counterfactual",
    "stream",
    "saliency",
    "field",
    "stream_field",
    "field_with",
    "field_parted",
)
DRAWING = ("evidence", "evidence_scale", "difference", "difference_scale", "saliency")


def shared_gpu() -> Any | None:
    """The `spaces` package where it is installed, imported before torch as it wants; else None."""
    if importlib.util.find_spec("spaces") is None:
        return None
    import spaces  # pyright: ignore[reportMissingImports]  # only where it is installed

    return spaces


def is_space() -> bool:
    """Whether this runs as a Space, within a frame of its site and behind its proxy."""
    return "SPACE_ID" in os.environ


def is_shared() -> bool:
    """Whether the GPU is lent call by call, so that nothing may compute outside of a call."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "true")


def ask_for_gpu(explainer: Any, spaces: Any, seconds: int) -> None:
    """Lets each computing method of an explainer ask for the GPU, for at most so many seconds.

    Arguments and results pass between processes there, which arrays and results can and live pages cannot: so the
    explainer's methods are what is wrapped, not the page's callbacks.
    """
    for owner, names in ((explainer, COMPUTING), (explainer.draw, DRAWING)):
        for name in names:
            setattr(owner, name, spaces.GPU(duration=seconds)(getattr(owner, name)))
