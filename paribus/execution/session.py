"""A session: a plan that is carried out. Both doors use it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

from paribus.analysis.results import timing_key
from paribus.engines.cohorts import cohort_key, stacked
from paribus.errors import ParibusError
from paribus.execution.cases import Case, skip_reason
from paribus.execution.executor import execute, run_error_context
from paribus.execution.plan import Plan, tuning_of
from paribus.execution.pool import prestart
from paribus.execution.progress import ProgressBar
from paribus.execution.settings import Settings
from paribus.execution.step_time import time_steps
from paribus.experiment.search_space import widened
from paribus.experiment.tuning import PILOT_SEEDS, ROUNDS, Arm
from paribus.runs.run import Run, RunResult
from paribus.runs.store import Timing
from paribus.runs.trials import PENDING, Pilot

MORE = 5
"""Seeds added at a time to what is open; each of them is looked at by itself."""


class Session(Plan):
    """Trains what is asked for and not yet known.

    Args:
        settings: what the user chose.
        progress: shows how far long work has come.

    Attributes:
        trained: keys of the runs that were trained now.
    """

    def __init__(self, settings: Settings, progress: ProgressBar | None = None) -> None:
        super().__init__(settings)
        self.progress = progress or ProgressBar(shown=False)
        self.trained: set[str] = set()
        self._timed: set[tuple[str, str, str]] = set()
        self._planned: list[Case] = []
        self._cohorts: dict[str, str] = {}
        self._apart: set[tuple[str, str, str, Arm]] = set()

    def prepare(self, cases: Sequence[Case]) -> None:
        """As `Plan.prepare`; engines are chosen, and how long everything will take is forecast."""
        on_cpu = any(case.device == "cpu" for case in cases)
        if self.jobs > 1 and on_cpu and self.store.empty:
            prestart(self.jobs)
        super().prepare(cases)
        here = [case for case in cases if not skip_reason(case.device)]
        self._choose_engines(here)
        self._planned += here
        self.progress.forecast.planned += sum(self._estimate(c, self._left(c)) for c in here)

    def _choose_engines(self, cases: Sequence[Case]) -> None:
        cohorts = {cohort for each in self.unchosen(cases).values() for cohort in each}
        if cohorts:
            with self.progress.batch("choosing engines", len(cohorts), 0.0, "kinds") as advance:
                self.choose(cases, advance)

    def _left(self, case: Case) -> int:
        """How many runs of a cell are still to be trained, trials among them, a pilot's not."""
        runs = self.runs(case)
        found = len(self._missing(runs)) + sum(run.trial == PENDING for run in runs)
        if case.arm == "default":
            return found
        search = self._search(case) or self._search_in(case, self._declared(case)[case.variant])
        return found + len(self._missing(search.all))

    def _missing(self, runs: Sequence[Run]) -> list[Run]:
        runs = [run for run in runs if run.trial != PENDING]
        if self.settings.retrain:
            return [run for run in runs if run.key not in self.trained]
        known = self.store.get(run.key for run in runs)
        return [run for run in runs if run.key not in known]

    def _estimate(self, case: Case, runs: int) -> float:
        """Seconds that so many runs of a cell are expected to take."""
        comparison, budget = self.comparison(case), self.settings.budget
        planned, variants = comparison.budgets[budget], len(comparison.variants())
        if case.arm == "default":
            return planned.seconds * runs / planned.seeds / variants
        tuning = tuning_of(case)
        seconds = tuning.seconds.get(budget, planned.seconds)
        each = 1 + tuning.trials_of(case.variant, budget)
        return seconds * runs / (planned.seeds * each * variants)

    # Training

    def train(self, case: Case) -> list[Run]:
        """Train the cell's runs that are not in the store yet; returns those that were trained now, trials before.

        Runs of other planned cells that can be trained together with them are: a cohort costs little more than a run.
        """
        trials: list[Run] = []
        if case.arm == "tuned":
            self._freeze(case)
            search = self._search(case)
            trials = self._train(case, search.all if search else [], self._trials)
        return trials + self._train(case, self.runs(case), self.runs)

    def _freeze(self, case: Case) -> None:
        """Run the pilot of a tuned cell's comparison, unless it is over, and keep the spaces that it ends with.

        Winners that crowd an end widen it for all variants alike, in at most `ROUNDS` rounds on seeds that never count.
        """
        if self.pilot(case) is not None:
            return
        mates = [case._replace(variant=v.name) for v in case.comparison.variants()]
        spaces, rounds = self._declared(case), 0
        seeds = range(PILOT_SEEDS, PILOT_SEEDS + tuning_of(case).pilot)
        for _ in range(ROUNDS):
            searches = [self._search_in(c, spaces[c.variant], seeds) for c in mates]
            self._train_pilot(case, [run for search in searches for run in search.all])
            found = [s.known(self.store.get(r.key for r in s.all)) for s in searches]
            wider = widened(spaces, [edge for each in found for edge in each.edges])
            if wider == spaces:
                break
            spaces, rounds = wider, rounds + 1
        pilot, name = Pilot(spaces, rounds), self._pilot_name(case)
        self.store.freeze(name, pilot.told)
        self._pilots[name] = pilot

    def _train_pilot(self, case: Case, runs: Sequence[Run]) -> None:
        missing = self._missing(runs)
        estimate = self._estimate(case, len(missing))
        self.progress.forecast.planned += estimate
        self._execute(f"{case.suite.name} pilot", case, missing, estimate)

    def _trials(self, case: Case) -> list[Run]:
        """The trials of a cell whose space is frozen."""
        search = self._search(case) if case.arm == "tuned" else None
        return search.all if search else []

    def _train(
        self, case: Case, runs: Sequence[Run], of: Callable[[Case], Sequence[Run]]
    ) -> list[Run]:
        own = self._missing(runs)
        if not own:
            return []
        label = case.name if own[0].trial is None else f"{case.name}, trials"
        estimate = self._estimate(case, len(own))
        mates = self._mates(case, own, of)
        others = [run for found in mates.values() for run in found]
        try:
            self._execute(
                f"{label} and {len(mates)} more" if mates else label,
                case,
                own + others,
                estimate + sum(self._estimate(c, len(found)) for c, found in mates.items()),
            )
        except ParibusError:
            if not mates:
                raise
            # Whose run it was is told when that cell's turn comes; nothing is trained beside these again.
            self._apart.add(self._place(case))
            self._execute(label, case, self._missing(runs), 0.0)
        return own + others

    def _execute(self, label: str, case: Case, runs: Sequence[Run], estimate: float) -> None:
        """Train runs, each kept as soon as it is there."""
        if not runs:
            return
        chosen = self._choice(case)
        with self.progress.batch(label, len(runs), estimate) as advance:

            def keep(run: Run, record: RunResult) -> None:
                origin = {**record.provenance, **self.source, "engine chosen": chosen.reason}
                self.store.add(run, replace(record, provenance=origin))
                self.trained.add(run.key)
                advance()

            execute(runs, jobs=self.jobs, keep=keep, portion=chosen.portion)

    def _mates(
        self, case: Case, own: Sequence[Run], of: Callable[[Case], Sequence[Run]]
    ) -> dict[Case, list[Run]]:
        """Missing runs of other planned cells that are trained with a cell's.

        Those of its comparison give every process work until the last variant is done. Those of all their cohorts cost
        little more in one stack.
        """
        place = self._place(case)
        if place in self._apart:
            return {}
        planned = self._planned if self.jobs > 1 else []
        beside = {c.address for c in planned if self._place(c) == place}
        runs = [*own, *(run for c in planned if c.address in beside for run in of(c))]
        cohorts = {self._cohort(run) for run in runs if stacked(run)}
        known, found = {run.key for run in own}, dict[Case, list[Run]]()
        for other in self._planned if cohorts else planned:
            mates = of(other) if cohorts or other.address in beside else []
            if other.address not in beside:
                mates = [run for run in mates if stacked(run) and self._cohort(run) in cohorts]
            more = self._missing(
                [r for r in {r.key: r for r in mates}.values() if r.key not in known]
            )
            if more:
                found[other] = more
                known |= {run.key for run in more}
        return found

    def _cohort(self, run: Run) -> str:
        """A run's engine and `cohort_key`, which is asked for often, of thousands of trials."""
        if run.key not in self._cohorts:
            self._cohorts[run.key] = f"{run.engine}/{cohort_key(run)}"
        return self._cohorts[run.key]

    # A sequence of seeds

    def follow(self, cases: Sequence[Case]) -> None:
        """Where seeds are a sequence, add some to what is still open, look again, and so on up to the cap."""
        if self.settings.most is None:
            return
        here = [case for case in cases if not skip_reason(case.device)]
        places = {self._place(c): c for c in here}
        for case in places.values():
            while more := self._open(case):
                self._add_seeds(more)

    def _open(self, case: Case) -> list[Case]:
        """The cells that need more seeds, the baseline first; none where nothing is open or the cap is reached."""
        result = self.result(case.suite, case.comparison, case.device, case.arm)
        most = self.settings.most or 0
        crossings = case.comparison.interactions()
        names = [name for name, found in result.contrasts.items() if found.open]
        names += [v for name, c in result.interactions.items() if c.open for v in crossings[name]]
        if not names or len(result.baseline.runs) >= most:
            return []
        first = result.baseline.variant.name
        return [case._replace(variant=name) for name in dict.fromkeys([first, *names])]

    def _add_seeds(self, more: Sequence[Case]) -> None:
        """Train some more seeds of these cells."""
        planned = min(len(self.seeds_of(more[0])) + MORE, self.settings.most or 0)
        for each in more:
            self._lengths[each.address] = planned
            self._searches.pop(each.address, None)
            self._complete.pop(each.address, None)
        self.progress.forecast.planned += sum(self._estimate(c, self._left(c)) for c in more)
        for each in more:
            self.train(each)

    # Step times, and where all of this comes from

    def time(self, case: Case) -> tuple[Timing, bool]:
        """Step times of a cell against its baseline, and whether they come from the store.

        Those of a tuned cell are its default's: other numbers in the same kernels.
        """
        case = case._replace(arm="default")
        variant, baseline = (self.runs(c)[0] for c in (case, self.baseline(case)))
        names = (timing_key(variant), timing_key(baseline), case.device)
        known = self.store.timing(*names)
        if known is not None and (not self.settings.retrain or names in self._timed):
            return known, True
        with run_error_context(variant):
            timing = time_steps(variant, baseline)
        self.store.add_timing(*names, timing)
        self._timed.add(names)
        return timing, False

    @cached_property
    def source(self) -> dict[str, object]:
        """The commit that is checked out, and whether files differ from it."""
        commit = _git("rev-parse", "--short=12", "HEAD")
        return {
            "commit": commit or "unknown",
            "dirty": bool(_git("status", "--porcelain", "--untracked-files=no")),
        }


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - the arguments are this file's own
            ["git", *arguments],  # noqa: S607 - whichever git the user has
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
