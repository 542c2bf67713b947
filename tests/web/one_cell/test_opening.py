"""The result that the page opens with: that of the shipped weights, shown without computing, and not needed."""

import numpy as np
import pytest

from jdm_core import Explainer
from web.one_cell.opening import FILE, NAME, compute, opener, read, write
from web.one_cell.view import SKIP, View
from web.words.language import say_in


@pytest.fixture(scope="module")
def shipped():
    return Explainer.load(device="cpu")  # that of other tests edits in few steps


@pytest.fixture(scope="module")
def opening(shipped):
    return read(shipped)


def test_what_ships_comes_from_the_shipped_weights(shipped, opening):
    """Where this fails: python -m web.one_cell.opening."""
    assert opening is not None and FILE.stat().st_size < 2**18
    one = opening.explanation
    np.testing.assert_allclose(one.prediction.probabilities, shipped.predict(one.cell).probabilities, atol=1e-4)
    assert (
        one.edit.flipped[0] and one.edit.variants.shape[1] == 4 and len(one.edit.strengths) == one.edit.curve.shape[1]
    )


@pytest.mark.slow
def test_it_is_what_is_computed_anew(shipped, opening, tmp_path):
    made = compute(shipped)
    write(shipped, made, tmp_path / "made.npz")
    for one in (made, read(shipped, tmp_path / "made.npz").explanation):
        kept = opening.explanation
        np.testing.assert_allclose(kept.elbo.evidence, one.elbo.evidence, atol=1e-3)
        assert kept.edit.efforts == one.edit.efforts and kept.edit.labels == one.edit.labels
        assert np.abs(kept.edit.images.astype(int) - one.edit.images).max() <= 2
        assert kept.prediction.kind.tolist() == one.prediction.kind.tolist()


@pytest.mark.slow
def test_the_page_opens_without_a_computation_in_every_language(shipped, opening, monkeypatch):
    for name in ("predict", "elbo", "stream", "counterfactual", "posterior", "saliency"):
        monkeypatch.setattr(shipped, name, None)
    opened = opener(shipped, opening)
    for code, words in (("en", "Without the parasite"), ("fr", "Sans le parasite"), ("pt", "Sem o parasita")):
        view = opened(say_in(code))
        assert [name for name, value in view._asdict().items() if value == SKIP and not name.endswith("_file")] == [
            "pdf",
            "archive",
        ]
        assert words in view.edited and view.several.count("<figure") == 4 and view.flip["visible"]
        assert f"{NAME}.png" in view.verdict and isinstance(view, View)


def test_other_weights_and_a_damaged_file_open_without_it(shipped, opening, tmp_path):
    other, damaged = tmp_path / "other.npz", tmp_path / "damaged.npz"

    class Other:
        sha256 = "0" * 64

    write(Other(), opening.explanation, other)
    damaged.write_bytes(FILE.read_bytes()[:-5000])
    assert [read(shipped, path) for path in (other, damaged, tmp_path / "none.npz")] == [None] * 3
