"""Adversarial network: shapes, ranges, and that each update trains its own half by its own loss."""

from __future__ import annotations

import pytest
import torch

from paribus.models.gan import DCGAN


@pytest.fixture
def network() -> DCGAN:
    torch.manual_seed(0)
    return DCGAN(inputs=((1, 8, 8), (5,)), channels=4)


def test_it_makes_images_between_minus_one_and_one_and_judges_both(network: DCGAN) -> None:
    images, latents = torch.rand(3, 1, 8, 8), 9 * torch.randn(3, 5)
    made, real, fake = network(images, latents)
    assert made.shape == images.shape
    assert made.abs().max().item() <= 1
    assert real.shape == fake.shape == (3, 1)
    network.eval()
    made, real, fake = network(images, latents)
    torch.testing.assert_close(real, network.discriminator(images))
    torch.testing.assert_close(fake, network.discriminator(network.made(latents)))


def test_parameter_count_follows_the_formula(network: DCGAN) -> None:
    """in * out * k * k a layer, a bias in the last one of the generator and the first and last of the discriminator."""
    made = 5 * 4 * 4 + 2 * 4 + 4 * 2 * 16 + 2 * 2 + 2 * 16 + 1
    judged = (2 * 16 + 2) + 2 * 4 * 16 + 2 * 4 + (4 * 4 + 1)
    assert made + judged == sum(p.numel() for p in network.parameters())


def test_each_round_has_the_textbooks_loss(network: DCGAN) -> None:
    """-log D(real) - log(1 - D(fake)), and -log D(fake), with latents of the generator that is given."""
    network.eval()
    images = torch.rand(6, 1, 8, 8)
    (_, discriminate), (_, generate) = network.alternating_updates()
    latents = torch.randn(6, 5, generator=torch.Generator().manual_seed(3))
    _, real, fake = (x.sigmoid() for x in network(images, latents))
    for loss, expected in (
        (discriminate, -(real.log() + (1 - fake).log()).mean()),
        (generate, -fake.log().mean()),
    ):
        found = loss((images, latents), (), torch.Generator().manual_seed(3))
        torch.testing.assert_close(found, expected)


def test_the_discriminators_round_leaves_the_generator_without_a_gradient(network: DCGAN) -> None:
    (judges, loss), (makers, _) = network.alternating_updates()
    loss((torch.rand(6, 1, 8, 8), torch.randn(6, 5)), (), torch.Generator()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in judges)
    assert all(p.grad is None for p in makers)
    assert {*judges, *makers} == {*network.parameters()}


@pytest.mark.parametrize(
    ("inputs", "channels", "got"),
    [
        (((1, 16, 8), (5,)), 4, "images of 16x8 and 4 channels"),
        (((1, 8, 8), (5,)), 3, "images of 8x8 and 3 channels"),
    ],
)
def test_what_it_cannot_make_is_refused(inputs, channels: int, got: str) -> None:
    with pytest.raises(ValueError, match=f"^inputs: got {got}, expected 8x8 and an even number"):
        DCGAN(inputs=inputs, channels=channels)
