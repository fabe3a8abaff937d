"""Effects on tasks drawn from known distributions: how often what is said of a new task comes true."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from paribus.analysis.new_task import Prospect
from paribus.calibration.rates import Rate
from paribus.calibration.simulated_scores import Floats, generators

NEW_TASKS = "What is said of a new task"
SEEDS = 10
EDGES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
SURE = 0.9


@dataclass(frozen=True)
class World:
    """Population of tasks, their effects on the squeezed scale.

    Attributes:
        tasks: how many are seen, ``N``.
        between: deviation of true effects between tasks; None draws it anew for each repeat, from its prior up to 6.
        expected: the least share of what is called 90 % or more probable that must come true; None asks for as much as
            was said.
        heavy: whether effects are of Student's distribution with 3 degrees of freedom, and not of the normal that is
            assumed.
    """

    tasks: int
    between: float | None
    expected: float | None = None
    heavy: bool = False

    @property
    def name(self) -> str:
        """Description of it, in a phrase."""
        between = "drawn" if self.between is None else f"{self.between:g}"
        tail = ", heavy tails" if self.heavy else ""
        return f"{self.tasks} tasks, deviation between them {between}{tail}"


DRAWN = World(12, None)
WORLDS = (
    World(8, 0.0),
    World(8, 0.3),
    World(8, 1.0, expected=0.95),
    World(8, 3.0, expected=0.7),
    World(12, 1.0, expected=0.95),
    World(30, 1.0),
    World(12, 1.0, expected=0.9, heavy=True),
)
"""Where tasks differ by very much, a few of them may be alike by luck: what is then called probable is known to come
true less often than it is said."""


def draw(world: World, generator: np.random.Generator) -> tuple[Prospect, float]:
    """Return what is seen of the tasks of a world, and the true effect on a new one, in margins.

    The mean effect is drawn from N(0, 4), as before any is seen; seeds of a task spread by 0.3 to 3 margins.
    """
    centre, count = 2 * generator.standard_normal(), world.tasks + 1
    between = world.between
    if between is None:
        between = float(np.tan(np.pi / 2 * 0.9 * generator.random()))
    around = generator.standard_t(3, count) if world.heavy else generator.standard_normal(count)
    true = np.sinh(centre + between * around)
    spreads = 0.3 * 10 ** generator.random(count)
    noise = generator.standard_normal((count, SEEDS))
    seen = [*(true[:, None] + spreads[:, None] * noise)[1:]]
    return Prospect.of("variant", seen, [1.0] * world.tasks), float(true[0])


@cache
def predictions(world: World, repeats: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return probabilities of a new task, and whether they came true, ``(repeat, event)`` each.

    Events are: better, better by more than the margin, worse by more than the margin.
    """
    said, came = [], []
    for generator in generators(world.name, repeats):
        seen, true = draw(world, generator)
        said.append([seen.better, seen.better_by_margin, seen.worse_by_margin])
        came.append([true > 0, true > 1, true < -1])
    return np.array(said), np.array(came)


def brier(said: Floats, came: npt.NDArray[np.bool_]) -> float:
    """Return the mean squared distance of probabilities from what came true: 0 for a seer, 0.25 for a coin.

    >>> brier(np.array([1.0, 0.5]), np.array([True, False]))
    0.125
    """
    return float(np.square(said - came).mean())


def new_tasks(repeats: int) -> list[Rate]:
    """Return how often what was called so probable came true, by probability and by world, and one that errs."""
    return [
        *reliability(repeats),
        *(sure(world, repeats) for world in WORLDS),
        pooled_as_one(repeats),
    ]


def reliability(repeats: int) -> list[Rate]:
    """Return how often what was called so probable came true where tasks are as is assumed; both sides count alike."""
    said, came = predictions(DRAWN, repeats)
    sides = {"better": slice(0, 1), "better or worse by more than the margin": slice(1, 3)}
    rates = []
    for event, side in sides.items():
        p, true = said[:, side].ravel(), came[:, side].ravel()
        for low, high in pairwise(EDGES):
            among = (low <= p) & ((p < high) | (high == 1))
            if among.any():
                rates.append(
                    Rate(
                        group=NEW_TASKS,
                        name=f"{event}, called {100 * low:.0f} to {100 * high:.0f} % probable: came true",
                        hits=int(true[among].sum()),
                        trials=int(among.sum()),
                        expected=float(p[among].mean()),
                        rule="equal",
                        fails_if="a probability that says more or less than it knows",
                    )
                )
    return rates


def sure(world: World, repeats: int) -> Rate:
    """Return how often that came true of which 90 % or more were said, better or not better, with the Brier score."""
    every, came_true = predictions(world, repeats)
    p, true = every[:, 0], came_true[:, 0]
    said, came = np.maximum(p, 1 - p), np.where(p >= 0.5, true, ~true)
    among = said >= SURE
    known = (
        ""
        if world.expected is None
        else f", known to come true less often: over {100 * world.expected:.0f} %"
    )
    return Rate(
        group=NEW_TASKS,
        name=f"{world.name} (Brier score {brier(p, true):.2f}): better or not, called 90 % and more probable"
        f" ({100 * said[among].mean():.1f} % on average){known}",
        hits=int(came[among].sum()),
        trials=int(among.sum()),
        expected=float(said[among].mean()) if world.expected is None else world.expected,
        rule="at_least",
        fails_if="certainty that a few tasks cannot give",
    )


def pooled_as_one(repeats: int) -> Rate:
    """Return how often that comes true which is said as if tasks did not differ: from the mean effect alone."""
    from scipy.special import ndtr

    world = World(8, 1.0)
    said, came = [], []
    for generator in generators(world.name, repeats):
        seen, true = draw(world, generator)
        pooled = seen.pooled.mean
        error = (pooled.high - pooled.low) / (2 * 1.96)
        p = float(ndtr(pooled.mean / error))
        said.append(max(p, 1 - p))
        came.append((true > 0) == (p >= 0.5))
    among = np.array(said) >= SURE
    return Rate(
        group="Wrong on purpose",
        name="probability that the mean over tasks is better, taken for that of a new task: called 90 % and more",
        hits=int(np.array(came)[among].sum()),
        trials=int(among.sum()),
        expected=float(np.array(said)[among].mean()),
        rule="below",
        fails_if="a simulation that could not see how much tasks differ",
    )
