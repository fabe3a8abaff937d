"""Every label that the rule prints, counted in worlds of which the truth is known: no effect, half a margin, one, two.

A label is wrong where what it says does not hold. Without any effect that is every direction; at half the margin a
clear one, or the wrong one; exactly at the margin a clear one, or any that says smaller; at two margins any that says
smaller, or the wrong direction. Exact tests and t intervals bound each of these where what they assume holds; where it
does not, rates are shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from math import e, exp, sqrt

import numpy as np

from paribus.analysis.verdict import Contrast, Decision
from paribus.calibration.rates import Rate, Rule
from paribus.calibration.simulated_scores import BASE, Scores, World, verdicts

LABELS = (
    *("clearly better", "better", "slightly better", "equivalent", "identical"),
    *("undecided", "withheld", "slightly worse", "worse", "clearly worse"),
)
WORSE = {"slightly worse", "worse", "clearly worse"}
SMALLER = {"equivalent", "slightly better", "slightly worse"}
CLEAR = {"clearly better"}
WRONG = {
    0.0: (WORSE | {"slightly better", "better", "clearly better"}, 0.05),
    0.5: (WORSE | CLEAR, 0.05),
    1.0: (WORSE | SMALLER | CLEAR, 0.075),
    2.0: (WORSE | SMALLER, 0.05),
}
"""By effect in margins: labels that do not hold there, and in what share of comparisons the rule may print any."""


@dataclass(frozen=True)
class Kind:
    """Kind of differences, of deviation one.

    Attributes:
        name: in a phrase.
        draw: ``(generator, seeds, effect) -> scores``.
        promised: effects at which the tests' assumptions hold, so that their error rates do. Sign flips need symmetry
            about zero, t tests at the margin differences that are about normal: ties are neither zero nor near it.
        seeds: numbers of seeds and the margin with each, in deviations.
    """

    name: str
    draw: Callable[[np.random.Generator, int, float], Scores]
    promised: tuple[float, ...] = tuple(WRONG)
    seeds: tuple[tuple[int, float], ...] = ((10, 1.0),)


def _pairs(spread_of_base: float) -> Callable[[np.random.Generator, int, float], Scores]:
    """Return scores that share their seed's difficulty; differences have deviation one."""

    def draw(generator: np.random.Generator, n: int, effect: float) -> Scores:
        shared = 3 * generator.standard_normal(n)
        base = shared + spread_of_base * generator.standard_normal(n)
        other = sqrt(1 - spread_of_base**2) * generator.standard_normal(n)
        return {BASE: base, "variant": shared + effect + other}

    return draw


def _lognormal(generator: np.random.Generator, n: int, effect: float) -> Scores:
    """Return differences that are lognormal, of mean ``effect`` and deviation one: rare large gains."""
    skewed = (np.exp(generator.standard_normal(n)) - exp(0.5)) / sqrt(e * (e - 1))
    base = generator.standard_normal(n)
    return {BASE: base, "variant": base + effect + skewed}


def _failing(generator: np.random.Generator, n: int, effect: float) -> Scores:
    """Return normal pairs of which each run fails in one of twenty."""
    scores = _pairs(sqrt(0.5))(generator, n, effect)
    return {name: np.where(generator.random(n) < 0.05, np.nan, row) for name, row in scores.items()}


def _tied(share: float) -> Callable[[np.random.Generator, int, float], Scores]:
    """Return pairs of which a share score exactly alike; the others bear the whole mean effect."""

    def draw(generator: np.random.Generator, n: int, effect: float) -> Scores:
        base = generator.standard_normal(n)
        other = base + effect / (1 - share) + generator.standard_normal(n)
        return {BASE: base, "variant": np.where(generator.random(n) < share, base, other)}

    return draw


KINDS = (
    Kind("normal", _pairs(sqrt(0.5)), seeds=((10, 1.0), (29, 0.5))),
    Kind("spreads that differ by 2.8 times", _pairs(1 / 3)),
    Kind("one run in twenty fails", _failing),
    Kind("one seed in five ties", _tied(0.2), promised=(0.0, 0.5, 2.0)),
    Kind("every other seed ties", _tied(0.5), promised=(0.0, 0.5, 2.0)),
    Kind("lognormal differences", _lognormal, promised=(), seeds=((10, 1.0), (29, 0.5))),
)


def labels(repeats: int) -> list[Rate]:
    """Count every label in every world, and the wrong ones among them."""
    return [
        _count(kind, n, margin, effect, repeats)
        for kind in KINDS
        for n, margin in kind.seeds
        for effect in WRONG
    ]


def _count(kind: Kind, n: int, margin: float, effect: float, repeats: int) -> Rate:
    world = World(
        f"labels, {kind.name}, {effect:g} margins",
        lambda generator, seeds: kind.draw(generator, seeds, effect * margin),
        margin=margin,
        failure=-6.0,
    )
    counts = Counter(label(contrast) for (contrast,) in verdicts(world, n, repeats))
    wrong, expected = WRONG[effect]
    rule: Rule = "at_most" if effect in kind.promised else "shown"
    place = {0.0: "no effect", 0.5: "half the margin", 1.0: "the margin", 2.0: "twice the margin"}
    return Rate(
        group="Printed labels",
        name=f"{kind.name}, {place[effect]}: a label that does not hold",
        hits=sum(counts[name] for name in wrong),
        trials=repeats,
        expected=expected,
        rule=rule,
        fails_if="a rule that says more than its tests show",
        n=n,
        labels={name: counts[name] for name in LABELS},
        wrong=tuple(sorted(wrong)),
    )


def label(contrast: Contrast) -> str:
    """Return the label of a contrast as it is printed, without remarks; `withheld` beside a reason to withhold it."""
    withheld = contrast.decision is Decision.undecided and contrast.reasons
    return "withheld" if withheld else contrast.word
