"""The façade that the page, the command line and batch jobs use: images in, numbers and pictures out."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from jdm_core import elbo as scores
from jdm_core.cells import at_own_resolution, content_seed, from_uint8, read_cell, to_tensor, to_uint8
from jdm_core.checkpoints import MANIFEST, Checkpoint, choose_device, load_checkpoint, locate
from jdm_core.counterfactual import DEFAULT_EDIT, EditSettings, Strength
from jdm_core.drawing import Drawing
from jdm_core.familiarity import LIMIT, measure_traits
from jdm_core.finding import prepare
from jdm_core.heatmap import smooth_keeping_sum
from jdm_core.network import JointDiffusionNetwork
from jdm_core.pretrained import load_pretrained, save_pretrained
from jdm_core.results import Counterfactual, ElboResult, Frame, Prediction, merge
from jdm_core.saliency import logit_gradient, saliency_map
from jdm_core.search import Check, Found, result, search

ImageLike = str | Path | Image.Image | np.ndarray
CHUNK = 32  # images that pass through the network together
EVIDENCE_SMOOTHING = 1.5 / 64  # of the side: what two neighbours say apart from each other is mostly the noise drawn


class Explainer:
    """A checkpoint, ready to predict, score and edit cells. Same input, seed and device class: same numbers."""

    def __init__(self, network: JointDiffusionNetwork, checkpoint: Checkpoint, name: str, device: torch.device) -> None:
        self.network, self.checkpoint, self.name, self.device = network, checkpoint, name, device
        self.labels = checkpoint.labels
        self.size, self._channels = checkpoint.architecture.image_size, checkpoint.architecture.image_channels
        self.finds_cells = self._channels == 3  # on a bright ground; gray pictures are no cells, and read as given
        self.draw = Drawing(self.size, checkpoint.calibration.posterior_temperature, device)
        self.edit: EditSettings = replace(DEFAULT_EDIT, logsnr_shift=checkpoint.architecture.logsnr_shift)

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
    def from_pretrained(cls, source: str | Path, device: str = "auto", revision: str | None = None) -> "Explainer":
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
        """Calibrated class probabilities of the head, and whether the model knows such images. Raises CellImageError.

        One encoder pass an image serves both.
        """
        known = self.checkpoint.calibration.familiarity
        probabilities, unfamiliarity = [], []
        for x in self._tensor(self._read_all(images)).split(CHUNK):
            x = x.to(self.device)
            z = self.network.encode_clean(x)
            probabilities.append(self._calibrated(self.network.classify(z)).cpu())
            traits = measure_traits(x, self.network.levels(z))
            unfamiliarity.append(torch.full((len(x),), torch.nan) if known is None else known.unfamiliarity(traits))
        strange = torch.cat(unfamiliarity).numpy()
        return Prediction(self.labels, torch.cat(probabilities).numpy(), strange, ~(strange >= LIMIT))

    @torch.inference_mode()
    def elbo(self, images: ImageLike | Sequence[ImageLike], draws: int = 32, seed: int = 0) -> ElboResult:
        """ELBO, posterior and evidence from `draws` stratified draws each. Raises CellImageError, ValueError.

        Two sets of draws: over all of λ for the bound, over the window for posterior and evidence; 2·draws
        encoder passes and 2·K·draws decoder passes an image. An image's noise follows from its pixels and seed.
        """
        if draws < 3:
            raise ValueError(f"draws: {draws}, where a standard error needs at least 3")
        cells = self._read_all(images)
        parts = [self._elbo(cells[i : i + CHUNK], draws, seed) for i in range(0, len(cells), CHUNK)]
        merged = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        return ElboResult(labels=self.labels, draws=draws, **merged)

    @torch.inference_mode()
    def posterior(
        self, images: ImageLike | Sequence[ImageLike], draws: int = scores.POSTERIOR_DRAWS, seed: int = 0
    ) -> np.ndarray:
        """The calibrated posterior (B, K) of the scores alone: half the passes of `elbo`, the same numbers."""
        cells = self._read_all(images)
        parts = []
        for i in range(0, len(cells), CHUNK):
            x, seeds = self._tensor(cells[i : i + CHUNK]).to(self.device), _seeds(cells[i : i + CHUNK], seed)
            parts.append(self._posterior(self._window_scores(x, seeds, draws).scores).cpu())
        return torch.cat(parts).numpy()

    def counterfactual(
        self, images: ImageLike | Sequence[ImageLike], target: str | Sequence[str] | None = None, seed: int = 0,
        strength: Strength | None = None,
    ) -> Counterfactual:  # fmt: skip
        """The smallest edit in reach that turns each image to `target` (a label, one an image, or None: the other).

        An image that the head already takes for its target stays as it is, and `flipped` is false. With a
        `strength` the edit is that of this one strength, and nothing is searched. Raises CellImageError, ValueError.
        """
        cells = self._read_all(images)
        parts = []
        for i in range(0, len(cells), CHUNK):
            wanted = target if target is None or isinstance(target, str) else target[i : i + CHUNK]
            *_, last = self._edit(cells[i : i + CHUNK], wanted, seed, strength)
            parts.append(last)
        return merge(parts)

    def stream(
        self, image: ImageLike, target: str | None = None, seed: int = 0, strength: Strength | None = None
    ) -> Iterator[Frame]:
        """The frames of one edit as they come; the last one carries the result. Closing the iterator stops the work."""
        previous: Frame | None = None
        for item in self._edit([self._read(image)], target, seed, strength):
            if isinstance(item, Counterfactual):
                yield Frame(
                    item.images[0], previous.attempt if previous else 0,
                    previous.attempts if previous else len(self.edit.ladder),
                    previous.steps if previous else 0, previous.steps if previous else 0,
                    item.settings["guidance"][0], item,
                )  # fmt: skip
            else:
                previous = item
                yield item

    @torch.inference_mode()
    def saliency(self, images: ImageLike | Sequence[ImageLike]) -> np.ndarray:
        """Absolute gradient (B, S, S) of the logit of each image's predicted class. Raises CellImageError."""
        x = self._tensor(self._read_all(images))
        maps = []
        for part in x.split(CHUNK):
            part = part.to(self.device)
            gradient = logit_gradient(self._logits, part, self._logits(part).argmax(1))
            maps.append(saliency_map(gradient).cpu())
        return torch.cat(maps).numpy()

    def model_view(self, image: ImageLike) -> np.ndarray:
        """What the model sees of an image: its square, uint8 (S, S, 3)."""
        return to_uint8(self._tensor([self._read(image)])).expand(-1, -1, -1, 3)[0].numpy()

    def _read(self, image: ImageLike) -> np.ndarray:
        """The cell of a file or a PIL image, found and put on black; an array, gray or RGB, is taken as it is."""
        if not isinstance(image, np.ndarray):
            return prepare(image, find=self.finds_cells).cell
        gray = image.ndim == 2 or image.shape[2:] == (1,)
        return read_cell(np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2) if gray else image)

    def _read_all(self, images: ImageLike | Sequence[ImageLike]) -> list[np.ndarray]:
        """Cells of one image or a sequence of them; at least one."""
        if isinstance(images, str | Path | Image.Image) or (isinstance(images, np.ndarray) and images.ndim <= 3):
            images = [images]
        cells = [self._read(image) for image in images]
        if not cells:
            raise ValueError("images: none given")
        return cells

    def _tensor(self, cells: Sequence[np.ndarray]) -> Tensor:
        """The model's input of cells, rounded to the 8 bits in which it is shown and in which training saw it."""
        return from_uint8(to_uint8(to_tensor(cells, self.size, self._channels)))

    def _probabilities(self, x: Tensor) -> Tensor:
        return self._calibrated(self._logits(x))

    def _calibrated(self, logits: Tensor) -> Tensor:
        return (logits / self.checkpoint.calibration.temperature).softmax(dim=1)

    def _logits(self, x: Tensor) -> Tensor:
        return self.network.classify(self.network.encode_clean(x))

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
        window = self._window_scores(x, seeds, draws)
        pair = scores.compared_classes(window.scores)
        of_pair = errors.gather(2, pair[:, None].expand(-1, draws, -1))
        difference, difference_error = scores.elbo_of_errors(of_pair[:, :, :1] - of_pair[:, :, 1:])
        evidence = smooth_keeping_sum(window.evidence(pair[:, 0], pair[:, 1]), EVIDENCE_SMOOTHING * self.size)
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
        self, cells: Sequence[np.ndarray], target_name: str | Sequence[str] | None, seed: int,
        strength: Strength | None,
    ) -> Iterator[Frame | Counterfactual]:  # fmt: skip
        """Frames of the first image of the batch, then the result of all."""
        x, seeds = self._tensor(cells).to(self.device), _seeds(cells, seed)
        settings = self.edit if strength is None else replace(self.edit, ladder=(strength,))
        before = self._probabilities(x)
        source, target = before.argmax(1), self._targets(before.argmax(1), target_name)
        found = Found.unedited(x, before, torch.empty_like(before))
        stays = (source == target).nonzero().flatten()
        if len(stays):
            found.posterior[stays] = self._check_posterior(x[stays], [seeds[i] for i in stays.tolist()])

        def check(rows: Tensor, edited: Tensor, last: bool) -> Check:
            index = rows.tolist()
            own = [cells[i] for i in index], x[rows], [seeds[i] for i in index]
            return self._check(*own, edited, target[rows], last)

        yield from search(self.network, x, source, target, settings, found, check)
        yield result(self.labels, cells, x, target, found, settings, seed)

    def _check(
        self, cells: Sequence[np.ndarray], x: Tensor, seeds: Sequence[int], edited: Tensor, target: Tensor,
        last: bool,
    ) -> Check:  # fmt: skip
        """Judges edits (n, S, S, 3) uint8 of x (n, C, S, S) by head, at both resolutions, and posterior.

        The posterior takes most of the passes: before the last strength only those are asked for it that the head
        lets pass.
        """
        signed, n = from_uint8(edited), len(x)
        difference = ((signed - x).permute(0, 2, 3, 1)).cpu().numpy()
        shown = [at_own_resolution(cell, difference[i]) for i, cell in enumerate(cells)]
        probabilities = self._probabilities(torch.cat([signed, self._tensor(shown).to(self.device)]))
        wanted, thresholds = target[:, None], self.checkpoint.thresholds
        head = torch.minimum(probabilities[:n].gather(1, wanted), probabilities[n:].gather(1, wanted))[:, 0]
        turned = head >= thresholds["flip_head"]
        posterior = torch.full_like(probabilities[:n], torch.nan)
        asked = (turned | last).nonzero().flatten()
        if len(asked):
            posterior[asked] = self._check_posterior(signed[asked], [seeds[i] for i in asked.tolist()])
        flipped = turned & (posterior.gather(1, wanted)[:, 0] >= thresholds["flip_posterior"])
        return Check(probabilities[:n], posterior, flipped)

    def _check_posterior(self, x: Tensor, seeds: Sequence[int]) -> Tensor:
        return self._posterior(self._window_scores(x, seeds, scores.POSTERIOR_DRAWS).scores)


def _seeds(cells: Sequence[np.ndarray], seed: int) -> list[int]:
    """A seed for each cell from its pixels and the caller's seed, so that a batch gives what single images give."""
    return [(content_seed(cell) + seed * 0x9E3779B97F4A7C15) % 2**63 for cell in cells]
