"""Changes between two result sets: each variant's scores then and now, paired by seed, and what cannot be paired.

The rule: a variant got worse where the whole interval of its paired differences, simultaneous for the variants of its
comparison, lies beyond the margin. The interval alone decides, from two seeds on: sign-flip tests have nothing to say
below six, and a gate that is silent there would let anything pass. Without a margin, any shown direction counts. No
floor withholds it: what was no better than learning nothing can still get worse.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from paribus.analysis.result_set import ComparisonRuns, ResultSet, VariantRuns
from paribus.analysis.verdict import Contrast, Decision, decide
from paribus.analysis.verdict.contrast import WITHHELD
from paribus.errors import ParibusError


@dataclass(frozen=True)
class VariantChange:
    """One variant of a comparison then and now.

    Attributes:
        contrast: now against then, positive where it got better; None where either has no runs.
    """

    then: VariantRuns
    now: VariantRuns
    contrast: Contrast | None

    @property
    def both(self) -> tuple[VariantRuns, VariantRuns]:
        """Its runs then and now."""
        return self.then, self.now

    @property
    def judged(self) -> bool:
        """True where the scores of both sets could be compared."""
        return (
            self.contrast is not None
            and self.contrast.n > 1
            and WITHHELD.isdisjoint(self.contrast.reasons)
        ) or self.identical

    @property
    def identical(self) -> bool:
        """True where no seed's score differs by more than rounding, failures and undefined scores included."""
        if self.contrast is None:
            return False
        exactly = [(runs.scores, runs.outcomes) for runs in self.both]
        return self.contrast.decision is Decision.identical or exactly[0] == exactly[1]

    @property
    def worse(self) -> bool:
        """True where it got worse by more than its margin."""
        return self._beyond(-1)

    @property
    def better(self) -> bool:
        """True where it got better by more than its margin."""
        return self._beyond(1)

    def _beyond(self, sign: int) -> bool:
        if self.contrast is None or not self.judged:
            return False
        ends, margin = self.contrast.difference, self.contrast.margin
        if margin is None:
            return self.contrast.decision is (Decision.better if sign > 0 else Decision.worse)
        return (ends.low if sign > 0 else -ends.high) > margin

    @property
    def not_worse(self) -> bool:
        """True where it is shown not to have got worse by the margin."""
        return self.identical or (self.contrast is not None and self.contrast.not_worse)

    @property
    def verdict_changed(self) -> bool:
        """True where its verdict against its comparison's baseline has another word or size."""
        verdicts = [(runs.word, runs.size) for runs in (self.then, self.now) if not runs.missing]
        return len({*verdicts}) > 1

    @cached_property
    def step_ratios(self) -> tuple[float, ...]:
        """Ratios of the seconds of a step, now to then: of all rounds where steps were timed, else seed by seed."""
        if self.timed:
            return tuple(b / a for a in self.then.timed for b in self.now.timed)
        if len(self.then.step_seconds) != len(self.now.step_seconds):
            return ()
        pairs = zip(self.then.step_seconds, self.now.step_seconds, strict=True)
        return tuple(b / a for a, b in pairs if a > 0)

    @property
    def timed(self) -> bool:
        """True where both sets hold times of steps that were taken by themselves."""
        return bool(self.then.timed and self.now.timed)


@dataclass(frozen=True)
class ComparisonChange:
    """One comparison that both sets hold, and its variants that both have."""

    then: ComparisonRuns
    now: ComparisonRuns
    variants: tuple[VariantChange, ...]

    @property
    def unpaired(self) -> tuple[str, ...]:
        """Variants that only one of the sets has."""
        a, b = ({v.name: None for v in runs.variants} for runs in (self.then, self.now))
        return tuple(name for name in {**a, **b} if not (name in a and name in b))


@dataclass(frozen=True)
class SetChanges:
    """Everything that both sets hold, then and now.

    Attributes:
        names: of the two sets.
        unpaired: comparisons that only one of them holds.
    """

    names: tuple[str, str]
    comparisons: tuple[ComparisonChange, ...]
    unpaired: tuple[str, ...]

    @property
    def sides(self) -> tuple[list[ComparisonRuns], list[ComparisonRuns]]:
        """Comparisons as each set has them."""
        return [each.then for each in self.comparisons], [each.now for each in self.comparisons]

    @property
    def variants(self) -> list[tuple[ComparisonChange, VariantChange]]:
        """Every variant with its comparison."""
        return [(each, variant) for each in self.comparisons for variant in each.variants]

    @property
    def worse(self) -> list[tuple[ComparisonChange, VariantChange]]:
        """Variants that got worse by more than their margin."""
        return [(each, variant) for each, variant in self.variants if variant.worse]


