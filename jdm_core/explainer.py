"""The façade that the page, the command line and batch jobs use: images in, numbers and pictures out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from jdm_core import elbo as scores
from jdm_core import heatmap
from jdm_core.cells import at_own_resolution, cell_mask, content_seed, from_uint8, read_cell, to_tensor, to_uint8
from jdm_core.checkpoints import MANIFEST, Checkpoint, choose_device, load_checkpoint, locate
from jdm_core.counterfactual import DEFAULT_EDIT, EditSettings, decode_edit, invert
from jdm_core.diffusion import LOGSNR_MAX
from jdm_core.network import JointDiffusionNetwork
from jdm_core.pretrained import load_pretrained, save_pretrained
from jdm_core.results import Counterfactual, ElboResult, Frame, Prediction

ImageLike = str | Path | Image.Image | np.ndarray
CHUNK = 32  # images that pass through the network together
CHECK_DRAWS = 16  # draws behind the posterior of an edit
CHANGED = 10 / 255  # a pixel counts as changed beyond this, in any channel
EVIDENCE_FLOOR = 0.05  # log-odds a pixel: a map that nowhere exceeds this does not take full colour
EVIDENCE_BLUR = 1.0  # pixels; for the picture alone, the numbers stay as they are


@dataclass
class _Search:
    """The edits of a batch while the search for the weakest strength goes on."""

    images: Tensor  # (B, S, S, 3) uint8
    probabilities: Tensor
    posterior: Tensor
    flipped: Tensor
    strength: list[int]  # index into the ladder, -1 where nothing was done
    steps_decoded: list[int]


class Explainer:
    """A checkpoint, ready to predict, score and edit cells. Same input, seed and device class: same numbers."""

    def __init__(self, network: JointDiffusionNetwork, checkpoint: Checkpoint, name: str, device: torch.device) -> None:
        self.network, self.checkpoint, self.name, self.device = network, checkpoint, name, device
        self.labels = checkpoint.labels
        self.size = checkpoint.architecture.image_size
        self.edit: EditSettings = DEFAULT_EDIT

    @classmethod
    def load(cls, name: str = "malaria-64", device: str = "auto", manifest: Path = MANIFEST) -> "Explainer":
        """The explainer of a manifest entry, or of a folder with a manifest of one; "auto" takes cuda, mps or cpu.

        Raises CheckpointError, ValueError.
        """
        chosen = choose_device(device)
        name, manifest = locate(name, manifest)
        network, checkpoint = load_checkpoint(name, chosen, manifest)
        return cls(network, checkpoint, name, chosen)

    @classmethod
    def from_pretrained(
        cls, source: str | Path, device: str = "auto", revision: str | None = None
    ) -> "Explainer":
        """The explainer of a saved folder, or of "owner/name" on the Hugging Face hub at a branch, tag or commit.

        Raises CheckpointError, ValueError.
        """
        chosen = choose_device(device)
        network, checkpoint, name = load_pretrained(source, chosen, revision)
        return cls(network, checkpoint, name, chosen)

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes config.json, model.safetensors and a model card, README.md, which the hub takes as they are.

        A card that is there stays. Raises CheckpointError for weights that fp16 cannot hold, OSError.
        """
        save_pretrained(self.network, self.checkpoint, self.name, Path(folder))

    @property
    def sha256(self) -> str:
        """Digest of the weights file."""
        return self.checkpoint.files[0].sha256

    @torch.inference_mode()
    def predict(self, images: ImageLike | Sequence[ImageLike]) -> Prediction:
        """Calibrated class probabilities of the head; one encoder pass an image. Raises CellImageError."""
        x = self._tensor(_read_all(images))
        parts = [self._probabilities(x[i : i + CHUNK].to(self.device)).cpu() for i in range(0, len(x), CHUNK)]
        return Prediction(self.labels, torch.cat(parts).numpy())

    @torch.inference_mode()
    def elbo(self, images: ImageLike | Sequence[ImageLike], draws: int = 32, seed: int = 0) -> ElboResult:
        """ELBO, posterior and evidence from `draws` stratified draws each. Raises CellImageError, ValueError.

        Two sets of draws: over all of λ for the bound, over the window for posterior and evidence; 2·draws
        encoder passes and 2·K·draws decoder passes an image. An image's noise follows from its pixels and seed.
        """
        if draws < 3:
            raise ValueError(f"draws: {draws}, where a standard error needs at least 3")
        cells = _read_all(images)
        parts = [self._elbo(cells[i : i + CHUNK], draws, seed) for i in range(0, len(cells), CHUNK)]
        merged = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        return ElboResult(labels=self.labels, draws=draws, **merged)

    @torch.inference_mode()
    def posterior(self, images: ImageLike | Sequence[ImageLike], draws: int = 16, seed: int = 0) -> np.ndarray:
        """The calibrated posterior (B, K) of the scores alone: half the passes of `elbo`, the same numbers."""
        cells = _read_all(images)
        parts = []
        for i in range(0, len(cells), CHUNK):
            x, seeds = self._tensor(cells[i : i + CHUNK]).to(self.device), _seeds(cells[i : i + CHUNK], seed)
            parts.append(self._posterior(self._window_scores(x, seeds, draws).scores).cpu())
        return torch.cat(parts).numpy()

    def counterfactual(
        self, images: ImageLike | Sequence[ImageLike], target: str | Sequence[str] | None = None, seed: int = 0
    ) -> Counterfactual:
        """The smallest edit in reach that turns each image to `target` (a label, one an image, or None: the other).

        An image that the head already takes for its target stays as it is, and `flipped` is false. Raises
        CellImageError, ValueError.
        """
        cells = _read_all(images)
        parts = []
        for i in range(0, len(cells), CHUNK):
            wanted = target if target is None or isinstance(target, str) else target[i : i + CHUNK]
            *_, last = self._edit(cells[i : i + CHUNK], wanted, seed)
            parts.append(last)
        return _merge(parts)

    def stream(self, image: ImageLike, target: str | None = None, seed: int = 0) -> Iterator[Frame]:
        """The frames of one edit as they come; the last one carries the result. Closing the iterator stops the work."""
        previous: Frame | None = None
        for item in self._edit([read_cell(image)], target, seed):
            if isinstance(item, Counterfactual):
                yield Frame(
                    item.images[0], previous.attempt if previous else 0, len(self.edit.ladder),
                    previous.steps if previous else 0, previous.steps if previous else 0,
                    item.settings["guidance"][0], item,
                )  # fmt: skip
            else:
                previous = item
                yield item

    @torch.inference_mode()
    def draw_evidence(self, original: np.ndarray, evidence: np.ndarray, size: int = 512) -> np.ndarray:
        """Evidence (S, S) over its cell (S, S, 3) uint8: a picture (size, size, 3), orange for the first label."""
        values = heatmap.smooth(torch.from_numpy(evidence)[None].float().to(self.device), EVIDENCE_BLUR)
        floor = EVIDENCE_FLOOR * self.checkpoint.calibration.posterior_temperature
        return self._overlay(original, values, heatmap.robust_scale(values).clamp(min=floor), size)

    @torch.inference_mode()
    def draw_difference(self, original: np.ndarray, difference: np.ndarray, size: int = 512) -> np.ndarray:
        """Signed change (S, S, 3) over its cell: a picture (size, size, 3) uint8, blue where the edit is darker."""
        values = self._difference_map(difference[None])
        return self._overlay(original, values, heatmap.robust_scale(values).clamp(min=CHANGED), size)

    def model_view(self, image: ImageLike) -> np.ndarray:
        """What the model sees of an image: its square, uint8 (S, S, 3)."""
        return to_uint8(self._tensor([read_cell(image)]))[0].numpy()

    def _overlay(self, original: np.ndarray, values: Tensor, scale: Tensor, size: int) -> np.ndarray:
        x = from_uint8(torch.from_numpy(original[None]).to(self.device))
        return heatmap.signed_overlay(x, values, scale, size)[0].cpu().numpy()

    def _difference_map(self, difference: np.ndarray) -> Tensor:
        return heatmap.difference_map(torch.from_numpy(difference).float().permute(0, 3, 1, 2).to(self.device))

    def _tensor(self, cells: Sequence[np.ndarray]) -> Tensor:
        """The model's input of cells, rounded to the 8 bits in which it is shown and in which training saw it."""
        return from_uint8(to_uint8(to_tensor(cells, self.size)))

    def _probabilities(self, x: Tensor) -> Tensor:
        logits = self.network.classify(self.network.encode(x, torch.full((len(x),), LOGSNR_MAX, device=x.device)))
        return (logits / self.checkpoint.calibration.temperature).softmax(dim=1)

    def _window_scores(self, x: Tensor, seeds: Sequence[int], draws: int) -> scores.WindowScores:
        window = self.checkpoint.calibration.window
        return scores.window_scores(self.network, x, scores.draw(seeds, draws, x.shape[1:], window), window)

    def _posterior(self, window_scores: Tensor) -> Tensor:
        calibration = self.checkpoint.calibration
        return scores.posterior(window_scores, calibration.posterior_temperature, calibration.posterior_bias)

    def _elbo(self, cells: Sequence[np.ndarray], draws: int, seed: int) -> dict[str, np.ndarray]:
        x, seeds = self._tensor(cells).to(self.device), _seeds(cells, seed)
        errors = scores.error_per_draw(self.network, x, scores.draw(seeds, draws, x.shape[1:]))
        elbo, standard_error = scores.elbo_of_errors(errors)
        difference, difference_error = scores.elbo_of_errors(errors[:, :, :1] - errors[:, :, 1:2])
        window = self._window_scores(x, seeds, draws)
        evidence = window.evidence(0, 1)
        values = {
            "elbo": elbo, "standard_error": standard_error,
            "difference": difference[:, 0], "difference_standard_error": difference_error[:, 0],
            "posterior": self._posterior(window.scores), "evidence": evidence,
            "score_difference": evidence.sum(dim=(1, 2)),
        }  # fmt: skip
        return {key: value.cpu().numpy() for key, value in values.items()}

    def _targets(self, predicted: Tensor, target: str | Sequence[str] | None) -> Tensor:
        if target is None:
            if len(self.labels) != 2:
                raise ValueError("target: must be named with more than two classes")
            return 1 - predicted
        names = [target] * len(predicted) if isinstance(target, str) else list(target)
        if len(names) != len(predicted) or any(name not in self.labels for name in names):
            raise ValueError(f"target: {target!r}, where one of {', '.join(self.labels)} is expected for each image")
        return torch.tensor([self.labels.index(name) for name in names], device=predicted.device)

    @torch.inference_mode()
    def _edit(
        self, cells: Sequence[np.ndarray], target_name: str | Sequence[str] | None, seed: int
    ) -> Iterator[Frame | Counterfactual]:
        """Frames of the first image of the batch, then the result of all.

        Inverts once, then decodes with one strength after the other, each time only the images that no weaker
        one has flipped.
        """
        x, seeds, settings = self._tensor(cells).to(self.device), _seeds(cells, seed), self.edit
        before = self._probabilities(x)
        target = self._targets(before.argmax(1), target_name)
        source = before.argmax(1)
        search = _Search(
            to_uint8(x), before, torch.empty_like(before), torch.zeros_like(source, dtype=torch.bool),
            [-1] * len(x), [0] * len(x),
        )  # fmt: skip
        stays = (source == target).nonzero().flatten()
        if len(stays):
            unedited = self._window_scores(x[stays], [seeds[i] for i in stays.tolist()], CHECK_DRAWS)
            search.posterior[stays] = self._posterior(unedited.scores)
        to_edit = open_ = (source != target).nonzero().flatten()
        if len(to_edit):
            inversion = invert(self.network, x[to_edit], source[to_edit], settings.logsnr(x.device))
        for attempt, strength in enumerate(settings.ladder):
            if len(open_) == 0:
                break
            rows = torch.isin(to_edit, open_)
            for step, edited in enumerate(
                decode_edit(self.network, inversion.take(rows), target[open_], strength), start=1
            ):
                yield Frame(
                    to_uint8(edited[:1])[0].cpu().numpy(), attempt + 1, len(settings.ladder), step, strength.start,
                    strength.guidance,
                )  # fmt: skip
            self._check(search, cells, x, seeds, open_, to_uint8(edited), target, attempt)
            open_ = open_[~search.flipped[open_]]
        yield self._result(cells, x, target, search, seed)

    def _check(
        self, search: _Search, cells: Sequence[np.ndarray], x: Tensor, seeds: Sequence[int], rows: Tensor,
        edited: Tensor, target: Tensor, attempt: int,
    ) -> None:  # fmt: skip
        """Judges edits (n, S, S, 3) uint8 of some rows by head, at both resolutions, and posterior; keeps them."""
        index = rows.tolist()
        signed = from_uint8(edited)
        difference = ((signed - x[rows]).permute(0, 2, 3, 1)).cpu().numpy()
        shown = [at_own_resolution(cells[i], difference[k]) for k, i in enumerate(index)]
        n = len(index)
        probabilities = self._probabilities(torch.cat([signed, self._tensor(shown).to(self.device)]))
        posterior = self._posterior(
            self._window_scores(signed, [seeds[i] for i in index], CHECK_DRAWS).scores
        )
        wanted = target[rows, None]
        head = torch.minimum(probabilities[:n].gather(1, wanted), probabilities[n:].gather(1, wanted))[:, 0]
        thresholds = self.checkpoint.thresholds
        search.images[rows], search.probabilities[rows], search.posterior[rows] = edited, probabilities[:n], posterior
        search.flipped[rows] = (head >= thresholds["flip_head"]) & (
            posterior.gather(1, wanted)[:, 0] >= thresholds["flip_posterior"]
        )
        for i in index:
            search.strength[i] = attempt
            search.steps_decoded[i] += self.edit.ladder[attempt].start

    def _result(
        self, cells: Sequence[np.ndarray], x: Tensor, target: Tensor, search: _Search, seed: int
    ) -> Counterfactual:
        original, edited = to_uint8(x), search.images
        difference = (edited.float() - original.float()) / 255
        mask = cell_mask(x)
        changed = ((difference.abs().amax(3) > CHANGED) & mask).sum((1, 2)) / mask.sum((1, 2)).clamp(min=1)
        values = heatmap.difference_map(difference.permute(0, 3, 1, 2))
        picture = heatmap.signed_overlay(x, values, heatmap.robust_scale(values).clamp(min=CHANGED), self.size)
        moved = difference.cpu().numpy()
        ladder = self.edit.ladder
        done = [ladder[k] if k >= 0 else None for k in search.strength]
        times = [s.start / self.edit.steps * self.edit.time if s else 0.0 for s in done]
        settings = {
            "seed": seed, "steps": self.edit.steps, "inversion_time": self.edit.time,
            "guidance": [s.guidance if s else 0.0 for s in done], "start_time": [round(t, 4) for t in times],
            "attempts": [k + 1 for k in search.strength], "decoded_steps": search.steps_decoded,
        }  # fmt: skip
        return Counterfactual(
            labels=self.labels, original=original.cpu().numpy(), images=edited.cpu().numpy(),
            target=target.cpu().numpy(), difference=moved, heatmap=picture.cpu().numpy(),
            full_resolution=[at_own_resolution(cell, 2 * moved[i]) for i, cell in enumerate(cells)],
            probabilities=search.probabilities.cpu().numpy(), posterior=search.posterior.cpu().numpy(),
            flipped=search.flipped.cpu().numpy(), changed_fraction=changed.cpu().numpy(), settings=settings,
        )  # fmt: skip


