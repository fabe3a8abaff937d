"""Folders of images: classes, copies, declared splits, and refusals."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from paribus.data.readers.image_folder import read_image_folder
from paribus.data.splits import random_split
from tests.helpers.refusals import refused


def _image(path: Path, seed: int, mode: str = "RGB", size: tuple[int, int] = (8, 8)) -> Path:
    """Save an image of noise, different for each seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = {"L": 1, "RGB": 3, "RGBA": 4}[mode]
    pixels = torch.randint(
        0, 256, (size[1], size[0], channels), generator=torch.Generator().manual_seed(seed)
    )
    Image.frombytes(mode, size, pixels.to(torch.uint8).numpy().tobytes()).save(path)
    return path


def _folder(
    root: Path, classes: str = "ab", count: int = 3, mode: str = "RGB", first: int = 0
) -> Path:
    for k, name in enumerate(classes):
        for i in range(count):
            _image(root / name / f"{i}.png", first + 100 * k + i, mode)
    return root


def _declared(root: Path) -> Path:
    _folder(root / "sky_train", count=4)
    _folder(root / "sky_test", first=1000)
    return root


def test_classes_are_named_for_their_folders(tmp_path: Path) -> None:
    data = read_image_folder(_folder(tmp_path / "sky", "ba"), size=8)
    assert data.inputs[0].shape == (6, 3, 8, 8)
    assert data.inputs[0].dtype == torch.uint8
    assert (data.classes, data.targets[0].tolist()) == (("a", "b"), [0, 0, 0, 1, 1, 1])
    assert (data.features, data.feature_axes) == (("red", "green", "blue"), (1,))
    assert (data.groups, data.declared) == (None, None)
    assert (data.name, data.origin) == ("sky", "the folder sky, images resized to 8x8")
    assert data.notes == ("6 images of 8x8 pixels",)


def test_pixels_are_those_of_the_files_in_their_order(tmp_path: Path) -> None:
    from torchvision.datasets import ImageFolder
    from torchvision.transforms.v2.functional import pil_to_tensor

    folder = _folder(tmp_path, "abc")
    data = read_image_folder(folder, size=8)
    theirs = ImageFolder(str(folder), transform=pil_to_tensor)
    assert data.classes == tuple(theirs.classes)
    for (pixels, label), ours, number in zip(theirs, data.inputs[0], data.targets[0], strict=True):
        assert torch.equal(pixels, ours)
        assert label == number


def test_images_are_resized_and_their_own_sizes_told(tmp_path: Path) -> None:
    _folder(tmp_path)
    _image(tmp_path / "a" / "wide.jpg", 7, size=(20, 10))
    data = read_image_folder(tmp_path, size=16)
    assert data.inputs[0].shape == (7, 3, 16, 16)
    assert data.notes == ("7 images of 2 sizes from 8x8 to 20x10 pixels, stretched to a square",)


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3), ("RGBA", 3)])
def test_grey_images_keep_one_channel(tmp_path: Path, mode: str, channels: int) -> None:
    data = read_image_folder(_folder(tmp_path, mode=mode), size=8)
    assert data.inputs[0].shape == (6, channels, 8, 8)
    assert len(data.features) == channels


def test_one_image_in_colour_gives_all_three_channels(tmp_path: Path) -> None:
    _folder(tmp_path, mode="L")
    _image(tmp_path / "a" / "colour.png", 50)
    assert read_image_folder(tmp_path).inputs[0].shape == (7, 3, 32, 32)


def test_images_in_folders_inside_a_class_folder_belong_to_it(tmp_path: Path) -> None:
    _folder(tmp_path)
    _image(tmp_path / "b" / "more" / "9.PNG", 60)
    assert read_image_folder(tmp_path).targets[0].tolist() == [0, 0, 0, 1, 1, 1, 1]


