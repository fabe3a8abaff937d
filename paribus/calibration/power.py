"""Effects that are there: how often they are found, against what is promised beside every `undecided`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from paribus.analysis.verdict import Contrast, Decision, Family
from paribus.analysis.verdict.power import POWER, visible_effect
from paribus.calibration.rates import Rate
from paribus.calibration.simulated_scores import BASE, Scores, World, verdicts


class Promise(NamedTuple):
    """Case in which a visible effect is promised.

    Attributes:
        n: seeds.
        family: contrasts.
        margin: in deviations, or None.
        ties: share of seeds that tie.
    """

    n: int
    family: int = 1
    margin: float | None = None
    ties: float = 0.0

    @property
    def name(self) -> str:
        """The case in a phrase."""
        one = "one contrast" if self.family == 1 else f"one of {self.family} contrasts"
        margin = "" if self.margin is None else f", margin {self.margin:g} sd"
        return f"{one}{margin}{f', {self.ties:.0%} ties' if self.ties else ''}".replace("%", " %")


CASES = (
    *(Promise(n, family) for family in (1, 4) for n in (6, 10, 29) if (n, family) != (6, 4)),
    *(Promise(10, margin=1.0), Promise(29, 4, margin=0.1), Promise(29, ties=0.2)),
)


def power(repeats: int) -> list[Rate]:
    """Count how often the rule tells the direction of the effect that it says it would in 80 %."""
    return [_rate(case, repeats) for case in CASES]


def _rate(case: Promise, repeats: int) -> Rate:
    effect = promised(case)
    found = sum(c.decision is Decision.better for c in _planted(case, effect, repeats))
    return Rate(
        group="Power against planted effects",
        name=f"{case.name}: direction told of the effect promised ({effect:.2f} sd)",
        hits=found,
        trials=repeats,
        expected=POWER,
        rule="at_least",
        fails_if="a promise that is not kept",
        n=case.n,
    )


def promised(case: Promise) -> float:
    """Return the effect that is promised beside normal differences of deviation one, some seeds tied."""
    from scipy.special import ndtri

    moved = case.n - round(case.ties * case.n)
    x = ndtri((np.arange(moved) + 0.5) / moved)
    differences = (*(x / x.std(ddof=1)).tolist(), *[0.0] * (case.n - moved))
    family = Family(baseline=BASE, higher_is_better=True, size=case.family, margin=case.margin)
    effect = visible_effect(differences, family)
    assert effect is not None
    return effect


def _planted(case: Promise, effect: float, repeats: int) -> Sequence[Contrast]:
    """Return the contrast with the effect, in a family of which the others show nothing."""
    share = 1 - round(case.ties * case.n) / case.n

    def draw(generator: np.random.Generator, n: int) -> Scores:
        base = generator.standard_normal(n)
        other = base + effect / share + generator.standard_normal(n)
        return {BASE: base, "variant": np.where(generator.random(n) < share, other, base)}

    world = World(f"promise, {case.name}", draw, margin=case.margin)
    return [contrast for (contrast,) in verdicts(world, case.n, repeats, case.family)]
