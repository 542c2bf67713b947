"""The protocol of a study: a question, its arguments, what it reads, and typed findings that make a page."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch

from jdm_core import Explainer
from jdm_core.checkpoint.entry import Checkpoint
from jdm_core.checkpoint.manifest import MANIFEST, locate, read_manifest
from jdm_core.model.device import choose_device
from training.run.classifier import JUDGE, WEIGHTS
from training.tables import Table

OWN = ""  # the checkpoint that the command line names
# What verdicts stand beside unless other rivals are named.
PLAIN_CNNS = tuple(WEIGHTS / f"{name}.safetensors" for name in ("rival-64", "rival-64-abroad"))


@dataclass(frozen=True)
class Inputs:
    """What all studies of a report share: data by name, the checkpoint, and a folder for runs and pictures."""

    data: Mapping[str, Path]  # of "cells", "digits", "usps", "fields" and "microscopes", those that are at hand
    folder: Path
    checkpoint: str = "malaria-64"
    manifest: Path = MANIFEST
    device: str = "auto"
    seed: int = 0
    judge: Path = JUDGE
    rivals: Sequence[Path] = ()  # classifiers to compare with
    should_stop: Callable[[], bool] = field(default=lambda: False, repr=False)

    def load(self, name: str = OWN) -> Explainer:
        """A checkpoint, by default the command line's."""
        return Explainer.load(name or self.checkpoint, self.device, self.manifest)

    def entry(self, name: str = OWN) -> tuple[str, Checkpoint]:
        """Name and manifest entry of a checkpoint."""
        name, manifest = locate(name or self.checkpoint, self.manifest)
        return name, read_manifest(manifest)[name]

    @property
    def rival(self) -> Path | None:
        """The first of the classifiers to compare with, for a study that takes one; None without any."""
        return next(iter(self.rivals), None)

    @property
    def plain_cnns(self) -> Sequence[Path]:
        """The classifiers to compare with, by default the plain ones that ship."""
        return self.rivals or PLAIN_CNNS

    @property
    def torch_device(self) -> torch.device:
        """The device that networks are trained on."""
        return choose_device(self.device)


def digests(paths: Sequence[Path]) -> list[str]:
    """sha256 of files."""
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


@dataclass(frozen=True)
class Findings:
    """What a study found: its tables, how many cells they are of, everything measured as JSON values, and pictures.

    `missing` names the data that were asked for and could not be read.
    """

    tables: Sequence[Table]
    sample: str
    measured: Mapping[str, Any]
    pictures: Sequence[str] = ()  # files beside the page
    missing: Sequence[str] = ()


@dataclass(frozen=True)
class Study(ABC):
    """A question and the measurement that answers it. Subclasses are frozen dataclasses of their arguments.

    `concluded_on` says of which versions of checkpoints the conclusion speaks; the page warns where it shows others.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    question: ClassVar[str]
    setup: ClassVar[str]
    conclusion: ClassVar[str]
    concluded_on: ClassVar[Mapping[str, int]] = {}
    reads: ClassVar[tuple[str, ...]] = (OWN,)  # names of checkpoints
    needs: ClassVar[tuple[str, ...]] = ("cells",)
    edits: ClassVar[bool] = False  # whether it depends on how the explainer searches for an edit

    def facts(self, inputs: Inputs) -> Sequence[object]:
        """What decides the findings beside arguments, seed and checkpoints: the judge, say, or rivals."""
        return ()

    @abstractmethod
    def measure(self, inputs: Inputs) -> Findings:
        """Measures; pictures and runs go below `inputs.folder`."""
