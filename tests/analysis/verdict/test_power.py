"""Power of the rule: against the t distribution, the rule itself, and where nothing can be seen."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest
from scipy.stats import norm

from paribus import stats
from paribus.analysis.verdict import Decision, Family, decide, power
from paribus.analysis.verdict.power import power_at, visible_effect


def family(size: int = 1, margin: float | None = None, **more: float | bool) -> Family:
    return Family(baseline="base", higher_is_better=True, size=size, margin=margin, **more)


def bell(n: int, spread: float = 1.0) -> tuple[float, ...]:
    """Return quantiles of the normal distribution with exactly this sample deviation."""
    x = norm.ppf((np.arange(n) + 0.5) / n)
    return tuple((spread * x / x.std(ddof=1)).tolist())


def told(d: np.ndarray, size: int, margin: float | None) -> bool:
    """Return whether the rule tells a better variant."""
    (contrast,) = decide(
        {"base": np.zeros(d.size), "variant": d},
        baseline="base",
        higher_is_better=True,
        margin=margin,
        failure_score=0.0,
        family_size=size,
    )
    return contrast.decision is Decision.better


@pytest.mark.parametrize(("n", "size"), [(40, 1), (60, 4), (40, 20), (400, 4), (20_000, 1)])
def test_of_many_normal_differences_it_is_that_of_the_t_test(n: int, size: int) -> None:
    """The noncentral t distribution knows the effect; 5 % for 400 draws."""
    exact = stats.detectable_effect(1.0, n, size)
    assert visible_effect(bell(n), family(size)) == pytest.approx(exact, rel=0.05)


@pytest.mark.parametrize("ties", [0.0, 0.4])
def test_many_seeds_are_judged_as_the_t_test_judges_them(
    monkeypatch: pytest.MonkeyPatch, ties: float
) -> None:
    """At the number from which it is, both say the same within two hundredths, of skewed differences with ties, too."""
    n = power.MANY + 1
    d = np.random.default_rng(0).lognormal(size=n - round(ties * n))
    given = (*(d - d.mean()).tolist(), *[0.0] * round(ties * n))
    by_t = visible_effect(given, family(4))
    monkeypatch.setattr(power, "MANY", n)
    visible_effect.cache_clear()
    assert visible_effect(given, family(4)) == pytest.approx(by_t, rel=0.02)
    visible_effect.cache_clear()


def test_fewer_comparisons_are_drawn_of_more_seeds_than_memory_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(power, "MOST_DRAWN", 50 * 400)
    d = bell(400)
    draws = power.Draws.of(d, 400, 0.0)
    assert draws is not None
    assert draws.differences.shape == (50, 400)
    visible_effect.cache_clear()
    exact = stats.detectable_effect(1.0, 400, 1)
    assert visible_effect(d, family()) == pytest.approx(exact, rel=0.15)
    visible_effect.cache_clear()


def test_of_six_seeds_all_must_have_one_sign() -> None:
    """The chance that six of six are positive is Phi(e)^6 = .8 at e = 1.79, a quarter more than the t test needs."""
    exact = float(norm.ppf(0.8 ** (1 / 6)))
    assert exact == pytest.approx(1.79, abs=0.01)
    assert visible_effect(bell(6), family()) == pytest.approx(exact, rel=0.08)


@pytest.mark.parametrize(
    ("n", "size", "margin", "ties"),
    [(10, 1, 1.0, 0.0), (10, 4, None, 0.0), (29, 4, 0.1, 0.2), (29, 1, 0.5, 0.5)],
)
def test_the_rule_keeps_what_is_promised(
    n: int, size: int, margin: float | None, ties: float
) -> None:
    """In 300 comparisons of known spread, with a wide margin and with ties: 80 %, give or take three errors of it."""
    generator = np.random.default_rng(4)
    zeros = round(ties * n)
    effect = visible_effect((*bell(n - zeros), *[0.0] * zeros), family(size, margin))
    assert effect is not None
    share = (n - zeros) / n
    hits = 0
    for _ in range(300):
        moved = generator.random(n) < share
        x = np.where(moved, generator.standard_normal(n) + effect / share, 0.0)
        hits += told(x, size, margin)
    assert abs(hits / 300 - 0.8) < 0.07


def test_power_rises_with_effect_and_seeds_and_is_that_of_the_visible_effect() -> None:
    d, one = bell(10), family()
    effect = visible_effect(d, one)
    assert effect is not None
    assert power_at(d, 10, effect, one) == pytest.approx(0.8, abs=0.03)
    assert power_at(d, 10, effect / 2, one) < 0.5 < power_at(d, 20, effect / 2, one) + 0.2
    assert power_at(d, 5, 100.0, one) == 0.0  # below the least number nothing is told


def test_new_data_are_harder_by_the_correction() -> None:
    """By the corrected t: the noncentral t distribution with 1/n + test over training size."""
    exact = stats.detectable_effect(1.0, 20, 4, correction=0.25)
    found = visible_effect(bell(20), family(4, correction=0.25, new_data=True))
    assert found == pytest.approx(exact, rel=0.06)


def test_ties_can_hide_any_difference() -> None:
    """Of ten seeds four tie; six are needed, and such a comparison has them in 63 % of cases."""
    assert visible_effect((*bell(6), 0.0, 0.0, 0.0, 0.0), family()) == inf


def test_without_spread_nothing_is_known() -> None:
    assert visible_effect((0.0,) * 8, family()) is None
    assert visible_effect((1.0,) * 8, family()) is None
    assert power_at((1.0,) * 8, 8, 1.0, family()) == 0.0


@pytest.mark.parametrize(
    ("scores", "outcomes", "reason"),
    [
        ([0.1] * 8, ["completed"] * 8, "floor"),
        ([0.9, 0.7] * 2, ["completed"] * 4, "few seeds"),
        ([0.9, 0.5] + [0.6] * 6, ["completed"] * 8, "few seeds differ"),
        ([0.9, 0.3] * 4, ["exhausted"] + ["completed"] * 7, "exhausted"),
        ([0.9, 0.3] * 3 + [0.9, nan], ["completed"] * 7 + ["undefined"], "undefined"),
    ],
)
def test_where_no_verdict_was_possible_nothing_could_have_been_seen(
    scores: list[float], outcomes: list[str], reason: str
) -> None:
    """Floors, looks and withheld verdicts carry no detectable effect, however much they spread."""
    base = np.full(len(scores), 0.6 if reason != "floor" else 0.2)
    (contrast,) = decide(
        {"base": base, "variant": scores},
        baseline="base",
        higher_is_better=True,
        margin=0.05,
        failure_score=0.5,
        dummy=0.5,
        outcomes={"base": ["completed"] * len(scores), "variant": outcomes},
    )
    assert contrast.decision is Decision.undecided
    assert reason in contrast.reason or reason in [str(r) for r in contrast.reasons]
    assert contrast.detectable is None
