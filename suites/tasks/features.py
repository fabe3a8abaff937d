"""Tasks that share the features by which their classes are told, or do not: drawn anew for every seed."""

from __future__ import annotations

from functools import partial

import torch

from paribus import Dataset, Task, call
from paribus.data.dataset import digest_tensors
from paribus.seeding import Streams
from paribus.suites.tasks.generated import in_turn, refuse_file
from paribus.suites.tasks.metrics import accuracy, log_loss

INPUTS, FEATURES = 30, 10
CLASSES = {"source": 12, "target": 5}
SIZES = {"source": (6000, 500, 500), "target": (200, 400, 1000)}


def features(seed: int, role: str = "target", related: bool = True) -> Dataset:
    """Return normal inputs of 30 numbers, and a class: the largest of some standardised sums of ten hidden features.

    A feature is ``|w x| - sqrt(2 / pi)``, of unit vectors ``w``, of mean zero and uncorrelated with every input, so
    that no linear function of the inputs tells a class. The features of a seed are those of its target and of its
    related source; the weighted sums are each task's own. An unrelated source has features of its own.

    Args:
        seed: names the draw.
        role: ``"source"``, 12 classes and 6000 samples to learn from, or ``"target"``, five classes and 200.
        related: whether a source has the target's features.
    """
    named = partial(Streams(seed).generator, "split", "features")
    of = "shared" if related else "other"
    directions = torch.randn(FEATURES, INPUTS, generator=named(of))
    directions /= directions.norm(dim=1, keepdim=True)
    draw = named(role, of)
    sums = torch.randn(CLASSES[role], FEATURES, generator=draw)
    sizes = SIZES[role]
    inputs = torch.randn(sum(sizes), INPUTS, generator=draw)
    hidden = (inputs @ directions.T).abs() - (2 / torch.pi) ** 0.5
    scores = hidden @ sums.T
    targets = ((scores - scores.mean(0)) / scores.std(0)).argmax(1)
    return Dataset(
        name=f"features, {role}",
        origin=f"ten hidden features of 30 numbers, drawn anew for every seed{'' if related else ', of its own'}",
        inputs=(inputs,),
        targets=(targets,),
        classes=tuple("abcdefghijkl"[: CLASSES[role]]),
        declared=in_turn(*sizes),
        digest=digest_tensors((inputs, targets)),
    )


TARGET = Task(
    name="features",
    source=call(features),
    reader=call(refuse_file, task="features"),
    split=call("paribus.data.splits:declared_split"),
    loss=call("paribus.metrics:log_loss"),
    metrics=(
        accuracy(0.02, "the test part of 1000 samples alone leaves ±0.03 (95 %)"),
        log_loss(0.05),
    ),
    dummy={"prior": call("paribus.data.dummy:prior")},
    redrawn=True,
)
"""Two hundred samples to learn five classes from."""

SOURCE = TARGET.model_copy(update={"source": call(features, role="source")})
"""Six thousand samples of other classes, told by the same features."""

UNRELATED = TARGET.model_copy(update={"source": call(features, role="source", related=False)})
"""Six thousand samples of classes that are told by other features."""
