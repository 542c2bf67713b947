"""Labels in doubt: found by networks that never saw the slide, kept as names, and left out of training where wanted."""

import zipfile

import numpy as np
import pytest
import torch

from tests.support.toy import TINY_OPTIONS, write_toy_zip
from training.cli import main
from training.data import doubted
from training.data.cells import DataError, load_cells
from training.data.doubted import key_of, read_doubted, sure_labels, write_doubted
from training.data.members import slide_of
from training.run.classifier import load_classifier
from training.run.doubts import contradicted, folds_of
from training.run.recipe import RecipeError, labelled_cells, load_recipe, split_cells
from training.run.state import read_state

LABELS = ("Parasitized", "Uninfected")
WRONG = ("C3P3", "C5P5", "C8P8")  # slides whose first infected cell is drawn without a parasite


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """Drawn cells of 40 slides, three of whose infected cells are healthy ones."""
    folder = tmp_path_factory.mktemp("doubts")
    whole, wrong = write_toy_zip(folder / "right.zip", slides=40, per_class=6), folder / "cells.zip"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(wrong, "w") as archive:
        for name in source.namelist():
            other = name
            if slide_of(name) in WRONG and name.endswith("_P_cell_0.png"):
                other = name.replace("Parasitized", "Uninfected").replace("_P_", "_U_").replace("cell_0", "cell_5")
            elif slide_of(name) in WRONG and name.endswith("_U_cell_5.png"):
                continue
            archive.writestr(name, source.read(other))
    return wrong


@pytest.fixture(scope="module")
def found(toy, tmp_path_factory):
    """What the command writes of the toy: its file and its folder of networks."""
    folder = tmp_path_factory.mktemp("found")
    options = ["--data", str(toy), "--run", str(folder / "run"), "--out", str(folder / "doubted.csv")]
    assert main(["doubts", *options, "--images", "6400", "--device", "cpu", *TINY_OPTIONS]) == 0
    return folder


def test_the_confident_joint_doubts_what_another_class_reaches_as_its_own_cells_do():
    # The networks give healthy cells 0.9 and infected ones 0.6: 0.55 for an infected cell is no reason to doubt it.
    infected = np.array([[0.6, 0.4]] * 8 + [[0.45, 0.55], [0.05, 0.95]])
    healthy = np.array([[0.1, 0.9]] * 9 + [[0.9, 0.1]])
    labels = np.array([0] * 10 + [1] * 10)
    assert contradicted(np.concatenate([infected, healthy]), labels).nonzero()[0].tolist() == [9, 19]
    assert not contradicted(infected, np.zeros(10, int)).any()


def test_folds_share_no_slide_and_each_has_infected_ones():
    slides, infected = [f"s{i % 12}" for i in range(48)], [i % 12 < 6 for i in range(48)]
    first, second, third = folds_of(slides, infected, 3)
    assert first | second | third == set(slides) and len(first) + len(second) + len(third) == 12
    assert all(sum(int(slide[1:]) < 6 for slide in fold) == 2 for fold in (first, second, third))
    with pytest.raises(ValueError, match="folds: 13 of 12 slides"):
        folds_of(slides, infected, 13)


@pytest.mark.train
def test_wrong_labels_are_found_by_networks_that_never_saw_their_slide(toy, found, tmp_path):
    told = read_doubted(found / "doubted.csv")
    wrong = {f"Parasitized/{slide}ThinF_IMG_20150101_P_cell_0" for slide in WRONG}
    assert wrong <= set(told) and all(told[key] < 0.5 for key in wrong)
    assert len(told) < 20
    recipe = load_recipe("malaria-64", TINY_OPTIONS[1::2])
    training = (cells := load_cells(toy, LABELS, 16)).of_slides(split_cells(cells, recipe).train)
    learnt = [load_classifier(found / "run" / f"fold-{i}.safetensors").facts["training_cells"] for i in range(2)]
    assert sum(learnt) == len(training) and min(learnt) < len(training) < 2 * min(learnt) + 30


@pytest.mark.train
def test_training_takes_doubted_labels_as_unlabelled_only_where_the_recipe_says_so(toy, found, tmp_path, monkeypatch):
    monkeypatch.setattr(doubted, "FILE", found / "doubted.csv")
    cells = load_cells(toy, LABELS, 16)
    plain = load_recipe("malaria-64", TINY_OPTIONS[1::2])
    careful = load_recipe("malaria-64", [*TINY_OPTIONS[1::2], "doubted_labels=unlabelled"])
    assert plain.doubted_labels == "as given"
    assert len(labelled_cells(cells, plain)) == len(cells)
    kept = labelled_cells(cells, careful)
    assert {key_of(name) for name in cells.names} - {key_of(name) for name in kept.names} == set(read_doubted())
    options = ["--data", str(toy), "--device", "cpu", *TINY_OPTIONS, "--set", "images=160"]
    assert main(["train", "--run", str(tmp_path / "a"), *options]) == 0
    assert main(["train", "--run", str(tmp_path / "b"), *options, "--set", "doubted_labels=unlabelled"]) == 0
    weights = [read_state(tmp_path / run).tensors for run in "ab"]
    assert any(not torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    with pytest.raises(RecipeError, match="neither"):
        load_recipe("malaria-64", ["doubted_labels=dropped"])


def test_figures_of_doubted_cells_survive_the_file_whatever_they_are_packed_as(tmp_path):
    path = tmp_path / "doubted.csv"
    names = ["cell_images/Parasitized/C1P1ThinF_a.png", "cell_images/Uninfected/C2P2ThinF_b.png"]
    write_doubted(path, names, ["Parasitized", "Uninfected"], [0.2, 0.1])
    assert [line.split(",")[0] for line in path.read_text().splitlines()[1:]] == names[::-1]
    told = read_doubted(path)
    assert told == {key_of(names[0]): 0.2, key_of(names[1]): 0.1}
    packed = ["Parasitized/C1P1ThinF_a.webp", "Uninfected/C1P1ThinF_a.webp"]
    assert sure_labels(packed, told).tolist() == [False, True]
    path.write_text("file,slide,label,given\na,b,c,1.5\n")
    with pytest.raises(DataError, match=r"line 2: 1\.5 is no probability"):
        read_doubted(path)
    with pytest.raises(DataError, match="`python -m training doubts` writes it"):
        read_doubted(tmp_path / "none.csv")
