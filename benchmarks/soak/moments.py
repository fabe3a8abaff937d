"""Moments at which processes of a command are killed, drawn at random."""

from __future__ import annotations

import random
from typing import NamedTuple

EARLY = 0.7
"""Share of an undisturbed command's seconds after which it ends if little is left to train."""


class Kill(NamedTuple):
    """Kill that is planned.

    Attributes:
        at: seconds after the command is started, or after its first training begins.
        target: ``driver``, ``commit`` (the driver, at its next write to the store), ``worker``, ``parent`` of workers,
            or ``cluster worker``.
    """

    at: float
    target: str


class Plan(NamedTuple):
    """Kills of one command, the first first.

    Attributes:
        training: whether their seconds count from the first training on.
    """

    training: bool
    kills: list[Kill]


def planned(
    draw: random.Random, start: float, rest: float, *, dask: bool, trained: bool = False
) -> Plan:
    """Return the kills of one command: that of its driver; and, during training, of a worker or their parent before.

    No more than one worker: a piece of work whose workers are killed twice is told of as the network's fault.

    Args:
        draw: where moments come from.
        start: seconds from the start of an undisturbed command to its first training.
        rest: seconds from there to its end.
        dask: whether workers are those of a cluster.
        trained: whether there is nothing left to train.
    """
    driver = ("driver", "driver", "commit")
    if trained or draw.random() < 0.5:
        return Plan(False, [Kill(draw.uniform(0.0, EARLY * (start + rest)), draw.choice(driver))])
    others = ("cluster worker", "worker") if dask else ("worker", "worker", "parent")
    first, second = sorted((draw.uniform(0.0, rest), draw.uniform(0.0, rest)))
    return Plan(True, [Kill(first, draw.choice(others)), Kill(second, draw.choice(driver))])
