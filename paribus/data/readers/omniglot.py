"""Folders of drawings of characters, as Omniglot is: ``<alphabet>/<character>/*.png``."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from paribus.data.dataset import Dataset
from paribus.data.paths import usable_path
from paribus.data.readers.image_decoding import decode_images, first_of
from paribus.data.readers.image_files import (
    ImageFile,
    copies,
    copies_across_parts,
    digest_of,
    entries,
    folders,
    root_folder,
)
from paribus.errors import ParibusError, at_least, error_context

MIN_DRAWINGS = 2  # of a character, one for training and one for the test part
SPLIT_COLUMNS = ("path", "in_train", "in_test")
TRAIN, TEST, NO_PART = 0, 2, -2


def read_omniglot(
    path: str | Path,
    target: str | None = None,
    size: int = 32,
    further: Literal["input", "target", "none"] = "input",
) -> Dataset:
    """Read a folder of alphabets, each a folder of characters, each a folder of drawings.

    A folder that holds one folder alone, as the unpacked archive does, stands for that one. Drawings with the same
    bytes are copies and stay on one side of a split. A CSV file beside the alphabets, or in the outer
    folder, with the columns ``path`` (such as ``Latin/character01/0683_01.png``), ``in_train`` and ``in_test`` (0 or 1)
    declares the split; a drawing that it puts into both parts counts as one of the test part alone, one that it does
    not name is left out, and notes name both.

    Args:
        path: the folder.
        target: not used; a folder has no columns.
        size: height and width that each drawing is resized to, in pixels.
        further: where the alphabet goes: ``"input"`` for a second input, one-hot ``(sample, alphabet)``; ``"target"``
            for a second target ``(sample,)``; ``"none"`` leaves it out.

    Returns:
        Inputs ``(sample, channel, size, size)`` in uint8, of one channel if all drawings are grey and else three;
        targets ``(sample,)`` of character numbers, counted over all alphabets.

    Raises:
        ParibusError: no such folder, fewer than two alphabets or characters, a character with one drawing, a drawing
            that cannot be read, or an invalid split.
    """
    outer = root_folder(
        usable_path(path),
        target,
        "alphabets",
        "a folder <alphabet>/<character>/*.png",
        named="alphabets and characters",
    )
    inside = folders(outer)
    root = inside[0] if len(inside) == 1 else outer
    split = _split_file(root, outer)
    drawings = _discovered(root)
    declared, declared_notes = _declared(split, drawings) if split else (drawings, ())
    left_out, crossed = copies_across_parts(declared)
    files = [f for f in declared if f not in left_out]
    _refuse_few(root, files)
    pixels, grey, sizes = decode_images(root, [(f.name, f.file) for f in files], size)
    groups, copied = copies(files)
    made = Dataset(
        name=root.name,
        origin=f"the folder {root.name}, drawings resized to {size}x{size}",
        inputs=(pixels[:, :1] if grey else pixels,),
        targets=(_numbers([f.label for f in files]),),
        classes=tuple(sorted({f.label for f in files})),
        features=("grey",) if grey else ("red", "green", "blue"),
        groups=groups,
        declared=torch.tensor([f.part for f in files]) if split else None,
        digest=_digest(drawings, split),
        notes=(f"{len(files)} drawings of {sizes}", *declared_notes, *crossed, *copied),
    )
    return _with_alphabets(made, [f.label.partition("/")[0] for f in files], further)


def _with_alphabets(data: Dataset, alphabets: Sequence[str], further: str) -> Dataset:
    """Return the data with each drawing's alphabet as a further input or target."""
    names, numbers = tuple(sorted(set(alphabets))), _numbers(alphabets)
    note = f"{len(data.classes)} characters of {len(names)} alphabets"
    data = replace(data, notes=(note, *data.notes))
    if further == "target":
        return replace(data, targets=(*data.targets, numbers), further_classes=(names,))
    if further == "input":
        inputs = (*data.inputs, one_hot(numbers, len(names)).float())
        return replace(data, inputs=inputs, feature_axes=(1, None))
    return data


def _numbers(names: Sequence[str]) -> Tensor:
    """Return each name's place among all names in alphabetical order, ``(sample,)``."""
    place = {name: i for i, name in enumerate(sorted(set(names)))}
    return torch.tensor([place[name] for name in names])


def _discovered(root: Path) -> list[ImageFile]:
    """Return every drawing, in the order of the names of alphabets, characters and files."""
    drawings = []
    for alphabet in folders(root):
        for character in folders(alphabet):
            label = f"{alphabet.name}/{character.name}"
            for file in sorted(entries(character)):
                if file.suffix == ".png" and not file.name.startswith("."):
                    name = f"{label}/{file.name}"
                    drawings.append(ImageFile.read(file, name, label))
    return drawings


