"""One contrast as it is shown: its numbers, its verdict, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from paribus.analysis.verdict.family import Family
from paribus.analysis.verdict.fragility import Fragility, fragility
from paribus.analysis.verdict.power import visible_effect
from paribus.stats import Interval, WinShare


class Decision(StrEnum):
    """Answer to "is there a difference?"; everything that is not shown is `undecided`.

    A sequence of seeds speaks of the share of seeds won: `wins_more` or `wins_less`, and neither of `better`. Between
    two scores of the same predictions there is no better, and the verdict is `unjudged`.
    """

    better = "better"
    worse = "worse"
    wins_more = "wins more often"
    wins_less = "wins less often"
    equivalent = "equivalent"
    identical = "identical"
    unjudged = "not judged"
    undecided = "undecided"


class Size(StrEnum):
    """Answer to "does it matter?": how the mean difference stands to the margin.

    It is `beyond` where the whole interval is, `within` where it is shown to be smaller, and `open` else.
    """

    beyond = "beyond"
    within = "within"
    open = "open"


class Reason(StrEnum):
    """Reason why a contrast is undecided, or remark that holds beside its verdict."""

    floor = "floor"
    undefined = "undefined"
    exhausted = "exhausted"
    skipped = "skipped"
    failures = "runs failed"
    no_logarithm = "no logarithm"
    few_seeds = "few seeds"
    few_seeds_differ = "few seeds differ"
    no_margin = "no margin"
    open = "open"
    exploratory = "exploratory"
    mean_opposite = "the mean has the other sign"
    mean_within = "the mean does not exceed the margin"
    unequal_budgets = "unequal budgets"


WITHHELD = {Reason.floor, Reason.undefined, Reason.exhausted, Reason.skipped}
"""Reasons beside which nothing was looked at, however many seeds there are."""
WEAK = {Reason.failures, Reason.no_margin, Reason.unequal_budgets}
"""Reasons beside which the evidence for a direction was looked at, and was too weak."""


@dataclass(frozen=True, slots=True)
class MarginCurve:
    """What the verdict would be at other margins, so that nobody has to take ours.

    Attributes:
        clear: `clearly better` (or worse) at every margin below it; None where it is so at none.
        within: shown to be within the margin, `slightly better`, `slightly worse` or `equivalent`, from this margin on;
            None where it is so at none.
    """

    clear: float | None
    within: float | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Contrast:
    """Variant against the baseline; differences are positive where the variant is better.

    An interaction is a contrast too: its differences are per-seed differences of differences, positive where two
    changes together do more than the sum of what each does alone, and its `failures` are the seeds on which any of
    its four runs failed, and 0.

    Args:
        n: seeds on which both were run to an end, failed ones included.
        zero: how many of these differ by nothing.
        difference: mean and Bonferroni t interval, failures penalised; infinite limits below n = 2.
        tost: the interval of the test of equivalence, 90 % where alpha is .05, not widened for the family; None without
            a margin.
        lower: lower end of what the mean is above, one-sided and for the whole family at once.
        wins: share of seeds won, among those that somebody won, with its Bonferroni interval.
        p: sign-flip p, or the corrected t where the page speaks of new data.
        p_holm: adjusted for the family; 1 where the contrast has nothing to say.
        p_equivalent: TOST p, None without a margin.
        p_equivalent_holm: adjusted for the family, None without a margin.
        family: that it is one of.
        differences: one a pair, failures penalised, in the order of the seeds.
        decision: whether there is a difference, and its direction.
        size: how large it is beside the margin.
        reasons: why it is undecided, empty where the evidence is merely too weak; `exploratory`, where a verdict comes
            from a later look; and remarks on the whole arm, such as `unequal_budgets`.
        min_seeds: seeds without which no contrast of its family can reach a verdict.
        failures: failed runs of variant and baseline among the n.
        failures_p: exact McNemar p of the two counts, not adjusted; None where n is 0.
        finished: mean and interval among the seeds where neither failed; None below two of them.
        sequential: whether seeds were added until the evidence was there: then the limits of the difference are a
            confidence sequence where the score has a known range, and NaN elsewhere; those of `wins` are one, too, p is
            the anytime-valid one (adjusted by Bonferroni), and there is no p of equivalence or of failures.
        open: whether more seeds may still decide it, in a sequence.
        undefined: seeds on which either has no score, though its run ended well; they are left out of the pairs, and
            any of them withholds the verdict.
        margin_curve: at which margins it would be clear, and at which within; None where its verdict is withheld
            whatever the margin, in a sequence, and on another scale than the score's.
    """

    variant: str
    baseline: str
    n: int
    zero: int
    difference: Interval
    wins: WinShare
    p: float
    p_holm: float
    p_equivalent: float | None
    p_equivalent_holm: float | None
    tost: Interval | None
    lower: float
    family: Family
    differences: tuple[float, ...]
    decision: Decision
    size: Size
    reasons: tuple[Reason, ...]
    min_seeds: int
    failures: tuple[int, int]
    failures_p: float | None
    finished: Interval | None
    sequential: bool = False
    open: bool = False
    undefined: int = 0
    margin_curve: MarginCurve | None = None

    def __repr__(self) -> str:
        """Return the verdict in a line, short enough for a failed assertion to show whole."""
        d = self.difference
        ends = f" [{d.low:.3g}, {d.high:.3g}]" if d.low == d.low else ""  # NaN in a sequence
        of = f"{self.variant} against {self.baseline}: {self.label}"
        return f"Contrast({of}; difference {d.mean:.3g}{ends}, {self.n} seeds)"

    @property
    def reason(self) -> str:
        """Reasons as they are printed, with numbers of seeds, such as `floor; unequal budgets`."""
        return "; ".join(self._words(reason) for reason in self.reasons)

    def _words(self, reason: Reason) -> str:
        if reason is Reason.few_seeds:
            return f"few seeds: a look, {self.n} of {self.min_seeds} needed"
        if reason is Reason.few_seeds_differ:
            return f"few seeds differ: a look, {self.n - self.zero} of {self.min_seeds} needed"
        if reason is Reason.undefined:
            return f"score undefined on {self.undefined} of {self.n + self.undefined} seeds"
        return f"open after {self.n} seeds" if reason is Reason.open else str(reason)

    @property
    def margin(self) -> float | None:
        """Largest difference that does not matter, None where no size is told."""
        return self.family.margin

    @property
    def detectable(self) -> float | None:
        """Mean difference, either way, of which the rule would tell the direction in 80 % of such comparisons.

        It is simulated from the differences at hand (see `paribus.analysis.verdict.power`), beside an `undecided` whose
        evidence was looked at; infinite where so many seeds tie that none would be told, None elsewhere.
        """
        looked = self.decision is Decision.undecided and {*self.reasons} <= WEAK
        return visible_effect(self.differences, self.family) if looked else None

    @property
    def fragility(self) -> Fragility | None:
        """How firm its direction stands; None where there is none, or in a sequence of seeds."""
        if self.sequential or self.decision not in (Decision.better, Decision.worse):
            return None
        factor = max(1.0, self.p_holm / self.p) if self.p > 0 else 1.0
        return fragility(self.differences, self.family, factor)

    @property
    def word(self) -> str:
        """Verdict in a word or two: `clearly better`, `slightly worse`, `better`, `equivalent`, `undecided`, ..."""
        directed = self.decision in (Decision.better, Decision.worse)
        return f"{_ADVERBS[self.size]}{self.decision}" if directed else str(self.decision)

    @property
    def label(self) -> str:
        """Verdict as it is printed, such as `clearly better`, `worse (fragile)` or `undecided (floor)`."""
        firm = self.fragility is None or not self.fragility.fragile
        remarks = "; ".join(filter(None, ["" if firm else "fragile", self.reason]))
        return f"{self.word} ({remarks})" if remarks else self.word

    @property
    def not_worse(self) -> bool:
        """True where the variant is shown to be no worse than the baseline by the margin."""
        return self.margin is not None and self._tested and self.lower > -self.margin

    def better_by(self, margin: float) -> bool:
        """Return whether the variant is shown to be better by more than a margin, in units of the score."""
        return self._tested and self.difference.low > margin

    @property
    def tests(self) -> bool:
        """Whether there is a p-value to show: not of an identity, nor where the rule did not look at the evidence."""
        untested = {*WITHHELD, Reason.few_seeds}
        told = self.decision not in (Decision.identical, Decision.unjudged)
        return told and untested.isdisjoint(self.reasons)

    @property
    def _tested(self) -> bool:
        """Whether the rule looked at the evidence; an identity is evidence, too."""
        if self.decision is Decision.unjudged:
            return False
        return self.decision is not Decision.undecided or not self.reasons

    def of_two_scores(self) -> Contrast:
        """Return the contrast of two scores of the same predictions: a difference that nobody is better by."""
        if self.decision is Decision.identical or not WITHHELD.isdisjoint(self.reasons):
            return self
        return replace(
            self,
            decision=Decision.unjudged,
            size=Size.open,
            reasons=(),
            open=False,
            margin_curve=None,
        )


_ADVERBS = {Size.beyond: "clearly ", Size.within: "slightly ", Size.open: ""}
