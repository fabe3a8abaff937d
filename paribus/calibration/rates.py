"""Counted rates, compared with the rates that were expected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from paribus.errors import ParibusError

LEVEL = 0.999
"""Share of all repeats of a sound procedure whose count lies within its band: one that fails turns a run red."""

Rule: TypeAlias = Literal["equal", "at_most", "at_least", "above", "below", "shown"]
"""``equal``: within the band. ``at_most``, ``at_least``: not beyond that side of it. ``above``, ``below``: beyond that
side, which is what a procedure that is wrong on purpose must be seen to be. ``shown``: anywhere, since nothing is
promised."""


@dataclass(frozen=True)
class Rate:
    """Count of an event, its expected rate, and whether they agree.

    Attributes:
        group: what it is a part of, such as ``A/A``.
        name: what was counted, in a phrase.
        hits: how often it happened.
        trials: of how many.
        expected: the rate that is held against it.
        rule: how the two are to compare.
        fails_if: what would have failed it, in a phrase.
        n: seeds, where a figure shows the rate by their number.
        labels: how often each label was printed, where all of them were counted.
        wrong: labels that do not hold; `hits` are theirs.

    Raises:
        ParibusError: counts or the expected rate are out of range.
    """

    group: str
    name: str
    hits: int
    trials: int
    expected: float
    rule: Rule
    fails_if: str
    n: int | None = None
    labels: dict[str, int] | None = None
    wrong: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (0 <= self.hits <= self.trials and self.trials > 0 and 0 <= self.expected <= 1):
            raise ParibusError(
                f"rate {self.name!r}",
                got=f"{self.hits} of {self.trials}, {self.expected:g} expected",
                expected="hits within 0 and trials, at least one trial, a rate within 0 and 1",
                fix="Count again.",
            )

    @property
    def rate(self) -> float:
        """Share that was counted."""
        return self.hits / self.trials

    @property
    def band(self) -> tuple[float, float]:
        """Limits between which 99.9 % of counts would lie if the expected rate were true."""
        return band(self.expected, self.trials)

    @property
    def planted(self) -> bool:
        """True if it is of a wrong procedure that must fail."""
        return self.rule in ("above", "below")

    @property
    def passed(self) -> bool:
        """True if it compares as it must."""
        if self.rule == "shown":
            return True
        low, high = self.band
        return {
            "equal": low <= self.rate <= high,
            "at_most": self.rate <= high,
            "at_least": self.rate >= low,
            "above": self.rate > high,
            "below": self.rate < low,
        }[self.rule]


def band(expected: float, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the central binomial band: shares of ``trials`` between the tails of ``(1 - level) / 2``.

    Each tail beyond it has at most that probability, so it holds ``level`` or a little more.

    >>> band(0.05, 200, 0.99)
    (0.015, 0.095)
    """
    from scipy.stats import binom

    tail = (1 - level) / 2
    low, high = binom.ppf([tail, 1 - tail], trials, expected)
    return float(low) / trials, float(high) / trials


def limits(hits: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """Return Clopper and Pearson's limits of the rate that a count speaks for.

    >>> [round(x, 4) for x in limits(0, 200, 0.99)]
    [0.0, 0.0261]
    """
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(hits, trials, alpha=1 - level, method="beta")
    return float(low), float(high)
