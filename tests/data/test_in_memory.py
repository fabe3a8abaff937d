"""Data given from Python keep what they hold, or are refused in one line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from paribus.data.in_memory import read_data
from paribus.data.splits import random_split
from tests.helpers.refusals import refused

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 2))
CLASSES = np.array(["a", "b"] * 40)


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy, pd.DataFrame])
def test_numbers_that_float32_cannot_tell_apart_are_kept(kind: Any) -> None:
    stamps = 1.7e9 + np.round(100 * X, 2)
    prices = 1e6 + 0.01 * X[:, 0]
    data = read_data((kind(stamps), prices), task="regression")
    split = random_split(data, torch.Generator().manual_seed(0))
    train = split.train.numpy()
    for raw, prepared in (
        (stamps, split.part("train").inputs[0]),
        (prices[:, None], split.part("train").targets[0]),
    ):
        wanted = (raw[train] - raw[train].mean(0)) / raw[train].std(0)
        assert np.allclose(prepared.numpy(), wanted, atol=1e-4)


def test_what_is_not_standardised_is_left_alone() -> None:
    data = read_data((X + 1e6, CLASSES), standardise=False)
    assert torch.equal(data.inputs[0], torch.from_numpy((X + 1e6).astype(np.float32)))


def test_images_keep_their_axes() -> None:
    pixels = RNG.normal(size=(80, 3, 4, 5)) + 1e7
    data = read_data((pixels, CLASSES))
    assert data.inputs[0].shape == (80, 3, 4, 5)
    found = data.inputs[0] - data.inputs[0][:1]
    assert np.allclose(found.numpy(), pixels - pixels[:1], atol=1e-4)


def test_whole_numbers_with_points_are_asked_about() -> None:
    assert refused(read_data, (X, np.array([0.0, 1.0, 2.0, 1.0] * 20))) == (
        "y: got the numbers 0.0, 1.0 and 2.0 alone, expected class numbers, or values to predict. "
        "Say task='classification' or task='regression'."
    )


def test_classes_that_are_written_alike_are_refused() -> None:
    assert refused(read_data, (X, np.array([1, "1"] * 40, dtype=object))) == (
        "y: got 1 and '1', which are written alike, expected classes of one type. "
        "Give all as text, or all as numbers."
    )


def test_a_column_may_be_named_by_a_number() -> None:
    frame = pd.DataFrame(np.column_stack([X, X]))
    frame[4] = CLASSES
    assert read_data(frame, target=4).classes == ("a", "b")  # type: ignore[arg-type]


def test_one_column_a_class_is_refused() -> None:
    assert refused(read_data, (X, np.eye(2)[[0, 1] * 40])) == (
        "y: got 2 columns of which each sample has a one in one, expected (sample,), one class for each sample. "
        "Give y.argmax(1), or say task='regression' where they are values to predict."
    )


@pytest.mark.parametrize(
    ("column", "target"),
    [
        (lambda y: 3.0 * y + 1, "values"),
        (lambda y: y, "classes"),
        (lambda y: 10.0 * y + np.linspace(0, 1, len(y)), "classes"),
    ],
)
def test_a_column_that_tells_the_target_is_told(column: Any, target: str) -> None:
    generator = np.random.default_rng(0)
    y = generator.integers(0, 3, 60) if target == "classes" else generator.standard_normal(60)
    x = generator.standard_normal((60, 3))
    assert not any("tells y" in note for note in read_data((x, y)).notes)
    x[:, 1] = column(y)
    told = "column 1 of X tells y in every row: leave it out unless known when predictions are made"
    assert told in read_data((x, y)).notes
