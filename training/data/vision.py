"""torchvision, importable beside a CPU build of torch too.

torchvision's wheels for CUDA bring operators (nms and others) in a library that a CPU build of torch cannot load,
and then fail on import because these are not there. Nothing here uses them; declaring them is enough.
"""

import importlib
import re
import sys

import torch

_declared = torch.library.Library("torchvision", "FRAGMENT")  # its operators last as long as it does


def _import_torchvision() -> None:
    while True:
        try:
            importlib.import_module("torchvision")
            return
        except RuntimeError as error:
            missing = re.search(r"operator torchvision::(\w+) does not exist", str(error))
            if missing is None:
                raise
            _declared.define(f"{missing[1]}(Tensor x) -> Tensor")
            for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
                del sys.modules[name]


_import_torchvision()

from torchvision.datasets import MNIST  # noqa: E402
from torchvision.models.resnet import BasicBlock, ResNet  # noqa: E402

__all__ = ["MNIST", "BasicBlock", "ResNet"]
