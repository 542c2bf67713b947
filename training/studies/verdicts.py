"""What is compared: the verdicts of a joint model and of classifiers alone, on the very same pixels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from jdm_core import Explainer
from jdm_core.images.pixels import from_uint8
from training.data.members import chunks
from training.metrics import METRICS, Metric, Summary, accuracy, expected_calibration_error, summarise
from training.run.classifier import load_classifier

CHUNK = 128
TINY = 1e-12  # a probability that has underflowed is taken for this before its logarithm


@dataclass(frozen=True)
class Verdict:
    """One reader of cells: `read` turns squares uint8 (B, S, S, 3) into probabilities (B, K).

    They were divided by `temperature`, 1 where none was fitted; None where more than that was (the posterior).
    """

    read: Callable[[np.ndarray], np.ndarray]
    temperature: float | None


def gather_verdicts(
    explainer: Explainer, classifiers: Sequence[Path], draws: int, seed: int, others: Sequence[Explainer] = ()
) -> dict[str, Verdict]:
    """Head and posterior of a checkpoint, then of others, and each classifier under the name of its file.

    No posterior where `draws` is 0. Raises ValueError for what has other labels, another split or more pixels than the
    first checkpoint, StateError for no classifier.
    """
    verdicts = _own_verdicts(explainer, draws, seed, "")
    for other in others:
        if other.labels != explainer.labels or other.size > explainer.size:
            raise ValueError(f"{other.name}: has other labels or more pixels than {explainer.name}")
        if other.checkpoint.provenance.split_digest != explainer.checkpoint.provenance.split_digest:
            raise ValueError(f"{other.name}: trained on another split of the slides than {explainer.name}")
        verdicts |= _own_verdicts(other, draws, seed, f"{other.name}: ")
    for path in classifiers:
        if path.stem in verdicts:
            raise ValueError(f"{path}: a second verdict of the name {path.stem}")
        verdicts[path.stem] = classifier_verdict(explainer, path)
    return verdicts


def _own_verdicts(explainer: Explainer, draws: int, seed: int, prefix: str) -> dict[str, Verdict]:
    temperature = explainer.checkpoint.calibration.temperature
    verdicts = {f"{prefix}head": Verdict(lambda cells: explainer.predict(list(cells)).probabilities, temperature)}
    if draws:
        verdicts[f"{prefix}posterior"] = Verdict(lambda cells: explainer.posterior(list(cells), draws, seed), None)
    return verdicts


def classifier_verdict(explainer: Explainer, path: Path) -> Verdict:
    """The verdict of a classifier's file, on the explainer's device; it must suit the explainer's labels and split."""
    classifier = load_classifier(path)
    if classifier.labels != explainer.labels:
        raise ValueError(f"{path}: classifies {classifier.labels}, not {explainer.labels}")
    if classifier.split_digest not in (None, explainer.checkpoint.provenance.split_digest):
        raise ValueError(f"{path}: trained on another split of the slides than {explainer.name}: it may know these")
    classifier.network.to(explainer.device)

    def read(cells: np.ndarray) -> np.ndarray:
        return classifier.probabilities(from_uint8(torch.from_numpy(cells)), explainer.device)

    return Verdict(read, classifier.temperature)


def read_verdicts(verdicts: Mapping[str, Verdict], cells: np.ndarray) -> dict[str, np.ndarray]:
    """What each reads of squares uint8 (N, S, S, 3): probabilities (N, K), with a bar, since a posterior takes long."""
    read = {}
    with tqdm(total=len(verdicts) * len(cells), desc="reading", unit="cell") as bar:
        for name, verdict in verdicts.items():
            parts = []
            for part in chunks(len(cells), CHUNK):
                parts.append(verdict.read(cells[part]))
                bar.update(len(parts[-1]))
            read[name] = np.concatenate(parts)
    return read


def count_agreeing(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How many of J verdicts give the label: (N,) of probabilities (N, J, K) and labels (N,)."""
    return (probabilities.argmax(2) == labels[:, None]).sum(1)


def uncalibrated(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities (..., K) as they would be without the temperature that they were divided by."""
    logits = np.log(np.maximum(probabilities, TINY)) * temperature
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def average(metric: Metric) -> Metric:
    """The metric of probabilities (N, J, K), averaged over J conditions under which the same N cells were read."""
    return lambda probabilities, labels: float(
        np.mean([metric(probabilities[:, j], labels) for j in range(probabilities.shape[1])])
    )


def verdict_figures(verdict: Verdict, probabilities: np.ndarray, labels: np.ndarray, slides: Sequence[str]) -> Summary:
    """Every metric of probabilities (N, J, K), averaged over J conditions, with its interval; plain JSON values.

    The calibration error is given without the temperature too, since one fitted on clean slides may flatter or harm.
    """
    figures = summarise(probabilities, labels, slides, {name: average(metric) for name, metric in METRICS.items()})
    if verdict.temperature is not None:
        raw = uncalibrated(probabilities, verdict.temperature)
        figures |= summarise(raw, labels, slides, {"ece_uncalibrated": average(expected_calibration_error)})
    return figures


def accuracy_gain(
    probabilities: np.ndarray, reference: np.ndarray, labels: np.ndarray, slides: Sequence[str]
) -> Summary:
    """Accuracy less the accuracy of a reference on the same cells, both (N, J, K), with the paired interval.

    Paired, since what is hard for one is hard for the other: the interval is far narrower than the two apart suggest.
    """

    def gain(both: np.ndarray, truth: np.ndarray) -> float:
        return average(accuracy)(both[:, 0], truth) - average(accuracy)(both[:, 1], truth)

    return summarise(np.stack([probabilities, reference], axis=1), labels, slides, {"accuracy_gain": gain})