def _refuse_few(root: Path, files: Sequence[ImageFile]) -> None:
    """Refuse what is no folder of alphabets, and characters with too few drawings."""
    labels = [f.label for f in files]
    alphabets = {label.partition("/")[0] for label in labels}
    if len(alphabets) < 2:
        raise ParibusError(
            f"folder {root.name}",
            got=f"{len(alphabets) or 'no'} alphabet{'s' * (len(alphabets) != 1)} with drawings",
            expected="two or more folders <alphabet>/<character>/*.png",
            fix="Put each character's drawings into a folder of its own, in a folder of its alphabet.",
        )
    for label, count in sorted(Counter(labels).items()):
        at_least(
            f"character {label!r} of {root.name}",
            count,
            MIN_DRAWINGS,
            unit="drawing",
            fix="Add drawings, or take the character out.",
        )


def _split_file(*folders: Path) -> Path | None:
    """Return the CSV that declares a split, in the first of the folders that has one.

    Raises:
        ParibusError: there are several.
    """
    every = [
        [f for f in sorted(folder.glob("*.csv")) if f.is_file() and _declares(f)]
        for folder in folders
    ]
    files = next(filter(None, every), [])
    if len(files) > 1:
        raise ParibusError(
            f"split of {folders[0].name}",
            got=f"{len(files)} files ({', '.join(f.name for f in files)})",
            expected="one CSV file that declares a split, or none",
            fix="Leave the one that is to be used.",
        )
    return files[0] if files else None


def _declares(file: Path) -> bool:
    """Return whether a file has the columns of a split."""
    with (
        suppress(OSError, csv.Error),
        file.open(newline="", encoding="utf-8", errors="replace") as stream,
    ):
        return set(SPLIT_COLUMNS) <= set(next(csv.reader(stream), []))
    return False


def _declared(split: Path, files: Sequence[ImageFile]) -> tuple[list[ImageFile], tuple[str, ...]]:
    """Return the drawings that the split names, each with its part, and notes of the split."""
    rows = _rows(split)
    unknown = sorted(rows.keys() - {f.name for f in files})
    if unknown:
        raise ParibusError(
            f"split {split.name}",
            got=f"{len(unknown)} paths without a drawing, such as {unknown[0]}",
            expected="paths <alphabet>/<character>/<file> of drawings that are there",
            fix="Unpack the drawings that the split was made for beside it.",
        )
    placed = [replace(f, part=_part(*rows.get(f.name, (False, False)))) for f in files]
    kept = [f for f in placed if f.part != NO_PART]
    both = [name for name, sides in rows.items() if all(sides)]
    notes = [f"split declared by {split.name}"]
    if both:
        tested = sum(test for _, test in rows.values())
        notes.append(
            f"the declared split overlaps: {len(both)} of its {tested} test drawings are in its training part too "
            f"({first_of(both)}); they are left out of training"
        )
    if len(kept) < len(placed):
        notes.append(
            f"drawings in no part of the declared split, left out: {len(placed) - len(kept)}"
        )
    return kept, tuple(notes)


def _part(in_train: bool, in_test: bool) -> int:
    return TEST if in_test else TRAIN if in_train else NO_PART


def _rows(split: Path) -> dict[str, tuple[bool, bool]]:
    """Return whether each path is in training, and in test.

    Raises:
        ParibusError: a row says neither 0 nor 1.
    """
    rows: dict[str, tuple[bool, bool]] = {}
    with (
        error_context(
            f"split {split.name}", expected="a table in UTF-8 with commas", fix="Save it again."
        ),
        split.open(newline="", encoding="utf-8") as stream,
    ):
        for number, row in enumerate(csv.DictReader(stream), start=2):
            flags = (row["in_train"], row["in_test"])
            if not set(flags) <= {"0", "1"}:
                raise ParibusError(
                    f"line {number} of {split.name}",
                    got=f"in_train {flags[0]!r} and in_test {flags[1]!r}",
                    expected="0 or 1 in both",
                    fix="Repair the line.",
                )
            rows[row["path"]] = (flags[0] == "1", flags[1] == "1")
    return rows


def _digest(files: list[ImageFile], split: Path | None) -> str:
    """Hash the drawings' paths and contents, and the split's."""
    if split is None:
        return digest_of(files)
    return digest_of([*files, ImageFile.read(split, split.name)])
