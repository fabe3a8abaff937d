"""Folders of alphabets: characters, one-hot alphabets, a declared split that overlaps, and refusals."""

from __future__ import annotations

import csv
import shutil
import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image

from paribus.data.readers.omniglot import read_omniglot
from paribus.data.splits import random_split
from paribus.seeding import Streams
from tests.helpers.refusals import refused

NAMES = {"Greek": ("character01", "character02"), "Latin": ("character01",)}


def _drawing(path: Path, seed: int) -> None:
    """Save a drawing of black and white noise, different for each seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = torch.rand(105, 105, generator=torch.Generator().manual_seed(seed))
    Image.fromarray((255 * (noise > 0.5)).to(torch.uint8).numpy()).convert("1").save(path)


def _folder(root: Path, count: int = 3) -> Path:
    for i, (alphabet, characters) in enumerate(NAMES.items()):
        for k, character in enumerate(characters):
            for n in range(count):
                _drawing(root / alphabet / character / f"{n}.png", 100 * i + 10 * k + n)
    return root


def _split(file: Path, rows: dict[str, tuple[object, object]]) -> Path:
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "alphabet", "in_train", "in_test"])
        writer.writerows([path, path.partition("/")[0], *flags] for path, flags in rows.items())
    return file


def _declared(root: Path, **changes: tuple[object, object]) -> Path:
    """Declare two drawings of each character training, one test; changes are by name of a drawing of Latin."""
    rows: dict[str, tuple[object, object]] = {}
    for alphabet, characters in NAMES.items():
        for character in characters:
            for n in range(3):
                rows[f"{alphabet}/{character}/{n}.png"] = (int(n < 2), int(n == 2))
    rows |= {f"Latin/character01/{n[1:]}.png": flags for n, flags in changes.items()}
    _split(_folder(root) / "split.csv", rows)
    return root


def test_characters_are_counted_over_all_alphabets(tmp_path: Path) -> None:
    data = read_omniglot(_folder(tmp_path), size=16)
    assert data.classes == ("Greek/character01", "Greek/character02", "Latin/character01")
    assert data.targets[0].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert data.input_shapes == ((1, 16, 16), (2,))
    assert data.inputs[0].dtype == torch.uint8
    assert (data.feature_axes, data.groups, data.declared) == ((1, None), None, None)
    assert data.notes == ("3 characters of 2 alphabets", "9 drawings of 105x105 pixels")


def test_the_alphabet_is_one_hot_or_a_target_or_left_out(tmp_path: Path) -> None:
    _folder(tmp_path)
    hot = read_omniglot(tmp_path)
    assert hot.inputs[1].tolist() == [[1.0, 0.0]] * 6 + [[0.0, 1.0]] * 3
    assert (len(hot.targets), hot.output_sizes) == (1, (3,))
    two_targets = read_omniglot(tmp_path, further="target")
    assert (len(two_targets.inputs), two_targets.targets[1].tolist()) == (1, [0] * 6 + [1] * 3)
    assert (two_targets.further_classes, two_targets.output_sizes) == (
        (("Greek", "Latin"),),
        (3, 1),
    )
    alone = read_omniglot(tmp_path, further="none")
    assert (len(alone.inputs), len(alone.targets)) == (1, 1)


def test_pixels_are_those_of_the_files_resized(tmp_path: Path) -> None:
    _folder(tmp_path)
    data = read_omniglot(tmp_path, size=105)
    with Image.open(tmp_path / "Latin" / "character01" / "1.png") as image:
        pixels = torch.tensor(list(image.convert("L").tobytes())).view(105, 105)
    assert torch.equal(data.inputs[0][7, 0], pixels.to(torch.uint8))


def test_a_folder_round_the_alphabets_stands_for_them(tmp_path: Path) -> None:
    inside = read_omniglot(_folder(tmp_path / "outer" / "images_background"))
    assert read_omniglot(tmp_path / "outer").digest == inside.digest


def test_a_declared_split_is_kept(tmp_path: Path) -> None:
    data = read_omniglot(_declared(tmp_path / "letters"))
    assert data.declared is not None
    assert data.declared.tolist() == [0, 0, 2] * 3
    assert "split declared by split.csv" in data.notes
    assert not any("overlaps" in note for note in data.notes)


def test_a_split_in_the_outer_folder_counts(tmp_path: Path) -> None:
    _declared(tmp_path / "outer" / "letters")
    shutil.move(tmp_path / "outer" / "letters" / "split.csv", tmp_path / "outer" / "split.csv")
    assert read_omniglot(tmp_path / "outer").declared is not None


def test_an_overlap_of_a_declared_split_is_named_and_left_out_of_training(tmp_path: Path) -> None:
    data = read_omniglot(_declared(tmp_path, _1=(1, 1)))
    assert data.declared is not None
    assert data.declared.tolist() == [0, 0, 2, 0, 0, 2, 0, 2, 2]
    assert (
        "the declared split overlaps: 1 of its 4 test drawings are in its training part too "
        "(Latin/character01/1.png); they are left out of training"
    ) in data.notes


def test_drawings_in_no_part_are_left_out_and_counted(tmp_path: Path) -> None:
    data = read_omniglot(_declared(tmp_path, _1=(0, 0)))
    assert len(data) == 8
    assert "drawings in no part of the declared split, left out: 1" in data.notes


def test_copies_across_a_declared_split_are_found_by_their_bytes(tmp_path: Path) -> None:
    root = _declared(tmp_path)
    place = root / "Greek" / "character01"
    shutil.copy(place / "2.png", place / "0.png")
    data = read_omniglot(root)
    assert len(data) == 8
    assert any("cross the declared split" in note and "0.png" in note for note in data.notes)


def test_copies_stay_on_one_side_of_a_drawn_split(tmp_path: Path) -> None:
    _folder(tmp_path, count=10)
    place = tmp_path / "Greek" / "character01"
    shutil.copy(place / "0.png", place / "1.png")
    data = read_omniglot(tmp_path)
    assert data.groups is not None
    assert data.groups[0] == data.groups[1]
    split = random_split(data, Streams(0).generator("split"))
    sides = [{0, 1} & set(split.indices(part).tolist()) for part in ("train", "validation", "test")]
    assert {0, 1} in sides


def test_the_digest_tells_drawings_and_split_apart(tmp_path: Path) -> None:
    _declared(tmp_path)
    first = read_omniglot(tmp_path).digest
    assert read_omniglot(tmp_path).digest == first
    (tmp_path / "split.csv").unlink()
    second = read_omniglot(tmp_path).digest
    _drawing(tmp_path / "Latin" / "character01" / "0.png", 77)
    assert len({first, second, read_omniglot(tmp_path).digest}) == 3


def test_what_is_no_folder_of_alphabets_is_refused(tmp_path: Path) -> None:
    assert refused(read_omniglot, _folder(tmp_path / "x") / "Greek") == (
        "folder Greek: got no alphabets with drawings, expected two or more folders <alphabet>/<character>/*.png. "
        "Put each character's drawings into a folder of its own, in a folder of its alphabet."
    )


def test_a_character_with_one_drawing_is_refused(tmp_path: Path) -> None:
    _folder(tmp_path)
    for n in (0, 1):
        (tmp_path / "Latin" / "character01" / f"{n}.png").unlink()
    assert refused(read_omniglot, tmp_path) == (
        f"character 'Latin/character01' of {tmp_path.name}: got 1 drawing, expected at least 2. "
        "Add drawings, or take the character out."
    )


def test_a_split_that_is_none_is_refused(tmp_path: Path) -> None:
    _declared(tmp_path / "a", _9=(1, 0))
    assert refused(read_omniglot, tmp_path / "a") == (
        "split split.csv: got 1 paths without a drawing, such as Latin/character01/9.png, expected paths "
        "<alphabet>/<character>/<file> of drawings that are there. Unpack the drawings that the split was made for "
        "beside it."
    )
    _declared(tmp_path / "b", _1=("yes", 0))
    assert refused(read_omniglot, tmp_path / "b") == (
        "line 9 of split.csv: got in_train 'yes' and in_test '0', expected 0 or 1 in both. Repair the line."
    )
    root = _declared(tmp_path / "c")
    shutil.copy(root / "split.csv", root / "other.csv")
    assert refused(read_omniglot, root) == (
        "split of c: got 2 files (other.csv, split.csv), expected one CSV file that declares a split, or none. "
        "Leave the one that is to be used."
    )


def test_other_csv_files_are_passed_over(tmp_path: Path) -> None:
    (_folder(tmp_path) / "notes.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    assert read_omniglot(tmp_path).declared is None


def test_a_drawing_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (_folder(tmp_path) / "Latin" / "character01" / "1.png").write_bytes(b"nothing")
    assert "Latin/character01/1.png, no image" in refused(read_omniglot, tmp_path)


@pytest.mark.real_data
@pytest.mark.slow
def test_the_split_of_omniglot_found_in_the_wild_overlaps(tmp_path: Path, real_data: Path) -> None:
    """Of its 12 149 test drawings 7269 are training drawings too, as counted in the file by itself.

    And one more is the same drawing, byte for byte, under another name.
    """
    place = real_data / "omniglot"
    with zipfile.ZipFile(place / "omniglot-py" / "images_background.zip") as archive:
        archive.extractall(tmp_path)
    shutil.copy(place / "split_with_overlap.csv", tmp_path)
    data = read_omniglot(tmp_path, size=8)
    assert (len(data), len(data.classes), data.inputs[1].shape[1]) == (19_279, 964, 30)
    assert data.declared is not None
    assert data.declared.bincount().tolist() == [7130, 0, 12_149]
    (note,) = (n for n in data.notes if "overlaps" in n)
    assert note.startswith("the declared split overlaps: 7269 of its 12149 test drawings")
    assert any("files that cross the declared split" in n and ": 1 (" in n for n in data.notes)
