"""Scores of made images: by hand on a line of numbers, and on real digits and noise."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from paribus.data.dataset import Split
from paribus.seeding import Streams
from paribus.suites.tasks.generated_digits import (
    GENERATED_DIGITS,
    discrimination,
    energy_distance,
    modes_covered,
    said_real,
    told_apart,
)


@pytest.fixture(scope="module")
def split() -> Split:
    return GENERATED_DIGITS.make_split(GENERATED_DIGITS.read(seed=0), Streams(0))


def images(*levels: float) -> Tensor:
    """Images of one pixel."""
    return torch.tensor(levels, dtype=torch.float64).view(-1, 1, 1, 1)


def said(
    made: Tensor, real: Tensor | None = None, fake: Tensor | None = None
) -> tuple[Tensor, ...]:
    unsure = torch.zeros(len(made), 1, dtype=made.dtype)
    return made, unsure if real is None else real, unsure if fake is None else fake


def test_the_energy_distance_by_hand() -> None:
    """Of 0 and 1 to 3 and 5: twice the mean of 3, 5, 2 and 4, less 1 among the made, less 2 among the real."""
    found = energy_distance(said(images(0, 1)), images(3, 5))
    assert found.mean().item() == pytest.approx(2 * 3.5 - 1 - 2)


def test_the_energy_distance_is_scipys_square_less_pairs_of_one_image_with_itself() -> None:
    from scipy.stats import energy_distance as of_distributions

    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(50, generator=generator, dtype=torch.float64) + m for m in (0, 1))
    within = [(a[:, None] - a[None]).abs().mean().item() for a in (x, y)]
    expected = of_distributions(x.numpy(), y.numpy()) ** 2 - sum(within) / 49
    found = energy_distance(said(x.view(-1, 1, 1, 1)), y.view(-1, 1, 1, 1))
    assert found.mean().item() == pytest.approx(expected)


def test_a_class_is_covered_by_a_share_of_the_samples_that_are_nearest_to_it() -> None:
    """Real images 0 to 9, one a class; of fifty made ones 48 are near 3, one near 7 (2 %) and one near 9."""
    made = images(*[3.1] * 48, 7.2, 8.8)
    targets = (images(*range(10)), torch.arange(10))
    assert modes_covered(said(made), *targets).tolist() == pytest.approx([0.3] * 50)
    assert modes_covered(said(made), *targets, least=0.03).tolist() == pytest.approx([0.1] * 50)


def test_what_a_discriminator_says_is_its_probability_accuracy_and_loss() -> None:
    """Logits ln 3 of a real image and -ln 3 of a made one are 3/4 and 1/4: right about both."""
    logit = torch.tensor([[3.0], [1 / 3]]).log()
    outputs = said(torch.zeros(2, 1, 1, 1), logit, -logit)
    assert said_real(outputs, of=1).tolist() == pytest.approx([0.75, 0.25])
    assert said_real(outputs, of=2).tolist() == pytest.approx([0.25, 0.75])
    assert told_apart(outputs).tolist() == [1.0, 0.0]
    expected = [-2 * torch.tensor(share).log().item() for share in (0.75, 0.25)]
    assert discrimination(outputs).tolist() == pytest.approx(expected)


def test_real_images_are_at_the_floor_and_noise_is_far(split: Split) -> None:
    targets = split.part("test").targets
    distances = {
        name: GENERATED_DIGITS.primary.function(dummy(split), *targets).mean().item()
        for name, dummy in GENERATED_DIGITS.dummy.items()
    }
    assert abs(distances["real"]) < 0.1
    assert distances["noise"] > 3


def test_real_images_cover_every_class(split: Split) -> None:
    covered = modes_covered(GENERATED_DIGITS.dummy["real"](split), *split.part("test").targets)
    assert covered.unique().tolist() == [1.0]


def test_images_are_between_minus_one_and_one_and_latents_normal(split: Split) -> None:
    real, latents = split.dataset.inputs
    assert (real.min().item(), real.max().item()) == (-1, 1)
    assert latents.shape == (1797, 100)
    assert latents.std().item() == pytest.approx(1, abs=0.01)
    assert torch.equal(split.dataset.targets[0], real)
