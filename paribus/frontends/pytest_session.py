"""Session of a pytest run: one for all of its cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock

from paribus.analysis.results import Result
from paribus.execution.cases import Case
from paribus.execution.orchestrate import finish, load_pages, run_comparison
from paribus.execution.progress import ProgressBar
from paribus.execution.session import Session
from paribus.execution.settings import OPTIONS, Settings
from paribus.execution.step_time import ReplayClock
from paribus.execution.where import leave
from paribus.experiment.comparison import Comparison
from paribus.experiment.suite import Suite
from paribus.experiment.tuning import Arm

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

CLOCK = ReplayClock()


class PytestSession:
    """Trainings, times and reports of the cases of a pytest run.

    Args:
        config: holds the options.

    Raises:
        ParibusError: an option has a value that cannot be used.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.settings = settings_of(config)
        self.cases: list[Case] = []
        self.suites: list[Suite] = []
        self.results: list[Result] = []
        self.pages: list[Path] = []

    @cached_property
    def session(self) -> Session:
        """Session, whose store is opened when something is to be trained."""
        return Session(self.settings, self.suites, ProgressBar(self._uncaptured))

    @contextmanager
    def _uncaptured(self) -> Iterator[None]:
        capture = self.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            yield

    @property
    def prepared(self) -> bool:
        """True if there is anything to report on."""
        return bool(self.cases)

    @property
    def broken(self) -> bool:
        """True if variants of any comparison differ in more than the factor."""
        return any(result.control.broken for result in self.results)

    def prepare(self, cases: Sequence[Case], *, steps: bool) -> None:
        """Refuse what cannot work, before anything is trained; ``steps`` says whether steps will be timed."""
        self.session.prepare(cases, steps=steps)
        load_pages()
        self.cases = list(dict.fromkeys(cases))

    def train(self, case: Case, benchmark: BenchmarkFixture) -> None:
        """Train a case, its baseline before it; report the seconds of its runs and how they ended."""
        self._skip_without_device(case)
        _once(benchmark, self._train, case)

    def _train(self, case: Case, benchmark: BenchmarkFixture) -> None:
        study = self.session.study
        with CLOCK.showing() as seconds:
            # Within the benchmark, so that a baseline that fails does not leave it unused.
            self.session.train_group(study.baseline(case))
            self.session.train_group(case)
            records = study.records(case)
            trials = study.tried(case)
            seconds += [record.seconds for record in (*trials, *records)]
        stored = sum(record.key not in self.session.trained for record in records)
        metric = study.comparison(case).task.primary.name
        scores = [r.scores[metric] for r in records if metric in r.scores]
        benchmark.extra_info |= {
            "runs": float(len(records)),
            **({"trials": float(len(trials))} if case.arm == "tuned" else {}),
            "stored": float(stored),
            "seconds": "from the store" if stored == len(records) else "measured now",
            "completed": float(sum(record.completed for record in records)),
            metric: fmean(scores) if scores else "no run finished",
        }

    def _skip_without_device(self, case: Case) -> None:
        """Skip a case whose device is not here."""
        if reason := self.session.study.skip_reason(case):
            pytest.skip(reason)

    def time(self, case: Case, benchmark: BenchmarkFixture) -> None:
        """Time a step of a case against its baseline's, unless the store has it; report the ratio."""
        self._skip_without_device(case)
        _once(benchmark, self._time, case)

    def _time(self, case: Case, benchmark: BenchmarkFixture) -> None:
        with CLOCK.showing() as seconds:
            timing, stored = self.session.time(case)
            seconds.append(median(timing.variant))
        benchmark.extra_info |= {
            "seconds": "from the store" if stored else "measured now",
            "ratio to baseline": timing.ratio,
        }

    def compare(
        self, comparison: Comparison, seeds: int | None = None, arm: Arm = "default"
    ) -> Result:
        """Train an arm of a comparison, or find it in the store.

        Workers of pytest-xdist take turns: each training uses all cores, and the next one finds its runs in the store.

        Raises:
            ParibusError: it cannot be trained, or control broke.
        """
        settings = self.settings if seeds is None else replace(self.settings, seeds=seeds)
        progress = ProgressBar(self._uncaptured)
        with self._turn():
            return run_comparison(comparison, settings, progress, arm=arm)

    def _turn(self) -> AbstractContextManager[object]:
        """Return the lock that workers of pytest-xdist share."""
        if not hasattr(self.config, "workerinput"):
            return nullcontext()
        return FileLock(self.settings.store.with_suffix(".lock"))

    def fail(self, case: Case, test: str, reason: str | None) -> None:
        """Keep the row of a failed test out of the benchmarks.

        Args:
            case: of the test.
            test: its name.
            reason: why the case counts as failed in every table; None where its runs were trained all the same.
        """
        if reason is not None:
            self.session.study.failures[case] = reason
        rows = self.config._benchmarksession.benchmarks  # type: ignore[attr-defined]
        rows[:] = [row for row in rows if row.fullname != test]

    def finish(self, *, whole: bool = True) -> None:
        """Write the pages; where seeds are a sequence, add them to what is open first, if the run went through."""
        try:
            if whole:
                self.session.follow(self.cases)
        finally:
            finished = finish(self.session.study, self.cases, self.suites)
            self.results, self.pages = finished.results, finished.pages

    def close(self) -> None:
        """Close the store, if it was opened, and end what was started on other machines."""
        if "session" in self.__dict__:
            self.session.study.store.close()
        leave()

    def origins(self) -> str:
        """Return how many of the runs shown were trained now, and how many come with their stored seconds."""
        keys = {key for result in self.results for key in result.run_keys}
        now = len(keys & self.session.trained)
        return (
            f"{now} runs trained now, {len(keys) - now} found in the store: "
            "their seconds are those stored with them"
        )

    def show(self, terminal: Any) -> None:
        """Show the verdicts and where the pages are."""
        from paribus.report import terminal as tables

        terminal.section("paribus: verdicts")
        terminal.write_line(tables(self.results))
        terminal.write_line(self.origins())
        terminal.write_line(f"pages: {self.pages[0]}" if self.pages else "no pages were written")


def _once(benchmark: Any, function: Callable[[Case, BenchmarkFixture], None], case: Case) -> None:
    """Call once under the benchmark's clock: a training is its own repetition, over seeds."""
    benchmark.pedantic(function, args=(case, benchmark), rounds=1, iterations=1)


def settings_of(config: pytest.Config) -> Settings:
    """Return the settings that the options give.

    Raises:
        ParibusError: an option has a value that cannot be used.
    """
    return Settings.from_options({name: config.getoption(f"--paribus-{name}") for name in OPTIONS})
