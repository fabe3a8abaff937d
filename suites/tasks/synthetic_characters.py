"""Characters of ten scripts, each drawn twenty times: what is written, and in which alphabet."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from paribus import Dataset, ParibusError, Task, call
from paribus.data.cache import cached_array
from paribus.data.dataset import digest_tensors
from paribus.suites.tasks.metrics import accuracy, log_loss, of_output

# The first twenty letters of each in the order of Unicode, Hebrew's final forms left out; all are in DejaVu Sans.
ALPHABETS = {
    "Arabic": "ابتثجحخدذرزسشصضطظعغف",
    "Armenian": "աբգդեզէըթժիլխծկհձղճմ",
    "Cyrillic": "АБВГДЕЖЗИЙКЛМНОПРСТУ",
    "Georgian": "აბგდევზთიკლმნოპჟრსტუ",
    "Greek": "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥ",
    "Hebrew": "אבגדהוזחטיכלמנסעפצקר",
    "Latin": "ABCDEFGHIJKLMNOPQRST",
    "N'Ko": "ߊߋߌߍߎߏߐߑߒߓߔߕߖߗߘߙߚߛߜߝ",
    "Ogham": "ᚁᚂᚃᚄᚅᚆᚇᚈᚉᚊᚋᚌᚍᚎᚏᚐᚑᚒᚓᚔ",
    "Tifinagh": "ⴰⴱⴲⴳⴴⴵⴶⴷⴸⴹⴺⴻⴼⴽⴾⴿⵀⵁⵂⵃ",
}
FONT = "fonts/ttf/DejaVuSans.ttf"
STROKES = (0, 1, 2)  # pixels that the pen adds on each side, at twice the final size


def synthetic_characters(
    size: int = 32, drawings: int = 20, further: str = "input", scripts: Sequence[str] = ()
) -> Dataset:
    """Letters of ten alphabets, twenty of each, drawn with strokes, shifts and rotations of their own; always the same.

    Each drawing is the letter of a printed font, dark on light, in one of three widths of pen, turned by up to 15
    degrees, scaled by 0.85 to 1.1, shifted by up to a sixteenth of its height, and crossed by a short stray stroke.
    They stand in for Omniglot (B. Lake, R. Salakhutdinov and J. Tenenbaum, Science 350, 2015), with 105x105
    drawings of 964 characters by twenty hands each. Some letters of Latin, Greek and Cyrillic have one shape, so that
    only the alphabet tells them apart.

    Args:
        size: height and width in pixels.
        drawings: of each character.
        further: where the alphabet goes: ``"input"`` for a second input, one-hot ``(sample, alphabet)``; ``"target"``
            for a second target ``(sample,)``; ``"none"`` leaves it out.
        scripts: alphabets by name; all of them if none is named.

    Returns:
        Inputs ``(sample, 1, size, size)`` in uint8; targets ``(sample,)`` of character numbers.

    Raises:
        ParibusError: an argument is none of its choices.
    """
    names = tuple(scripts) or tuple(ALPHABETS)
    _check(further, names)
    letters = [(k, letter) for k, name in enumerate(names) for letter in ALPHABETS[name]]
    font = _font()
    made_from = [_digest(font), _digest(Path(__file__)), _pillow(), letters, size, drawings]
    pixels = cached_array("glyphs", made_from, lambda: _drawn(font, letters, size, drawings))
    images = torch.from_numpy(pixels).unsqueeze(1)
    characters = torch.arange(len(letters)).repeat_interleave(drawings)
    alphabet = torch.tensor([k for k, _ in letters]).repeat_interleave(drawings)
    one_hot = torch.nn.functional.one_hot(alphabet, len(names)).float()
    inputs = (images, one_hot) if further == "input" else (images,)
    targets = (characters, alphabet) if further == "target" else (characters,)
    return Dataset(
        name="synthetic characters",
        origin=f"letters of {len(names)} alphabets, drawn from a font with strokes, shifts and rotations",
        inputs=inputs,
        targets=targets,
        feature_axes=(1, None)[: len(inputs)],
        classes=tuple(f"{names[k]}/{letter}" for k, letter in letters),
        further_classes=(names,) if further == "target" else (),
        features=("grey",),
        digest=digest_tensors((*inputs, *targets)),
    )


def _check(further: str, names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in ALPHABETS]
    if unknown:
        raise ParibusError(
            "scripts of synthetic characters",
            got=repr(unknown[0]),
            expected=f"some of {', '.join(ALPHABETS)}",
            fix="Name these, or none to have all.",
        )
    if further not in ("input", "target", "none"):
        raise ParibusError(
            "place of the alphabet in synthetic characters",
            got=repr(further),
            expected="one of input, target, none",
            fix="Choose one of these.",
        )


def _font() -> Path:
    """Return the font that matplotlib ships, whichever others the machine has."""
    from matplotlib import get_data_path

    return Path(get_data_path()) / FONT


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _pillow() -> str:
    from PIL import __version__

    return __version__


def _drawn(font: Path, letters: Sequence[tuple[int, str]], size: int, drawings: int) -> np.ndarray:
    """Every drawing of every letter, ``(letter * drawing, size, size)`` of grey levels from 0 (ink) to 255."""
    from PIL import ImageFont

    face = ImageFont.truetype(font, round(1.4 * size))
    generator = torch.Generator().manual_seed(20_151_211)
    draws = torch.rand(len(letters), drawings, 10, generator=generator).tolist()
    images = []
    for (_, letter), each in zip(letters, draws, strict=True):
        printed = [_printed(face, letter, 2 * size, width) for width in STROKES]
        images += [_one(printed, size, u) for u in each]
    return np.stack(images)


def _printed(face: object, letter: str, side: int, width: int) -> object:
    """Return the letter in white on black, its box in the middle of a square, by a pen of this width."""
    from PIL import Image, ImageDraw

    image = Image.new("L", (side, side))
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = draw.textbbox((0, 0), letter, font=face, stroke_width=width)
    place = ((side - left - right) / 2, (side - top - bottom) / 2)
    draw.text(place, letter, fill=255, font=face, stroke_width=width)
    return image


def _one(printed: Sequence[object], size: int, u: Sequence[float]) -> np.ndarray:
    """One drawing from ten numbers of U(0, 1): the pen, a turn, a scale, a shift, and a stray stroke."""
    from PIL import Image, ImageDraw

    image = printed[int(u[0] * len(printed))]
    angle, scale = np.deg2rad(30 * u[1] - 15), 2 / (0.85 + 0.25 * u[2])
    c, s, middle = scale * np.cos(angle), scale * np.sin(angle), size / 2
    x, y = (middle + size / 8 * (v - 0.5) for v in u[3:5])
    # Where each pixel of the drawing is found in the print: a turn and a scale about its middle.
    back = (c, s, size - c * x - s * y, -s, c, size + s * x - c * y)
    drawing = image.transform((size, size), Image.Transform.AFFINE, back, Image.Resampling.BILINEAR)
    start, turn = (size * u[5], size * u[6]), 2 * np.pi * u[7]
    reach = size / 8 * (1 + u[8])
    end = (start[0] + reach * np.cos(turn), start[1] + reach * np.sin(turn))
    ImageDraw.Draw(drawing).line((start, end), fill=int(128 + 127 * u[9]), width=1)
    return 255 - np.asarray(drawing)


CHARACTER_METRICS = (
    log_loss(
        0.1,
        "it is a factor of 1.1 in the probability of the right one of 200 characters; guessing scores 5.3",
    ),
    accuracy(0.02),
)
SYNTHETIC_CHARACTERS = Task(
    name="synthetic_characters",
    source=call(synthetic_characters, size=16),
    reader=call("paribus.data.readers.omniglot:read_omniglot"),
    split=call("paribus.data.splits:random_split"),
    loss=call("paribus.metrics:log_loss"),
    metrics=CHARACTER_METRICS,
    dummy={"prior": call("paribus.data.dummy:prior")},
)
"""Image and its alphabet; which character is it?"""

SCRIPTS = SYNTHETIC_CHARACTERS.model_copy(
    update={
        "source": call(synthetic_characters, size=16, further="target"),
        "reader": call("paribus.data.readers.omniglot:read_omniglot", further="target"),
        "loss": call("paribus.metrics:weighted_log_loss", weights=[1.0, 1.0]),
        "metrics": tuple(
            of_output(metric, place, f"{what}_{metric.name}")
            for metric in CHARACTER_METRICS
            for place, what in enumerate(("character", "alphabet"))
        ),
        "dummy": {"priors": call("paribus.data.dummy:priors")},
    }
)
"""Image alone; which character is it, and of which alphabet?"""
