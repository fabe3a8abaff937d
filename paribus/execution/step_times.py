"""Step times of a study's cases: taken once, of all variants of a comparison in turns, and kept in its store."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from paribus.analysis.results import timing_key
from paribus.execution.cases import Case
from paribus.execution.executor import run_error_context
from paribus.execution.step_time import time_steps
from paribus.execution.study import Study
from paribus.runs.run import Run
from paribus.runs.store import Timing

Names = tuple[str, str, str]
"""What the store knows step times by: the variant's kind, its baseline's, and the device."""


class StepTimes:
    """Times steps of cases that the store does not hold yet, or holds from an earlier session that is retrained.

    Args:
        study: whose cases they are.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self._timed, self._untold = set[Names](), set[Names]()
        self._alone: set[tuple[str, str, str, str]] = set()

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
            wanted = [c for c in dict.fromkeys((case, *beside)) if not self._is_timed(c)]
            with suppress(Exception):  # whose it is is told when that case is timed by itself
                self._take(wanted)
        if not self._is_timed(case):
            with run_error_context(self._run(case)):
                self._take([case])
        names = self._names(case)
        now = names in self._untold
        self._untold.discard(names)
        timing = self.study.store.timing(*names)
        assert timing is not None, "it was there, or was added"
        return timing, not now

    def _take(self, cases: Sequence[Case]) -> None:
        baseline = self._run(self.study.baseline(cases[0]))
        timings = time_steps(list(map(self._run, cases)), baseline)
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
