"""Image files decode_images into tensors of one size, or the reason why one cannot be."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from paribus.errors import ParibusError

MAX_NAMED = 3
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


def first_of(texts: Sequence[str], separator: str = ", ", last: str = " and") -> str:
    """Return the first three texts, and how many more there are.

    >>> first_of("abcde")
    'a, b, c and 2 more'
    """
    more = f"{last} {len(texts) - MAX_NAMED} more" if len(texts) > MAX_NAMED else ""
    return separator.join(texts[:MAX_NAMED]) + more


def decode_images(
    root: Path, files: Sequence[tuple[str, Path]], size: int
) -> tuple[Tensor, bool, str]:
    """Return the images ``(sample, 3, size, size)`` in uint8, whether all are grey, and a text of their own sizes.

    Args:
        root: the folder that they are in, for people.
        files: their names for people, and where they are.
        size: height and width that each is resized to, in pixels.

    Raises:
        ParibusError: some cannot be read whole.
    """
    results = [(name, _decoded(file, size)) for name, file in files]
    broken = [f"{name}, {result}" for name, result in results if isinstance(result, str)]
    if broken:
        raise ParibusError(
            f"images of {root.name}",
            got=f"{len(broken)} that cannot be used ({first_of(broken, '; ', '; and')})",
            expected="images that can be read whole, of 8 bits a channel",
            fix="Repair them, or take them out of the folder.",
        )
    images = [result for _, result in results if not isinstance(result, str)]
    stack = torch.stack([p.pixels for p in images])
    return stack, all(p.grey for p in images), _sizes({p.size for p in images})


@dataclass(frozen=True)
class _DecodedImage:
    """Pixels ``(3, height, width)`` after resizing, whether the file is grey, and its own width and height."""

    pixels: Tensor
    grey: bool
    size: tuple[int, int]


def _decoded(file: Path, size: int) -> _DecodedImage | str:
    """Decode and resize a file; return the reason where that fails."""
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
            return _DecodedImage(pixels, image.mode in EIGHT_BIT_GREY, image.size)
    except UnidentifiedImageError:
        return "no image"
    except Image.DecompressionBombError:
        return "too large"
    except DECODING_ERRORS as error:
        return str(error) or type(error).__name__


def _sizes(sizes: set[tuple[int, int]]) -> str:
    """Return a text of the images' own sizes, width by height, and whether a square distorts them."""
    texts = [f"{width}x{height}" for width, height in sorted(sizes)]
    text = texts[0] if len(texts) == 1 else f"{len(texts)} sizes from {texts[0]} to {texts[-1]}"
    return f"{text} pixels" + (", stretched to a square" if any(w != h for w, h in sizes) else "")
