"""Power of the rule, by simulating it: what could have been seen, and how many seeds show what.

Differences are drawn again from those at hand: a share of zeros as there is, the others centred, redrawn with a little
normal noise (the smoothed bootstrap) and scaled to the deviation that they have. Each drawn comparison is judged by the
rule itself: sign flips at the family's first step of Holm, or an interval beyond the margin, and enough seeds that
differ. Draws have a fixed seed, so that a page says the same each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import inf, sqrt

import numpy as np

from paribus import stats
from paribus.analysis.verdict.family import Family
from paribus.stats import Floats
from paribus.stats.shifts import Changed, sign_flip_shifts, t_shifts

POWER = 0.8
DRAWS = 400
MOST_DRAWN = 2**24
"""Differences drawn at most, while there are more than twenty comparisons of them."""
MANY = 250
"""Seeds beyond which sign flips are taken for the t test: their shifts differ by a hundredth or two there."""
SEED = 20_280_000


@dataclass(frozen=True, slots=True)
class Draws:
    """Comparisons drawn from the spread of one, all centred at no effect.

    Attributes:
        differences: ``(draw, seed)``, zero where nothing is changed.
        changed: ``(draw, seed)``, which are not ties.
        share: of seeds that are no ties, in the comparison that they are drawn from.
    """

    differences: Floats
    changed: Changed
    share: float

    @classmethod
    def of(cls, differences: tuple[float, ...], seeds: int, ratio: float) -> Draws | None:
        """Draw comparisons of so many seeds, or return None where there is no spread to draw from.

        Args:
            differences: ``(seed,)`` of the comparison at hand.
            seeds: of each comparison that is drawn.
            ratio: test size over training size where new data are spoken of: so much of the variance all seeds share.
        """
        d = np.array(differences)
        d, ties = d[d != 0], int((d == 0).sum())
        deviation = stats.deviation(d) if d.size >= 2 else 0.0
        if deviation == 0:
            return None
        draws = min(DRAWS, max(DRAWS // 20, MOST_DRAWN // seeds))
        generator, shape = np.random.default_rng(SEED), (draws, seeds)
        # Silverman's rule: few differences hardly tell more of a shape than that it is like a normal one.
        width = 1.06 * d.size**-0.2
        drawn = generator.choice(d - d.mean(), shape) * sqrt(d.size / (d.size - 1))
        drawn += width * deviation * generator.standard_normal(shape)
        drawn /= sqrt(1 + width**2)
        drawn += sqrt(ratio) * deviation * generator.standard_normal((draws, 1))
        share = d.size / (d.size + ties)
        changed = generator.random(shape) < share
        return cls(np.where(changed, drawn, 0.0), changed, share)

    def shifts(self, family: Family) -> tuple[Floats, Floats]:
        """Return the mean effects above which a better and a worse variant are told, each ``(draw,)``, sorted."""
        level, d, changed = family.alpha / family.size, self.differences, self.changed

        def beyond(edge: float) -> list[Floats]:
            return [t_shifts(x, changed, edge, level / 2, family.ratio) for x in (d, -d)]

        if family.new_data:
            both = beyond(0.0)
        else:
            many = d.shape[1] > MANY
            both = beyond(0.0) if many else [*sign_flip_shifts(d, changed, level)]
            if family.margin is not None:
                both = [np.minimum(*pair) for pair in zip(both, beyond(family.margin), strict=True)]
        few = changed.sum(axis=1) < family.min_seeds
        up, down = (np.sort(np.where(few, inf, self.share * shifts)) for shifts in both)
        return up, down

    def within(self, margin: float, family: Family) -> float:
        """Return the share of comparisons of equals that show that the difference is smaller than a margin."""
        from scipy.special import stdtrit

        n = self.differences.shape[1]
        quantile = -float(stdtrit(n - 1, family.alpha / family.size))
        half = quantile * self.differences.std(axis=1, ddof=1) * sqrt(1 / n + family.ratio)
        return float((np.abs(self.differences.mean(axis=1)) + half < margin).mean())


@lru_cache(maxsize=4096)
def visible_effect(differences: tuple[float, ...], family: Family) -> float | None:
    """Return the mean difference, either way, of which such a comparison would tell the direction in 80 % of cases.

    Args:
        differences: ``(seed,)`` of the comparison at hand.
        family: whose rule judges it.

    Returns:
        Infinite where so many seeds tie that no difference would be told, None where there is no spread.
    """
    draws = Draws.of(differences, len(differences), family.ratio)
    if draws is None:
        return None
    needed = int(np.ceil(POWER * len(draws.differences))) - 1
    return max(float(effects[needed]) for effects in draws.shifts(family))


def power_at(differences: tuple[float, ...], seeds: int, effect: float, family: Family) -> float:
    """Return the chance that a comparison of so many seeds tells the direction of an effect: the smaller of both ways.

    Args:
        differences: ``(seed,)`` of the comparison at hand, whose spread is taken.
        seeds: of the comparison that is planned.
        effect: mean difference, 0 or more.
        family: whose rule judges it.

    Returns:
        Zero where there is no spread to draw from.
    """
    draws = Draws.of(differences, seeds, family.ratio)
    if draws is None:
        return 0.0
    return min(float((effects < effect).mean()) for effects in draws.shifts(family))


def power_within(
    differences: tuple[float, ...], seeds: int, margin: float, family: Family
) -> float:
    """Return the chance that a comparison of so many seeds, of two equal variants, shows them to lie within a margin.

    Arguments are those of `power_at`. Zero where there is no spread to draw from.
    """
    draws = Draws.of(differences, seeds, family.ratio)
    return 0.0 if draws is None else draws.within(margin, family)
