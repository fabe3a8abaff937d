"""Folders of images in other layouts than one folder a class."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
import torch
from PIL import Image

from paribus.data.readers.image_folder import read_image_folder
from tests.helpers.refusals import refused

GREYS = count()


def _filled(root: Path, *folders: str, images: int = 2) -> Path:
    for name in folders:
        (root / name).mkdir(parents=True, exist_ok=True)
        for i in range(images):
            grey = next(GREYS)
            Image.new("RGB", (4, 4), (grey % 256, grey // 256, i)).save(root / name / f"{i}.png")
    return root


@pytest.mark.parametrize("outer", [("fold1", "fold2"), ("images", "masks"), ("color", "grey")])
def test_folders_that_hold_the_same_folders_are_refused(
    tmp_path: Path, outer: tuple[str, str]
) -> None:
    root = _filled(tmp_path / "d", *(f"{o}/{i}" for o in outer for i in ("cat", "dog")))
    assert refused(read_image_folder, root) == (
        f"folder d: got folders {outer[0]}, {outer[1]}, which all hold folders cat, dog, expected one folder of images "
        "for each class, perhaps in folders train, val and test. If the inner folders are the classes, name one outer "
        f"folder, such as d/{outer[0]}, or call them train and test; if the outer ones are, move the images up into "
        "them."
    )


@pytest.mark.parametrize("names", [("Training", "Testing"), ("trainset", "testset")])
def test_further_words_for_the_parts_of_a_split(tmp_path: Path, names: tuple[str, str]) -> None:
    root = _filled(tmp_path, *(f"{o}/{i}" for o in names for i in ("cat", "dog")))
    data = read_image_folder(root)
    assert data.classes == ("cat", "dog")
    assert data.declared is not None
    assert torch.bincount(data.declared).tolist() == [4, 0, 4]


@pytest.mark.parametrize(
    "names",
    [("train/cat", "train/dog", "test"), ("train/cat", "train/dog", "val/cat")],
)
def test_folders_named_for_parts_are_no_classes(tmp_path: Path, names: tuple[str, ...]) -> None:
    message = refused(read_image_folder, _filled(tmp_path / "d", *names))
    shown = "test, train" if "test" in names else "train, val"
    assert message.startswith(
        f"folder d: got folders {shown}, which are named as parts of a split, expected one for training, one for test "
    )
    assert (
        "name the one that holds the classes, such as d/train, so that parts are drawn." in message
    )


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    assert read_image_folder(_filled(tmp_path, "train", "car")).classes == ("car", "train")


def test_folders_within_class_folders_are_read(tmp_path: Path) -> None:
    root = _filled(tmp_path, "cat/images", "dog/images", "cat/more", "dog/others")
    assert read_image_folder(root).classes == ("cat", "dog")
    assert len(read_image_folder(_filled(root, "cat", "dog/more"))) == 12


def test_one_folder_around_the_classes_is_named(tmp_path: Path) -> None:
    root = _filled(tmp_path / "d", "all/images/cat", "all/images/dog")
    assert refused(read_image_folder, root) == (
        "folder d: got the single class folder 'all', expected a folder of images for each of two classes or more. "
        "Name d/all/images, which holds 2 folders, in its place."
    )


def test_a_folder_of_other_files_is_told_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "d" / "Fashion" / "raw").mkdir(parents=True)
    for name in ("a-idx3-ubyte.gz", "b-idx1-ubyte.gz"):
        (tmp_path / "d" / "Fashion" / "raw" / name).write_bytes(b"x")
    assert refused(read_image_folder, tmp_path / "d") == (
        "folder d: got no image in a class folder (2 .gz), expected a folder of images (jpg, png, bmp, tif, webp, gif) "
        "for each of two classes or more. Put the images of each class into a folder named for it. What "
        "torchvision.datasets reads is given in Python, as data= of paribus.compare."
    )


@pytest.mark.parametrize("other", ["seg_pred", "extra/a"])
def test_parts_of_a_split_beside_another_folder_are_refused(tmp_path: Path, other: str) -> None:
    root = _filled(
        tmp_path / "d", *(f"seg_{p}/{c}" for p in ("train", "test") for c in ("sea", "road")), other
    )
    assert refused(read_image_folder, root).startswith(
        f"folder d: got folders {', '.join(sorted(['seg_test', 'seg_train', other.partition('/')[0]]))}, some of which "
        "are named as parts of a split, expected one for training"
    )


def test_classes_that_are_named_like_a_part_stay_classes(tmp_path: Path) -> None:
    root = _filled(tmp_path / "d", "train", "bus", "tram")
    assert set(read_image_folder(root).classes) == {"bus", "train", "tram"}
