"""Four small tasks, one for each shape of what goes in and comes out; all are drawn anew for every seed."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from paribus.data.dataset import Dataset, digest_tensors
from paribus.seeding import Streams
from paribus.suites.tasks.generated import in_turn, regression
from paribus.suites.tasks.metrics import mse

Made = tuple[Tensor, Tensor]


TWENTIETH = "it is the square of a twentieth of the standard deviation of what is asked for"


def delay(seed: int, length: int = 16, lag: int = 3, count: int = 3000) -> Dataset:
    """Sequence to sequence: at every step say what came in ``lag`` steps before, zero at first.

    Inputs are ``(count, length, 1)`` from N(0, 1), targets ``(count, length)``.
    """

    def make(generator: torch.Generator) -> Made:
        x = torch.randn(count, length, generator=generator)
        y = torch.cat((torch.zeros(count, lag), x[:, : length - lag]), 1)
        return x.unsqueeze(-1), y

    return _drawn("delay", f"{length} numbers, each asked for {lag} steps later", seed, make)


def count_ones(seed: int, length: int = 16, count: int = 3000) -> Dataset:
    """Sequence to vector: the share of the steps that were one.

    Inputs are ``(count, length, 1)`` of zeros and ones, whose frequency is drawn from U(0, 1) for each sequence;
    targets ``(count, 1)``.
    """

    def make(generator: torch.Generator) -> Made:
        often = torch.rand(count, 1, generator=generator)
        x = (torch.rand(count, length, generator=generator) < often).float()
        return x.unsqueeze(-1), x.mean(1, keepdim=True)

    return _drawn("tally", f"{length} zeros and ones, to be counted", seed, make)


def wave(seed: int, length: int = 16, count: int = 3000) -> Dataset:
    """Vector to sequence: a sine from its amplitude, its periods and its phase.

    Inputs are ``(count, 3)`` from U(0.5, 1.5), U(0.5, 1.5) and U(0, pi); targets ``(count, length)``:
    ``a sin(2 pi f t / length + phi)``.
    """

    def make(generator: torch.Generator) -> Made:
        low, high = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([1.5, 1.5, torch.pi])
        x = low + (high - low) * torch.rand(count, 3, generator=generator)
        size, periods, phase = x.split(1, dim=1)
        y = size * (2 * torch.pi * periods * torch.arange(length) / length + phase).sin()
        return x, y

    return _drawn("wave", f"{length} steps of a sine from three numbers", seed, make)


def sequence_reversal(seed: int, length: int = 6, count: int = 3000) -> Dataset:
    """Return pairs for an encoder and decoder: a sequence backwards, of which nothing can be said before it has ended.

    Inputs are ``(count, length, 1)`` from N(0, 1), targets ``(count, length)``.
    """

    def make(generator: torch.Generator) -> Made:
        x = torch.randn(count, length, generator=generator)
        return x.unsqueeze(-1), x.flip(1)

    return _drawn("reversal", f"{length} numbers, asked for backwards", seed, make)


def _drawn(name: str, what: str, seed: int, make: Callable[[torch.Generator], Made]) -> Dataset:
    """Two thirds to learn from, a sixth each to choose and to judge."""
    inputs, targets = make(Streams(seed).generator("split", name))
    count = len(inputs)
    held_out = count // 6
    return Dataset(
        name=name,
        origin=f"{what}, drawn anew for every seed",
        inputs=(inputs,),
        targets=(targets,),
        feature_axes=(inputs.ndim - 1,),
        standardise_targets=True,
        declared=in_turn(count - 2 * held_out, held_out, held_out),
        digest=digest_tensors((inputs, targets)),
    )


DELAY, COUNT_ONES, WAVE, SEQUENCE_REVERSAL = (
    regression(source, mse(0.0025, reason=TWENTIETH))
    for source in (delay, count_ones, wave, sequence_reversal)
)
