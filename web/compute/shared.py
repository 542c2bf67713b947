"""One explainer for many users at once: one thread computes for all, and waiting classifications go together."""

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from jdm_core import Counterfactual, ElboResult, Explainer, Frame, Prediction
from jdm_core.explain.matching import AS_NEEDED, ColourChoice
from jdm_core.field.results import Field
from jdm_core.images.colours import Colours
from web.compute.thread import ComputeThread

TOGETHER = 32  # cells of several users that pass the network as one batch
PIECE = 4  # cells of a batch's likelihood between which others are let in: a second or two on two cores


class SharedExplainer:
    """An explainer whose computing methods may be called by many threads; whatever else it has is as it was.

    Errors of one user's image are raised to that user alone. A classification that passed the network with those of
    others differs from one that passed alone by rounding: less than 1e-5 in a probability. Scores and edits always pass
    alone, and are the same to the last bit.
    """

    def __init__(self, explainer: Explainer) -> None:
        self._explainer, self._thread = explainer, ComputeThread()
        self._waiting: deque[tuple[list[np.ndarray], Future[Prediction]]] = deque()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._explainer, name)

    def predict(self, images: np.ndarray | Sequence[np.ndarray], colours: ColourChoice = AS_NEEDED) -> Prediction:
        """`Explainer.predict` of pixels (H, W, 3) uint8; it goes first, for it takes a moment.

        Unless each cell's colours are taken as it needs, nobody else's cells go along: those of a call are one batch.
        """
        if colours != AS_NEEDED:
            return self._thread.run(partial(self._explainer.predict, images, colours), first=True)
        answer: Future[Prediction] = Future()
        self._waiting.append(([images] if isinstance(images, np.ndarray) else list(images), answer))

        def work() -> None:
            while not answer.done():  # it is, where someone before in the line has taken it along
                self._answer_waiting()

        self._thread.run(work, first=True)
        return answer.result()

    def measure_colours(self, images: np.ndarray | Sequence[np.ndarray]) -> Colours | None:
        """`Explainer.measure_colours`, which goes first as well."""
        return self._thread.run(partial(self._explainer.measure_colours, images), first=True)

    def check(self, cell: np.ndarray) -> tuple[Prediction, ElboResult]:
        """One small prediction and one small decode of pixels (H, W, 3) uint8, as one piece that goes first."""
        explainer = self._explainer
        return self._thread.run(lambda: (explainer.predict([cell]), explainer.elbo(cell, draws=3)), first=True)

    def elbo(self, *arguments: Any, **options: Any) -> ElboResult:
        """`Explainer.elbo` when its turn comes."""
        return self._thread.run(partial(self._explainer.elbo, *arguments, **options))

    def posterior(self, cells: Sequence[np.ndarray], *arguments: Any, **options: Any) -> np.ndarray:
        """`Explainer.posterior` of pixels (H, W, 3) uint8 in pieces, each when its turn comes.

        Colours to match from are to be measured before: a piece is not the batch.
        """
        pieces = [cells[start : start + PIECE] for start in range(0, len(cells), PIECE)]
        return np.concatenate(
            [self._thread.run(partial(self._explainer.posterior, piece, *arguments, **options)) for piece in pieces]
        )

    def counterfactual(self, *arguments: Any, **options: Any) -> Counterfactual:
        """`Explainer.counterfactual` when its turn comes."""
        return self._thread.run(partial(self._explainer.counterfactual, *arguments, **options))

    def saliency(self, *arguments: Any, **options: Any) -> np.ndarray:
        """`Explainer.saliency` when its turn comes."""
        return self._thread.run(partial(self._explainer.saliency, *arguments, **options))

    def stream(self, *arguments: Any, **options: Any) -> Generator[Frame, None, None]:
        """`Explainer.stream`, which keeps the device from its first frame to its last as long as someone asks on."""
        job = object()
        frames = self._explainer.stream(*arguments, **options)
        try:
            while (frame := self._thread.run(partial(next, frames, None), job)) is not None:
                yield frame
        finally:
            frames.close()
            self._thread.done(job)

    def stream_field(self, *arguments: Any, **options: Any) -> Generator[Field, None, None]:
        """`Explainer.stream_field`; between two of its results others are let in."""
        results = self._explainer.stream_field(*arguments, **options)
        try:
            while (result := self._thread.run(partial(next, results, None))) is not None:
                yield result
        finally:
            results.close()

    def field(self, *arguments: Any, **options: Any) -> Field:
        """`Explainer.field`, in the pieces of `stream_field`."""
        *_, last = self.stream_field(*arguments, **options)
        return last

    def field_with(self, *arguments: Any, **options: Any) -> Field:
        """`Explainer.field_with`, which goes first: one cell takes a moment."""
        return self._thread.run(partial(self._explainer.field_with, *arguments, **options), first=True)

    def field_parted(self, *arguments: Any, **options: Any) -> Field:
        """`Explainer.field_parted`, which goes first as well."""
        return self._thread.run(partial(self._explainer.field_parted, *arguments, **options), first=True)

    def _answer_waiting(self) -> None:
        """Classifies what waits, oldest first, as far as it goes into one batch."""
        taken, size = [], 0
        while self._waiting and (not taken or size + len(self._waiting[0][0]) <= TOGETHER):
            taken.append(self._waiting.popleft())
            size += len(taken[-1][0])
        try:
            together = self._explainer.predict([cell for cells, _ in taken for cell in cells])
        except Exception:  # one of them spoils it for all: alone, each has its own answer or error
            for cells, answer in taken:
                _settle(self._explainer, cells, answer)
            return
        start = 0
        for cells, answer in taken:
            part = slice(start, start := start + len(cells))
            answer.set_result(
                replace(
                    together,
                    probabilities=together.probabilities[part],
                    unfamiliarity=together.unfamiliarity[part],
                    kind=together.kind[part],
                )
            )


def _settle(explainer: Explainer, cells: list[np.ndarray], answer: Future[Prediction]) -> None:
    try:
        answer.set_result(explainer.predict(cells))
    except Exception as error:
        answer.set_exception(error)
