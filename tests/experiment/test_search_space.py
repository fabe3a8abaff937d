"""Random search: draws of a seed, the winner, and when a space is widened."""

from __future__ import annotations

from math import inf, log10, nan

import pytest

from paribus.experiment.search_space import (
    Categorical,
    Edge,
    LogUniform,
    SearchSpace,
    Uniform,
    best_trial,
    edges,
    space,
    widened,
)
from paribus.seeding import Streams
from tests.helpers.refusals import refused

LR = "recipe.optimizer.lr"
RATES = LogUniform(low=1e-3, high=1.0)
MOMENTA = LogUniform(low=1e-2, high=1.0, complement=True)


# Ranges


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        (RATES, 0.0, 1e-3),
        (RATES, 1 / 3, 1e-2),
        (RATES, 1.0, 1.0),
        (MOMENTA, 0.0, 0.99),
        (MOMENTA, 0.5, 0.9),
        (MOMENTA, 1.0, 0.0),
        (Uniform(low=-1, high=3), 0.25, 0.0),
        (Categorical(values=("a", "b", "c")), 0.34, "b"),
        (Categorical(values=("a", "b", "c")), 1.0, "c"),
    ],
)
def test_a_share_of_a_range_is_a_value(values, share, expected) -> None:
    assert values.at(share) == (
        expected if isinstance(expected, str) else pytest.approx(expected, abs=1e-12)
    )


@pytest.mark.parametrize(
    ("values", "value", "side"),
    [
        (RATES, 10**-2.69, None),  # a tenth of three decades ends at 10^-2.7
        (RATES, 10**-2.71, "low"),
        (RATES, 10**-0.29, "high"),
        (RATES, 10**-0.31, None),
        (MOMENTA, 0.989, "low"),  # 1 - x = .011
        (MOMENTA, 0.98, None),
        (MOMENTA, 0.05, None),  # 1 - x = .95: no momentum at all is no edge
        (LogUniform(low=0.01, high=0.5, complement=True), 0.505, "high"),
        (Uniform(low=0, high=1), 0.95, "high"),
        (Uniform(low=0, high=1), 0.05, "low"),
        (Categorical(values=(1, 2)), 1, None),
    ],
)
def test_the_outer_tenth_is_that_of_the_range_as_it_is_drawn(values, value, side) -> None:
    assert values.edge(value) == side


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: LogUniform(low=0, high=1),
            "a range to search: got low=0.0, high=1.0, expected 0 < low < high, both finite. "
            "Give the ends in their order.",
        ),
        (
            lambda: LogUniform(low=0.1, high=2, complement=True),
            "a range to search: got low=0.1, high=2.0, expected 0 < low < high <= 1 of a complement, both finite. "
            "Give the ends in their order.",
        ),
        (
            lambda: LogUniform(low=1, high=inf),
            "a range to search: got low=1.0, high=inf, expected 0 < low < high, both finite. "
            "Give the ends in their order.",
        ),
        (
            lambda: Uniform(low=1, high=1),
            "a range to search: got low=1.0, high=1.0, expected low < high, both finite. "
            "Give the ends in their order.",
        ),
    ],
)
def test_a_range_without_an_inside_is_refused(make, message) -> None:
    assert refused(make) == message


# Draws


def test_trials_depend_on_seed_salt_trial_and_path_alone() -> None:
    one = space(lr=RATES)
    both = space(momentum=MOMENTA, lr=RATES)
    drawn = one.draw(Streams(3), 5)
    assert drawn[LR] == both.draw(Streams(3), 5)[LR] == one.draw(Streams(3, trial=9), 5)[LR]
    others = [
        one.draw(s, k)[LR] for s, k in [(Streams(3), 6), (Streams(4), 5), (Streams(3, "a"), 5)]
    ]
    assert drawn[LR] not in others


def test_variants_with_other_ranges_take_the_same_share_of_them() -> None:
    narrow = space(lr=LogUniform(low=1e-4, high=1e-1))
    for trial in range(20):
        a, b = (s.draw(Streams(0), trial)[LR] for s in (space(lr=RATES), narrow))
        assert log10(a) - log10(b) == pytest.approx(1.0)


