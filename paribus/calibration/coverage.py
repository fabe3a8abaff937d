"""Coverage of each interval, by the number of seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from paribus import stats
from paribus.calibration.rates import Rate, Rule
from paribus.calibration.simulated_scores import Floats, generators

SEEDS = (6, 10, 29)
LEVEL = 0.95
COVERAGE = "Coverage of 95 % intervals"
FAMILY = 4
WINS = 0.7
"""True share of wins."""
UNITS = 200
TEST = 40
"""A data set of so many samples, of which a seed's test part holds so many."""
RESAMPLES = 1000
TASKS = 6


@dataclass(frozen=True)
class Case:
    """Interval, what it is drawn over, and how its coverage compares with 95 %.

    Attributes:
        covers: ``(generator, seeds) -> whether the interval held the truth``.
        rules: by number of seeds.
        expected: the coverage that it is held against.
    """

    name: str
    covers: Callable[[np.random.Generator, int], bool]
    rules: Sequence[Rule]
    fails_if: str
    expected: float = LEVEL


def coverage(repeats: int, cases: Sequence[Case] | None = None) -> list[Rate]:
    """Return a rate for each interval, or for some of them, and number of seeds."""
    return [
        Rate(
            group="Wrong on purpose" if rule == "below" else COVERAGE,
            name=case.name,
            hits=sum(case.covers(g, n) for g in generators(f"{case.name}, n = {n}", repeats)),
            trials=repeats,
            expected=case.expected,
            rule=rule,
            fails_if=case.fails_if,
            n=n,
        )
        for case in cases or CASES
        for n, rule in zip(SEEDS, case.rules, strict=True)
    ]


def _t(generator: np.random.Generator, n: int) -> bool:
    return _holds_zero(stats.paired_t_interval(generator.standard_normal(n), LEVEL))


def _holds_zero(interval: stats.Interval) -> bool:
    return interval.low <= 0 <= interval.high


def _bonferroni(generator: np.random.Generator, n: int) -> bool:
    """Cover all four at once, which share a baseline: differences of deviation one that correlate by one half."""
    base = generator.standard_normal(n)
    each = (generator.standard_normal((FAMILY, n)) - base) / np.sqrt(2)
    return all(_holds_zero(stats.paired_t_interval(d, LEVEL, FAMILY)) for d in each)


def _win_share(generator: np.random.Generator, n: int) -> bool:
    found = stats.win_share(WINS - generator.random(n), LEVEL)
    return found.low <= WINS <= found.high


def redrawn(generator: np.random.Generator, n: int) -> Floats:
    """Return mean differences on n test parts drawn from one data set, itself drawn from a world of mean zero."""
    units = generator.standard_normal(UNITS)
    return np.array([generator.choice(units, TEST, replace=False).mean() for _ in range(n)])


def _new_data(generator: np.random.Generator, n: int) -> bool:
    ratio = TEST / (UNITS - TEST)
    return _holds_zero(stats.paired_t_interval(redrawn(generator, n), LEVEL, correction=ratio))


def _plain_on_new_data(generator: np.random.Generator, n: int) -> bool:
    return _holds_zero(stats.paired_t_interval(redrawn(generator, n), LEVEL))


def _interquartile(generator: np.random.Generator, n: int) -> bool:
    """Cover the interquartile mean over some tasks, whose runs are normal around zero."""
    tasks = generator.standard_normal((TASKS, n))
    found = stats.interquartile_interval([*tasks], LEVEL, RESAMPLES)
    return _holds_zero(found)


def _bootstrap(generator: np.random.Generator, n: int) -> bool:
    """Cover the mean by the percentile bootstrap, of normal differences."""
    d = generator.standard_normal(n)
    means = d[generator.integers(n, size=(RESAMPLES, n))].mean(axis=1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return bool(low <= 0 <= high)


ALWAYS: Sequence[Rule] = ("equal", "equal", "equal")
CASES = (
    Case("t interval of the mean difference", _t, ALWAYS, "a wrong quantile or deviation"),
    Case(
        f"Bonferroni t intervals of {FAMILY} contrasts, all at once",
        _bonferroni,
        ("at_least", "at_least", "at_least"),
        "a family that is counted too small",
    ),
    Case(
        "Clopper-Pearson interval of the share of wins",
        _win_share,
        ("at_least", "at_least", "at_least"),
        "an approximate interval, such as Wald's",
    ),
    Case(
        "Nadeau-Bengio t interval, for new data from redrawn parts of one data set",
        _new_data,
        ALWAYS,
        "a correction by another ratio than that of test to training",
    ),
    Case(
        "plain t interval, taken for new data",
        _plain_on_new_data,
        ("below", "below", "below"),
        "a simulation that could not see overlapping parts",
    ),
    Case(
        f"bootstrap interval of the interquartile mean of {TASKS} tasks, known to be short: over 90 %",
        _interquartile,
        ("at_least", "at_least", "at_least"),
        "an interval that is shorter than by a little",
        expected=0.9,
    ),
    Case(
        "percentile bootstrap of the mean",
        _bootstrap,
        ("below", "below", "at_most"),  # at 29 seeds it is too short by little
        "a simulation that could not see an interval that is too short",
    ),
)
