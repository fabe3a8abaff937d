"""Folders of images: one folder a class, perhaps under one folder for training and one for test."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from paribus.data.dataset import Dataset
from paribus.data.readers.image_decoding import decode_images
from paribus.data.readers.image_files import (
    ImageFile,
    copies,
    copies_across_parts,
    digest_of,
    folders,
    location,
    root_folder,
)
from paribus.errors import ParibusError, at_least

MIN_IMAGES = 2  # of a class, one for training and one for the test part
PART_WORDS = {"train": 0, "training": 0, "val": 1, "valid": 1, "validation": 1, "dev": 1, "test": 2}


def read_image_folder(path: str | Path, target: str | None = None, size: int = 32) -> Dataset:
    """Read a folder of class folders of images, or a folder that holds one such folder for each part of a split.

    The folders of a split are recognised by their names, in which train, test and perhaps val stand as words, as in
    ``clouds_train`` and ``clouds_test``. Files with the same bytes are copies: where the split is drawn, they stay
    on one side of it; where it is declared, the copy in the later part (test after validation after training) is kept
    and the others are left out.

    Args:
        path: the folder. Files that start with a dot or are no images by their names are passed over.
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
        Path(path).expanduser(),
        target,
        "images",
        "a folder with a folder of images for each class",
        named="classes",
    )
    parts = _parts(root)
    files, passed_over = _discovered(root, parts)
    left_out, crossed = copies_across_parts(files)
    kept = [i for i, file in enumerate(files) if file not in left_out]
    kept_files = [files[i] for i in kept]
    classes = _classes(root, parts, kept_files)
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
        notes=(f"{len(files)} images of {sizes}", *passed_over, *crossed, *copied),
    )


def _parts(root: Path) -> dict[int, Path]:
    """Return the folder of each part of a declared split; none if the folders in ``root`` are not all such."""
    parts: dict[int, Path] = {}
    for folder in folders(root):
        words = set(re.split(r"[^a-z]+", folder.name.lower())) & PART_WORDS.keys()
        numbers = {PART_WORDS[word] for word in words}
        if len(numbers) != 1 or not folders(folder) or (number := numbers.pop()) in parts:
            return {}
        parts[number] = folder
    return parts if {0, 2} <= parts.keys() else {}


def _discovered(root: Path, parts: dict[int, Path]) -> tuple[list[ImageFile], tuple[str, ...]]:
    """Return every image in every class folder, in the order of their paths, and a note of what was passed over."""
    from torchvision.datasets.folder import IMG_EXTENSIONS

    images, files = [], [f for f in root.rglob("*") if f.is_file()]
    for file in sorted(files, key=lambda f: f.relative_to(root).as_posix()):
        name = file.relative_to(root).as_posix()
        for part, folder in (parts or {-1: root}).items():
            inside = file.relative_to(folder).parts if file.is_relative_to(folder) else ()
            hidden = any(piece.startswith((".", "__")) for piece in inside)
            if len(inside) > 1 and not hidden and file.suffix.lower() in IMG_EXTENSIONS:
                images.append(ImageFile.read(file, name, inside[0], part))
    others = len(files) - len(images)
    note = f"files passed over, as they are hidden, no images by their names, or in no class folder: {others}"
    return images, (note,) if others else ()


def _classes(root: Path, parts: dict[int, Path], files: list[ImageFile]) -> tuple[str, ...]:
    """Return the names of the classes, each with enough images in each part."""
    there = {
        part: {f.name for f in folders(folder)} for part, folder in (parts or {-1: root}).items()
    }
    names = set().union(*there.values())
    if len(names) < 2:
        raise ParibusError(
            f"folder {root.name}",
            got=f"the single class folder {min(names)!r}" if names else "no class folders",
            expected="a folder of images for each of two classes or more",
            fix="Put the images of each class into a folder named for it.",
        )
    for part in sorted(there):
        for name in sorted(names):
            at_least(
                f"class folder {name!r} {location(part) if parts else f'of {root.name}'}",
                sum(file.label == name and file.part == part for file in files),
                1 if part > 0 else MIN_IMAGES,
                unit="image",
                fix="Add images (jpg, png, bmp, tif, webp), or take the class out.",
            )
    return tuple(sorted(names))
