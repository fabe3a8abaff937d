"""How many seeds, and how many seconds, a comparison needs: planned from the spread of one that is there.

Needs no torch, so that a plan from a table of scores comes at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite, isnan, nan
from typing import TYPE_CHECKING

import numpy as np

from paribus import stats
from paribus.analysis.verdict.contrast import WEAK, Contrast, Decision, Reason
from paribus.analysis.verdict.family import Family
from paribus.analysis.verdict.power import POWER, power_at, power_within
from paribus.errors import ParibusError

if TYPE_CHECKING:
    from pandas import DataFrame

MAX_SEEDS = 300
ROUGH = 0.8  # confidence of what is said of the spread itself
PLANNED = {*WEAK, Reason.few_seeds, Reason.few_seeds_differ, Reason.exploratory, Reason.open}
"""Reasons beside which a spread can be planned with; beside any other none was looked at."""


@dataclass(frozen=True, slots=True)
class Planned:
    """Plan of one contrast.

    Attributes:
        variant: that is held against the baseline.
        spread: standard deviation of the differences; NaN where there is none.
        to_tell: seeds with which the direction of the effect is told in 80 % of comparisons; infinite above
            `MAX_SEEDS`, NaN where there is no plan.
        to_bound: seeds with which equals are shown to differ by less than the margin in 80 %; likewise.
        seconds: of training variant and baseline with one seed; NaN where they are not known.
        remark: why there is no plan, or what it leaves out.
    """

    variant: str
    spread: float
    to_tell: float = nan
    to_bound: float = nan
    seconds: float = nan
    remark: str = ""

    @property
    def possible(self) -> bool:
        """True where there is a spread to plan with."""
        return isfinite(self.spread)


@dataclass(frozen=True)
class SeedPlan:
    """Plan of all contrasts of one family: a table when printed.

    Attributes:
        title: what is planned, and from what.
        contrasts: one a variant.
        effect: mean difference that is to be told, in units of the score.
        margin: largest difference that does not matter, or None.
        metric: name of the score.
        family: number of contrasts that are declared.
        seeds: of the comparison whose spread is taken.
        min_seeds: seeds without which nothing is told.
        seconds: of training all variants with one seed; NaN where they are not known.
    """

    title: str
    contrasts: tuple[Planned, ...]
    effect: float
    margin: float | None
    metric: str
    family: int
    seeds: int
    min_seeds: int
    seconds: float = nan

    def __str__(self) -> str:
        table = self._shown().to_markdown(index=False, tablefmt="simple", disable_numparse=True)
        return "\n".join([self.title, table, self._foot(), *self._remarks()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from html import escape

        about = " ".join([self._foot(), *self._remarks()])
        table: str = self._shown().to_html(index=False, border=0)
        return f"<p>{escape(self.title)}</p>{table}<p>{escape(about)}</p>"

    def to_frame(self) -> DataFrame:
        """Return one row a contrast in numbers, and one for all of them; NaN where there is no plan."""
        import pandas as pd

        return pd.DataFrame([self._numbers(row) for row in self._rows()])

    @property
    def _all(self) -> Planned:
        """Seeds that every contrast needs, and seconds of all variants."""
        rows = [row for row in self.contrasts if row.possible]
        bounds = [row.to_bound for row in rows]
        return Planned(
            "all of them",
            max(row.spread for row in rows),
            max(row.to_tell for row in rows),
            nan if any(map(isnan, bounds)) else max(bounds),
            self.seconds,
        )

    def _rows(self) -> list[Planned]:
        several = sum(row.possible for row in self.contrasts) > 1
        return [*self.contrasts, *([self._all] if several else [])]

    def _numbers(self, row: Planned) -> dict[str, float | str]:
        found: dict[str, float | str] = {"variant": row.variant, "spread": row.spread}
        asked = [("tell", row.to_tell), ("bound", row.to_bound)]
        for name, seeds in asked if self.margin is not None else asked[:1]:
            found |= {f"seeds to {name}": seeds, f"seconds to {name}": seeds * row.seconds}
        return found

    def _shown(self) -> DataFrame:
        """Return the table as it is printed."""
        import pandas as pd

        columns = ["variant", "spread", f"seeds to tell {self.effect:g}", "seconds"]
        if self.margin is not None:
            columns += [f"seeds to bound by {self.margin:g}", "seconds"]
        rows = []
        for row in self._rows():
            counts = [row.to_tell, row.to_bound][: 1 if self.margin is None else 2]
            cells = [cell for count in counts for cell in _cells(count, row)]
            rows.append([row.variant, f"{row.spread:.2g}" if row.possible else "—", *cells])
        return pd.DataFrame(rows, columns=columns)

    def _foot(self) -> str:
        low, high = _spread_limits(self.seeds)
        bound = (
            ""
            if self.margin is None
            else f", or show of two equal variants that they differ by less than {self.margin:g}"
        )
        timed = any(isfinite(row.seconds) for row in self.contrasts)
        seconds = " Seconds are of training variant and baseline, as there." if timed else ""
        return (
            f"{self.metric}: with these seeds 80 % of comparisons tell the direction of a difference of "
            f"{self.effect:g}{bound}. At least {self.min_seeds} seeds must differ, for {_counted(self.family)}."
            f"{seconds} The spreads rest on {self.seeds} seeds: the true ones may be {low:.2g} to {high:.2g} times as "
            "large, and the seeds needed grow with the square."
        )

    def _remarks(self) -> list[str]:
        return [f"{row.variant}: {row.remark}" for row in self.contrasts if row.remark]


def _counted(count: int) -> str:
    return "one contrast" if count == 1 else f"{count} contrasts"


def _cells(seeds: float, row: Planned) -> tuple[str, str]:
    """Return seeds and seconds as they are printed."""
    if not isfinite(seeds):
        return "—" if isnan(seeds) else f"over {MAX_SEEDS}", "—"
    return f"{seeds:.0f}", f"{seeds * row.seconds:.0f}" if isfinite(row.seconds) else "—"


def _spread_limits(seeds: int) -> tuple[float, float]:
    """Return by how much the true deviation may differ from that of normal differences of so many seeds."""
    from scipy.special import chdtri

    tails = (1 - ROUGH) / 2, (1 + ROUGH) / 2
    low, high = (float(np.sqrt((seeds - 1) / chdtri(seeds - 1, tail))) for tail in tails)
    return low, high


def plan_contrasts(
    contrasts: Sequence[Contrast],
    *,
    title: str,
    effect: float | None = None,
    margin: float | None = None,
    seconds: Mapping[str, float] | None = None,
) -> SeedPlan:
    """Plan seeds and seconds from the differences of a comparison that is there.

    Args:
        contrasts: of one family.
        title: what is planned, and from what.
        effect: mean difference whose direction is to be told, in units of the score; None is the margin.
        margin: in place of the declared one.
        seconds: of training one seed, by variant, the baseline among them.

    Raises:
        ParibusError: there is no contrast with a spread, or neither effect nor margin, or one is not positive.
    """
    if not contrasts:
        raise ParibusError(
            "pilot of a plan",
            got="no variant with scores beside the baseline's",
            expected="paired scores of two variants or more",
            fix="Run the comparison with a few seeds first, such as --seeds 6.",
        )
    families = _families(contrasts, margin)
    family = families[0]
    effect = family.margin if effect is None else effect
    if effect is None or not 0 < effect < inf:
        raise ParibusError(
            "effect of a plan",
            got="none, and no margin" if effect is None else effect,
            expected=f"a positive number, the difference in {family.metric or 'the score'} that is to be told",
            fix="Give it by --effect, or effect= in Python.",
        )
    times = seconds or {}
    base = times.get(family.baseline, nan)
    planned = tuple(
        _plan(c, effect, family, times.get(c.variant, nan) + base)
        for c, family in zip(contrasts, families, strict=True)
    )
    if not any(row.possible for row in planned):
        raise ParibusError(
            "pilot of a plan",
            got="; ".join(f"{row.variant}: {row.remark}" for row in planned),
            expected="a variant whose differences from the baseline have a spread",
            fix="Change what is compared, or run a pilot with other seeds.",
        )
    variants = [family.baseline, *(c.variant for c in contrasts)]
    return SeedPlan(
        title=title,
        contrasts=planned,
        effect=effect,
        margin=family.margin,
        metric=family.metric or "score",
        family=family.size,
        seeds=max(c.n for c in contrasts),
        min_seeds=family.min_seeds,
        seconds=sum(times.get(variant, nan) for variant in variants),
    )


def _families(contrasts: Sequence[Contrast], margin: float | None) -> list[Family]:
    """Return the family by whose rule each is judged, with another margin; none where the scale alone had none."""
    declared = any(c.margin is not None for c in contrasts)
    return [
        c.family
        if margin is None or (declared and c.margin is None)
        else replace(c.family, margin=stats.check_margin(margin))
        for c in contrasts
    ]


def _plan(contrast: Contrast, effect: float, family: Family, seconds: float) -> Planned:
    name, d = contrast.variant, contrast.differences
    strange = {*contrast.reasons} - PLANNED
    moved = [x for x in d if x]
    if contrast.decision is Decision.identical or strange or len({*moved}) < 2:
        spread_free = "no spread: the seeds that differ do so by the same"
        alike = "identical on every seed" if not moved else spread_free
        remark = "; ".join(map(str, strange)) if strange else alike
        return Planned(name, nan, remark=remark)
    to_tell = fewest(lambda n: power_at(d, n, effect, family) >= POWER, family.min_seeds)
    failed = sum(contrast.failures)
    remark = ""
    to_bound = nan
    if failed:
        # Those of an interaction are counted by seed, since each of its seeds has four runs.
        crossed = contrast.failures_p is None
        counted = (
            f"on {failed} of {contrast.n} seeds a run"
            if crossed
            else f"{failed} of {2 * contrast.n} runs"
        )
        remark = f"{counted} failed; beside a failure nothing is shown to be within a margin"
    elif family.margin is not None:
        margin = family.margin
        to_bound = fewest(lambda n: power_within(d, n, margin, family) >= POWER, family.min_seeds)
    return Planned(name, stats.deviation(np.array(d)), to_tell, to_bound, seconds, remark)


def fewest(enough: Callable[[int], bool], least: int, most: int = MAX_SEEDS) -> float:
    """Return the smallest number of seeds that is enough, by doubling and halving; infinite where none is up to most.

    >>> fewest(lambda n: n >= 23, 6), fewest(lambda n: n > 500, 6)
    (23, inf)
    """
    known_few, n = least - 1, least
    while not enough(n):
        if n >= most:
            return inf
        known_few, n = n, min(2 * n, most)
    while n - known_few > 1:
        middle = (n + known_few) // 2
        known_few, n = (known_few, middle) if enough(middle) else (middle, n)
    return n