def test_other_files_are_passed_over_and_counted(tmp_path: Path) -> None:
    _folder(tmp_path)
    for name in ("a/.DS_Store", "a/notes.txt", "readme.md", ".cache/x.png", "__MACOSX/x.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"something")
    data = read_image_folder(tmp_path)
    assert data.classes == ("a", "b")
    assert (
        data.notes[1]
        == "files passed over, by suffix or reason: 1 .txt, 3 hidden, 1 in no class folder"
    )
    assert data.readings[1:3] == (
        ("a", "class 'a'", "3 images: 3 .png"),
        ("b", "class 'b'", "3 images: 3 .png"),
    )
    assert data.readings[3] == (".txt", "passed over", "1 files")


def test_the_digest_tells_contents_and_names_apart(tmp_path: Path) -> None:
    _folder(tmp_path)
    first = read_image_folder(tmp_path).digest
    assert read_image_folder(tmp_path).digest == first
    (tmp_path / "a" / "0.png").rename(tmp_path / "a" / "00.png")
    second = read_image_folder(tmp_path).digest
    _image(tmp_path / "a" / "00.png", 77)
    assert len({first, second, read_image_folder(tmp_path).digest}) == 3


def test_copies_share_a_group(tmp_path: Path) -> None:
    _folder(tmp_path)
    shutil.copy(tmp_path / "a" / "1.png", tmp_path / "a" / "copy.png")
    shutil.copy(tmp_path / "a" / "1.png", tmp_path / "b" / "copy.png")
    data = read_image_folder(tmp_path)
    assert data.groups is not None
    assert data.groups.tolist() == [0, 1, 2, 1, 3, 4, 5, 1]
    assert data.notes[1] == (
        "files with a copy in the folder: 2 (a/copy.png = a/1.png; b/copy.png = a/1.png), 1 of them in different "
        "classes; copies stay on one side of a split"
    )


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (("sky_train", "sky_test"), [0, 2]),
        (("train", "test"), [0, 2]),
        (("Training", "val", "Test set"), [0, 1, 2]),
    ],
)
def test_folders_for_training_and_test_declare_the_split(
    tmp_path: Path, names: tuple[str, ...], parts: list[int]
) -> None:
    for i, name in enumerate(names):
        _folder(tmp_path / name, first=1000 * i)
    data = read_image_folder(tmp_path)
    assert data.declared is not None
    assert data.declared.unique().tolist() == parts
    assert data.classes == ("a", "b")
    for part in parts:
        there = data.declared == part
        assert data.targets[0][there].tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("names", [("train", "bus"), ("train", "trainer"), ("contest", "latest")])
def test_classes_with_such_names_declare_nothing(tmp_path: Path, names: tuple[str, str]) -> None:
    for i, name in enumerate(names):
        for k in range(3):
            _image(tmp_path / name / f"{k}.png", 10 * i + k)
    data = read_image_folder(tmp_path)
    assert (data.classes, data.declared) == (tuple(sorted(names)), None)


def test_classes_called_train_and_test_declare_nothing_without_folders_inside(
    tmp_path: Path,
) -> None:
    _image(tmp_path / "train" / "0.png", 0)
    _image(tmp_path / "train" / "1.png", 1)
    _image(tmp_path / "test" / "0.png", 2)
    _image(tmp_path / "test" / "1.png", 3)
    assert read_image_folder(tmp_path).classes == ("test", "train")


def test_files_that_cross_the_declared_split_leave_training(tmp_path: Path) -> None:
    _declared(tmp_path)
    for name, copy in (("a/0", "a/x"), ("a/1", "a/y")):
        shutil.copy(tmp_path / "sky_test" / f"{name}.png", tmp_path / "sky_train" / f"{copy}.png")
    data = read_image_folder(tmp_path)
    assert data.declared is not None
    assert data.declared.bincount().tolist() == [8, 0, 6]
    assert data.groups is None
    assert data.notes == (
        "16 images of 8x8 pixels",
        "files that cross the declared split, left out of the earlier part because their copies stay in the later "
        "one: 2 (sky_train/a/x.png = sky_test/a/0.png; sky_train/a/y.png = sky_test/a/1.png)",
    )


def test_of_many_copies_three_are_named(tmp_path: Path) -> None:
    _declared(tmp_path)
    for i in range(3):
        for name in "ab":
            shutil.copy(
                tmp_path / "sky_test" / name / f"{i}.png",
                tmp_path / "sky_train" / name / f"x{i}.png",
            )
    assert (
        read_image_folder(tmp_path)
        .notes[1]
        .endswith("sky_train/a/x2.png = sky_test/a/2.png and 3 more)")
    )


def test_copies_inside_each_declared_part_are_named(tmp_path: Path) -> None:
    _declared(tmp_path)
    for part in ("sky_train", "sky_test"):
        shutil.copy(tmp_path / part / "b" / "0.png", tmp_path / part / "b" / "x.png")
    data = read_image_folder(tmp_path)
    assert len(data) == 16
    assert data.notes[1:] == (
        "files with a copy inside the declared training part: 1 (sky_train/b/x.png = sky_train/b/0.png); copies stay "
        "on one side of a split",
        "files with a copy inside the declared test part: 1 (sky_test/b/x.png = sky_test/b/0.png); each counts as a "
        "sample",
    )


def test_a_declared_folder_can_be_split_further(tmp_path: Path) -> None:
    split = random_split(read_image_folder(_declared(tmp_path)), torch.Generator().manual_seed(0))
    assert [len(split.train), len(split.validation), len(split.test)] == [6, 2, 6]


CLASSES = "Put the images of each class into a folder named for it."
COUNTS = "Add images (jpg, png, bmp, tif, webp, gif), or take the class out."


