"""Step times of a study's cases: taken once for a kind of step, in turns with a comparison's others, and kept."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing, suppress

from paribus.analysis.results import timing_key
from paribus.execution.cases import Case
from paribus.execution.executor import run_error_context
from paribus.execution.executors import Failure
from paribus.execution.pool import available_jobs
from paribus.execution.progress import say
from paribus.execution.step_time import (
    ROUND_SECONDS,
    ROUNDS,
    TIMERS,
    Turns,
    time_side_by_side,
    time_steps,
)
from paribus.execution.study import Study
from paribus.runs.run import Run
from paribus.runs.timing import Timing

Names = tuple[str, str, str]
"""What the store knows step times by: the variant's kind, its baseline's, and the device."""

START = 0.1
"""Seconds in which a network is about built, and takes its first steps."""


class StepTimes:
    """Times steps of cases that the store does not hold yet, or holds from an earlier session that is retrained.

    Args:
        study: whose cases they are.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self._timed, self._untold = set[Names](), set[Names]()
        self._alone: set[tuple[str, str, str, str]] = set()
        self._lost: dict[tuple[str, str, str, str], Failure] = {}

    def of(self, case: Case, beside: Sequence[Case]) -> tuple[Timing, bool]:
        """Return step times of a case against its baseline, and whether they come from the store.

        Args:
            case: of a default arm.
            beside: cases of the same arm that will be asked for, too. They take turns with it and one baseline, which
                is timed once for all of them.

        Raises:
            ParibusError: a step of the case failed.
        """
        if not self._is_timed(case) and case.arm_key not in self._alone:
            self._alone.add(case.arm_key)
            with suppress(Exception):  # whose it is is told when that case is timed by itself
                self._take(self._untimed((case, *beside)))
        if not self._is_timed(case):
            with run_error_context(self._run(case)):
                if lost := self._lost.get(case.arm_key):
                    raise lost.error
                self._take([case])
        names = self._names(case)
        now = names in self._untold
        self._untold.discard(names)
        timing = self.study.store.timing(*names)
        assert timing is not None, "it was there, or was added"
        return timing, not now

    def plan(self, arms: Iterable[Sequence[Case]]) -> list[list[Case]]:
        """Return what is left to time of default arms: of each that has any its cases, a kind of step once in all."""
        planned, groups = set[Names](), list[list[Case]]()
        for arm in arms:
            wanted = [case for case in self._untimed(arm) if self._names(case) not in planned]
            planned |= set(map(self._names, wanted))
            if wanted:
                groups.append(wanted)
        return groups

    def seconds(self, groups: Sequence[Sequence[Case]]) -> float:
        """Return about how many seconds it takes to time what was planned."""
        timers, beside, alone = self._split(groups)
        each = ROUNDS * ROUND_SECONDS + START
        return each * (_contenders(beside) / max(1, min(timers, len(beside))) + _contenders(alone))

    def _split(
        self, groups: Sequence[Sequence[Case]]
    ) -> tuple[int, list[Sequence[Case]], list[Sequence[Case]]]:
        """Return how many processes time at once, the groups that they time, and those that this process does."""
        timers = min(TIMERS, self.study.jobs, available_jobs())
        beside = [group for group in groups if timers > 1 and group[0].device == "cpu"]
        return timers, beside, [group for group in groups if group not in beside]

    def take(
        self, groups: Sequence[Sequence[Case]], limit: Callable[[Sequence[Run]], float]
    ) -> Generator[None, None, None]:
        """Time what was planned, on the CPU some groups at a time; yields after each group.

        What cannot be timed is said, and told again when `of` is asked for it.

        Args:
            groups: as planned.
            limit: tells how many seconds runs may take together.
        """
        timers, beside, alone = self._split(groups)
        self._alone |= {group[0].arm_key for group in groups}

        def longest(turns: Turns) -> float:
            return sum(limit([run]) for run in (*turns.variants, turns.baseline))

        for done, of_these in (
            (time_side_by_side(self._turns(beside), timers, longest), beside),
            (_one_by_one(self._turns(alone)), alone),
        ):
            with closing(done):
                for i, found in done:
                    if isinstance(found, Failure):
                        self._note(of_these[i], found)
                    else:
                        self._keep(of_these[i], found)
                    yield

    def _note(self, cases: Sequence[Case], failure: Failure) -> None:
        """Say that cases are not timed, and why; where a process was lost for it, that is not tried in this one."""
        case = cases[0]
        say(f"Steps of {case.suite}, {case.comparison} were not timed: {failure.error}.")
        if failure.lost:
            self._lost[case.arm_key] = failure

    def _turns(self, groups: Sequence[Sequence[Case]]) -> list[Turns]:
        return [
            Turns([*map(self._run, group)], self._run(self.study.baseline(group[0])))
            for group in groups
        ]

    def _untimed(self, cases: Iterable[Case]) -> list[Case]:
        """Return those of an arm's cases that are not timed yet; one for all whose step is the same."""
        return [*{self._names(case): case for case in cases if not self._is_timed(case)}.values()]

    def _take(self, cases: Sequence[Case]) -> None:
        baseline = self._run(self.study.baseline(cases[0]))
        self._keep(cases, time_steps(list(map(self._run, cases)), baseline))

    def _keep(self, cases: Sequence[Case], timings: Sequence[Timing]) -> None:
        for names, timing in zip(map(self._names, cases), timings, strict=True):
            self.study.store.add_timing(*names, timing)
            self._timed.add(names)
            self._untold.add(names)

    def _run(self, case: Case) -> Run:
        return self.study.runs(case)[0]

    def _names(self, case: Case) -> Names:
        variant, baseline = map(self._run, (case, self.study.baseline(case)))
        return timing_key(variant), timing_key(baseline), case.device

    def _is_timed(self, case: Case) -> bool:
        """Return whether the store holds step times that need not be taken again."""
        names = self._names(case)
        if self.study.settings.retrain and names not in self._timed:
            return False
        return self.study.store.timing(*names) is not None


def _contenders(groups: Sequence[Sequence[Case]]) -> int:
    return sum(len(group) + 1 for group in groups)


def _one_by_one(
    work: Sequence[Turns],
) -> Generator[tuple[int, list[Timing] | Failure], None, None]:
    """Yield what `time_side_by_side` does, timed in this process."""
    for i, turns in enumerate(work):
        try:
            found: list[Timing] | Failure = time_steps(*turns)
        except Exception as error:  # noqa: BLE001 - whatever the code of a user raises there
            found = Failure(error)
        yield i, found
