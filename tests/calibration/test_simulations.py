"""Calibration in small: what is sound passes, and every planted fault is detected."""

from __future__ import annotations

from math import exp, sqrt

import numpy as np
import pytest

from paribus import stats
from paribus.calibration import (
    coverage,
    null_rejections,
    optional_stopping,
    power,
    printed_labels,
    simulated_scores,
    tuning_nulls,
)
from paribus.calibration.rates import Rate
from paribus.calibration.simulated_scores import BASE, World, generators, normal

REPEATS = 200


def failed(rates: list[Rate]) -> list[str]:
    return [f"{rate.name}, n = {rate.n}: {rate.rate}" for rate in rates if not rate.passed]


@pytest.mark.parametrize(
    "part", [null_rejections.at_the_margin, null_rejections.broken, tuning_nulls.searches]
)
def test_in_small_each_part_reads_as_it_must(part) -> None:
    assert failed(part(REPEATS)) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "part", [null_rejections.rejections, optional_stopping.peeking, power.power]
)
def test_in_small_parts_with_many_seeds_read_as_they_must(part) -> None:
    assert failed(part(REPEATS)) == []


@pytest.mark.slow
def test_in_small_intervals_cover_and_the_wrong_ones_do_not() -> None:
    """The bootstrap at ten seeds covers 90 %, which takes some hundreds of repeats to see."""
    assert failed(coverage.coverage(3 * REPEATS)) == []


def test_every_label_is_counted_and_a_rule_that_says_smaller_too_soon_is_seen(monkeypatch) -> None:
    """The counts of a world add up; with a tenth of its p, TOST says `smaller` of half of the effects at the margin."""
    normal_kind = printed_labels.KINDS[0]
    rate = printed_labels._count(normal_kind, 10, 1.0, 1.0, 100)
    assert rate.labels is not None
    assert (sum(rate.labels.values()), rate.passed) == (100, True)
    assert rate.hits == sum(rate.labels[name] for name in rate.wrong)
    exact = stats.tost_p
    monkeypatch.setattr(stats, "tost_p", lambda *given: exact(*given) / 10)
    assert not printed_labels._count(normal_kind, 10, 1.0, 1.0, 100).passed


@pytest.mark.parametrize("kind", printed_labels.KINDS, ids=lambda kind: kind.name)
def test_worlds_of_labels_have_the_effect_and_the_deviation_that_they_say(kind) -> None:
    """Among pairs that finished; ties leave an effect of two to those that differ."""
    scores = kind.draw(np.random.default_rng(0), 100_000, 2.0)
    d = scores["variant"] - scores[BASE]
    d = d[np.isfinite(d)]
    assert d.mean() == pytest.approx(2.0, abs=0.03)
    moved = d[d != 0]
    assert moved.std() == pytest.approx(1.0, abs=0.1)


def test_attainable_sizes_are_multiples_of_a_flip() -> None:
    """One of 32 at six seeds; 25 of 512 at ten; the first size within 5 % needs six."""
    assert null_rejections.attainable(6) == 1 / 32
    assert null_rejections.attainable(10) == 25 / 512
    assert null_rejections.attainable(5) == 0


def test_the_same_rates_come_at_every_call() -> None:
    assert tuning_nulls.searches(20) == tuning_nulls.searches(20)


def test_a_stream_depends_on_its_name_and_number_alone() -> None:
    first = [g.random() for g in generators("a", 3)]
    assert [g.random() for g in generators("a", 5)][:3] == first
    assert len({*first, *(g.random() for g in generators("b", 3))}) == 6


def one(draw, n: int = 200_000) -> np.ndarray:
    """Many differences of one variant and the baseline."""
    found = draw(np.random.default_rng(0), n)
    (name,) = found.keys() - {BASE}
    return found[name] - found[BASE]


@pytest.mark.parametrize(
    ("draw", "mean", "deviation"),
    [
        (normal(0.0), 0.0, 1.0),
        (normal(1.5), 1.5, 1.0),
        (normal(0.0, spread=2.0), 0.0, sqrt(4.5)),
        (simulated_scores.skewed_arms, 0.0, sqrt(2 * (exp(2) - exp(1)))),
        (simulated_scores.skewed_differences, 0.0, sqrt(exp(2) - exp(1))),
    ],
    ids=["null", "effect", "unequal", "skewed", "lognormal"],
)
def test_worlds_have_the_means_and_deviations_that_they_say(draw, mean, deviation) -> None:
    """Var exp(Z) = e^2 - e; tolerances are five standard errors, more for heavy tails."""
    d = one(draw)
    assert d.mean() == pytest.approx(mean, abs=5 * deviation / sqrt(d.size))
    assert d.std() == pytest.approx(deviation, rel=0.1)


