"""Comparisons whose answers are known: effects that must be seen, and effects that must not.

A known answer tests the package itself, so its threshold is on the raw effect, with a wide margin, and not on a
verdict: it must not fail by bad luck. How often it would is measured and given beside it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import floor
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from paribus import stats
from paribus.analysis.results import Floats, Result, Row
from paribus.calibration.rates import limits
from paribus.errors import ParibusError
from paribus.experiment.comparison import Comparison
from paribus.runs.run import RunResult
from paribus.spec import Frozen

ALARM = 0.001
"""An absent effect is red below this p, and only if the mean is beyond the margin as well."""

FAILED = "failed"
"""A score that every run has: one if it diverged, else zero."""


class Measured(Frozen):
    """Count of single seeds whose effect was outside the limits, on seeds that no known answer uses.

    Args:
        misses: how many did.
        seeds: of how many.
    """

    misses: int = Field(ge=0)
    seeds: int = Field(ge=1)


class KnownAnswer(Frozen):
    """Comparison with a known answer, as plain data.

    Args:
        name: what ``-k`` selects.
        text: what is known, in a sentence.
        kind: ``seen``: at least half of the seeds' effects lie within the limits. ``share``: the mean of a score
            that is zero or one does. ``absent``: the mean effect lies within the margin, or the sign-flip p is not
            below .001. ``identical``: the variant's runs, trained once more by the loop, leave the same bits.
        comparison: what is trained, at its quick budget.
        variant: the variant that it speaks of.
        score: a score that runs record, `FAILED`, or None for the primary metric.
        against: what the variant's score is held against on each seed: the ``baseline``'s, that of the first ``dummy``
            predictor, or ``nothing``.
        scale: ``difference`` of the two, or their ``ratio``.
        low, high: limits of the effect, either or both.
        margin: of an absent effect.
        expected: the true share, for ``share``.
        measured: for ``seen``, how often one seed misses.
        source: who says so.

    Raises:
        ParibusError: what its kind needs is missing, or the comparison has no such variant.
    """

    name: str
    text: str
    kind: Literal["seen", "share", "absent", "identical"]
    comparison: Comparison
    variant: str
    score: str | None = None
    against: Literal["baseline", "dummy", "nothing"] = "baseline"
    scale: Literal["difference", "ratio"] = "difference"
    low: float | None = None
    high: float | None = None
    margin: float | None = Field(default=None, gt=0)
    expected: float | None = Field(default=None, gt=0, lt=1)
    measured: Measured | None = None
    source: str

    @model_validator(mode="after")
    def _complete(self) -> KnownAnswer:
        limited = self.low is not None or self.high is not None
        needs = {
            "seen": (limited and self.measured is not None, "limits and what was measured"),
            "share": (limited and self.expected is not None, "limits and the share expected"),
            "absent": (self.margin is not None, "a margin"),
            "identical": (True, ""),
        }
        there, needed = needs[self.kind]
        names = [v.name for v in self.comparison.variants()]
        if not there or self.variant not in names:
            raise ParibusError(
                f"known answer {self.name!r}",
                got=f"kind {self.kind!r} without {needed}" if not there else repr(self.variant),
                expected=needed if not there else f"one of {', '.join(names)}",
                fix="Complete it before anything is trained.",
            )
        least = min_seeds(self.kind)
        if self.seeds < least:
            raise ParibusError(
                f"seeds of known answer {self.name!r}",
                got=self.seeds,
                expected=f"at least {least}",
                fix="Raise the seeds of its quick budget.",
            )
        return self

    @property
    def seeds(self) -> int:
        """Number of paired seeds that it is trained with."""
        return self.comparison.budgets["quick"].seeds

    @property
    def metric(self) -> str:
        """Name of the score."""
        return self.score or self.comparison.primary.name


def min_seeds(kind: str) -> int:
    """Return the seeds below which a known answer of this kind could not be red."""
    return stats.min_seeds(1, ALARM) if kind == "absent" else 1


@dataclass(frozen=True)
class KnownAnswerResult:
    """Result of the training that was to show a known answer.

    Attributes:
        green: whether the known answer was found.
        seen: what was found, in a phrase.
        threshold: what would have been red, in a phrase.
        false_alarm: largest chance that a working installation fails it.
        evidence: where that chance comes from, in a phrase.
    """

    known_answer: KnownAnswer
    green: bool
    seen: str
    threshold: str
    false_alarm: float
    evidence: str


def effects(known_answer: KnownAnswer, result: Result) -> Floats:
    """Return the effect on each seed, ``(seed,)``; NaN where a run lacks the score."""
    row = result.row(known_answer.variant)
    values = _values(row, known_answer, result)
    if known_answer.against == "nothing":
        return values
    if known_answer.against == "dummy":
        other = np.array([_dummy(record, known_answer) for record in row.records])
    else:
        other = _values(result.baseline, known_answer, result)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative: Floats = values / other if known_answer.scale == "ratio" else values - other
    return relative


def _values(row: Row, known_answer: KnownAnswer, result: Result) -> Floats:
    if known_answer.score == FAILED:
        return np.array([np.nan if r is None else float(not r.completed) for r in row.records])
    primary = known_answer.metric == result.comparison.primary.name
    return row.scores if primary else row.values(known_answer.metric)


def _dummy(record: RunResult | None, known_answer: KnownAnswer) -> float:
    first = next(iter(known_answer.comparison.task.dummy))
    return np.nan if record is None else record.dummy[first].get(known_answer.metric, np.nan)


def judge(
    known_answer: KnownAnswer, result: Result, again: Sequence[RunResult] = ()
) -> KnownAnswerResult:
    """Compare the result of a comparison with its known answer.

    Args:
        known_answer: what is known.
        result: what the store knows of its comparison.
        again: for ``identical``, the records of the variant's runs when they were trained once more.
    """
    if known_answer.kind == "identical":
        return _identical(known_answer, result, again)
    on_seeds = effects(known_answer, result)
    if known_answer.kind == "absent":
        return _absent(known_answer, on_seeds)
    if known_answer.kind == "share":
        return _share(known_answer, on_seeds)
    return _seen(known_answer, on_seeds)


def inside(known_answer: KnownAnswer, on_seeds: Floats) -> int:
    """Return the number of seeds whose effects lie within the limits; a missing one does not."""
    low = -np.inf if known_answer.low is None else known_answer.low
    high = np.inf if known_answer.high is None else known_answer.high
    return int(((on_seeds >= low) & (on_seeds <= high)).sum())


def _seen(known_answer: KnownAnswer, on_seeds: Floats) -> KnownAnswerResult:
    n, count = len(on_seeds), inside(known_answer, on_seeds)
    assert known_answer.measured is not None
    return KnownAnswerResult(
        known_answer,
        green=2 * count >= n,
        seen=f"{count} of {n} seeds; median {np.nanmedian(on_seeds):.3g}" if n else "no seeds",
        threshold=f"fewer than half of {n} seeds with {named(known_answer)}",
        false_alarm=seen_false_alarm(known_answer.measured, n),
        evidence=f"{known_answer.measured.misses} of {known_answer.measured.seeds} single seeds missed",
    )


def seen_false_alarm(measured: Measured, n: int) -> float:
    """Return the chance that over half of n seeds miss, at the 99 % upper limit of how often one does.

    >>> f"{seen_false_alarm(Measured(misses=0, seeds=200), 10):.1e}"
    '2.7e-08'
    """
    from scipy.stats import binom

    _, upper = limits(measured.misses, measured.seeds, level=0.98)
    return float(binom.sf(floor(n / 2), n, upper))


def _share(known_answer: KnownAnswer, on_seeds: Floats) -> KnownAnswerResult:
    mean, n = float(np.mean(on_seeds)), len(on_seeds)
    low = -np.inf if known_answer.low is None else known_answer.low
    high = np.inf if known_answer.high is None else known_answer.high
    assert known_answer.expected is not None
    return KnownAnswerResult(
        known_answer,
        green=low <= mean <= high,
        seen=f"share {mean:.3g} of {n} seeds, {known_answer.expected:.3g} expected",
        threshold=f"a share of seeds with {known_answer.metric} {_outside(known_answer)}",
        false_alarm=share_false_alarm(known_answer.expected, low, high, n),
        evidence=f"binomial with share {known_answer.expected:.3g} and {n} seeds",
    )


def _outside(known_answer: KnownAnswer) -> str:
    """Return a phrase for the values outside the limits."""
    low = "" if known_answer.low is None else f"below {known_answer.low:g}"
    high = "" if known_answer.high is None else f"above {known_answer.high:g}"
    return " or ".join(filter(None, (low, high)))


def share_false_alarm(expected: float, low: float, high: float, n: int) -> float:
    """Return the chance that the share of n seeds is outside the limits though the true one is as expected."""
    from scipy.stats import binom

    counts = np.arange(n + 1)
    outside = (counts / n < low) | (counts / n > high)
    return float(binom.pmf(counts[outside], n, expected).sum())


def _absent(known_answer: KnownAnswer, on_seeds: Floats) -> KnownAnswerResult:
    n, margin = len(on_seeds), known_answer.margin
    assert margin is not None
    threshold = (
        f"p < {ALARM:g} and a mean {known_answer.scale} of {known_answer.metric} beyond ±{margin:g}"
    )
    false_alarm, evidence = (
        absent_false_alarm(n),
        f"size of the sign-flip test of {n} seeds below {ALARM:g}",
    )
    if not np.isfinite(on_seeds).all():
        missing = f"{int((~np.isfinite(on_seeds)).sum())} of {n} seeds lack {known_answer.metric}"
        return KnownAnswerResult(known_answer, False, missing, threshold, false_alarm, evidence)
    mean, p = float(on_seeds.mean()), stats.sign_flip_p(on_seeds)
    green = not (p < ALARM and abs(mean) > margin)
    return KnownAnswerResult(
        known_answer, green, f"mean {mean:.3g}, p = {p:.2g}", threshold, false_alarm, evidence
    )


def absent_false_alarm(n: int) -> float:
    """Return the largest size below `ALARM` that a sign-flip test of n differences has.

    >>> absent_false_alarm(12) * 2**11
    2.0
    """
    steps: float = 2.0 ** (n - 1)
    flips = floor(ALARM * steps)
    return (flips - (flips == ALARM * steps)) / steps


def _identical(
    known_answer: KnownAnswer, result: Result, again: Sequence[RunResult]
) -> KnownAnswerResult:
    first = {record.key: record for record in result.row(known_answer.variant).present}
    odd = [r for r in again if r.key not in first or bits(r) != bits(first[r.key])]
    same = len(again) - len(odd)
    return KnownAnswerResult(
        known_answer,
        green=not odd and len(again) == known_answer.seeds,
        seen=f"{same} of {known_answer.seeds} runs identical",
        threshold="any number of any run that differs",
        false_alarm=0.0,
        evidence="no chance is in it: the same machine, versions and seeds",
    )


def bits(record: RunResult) -> tuple[object, ...]:
    """Return every number of a record that a training decides, written out in full; times are left out."""
    return (record.outcome, *map(_written, (record.scores, record.curves, record.hashes)))


def _written(numbers: object) -> str:
    """Return text that is equal where every bit is, NaN included, whatever order the names come in."""
    return json.dumps(numbers, sort_keys=True)


def named(known_answer: KnownAnswer) -> str:
    """Return the effect and its limits, such as ``accuracy, difference from the baseline, of at least 0.5``."""
    held = {"baseline": "the baseline", "dummy": "the predictor that learns nothing"}
    to = {"difference": "difference from", "ratio": "ratio to"}[known_answer.scale]
    whole = f", {to} {held[known_answer.against]}," if known_answer.against in held else ""
    low = "" if known_answer.low is None else f" of at least {known_answer.low:g}"
    high = "" if known_answer.high is None else f" of at most {known_answer.high:g}"
    return f"{known_answer.metric}{whole}{low}{' and' if low and high else ''}{high}"
