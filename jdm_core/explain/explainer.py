"""The façade that the page, the command line and batch jobs use: images in, numbers and pictures out."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from jdm_core.checkpoint.entry import Checkpoint
from jdm_core.checkpoint.manifest import DEFAULT_CHECKPOINT, MANIFEST, load_checkpoint, locate
from jdm_core.checkpoint.pretrained import load_pretrained, save_pretrained
from jdm_core.draw.drawing import Drawing
from jdm_core.explain import likelihood
from jdm_core.explain.answers import predicted, scored
from jdm_core.explain.counterfactual.search import Search
from jdm_core.explain.edit import EditSettings, Strength, settings_for
from jdm_core.explain.fields import FIELD_DRAWS, FieldReader
from jdm_core.explain.matching import AS_GIVEN, AS_NEEDED, MATCHED, ColourChoice, Sight, colours_of, look_at, sources
from jdm_core.explain.results import Counterfactual, ElboResult, Frame, Prediction, merge
from jdm_core.explain.saliency import logit_gradient, saliency_map
from jdm_core.explain.verdicts import Verdicts
from jdm_core.field.results import Field
from jdm_core.images.colours import Colours
from jdm_core.images.inputs import ImageLike, read_field, read_image, read_images
from jdm_core.images.pixels import to_uint8
from jdm_core.model.device import choose_device
from jdm_core.model.network import JointDiffusionNetwork

CHUNK = 32  # images that pass through the network together


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
    def predict(self, images: ImageLike | Sequence[ImageLike], colours: ColourChoice = AS_NEEDED) -> Prediction:
        """Calibrated class probabilities of the head, and whether the model knows such images, by their own colours.

        Verdicts, scores and edits are those of the cells as `colours` says: "as needed", in the training cells' colours
        where a cell's own are far darker, each by itself; "as given"; or "matched", all in the training cells',
        where the images of a call are one batch, and colours that were measured of a larger one (`measure_colours`)
        serve as well. One encoder pass an image serves both, and two where its colours are matched. Raises
        CellImageError, and ValueError where all are to be matched and the checkpoint does not know its own colours.
        """
        parts = (self.network, self.verdicts, self.checkpoint)
        return merge([predicted(*parts, sight) for sight in self._sights(images, 0, colours)])

    def measure_colours(self, images: ImageLike | Sequence[ImageLike]) -> Colours | None:
        """The colours that the cells of a batch have in common; None of pictures that are black. Raises CellImageError.

        More than some thirty cells add little.
        """
        return colours_of(self.verdicts, read_images(images, self.finds_cells))

    def seen_in(self, image: ImageLike, colours: ColourChoice = AS_NEEDED) -> ColourChoice:
        """What a choice is for an image: "as given", or the colours that it is matched from. Raises as `predict`."""
        cells = read_images(image, self.finds_cells)
        return sources(colours, self.verdicts, cells, self.checkpoint.calibration.colours)[0] or AS_GIVEN

    @torch.inference_mode()
    def elbo(
        self,
        images: ImageLike | Sequence[ImageLike],
        draws: int = likelihood.ELBO_DRAWS,
        seed: int = 0,
        colours: ColourChoice = AS_NEEDED,
    ) -> ElboResult:
        """ELBO, posterior and evidence from `draws` stratified draws each. Raises CellImageError, ValueError.

        Two sets of draws: over λ up to the checkpoint's `elbo_logsnr_max` for the bound, over the window for posterior
        and evidence; 2·draws encoder passes and 2·K·draws decoder passes an image. An image's noise follows from its
        pixels and seed.
        """
        if draws < 3:
            raise ValueError(f"draws: {draws}, where a standard error needs at least 3")
        parts = (self.network, self.verdicts, self.checkpoint)
        return merge([scored(*parts, sight.seen, draws) for sight in self._sights(images, seed, colours)])

    @torch.inference_mode()
    def posterior(
        self,
        images: ImageLike | Sequence[ImageLike],
        draws: int = likelihood.POSTERIOR_DRAWS,
        seed: int = 0,
        colours: ColourChoice = AS_NEEDED,
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
        colours: ColourChoice = AS_NEEDED,
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
        colours: ColourChoice = AS_NEEDED,
        variants: int | None = None,
    ) -> Generator[Frame, None, None]:
        """The frames of one edit as they come; the last one carries the result. Closing the iterator stops the work."""
        (sight,) = self._sights([image], seed, colours)
        yield from self._frames(sight, target, seed, strength, variants)

    def field(
        self, image: ImageLike, draws: int = FIELD_DRAWS, seed: int = 0, colours: ColourChoice = MATCHED
    ) -> Field:
        """The cells of a whole field: found, read by the classifier, and ranked, the most suspicious first.

        The likelihood is asked, with so many draws, of cells that are suspected or unsure. A picture that is no field
        whose cells can be counted is told so in `trouble`. Raises CellImageError, CheckpointError.
        """
        *_, last = self.stream_field(image, draws, seed, colours)
        return last

    def stream_field(
        self, image: ImageLike, draws: int = FIELD_DRAWS, seed: int = 0, colours: ColourChoice = MATCHED
    ) -> Generator[Field, None, None]:
        """A field as it is read: each result holds all that is known so far. Closing the iterator stops the work."""
        yield from FieldReader(self).read(read_field(image), draws, seed, colours)

    def field_with(self, image: ImageLike, field: Field, x: float, y: float) -> Field:
        """The field of an image with one cell more, at its end, that a person sees at a place in pixels of the image.

        Found, read and ranked as the others. Raises CellImageError, and ValueError for a place beyond the image.
        """
        return FieldReader(self).with_cell(read_field(image), field, x, y)

    def field_parted(self, image: ImageLike, field: Field, index: int) -> Field:
        """The field of an image with the cells of one clump, by its index, in its place, at the end. CellImageError."""
        return FieldReader(self).with_parts(read_field(image), field, index)

    @torch.inference_mode()
    def saliency(self, images: ImageLike | Sequence[ImageLike], colours: ColourChoice = AS_NEEDED) -> np.ndarray:
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
        ours = self.checkpoint.calibration.colours
        theirs = sources(colours, verdicts, cells, ours)
        for start in range(0, len(cells), CHUNK):
            part = slice(start, start + CHUNK)
            yield look_at(verdicts, cells[part], seed, theirs[part], ours)

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
