"""A folder of images: one folder a class, perhaps under one folder for training and one for test."""

from __future__ import annotations

import hashlib
import re
import struct
import warnings
import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from paribus.data import Dataset
from paribus.errors import ParibusError

FEWEST_IMAGES = 2  # of a class, so that one can be learned from and one can judge
MOST_NAMED = 3
PART_WORDS = {"train": 0, "training": 0, "val": 1, "valid": 1, "validation": 1, "dev": 1, "test": 2}
SPOKEN = ("training", "validation", "test")
EIGHT_BIT_GREY = ("1", "L", "LA")
# What decoders raise on bytes that are cut short or wrong.
DECODING_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True)
class _Image:
    """A file: its path under the folder, its class, the part it was put into (-1: none), and the hash of its bytes."""

    file: Path
    name: str
    label: str
    part: int
    digest: str


def read_images(path: str | Path, target: str | None = None, size: int = 32) -> Dataset:
    """Read a folder of class folders of images, or a folder that holds one such folder for each part of a split.

    The folders of a split are known by their names, in which train, test and perhaps val stand as words, as in
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
    root = _root(Path(path).expanduser(), target)
    parts = _parts(root)
    files, passed_over = _discovered(root, parts)
    left_out, crossing = _crossing(files)
    kept = [i for i, file in enumerate(files) if file not in left_out]
    kept_files = [files[i] for i in kept]
    classes = _classes(root, parts, kept_files)
    pictures, grey, sizes = _decoded(root, files, size)
    groups, copies = _copies(kept_files)
    inputs = pictures[kept, :1] if grey else pictures[kept]
    return Dataset(
        name=root.name,
        origin=f"the folder {root.name}, images resized to {size}x{size}",
        inputs=(inputs,),
        targets=(torch.tensor([classes.index(file.label) for file in kept_files]),),
        classes=classes,
        features=("grey",) if grey else ("red", "green", "blue"),
        groups=groups,
        declared=torch.tensor([file.part for file in kept_files]) if parts else None,
        digest=_digest(files),
        notes=(f"{len(files)} images of {sizes}", *passed_over, *crossing, *copies),
    )


def _root(path: Path, target: str | None) -> Path:
    if target is not None:
        raise ParibusError(
            "target of a folder of images",
            got=repr(target),
            expected="nothing: classes are named for their folders",
            fix="Leave the target out.",
        )
    if path.is_dir():
        return path.resolve()
    raise ParibusError(
        "a folder of images",
        got=f"a file at {path}" if path.exists() else f"nothing at {path}",
        expected="a folder with a folder of images for each class",
        fix="Unpack the archive and give its folder." if path.exists() else "Check the path.",
    )


def _folders(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith((".", "__")))


def _parts(root: Path) -> dict[int, Path]:
    """The folder of each part of a declared split; none if the folders in ``root`` are not all such."""
    found: dict[int, Path] = {}
    for folder in _folders(root):
        words = set(re.split(r"[^a-z]+", folder.name.lower())) & PART_WORDS.keys()
        numbers = {PART_WORDS[word] for word in words}
        if len(numbers) != 1 or not _folders(folder) or (number := numbers.pop()) in found:
            return {}
        found[number] = folder
    return found if {0, 2} <= found.keys() else {}


def _discovered(root: Path, parts: dict[int, Path]) -> tuple[list[_Image], tuple[str, ...]]:
    """Every image in every class folder, in the order of their paths, and what was passed over."""
    from torchvision.datasets.folder import IMG_EXTENSIONS

    found, files = [], [f for f in root.rglob("*") if f.is_file()]
    for file in sorted(files, key=lambda f: f.relative_to(root).as_posix()):
        name = file.relative_to(root).as_posix()
        for part, folder in (parts or {-1: root}).items():
            inside = file.relative_to(folder).parts if file.is_relative_to(folder) else ()
            hidden = any(piece.startswith((".", "__")) for piece in inside)
            if len(inside) > 1 and not hidden and file.suffix.lower() in IMG_EXTENSIONS:
                digest = hashlib.sha256(_bytes_of(file, name)).hexdigest()
                found.append(_Image(file, name, inside[0], part, digest))
    others = len(files) - len(found)
    note = f"files passed over, as they are hidden, no images by their names, or in no class folder: {others}"
    return found, (note,) if others else ()


def _bytes_of(file: Path, name: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ParibusError(
            f"image {name}",
            got=f"a file that cannot be read ({error.strerror})",
            expected="a file that can be read",
            fix="Change its permissions, or take it out of the folder.",
        ) from None


def _crossing(files: list[_Image]) -> tuple[set[_Image], tuple[str, ...]]:
    """The files that have a copy in a later part of a declared split, and what to say of them."""
    last: dict[str, _Image] = {}
    for file in sorted(files, key=lambda f: f.part):
        last[file.digest] = file
    left_out = [file for file in files if file.part < last[file.digest].part]
    if not left_out:
        return set(), ()
    pairs = [(file, last[file.digest]) for file in left_out]
    note = (
        f"files that cross the declared split, left out of the earlier part because their copies stay in the "
        f"later one: {_pairs(pairs)}"
    )
    return set(left_out), (note,)


def _copies(files: list[_Image]) -> tuple[Tensor | None, tuple[str, ...]]:
    """A number for each file that copies share, ``(sample,)``, None if there are none; and what to say of copies."""
    first: dict[str, _Image] = {}
    pairs: dict[int, list[tuple[_Image, _Image]]] = defaultdict(list)
    for file in files:
        if first.setdefault(file.digest, file) is not file:
            pairs[file.part].append((file, first[file.digest]))
    if not pairs:
        return None, ()
    numbers = {digest: i for i, digest in enumerate(first)}
    notes = tuple(
        f"files with a copy {_within(part)}: {_pairs(pairs[part])}; {_kept_as(part)}"
        for part in sorted(pairs)
    )
    return torch.tensor([numbers[file.digest] for file in files]), notes


def _within(part: int) -> str:
    return f"inside the declared {SPOKEN[part]} part" if part >= 0 else "in the folder"


def _kept_as(part: int) -> str:
    return "each counts as a sample" if part > 0 else "copies stay on one side of a split"


def _pairs(pairs: Sequence[tuple[_Image, _Image]]) -> str:
    """How many, and the first few by name, told apart if a copy is of another class."""
    named = "; ".join(f"{a.name} = {b.name}" for a, b in pairs[:MOST_NAMED])
    more = f" and {len(pairs) - MOST_NAMED} more" if len(pairs) > MOST_NAMED else ""
    torn = sum(a.label != b.label for a, b in pairs)
    return f"{len(pairs)} ({named}{more})" + (
        f", {torn} of them in different classes" if torn else ""
    )


def _classes(root: Path, parts: dict[int, Path], files: list[_Image]) -> tuple[str, ...]:
    """The names of the classes, each with enough images in each part."""
    there = {
        part: {f.name for f in _folders(folder)} for part, folder in (parts or {-1: root}).items()
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
        least = 1 if part > 0 else FEWEST_IMAGES
        for name in sorted(names):
            count = sum(file.label == name and file.part == part for file in files)
            if count < least:
                _refuse_class(name, _within(part) if parts else f"of {root.name}", count, least)
    return tuple(sorted(names))


def _refuse_class(name: str, where: str, count: int, least: int) -> None:
    raise ParibusError(
        f"class folder {name!r} {where}",
        got=f"{count or 'no'} image{'s' * (count != 1)}",
        expected=f"at least {least}",
        fix="Add images (jpg, png, bmp, tif, webp), or take the class out.",
    )


def _decoded(root: Path, files: list[_Image], size: int) -> tuple[Tensor, bool, str]:
    """All images ``(sample, 3, size, size)`` in uint8, whether all are grey, and their own sizes for people.

    Raises:
        ParibusError: some cannot be read whole.
    """
    results = [(file.name, _picture(file.file, size)) for file in files]
    broken = [f"{name}, {result}" for name, result in results if isinstance(result, str)]
    if broken:
        more = f"; and {len(broken) - MOST_NAMED} more" if len(broken) > MOST_NAMED else ""
        raise ParibusError(
            f"images of {root.name}",
            got=f"{len(broken)} that cannot be used ({'; '.join(broken[:MOST_NAMED])}{more})",
            expected="images that can be read whole, of 8 bits a channel",
            fix="Repair them, or take them out of the folder.",
        )
    pictures = [result for _, result in results if not isinstance(result, str)]
    stack = torch.stack([p.pixels for p in pictures])
    return stack, all(p.grey for p in pictures), _sizes({p.size for p in pictures})


@dataclass(frozen=True)
class _Picture:
    """Pixels ``(3, height, width)`` after resizing, whether the file is grey, and its own width and height."""

    pixels: Tensor
    grey: bool
    size: tuple[int, int]


def _picture(file: Path, size: int) -> _Picture | str:
    """A file decoded and resized; if it cannot be, the reason."""
    from PIL import Image, UnidentifiedImageError
    from torchvision.transforms.v2 import functional as transforms

    try:
        # Warnings are of odd metadata and large files, which can be read all the same.
        with (
            warnings.catch_warnings(action="ignore"),
            file.open("rb") as stream,
            Image.open(stream) as image,
        ):
            if image.mode.startswith(("I", "F")):
                return f"of mode {image.mode}, more than 8 bits"
            resized = transforms.resize(image.convert("RGB"), [size, size])
            pixels = transforms.pil_to_tensor(resized)
            return _Picture(pixels, image.mode in EIGHT_BIT_GREY, image.size)
    except UnidentifiedImageError:
        return "no image"
    except Image.DecompressionBombError:
        return "too large"
    except DECODING_ERRORS as error:
        return str(error) or type(error).__name__


def _sizes(sizes: set[tuple[int, int]]) -> str:
    """The images' own sizes, width by height, and whether a square distorts them."""
    texts = [f"{width}x{height}" for width, height in sorted(sizes)]
    told = texts[0] if len(texts) == 1 else f"{len(texts)} sizes from {texts[0]} to {texts[-1]}"
    return f"{told} pixels" + (", stretched to a square" if any(w != h for w, h in sizes) else "")


def _digest(files: list[_Image]) -> str:
    """Hash of the files' paths and contents."""
    sha = hashlib.sha256()
    for file in files:
        sha.update(f"{file.name}\n{file.digest}\n".encode())
    return sha.hexdigest()[:16]