def _read_all(images: ImageLike | Sequence[ImageLike]) -> list[np.ndarray]:
    """Cells of one image or a sequence of them; at least one."""
    if isinstance(images, str | Path | Image.Image) or (isinstance(images, np.ndarray) and images.ndim == 3):
        images = [images]
    cells = [read_cell(image) for image in images]
    if not cells:
        raise ValueError("images: none given")
    return cells


def _seeds(cells: Sequence[np.ndarray], seed: int) -> list[int]:
    """A seed for each cell from its pixels and the caller's seed, so that a batch gives what single images give."""
    return [(content_seed(cell) + seed * 0x9E3779B97F4A7C15) % 2**63 for cell in cells]


def _merge(parts: Sequence[Counterfactual]) -> Counterfactual:
    """One result of consecutive ones."""
    merged: dict[str, Any] = {"labels": parts[0].labels}
    for key in vars(parts[0]).keys() - {"labels", "settings"}:
        values = [getattr(part, key) for part in parts]
        merged[key] = (
            np.concatenate(values) if isinstance(values[0], np.ndarray) else list(chain.from_iterable(values))
        )
    settings = {
        key: list(chain.from_iterable(part.settings[key] for part in parts)) if isinstance(value, list) else value
        for key, value in parts[0].settings.items()
    }
    return Counterfactual(settings=settings, **merged)
