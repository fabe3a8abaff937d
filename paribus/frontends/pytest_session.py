"""What stands behind the pytest door: one session for all cells of a pytest run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

import pytest

from paribus.analysis.results import Result
from paribus.analysis.verdict import Contrast
from paribus.errors import ParibusError
from paribus.execution import bundle
from paribus.execution.cases import Case, cases, skip_reason
from paribus.execution.options import OPTIONS
from paribus.execution.progress import ProgressBar
from paribus.execution.session import Session
from paribus.execution.settings import Settings, choice, pairs, speaks
from paribus.execution.step_time import ReplayClock
from paribus.experiment.comparison import Comparison
from paribus.experiment.suite import Suite
from paribus.experiment.tuning import Arm

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

CLOCK = ReplayClock()


class PytestSession:
    """Trains, times and reports the cells of a pytest run.

    Args:
        config: holds the options.

    Raises:
        ParibusError: an option has a value that cannot be used.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.settings = settings_of(config)
        self.cases: list[Case] = []
        self.declared: list[Suite] = []
        self.results: list[Result] = []
        self.pages: list[Path] = []

    @cached_property
    def session(self) -> Session:
        """The session, whose store is opened when something is to be trained."""
        return Session(self.settings, ProgressBar(self._uncaptured))

    @contextmanager
    def _uncaptured(self) -> Iterator[None]:
        capture = self.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            yield

    @property
    def prepared(self) -> bool:
        """Whether there is anything to report on."""
        return bool(self.cases)

    @property
    def broken(self) -> bool:
        """Whether control broke in any comparison."""
        return any(result.control.broken for result in self.results)

    def prepare(self, cases: Sequence[Case]) -> None:
        """Refuse what cannot work, before anything is trained."""
        self.session.prepare(cases)
        self.cases = list(dict.fromkeys(cases))

    def train(self, case: Case, benchmark: BenchmarkFixture) -> None:
        """Train a cell, its baseline before it; report the seconds of its runs and how they ended."""
        skip_without_device(case)
        _once(benchmark, self._train, case)

    def _train(self, case: Case, benchmark: BenchmarkFixture) -> None:
        with CLOCK.showing() as seconds:
            # Within the benchmark, so that a baseline that fails does not leave it unused.
            self.session.train(self.session.baseline(case))
            self.session.train(case)
            records = self.session.records(case)
            trials = self.session.tried(case)
            seconds += [record.seconds for record in (*trials, *records)]
        stored = sum(record.key not in self.session.trained for record in records)
        metric = case.comparison.task.primary.name
        scores = [r.scores[metric] for r in records if metric in r.scores]
        benchmark.extra_info |= {
            "runs": float(len(records)),
            **({"trials": float(len(trials))} if case.arm == "tuned" else {}),
            "stored": float(stored),
            "seconds": "from the store" if stored == len(records) else "measured now",
            "completed": float(sum(record.completed for record in records)),
            metric: fmean(scores) if scores else "no run finished",
        }

    def time(self, case: Case, benchmark: BenchmarkFixture) -> None:
        """Time a step of a cell against its baseline's, unless the store has it; report the ratio."""
        skip_without_device(case)
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
    ) -> Mapping[str, Contrast]:
        """Train an arm of a comparison, or find it in the store; returns each variant's contrast with the baseline.

        Raises:
            ParibusError: it cannot be trained, or control broke.
        """
        settings = replace(self.settings, arm=arm)
        settings = settings if seeds is None else replace(settings, seeds=seeds)
        suite = Suite(name=comparison.name, title=comparison.name, comparisons=(comparison,))
        device = "cpu" if settings.device == "auto" else settings.device
        session = Session(settings, ProgressBar(self._uncaptured))
        every = [case for case in settings.selected(cases((suite,))) if case.device == device]
        with session.store:
            session.prepare(every)
            for case in every:
                session.train(case)
            session.follow(every)
            (result,) = session.results(every)
        if result.control.broken:
            raise ParibusError(
                f"control of comparison {comparison.name!r}",
                got=result.control.broken[0],
                expected="the same for every variant of a seed",
                fix="Draw from the streams of the run alone, or name the difference as the factor.",
            )
        return result.contrasts

    def fail(self, case: Case, test: str, reason: str) -> None:
        """Keep a failed cell out of every table as anything but a failure."""
        self.session.failures[case] = reason
        rows = self.config._benchmarksession.benchmarks  # type: ignore[attr-defined]
        rows[:] = [row for row in rows if row.fullname != test]

    def finish(self, *, whole: bool = True) -> None:
        """Write the pages; where seeds are a sequence, add them to what is open first, if the run went through."""
        from paribus.report import write

        if whole:
            self.session.follow(self.cases)
        self.results = self.session.results(self.cases)
        claims = self.session.claims(self.declared, self.results)
        self.pages = write(self.results, self.settings.out, claims)
        if self.settings.evidence:
            bundle.write_bundle(self.session, self.cases, self.settings.out / bundle.FILE)

    def close(self) -> None:
        """Close the store, if it was opened."""
        if "session" in self.__dict__:
            self.session.store.close()

    def origins(self) -> str:
        """How many of the runs shown were trained now, and how many come with the seconds stored with them."""
        rows = [row for result in self.results for row in result.rows]
        keys = {record.key for row in rows for record in (*row.known, *row.tried)}
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


def skip_without_device(case: Case) -> None:
    """Skip a cell whose device is not here."""
    if reason := skip_reason(case.device):
        pytest.skip(reason)


def settings_of(config: pytest.Config) -> Settings:
    """The settings that the options give.

    Raises:
        ParibusError: an option has a value that cannot be used.
    """
    option = config.getoption

    def chosen(name: str) -> str:
        return choice(f"--paribus-{name}", option(f"--paribus-{name}"), OPTIONS[name].choices)

    out = Path(option("--paribus-out"))
    return Settings(
        seeds=option("--paribus-seeds"),
        budget=chosen("budget"),
        device=chosen("device"),
        engine=chosen("engine"),
        data=pairs("--paribus-data", option("--paribus-data")),
        targets=pairs("--paribus-target", option("--paribus-target")),
        out=out,
        store=Path(option("--paribus-store") or out / "runs.sqlite"),
        retrain=option("--paribus-retrain"),
        jobs=option("--paribus-jobs"),
        sequential=option("--paribus-sequential"),
        cap=option("--paribus-cap"),
        inference=speaks("--paribus-inference", option("--paribus-inference")),
        evidence=option("--paribus-evidence"),
        trials=option("--paribus-trials"),
        arm=chosen("arm"),
    )
