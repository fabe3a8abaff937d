"""Drawings of characters: how many, always the same, varied, and told apart by the alphabet where one shape is two."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import torch

from paribus.suites.tasks.synthetic_characters import ALPHABETS, FONT, synthetic_characters
from tests.helpers.refusals import refused


def test_there_are_two_hundred_characters_of_ten_alphabets() -> None:
    data = synthetic_characters()
    assert data.input_shapes == ((1, 32, 32), (10,))
    assert (len(data), len(data.classes)) == (4000, 200)
    assert data.targets[0].bincount().tolist() == [20] * 200
    assert data.inputs[1].sum(0).tolist() == [400.0] * 10
    assert torch.equal(data.inputs[1].argmax(1), data.targets[0] // 20)


def test_letters_are_of_the_script_they_are_named_for_and_stand_once() -> None:
    for name, letters in ALPHABETS.items():
        assert len(set(letters)) == 20
        for letter in letters:
            told = unicodedata.name(letter)
            assert told.startswith({"N'Ko": "NKO"}.get(name, name.upper())), told


def test_the_font_has_every_letter() -> None:
    from matplotlib import get_data_path
    from matplotlib.ft2font import FT2Font

    known = FT2Font(str(Path(get_data_path()) / FONT)).get_charmap()
    assert [c for letters in ALPHABETS.values() for c in letters if ord(c) not in known] == []


def test_drawings_are_always_the_same_and_kept(tmp_path, monkeypatch) -> None:
    """Made afresh, read from the cache, and made again where the cache holds rubbish or cannot be written."""
    made = synthetic_characters(size=16, drawings=2)
    monkeypatch.setenv("PARIBUS_CACHE", str(tmp_path / "cache"))
    fresh = synthetic_characters(size=16, drawings=2)
    (file,) = (tmp_path / "cache").iterdir()
    assert np.load(file)["array"].shape == (400, 16, 16)
    kept = synthetic_characters(size=16, drawings=2)
    file.write_bytes(b"rubbish")
    again = synthetic_characters(size=16, drawings=2)
    monkeypatch.setenv("PARIBUS_CACHE", "/dev/null/nowhere")
    unkept = synthetic_characters(size=16, drawings=2)
    assert len({data.digest for data in (made, fresh, kept, again, unkept)}) == 1


def test_no_two_drawings_are_alike_and_all_have_ink() -> None:
    pixels = synthetic_characters().inputs[0].flatten(1)
    assert len(pixels.unique(dim=0)) == 4000
    ink = (pixels < 128).sum(1)
    assert (int(ink.min()) > 10, int(ink.max()) < 700) == (True, True)


def test_drawings_of_a_letter_are_nearer_to_each_other_than_to_other_letters() -> None:
    """A mean drawing of each letter, of half of its drawings, finds at least half of the others, of 200 letters."""
    data = synthetic_characters(further="none")
    pixels = data.inputs[0].flatten(1).double().view(200, 20, -1)
    means, rest = pixels[:, :10].mean(1), pixels[:, 10:].flatten(0, 1)
    nearest = torch.cdist(rest, means).argmin(1)
    share = float((nearest == torch.arange(200).repeat_interleave(10)).double().mean())
    assert 0.3 < share < 0.95


def test_some_letters_of_three_alphabets_have_one_shape() -> None:
    """Latin, Greek and Cyrillic A are drawn alike: their mean drawings differ less than those of A and B."""
    data = synthetic_characters(further="none", scripts=["Latin", "Greek", "Cyrillic"])
    means = data.inputs[0].flatten(1).double().view(60, 20, -1).mean(1)
    latin, greek, cyrillic, b = means[0], means[20], means[40], means[1]
    other = float((latin - b).norm())
    assert max(float((latin - greek).norm()), float((latin - cyrillic).norm())) < 0.7 * other


def test_the_alphabet_is_a_target_if_asked_for() -> None:
    data = synthetic_characters(further="target", drawings=2)
    assert (len(data.inputs), data.output_sizes) == (1, (200, 10))
    assert data.further_classes == (tuple(ALPHABETS),)
    assert torch.equal(data.targets[1], data.targets[0] // 20)


def test_wrong_arguments_are_refused() -> None:
    assert refused(synthetic_characters, scripts=["Runic"]).startswith(
        "scripts of synthetic characters: got 'Runic', expected some of Arabic,"
    )
    assert refused(synthetic_characters, further="output") == (
        "place of the alphabet in synthetic characters: got 'output', expected one of input, target, none. "
        "Choose one of these."
    )
