"""Tuning two variants that are one and the same: searches nested in the seed, shared by all seeds, and unequal.

A search draws settings, scores each on a validation part, takes the best and scores it afresh on a test part. How good
a setting is, is a parabola of where it lies in its space; a setting that does nothing is good everywhere alike.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from paribus.analysis.verdict import Decision
from paribus.calibration.null_rejections import attainable, rejected
from paribus.calibration.rates import Rate
from paribus.calibration.simulated_scores import BASE, Floats, Scores, World, verdicts

SEEDS = 10
TRIALS = 16
FEW, MANY = 5, 50
NOISE = 0.1
"""Deviation of a score from one training to the next, where the worst setting of a space costs nine."""


def live(settings: Floats) -> Floats:
    """Return the quality of settings that matter: best in the middle of their space, from -1 to 1."""
    return -((3 * settings) ** 2)


def inert(settings: Floats) -> Floats:
    """Return the quality of settings that do nothing."""
    return np.zeros_like(settings)


Quality = Callable[[Floats], Floats]


def tuned(generator: np.random.Generator, trials: int, quality: Quality) -> float:
    """Return the setting that one search finds best on its validation part."""
    settings = generator.uniform(-1, 1, trials)
    scores = quality(settings) + NOISE * generator.standard_normal(trials)
    return float(settings[int(np.argmax(scores))])


def nested(few: int, many: int, quality: Quality) -> Callable[[np.random.Generator, int], Scores]:
    """Search for every seed and variant; the winner is scored afresh."""

    def draw(generator: np.random.Generator, n: int) -> Scores:
        winners = {
            name: np.array([tuned(generator, trials, quality) for _ in range(n)])
            for name, trials in ((BASE, few), ("variant", many))
        }
        return {name: _scored(x, generator, quality) for name, x in winners.items()}

    return draw


def shared(generator: np.random.Generator, n: int) -> Scores:
    """Search once for each variant, whose winner is then trained with every seed."""
    return {
        name: _scored(np.full(n, tuned(generator, TRIALS, live)), generator, live)
        for name in (BASE, "variant")
    }


def _scored(settings: Floats, generator: np.random.Generator, quality: Quality) -> Floats:
    return quality(settings) + NOISE * generator.standard_normal(len(settings))


def searches(repeats: int) -> list[Rate]:
    """Return rejections after tuning, in a simulation of the search."""
    worlds = {
        "nested": World("nested search", nested(TRIALS, TRIALS, live)),
        "shared": World("shared search", shared),
        "inert": World("unequal, inert", nested(FEW, MANY, inert)),
        "live": World("unequal, live", nested(FEW, MANY, live)),
    }
    results = {name: verdicts(world, SEEDS, repeats) for name, world in worlds.items()}
    lost = sum(c.decision is Decision.better for (c,) in results["live"])
    budgets = f"{FEW} against {MANY} trials"
    return [
        _null(
            f"one variant tuned twice, {TRIALS} trials nested in the seed: rejected",
            sum(map(rejected, results["nested"])),
            repeats,
        ),
        _null(
            f"{budgets} over a setting that does nothing, nested: rejected",
            sum(map(rejected, results["inert"])),
            repeats,
        ),
        Rate(
            "Wrong on purpose",
            f"one variant tuned twice, one search of {TRIALS} trials shared by all seeds: rejected",
            sum(map(rejected, results["shared"])),
            repeats,
            attainable(SEEDS),
            "above",
            "a simulation that could not see why searches are nested",
            SEEDS,
        ),
        Rate(
            "Wrong on purpose",
            f"{budgets} over a setting that matters, nested: more trials `better`",
            lost,
            repeats,
            attainable(SEEDS),
            "above",
            "a simulation that could not see why unequal budgets are refused",
            SEEDS,
        ),
    ]


def _null(name: str, hits: int, repeats: int) -> Rate:
    return Rate(
        "True nulls after tuning",
        name,
        hits,
        repeats,
        attainable(SEEDS),
        "equal",
        "a search whose luck is not in the differences",
        SEEDS,
    )
