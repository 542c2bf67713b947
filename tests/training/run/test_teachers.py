"""Classifiers that a joint run learns from: which may teach, and what the head takes from them."""

import pytest
import torch

from jdm_core import Explainer
from jdm_core.model.network import JointDiffusionNetwork
from tests.support.toy import TINY
from training.run.classifier import CHOOSER, JUDGE, WEIGHTS, OtherSplitError, PlainCNN, load_judge_of, load_teachers
from training.run.loss import SOFTENED, UNLABELLED, JointLoss, draw_batch, teaching_loss
from training.run.recipe import RecipeError, load_recipe

RIVALS = ("rival-64", "rival-64-abroad")


def taught_by(names: tuple[str, ...], *settings: str):
    return load_recipe("malaria-64", (*TINY, f"teachers={list(names)}", "teaching_weight=0.5", *settings))


def test_the_recorded_rivals_of_the_same_slides_may_teach():
    digest = Explainer.load("malaria-64", "cpu").checkpoint.provenance.split_digest
    networks = load_teachers(taught_by(RIVALS), digest)
    assert [type(one.network) for one in networks] == [PlainCNN] * 2 and not any(one.training for one in networks)
    assert not any(value.requires_grad for one in networks for value in one.parameters())
    with pytest.raises(OtherSplitError, match="rival-64 was trained on another split"):
        load_teachers(taught_by(RIVALS), "another")
    with pytest.raises(RecipeError, match="'nobody' is not in the manifest, which has judge-64"):
        load_teachers(taught_by(("nobody",)), digest)
    for judge in (CHOOSER.stem, JUDGE.stem):
        with pytest.raises(RecipeError, match=f"{judge} judges edits"):
            load_teachers(taught_by((judge,)), digest)
    with pytest.raises(RecipeError, match="tells Parasitized, Uninfected, which are other labels"):
        load_teachers(taught_by(RIVALS, "labels=['sick', 'well']"), digest)


def test_a_teacher_judges_nobody_whom_it_has_taught():
    checkpoint = Explainer.load("malaria-64", "cpu").checkpoint
    assert load_judge_of(checkpoint, JUDGE) and load_judge_of(checkpoint, CHOOSER)
    for name in RIVALS:
        with pytest.raises(ValueError, match=f"{name}.safetensors: has taught the checkpoint"):
            load_judge_of(checkpoint, WEIGHTS / f"{name}.safetensors")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("teaching_weight=0.1",), "go together"),
        (("teachers=['rival-64']",), "go together"),
        (("teachers=['rival-64']", "teaching_weight=0.1", "teaching_from=1.0"), "teaching_from must be"),
        (("teachers=['rival-64']", "teaching_weight=0.1", "label_share=0.5"), "label_share withholds"),
    ],
)
def test_a_recipe_whose_teaching_makes_no_sense_is_refused(settings, said):
    with pytest.raises(RecipeError, match=said):
        load_recipe("malaria-64", (*TINY, *settings))


def test_what_is_learnt_is_the_mean_of_the_teachers_and_unlabelled_images_learn_too():
    torch.manual_seed(0)
    recipe = load_recipe("malaria-64", TINY)
    network, teachers = JointDiffusionNetwork(recipe.architecture), [PlainCNN(2).eval() for _ in range(2)]
    for value in network.parameters():  # the last layer is silent, and the head would say the same of all
        torch.nn.init.normal_(value, std=0.1)
    images, labels = torch.rand(6, 3, 16, 16) * 2 - 1, torch.tensor([0, 1, 0, 1, UNLABELLED, UNLABELLED])
    batch = draw_batch(images, labels, 2, 0.0, torch.Generator().manual_seed(0), teaching_weight=0.5)
    loss = JointLoss(network, recipe, teachers)
    assert not [name for name in loss.state_dict() if "teacher" in name], "a run's state holds no teacher"
    with torch.no_grad():
        said = loss(batch)
    with torch.no_grad():
        theirs = (sum(teacher(images) for teacher in teachers) / 2 / SOFTENED).softmax(1)
        ours = (network.classify(network.encode_clean(images)) / SOFTENED).softmax(1)
    expected = SOFTENED**2 * (theirs * (theirs / ours).log()).sum(1).mean()
    assert float(said["teaching"]) == pytest.approx(float(expected), rel=1e-4) and expected > 0
    others = said["diffusion"] + recipe.clean_weight * said["clean"] + recipe.noisy_weight * said["noisy"]
    assert float(said["loss"]) == pytest.approx(float(others + 0.5 * said["teaching"]), rel=1e-5)
    assert [share.teaching_weight for share in batch.shares(2)] == [0.5, 0.5]
    assert "teaching" not in JointLoss(network, recipe)(draw_batch(images, labels, 2, 0.0, torch.Generator()))
    logits = torch.randn(5, 2)
    assert float(teaching_loss(logits, logits + 3)) == pytest.approx(0, abs=1e-6), "a shift of all logits says nothing"
