"""Sequential sign test: by hand, its error rate when it looks after every seed, and that of peeking."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from scipy import stats as oracle

from paribus.stats import follow, min_seeds_to_stop, sign_evidence
from tests.helpers.refusals import refused

REPEATS = 4000
CAP = 30


def wealth(wins: int, losses: int) -> Fraction:
    """2^n B(S + 1, n - S + 1) = 2^n / ((n + 1) C(n, S)), in rational numbers."""
    n = wins + losses
    return Fraction(2**n, (n + 1) * comb(n, wins))


@pytest.mark.parametrize("wins", range(0, 31, 5))
@pytest.mark.parametrize("losses", [0, 1, 7, 30])
def test_the_wealth_is_that_of_exact_arithmetic(wins: int, losses: int) -> None:
    d = [1.0] * wins + [-1.0] * losses
    if d:
        assert sign_evidence(d)[-1] == pytest.approx(float(wealth(wins, losses)), rel=1e-10)


def test_the_wealth_is_a_fair_game() -> None:
    """Whatever came before, its mean after one more seed of either sign is what it was."""
    for wins in range(8):
        for losses in range(8):
            after = (wealth(wins + 1, losses) + wealth(wins, losses + 1)) / 2
            assert after == wealth(wins, losses)


def test_ten_unanimous_seeds_stop_one_of_four_and_eight_stop_one() -> None:
    """2^10 / 11 = 93 of the 80 wanted, 2^9 / 10 = 51 too little; 2^8 / 9 = 28 of 20."""
    assert [min_seeds_to_stop(m) for m in (1, 2, 4, 5, 8)] == [8, 9, 10, 11, 11]
    for m in range(1, 12):
        n = min_seeds_to_stop(m)
        assert follow(np.ones(n), m).stopped
        assert not follow(np.ones(n - 1), m).stopped


def test_a_sequence_stops_at_its_first_crossing_and_looks_no_further() -> None:
    found = follow([1.0] * 8 + [-1.0] * 20)
    assert (found.n, found.wins, found.losses, found.stopped) == (8, 8, 0, True)
    assert found.evidence == pytest.approx(256 / 9)
    assert found.p == pytest.approx(9 / 256)
    assert found.low > 0.5


def test_losses_stop_it_as_wins_do() -> None:
    up, down = follow([1.0] * 8), follow([-1.0] * 8)
    assert (down.wins, down.losses, down.evidence) == (0, 8, up.evidence)
    assert (down.low, down.high) == pytest.approx((1 - up.high, 1 - up.low), abs=1e-9)


def test_ties_are_looked_at_and_say_nothing() -> None:
    found = follow([0.0, 1.0, 0.0, 1.0])
    assert (found.n, found.wins, found.ties, found.stopped) == (4, 2, 2, False)
    assert found.evidence == pytest.approx(4 / 3)


def test_nothing_is_known_before_the_first_seed() -> None:
    found = follow([])
    assert (found.n, found.evidence, found.p, found.low, found.high) == (0, 1.0, 1.0, 0.0, 1.0)


def test_p_is_of_the_best_look_and_the_interval_of_all_looks() -> None:
    """Six wins and six losses: the wealth was 64/7 after six, and shares once shut out stay out."""
    found = follow([1.0] * 6 + [-1.0] * 6)
    assert found.evidence == pytest.approx(64 / 7)
    six = follow([1.0] * 6)
    assert found.low == pytest.approx(six.low)
    assert found.high < six.high


def test_limits_are_the_shares_that_the_wealth_has_not_ruled_out() -> None:
    """At the limit the wealth against that share is what is wanted: 20 for one contrast."""
    d = np.array([1, 1, -1, 1, 1, 1, -1, 1, 1, 1.0])
    found = follow(d)
    walk = [(int((d[: n + 1] > 0).sum()), n + 1) for n in range(d.size)]

    def against(p: float) -> float:
        return max(1 / ((n + 1) * comb(n, s)) / (p**s * (1 - p) ** (n - s)) for s, n in walk)

    assert against(found.low) == pytest.approx(20, rel=1e-6)
    assert against(0.5) < 20 < against(found.low - 0.01)
    assert found.high == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("wins", range(11))
def test_one_half_is_left_out_exactly_where_it_stops(wins: int) -> None:
    rng = np.random.default_rng(wins)
    for _ in range(20):
        d = rng.permutation([1.0] * wins + [-1.0] * (10 - wins))
        found = follow(d)
        assert found.stopped == (not found.low <= 0.5 <= found.high)


def signs(share: float, repeats: int = REPEATS, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.where(rng.random((repeats, CAP)) < share, 1.0, -1.0)


@pytest.mark.parametrize("family", [1, 4])
def test_looking_after_every_seed_keeps_the_error_rate(family: int) -> None:
    """One of the family ever stopping by mistake, over thirty looks each: at most 5 % (99 % band of the repeats)."""
    runs = signs(0.5, REPEATS * family, seed=family)
    stops = np.array([sign_evidence(d).max() >= family / 0.05 for d in runs])
    wrong = stops.reshape(REPEATS, family).any(axis=1).mean()
    assert 0.002 < wrong <= oracle.binom.ppf(0.995, REPEATS, 0.05) / REPEATS


def test_the_error_rate_needs_symmetry_of_signs_alone() -> None:
    """Skewed and unequal differences with a median of zero: signs see none of it."""
    rng = np.random.default_rng(9)
    skewed = rng.exponential(size=(REPEATS, CAP)) - np.log(2)
    stops = np.mean([follow(d).stopped for d in skewed[:500]])
    assert stops <= oracle.binom.ppf(0.995, 500, 0.05) / 500


def test_peeking_without_the_rule_is_seen_to_fail() -> None:
    """Stopping at the first p < .05: about 28 % from five to fifty seeds, 13 % at 10, 12, 15, 20 and 30."""
    rng = np.random.default_rng(10)
    d = rng.standard_normal((REPEATS, 50))
    n = np.arange(1, 51)
    mean = d.cumsum(axis=1) / n
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt((np.square(d).cumsum(axis=1) / n - mean**2) * n / (n - 1))
        p = 2 * oracle.t.sf(np.abs(mean) / (spread / np.sqrt(n)), n - 1)
    assert (p[:, 4:] < 0.05).any(axis=1).mean() == pytest.approx(0.28, abs=0.03)
    looks = np.array([10, 12, 15, 20, 30]) - 1
    assert (p[:, looks] < 0.05).any(axis=1).mean() == pytest.approx(0.13, abs=0.025)
    assert np.mean([sign_evidence(x).max() >= 20 for x in d]) <= 0.06


def test_its_shares_cover_at_every_look_at_once() -> None:
    """The true share never leaves the interval, at any of thirty looks, in 95 % of sequences or more."""
    for share in (0.5, 0.8):
        runs = signs(share, 300, seed=11)
        covered = np.mean([_inside(d, share) for d in runs])
        assert covered >= 0.92


def _inside(d: np.ndarray, share: float) -> bool:
    from scipy.special import betaln

    wins, n = (d > 0).cumsum(), np.arange(1, d.size + 1)
    worth = betaln(wins + 1, n - wins + 1) - wins * np.log(share) - (n - wins) * np.log1p(-share)
    held = bool((worth < np.log(20)).all())
    found = follow(d)
    if not found.stopped:  # the interval says what the wealth says
        assert held == (found.low <= share <= found.high)
    return held


def test_easy_comparisons_stop_early_and_hard_ones_go_on() -> None:
    """Of a family of four: seeds always won stop at ten, seeds won four times of five at about twenty-five or later."""
    easy = [follow(d, 4).n for d in signs(1.0, 50)]
    hard = [follow(d, 4) for d in signs(0.5, 200, seed=12)]
    assert set(easy) == {10}
    assert np.mean([f.n for f in hard]) > 29


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: follow([[1.0]]), "differences: got shape (1, 1), expected one dimension."),
        (lambda: follow([1.0], family=0), "family: got 0, expected 1 or more."),
        (lambda: follow([1.0], alpha=1.0), "alpha: got 1.0, expected between 0 and 1."),
        (lambda: min_seeds_to_stop(0), "family: got 0, expected 1 or more."),
    ],
)
def test_bad_arguments_are_named(call, message: str) -> None:
    assert refused(call).startswith(message)