def test_images_without_class_folders_are_refused(tmp_path: Path) -> None:
    _image(tmp_path / "sky" / "0.png", 0)
    assert refused(read_image_folder, tmp_path / "sky") == (
        f"folder sky: got no class folders, expected a folder of images for each of two classes or more. {CLASSES}"
    )
    assert refused(read_image_folder, tmp_path) == (
        f"folder {tmp_path.name}: got the single class folder 'sky', expected a folder of images for each of two "
        f"classes or more. {CLASSES}"
    )


def test_a_class_with_no_images_or_one_is_refused(tmp_path: Path) -> None:
    root = _folder(tmp_path / "sky")
    (root / "c").mkdir()
    assert (
        refused(read_image_folder, root)
        == f"class folder 'c' of sky: got no images, expected at least 2. {COUNTS}"
    )
    _image(root / "c" / "0.png", 500)
    assert (
        refused(read_image_folder, root)
        == f"class folder 'c' of sky: got 1 image, expected at least 2. {COUNTS}"
    )
    _image(root / "c" / "1.png", 501)
    assert read_image_folder(root).classes == ("a", "b", "c")


def test_a_class_that_a_declared_part_lacks_is_refused(tmp_path: Path) -> None:
    _declared(tmp_path)
    _image(tmp_path / "sky_train" / "c" / "0.png", 500)
    _image(tmp_path / "sky_train" / "c" / "1.png", 501)
    assert refused(read_image_folder, tmp_path) == (
        f"class folder 'c' inside the declared test part: got no images, expected at least 1. {COUNTS}"
    )
    shutil.move(tmp_path / "sky_train" / "c" / "0.png", tmp_path / "sky_train" / "a" / "c0.png")
    _image(tmp_path / "sky_test" / "c" / "0.png", 502)
    assert refused(read_image_folder, tmp_path) == (
        f"class folder 'c' inside the declared training part: got 1 image, expected at least 2. {COUNTS}"
    )


def test_a_class_that_only_its_copies_fill_is_refused(tmp_path: Path) -> None:
    _declared(tmp_path)
    for i in range(3):
        shutil.copy(
            tmp_path / "sky_test" / "b" / f"{i}.png", tmp_path / "sky_train" / "b" / f"{i}.png"
        )
    assert refused(read_image_folder, tmp_path) == (
        f"class folder 'b' inside the declared training part: got 1 image, expected at least 2. {COUNTS}"
    )


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "webp", "tif"])
def test_a_truncated_image_is_refused_in_every_format(tmp_path: Path, suffix: str) -> None:
    root = _folder(tmp_path / "sky")
    broken = _image(root / "a" / f"broken.{suffix}", 9, size=(64, 64))
    for length in (0, 4, 30, 60, len(broken.read_bytes()) // 2):
        broken.write_bytes(broken.read_bytes()[:length] if length else b"")
        message = refused(read_image_folder, root)
        assert message.startswith(f"images of sky: got 1 that cannot be used (a/broken.{suffix}, ")
        assert message.endswith(
            "), expected images that can be read whole, of 8 bits a channel. "
            "Repair them, save them with 8 bits a channel, or take them out of the folder."
        )
        _image(broken, 9, size=(64, 64))


def test_all_broken_images_are_counted_and_three_named(tmp_path: Path) -> None:
    root = _folder(tmp_path / "sky")
    for i in range(5):
        (root / "a" / f"x{i}.jpg").write_bytes(b"no image at all")
    assert refused(read_image_folder, root) == (
        "images of sky: got 5 that cannot be used (a/x0.jpg, no image; a/x1.jpg, no image; a/x2.jpg, no image; and "
        "2 more), expected images that can be read whole, of 8 bits a channel. "
        "Repair them, save them with 8 bits a channel, or take them out of the folder."
    )


def test_an_image_of_sixteen_bits_is_refused(tmp_path: Path) -> None:
    root = _folder(tmp_path / "sky")
    Image.frombytes("I;16", (8, 8), bytes(128)).save(root / "a" / "deep.png")
    assert "got 1 that cannot be used (a/deep.png, of mode I;16, more than 8 bits)" in refused(
        read_image_folder, root
    )


def test_an_image_too_large_to_be_true_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = _folder(tmp_path / "sky")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert "got 6 that cannot be used (a/0.png, too large;" in refused(read_image_folder, root)


@pytest.mark.real_data
def test_the_real_folder_of_clouds(real_data: Path) -> None:
    data = read_image_folder(real_data / "clouds")
    assert data.declared is not None
    assert data.declared.bincount().tolist() == [474 - 5, 0, 486]
    assert data.inputs[0].shape == (955, 3, 32, 32)
    assert len(data.classes) == 7
    assert data.targets[0][data.declared == 0].bincount().min() == 14
    notes = [note.partition(" (")[0] for note in data.notes]
    assert notes == [
        "960 images of 256x256 pixels",
        "files that cross the declared split, left out of the earlier part because their copies stay in the later "
        "one: 5",
        "files with a copy inside the declared training part: 3",
        "files with a copy inside the declared test part: 3",
    ]
