"""Claims that suites declare, each with its status: answered now, answered earlier, or not run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import PurePath

from paribus.analysis.claims import ClaimResult, answer_all, answer_suite
from paribus.analysis.hypothesis_tests import ALPHA, Answer
from paribus.analysis.results import Result
from paribus.analysis.verdict import RULE
from paribus.experiment.claim import Claim
from paribus.experiment.comparison import Comparison
from paribus.experiment.suite import Suite
from paribus.runs.environment import torch_minor
from paribus.runs.store import Store
from paribus.spec import digest

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
        earlier: when it was answered, where that was in an earlier session.
        since: why an earlier answer stands in place of one of this session.
        budget: name of the budget that was spent.
        data: digest of a user's own data, empty where they are embedded.
    """

    suite: str
    comparison: str
    device: str
    claim: Claim
    answered: ClaimResult | None = None
    spent: str = ""
    earlier: str = ""
    since: str = NOT_RUN
    budget: str = ""
    data: str = ""

    @property
    def key(self) -> str:
        """Key of the stored answer: another text or margin is another claim, other data another question.

        An answer by another rule, or with another minor version of torch, is not found.
        """
        place = [self.suite, self.comparison, self.device, self.claim]
        return digest([RULE, torch_minor(), *place, self.budget, self.data])


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
        return max(map(_chance, self.parts))


# A two-sided test at 5 % errs on the side that is claimed with half of that; a one-sided one with all of it.
ONE_SIDED = {"equivalent": 0.05, "not_worse": 0.05, "within": 0.05, "identical": 0.0}


def _chance(part: ClaimRecord) -> float:
    return ONE_SIDED.get(part.claim.relation, 0.025)


def entries(
    declared: Sequence[Suite], results: Sequence[Result], store: Store
) -> tuple[ClaimRecord, ...]:
    """Return every declared claim with its answer; new answers are stored, missing ones looked up in the store.

    An earlier answer stands where this session's look could give none. Of the answers on several budgets that of the
    largest is looked up.

    Args:
        declared: the suites whose claims are listed.
        results: of this session.
        store: holds the answers of earlier ones.
    """
    records = [_remembered(entry, budgets, store) for entry, budgets in _answered(results)]
    places = {(entry.suite, entry.comparison, entry.claim) for entry in records}
    for entry, budgets in _declared(declared):
        if (entry.suite, entry.comparison, entry.claim) not in places:
            records += _earlier(entry, budgets, store)
    return tuple(records)


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


def _answered(results: Sequence[Result]) -> Iterator[tuple[ClaimRecord, list[str]]]:
    """Return the claims of this session's results, each with the budgets that it may have been answered on."""
    run = [result for result in results if not result.skipped]
    for result in run:
        for answered in answer_all(result):
            yield _entry(answered, [result], result.comparison.name), _budgets(result.comparison)
    ranked = sorted(run, key=_place)
    for _, group in groupby(ranked, key=_place):
        of_suite = list(group)
        for answered in answer_suite(of_suite):
            yield _entry(answered, of_suite, ""), _budgets(of_suite[0].comparison)


def _place(result: Result) -> tuple[str, str, str]:
    return (result.suite.name, result.device, result.arm)


def _entry(answered: ClaimResult, results: Sequence[Result], comparison: str) -> ClaimRecord:
    result = results[0]
    return ClaimRecord(
        result.suite.name,
        comparison,
        result.device,
        answered.claim,
        None if answered.evidence == NOT_RUN else answered,
        _spent(results),
        budget=result.budget,
        data=_data(results),
    )


def _spent(results: Sequence[Result]) -> str:
    """Return what an answer rests on; files by their names, since a page may not show their folders."""
    result = results[0]
    paths = (r.comparison.task.path for r in results)
    files = dict.fromkeys(f"`{PurePath(path).name}`" for path in paths if path is not None)
    own = f", data of {', '.join(files)}" if files else ""
    return f"{len(result.seeds)} seeds, budget `{result.budget}`{own}"


def _data(results: Sequence[Result]) -> str:
    """Return a digest of a user's own data by their contents, empty where all are embedded."""
    own = [
        [result.comparison.name, result.comparison.task.target, _contents(result)]
        for result in results
        if result.comparison.task.from_file
    ]
    return digest(own) if own else ""


def _contents(result: Result) -> list[str]:
    return sorted({str(record.data["digest"]) for row in result.rows for record in row.present})


def _declared(suites: Sequence[Suite]) -> Iterator[tuple[ClaimRecord, list[str]]]:
    for suite in suites:
        for comparison in suite.comparisons:
            for claim in comparison.claims:
                yield ClaimRecord(suite.name, comparison.name, "", claim), _budgets(comparison)
        for claim in suite.claims:
            yield ClaimRecord(suite.name, "", "", claim), _budgets(suite.comparisons[0])


def _budgets(comparison: Comparison) -> list[str]:
    """Return the names of the budgets, the largest first."""
    spent = {name: budget.seeds * budget.steps for name, budget in comparison.budgets.items()}
    return sorted(spent, key=lambda name: -spent[name])


def _remembered(entry: ClaimRecord, budgets: Sequence[str], store: Store) -> ClaimRecord:
    """Return the record, stored; or the stored one where this session did not run it or could answer nothing."""
    now = entry.answered
    if now is None or now.untested:
        kept = _kept(entry, [entry.budget, *budgets], store)
        if kept is not None and (now is None or not _is_silent(kept)):
            return replace(kept, since=NOT_RUN if now is None else now.evidence)
    if now is not None:
        answer = [
            now.answer.value,
            now.evidence,
            now.single,
            now.untested,
            now.refuting_p,
            entry.spent,
        ]
        store.keep_answer(entry.key, answer)
    return entry


def _earlier(entry: ClaimRecord, budgets: Sequence[str], store: Store) -> list[ClaimRecord]:
    """Return what the store holds of a record on any device; the record as it is where it holds nothing."""
    here = (_kept(replace(entry, device=device), budgets, store) for device in ("cpu", "cuda"))
    return [kept for kept in here if kept is not None] or [entry]


def _kept(entry: ClaimRecord, budgets: Sequence[str], store: Store) -> ClaimRecord | None:
    """Return what is stored of a record on the first of the budgets on which it was answered, or at least looked at."""
    each = (_looked_up(replace(entry, budget=budget), store) for budget in budgets)
    return min((kept for kept in each if kept is not None), key=_is_silent, default=None)


def _looked_up(entry: ClaimRecord, store: Store) -> ClaimRecord | None:
    kept = store.answer(entry.key)
    if kept is None:
        return None
    (answer, evidence, single, untested, against, spent), when = kept
    answered = ClaimResult(entry.claim, Answer(answer), evidence, single, untested, against)
    return replace(entry, answered=answered, spent=spent, earlier=when[:10])


def _is_silent(entry: ClaimRecord) -> bool:
    return entry.answered is None or entry.answered.untested
