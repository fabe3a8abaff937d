"""Test that numbers keep what float32 would lose, against standardising in float64."""

import numpy as np
import pytest
import torch

from paribus.data.dataset import Standardizer
from paribus.data.precision import to_single

SPREAD = np.random.default_rng(0).normal(size=(200, 1))


@pytest.mark.parametrize(
    ("centre", "scale"), [(1.7e9, 3600.0), (1e6, 0.01), (-4e7, 1.0), (1e-3, 1e-12), (2.0**40, 3.0)]
)
def test_differences_survive(centre, scale):
    column = centre + np.round(scale * SPREAD, 14)
    numbers, taken = to_single(column)
    prepared = Standardizer.fit(numbers[:120], 1)(numbers)
    train = column[:120]
    expected = (column - train.mean()) / train.std()
    assert list(taken) == [0]
    assert np.allclose(prepared.numpy(), expected, atol=1e-5)


def test_ordinary_numbers_stay_as_they_are():
    values = np.array([[7.25, 1e4, np.nan], [6.5, 2e4, 3.0], [8.0, 5e4, 4.0]])
    numbers, taken = to_single(values)
    assert taken == {}
    assert torch.equal(numbers.isnan(), torch.tensor(values).isnan())
    assert torch.equal(numbers.nan_to_num(), torch.tensor(values).float().nan_to_num())


def test_one_value_throughout_and_missing_throughout():
    numbers, taken = to_single(np.array([[16777217.0, np.nan], [16777217.0, np.nan]]))
    assert taken == {0: 16777217.0}
    assert numbers[:, 0].tolist() == [0.0, 0.0]


def test_what_overflows_is_infinite():
    numbers, _ = to_single(np.array([[1e300], [1.0]]))
    assert numbers[0, 0].isinf()
