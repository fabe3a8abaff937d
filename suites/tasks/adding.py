"""Adding problem: remember two numbers out of fifty until the end, drawn anew for every seed."""

from __future__ import annotations

import torch

from paribus.data.dataset import Dataset, digest_tensors
from paribus.seeding import Streams
from paribus.suites.tasks.generated import in_turn, regression
from paribus.suites.tasks.metrics import mse


def adding(
    seed: int, length: int = 50, train: int = 32_000, validation: int = 2_000, test: int = 2_000
) -> Dataset:
    """Sequences of numbers of which two are marked, one in each half; the target is the sum of the marked ones.

    Inputs are ``(sample, length, 2)``: a value from U(0, 1), and a marker that is one at two steps and else zero.
    Targets are ``(sample, 1)``, with mean 1 and variance 2/12 = 1/6, which is the error of always answering 1.
    Nothing is standardised, so that errors keep that yardstick.

    Source: S. Hochreiter and J. Schmidhuber, Long Short-Term Memory, Neural Computation 9 (1997), in the form of
    M. Arjovsky, A. Shah and Y. Bengio, Unitary Evolution Recurrent Neural Networks, ICML 2016.

    Args:
        seed: names the draw.
        length: steps of a sequence.
        train: samples to learn from.
        validation: samples that choose.
        test: samples that judge.
    """
    generator = Streams(seed).generator("split", "adding")
    count = train + validation + test
    values = torch.rand(count, length, generator=generator)
    half = length // 2
    first = torch.randint(half, (count, 1), generator=generator)
    second = torch.randint(half, length, (count, 1), generator=generator)
    marked = torch.cat((first, second), 1)
    markers = torch.zeros(count, length).scatter_(1, marked, 1.0)
    inputs, targets = torch.stack((values, markers), -1), values.gather(1, marked).sum(1, True)
    return Dataset(
        name="adding",
        origin=f"the adding problem, {length} steps, drawn anew for every seed",
        inputs=(inputs,),
        targets=(targets,),
        feature_axes=(None,),
        features=("value", "marker"),
        declared=in_turn(train, validation, test),
        digest=digest_tensors((inputs, targets)),
    )


ADDING = regression(
    adding,
    mse(
        0.002,
        "squared units of the sum",
        "it is the square of 0.045, in a sum between 0 and 2; always answering 1 scores 0.167",
    ),
)
