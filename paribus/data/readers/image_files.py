"""Image files by name and bytes: copies of each other, and copies across a declared split."""

from __future__ import annotations

import hashlib
import os
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from paribus.data.paths import is_special, is_text
from paribus.data.readers.image_decoding import first_of
from paribus.errors import ParibusError

PART_NAMES = ("training", "validation", "test")


@dataclass(frozen=True)
class ImageFile:
    """File with its path under the folder, its class, its part of the split (-1: none), and the hash of its bytes."""

    file: Path
    name: str
    label: str
    part: int
    digest: str

    @classmethod
    def read(cls, file: Path, name: str, label: str = "", part: int = -1) -> ImageFile:
        """Hash a file's bytes.

        Raises:
            ParibusError: it cannot be read.
        """
        return cls(file, name, label, part, hashlib.sha256(_bytes_of(file, name)).hexdigest())


def root_folder(path: Path, target: str | None, kind: str, expected: str, named: str) -> Path:
    """Return the folder itself, if it is one and no target was given.

    Args:
        path: where it should be.
        target: the column that was asked for, which no folder has.
        kind: contents of the folder, for messages.
        expected: layout of the folder, for messages.
        named: what its folders give their names to, for messages.

    Raises:
        ParibusError: a target was given, or there is no such folder.
    """
    if target is not None:
        raise ParibusError(
            f"target of a folder of {kind}",
            got=repr(target),
            expected=f"nothing: {named} are named for their folders",
            fix="Leave the target out.",
        )
    if path.is_dir():
        return path.resolve()
    raise ParibusError(
        f"a folder of {kind}",
        got=f"a file at {path}" if path.exists() else f"nothing at {path}",
        expected=expected,
        fix="Unpack the archive and give its folder." if path.exists() else "Check the path.",
    )


def entries(folder: Path) -> list[Path]:
    """Return all that is in a folder.

    Raises:
        ParibusError: it cannot be read, or a name in it is no text.
    """
    try:
        found = [*folder.iterdir()]
    except OSError as error:
        raise ParibusError(
            f"folder {folder}",
            got=f"one that cannot be read ({error.strerror})",
            expected="folders that can be read",
            fix="Change its permissions, or move it away.",
        ) from None
    for path in found:
        if not is_text(path):
            raise ParibusError(
                f"a file of folder {folder.name if is_text(folder) else repr(os.fsencode(folder))}",
                got=f"the name {os.fsencode(path.name)!r}, which is no text in {sys.getfilesystemencoding()}",
                expected="names in the encoding of the system",
                fix="Rename it.",
            )
    return found


def folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, by name, hidden ones left out.

    Raises:
        ParibusError: it cannot be read, or a name in it is no text.
    """
    return sorted(f for f in entries(folder) if f.is_dir() and not f.name.startswith((".", "__")))


def outside(root: Path, files: Sequence[ImageFile]) -> tuple[str, ...]:
    """Return a note of the files that links or ``..`` take from outside a folder.

    Args:
        root: the folder, resolved.
        files: that were read.
    """
    folders_of = {file.file.parent for file in files}
    strange = {f for f in folders_of if not f.resolve().is_relative_to(root)}
    found = [
        file.name
        for file in files
        if file.file.parent in strange
        or (file.file.is_symlink() and not file.file.resolve().is_relative_to(root))
    ]
    if not found:
        return ()
    return (
        f"{len(found)} images lie outside the folder, through links or paths: {first_of(found)}",
    )


def _bytes_of(file: Path, name: str) -> bytes:
    try:
        if not is_special(file):
            return file.read_bytes()
    except FileNotFoundError:
        raise ParibusError(
            f"image {name}",
            got=f"nothing at {file}",
            expected="a file that can be read",
            fix="Check the path, or take the image out.",
        ) from None
    except OSError as error:
        raise ParibusError(
            f"image {name}",
            got=f"a file that cannot be read ({error.strerror})",
            expected="a file that can be read",
            fix="Change its permissions, or take it out of the folder.",
        ) from None
    raise ParibusError(
        f"image {name}",
        got="a device or a pipe",
        expected="a file that can be read",
        fix="Check the path, or take the image out.",
    )


def copies_across_parts(files: list[ImageFile]) -> tuple[set[ImageFile], tuple[str, ...]]:
    """Return the files that have a copy in a later part of a declared split, and a note of them."""
    last: dict[str, ImageFile] = {}
    for file in sorted(files, key=lambda f: f.part):
        last[file.digest] = file
    left_out = [file for file in files if file.part < last[file.digest].part]
    if not left_out:
        return set(), ()
    pairs = [(file, last[file.digest]) for file in left_out]
    note = (
        f"files that cross the declared split, left out of the earlier part because their copies stay in the "
        f"later one: {_pairs_text(pairs)}"
    )
    return set(left_out), (note,)


def copies(files: list[ImageFile]) -> tuple[Tensor | None, tuple[str, ...]]:
    """Return a number for each file that copies share, ``(sample,)``, None if there are none, and notes of copies."""
    first: dict[str, ImageFile] = {}
    pairs: dict[int, list[tuple[ImageFile, ImageFile]]] = defaultdict(list)
    for file in files:
        if first.setdefault(file.digest, file) is not file:
            pairs[file.part].append((file, first[file.digest]))
    if not pairs:
        return None, ()
    numbers = {digest: i for i, digest in enumerate(first)}
    notes = tuple(
        f"files with a copy {location(part)}: {_pairs_text(pairs[part])}; {_kept_as(part)}"
        for part in sorted(pairs)
    )
    return torch.tensor([numbers[file.digest] for file in files]), notes


def location(part: int) -> str:
    """Return a phrase for where a file is: the part of a declared split, or the folder."""
    return f"inside the declared {PART_NAMES[part]} part" if part >= 0 else "in the folder"


def _kept_as(part: int) -> str:
    return "each counts as a sample" if part > 0 else "copies stay on one side of a split"


def _pairs_text(pairs: Sequence[tuple[ImageFile, ImageFile]]) -> str:
    """Return how many pairs there are, the first few by name, and how many of them have different classes."""
    named = first_of([f"{a.name} = {b.name}" for a, b in pairs], "; ")
    conflicting = sum(a.label != b.label for a, b in pairs)
    return f"{len(pairs)} ({named})" + (
        f", {conflicting} of them in different classes" if conflicting else ""
    )


def digest_of(files: list[ImageFile]) -> str:
    """Hash the files' paths and contents."""
    sha = hashlib.sha256()
    for file in files:
        sha.update(f"{file.name}\n{file.digest}\n".encode())
    return sha.hexdigest()[:16]
