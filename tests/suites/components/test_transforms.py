"""Transforms of the suites' own, and that those of `augmentation` fit images of any size."""

from __future__ import annotations

import pytest
import torch

from paribus.seeding import Streams
from paribus.suites.augmentation import SUITE
from paribus.suites.components.transforms import crop
from paribus.training.augment import Augmentation


@pytest.mark.parametrize(("side", "most"), [(8, 1), (32, 4)])
def test_a_crop_is_the_image_shifted_by_up_to_an_eighth(side, most) -> None:
    """One pixel of light in the middle is found within so many pixels, and in many places."""
    image = torch.zeros(1, side, side)
    image[0, side // 2, side // 2] = 1.0
    places = set()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for _ in range(60):
            (place,) = crop(image).nonzero().tolist()
            places.add((place[1] - side // 2, place[2] - side // 2))
    shifts = {shift for place in places for shift in place}
    assert (min(shifts), max(shifts)) == (-most, most)
    assert len(places) > 6


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32)])
def test_every_augmentation_keeps_size_and_type_whatever_they_are(shape) -> None:
    images = torch.randint(0, 256, (4, *shape), dtype=torch.uint8)
    for variant in SUITE.comparisons[0].variants():
        changed = Augmentation(variant.recipe.augment, Streams(0))(images, 0)
        assert (changed.shape, changed.dtype) == (images.shape, torch.uint8)
