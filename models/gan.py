"""Small deep convolutional generative adversarial network for images of 8x8 pixels (Radford et al. 2016)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from .settings import positive

Loss = Callable[[Sequence[Tensor], Sequence[Tensor], torch.Generator], Tensor]
SLOPE = 0.2


class DCGAN(nn.Module):
    """Generator of images and discriminator between them and real ones, updated in turn.

    ``(batch, channel, 8, 8), (batch, latent) -> (batch, channel, 8, 8), (batch, 1), (batch, 1)``: images between -1
    and 1, then D of the given images and of these, as logits of being real.

    A step trains the discriminator by the cross-entropy of real against fake, and then the generator by that of its
    images against the label real; both with latents that are drawn for that step.

    Args:
        inputs: shapes of an image and of a latent.
        channels: of the generator's first layer; each later one has half as many, as in the discriminator turned round.

    Raises:
        ValueError: the images are not 8x8, or the channels cannot be halved.
    """

    def __init__(self, *, inputs: Sequence[Sequence[int]], channels: int = 64) -> None:
        super().__init__()
        (colours, height, width), (latent,) = inputs
        (wide,) = positive("channels", [channels])
        if (height, width) != (8, 8) or wide % 2:
            raise ValueError(
                f"inputs: got images of {height}x{width} and {wide} channels, expected 8x8 and an even number."
            )
        half = wide // 2
        self.latent = latent
        self.generator = nn.Sequential(
            nn.ConvTranspose2d(latent, wide, 2, bias=False),
            nn.BatchNorm2d(wide),
            nn.LeakyReLU(SLOPE),
            nn.ConvTranspose2d(wide, half, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(half),
            nn.LeakyReLU(SLOPE),
            nn.ConvTranspose2d(half, colours, 4, stride=2, padding=1),
            nn.Tanh(),
        )
        self.discriminator = nn.Sequential(
            nn.Conv2d(colours, half, 4, stride=2, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(half, wide, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(wide),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(wide, 1, 2),
            nn.Flatten(),
        )

    def forward(self, images: Tensor, latents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return images of these latents, and the discriminator's logits for the given images and for these."""
        made = self.made(latents)
        return made, self.discriminator(images), self.discriminator(made)

    def made(self, latents: Tensor) -> Tensor:
        """Return the generator's images of latents ``(batch, latent)``."""
        images: Tensor = self.generator(latents[:, :, None, None])
        return images

    def alternating_updates(self) -> list[tuple[list[nn.Parameter], Loss]]:
        """Return the parameters and losses that are updated in a step, in this order."""
        return [
            (list(self.discriminator.parameters()), self.discriminator_loss),
            (list(self.generator.parameters()), self.generator_loss),
        ]

    def discriminator_loss(
        self, inputs: Sequence[Tensor], _targets: Sequence[Tensor], generator: torch.Generator
    ) -> Tensor:
        """Return the cross-entropy of real images against label real and made ones against fake, summed, in nats."""
        made = self.made(self._latents(inputs[0], generator)).detach()
        real, fake = self.discriminator(inputs[0]), self.discriminator(made)
        return functional.softplus(-real).mean() + functional.softplus(fake).mean()

    def generator_loss(
        self, inputs: Sequence[Tensor], _targets: Sequence[Tensor], generator: torch.Generator
    ) -> Tensor:
        """Return the cross-entropy of made images against the label real, in nats."""
        fake = self.discriminator(self.made(self._latents(inputs[0], generator)))
        return functional.softplus(-fake).mean()

    def _latents(self, like: Tensor, generator: torch.Generator) -> Tensor:
        """Return as many normal latents as there are images; drawn on the CPU in float32, so that devices agree."""
        return torch.randn(len(like), self.latent, generator=generator).to(like)
