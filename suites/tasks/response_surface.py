"""Planted response surface: how good a setting is, where few directions of the space matter, or all."""

from __future__ import annotations

import torch
from torch import Tensor

from paribus import Dataset, ParibusError, Split, Task, call
from paribus.data.dataset import digest_tensors
from paribus.seeding import Streams
from paribus.suites.tasks.metrics import squared_error

HARDLY = 0.05


def response_surface(seed: int, directions: int = 5, matter: int = 2) -> Dataset:
    """Return a bowl in the unit cube: squared distance from the best setting, most along the directions that matter.

    ``f(s) = sum of w_i^2 (s_i - b_i)^2 / n``, with the best setting ``b`` from U(0, 1) and weights ``w`` of 1 where a
    direction matters and of 0.05 elsewhere; which do is drawn. A network of shares ``s`` that answers ``w * s``, as
    `paribus.suites.components.searches.Point` does, has it as its squared error: inputs are ``w``, targets
    ``w * b``, the same for the only sample of each part.

    Args:
        seed: names the draw.
        directions: of the space, ``n``.
        matter: how many of them matter.

    Raises:
        ParibusError: more of them matter than there are.
    """
    if not 1 <= matter <= directions:
        raise ParibusError(
            "directions of a surface",
            got=f"{matter} of {directions} that matter",
            expected="at least one, and no more than there are",
            fix="Change source.matter or source.directions.",
        )
    generator = Streams(seed).generator("split", "surface")
    weights = torch.full((directions,), HARDLY)
    weights[torch.randperm(directions, generator=generator)[:matter]] = 1.0
    best = torch.rand(directions, generator=generator)
    inputs, targets = weights.expand(3, -1).clone(), (weights * best).expand(3, -1).clone()
    return Dataset(
        name="surface",
        origin=f"a planted bowl in {directions} directions of which {matter} matter, drawn anew for every seed",
        inputs=(inputs,),
        targets=(targets,),
        feature_axes=(None,),
        declared=torch.arange(3),
        digest=digest_tensors((inputs, targets)),
    )


def centre(split: Split) -> Tensor:
    """Return the middle of every range, ``(sample, direction)``."""
    return 0.5 * split.part("test").inputs[0]


RESPONSE_SURFACE = Task(
    name="response_surface",
    source=call(response_surface),
    reader=call("paribus.suites.tasks.generated:refuse_file", task="response_surface"),
    split=call("paribus.data.splits:declared_split"),
    loss=call("paribus.metrics:squared_error"),
    metrics=(
        squared_error(
            "regret",
            0.002,
            "squared shares of the range",
            "it is the square of 0.045, so that the setting found lies less than a twentieth of a range from the best",
        ),
    ),
    dummy={"centre": call(centre)},
    redrawn=True,
)
