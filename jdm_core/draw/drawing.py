"""Maps as a person sees them: colour over the gray cell, and what takes full colour, with its units."""

import numpy as np
import torch
from torch import Tensor

from jdm_core.draw import colours
from jdm_core.draw.maps import CHANGED, robust_scale
from jdm_core.images.pixels import from_uint8, luminance

SEEN = 0.15  # of a picture that a colour covers: less of it is not noticed
EVIDENCE_FLOOR = 0.05  # log-odds a 64th by 64th of the picture: a map nowhere above this does not take full colour


class Drawing:
    """Pictures of maps (S, S) over their cell (S, S, 3) uint8, drawn on the device of the model that made them."""

    def __init__(self, size: int, posterior_temperature: float, device: torch.device) -> None:
        self._device, self._temperature = device, posterior_temperature
        self._floor = EVIDENCE_FLOOR * posterior_temperature * (64 / size) ** 2

    @torch.inference_mode()
    def evidence(self, original: np.ndarray, evidence: np.ndarray, size: int = 512) -> np.ndarray:
        """Evidence (S, S) over its cell: a picture (size, size, 3) uint8, orange for the first label."""
        values = self._map(evidence)
        scale = self._evidence_scale(values)
        picture = colours.signed_overlay(self._image(original), values, scale, size, colours.EVIDENCE_STOPS)
        return picture[0].cpu().numpy()

    @torch.inference_mode()
    def evidence_layer(self, evidence: np.ndarray, size: int = 256) -> np.ndarray:
        """The colours of evidence (S, S) alone: (size, size, 4) uint8, the last how much they cover of the cell."""
        values = self._map(evidence)
        return colours.signed_layer(values, self._evidence_scale(values), size, colours.EVIDENCE_STOPS)[0].cpu().numpy()

    @torch.inference_mode()
    def speaks_for_first(self, evidence: np.ndarray) -> bool:
        """Whether evidence (S, S) that speaks for the first label is seen anywhere when it is drawn."""
        values = self._map(evidence)
        return bool((colours.cover((values / self._evidence_scale(values)).clamp(0, 1)) > SEEN).any())

    @torch.inference_mode()
    def evidence_scale(self, evidence: np.ndarray) -> float:
        """What takes full colour when evidence (S, S) is drawn, as log-odds of the posterior a pixel."""
        return float(self._evidence_scale(self._map(evidence))) / self._temperature

    @torch.inference_mode()
    def difference(
        self,
        original: np.ndarray,
        difference: np.ndarray,
        size: int = 512,
        threshold: float = 0.0,
        opacity: float = colours.OPACITY,
        outline: bool = False,
    ) -> np.ndarray:
        """Signed change (S, S, 3) over its cell: a picture (size, size, 3) uint8, green: brighter, purple: darker.

        Changes of luminance below `threshold` (0 to 1) are left out; an outline surrounds what changed visibly.
        """
        values = self._luminance(difference)
        shown = values * (values.abs() >= threshold)
        scale = _difference_scale(values)
        picture = colours.signed_overlay(self._image(original), shown, scale, size, colours.CHANGE_STOPS, opacity)
        if outline:
            moved = self._map(np.abs(difference).max(axis=2))
            picture = colours.outlined(picture, moved > max(CHANGED, threshold))
        return picture[0].cpu().numpy()

    @torch.inference_mode()
    def difference_layer(
        self, difference: np.ndarray, size: int = 256, threshold: float = 0.0, outline: bool = False
    ) -> np.ndarray:
        """The colours of `difference` alone: (size, size, 4) uint8, the last how much they cover of the cell."""
        values = self._luminance(difference)
        shown = values * (values.abs() >= threshold)
        layer = colours.signed_layer(shown, _difference_scale(values), size, colours.CHANGE_STOPS)
        if outline:
            moved = self._map(np.abs(difference).max(axis=2))
            layer = colours.outlined(layer, moved > max(CHANGED, threshold), width=1)
        return layer[0].cpu().numpy()

    @torch.inference_mode()
    def difference_scale(self, difference: np.ndarray) -> float:
        """What takes full colour when a change (S, S, 3) is drawn, in luminance from 0 to 1."""
        return float(_difference_scale(self._luminance(difference)))

    @torch.inference_mode()
    def saliency(self, original: np.ndarray, saliency: np.ndarray, size: int = 512) -> np.ndarray:
        """Saliency (S, S) over its cell: a picture (size, size, 3) uint8, yellow where it is strongest."""
        values = self._map(saliency)
        picture = colours.magnitude_overlay(self._image(original), values, robust_scale(values), size)
        return picture[0].cpu().numpy()

    def _evidence_scale(self, values: Tensor) -> Tensor:
        return robust_scale(values).clamp(min=self._floor)

    def _image(self, original: np.ndarray) -> Tensor:
        return from_uint8(torch.from_numpy(original[None]).to(self._device))

    def _map(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(values)[None].float().to(self._device)

    def _luminance(self, difference: np.ndarray) -> Tensor:
        return luminance(self._map(difference).permute(0, 3, 1, 2))


def _difference_scale(values: Tensor) -> Tensor:
    return robust_scale(values).clamp(min=CHANGED)


def change_pictures(original: np.ndarray, difference: np.ndarray) -> np.ndarray:
    """Signed changes (B, S, S, 3) over their cells (B, S, S, 3) uint8, all at the model's size: such pictures."""
    values = luminance(torch.from_numpy(difference).permute(0, 3, 1, 2))
    images = from_uint8(torch.from_numpy(original))
    scale = _difference_scale(values)
    return colours.signed_overlay(images, values, scale, images.shape[-1], colours.CHANGE_STOPS).numpy()
