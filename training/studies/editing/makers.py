"""Every way of editing as one function from cells to pictures: the search, the controls, and ways that push pixels."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from jdm_core import Explainer
from jdm_core.images.pixels import content_seed, to_uint8
from training.data.members import chunks
from training.studies.editing.controls import filled_in, painted_dots, placebo
from training.studies.editing.methods import Method, edit_once, levels
from training.studies.stain import StainProxy

CHUNK = 16
SEARCH, PLACEBO, NO_MODEL, UNEDITED = "search", "placebo", "without a model", "unedited"
METHODS = (Method("residuals", 2.0, 0.25), Method("edit-friendly", 2.0, 0.25))


@dataclass(frozen=True)
class Sample:
    """N cells of any size, x (N, C, S, S) in [-1, 1] at the model's, labels (N,) and slides."""

    cells: list[np.ndarray]
    x: Tensor
    labels: np.ndarray
    slides: np.ndarray

    @property
    def squares(self) -> np.ndarray:
        """The cells (N, S, S, 3) uint8 as the model sees them."""
        return to_uint8(self.x).numpy()


@dataclass(frozen=True)
class Made:
    """Edits (N, S, S, 3) uint8 with the encoder's passes (N,) and whether its own check passed (N,), if it has one.

    Passes of checks are not counted; seconds are of one cell, with checks.
    """

    images: np.ndarray
    encoder: np.ndarray
    passed: np.ndarray | None
    seconds: float


Part = tuple[np.ndarray, np.ndarray | int, np.ndarray | None]
Maker = Callable[[slice], Part]


def makers(
    explainer: Explainer, sample: Sample, proxy: StainProxy, seed: int, methods: tuple[Method, ...]
) -> Mapping[str, Maker]:
    """What edits a part of the sample, by the name that tables give it."""

    def searched(part: slice) -> Part:
        edit = explainer.counterfactual(sample.cells[part], [_other(explainer, k) for k in sample.labels[part]], seed)
        return edit.images, np.array(edit.settings["encoder_passes"]), edit.flipped

    def under_the_source(part: slice) -> Part:
        x, source = sample.x[part].to(explainer.device), torch.from_numpy(sample.labels[part]).to(explainer.device)
        edited = placebo(explainer, x, source, _seeds(sample.cells[part], seed))
        return edited, np.array([explainer.edit.candidates(k == 0)[0].start for k in sample.labels[part]]), None

    def without_a_model(part: slice) -> Part:
        squares, removes = sample.squares[part], sample.labels[part] == 0
        dots, filled = painted_dots(squares, proxy, seed + part.start), filled_in(squares, proxy)
        return np.where(removes[:, None, None, None], filled, dots), 0, None

    def pushed(method: Method) -> Maker:
        return lambda part: _pushed(explainer, sample, part, method, seed)

    return {
        SEARCH: searched,
        PLACEBO: under_the_source,
        NO_MODEL: without_a_model,
        UNEDITED: lambda part: (sample.squares[part], 0, None),
        **{method.name: pushed(method) for method in methods},
    }


def run(maker: Maker, count: int, name: str) -> Made:
    """All edits of a maker, in parts."""
    started, parts = time.perf_counter(), []
    for part in tqdm(chunks(count, CHUNK), desc=name, unit="batch"):
        images, encoder, passed = maker(part)
        parts.append((images, np.broadcast_to(encoder, len(images)), passed))
    seconds = (time.perf_counter() - started) / count
    images, encoder, passed = zip(*parts, strict=True)
    checked = np.concatenate(passed) if passed[0] is not None else None
    return Made(np.concatenate(images), np.concatenate(encoder), checked, seconds)


def _pushed(explainer: Explainer, sample: Sample, part: slice, method: Method, seed: int) -> Part:
    x = sample.x[part].to(explainer.device)
    source = torch.from_numpy(sample.labels[part]).to(explainer.device)
    logsnr = levels(explainer.network, explainer.device)
    own = [torch.Generator().manual_seed(one) for one in _seeds(sample.cells[part], seed)]
    drawn = [torch.randn(len(logsnr), *x.shape[1:], generator=generator) for generator in own]
    noise = torch.stack(drawn, dim=1).to(explainer.device)
    edited = edit_once(explainer.network, x, source, 1 - source, logsnr, method, noise.__getitem__)
    return to_uint8(edited.images).cpu().numpy(), edited.encoder_passes, None


def _seeds(cells: list[np.ndarray], seed: int) -> list[int]:
    return [(content_seed(cell) + seed) % 2**63 for cell in cells]


def _other(explainer: Explainer, label: int) -> str:
    return explainer.labels[1 - label]
