"""Data in the NIH layout: slides, splits that share none, batches, and what is wrong said by name."""

import zipfile

import pytest
import torch

from tests.support.toy import write_toy_zip
from training.data.augment import augment, jitter_stain, turn_and_flip
from training.data.cells import load_cells
from training.data.members import DataError, slide_of
from training.data.split import batches, half_labelled_batches, split_slides

LABELS = ("Parasitized", "Uninfected")


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return write_toy_zip(tmp_path_factory.mktemp("data") / "cells.zip")


@pytest.mark.parametrize(
    ("name", "slide"),
    [
        ("cell_images/Parasitized/C33P1thinF_IMG_20150619_114756a_cell_179.png", "C33P1"),
        ("C100P61ThinF_IMG_20150918_144104_cell_162.webp", "C100P61"),
        ("C5NThinF_IMG_20150609_121955_cell_1.png", "C5N"),
        ("C241NTHINF_IMG_cell_1.png", "C241N"),
        ("C38P3_thinF_original_cell_2.png", "C38P3"),
    ],
)
def test_slide_of_a_name(name, slide):
    assert slide_of(name) == slide


def test_zip_and_folder_hold_the_same_cells(toy, tmp_path):
    with zipfile.ZipFile(toy) as archive:
        archive.extractall(tmp_path)
    from_zip, from_folder = load_cells(toy, LABELS, 16), load_cells(tmp_path, LABELS, 16)
    assert from_zip.names == from_folder.names
    assert torch.equal(from_zip.images, from_folder.images)
    assert len(from_zip) == 80
    assert from_zip.labels.tolist() == [0] * 40 + [1] * 40


def test_split_is_deterministic_and_shares_no_slide(toy):
    cells = load_cells(toy, LABELS, 16)
    arguments = (cells.slides, cells.labels.tolist(), 0.2, 0.3)
    split, again, other = split_slides(*arguments, 0), split_slides(*arguments, 0), split_slides(*arguments, 1)
    parts = [set(split.train), set(split.validation), set(split.test)]
    assert sum(len(part) for part in parts) == len(set.union(*parts)) == 10
    assert [len(part) for part in parts] == [5, 2, 3]
    assert split == again
    assert split.digest == again.digest != other.digest
    assert not set(cells.of_slides(split.train).slides) & set(cells.of_slides(split.test).slides)


def test_split_does_not_depend_on_the_order_of_files(toy):
    cells = load_cells(toy, LABELS, 16)
    labels = cells.labels.tolist()
    backwards = split_slides(cells.slides[::-1], labels[::-1], 0.2, 0.3, 0)
    assert split_slides(cells.slides, labels, 0.2, 0.3, 0) == backwards


def test_too_few_slides_are_refused():
    with pytest.raises(DataError, match="too few to split"):
        split_slides(["a", "b"], [0, 1], 0.2, 0.2, 0)


def test_sample_is_what_its_seed_draws(toy):
    everything, sample = load_cells(toy, LABELS, 16), load_cells(toy, LABELS, 16, at_most=30, seed=1)
    assert len(sample) == 30
    assert set(sample.names) < set(everything.names)
    assert sample.names == load_cells(toy, LABELS, 16, at_most=30, seed=1).names
    assert sample.names != load_cells(toy, LABELS, 16, at_most=30, seed=2).names
    assert len(load_cells(toy, LABELS, 16, at_most=100)) == 80


def test_missing_class_folder_is_named(tmp_path):
    path = tmp_path / "one.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cell_images/Parasitized/C1thinF.png", b"")
    with pytest.raises(DataError, match=r"one\.zip: no images in a folder named 'Uninfected'"):
        load_cells(path, LABELS, 16)


def test_unreadable_members_are_named(toy, tmp_path):
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(toy) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
        target.writestr("cell_images/Uninfected/C99thinF_empty.png", b"")
        target.writestr("cell_images/Uninfected/C99thinF_text.png", b"not an image")
    with pytest.raises(DataError, match="2 unreadable images") as caught:
        load_cells(path, LABELS, 16)
    assert "C99thinF_empty.png" in str(caught.value)
    assert "C99thinF_text.png" in str(caught.value)


def test_damaged_member_is_named(toy, tmp_path):
    path = tmp_path / "damaged.zip"
    data = bytearray(toy.read_bytes())
    with zipfile.ZipFile(toy) as archive:
        info = archive.infolist()[5]
    at = data.index(info.filename.encode(), info.header_offset) + len(info.filename) + 20
    data[at] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(DataError, match="1 unreadable images") as caught:
        load_cells(path, LABELS, 16)
    assert info.filename in str(caught.value)


@pytest.mark.parametrize("name", ["missing.zip", "text.zip"])
def test_what_is_no_data_is_refused(tmp_path, name):
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(DataError, match=name):
        load_cells(tmp_path / name, LABELS, 16)


def test_batches_continue_where_they_left_off_and_cover_an_epoch():
    stream = batches(20, 6, seed=3, start=0)
    first = [next(stream) for _ in range(7)]
    resumed = batches(20, 6, seed=3, start=4)
    for expected in first[4:]:
        assert torch.equal(next(resumed), expected)
    assert len(torch.cat(first[:3]).unique()) == 18


@pytest.mark.parametrize("known", [1, 3, 7])
def test_half_of_each_batch_is_labelled_where_few_cells_are(known):
    labelled = torch.zeros(40, dtype=torch.bool)
    labelled[torch.randperm(40, generator=torch.Generator().manual_seed(1))[:known]] = True
    stream = half_labelled_batches(labelled, 8, seed=3, start=0)
    seen = [next(stream) for _ in range(20)]
    assert all(len(batch) == 8 and labelled[batch[:4]].all() for batch in seen)
    assert len(torch.cat(seen).unique()) == 40 and len(torch.cat([batch[:4] for batch in seen]).unique()) == known
    resumed = half_labelled_batches(labelled, 8, seed=3, start=11)
    assert all(torch.equal(next(resumed), batch) for batch in seen[11:])


def test_batches_are_as_ever_where_most_cells_are_labelled():
    labelled = torch.arange(40) % 2 == 0
    stream, plain = half_labelled_batches(labelled, 8, seed=3, start=2), batches(40, 8, seed=3, start=2)
    assert all(torch.equal(next(stream), next(plain)) for _ in range(9))


def test_augmentation_keeps_range_background_and_content():
    images = torch.randint(0, 256, (16, 3, 8, 8), dtype=torch.uint8)
    images[:, :, 0] = 0
    generator = torch.Generator().manual_seed(0)
    x = augment(images, 0.2, generator)
    assert x.min() >= -1
    assert x.max() <= 1
    jittered = jitter_stain(images.float() / 127.5 - 1, 0.2, generator)
    assert (jittered[:, :, 0] == -1).all()
    assert (jittered != images.float() / 127.5 - 1).any()
    turned = turn_and_flip(images.float(), generator)
    assert torch.equal(turned.flatten(2).sort().values, images.float().flatten(2).sort().values)
    assert not torch.equal(turned, images.float())