def test_a_gain_in_nine_of_ten_and_the_failure_have_mean_zero() -> None:
    d = one(simulated_scores.rare_failures)
    counted = np.where(np.isnan(d), simulated_scores.FAILURE, d)
    assert counted.mean() == pytest.approx(0.0, abs=5 * 3 / sqrt(d.size))
    assert np.isnan(d).mean() == pytest.approx(0.1, abs=0.005)


def test_the_rule_gives_failed_runs_the_failure_score() -> None:
    world = World("rare failures", simulated_scores.rare_failures, failure=simulated_scores.FAILURE)
    (contrast,) = simulated_scores.verdicts(world, 200, 1)[0]
    assert contrast.failures[0] > 0
    assert contrast.finished is not None
    assert contrast.finished.mean > contrast.difference.mean + 0.5


def test_parts_of_one_data_set_correlate_by_their_share_of_it() -> None:
    """Nadeau and Bengio's assumption holds exactly here: 40 of 200 gives a correlation of one fifth."""
    pairs = np.array([coverage.redrawn(g, 2) for g in generators("pairs", 10_000)])
    assert np.corrcoef(pairs.T)[0, 1] == pytest.approx(coverage.TEST / coverage.UNITS, abs=0.04)


def test_a_search_takes_the_best_on_its_validation_part() -> None:
    """Without noise, the setting nearest the middle; with a setting that does nothing, any of them."""
    rng = np.random.default_rng(0)
    many = [abs(tuning_nulls.tuned(rng, 50, tuning_nulls.live)) for _ in range(200)]
    few = [abs(tuning_nulls.tuned(rng, 5, tuning_nulls.live)) for _ in range(200)]
    idle = [abs(tuning_nulls.tuned(rng, 50, tuning_nulls.inert)) for _ in range(200)]
    assert np.mean(many) < np.mean(few) / 2
    assert np.mean(idle) == pytest.approx(0.5, abs=0.1)


class Planted:
    """Faults, each put into the procedure that the rates are about."""

    @staticmethod
    def narrow(found):
        """Return an interval at 80 % that is called one at 95 %."""
        return lambda d, _level=0.95, family=1, correction=0.0: found(d, 0.8, family, correction)

    @staticmethod
    def uncounted(found):
        """Return a family that is counted as one."""
        return lambda d, level=0.95, _family=1, correction=0.0: found(d, level, 1, correction)

    @staticmethod
    def uncorrected(found):
        """Overlapping parts taken for independent ones."""
        return lambda d, level=0.95, family=1, **_: found(d, level, family, 0.0)


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        (Planted.narrow, "t interval of the mean difference"),
        (Planted.uncounted, "Bonferroni t intervals of 4 contrasts, all at once"),
        (
            Planted.uncorrected,
            "Nadeau-Bengio t interval, for new data from redrawn parts of one data set",
        ),
    ],
)
def test_a_fault_in_an_interval_is_seen(monkeypatch, fault, seen) -> None:
    monkeypatch.setattr(stats, "paired_t_interval", fault(stats.paired_t_interval))
    chosen = [case for case in coverage.CASES if case.name == seen]
    assert len(failed(coverage.coverage(REPEATS, chosen))) > 0


def test_a_test_that_halves_its_p_is_seen(monkeypatch) -> None:
    """As one that takes a one-sided p for a two-sided one."""
    exact = stats.sign_flip_p
    monkeypatch.setattr(stats, "sign_flip_p", lambda d: exact(d) / 2)
    rate = null_rejections._null(World("normal", normal(0.0)), 10, 1000, "halved")
    assert not rate.passed


def test_a_rule_without_holm_is_seen(monkeypatch) -> None:
    monkeypatch.setattr(stats, "holm", lambda p, family=None: np.asarray(p))  # noqa: ARG005
    found = null_rejections.at_the_margin(REPEATS)
    assert [r.name for r in found if not r.passed] == [
        "4 contrasts: any `equivalent` or `slightly`"
    ]
