"""The façade that the page, the command line and batch jobs use: images in, numbers and pictures out."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from jdm_core.checkpoint.entry import Checkpoint
from jdm_core.checkpoint.familiarity import LIMIT, measure_traits
from jdm_core.checkpoint.manifest import DEFAULT_CHECKPOINT, MANIFEST, load_checkpoint, locate
from jdm_core.checkpoint.pretrained import load_pretrained, save_pretrained
from jdm_core.draw.drawing import Drawing
from jdm_core.draw.maps import smooth_keeping_sum
from jdm_core.explain import likelihood
from jdm_core.explain.edit import DEFAULT_EDIT, EditSettings, Strength
from jdm_core.explain.results import Counterfactual, ElboResult, Frame, Prediction, merge
from jdm_core.explain.saliency import logit_gradient, saliency_map
from jdm_core.explain.search import Search
from jdm_core.explain.verdicts import Batch, Verdicts
from jdm_core.images.find import prepare
from jdm_core.images.pixels import to_uint8
from jdm_core.images.read import read_cell
from jdm_core.model.device import choose_device
from jdm_core.model.network import JointDiffusionNetwork

ImageLike = str | Path | Image.Image | np.ndarray
CHUNK = 32  # images that pass through the network together
EVIDENCE_SMOOTHING = 1.5 / 64  # of the side: what two neighbours say apart from each other is mostly the noise drawn


class Explainer:
    """A checkpoint, ready to predict, score and edit cells. Same input, seed and device class: same numbers."""

    def __init__(self, network: JointDiffusionNetwork, checkpoint: Checkpoint, name: str, device: torch.device) -> None:
        self.network, self.checkpoint, self.name, self.device = network, checkpoint, name, device
        self.labels = checkpoint.labels
        self.size = checkpoint.architecture.image_size
        self.finds_cells = checkpoint.architecture.image_channels == 3  # gray pictures are no cells, and read as given
        self.draw = Drawing(self.size, checkpoint.calibration.posterior_temperature, device)
        self.edit: EditSettings = replace(DEFAULT_EDIT, logsnr_shift=checkpoint.architecture.logsnr_shift)

    @classmethod
    def load(cls, name: str = DEFAULT_CHECKPOINT, device: str = "auto", manifest: Path = MANIFEST) -> "Explainer":
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
    def verdicts(self) -> Verdicts:
        """Both verdicts on tensors, by the calibration that the checkpoint has now."""
        return Verdicts(self.network, self.checkpoint.calibration, self.device)

    @property
    def sha256(self) -> str:
        """Digest of the weights file."""
        return self.checkpoint.files[0].sha256

    @torch.inference_mode()
    def predict(self, images: ImageLike | Sequence[ImageLike]) -> Prediction:
        """Calibrated class probabilities of the head, and whether the model knows such images. Raises CellImageError.

        One encoder pass an image serves both.
        """
        return merge([self._predict(batch.x) for batch in self._batches(images)])

    @torch.inference_mode()
    def elbo(
        self, images: ImageLike | Sequence[ImageLike], draws: int = likelihood.ELBO_DRAWS, seed: int = 0
    ) -> ElboResult:
        """ELBO, posterior and evidence from `draws` stratified draws each. Raises CellImageError, ValueError.

        Two sets of draws: over all of λ for the bound, over the window for posterior and evidence; 2·draws
        encoder passes and 2·K·draws decoder passes an image. An image's noise follows from its pixels and seed.
        """
        if draws < 3:
            raise ValueError(f"draws: {draws}, where a standard error needs at least 3")
        return merge([self._elbo(batch, draws) for batch in self._batches(images, seed)])

    @torch.inference_mode()
    def posterior(
        self, images: ImageLike | Sequence[ImageLike], draws: int = likelihood.POSTERIOR_DRAWS, seed: int = 0
    ) -> np.ndarray:
        """The calibrated posterior (B, K) of the scores alone: half the passes of `elbo`, the same numbers."""
        batches = self._batches(images, seed)
        return torch.cat([self.verdicts.posterior(batch.x, batch.seeds, draws).cpu() for batch in batches]).numpy()

    def counterfactual(
        self,
        images: ImageLike | Sequence[ImageLike],
        target: str | Sequence[str] | None = None,
        seed: int = 0,
        strength: Strength | None = None,
    ) -> Counterfactual:
        """The smallest edit in reach that turns each image to `target` (a label, one an image, or None: the other).

        An image that the head already takes for its target stays as it is, and `flipped` is false. With a
        `strength` the edit is that of this one strength, and nothing is searched. Raises CellImageError, ValueError.
        """
        parts = []
        for begin, batch in zip(count(0, CHUNK), self._batches(images, seed), strict=False):
            wanted = target if target is None or isinstance(target, str) else target[begin : begin + CHUNK]
            *_, last = self._frames(batch, wanted, seed, strength)
            parts.append(last.result)
        return merge(parts)

    def stream(
        self, image: ImageLike, target: str | None = None, seed: int = 0, strength: Strength | None = None
    ) -> Generator[Frame, None, None]:
        """The frames of one edit as they come; the last one carries the result. Closing the iterator stops the work."""
        (batch,) = self._batches([image], seed)
        yield from self._frames(batch, target, seed, strength)

    @torch.inference_mode()
    def saliency(self, images: ImageLike | Sequence[ImageLike]) -> np.ndarray:
        """Absolute gradient (B, S, S) of the logit of each image's predicted class. Raises CellImageError."""
        maps = []
        for batch in self._batches(images):
            predicted = self.verdicts.logits(batch.x).argmax(1)
            maps.append(saliency_map(logit_gradient(self.verdicts.logits, batch.x, predicted)).cpu())
        return torch.cat(maps).numpy()

    def model_view(self, image: ImageLike) -> np.ndarray:
        """What the model sees of an image: its square, uint8 (S, S, 3)."""
        return to_uint8(self.verdicts.tensor([self._read(image)])).expand(-1, -1, -1, 3)[0].cpu().numpy()

    def _read(self, image: ImageLike) -> np.ndarray:
        """The cell of a file or a PIL image, found and put on black; an array, gray or RGB, is taken as it is."""
        if not isinstance(image, np.ndarray):
            return prepare(image, find=self.finds_cells).cell
        gray = image.ndim == 2 or image.shape[2:] == (1,)
        return read_cell(np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2) if gray else image)

    def _batches(self, images: ImageLike | Sequence[ImageLike], seed: int = 0) -> Iterator[Batch]:
        """Cells of one image or a sequence of them, all of which are read first; at least one."""
        if isinstance(images, str | Path | Image.Image) or (isinstance(images, np.ndarray) and images.ndim <= 3):
            images = [images]
        cells = [self._read(image) for image in images]
        if not cells:
            raise ValueError("images: none given")
        for start in range(0, len(cells), CHUNK):
            yield self.verdicts.batch(cells[start : start + CHUNK], seed)

    def _predict(self, x: Tensor) -> Prediction:
        z = self.network.encode_clean(x)
        probabilities = self.verdicts.probabilities(self.network.classify(z)).cpu().numpy()
        known = self.checkpoint.calibration.familiarity
        if known is None:
            strange = np.full(len(x), np.nan, np.float32)
        else:
            strange = known.unfamiliarity(measure_traits(x, self.network.levels(z))).numpy()
        return Prediction(self.labels, probabilities, strange, ~(strange >= LIMIT))

    def _elbo(self, batch: Batch, draws: int) -> ElboResult:
        x = batch.x
        errors = likelihood.error_per_draw(self.network, x, likelihood.draw(batch.seeds, draws, x.shape[1:]))
        elbo, standard_error = likelihood.elbo_of_errors(errors)
        window = self.verdicts.scores(x, batch.seeds, draws)
        pair = likelihood.compared_classes(window.scores)
        of_pair = errors.gather(2, pair[:, None].expand(-1, draws, -1))
        difference, difference_error = likelihood.elbo_of_errors(of_pair[:, :, :1] - of_pair[:, :, 1:])
        evidence = smooth_keeping_sum(window.evidence(pair[:, 0], pair[:, 1]), EVIDENCE_SMOOTHING * self.size)
        return ElboResult(
            labels=self.labels,
            elbo=elbo.cpu().numpy(),
            standard_error=standard_error.cpu().numpy(),
            difference=difference[:, 0].cpu().numpy(),
            difference_standard_error=difference_error[:, 0].cpu().numpy(),
            posterior=self.verdicts.posterior_of(window.scores).cpu().numpy(),
            evidence=evidence.cpu().numpy(),
            score_difference=evidence.sum(dim=(1, 2)).cpu().numpy(),
            draws=draws,
        )

    def _frames(
        self, batch: Batch, target: str | Sequence[str] | None, seed: int, strength: Strength | None
    ) -> Iterator[Frame]:
        settings = self.edit if strength is None else replace(self.edit, ladder=(strength,))
        search = Search(self.network, self.verdicts, self.checkpoint.thresholds, self.labels)
        return search.frames(batch, self._classes(target, len(batch.cells)), settings, seed)

    def _classes(self, target: str | Sequence[str] | None, images: int) -> Tensor | None:
        """The classes (B,) that labels name for so many images; None where the other of two is meant."""
        if target is None:
            if len(self.labels) != 2:
                raise ValueError("target: must be named with more than two classes")
            return None
        names = [target] * images if isinstance(target, str) else list(target)
        if len(names) != images or any(name not in self.labels for name in names):
            raise ValueError(f"target: {target!r}, where one of {', '.join(self.labels)} is expected for each image")
        return torch.tensor([self.labels.index(name) for name in names], device=self.device)
