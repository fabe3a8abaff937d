"""Tasks made of digits: halves beside measurements, and several labels; against arithmetic on the digits themselves."""

from __future__ import annotations

import math

import pytest
import torch

from paribus.errors import ParibusError
from paribus.seeding import Streams
from paribus.suites.tasks.image_and_table import halves_of_digits, measured
from paribus.suites.tasks.images import digits
from paribus.suites.tasks.multi_label_digits import MULTI_LABEL_DIGITS, labelled


def test_the_upper_half_is_the_image_and_the_lower_half_is_measured() -> None:
    whole, data = digits(), halves_of_digits()
    assert data.input_shapes == ((1, 4, 8), (4,))
    assert torch.equal(data.inputs[0], whole.inputs[0][:, :, :4])
    assert torch.equal(data.inputs[1][:, 0], whole.inputs[0][:, 0, 4:].sum((1, 2)).float())
    assert data.inputs[1].isfinite().all()


def test_measurements_are_those_of_two_spots() -> None:
    """Three parts of ink at row 1, column 2, and one part at row 3, column 6: the centre is at 1.5 and 3."""
    image = torch.zeros(1, 4, 8)
    image[0, 1, 2], image[0, 3, 6] = 3.0, 1.0
    squared = (3 * (0.5**2 + 1) + (1.5**2 + 9)) / 4
    expected = torch.tensor([[4.0, 3.0, 1.5, math.sqrt(squared)]])
    torch.testing.assert_close(measured(image), expected)
    assert measured(torch.zeros(1, 4, 8)).isfinite().all()


def test_labels_are_those_of_the_digits() -> None:
    numbers, labels = digits().targets[0], labelled().targets[0]
    assert labels.shape == (1797, 4)
    for label, of in zip(
        labels.T, ({0, 2, 4, 6, 8}, {2, 3, 5, 7}, {0, 6, 8, 9}, set(range(5, 10))), strict=True
    ):
        assert {int(n) for n, held in zip(numbers, label, strict=True) if held} == of
        assert {int(n) for n, held in zip(numbers, label, strict=True) if not held} == set(
            range(10)
        ) - of


def test_always_answering_a_labels_share_costs_its_entropy() -> None:
    """Four of ten digits are prime: 0.673 nats."""
    split = MULTI_LABEL_DIGITS.make_split(MULTI_LABEL_DIGITS.read(0), Streams(0))
    score = MULTI_LABEL_DIGITS.primary.function(
        MULTI_LABEL_DIGITS.dummy["prior"](split), *split.part("test").targets
    ).mean()
    assert float(score) == pytest.approx(-0.4 * math.log(0.4) - 0.6 * math.log(0.6), abs=0.02)


def test_other_levels_of_grey_are_the_same_pictures() -> None:
    whole, bright = digits(), digits(levels=255)
    assert int(bright.inputs[0].max()) == 255
    expected = (whole.inputs[0].double() * 255 / 16).round()
    assert (bright.inputs[0].double() - expected).abs().max() <= 1
    assert torch.equal(digits(levels=16).inputs[0], whole.inputs[0])


def test_no_file_has_several_labels() -> None:
    with pytest.raises(ParibusError, match="data for task 'multi_label_digits'"):
        MULTI_LABEL_DIGITS.model_copy(update={"path": "a.csv"}).read(0)