def compare_sets(first: ResultSet, other: ResultSet, names: tuple[str, str]) -> SetChanges:
    """Hold one set against another, seed by seed.

    Args:
        first: what was known before.
        other: what is known now.
        names: what messages and pages call the two.

    Raises:
        ParibusError: no comparison is in both, or one of these has other seeds, other data or another score.
    """
    pairs, unpaired = _paired(first.comparisons, other.comparisons)
    if not pairs:
        held = [", ".join(dict.fromkeys(c.name for c in s.comparisons)) for s in (first, other)]
        raise ParibusError(
            f"result sets {names[0]} and {names[1]}",
            got=f"no comparison that both hold, but {held[0] or 'none'} and {held[1] or 'none'}",
            expected="at least one in common",
            fix="Run the same suites into both.",
        )
    for then, now in pairs:
        _refuse_other(then, now, names)
    changes = tuple(ComparisonChange(a, b, _changes(a, b)) for a, b in pairs)
    return SetChanges(names, changes, unpaired)


Pairs = list[tuple[ComparisonRuns, ComparisonRuns]]


def _paired(
    first: Sequence[ComparisonRuns], other: Sequence[ComparisonRuns]
) -> tuple[Pairs, tuple[str, ...]]:
    """Pair comparisons by suite, name and arm: on the same device, or across devices where each set has one."""
    then, now = _by_device(first), _by_device(other)
    pairs: Pairs = []
    everything = {**then, **now}.items()
    unpaired = [next(iter(x.values())).name for k, x in everything if not (k in then and k in now)]
    for key, devices in then.items():
        others = now.get(key, {})
        shared = [(runs, others[device]) for device, runs in devices.items() if device in others]
        if not shared and len(devices) == len(others) == 1:
            shared = [(next(iter(devices.values())), next(iter(others.values())))]
        pairs += shared
    return pairs, tuple(unpaired)


def _by_device(
    comparisons: Iterable[ComparisonRuns],
) -> dict[tuple[str, str, str], dict[str, ComparisonRuns]]:
    found: dict[tuple[str, str, str], dict[str, ComparisonRuns]] = {}
    for runs in comparisons:
        found.setdefault((runs.suite, runs.comparison, runs.arm), {})[runs.device] = runs
    return found


def _refuse_other(then: ComparisonRuns, now: ComparisonRuns, names: tuple[str, str]) -> None:
    """Refuse what cannot be paired: other seeds, another score, other data."""
    if then.seeds != now.seeds:
        raise ParibusError(
            f"seeds of {then.name}",
            got=f"{_span(then.seeds)} in {names[0]} and {_span(now.seeds)} in {names[1]}",
            expected="the same seeds in both: scores are compared seed by seed",
            fix="Run both with the same --seeds and --budget.",
        )
    better = {True: "higher", False: "lower"}
    scores = [f"{r.metric} ({better[r.higher_is_better]} is better)" for r in (then, now)]
    if scores[0] != scores[1]:
        raise ParibusError(
            f"score of {then.name}",
            got=f"{scores[0]} in {names[0]} and {scores[1]} in {names[1]}",
            expected="the same score in both",
            fix="Run both with the same --metric.",
        )
    for a, b in _in_both(then, now):
        if a.data and b.data and a.data != b.data:
            raise ParibusError(
                f"data of {then.name}, {a.name}",
                got=f"hash {a.data} in {names[0]} and {b.data} in {names[1]}",
                expected="the same data in both",
                fix="Run both on the same data, or store a new set to compare with.",
            )


def _span(seeds: Sequence[int]) -> str:
    """Name seeds in a few characters.

    >>> _span(range(10)), _span([0, 2]), _span([])
    ('0 to 9 (10 seeds)', '0 to 2 (2 seeds)', 'none')
    """
    return f"{min(seeds)} to {max(seeds)} ({len(seeds)} seeds)" if seeds else "none"


def _in_both(then: ComparisonRuns, now: ComparisonRuns) -> list[tuple[VariantRuns, VariantRuns]]:
    by_name: Mapping[str, VariantRuns] = {runs.name: runs for runs in now.variants}
    return [(runs, by_name[runs.name]) for runs in then.variants if runs.name in by_name]


def _changes(then: ComparisonRuns, now: ComparisonRuns) -> tuple[VariantChange, ...]:
    both = _in_both(then, now)
    family = sum(not (a.missing or b.missing) for a, b in both)
    return tuple(
        VariantChange(a, b, None if a.missing or b.missing else _contrast(a, b, then, family))
        for a, b in both
    )


def _contrast(then: VariantRuns, now: VariantRuns, of: ComparisonRuns, family: int) -> Contrast:
    """Judge a variant now against itself then, by the rule of every verdict; failures score what they did then."""
    seeds = len(of.seeds)
    (contrast,) = decide(
        {"then": _filled(then.scores, seeds), "now": _filled(now.scores, seeds)},
        baseline="then",
        higher_is_better=of.higher_is_better,
        margin=of.margin,
        failure_score=np.nan_to_num(_filled(then.failure, seeds)),
        family_size=family,
        outcomes={
            name: [*runs.outcomes, *["skipped"] * (seeds - len(runs.outcomes))]
            for name, runs in (("then", then), ("now", now))
        },
        metric=of.metric,
        rounding=of.rounding,
    )
    return contrast


def _filled(values: Sequence[float | None], seeds: int) -> npt.NDArray[np.float64]:
    """Return values as ``(seed,)``; NaN where there is none, as for seeds that a sequence did not come to."""
    return np.array([*values, *[None] * (seeds - len(values))], dtype=np.float64)
