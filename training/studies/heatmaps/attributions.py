"""Maps of what speaks for a class: the model's own two, and the field's usual ones on its head, by captum.

Each is a function from cells uint8 (H, W, 3) and a seed to named maps (B, S, S) ≥ 0 for the first class. What the
usual ones attribute is the head's log-odds, and what they take for "nothing there" is the cell's mean colour, which
favours them against the customary black: black is the background of these crops.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from jdm_core import Explainer
from jdm_core.draw.maps import smooth_keeping_sum
from jdm_core.explain.answers import EVIDENCE_SMOOTHING
from jdm_core.explain.likelihood import draw, window_scores
from jdm_core.images.pixels import cell_mask, content_seed, from_uint8, luminance
from jdm_core.model.network import JointDiffusionNetwork
from training.data.cells import squares
from training.studies.heatmaps.localisation import mean_filled
from training.studies.stain import StainProxy, colour_maps

Maps = dict[str, np.ndarray]
Attribution = Callable[[Sequence[np.ndarray], int], Maps]
CHUNK = 16
PATH_STEPS = 24  # of integrated gradients
CAM_LEVEL = -2  # the head pools every level; this one was by far the best on validation cells
WINDOW, STRIDE = 1 / 8, 3 / 32  # of occlusion, in sides of the picture


class HeadOdds(nn.Module):
    """The head's log-odds (B, 1) of the first of two classes, from clean images x (B, C, S, S) in [-1, 1]."""

    def __init__(self, network: JointDiffusionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        logits = self.network.classify(self.network.encode_clean(x))
        return logits[:, :1] - logits[:, 1:2]


def evidence(explainer: Explainer, draws: int) -> Attribution:
    """The positive part of the evidence map from so many draws, and of what it is before it is smoothed.

    With seed 0 it is `Explainer.elbo(...).evidence`, without the bound, which would cost as much again.
    """
    window = explainer.checkpoint.calibration.window

    @torch.inference_mode()
    def attribute(cells: Sequence[np.ndarray], seed: int) -> Maps:
        x = from_uint8(torch.from_numpy(squares(cells, explainer.size))).to(explainer.device)
        drawn = draw([content_seed(cell) + seed for cell in cells], draws, x.shape[1:], window)
        values = window_scores(explainer.network, x, drawn, window).evidence(0, 1).cpu()
        name, smoothed = f"evidence, {draws} draws", smooth_keeping_sum(values, EVIDENCE_SMOOTHING * explainer.size)
        return {name: smoothed.clamp(min=0).numpy(), f"{name}, not smoothed": values.clamp(min=0).numpy()}

    return attribute


def edit_difference(explainer: Explainer) -> Attribution:
    """The absolute change of luminance by the edit to the second class; zeros where the head reads it already."""

    def attribute(cells: Sequence[np.ndarray], seed: int) -> Maps:
        edit = explainer.counterfactual(cells, target=explainer.labels[1], seed=seed)
        values = luminance(torch.from_numpy(edit.difference).permute(0, 3, 1, 2))
        return {"edit difference": values.abs().numpy()}

    return attribute


def usual_attributions(explainer: Explainer) -> Attribution:
    """Saliency, integrated gradients, occlusion and Grad-CAM on the head. Raises ValueError where captum is missing."""
    try:
        from captum.attr import IntegratedGradients, LayerGradCam, Occlusion, Saliency
    except ImportError as error:
        raise ValueError("the usual attributions need captum: pip install captum") from error
    head, side = HeadOdds(explainer.network), explainer.size
    window, stride = max(1, round(WINDOW * side)), max(1, round(STRIDE * side))

    def integrated(x: Tensor, empty: Tensor) -> Tensor:
        attributed = IntegratedGradients(head).attribute(x, empty, n_steps=PATH_STEPS, internal_batch_size=CHUNK)
        return attributed.sum(1)

    def occluded(x: Tensor, empty: Tensor) -> Tensor:
        occlusion, shape, strides = Occlusion(head), (x.shape[1], window, window), (x.shape[1], stride, stride)
        parts = [  # one cell after the other, so that several of its windows pass together
            occlusion.attribute(x[i : i + 1], shape, strides, empty[i : i + 1], perturbations_per_eval=CHUNK)
            for i in range(len(x))
        ]
        return torch.cat(parts).mean(1)

    def grad_cam(x: Tensor) -> Tensor:
        coarse = LayerGradCam(head, explainer.network.encoder[CAM_LEVEL]).attribute(x, relu_attributions=True)
        assert isinstance(coarse, Tensor)  # of a layer with one output
        return LayerGradCam.interpolate(coarse, (side, side), "bilinear")[:, 0]

    def attribute(cells: Sequence[np.ndarray], _: int) -> Maps:
        parts: dict[str, list[Tensor]] = {}
        for x in from_uint8(torch.from_numpy(squares(cells, side))).to(explainer.device).split(CHUNK):
            empty = torch.stack([mean_filled(*pair) for pair in zip(x, cell_mask(x), strict=True)])
            path = integrated(x, empty)
            for name, values in {
                "saliency": Saliency(head).attribute(x.clone().requires_grad_()).amax(1),
                "integrated gradients": path,
                "integrated gradients, smoothed": smooth_keeping_sum(path, EVIDENCE_SMOOTHING * side),
                "occlusion": occluded(x, empty),
                "Grad-CAM": grad_cam(x),
            }.items():
                parts.setdefault(name, []).append(values.detach().clamp(min=0).cpu())
        return {name: torch.cat(values).numpy() for name, values in parts.items()}

    return attribute


def stain(proxy: StainProxy, size: int) -> Attribution:
    """The stain proxy at the model's size."""
    return lambda cells, _: {"stain proxy": proxy.maps(squares(cells, size))}


def colour(size: int) -> Attribution:
    """Purple beyond the cell's median at the model's size: a baseline without a model, fitted to nothing."""
    return lambda cells, _: {"colour, no model": colour_maps(squares(cells, size))}


def by_chance(size: int) -> Attribution:
    """A smooth random map that favours the centre of the picture and knows the cell from the background, no more."""
    reach = (np.arange(size) + 0.5) / size - 0.5
    centre = np.exp(-(reach[:, None] ** 2 + reach**2) / (2 * 0.25**2))

    def attribute(cells: Sequence[np.ndarray], seed: int) -> Maps:
        masks = cell_mask(from_uint8(torch.from_numpy(squares(cells, size)))).numpy()
        maps = []
        for cell, mask in zip(cells, masks, strict=True):
            noise = np.random.default_rng((content_seed(cell), seed)).standard_normal((size, size))
            maps.append(np.maximum(gaussian_filter(noise, size / 16), 0) * centre * mask)
        return {"random, centred": np.stack(maps)}

    return attribute
