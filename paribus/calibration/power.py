"""Effects that are there: how often they are found, against the power that is promised beside every `undecided`."""

from __future__ import annotations

from collections.abc import Sequence

from paribus import stats
from paribus.analysis.verdict import Contrast, Decision
from paribus.calibration.rates import Rate, Rule
from paribus.calibration.simulated_scores import World, normal, verdicts

PROMISED = 0.8
FACTOR = {6: 1.25, 10: 1.03, 29: 1.03}
"""What the sign-flip test needs more than the t test whose power is promised, by number of seeds (`detectable_effect`
says so): at six only unanimous signs count."""


def power(repeats: int) -> list[Rate]:
    """Count what the t test detects at the promised effect, and the rule at a little more."""
    return [
        rate
        for family in (1, 4)
        for n in (6, 10, 29)
        if stats.min_seeds(family) <= n
        for rate in _power(n, family, repeats)
    ]


def _power(n: int, family: int, repeats: int) -> list[Rate]:
    effect = stats.detectable_effect(1.0, n, family)
    at = _planted(effect, n, family, repeats)
    beyond = _planted(FACTOR[n] * effect, n, family, repeats)
    contrasts = "one contrast" if family == 1 else f"one of {family} contrasts"
    return [
        _rate(
            f"{contrasts}, the effect promised ({effect:.2f} sd): found by the t test",
            sum(c.difference.low > 0 for c in at),
            repeats,
            n,
            "equal",
        ),
        _rate(
            f"{contrasts}, {FACTOR[n]:g} times that: verdict `better`",
            sum(c.decision is Decision.better for c in beyond),
            repeats,
            n,
            "at_least",
        ),
    ]


def _planted(effect: float, n: int, family: int, repeats: int) -> Sequence[Contrast]:
    """Return the contrast with the effect, in a family of which the others show nothing."""
    world = World(f"effect {effect:.6f} of {family}", normal(effect))
    return [contrast for (contrast,) in verdicts(world, n, repeats, family)]


def _rate(name: str, hits: int, repeats: int, n: int, rule: Rule) -> Rate:
    fails_if = "a promise that is not kept, or a test with less power than it could have"
    return Rate("Power against planted effects", name, hits, repeats, PROMISED, rule, fails_if, n)
