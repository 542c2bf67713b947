"""The Space: its front matter agrees with the requirements, and its shared GPU is asked for call by call."""

import pickle
import re
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from jdm_core import Explainer
from web.compute.space import COMPUTING, DRAWING, ask_for_gpu, is_shared, shared_gpu

ROOT = Path(__file__).resolve().parents[3]


def front_matter() -> dict[str, str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return dict(re.findall(r'^(\w+): "?([^"\n]*)"?$', text.split("---")[1], re.MULTILINE))


def test_the_front_matter_agrees_with_the_requirements():
    space, requirements = front_matter(), (ROOT / "requirements.txt").read_text()
    least, below = re.search(r"^gradio>=([\d.]+),<([\d.]+)", requirements, re.MULTILINE).groups()
    numbers = [tuple(map(int, text.split("."))) for text in (least, space["sdk_version"], below)]
    assert numbers[0] <= numbers[1] < numbers[2]
    assert space["sdk_version"] == version("gradio"), "the tests run with another Gradio than the Space"
    assert (ROOT / space["app_file"]).is_file() and space["python_version"] in ("3.11", "3.12")


class Spaces:
    """Like the `spaces` package: what goes in and comes out of a function passes between processes."""

    def __init__(self):
        self.seconds, self.calls = [], []

    def GPU(self, duration):
        self.seconds.append(duration)

        def decorate(method):
            def call(*arguments, **options):
                self.calls.append(method.__name__)
                arguments, options = pickle.loads(pickle.dumps((arguments, options)))
                result = method(*arguments, **options)
                if method.__name__ == "stream":
                    return (pickle.loads(pickle.dumps(frame)) for frame in result)
                return pickle.loads(pickle.dumps(result))

            return call

        return decorate


@pytest.mark.slow
def test_everything_that_computes_asks_for_the_gpu_and_gives_the_same(cells):
    plain, asking, spaces = Explainer.load(device="cpu"), Explainer.load(device="cpu"), Spaces()
    ask_for_gpu(asking, spaces, 30)
    assert spaces.seconds == [30] * (len(COMPUTING) + len(DRAWING))
    assert np.array_equal(plain.predict(cells[0]).probabilities, asking.predict(cells[0]).probabilities)
    assert np.array_equal(plain.elbo(cells[0], 4).elbo, asking.elbo(cells[0], 4).elbo)
    evidence = plain.elbo(cells[0], 4).evidence[0]
    assert np.array_equal(plain.draw.evidence(cells[0], evidence), asking.draw.evidence(cells[0], evidence))
    assert spaces.calls == ["predict", "elbo", "evidence"]
    assert next(iter(asking.stream(cells[0]))).image.dtype == np.uint8


def test_elsewhere_there_is_no_shared_gpu(monkeypatch):
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    assert not is_shared()
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert is_shared()
    assert shared_gpu() is None  # not installed here
