"""Perturbed splits: an input shuffled, zero or with its pixels permuted, and all else as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from paribus.data.dataset import PARTS, Dataset, Split
from paribus.data.perturbations import add_noise, permuted_pixels, shuffle_input, zero_input
from paribus.errors import ParibusError
from paribus.seeding import Streams
from tests.helpers.refusals import refused


def split() -> Split:
    images = torch.arange(12 * 2 * 9).view(12, 2, 3, 3)
    numbers = torch.arange(12.0)[:, None]
    data = Dataset(
        name="both",
        origin="made up",
        inputs=(images, numbers),
        targets=(torch.arange(12) % 2,),
        classes=("a", "b"),
        feature_axes=(1, 1),
    )
    return Split(data, torch.arange(6), torch.tensor([6, 7, 8]), torch.tensor([9, 10, 11]))


def generator(seed: int = 0) -> torch.Generator:
    return Streams(seed).generator("split", "alter")


def test_shuffled_puts_one_input_of_each_part_into_another_order() -> None:
    before = split()
    after = shuffle_input(before, generator(), input=1)
    assert after.dataset.inputs[0] is before.dataset.inputs[0]
    assert after.digest == before.digest
    for part in PARTS:
        index = before.indices(part)
        values = [f.dataset.inputs[1][index, 0].tolist() for f in (before, after)]
        assert sorted(values[1]) == values[0]
    assert after.dataset.inputs[1][:6, 0].tolist() != before.dataset.inputs[1][:6, 0].tolist()
    assert after.notes == (
        "input 2 of 2 is perturbed: shuffled over the samples of each part, so that it says nothing",
    )


def test_it_leaves_the_data_that_it_was_given_as_they_were() -> None:
    before = split()
    inputs = [x.clone() for x in before.dataset.inputs]
    for alter in (shuffle_input, zero_input, permuted_pixels):
        alter(before, generator())
    assert all(map(torch.equal, inputs, before.dataset.inputs))


def test_blank_is_zero_after_preparation() -> None:
    part = zero_input(split(), generator(), input=1).part("train")
    assert part.inputs[1].tolist() == [[0.0]] * 6
    assert part.inputs[0].abs().sum() > 0


def test_pixels_change_places_alike_in_every_image_and_channel() -> None:
    before = split()
    after = permuted_pixels(before, generator())
    first = after.dataset.inputs[0][0, 0].flatten()
    assert sorted(first.tolist()) == list(range(9))
    assert first.tolist() != list(range(9))
    for sample in range(12):
        for channel in range(2):
            offset = before.dataset.inputs[0][sample, channel, 0, 0]
            assert torch.equal(after.dataset.inputs[0][sample, channel].flatten(), first + offset)


def test_each_seed_has_an_order_of_its_own_and_repeats_it() -> None:
    orders = [permuted_pixels(split(), generator(s)).dataset.inputs[0][0, 0] for s in (0, 0, 1)]
    assert torch.equal(orders[0], orders[1])
    assert not torch.equal(orders[0], orders[2])


def test_an_input_that_there_is_not_is_refused() -> None:
    assert refused(shuffle_input, split(), generator(), input=2) == (
        "input of both that is perturbed: got number 2 of 2, expected 0 to 1. "
        "Name an input that there is; the first is 0."
    )


def test_only_images_have_pixels() -> None:
    assert refused(permuted_pixels, split(), generator(), input=1) == (
        "permuted pixels of both: got an input of shape (1,), expected images, (channel, height, width). "
        "Name the input that holds images."
    )


def test_a_single_input_needs_no_number() -> None:
    made = split()
    one = replace(
        made, dataset=replace(made.dataset, inputs=made.dataset.inputs[:1], feature_axes=(1,))
    )
    assert zero_input(one, generator()).notes == ("the input is perturbed: all zeros",)


def test_noise_is_added_to_one_input_and_to_no_target() -> None:
    """Of this standard deviation, and at two levels the same draw, scaled."""
    data = replace(split().dataset, inputs=(torch.zeros(12, 1, 60, 60),), feature_axes=(None,))
    before = replace(split(), dataset=data)
    light, heavy = (add_noise(before, generator(), sigma=s).dataset.inputs[0] for s in (0.2, 0.4))
    assert float(light.std()) == pytest.approx(0.2, rel=0.02)
    assert float(light.mean()) == pytest.approx(0, abs=0.005)
    torch.testing.assert_close(heavy, 2 * light)
    after = add_noise(before, generator(1), sigma=0.2)
    assert not torch.equal(after.dataset.inputs[0], light)
    assert after.dataset.targets[0] is data.targets[0]
    assert after.notes == (
        "the input is perturbed: Gaussian noise of standard deviation 0.2 is added",
    )


@pytest.mark.parametrize(
    ("number", "sigma", "got"),
    [(0, 0.2, "0.2 for numbers of torch.int64"), (1, -1, "-1 for numbers")],
)
def test_noise_that_cannot_be_added_is_refused(number: int, sigma: float, got: str) -> None:
    with pytest.raises(
        ParibusError, match=f"^noise on an input of both: got a standard deviation of {got}"
    ):
        add_noise(split(), generator(), sigma=sigma, input=number)