def test_draws_fill_the_logarithmic_range_evenly() -> None:
    """Each tenth holds 100 of 1000 give or take 4 standard deviations (9.5)."""
    places = [-log10(space(lr=RATES).draw(Streams(0), k)[LR]) / 3 for k in range(1000)]
    counts = [sum(i <= 10 * p < i + 1 for p in places) for i in range(10)]
    assert sum(counts) == 1000
    assert all(62 <= count <= 138 for count in counts)


# The winner, and what n trials are worth


@pytest.mark.parametrize(
    ("values", "higher", "expected"),
    [
        ([0.3, 0.1, 0.2], False, 1),
        ([0.3, 0.1, 0.2], True, 0),
        ([0.3, 0.3], True, 0),
        ([nan, inf, 0.9], False, 2),
        ([-inf, nan], True, None),
        ([], True, None),
    ],
)
def test_the_best_trial_wins_and_a_failed_one_loses(values, higher, expected) -> None:
    assert best_trial(values, higher) == expected


# Edges


def _winners(*rates: float) -> list[dict[str, float]]:
    return [{LR: rate} for rate in rates]


def test_an_edge_is_crowded_by_more_than_a_quarter_of_the_winners() -> None:
    inside, high, low = 0.03, 0.9, 0.0011
    assert edges(space(lr=RATES), _winners(high, inside, inside, inside)) == []
    assert edges(space(lr=RATES), _winners(high, high, inside, inside, inside)) == [
        Edge(LR, "high", 2, 5)
    ]
    assert edges(space(lr=RATES), _winners(low, low, high, high)) == [
        Edge(LR, "low", 2, 4),
        Edge(LR, "high", 2, 4),
    ]


def test_a_crowded_end_is_widened_tenfold_and_nothing_else() -> None:
    both = space(lr=RATES, momentum=MOMENTA)
    made = widened(both, [Edge(LR, "high", 3, 4)])
    assert (made.ranges[LR].low, made.ranges[LR].high) == (RATES.low, 10 * RATES.high)
    assert made.ranges["recipe.optimizer.momentum"] == MOMENTA
    again = widened(made, [Edge("recipe.optimizer.momentum", "low", 3, 4)])
    assert again.ranges["recipe.optimizer.momentum"].low == pytest.approx(1e-3)
    assert again.ranges[LR] == made.ranges[LR]
    assert widened(both, []) == both


def test_stated_settings_that_win_crowd_the_end_that_they_lie_beyond() -> None:
    outside = [{LR: 100 * RATES.high}] * 2 + [{LR: 0.0}] * 2
    found = edges(space(lr=RATES), outside)
    assert found == [Edge(LR, "low", 2, 4), Edge(LR, "high", 2, 4)]
    assert edges(space(lr=RATES), [{}] * 4) == []


def test_what_cannot_be_widened_stays() -> None:
    path = "recipe.optimizer.momentum"
    capped = space(momentum=LogUniform(low=0.01, high=0.5, complement=True))
    once = widened(capped, [Edge(path, "high", 1, 1)])
    assert once.ranges[path].high == 1.0
    assert widened(once, [Edge(path, "high", 1, 1)]) == once
    flat = space(momentum=Uniform(low=0, high=0.5))
    assert widened(flat, [Edge(path, "high", 1, 1)]) == flat


def test_a_space_says_what_it_is() -> None:
    assert space(lr=RATES, momentum=MOMENTA).label == (
        "optimizer.lr: log-uniform in [0.001, 1]; optimizer.momentum: 1 - x log-uniform in [0.01, 1]"
    )
    assert SearchSpace().label == "nothing"
    made = SearchSpace(ranges={"recipe.batch_size": Categorical(values=(8, 16))})
    assert made.label == "batch_size: one of 8, 16"
    assert SearchSpace.model_validate_json(made.model_dump_json()) == made
