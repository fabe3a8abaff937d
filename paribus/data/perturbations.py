"""Perturbed inputs, the controls of what a network learns from: ``(split, generator) -> split``.

Which sample is in which part stays as it was, and so does every other input, so that variants differ in this alone.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from paribus.data.dataset import PARTS, Split
from paribus.errors import ParibusError


def shuffle_input(split: Split, generator: torch.Generator, input: int = 0) -> Split:  # noqa: A002 - an input is meant
    """Shuffle one input's samples within each part, so that it says nothing of the other inputs and of the target.

    Args:
        split: what is perturbed.
        generator: where the order comes from.
        input: number of the input.

    Raises:
        ParibusError: there is no such input.
    """
    x = _input(split, input)
    mixed = x.clone()
    for part in PARTS:
        samples = split.indices(part).unique()
        mixed[samples] = x[samples[torch.randperm(len(samples), generator=generator)]]
    return _with(
        split, input, mixed, "shuffled over the samples of each part, so that it says nothing"
    )


def zero_input(split: Split, generator: torch.Generator, input: int = 0) -> Split:  # noqa: A002, ARG001 - as in shuffle_input
    """Set one input to zero, so that the same network does without it.

    Raises:
        ParibusError: there is no such input.
    """
    return _with(split, input, torch.zeros_like(_input(split, input)), "all zeros")


def permuted_pixels(split: Split, generator: torch.Generator, input: int = 0) -> Split:  # noqa: A002 - as in shuffle_input
    """Permute the pixels of every image alike, in an order drawn once a seed: the same numbers, their places lost.

    Args:
        split: what is perturbed; that input is ``(sample, channel, height, width)``.
        generator: where the order comes from.
        input: number of the input.

    Raises:
        ParibusError: there is no such input, or it is no image.
    """
    x = _input(split, input)
    if x.ndim != 4:
        raise ParibusError(
            f"permuted pixels of {split.dataset.name}",
            got=f"an input of shape {tuple(x.shape[1:])}",
            expected="images, (channel, height, width)",
            fix="Name the input that holds images.",
        )
    pixels = x.flatten(2)
    order = torch.randperm(pixels.shape[2], generator=generator)
    return _with(
        split, input, pixels[:, :, order].view_as(x), "its pixels in an order drawn once a seed"
    )


def add_noise(split: Split, generator: torch.Generator, sigma: float, input: int = 0) -> Split:  # noqa: A002 - as in shuffle_input
    """Add Gaussian noise to every number of one input, drawn once a seed; targets are left clean.

    Values are not cut off at the ends of their range, so that the noise's power is that of ``sigma``. One draw is
    scaled by ``sigma``, so that a seed's noise at two levels differs in nothing else.

    Args:
        split: what is perturbed; that input holds floating-point numbers.
        generator: where the noise comes from.
        sigma: its standard deviation, in the unit of the input, at least 0.
        input: number of the input.

    Raises:
        ParibusError: there is no such input, it holds whole numbers, or ``sigma`` is negative.
    """
    x = _input(split, input)
    if sigma < 0 or not x.is_floating_point():
        raise ParibusError(
            f"noise on an input of {split.dataset.name}",
            got=f"a standard deviation of {sigma:g} for numbers of {x.dtype}",
            expected="a standard deviation of at least 0, and floating-point numbers",
            fix="Scale the input in the task's source, and give the deviation in its unit.",
        )
    noise = torch.randn(x.shape, generator=generator)
    return _with(
        split, input, x + sigma * noise, f"Gaussian noise of standard deviation {sigma:g} is added"
    )


def _input(split: Split, number: int) -> Tensor:
    inputs = split.dataset.inputs
    if not 0 <= number < len(inputs):
        raise ParibusError(
            f"input of {split.dataset.name} that is perturbed",
            got=f"number {number} of {len(inputs)}",
            expected=f"0 to {len(inputs) - 1}",
            fix="Name an input that there is; the first is 0.",
        )
    return inputs[number]


def _with(split: Split, number: int, x: Tensor, how: str) -> Split:
    """Return the split with another tensor as one input, and a note of it."""
    inputs = tuple(x if i == number else old for i, old in enumerate(split.dataset.inputs))
    which = f"input {number + 1} of {len(inputs)}" if len(inputs) > 1 else "the input"
    dataset = replace(split.dataset, inputs=inputs)
    return Split(
        dataset,
        split.train,
        split.validation,
        split.test,
        (*split.notes, f"{which} is perturbed: {how}"),
    )
