"""Tables of which one column names images: rows and images side by side, copies, and refusals."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from paribus.data.readers.image_table import read_image_table
from paribus.data.splits import random_split
from paribus.seeding import Streams
from tests.helpers.refusals import refused

HEAD = ["photo", "weight", "kind"]


def _table(folder: Path, rows: int = 12, head: list[str] | None = None, **labels: str) -> Path:
    """Write grey images whose every pixel is the row's number, a weight of half of it, and two kinds in turn."""
    (folder / "images").mkdir(parents=True)
    lines = [head or HEAD]
    for i in range(rows):
        Image.new("L", (6, 4), 10 * i).save(folder / "images" / f"{i}.png")
        lines.append([f"images/{i}.png", str(i / 2), labels.get(f"row{i}", "ab"[i % 2])])
    with (folder / "own.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(lines)
    return folder / "own.csv"


def test_each_row_has_its_image_and_its_numbers(tmp_path: Path) -> None:
    data = read_image_table(_table(tmp_path), size=8)
    assert data.input_shapes == ((1, 8, 8), (1,))
    assert data.inputs[0][:, 0, 3, 3].tolist() == [10 * i for i in range(12)]
    assert data.inputs[1][:, 0].tolist() == [i / 2 for i in range(12)]
    assert data.inputs[0].dtype == torch.uint8
    assert (data.classes, data.targets[0].tolist()) == (("a", "b"), [0, 1] * 6)
    assert (data.feature_axes, data.features) == ((1, 1), ("grey", "weight"))
    assert data.notes[0] == (
        "12 images of 6x4 pixels, stretched to a square, named by column 'photo'"
    )
    assert data.origin == ("the file own.csv, label column 'kind', and its images resized to 8x8")


def test_rows_without_a_label_lose_their_image_too(tmp_path: Path) -> None:
    data = read_image_table(_table(tmp_path, row3=""), size=8)
    assert data.inputs[0][:, 0, 0, 0].tolist() == [10 * i for i in range(12) if i != 3]
    assert data.inputs[1][:, 0].tolist() == [i / 2 for i in range(12) if i != 3]


def test_copies_are_rows_with_the_same_image(tmp_path: Path) -> None:
    path = _table(tmp_path)
    shutil.copy(tmp_path / "images" / "0.png", tmp_path / "images" / "2.png")
    data = read_image_table(path)
    assert data.groups is not None
    assert data.groups[0] == data.groups[2]
    assert len(data.groups.unique()) == 11
    assert any("images/2.png = images/0.png" in note for note in data.notes)
    split = random_split(data, Streams(0).generator("split"))
    assert {0, 2} in [
        {0, 2} & set(part.tolist()) for part in (split.train, split.validation, split.test)
    ]


def test_the_digest_tells_images_and_table_apart(tmp_path: Path) -> None:
    path = _table(tmp_path)
    first = read_image_table(path).digest
    Image.new("L", (6, 4), 200).save(tmp_path / "images" / "5.png")
    second = read_image_table(path).digest
    path.write_text(path.read_text().replace("4.5", "4.6"))
    assert len({first, second, read_image_table(path).digest}) == 3


def test_a_table_without_a_column_of_images_is_refused(tmp_path: Path) -> None:
    path = _table(tmp_path)
    path.write_text(path.read_text().replace(".png", ".none"))
    assert refused(read_image_table, path) == (
        "column of images of own.csv: got none of photo, weight, kind, expected one column with the name of an image "
        "file in every row. Name each row's image, such as images/1.png, from the folder of the CSV file."
    )


def test_a_row_without_an_image_is_named(tmp_path: Path) -> None:
    path = _table(tmp_path)
    path.write_text(path.read_text().replace("images/7.png", ""))
    assert refused(read_image_table, path) == (
        "column of images of own.csv, line 9: got nothing, expected the name of an image file. Fill it in, or leave "
        "the row out."
    )


def test_the_column_of_images_is_not_predicted(tmp_path: Path) -> None:
    assert refused(read_image_table, _table(tmp_path), target="photo") == (
        "column of images of own.csv: got 'photo', which is to be predicted, expected one column with the name of an "
        "image beside the column to predict. Name the column to predict by --target."
    )


@pytest.mark.parametrize("separator", ["", "\\"])
def test_names_of_digits_and_of_windows(tmp_path: Path, separator: str) -> None:
    path = _table(tmp_path)
    plain = read_image_table(path, size=8)
    text = path.read_text().replace("images/", f"images{separator}" if separator else "")
    other = path if separator else tmp_path / "images" / "own.csv"
    other.write_text(text)
    assert torch.equal(read_image_table(other, size=8).inputs[0], plain.inputs[0])


def test_an_image_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = _table(tmp_path)
    (tmp_path / "images" / "7.png").unlink()
    assert refused(read_image_table, path) == (
        f"image images/7.png: got nothing at {tmp_path / 'images' / '7.png'}, expected a file that can be read. "
        "Check the path, or take the image out."
    )
