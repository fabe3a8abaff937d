"""Transforms of images that torchvision has for images of one size alone."""

from __future__ import annotations

from torch import Tensor


def crop(image: Tensor, share: int = 8) -> Tensor:
    """Return a crop of the image's own size at random from the image with zeros around it: the image shifted.

    Args:
        image: ``(channel, height, width)``.
        share: the padding is this part of the height: of 8 pixels an eighth is 1, of 32 it is 4.
    """
    from torchvision.transforms.v2 import RandomCrop

    height, width = image.shape[-2:]
    cropped: Tensor = RandomCrop((height, width), padding=height // share)(image)
    return cropped
