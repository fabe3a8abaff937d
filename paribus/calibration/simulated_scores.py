"""Scores drawn from distributions of which the truth is known, and the verdicts that the rule gives on them.

Every comparison is drawn from a generator of its own, named by what is drawn and by its number, so that nothing
changes when something is added. Differences have a standard deviation of one where nothing else is said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from math import exp, nan, sqrt

import numpy as np
import numpy.typing as npt

from paribus.analysis.verdict import Contrast, decide

Floats = npt.NDArray[np.float64]
Scores = Mapping[str, Floats]
BASE = "baseline"
SEED = 20_270_000
"""Far from any seed that was used while the method was made."""


@dataclass(frozen=True)
class World:
    """Kind of comparison of which the truth is known.

    Attributes:
        name: names its random stream.
        draw: ``(generator, seeds) -> scores``, higher being better, NaN where a run failed.
        margin: passed to the verdict.
        failure: what a failed run scores.
    """

    name: str
    draw: Callable[[np.random.Generator, int], Scores]
    margin: float | None = None
    failure: float = -100.0


def generators(name: str, repeats: int) -> Iterator[np.random.Generator]:
    """Yield a generator for each repeat, which depends on the name and its number alone."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    for i in range(repeats):
        yield np.random.default_rng([SEED, number, i])


def verdicts(
    world: World, n: int, repeats: int, family: int | None = None
) -> list[tuple[Contrast, ...]]:
    """Return the rule's verdicts on comparisons of n seeds each, in a family that may be larger than what is drawn."""
    return [
        judge(world.draw(generator, n), world, family=family)
        for generator in generators(f"{world.name}, n = {n}", repeats)
    ]


def judge(
    scores: Scores, world: World, *, family: int | None = None, exploratory: Collection[str] = ()
) -> tuple[Contrast, ...]:
    """Return the rule's verdicts on one comparison; arguments are those of `decide`."""
    return decide(
        scores,
        baseline=BASE,
        higher_is_better=True,
        margin=world.margin,
        failure_score=world.failure,
        family_size=family,
        exploratory=exploratory,
    )


def normal(*effects: float, spread: float = sqrt(0.5)) -> Callable[..., Scores]:
    """Return a baseline and a variant for each effect; with the default spread, differences have deviation one.

    Variants share their seeds' difficulty, which differences cancel.
    """

    def draw(generator: np.random.Generator, n: int) -> Scores:
        shared = 3 * generator.standard_normal(n)
        scores = {BASE: shared + sqrt(0.5) * generator.standard_normal(n)}
        for i, effect in enumerate(effects):
            scores[f"variant {i}"] = shared + effect + spread * generator.standard_normal(n)
        return scores

    return draw


def skewed_arms(generator: np.random.Generator, n: int) -> Scores:
    """Return two variants with one and the same lognormal distribution: skewed scores, symmetric differences."""
    table = np.exp(generator.standard_normal((2, n)))
    return {BASE: table[0], "variant": table[1]}


def failing_arms(generator: np.random.Generator, n: int) -> Scores:
    """Return two variants that are alike and of which one run in ten fails: exchangeable, so that the test holds."""
    table = generator.standard_normal((2, n))
    table[generator.random((2, n)) < 0.1] = nan
    return {BASE: table[0], "variant": table[1]}


def skewed_differences(generator: np.random.Generator, n: int) -> Scores:
    """Return differences that are lognormal less their mean: equal means, no symmetry."""
    base = generator.standard_normal(n)
    return {BASE: base, "variant": base + np.exp(generator.standard_normal(n)) - exp(0.5)}


FAILURE = -9.0
"""Beside a gain of one in nine runs of ten it makes the means equal."""


def rare_failures(generator: np.random.Generator, n: int) -> Scores:
    """Return a variant better by one in nine runs of ten that fails in the tenth at a score of -9: equal means."""
    gain = 1 + 0.3 * generator.standard_normal(n)
    return {BASE: np.zeros(n), "variant": np.where(generator.random(n) < 0.1, nan, gain)}
