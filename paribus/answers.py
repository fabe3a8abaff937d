"""Every claim that suites declare, with what is known of it: answered now, answered earlier, or not run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from paribus.claims import Answered, answer_all, answer_suite
from paribus.comparison import Claim, Suite
from paribus.relations import Answer
from paribus.results import Result
from paribus.spec import digest
from paribus.store import Store

NOT_RUN = "not run"


@dataclass(frozen=True)
class Entry:
    """A claim, or a part of one, where it is declared.

    Attributes:
        suite: name of the suite.
        comparison: name of the comparison, or nothing for a claim over the whole suite.
        device: where it was answered, or nothing.
        claim: what is claimed.
        answered: the answer, or None where it was not run.
        spent: the seeds and the budget that it rests on, in a phrase.
        earlier: when it was answered, where that was in an earlier session.
    """

    suite: str
    comparison: str
    device: str
    claim: Claim
    answered: Answered | None = None
    spent: str = ""
    earlier: str = ""

    @property
    def key(self) -> str:
        """What the answer is kept under: another text or margin is another claim."""
        return digest([self.suite, self.comparison, self.device, self.claim])


@dataclass(frozen=True)
class Whole:
    """A claim with all its parts on one device; it needs them all.

    Attributes:
        answer: `refuted` as soon as one part is, `supported` where all are; None where no part was run.
    """

    name: str
    device: str
    parts: tuple[Entry, ...]

    @property
    def answer(self) -> Answer | None:
        """The verdict."""
        known = [part.answered.answer for part in self.parts if part.answered]
        if not known:
            return None
        if Answer.refuted in known:
            return Answer.refuted
        whole = len(known) == len(self.parts) and set(known) == {Answer.supported}
        return Answer.supported if whole else Answer.undecided

    @property
    def false_support(self) -> float:
        """The most that chance alone supports it with if all of its parts are false; 0 where it was not tested.

        All parts must be supported, so that the hardest of them bounds the whole.
        """
        if self.answer is None:
            return 0.0
        return min(map(_chance, self.parts))


# A two-sided test at 5 % errs on the side that is claimed with half of that; a one-sided one with all of it.
ONE_SIDED = {"equivalent": 0.05, "not_worse": 0.05, "within": 0.05, "identical": 0.0}


def _chance(part: Entry) -> float:
    return ONE_SIDED.get(part.claim.relation, 0.025) if part.answered else 0.0


def entries(
    declared: Sequence[Suite], results: Sequence[Result], store: Store
) -> tuple[Entry, ...]:
    """Every declared claim with its answer; what is answered now is kept in the store, what is not is looked up there.

    Args:
        declared: the suites whose claims are listed.
        results: of this session.
        store: holds the answers of earlier ones.
    """
    found = [_remembered(entry, store) for entry in _answered(results)]
    places = {(entry.suite, entry.comparison, entry.claim) for entry in found}
    for entry in _declared(declared):
        if (entry.suite, entry.comparison, entry.claim) not in places:
            found += _earlier(entry, store)
    return tuple(found)


def wholes(found: Iterable[Entry]) -> list[Whole]:
    """Claims in the order of their numbers, each device by itself; a part that was not run belongs to all of them."""
    listed = list(found)
    order = sorted(listed, key=lambda e: _number(e.claim.name))
    made = []
    for name, parts in groupby(order, key=lambda e: e.claim.name):
        here = list(parts)
        for device in sorted({p.device for p in here if p.device}) or [""]:
            of = tuple(p for p in here if p.device in (device, ""))
            made.append(Whole(name, device, of))
    return made


def _number(name: str) -> tuple[bool, int, str]:
    """How claims are sorted: C2 before C10 before C10b, names without a number last.

    >>> sorted(["Kaiming", "C10", "C2", "C10b"], key=_number)
    ['C2', 'C10', 'C10b', 'Kaiming']
    """
    digits = "".join(c for c in name[1:] if c.isdigit())
    numbered = name.startswith("C") and bool(digits)
    return (not numbered, int(digits) if numbered else 0, name)


def _answered(results: Sequence[Result]) -> Iterator[Entry]:
    """The claims of this session's results."""
    run = [result for result in results if not result.skipped]
    for result in run:
        for answered in answer_all(result):
            yield _entry(answered, result, result.comparison.name)
    ranked = sorted(run, key=_place)
    for _, group in groupby(ranked, key=_place):
        of_suite = list(group)
        for answered in answer_suite(of_suite):
            yield _entry(answered, of_suite[0], "")


def _place(result: Result) -> tuple[str, str, str]:
    return (result.suite.name, result.device, result.arm)


def _entry(answered: Answered, result: Result, comparison: str) -> Entry:
    known = None if answered.evidence == NOT_RUN else answered
    spent = f"{len(result.seeds)} seeds, budget `{result.budget}`"
    return Entry(result.suite.name, comparison, result.device, answered.claim, known, spent)


def _declared(suites: Sequence[Suite]) -> Iterator[Entry]:
    for suite in suites:
        for comparison in suite.comparisons:
            for claim in comparison.claims:
                yield Entry(suite.name, comparison.name, "", claim)
        for claim in suite.claims:
            yield Entry(suite.name, "", "", claim)


def _remembered(entry: Entry, store: Store) -> Entry:
    """The entry, kept; or what is kept of it where this session did not run it."""
    if entry.answered is None:
        return next(iter(_found(entry, (entry.device,), store)), entry)
    a = entry.answered
    store.keep_answer(entry.key, [a.answer.value, a.evidence, a.single, entry.spent])
    return entry


def _earlier(entry: Entry, store: Store) -> list[Entry]:
    """What the store knows of an entry on any device; the entry as it is where it knows nothing."""
    return _found(entry, ("cpu", "cuda"), store) or [entry]


def _found(entry: Entry, devices: Sequence[str], store: Store) -> list[Entry]:
    found = []
    for device in devices:
        here = Entry(entry.suite, entry.comparison, device, entry.claim)
        kept = store.answer(here.key)
        if kept is not None:
            (answer, evidence, single, spent), when = kept
            answered = Answered(entry.claim, Answer(answer), evidence, single)
            found.append(
                Entry(
                    entry.suite, entry.comparison, device, entry.claim, answered, spent, when[:10]
                )
            )
    return found
