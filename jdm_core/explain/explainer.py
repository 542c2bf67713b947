"""The façade that the page, the command line and batch jobs use: images in, numbers and pictures out."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from jdm_core.checkpoint.entry import Checkpoint
from jdm_core.checkpoint.familiarity import measure_traits
from jdm_core.checkpoint.kinds import kinds_of
from jdm_core.checkpoint.manifest import DEFAULT_CHECKPOINT, MANIFEST, load_checkpoint, locate
from jdm_core.checkpoint.pretrained import load_pretrained, save_pretrained
from jdm_core.draw.drawing import Drawing
from jdm_core.draw.maps import smooth_keeping_sum
from jdm_core.explain import likelihood
from jdm_core.explain.bound import elbo_of_errors
from jdm_core.explain.edit import EditSettings, Strength, settings_for
from jdm_core.explain.fields import FIELD_DRAWS, read_field
from jdm_core.explain.matching import AS_GIVEN, MATCHED, ColourChoice, Sight, chosen_map, colours_of, look_at
from jdm_core.explain.results import Counterfactual, ElboResult, Frame, Prediction, merge
from jdm_core.explain.saliency import logit_gradient, saliency_map
from jdm_core.explain.search import Search
from jdm_core.explain.verdicts import Batch, Verdicts
from jdm_core.field.results import Field
from jdm_core.images.colours import Colours
from jdm_core.images.inputs import ImageLike, read_image, read_images
from jdm_core.images.pixels import to_uint8
from jdm_core.model.device import choose_device
from jdm_core.model.network import JointDiffusionNetwork

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
        self.edit: EditSettings = settings_for(checkpoint.architecture)

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
    def predict(self, images: ImageLike | Sequence[ImageLike], colours: ColourChoice = AS_GIVEN) -> Prediction:
        """Calibrated class probabilities of the head, and whether the model knows such images, by their own colours.

        With `colours` "matched", verdicts, scores and edits are those of the cells in the training cells' colours; the
        images of a call are one batch, and colours that were measured of a larger one (`measure_colours`) serve as
        well. One encoder pass an image serves both, and two where colours are matched. Raises CellImageError, and
        ValueError where the checkpoint does not know the colours of its training cells.
        """
        return merge([self._predict(sight) for sight in self._sights(images, 0, colours)])

    def measure_colours(self, images: ImageLike | Sequence[ImageLike]) -> Colours | None:
        """The colours that the cells of a batch have in common; None of pictures that are black. Raises CellImageError.

        More than some thirty cells add little.
        """
        return colours_of(self.verdicts, read_images(images, self.finds_cells))

    @torch.inference_mode()
    def elbo(
        self,
        images: ImageLike | Sequence[ImageLike],
        draws: int = likelihood.ELBO_DRAWS,
        seed: int = 0,
        colours: ColourChoice = AS_GIVEN,
    ) -> ElboResult:
        """ELBO, posterior and evidence from `draws` stratified draws each. Raises CellImageError, ValueError.

        Two sets of draws: over λ up to the checkpoint's `elbo_logsnr_max` for the bound, over the window for posterior
        and evidence; 2·draws encoder passes and 2·K·draws decoder passes an image. An image's noise follows from its
        pixels and seed.
        """
        if draws < 3:
            raise ValueError(f"draws: {draws}, where a standard error needs at least 3")
        return merge([self._elbo(sight.seen, draws) for sight in self._sights(images, seed, colours)])

    @torch.inference_mode()
    def posterior(
        self,
        images: ImageLike | Sequence[ImageLike],
        draws: int = likelihood.POSTERIOR_DRAWS,
        seed: int = 0,
        colours: ColourChoice = AS_GIVEN,
    ) -> np.ndarray:
        """The calibrated posterior (B, K) of the scores alone: half the passes of `elbo`, the same numbers."""
        batches = (sight.seen for sight in self._sights(images, seed, colours))
        return torch.cat([self.verdicts.posterior(batch.x, batch.seeds, draws).cpu() for batch in batches]).numpy()

    def counterfactual(
        self,
        images: ImageLike | Sequence[ImageLike],
        target: str | Sequence[str] | None = None,
        seed: int = 0,
        strength: Strength | None = None,
        colours: ColourChoice = AS_GIVEN,
        variants: int | None = None,
    ) -> Counterfactual:
        """The mildest edit in reach that turns each image to `target` (a label, one an image, or None: the other).

        An image that the head already takes for its target stays as it is, and `flipped` is false. With `variants` the
        search goes on for so many different edits, and reads the curve of both verdicts on the way to the first. With a
        `strength` the edits are of this one strength, and nothing is searched. Where `colours` are matched, pictures
        come back in the images' own: what is untouched is the same to the last bit. Raises CellImageError, ValueError.
        """
        parts = []
        for begin, sight in zip(count(0, CHUNK), self._sights(images, seed, colours), strict=False):
            wanted = target if target is None or isinstance(target, str) else target[begin : begin + CHUNK]
            *_, last = self._frames(sight, wanted, seed, strength, variants)
            parts.append(last.result)
        return merge(parts)

    def stream(
        self,
        image: ImageLike,
        target: str | None = None,
        seed: int = 0,
        strength: Strength | None = None,
        colours: ColourChoice = AS_GIVEN,
        variants: int | None = None,
    ) -> Generator[Frame, None, None]:
        """The frames of one edit as they come; the last one carries the result. Closing the iterator stops the work."""
        (sight,) = self._sights([image], seed, colours)
        yield from self._frames(sight, target, seed, strength, variants)

    def field(
        self, image: ImageLike, draws: int = FIELD_DRAWS, seed: int = 0, colours: ColourChoice = MATCHED
    ) -> Field:
        """The cells of a whole field, found, read and ranked. Raises CellImageError."""
        *_, last = self.stream_field(image, draws, seed, colours)
        return last

    def stream_field(
        self, image: ImageLike, draws: int = FIELD_DRAWS, seed: int = 0, colours: ColourChoice = MATCHED
    ) -> Generator[Field, None, None]:
        """A field as it is read: each result holds all that is known so far. Closing the iterator stops the work."""
        yield from read_field(self, read_image(image, False), draws, seed, colours)

    @torch.inference_mode()
    def saliency(self, images: ImageLike | Sequence[ImageLike], colours: ColourChoice = AS_GIVEN) -> np.ndarray:
        """Absolute gradient (B, S, S) of the logit of each image's predicted class. Raises CellImageError."""
        maps = []
        for sight in self._sights(images, 0, colours):
            x = sight.seen.x
            maps.append(saliency_map(logit_gradient(self.verdicts.logits, x, self.verdicts.logits(x).argmax(1))).cpu())
        return torch.cat(maps).numpy()

    def model_view(self, image: ImageLike) -> np.ndarray:
        """What the model sees of an image: its square, uint8 (S, S, 3)."""
        x = self.verdicts.tensor([read_image(image, self.finds_cells)])
        return to_uint8(x).expand(-1, -1, -1, 3)[0].cpu().numpy()

    def _sights(self, images: ImageLike | Sequence[ImageLike], seed: int, colours: ColourChoice) -> Iterator[Sight]:
        """Images as given and as seen, `CHUNK` at a time; all are read first."""
        cells, verdicts = read_images(images, self.finds_cells), self.verdicts
        chosen = chosen_map(colours, verdicts, cells, self.checkpoint.calibration.colours)
        for start in range(0, len(cells), CHUNK):
            yield look_at(verdicts, cells[start : start + CHUNK], seed, chosen)

    def _predict(self, sight: Sight) -> Prediction:
        x = sight.own.x
        z = self.network.encode_clean(x)
        known = self.checkpoint.calibration.familiarity
        if known is None:
            strange = np.full(len(x), np.nan, np.float32)
        else:
            strange = known.unfamiliarity(measure_traits(x, self.network.levels(z))).numpy()
        logits = self.network.classify(z) if sight.colours is None else self.verdicts.logits(sight.seen.x)
        probabilities = self.verdicts.probabilities(logits).cpu().numpy()
        kind = kinds_of(sight.own.cells, strange, self.checkpoint.calibration)
        return Prediction(self.labels, probabilities, strange, kind, self.checkpoint.thresholds.unsure_below)

    def _elbo(self, batch: Batch, draws: int) -> ElboResult:
        x = batch.x
        top = self.checkpoint.calibration.elbo_logsnr_max
        levels = likelihood.draw(batch.seeds, draws, x.shape[1:], top)
        errors, logsnr = likelihood.error_per_draw(self.network, x, levels), levels.logsnr.to(x.device)
        elbo, standard_error = elbo_of_errors(errors, logsnr, top)
        window = self.verdicts.scores(x, batch.seeds, draws)
        pair = likelihood.compared_classes(window.scores)
        of_pair = errors.gather(2, pair[:, None].expand(-1, draws, -1))
        difference, difference_error = elbo_of_errors(of_pair[:, :, :1] - of_pair[:, :, 1:], logsnr, top)
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
            elbo_logsnr_max=top,
        )

    def _frames(
        self,
        sight: Sight,
        target: str | Sequence[str] | None,
        seed: int,
        strength: Strength | None,
        variants: int | None,
    ) -> Iterator[Frame]:
        settings = self.edit if strength is None else replace(self.edit, ladder=(strength,), removing=())
        search = Search(self.network, self.verdicts, self.checkpoint.thresholds, self.labels)
        wanted = self._classes(target, len(sight.seen.cells))
        return map(sight.brought_back, search.frames(sight.seen, wanted, settings, seed, variants))

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
