"""Claims that suites declare, each with the answer of these results, or not run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePath

from paribus.analysis.claims import ClaimResult, answer_all, answer_suite
from paribus.analysis.hypothesis_tests import ALPHA, Answer
from paribus.analysis.results import Result
from paribus.experiment.claim import Claim
from paribus.experiment.suite import Suite

NOT_RUN = "not run"


@dataclass(frozen=True)
class ClaimRecord:
    """Claim, or a part of one, where it is declared.

    Attributes:
        suite: name of the suite.
        comparison: name of the comparison, or nothing for a claim over the whole suite.
        device: where it was answered, or nothing.
        claim: what is claimed.
        answered: the answer, or None where it was not run.
        spent: the seeds, the budget and, if they are a user's own, the data that it rests on, in a phrase.
    """

    suite: str
    comparison: str
    device: str
    claim: Claim
    answered: ClaimResult | None = None
    spent: str = ""


@dataclass(frozen=True)
class CompoundClaim:
    """Claim with all its parts on one device; it needs them all.

    Attributes:
        answer: `supported` where all parts are; `refuted` where one is after Holm over the parts, as the more there are
            the sooner chance refutes one; None where no part was run.
    """

    name: str
    device: str
    parts: tuple[ClaimRecord, ...]

    @property
    def answer(self) -> Answer | None:
        """Verdict of the whole claim."""
        answered = [part.answered for part in self.parts if part.answered]
        answers = [each.answer for each in answered]
        if not answers:
            return None
        against = min(each.refuting_p for each in answered)
        if Answer.refuted in answers and len(answered) * against <= ALPHA:
            return Answer.refuted
        whole = len(answers) == len(self.parts) and set(answers) == {Answer.supported}
        return Answer.supported if whole else Answer.undecided

    @property
    def false_support(self) -> float:
        """Upper limit of the chance that it is supported though false; 0 where a part was not tested.

        One false part makes it false, while all others may be true and sure to be supported: the easiest part bounds
        the whole.
        """
        if not all(part.answered for part in self.parts):
            return 0.0
        return max(false_support_of(part.claim) for part in self.parts)


# A two-sided test at 5 % errs on the side that is claimed with half of that; a one-sided one with all of it.
ONE_SIDED = {"equivalent": 0.05, "not_worse": 0.05, "within": 0.05, "identical": 0.0}


def false_support_of(claim: Claim) -> float:
    """Return the upper limit of the chance that a test supports a claim though it is false; 0 where it is no test."""
    return 0.0 if claim.fact else ONE_SIDED.get(claim.relation, 0.025)


def entries(declared: Sequence[Suite], results: Sequence[Result]) -> tuple[ClaimRecord, ...]:
    """Return every declared claim with the answer of these results; one that they cannot answer was not run.

    Nothing is remembered of other sessions: a page shows what its own evidence says, by today's rule.

    Args:
        declared: the suites whose claims are listed.
        results: that answer them.
    """
    records = list(_answered(results))
    places = {(entry.suite, entry.comparison, entry.claim) for entry in records}
    missing = (
        entry
        for entry in _declared(declared)
        if (entry.suite, entry.comparison, entry.claim) not in places
    )
    return (*records, *missing)


def wholes(records: Iterable[ClaimRecord]) -> list[CompoundClaim]:
    """Return claims in the order of their numbers, by device; a part that was not run belongs to all of them."""
    listed = list(records)
    order = sorted(listed, key=lambda e: in_order(e.claim.name))
    made = []
    for name, parts in groupby(order, key=lambda e: e.claim.name):
        here = list(parts)
        for device in sorted({p.device for p in here if p.device}) or [""]:
            of = tuple(p for p in here if p.device in (device, ""))
            made.append(CompoundClaim(name, device, of))
    return made


def in_order(name: str) -> tuple[bool, int, str]:
    """Return a sort key for claims: C2 before C10 before C10b, names without a number last.

    >>> sorted(["Kaiming", "C10", "C2", "C10b"], key=in_order)
    ['C2', 'C10', 'C10b', 'Kaiming']
    """
    digits = "".join(c for c in name[1:] if c.isdigit())
    numbered = name.startswith("C") and bool(digits)
    return (not numbered, int(digits) if numbered else 0, name)


def _answered(results: Sequence[Result]) -> Iterator[ClaimRecord]:
    run = [result for result in results if not result.skipped]
    for result in run:
        for answered in answer_all(result):
            yield _entry(answered, [result], result.comparison.name)
    ranked = sorted(run, key=_place)
    for _, group in groupby(ranked, key=_place):
        of_suite = list(group)
        for answered in answer_suite(of_suite):
            yield _entry(answered, of_suite, "")


def _place(result: Result) -> tuple[str, str, str]:
    return (result.suite.name, result.device, result.arm)


def _entry(answered: ClaimResult, results: Sequence[Result], comparison: str) -> ClaimRecord:
    suite, device = results[0].suite.name, results[0].device
    known = None if answered.evidence == NOT_RUN else answered
    return ClaimRecord(suite, comparison, device, answered.claim, known, _spent(results))


def _spent(results: Sequence[Result]) -> str:
    """Return what an answer rests on; files by their names, since a page may not show their folders."""
    counts = sorted({len(result.seeds) for result in results})
    seeds = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
    paths = (r.comparison.task.path for r in results)
    files = dict.fromkeys(f"`{PurePath(path).name}`" for path in paths if path is not None)
    own = f", data of {', '.join(files)}" if files else ""
    tasks = f" on each of {len(results)} tasks" if len(results) > 1 else ""
    return f"{seeds} seeds{tasks}, budget `{results[0].budget}`{own}"


def _declared(suites: Sequence[Suite]) -> Iterator[ClaimRecord]:
    for suite in suites:
        for comparison in suite.comparisons:
            for claim in comparison.claims:
                yield ClaimRecord(suite.name, comparison.name, "", claim)
        for claim in suite.claims:
            yield ClaimRecord(suite.name, "", "", claim)
