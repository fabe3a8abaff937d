"""Decode image files into tensors of one size, as a viewer shows them, or say why one cannot be."""

from __future__ import annotations

import logging
import struct
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from paribus.errors import ParibusError

if TYPE_CHECKING:
    from PIL import Image

MAX_NAMED = 3
EIGHT_BIT_GREY = ("1", "L", "LA")
WITH_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")
ORIENTATION, BITS_PER_SAMPLE = 0x0112, 258  # tags of Exif and of TIFF
# Suffixes of files that are read besides those of torchvision; each is one that Pillow has.
FURTHER_SUFFIXES = (
    *(".gif", ".jfif", ".jpe", ".jp2", ".j2k", ".avif", ".apng", ".tga", ".ico", ".pcx", ".dib"),
    *(".pbm", ".pnm"),
)
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


# Pillow logs what it then raises; without a handler that would stand on the terminal twice.
logging.getLogger("PIL").addHandler(logging.NullHandler())


def first_of(texts: Sequence[str], separator: str = ", ", last: str = " and") -> str:
    """Return the first three texts, and how many more there are.

    >>> first_of("abcde")
    'a, b, c and 2 more'
    """
    more = f"{last} {len(texts) - MAX_NAMED} more" if len(texts) > MAX_NAMED else ""
    return separator.join(texts[:MAX_NAMED]) + more


def image_suffixes() -> tuple[str, ...]:
    """Return the suffixes, in lower case, of files that are read as images."""
    from PIL import Image
    from torchvision.datasets.folder import IMG_EXTENSIONS

    known = Image.registered_extensions()
    return (*IMG_EXTENSIONS, *(suffix for suffix in FURTHER_SUFFIXES if suffix in known))


def decode_images(
    root: Path, files: Sequence[tuple[str, Path]], size: int
) -> tuple[Tensor, bool, str]:
    """Return the images ``(sample, 3, size, size)`` in uint8, whether all are grey, and a text of their own sizes.

    They are turned as their Exif data say, and what is transparent is laid on white. Of several frames or pages the
    first counts.

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
            fix="Repair them, save them with 8 bits a channel, or take them out of the folder.",
        )
    images = [result for _, result in results if not isinstance(result, str)]
    stack = torch.stack([p.pixels for p in images])
    said = {
        "laid on white where they are transparent": sum(p.alpha for p in images),
        "turned as their Exif data say": sum(p.turned for p in images),
        "of several frames, of which the first is read": sum(p.frames > 1 for p in images),
        "grey among colour ones": 0 if all(p.grey for p in images) else sum(p.grey for p in images),
    }
    told = [f"{count} {what}" for what, count in said.items() if count]
    return stack, all(p.grey for p in images), "; ".join([_sizes({p.size for p in images}), *told])


@dataclass(frozen=True)
class _DecodedImage:
    """Pixels after resizing, and facts of the file.

    Attributes:
        pixels: ``(3, height, width)``.
        grey: whether the file has no colour.
        size: its own width and height, as it is shown.
        alpha: whether parts of it are transparent.
        turned: whether its Exif data turn it.
        frames: or pages that it has.
    """

    pixels: Tensor
    grey: bool
    size: tuple[int, int]
    alpha: bool
    turned: bool
    frames: int


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
            bits = _too_deep(file, image)
            if bits:
                return bits
            frames, turned = getattr(image, "n_frames", 1), image.getexif().get(ORIENTATION, 1) != 1
            shown, alpha = _as_shown(image)
            resized = transforms.resize(shown.convert("RGB"), [size, size])
            pixels = transforms.pil_to_tensor(resized)
            return _DecodedImage(
                pixels, image.mode in EIGHT_BIT_GREY, shown.size, alpha, turned, frames
            )
    except UnidentifiedImageError:
        return "no image"
    except Image.DecompressionBombError:
        return "too large"
    except DECODING_ERRORS as error:
        return str(error) or type(error).__name__


def _too_deep(file: Path, image: Image.Image) -> str:
    """Return why an image has too many bits or colours of another kind, or nothing.

    Pillow reads 16 bits of colour as 8 without a word, so that the file is asked.
    """
    if image.mode.startswith(("I", "F")):
        return f"of mode {image.mode}, more than 8 bits"
    depths: tuple[int, ...] = (8,)
    if image.format == "PNG":
        with file.open("rb") as stream:
            depths = (stream.read(25)[24],)
    elif image.format == "TIFF":
        depths = tuple(image.tag_v2.get(BITS_PER_SAMPLE, (8,)))  # type: ignore[attr-defined]
    if max(depths) > 8:
        return f"of {max(depths)} bits a channel, more than 8"
    return "of mode LAB, which is not read" if image.mode == "LAB" else ""


def _as_shown(image: Image.Image) -> tuple[Image.Image, bool]:
    """Return an image turned as its Exif data say and laid on white, and whether any of it is transparent."""
    from PIL import Image, ImageOps

    turned = ImageOps.exif_transpose(image)
    if turned.mode not in WITH_ALPHA and "transparency" not in turned.info:
        return turned, False
    layer = turned.convert("RGBA")
    white = Image.new("RGBA", layer.size, "white")
    seen = Image.alpha_composite(white, layer).convert("RGB")
    darkest: tuple[int, int] = layer.getchannel("A").getextrema()  # type: ignore[assignment]
    return seen, darkest[0] < 255


def _sizes(sizes: set[tuple[int, int]]) -> str:
    """Return a text of the images' own sizes, width by height, and whether a square distorts them."""
    texts = [f"{width}x{height}" for width, height in sorted(sizes)]
    text = texts[0] if len(texts) == 1 else f"{len(texts)} sizes from {texts[0]} to {texts[-1]}"
    return f"{text} pixels" + (", stretched to a square" if any(w != h for w, h in sizes) else "")
