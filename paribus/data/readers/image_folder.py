"""Folders of images: one folder a class, perhaps under one folder for training and one for test."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch

from paribus.data.dataset import Dataset
from paribus.data.paths import usable_path
from paribus.data.readers.doubts import spelled_alike
from paribus.data.readers.header import listed
from paribus.data.readers.image_decoding import decode_images, image_suffixes
from paribus.data.readers.image_files import (
    PART_NAMES,
    ImageFile,
    copies,
    copies_across_parts,
    digest_of,
    entries,
    folders,
    location,
    outside,
    root_folder,
)
from paribus.data.reading import Reading
from paribus.errors import ParibusError, at_least

MIN_IMAGES = 2  # of a class, one for training and one for the test part
PART_WORDS = {
    **dict.fromkeys(("train", "training", "trainset"), 0),
    **dict.fromkeys(("val", "valid", "validation", "dev", "valset"), 1),
    **dict.fromkeys(("test", "testing", "testset"), 2),
}


def read_image_folder(path: str | Path, target: str | None = None, size: int = 32) -> Dataset:
    """Read a folder of class folders of images, or a folder that holds one such folder for each part of a split.

    The folders of a split are recognised by their names, in which train, test and perhaps val stand as words, as in
    ``clouds_train`` and ``clouds_test``. Files with the same bytes are copies: where the split is drawn, they stay
    on one side of it; where it is declared, the copy in the later part (test after validation after training) is kept
    and the others are left out.

    Args:
        path: the folder, whose links are followed. Files that start with a dot or are no images by their names are
            passed over, and counted by suffix.
        target: not used; a folder has no columns.
        size: height and width that each image is resized to, in pixels.

    Returns:
        Inputs ``(sample, channel, size, size)`` in uint8, of one channel if all images are grey and else three; targets
        ``(sample,)`` of class numbers; classes named for their folders.

    Raises:
        ParibusError: no such folder, no class folders, a single class, a class with no images or one (in a declared
            validation or test part: with none), or an image that cannot be read.
    """
    root = root_folder(
        usable_path(path),
        target,
        "images",
        "a folder with a folder of images for each class",
        named="classes",
    )
    parts = _parts(root)
    files, passed = _discovered(root, parts)
    if not parts:
        _refuse_folders_of_classes(root, files)
    left_out, crossed = copies_across_parts(files)
    kept = [i for i, file in enumerate(files) if file not in left_out]
    kept_files = [files[i] for i in kept]
    classes = _classes(root, parts, kept_files, passed)
    pixels, grey, sizes = decode_images(root, [(f.name, f.file) for f in files], size)
    groups, copied = copies(kept_files)
    inputs = pixels[kept, :1] if grey else pixels[kept]
    return Dataset(
        name=root.name,
        origin=f"the folder {root.name}, images resized to {size}x{size}",
        inputs=(inputs,),
        targets=(torch.tensor([classes.index(file.label) for file in kept_files]),),
        classes=classes,
        features=("grey",) if grey else ("red", "green", "blue"),
        groups=groups,
        declared=torch.tensor([file.part for file in kept_files]) if parts else None,
        digest=digest_of(files),
        notes=(
            f"{len(files)} images of {sizes}",
            *_note(passed),
            *outside(root, kept_files),
            *spelled_alike("classes", classes),
            *crossed,
            *copied,
        ),
        readings=(
            Reading(
                root.name, f"images of {size}x{size} pixels", f"{len(files)} images of {sizes}"
            ),
            *_readings(kept_files, classes),
            *(Reading(kind, "passed over", f"{n} files") for kind, n in passed.counts.items()),
        ),
    )


def _note(passed: _PassedOver) -> tuple[str, ...]:
    said = ", ".join(f"{count} {kind}" for kind, count in passed.counts.items())
    return (f"files passed over, by suffix or reason: {said}",) if said else ()


def _readings(files: list[ImageFile], classes: tuple[str, ...]) -> Iterator[Reading]:
    """Yield what each class folder became: how many images of each suffix, in each part."""
    for label in classes:
        own = [file for file in files if file.label == label]
        suffixes = Counter(file.file.suffix.lower() for file in own)
        parts = Counter(PART_NAMES[file.part] for file in own if file.part >= 0)
        counts = [f"{n} {kind}" for kind, n in (*suffixes.most_common(), *parts.items())]
        yield Reading(label, f"class {label!r}", f"{len(own)} images: {', '.join(counts)}")


def _parts(root: Path) -> dict[int, Path]:
    """Return the folder of each part of a declared split; none if the folders in ``root`` are not all such.

    Raises:
        ParibusError: all are by their names, but no split is made of them.
    """
    parts: dict[int, Path] = {}
    inner, others = folders(root), False
    for folder in inner:
        words = set(re.split(r"[^a-z]+", folder.name.lower())) & PART_WORDS.keys()
        numbers = {PART_WORDS[word] for word in words}
        if len(numbers) == 1:
            parts[numbers.pop()] = folder
        else:
            others = True
    if len(parts) == len(inner) and {0, 2} <= parts.keys() and all(map(folders, inner)):
        return parts
    holding = sum(bool(folders(folder)) for folder in parts.values())
    if len(parts) < 2 or holding < 1 + others:
        return {}
    raise ParibusError(
        f"folder {root.name}",
        got=f"folders {listed(folder.name for folder in inner)}, {'some of ' * others}which are named as parts of a "
        "split",
        expected="one for training, one for test and perhaps one for validation, with a folder for each class in each",
        fix=f"Complete them, or name the one that holds the classes, such as {root.name}/{parts[min(parts)].name}, so "
        "that parts are drawn.",
    )


def _refuse_folders_of_classes(root: Path, files: list[ImageFile]) -> None:
    """Refuse folders that hold the same folders each and no images beside them: which of the two name the classes?"""
    inside: dict[str, set[str]] = defaultdict(set)
    for file in files:
        _, *between, _ = Path(file.name).parts
        inside[file.label].add(between[0] if between else "")
    common = set.intersection(*inside.values()) if inside else set()
    if len(inside) > 1 and len(common) > 1 and not any("" in names for names in inside.values()):
        first = min(inside)
        raise ParibusError(
            f"folder {root.name}",
            got=f"folders {listed(sorted(inside))}, which all hold folders {listed(sorted(common))}",
            expected="one folder of images for each class, perhaps in folders train, val and test",
            fix=f"If the inner folders are the classes, name one outer folder, such as {root.name}/{first}, or call "
            "them train and test; if the outer ones are, move the images up into them.",
        )


@dataclass
class _PassedOver:
    """Files that are not read, by why and, where they are in a class folder, by class.

    Attributes:
        suffixes: of those that are no images by their names.
        others: how many are hidden, in no class folder, or links to nothing.
        of_class: suffixes in each class folder.
    """

    suffixes: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    of_class: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    @property
    def counts(self) -> dict[str, int]:
        """How many there are of each kind, by a name for people."""
        return {**dict(self.suffixes.most_common()), **self.others}

    def in_class(self, label: str) -> str:
        """Return what was passed over in a class folder, in a phrase."""
        return ", ".join(f"{n} {suffix}" for suffix, n in self.of_class[label].most_common())


def _discovered(root: Path, parts: dict[int, Path]) -> tuple[list[ImageFile], _PassedOver]:
    """Return every image in every class folder, in the order of their paths, and what was passed over."""
    images, passed, suffixes = [], _PassedOver(), image_suffixes()
    files = sorted(_files(root), key=lambda f: f.relative_to(root).as_posix())
    for file in files:
        name = file.relative_to(root).as_posix()
        of = [(part, f) for part, f in (parts or {-1: root}).items() if file.is_relative_to(f)]
        part, folder = of[0] if of else (-1, root)
        inside = file.relative_to(folder).parts
        suffix = file.suffix.lower()
        if any(piece.startswith((".", "__")) for piece in file.relative_to(root).parts):
            passed.others["hidden"] += 1
        elif not file.is_file():
            passed.others["devices or pipes" if file.exists() else "links to nothing"] += 1
        elif not of or len(inside) < 2:
            passed.others["in no class folder"] += 1
        elif suffix in suffixes:
            images.append(ImageFile.read(file, name, inside[0], part))
        else:
            passed.suffixes[suffix or "no suffix"] += 1
            passed.of_class[inside[0]][suffix or "no suffix"] += 1
    return images, passed


def _files(root: Path) -> Iterator[Path]:
    """Yield every file below a folder; links to folders are followed, unless they lead to a folder above."""
    waiting: list[tuple[Path, tuple[Path, ...]]] = [
        (root, (root.resolve(), *root.resolve().parents))
    ]
    while waiting:
        folder, above = waiting.pop()
        for path in entries(folder):
            if not path.is_dir():
                yield path
            elif (real := path.resolve()) not in above:
                waiting.append((path, (*above, real)))


def _classes(
    root: Path, parts: dict[int, Path], files: list[ImageFile], passed: _PassedOver
) -> tuple[str, ...]:
    """Return the names of the classes, each with enough images in each part."""
    there = {
        part: {f.name for f in folders(folder)} for part, folder in (parts or {-1: root}).items()
    }
    names = set().union(*there.values())
    if len(names) < 2 and not files and passed.suffixes:
        held = ", ".join(f"{n} {kind}" for kind, n in passed.counts.items())
        raise ParibusError(
            f"folder {root.name}",
            got=f"no image in a class folder ({held})",
            expected="a folder of images (jpg, png, bmp, tif, webp, gif) for each of two classes or more",
            fix="Put the images of each class into a folder named for it. What torchvision.datasets reads is given in "
            "Python, as data= of paribus.compare.",
        )
    if len(names) < 2:
        below = _folder_of_folders(root)
        raise ParibusError(
            f"folder {root.name}",
            got=f"the single class folder {min(names)!r}" if names else "no class folders",
            expected="a folder of images for each of two classes or more",
            fix=f"Name {below.relative_to(root.parent)}, which holds {len(folders(below))} folders, in its place."
            if below
            else "Put the images of each class into a folder named for it.",
        )
    for part in sorted(there):
        for name in sorted(names):
            at_least(
                f"class folder {name!r} {location(part) if parts else f'of {root.name}'}",
                sum(file.label == name and file.part == part for file in files),
                1 if part > 0 else MIN_IMAGES,
                unit="image",
                fix="Add images (jpg, png, bmp, tif, webp, gif), or take the class out."
                + (
                    f" Passed over there: {passed.in_class(name)}." if passed.in_class(name) else ""
                ),
            )
    return tuple(sorted(names))


def _folder_of_folders(root: Path) -> Path | None:
    """Return the first folder below ``root`` that holds several, where each above it holds one alone."""
    folder, seen = root, set[Path]()
    while len(inner := folders(folder)) == 1 and folder.resolve() not in seen:
        seen.add(folder.resolve())
        folder = inner[0]
    return folder if len(inner) > 1 else None
