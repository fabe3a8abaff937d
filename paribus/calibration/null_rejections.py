"""Comparisons in which nothing is to be found: how often something is found all the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import floor

from paribus.analysis.verdict import Contrast, Decision, Size
from paribus.calibration.rates import Rate, Rule
from paribus.calibration.simulated_scores import (
    FAILURE,
    World,
    failing_arms,
    normal,
    rare_failures,
    skewed_arms,
    skewed_differences,
    verdicts,
)

ALPHA = 0.05
FAMILY = 4
MARGIN = 1.5
"""In standard deviations of the differences: wide enough that equivalence is found, and may hide rejections."""

Found = Sequence[tuple[Contrast, ...]]


def attainable(n: int) -> float:
    """Return the size that the sign-flip test of n differences has at 5 %: the largest multiple of 2^(1-n) within it.

    >>> attainable(6), attainable(5)
    (0.03125, 0.0)
    """
    flips: float = 2.0 ** (n - 1)
    return floor(ALPHA * flips) / flips


def rejected(contrasts: Iterable[Contrast]) -> bool:
    """Return whether Holm's test rejects any contrast, whatever equivalence made of it."""
    return any(contrast.p_holm <= ALPHA for contrast in contrasts)


def told_apart(contrasts: Iterable[Contrast]) -> bool:
    """Return whether any verdict is better or worse."""
    return any(c.decision in (Decision.better, Decision.worse) for c in contrasts)


def rejections(repeats: int) -> list[Rate]:
    """Return rejections of true nulls, counted before equivalence hides them."""
    found = [_null(World("normal", normal(0.0)), n, repeats, "normal scores") for n in (6, 10, 29)]
    found += [
        _null(World("skewed arms", skewed_arms), 10, repeats, "skewed (lognormal) scores"),
        _null(
            World("unequal spread", normal(0.0, spread=2.0)),
            10,
            repeats,
            "spreads that differ by 2.8 times",
        ),
        _null(
            World("failures in both", failing_arms, failure=-2.0),
            10,
            repeats,
            "one run in ten failing, in both variants alike",
            "at_most",  # a seed on which both fail is a tie, which makes the test a little smaller
        ),
    ]
    return [*found, *_family(repeats)]


def _null(world: World, n: int, repeats: int, description: str, rule: Rule = "equal") -> Rate:
    hits = sum(map(rejected, verdicts(world, n, repeats)))
    return Rate(
        group="True nulls",
        name=f"one contrast, {description}: rejected",
        hits=hits,
        trials=repeats,
        expected=attainable(n),
        rule=rule,
        fails_if="a test that is not exact, or pairs that are not paired",
        n=n,
    )


def _family(repeats: int) -> list[Rate]:
    """Return four contrasts with one baseline, none of them real, seen with a margin."""
    families = verdicts(World("four nulls", normal(*[0.0] * FAMILY), margin=MARGIN), 10, repeats)
    uncorrected = sum(any(c.p <= ALPHA for c in contrasts) for contrasts in families)
    group = "True nulls"
    return [
        Rate(
            group,
            f"{FAMILY} contrasts: any rejected by Holm, before equivalence is looked at",
            sum(map(rejected, families)),
            repeats,
            ALPHA,
            "at_most",
            "a family that is counted too small",
            10,
        ),
        Rate(
            group,
            f"{FAMILY} contrasts: any verdict `better` or `worse`",
            sum(map(told_apart, families)),
            repeats,
            ALPHA,
            "at_most",
            "a verdict that does not follow from the test",
            10,
        ),
        Rate(
            "Wrong on purpose",
            f"{FAMILY} contrasts, each at 5 % without Holm: any rejected",
            uncorrected,
            repeats,
            ALPHA,
            "above",
            "a simulation that could not see a missing correction",
            10,
        ),
    ]


def at_the_margin(repeats: int) -> list[Rate]:
    """Return effects exactly at the margin, of which none is smaller than it: neither equivalent nor slight."""
    one = verdicts(World("at the margin", normal(MARGIN), margin=MARGIN), 10, repeats)
    four = verdicts(
        World("four at the margin", normal(*[MARGIN] * FAMILY), margin=MARGIN), 10, repeats
    )
    raw = sum(any((c.p_equivalent or 0.0) <= ALPHA for c in contrasts) for contrasts in four)
    group, wrong = "Effects exactly at the margin", "equivalence that is found too easily"
    return [
        Rate(
            group,
            "one contrast: `equivalent` or `slightly`",
            _within(one),
            repeats,
            ALPHA,
            "equal",
            wrong,
            10,
        ),
        Rate(
            group,
            f"{FAMILY} contrasts: any `equivalent` or `slightly`",
            _within(four),
            repeats,
            ALPHA,
            "at_most",
            wrong,
            10,
        ),
        Rate(
            "Wrong on purpose",
            f"{FAMILY} contrasts exactly at the margin, each at 5 % without Holm: any equivalent",
            raw,
            repeats,
            ALPHA,
            "above",
            "a simulation that could not see a missing correction",
            10,
        ),
    ]


def _within(repeats: Found) -> int:
    return sum(any(c.size is Size.within for c in contrasts) for contrasts in repeats)


def broken(repeats: int) -> list[Rate]:
    """Return equal means without symmetry, which break every test of equal means: shown, since no test corrects it."""
    group = "Equal means without symmetry"
    wrong = "a simulation that could not see what the page warns of"
    worlds = {
        "lognormal differences with mean zero: rejected": World("lognormal", skewed_differences),
        "a gain in nine runs of ten, failure in the tenth, means equal: rejected": World(
            "rare failures", rare_failures, failure=FAILURE
        ),
    }
    rule: Rule = "above"
    return [
        Rate(
            group,
            description,
            sum(map(rejected, verdicts(w, 10, repeats))),
            repeats,
            ALPHA,
            rule,
            wrong,
            10,
        )
        for description, w in worlds.items()
    ]
