"""Session: trains what a study asks for and its store does not hold yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cached_property

from paribus.analysis.declaration import declare, seal
from paribus.analysis.interim_looks import note_looks
from paribus.engines.cohorts import cohort_key, stacked
from paribus.errors import ParibusError, StoreError
from paribus.execution.arm_state import ArmState
from paribus.execution.cases import Case
from paribus.execution.checkout import checked_out
from paribus.execution.cost_model import chunk_seconds, time_limit
from paribus.execution.data_summary import note_what_was_read
from paribus.execution.executor import execute
from paribus.execution.forecast import ExpectedSeconds
from paribus.execution.local_workers import prestart
from paribus.execution.preflight import check_before_training
from paribus.execution.progress import ProgressBar
from paribus.execution.settings import Settings
from paribus.execution.step_times import StepTimes
from paribus.execution.study import Study
from paribus.experiment.comparison import Comparison
from paribus.experiment.search_space import widened
from paribus.experiment.suite import Suite
from paribus.experiment.tuning import PILOT_SEEDS, ROUNDS, Arm
from paribus.runs.run import Run, RunResult
from paribus.runs.timing import Timing
from paribus.runs.trials import PENDING, Pilot

SEEDS_ADDED = 5
"""Seeds added at a time to what is open; each of them is looked at by itself."""


ENOUGH_SECONDS = 60.0
"""Seconds that processes are given work for at once: while the last of it is done, some of them have none."""


class Session:
    """Trains cases of suites that the store does not hold yet.

    Args:
        settings: what the user chose.
        suites: that cases are named of.
        progress: shows how far long work has come.
        first_seed: of every comparison; other than 0 for seeds that are kept apart.
        beside: further runs of a case, as a `Study` takes them.
        explores: whether what is trained answers no declared question: nothing is sealed, and no engine is timed.

    Attributes:
        study: the cases, and what the store holds of them.
        trained: keys of the runs that were trained now.
    """

    def __init__(
        self,
        settings: Settings,
        suites: Iterable[Suite],
        progress: ProgressBar | None = None,
        *,
        first_seed: int = 0,
        beside: Callable[[Comparison, Arm, Sequence[Run]], list[Run]] | None = None,
        explores: bool = False,
    ) -> None:
        self.study = Study(settings, suites, first_seed=first_seed, beside=beside)
        self.progress = progress or ProgressBar(shown=False)
        self.explores = explores
        self.trained: set[str] = set()
        self._step_times, self._times_taken = StepTimes(self.study), False
        self._planned: list[Case] = []
        self._steps_planned = 0.0
        self._cohorts: dict[str, str] = {}
        self._failed: dict[str, ParibusError] = {}
        self._expected = ExpectedSeconds(self.study)
        self._pilots_planned: set[tuple[str, str, str, str]] = set()

    @property
    def settings(self) -> Settings:
        """Settings that the user chose."""
        return self.study.settings

    # Before anything is trained

    def prepare(self, cases: Sequence[Case], *, steps: bool = False) -> None:
        """Read the data, try every network once, choose engines, and forecast how long everything will take.

        Args:
            cases: that will be trained.
            steps: whether their steps will be timed, too.

        Raises:
            ParibusError: an option names an unknown task, data cannot be used, or a network does not fit.
        """
        local = self.study.place.cluster is None  # a cluster that cannot be used is refused first
        check_before_training(self.study, cases)
        note_what_was_read(self.study, cases)
        on_cpu = any(case.device == "cpu" for case in cases)
        if local and self.study.jobs > 1 and on_cpu and self.study.store.empty:
            prestart()  # after what may be refused, which should not wait for them
        here = [case for case in cases if not self.study.skip_reason(case)]
        self._choose_engines(here)
        self._planned += here
        if not self.explores:
            self._seal(here)
        self._forecast(here)
        if steps:
            before, self._steps_planned = (
                self._steps_planned,
                self._step_times.seconds(self._untimed()),
            )
            self.progress.forecast.planned += self._steps_planned - before

    def _seal(self, cases: Sequence[Case]) -> None:
        """Write what each arm declares to the store, before anything of it is trained."""
        study = self.study
        for arm in {case.arm_key: study.arm(case) for case in cases}.values():
            runs = study.loop_runs(arm.cases[0])
            declared = declare(
                arm.suite, arm.comparison, arm=arm.arm, runs=runs, cap=self.settings.max_seeds
            )
            seal(declared, study.store)

    def _choose_engines(self, cases: Sequence[Case]) -> None:
        engines = self.study.engines
        if self.explores:
            engines.choose_unmeasured(cases)
        cohorts = {cohort for each in engines.unchosen(cases).values() for cohort in each}
        if cohorts:
            with self.progress.batch("choosing engines", len(cohorts), 0.0, "kinds") as advance:
                engines.choose(cases, advance)

    def _forecast(self, cases: Sequence[Case]) -> None:
        """Plan what is left of cases, and the first round of a pilot that is still to come."""
        left = {case: self._left(case) for case in cases}
        self._expected.note(left)
        planned = sum(self._expected.seconds(case, runs) for case, runs in left.items())
        arms = {c.arm_key: self.study.arm(c) for c in cases if c.arm == "tuned"}
        for key, arm in arms.items():
            if self.study.pilot(arm.cases[0]) is None:
                self._pilots_planned.add(key)
                planned += self._expected.pilot_seconds(arm)
        self.progress.forecast.planned += planned

    def left(self, cases: Sequence[Case]) -> int:
        """Return how many runs of cases that can run here are still to be trained, a pilot's not among them."""
        return sum(self._left(case) for case in cases if not self.study.skip_reason(case))

    def _left(self, case: Case) -> int:
        """Return how many runs of a case are still to be trained, trials among them, a pilot's not."""
        runs = self.study.runs(case)
        left = len(self._missing(runs)) + sum(run.trial == PENDING for run in runs)
        if case.arm == "default":
            return left
        spaces = self.study.arm(case).declared_spaces
        plan = self.study.trial_plan(case)
        plan = plan or self.study.trial_plan_in(case, spaces[case.variant])
        return left + len(self._missing(plan.all))

    def _missing(self, runs: Sequence[Run]) -> list[Run]:
        runs = [run for run in runs if run.trial != PENDING and run.key not in self._failed]
        if self.settings.retrain:
            return [run for run in runs if run.key not in self.trained]
        stored = self.study.store.held(run.key for run in runs)
        return [run for run in runs if run.key not in stored]

    # Training

    def train_each(self, cases: Sequence[Case]) -> list[ParibusError]:
        """Train all cases that can run here; what fails costs no other, and is noted for its page and returned."""
        errors = []
        for case in cases:
            if self.study.skip_reason(case):
                continue
            try:
                self.train_group(case)
            except StoreError:
                raise  # which no other case would outlive
            except ParibusError as error:
                self.study.failures[case] = str(error)
                errors.append(error)
        return errors

    def train_group(self, case: Case) -> list[Run]:
        """Train the missing runs of a case and of the planned cases that are trained together with it.

        A cohort costs little more than a run, and runs of a comparison give every process work until the last is done.
        A case of which nothing is missing trains nothing, and what failed once is not tried again.

        Returns:
            The runs that were trained now, of whichever case; trials before those that count.

        Raises:
            ParibusError: a run of the case failed: a network, a loss or the data raised an error, or ended or hung the
                worker. All others of the group were trained before.
        """
        trials: list[Run] = []
        if case.arm == "tuned":
            self._freeze(case)
            trials = self._train(case, self._trials_of)
        return trials + self._train(case, self.study.runs)

    def _trials_of(self, case: Case) -> list[Run]:
        """Return the trials of a case whose space is frozen."""
        plan = self.study.trial_plan(case) if case.arm == "tuned" else None
        return plan.all if plan else []

    def _freeze(self, case: Case) -> None:
        """Run the pilot of a tuned case's comparison, unless it is over, and keep the spaces that it ends with.

        Winners that crowd an end widen it, for their own variant and setting alone, in at most `ROUNDS` rounds on seeds
        that never count.
        """
        study = self.study
        if study.pilot(case) is not None:
            return
        arm, rounds = study.arm(case), 0
        spaces = arm.declared_spaces
        seeds = range(PILOT_SEEDS, PILOT_SEEDS + arm.tuning.pilot)
        for _ in range(ROUNDS):
            plans = [study.trial_plan_in(c, spaces[c.variant], seeds) for c in arm.cases]
            self._train_pilot(case, [run for plan in plans for run in plan.all])
            trials = [plan.results(study.store.get(r.key for r in plan.all)) for plan in plans]
            wider = {
                c.variant: widened(spaces[c.variant], each.edges)
                for c, each in zip(arm.cases, trials, strict=True)
            }
            if wider == spaces:
                break
            spaces, rounds = wider, rounds + 1
        study.freeze(case, Pilot(spaces, rounds))

    def _train_pilot(self, case: Case, runs: Sequence[Run]) -> None:
        missing = self._missing(runs)
        estimate = self._expected.seconds(case, len(missing))
        if case.arm_key in self._pilots_planned:
            self._pilots_planned.remove(case.arm_key)
            estimate = self._expected.pilot_seconds(self.study.arm(case))
        else:
            self.progress.forecast.planned += estimate
        self._execute(f"{case.suite} pilot", {case: missing}, estimate)
        self._refuse_failed(runs)

    def _train(self, case: Case, runs_of: Callable[[Case], Sequence[Run]]) -> list[Run]:
        """Train the missing runs of a case and of its group: those that count, or the trials."""
        own = self._missing(runs_of(case))
        others: list[Run] = []
        if own:
            label = case.name if own[0].trial is None else f"{case.name}, trials"
            group = self._group(case, own, runs_of)
            label += f" and {len(group)} more" if group else ""
            others = [run for runs in group.values() for run in runs]
            work = {case: own, **group}
            self._execute(label, work, sum(map(self._seconds, work, work.values())))
        self._refuse_failed(runs_of(case))
        return [run for run in own + others if run.key not in self._failed]

    def _refuse_failed(self, runs: Sequence[Run]) -> None:
        """Raise the error of the first of these runs that failed, if any did."""
        for run in runs:
            if error := self._failed.get(run.key):
                raise error

    def _seconds(self, case: Case, runs: Sequence[Run]) -> float:
        return self._expected.seconds(case, len(runs))

    def _execute(self, label: str, work: Mapping[Case, Sequence[Run]], estimate: float) -> None:
        """Train runs of cases, each kept as soon as it is there."""
        runs = [run for of_case in work.values() for run in of_case]
        if not runs:
            return
        chosen = {run.key: self.study.engines.choice(c) for c, each in work.items() for run in each}
        with self.progress.batch(label, len(runs), estimate) as advance:

            def keep(run: Run, record: RunResult) -> None:
                origin = {
                    **record.provenance,
                    **self.source,
                    "engine chosen": chosen[run.key].reason,
                }
                self.study.store.add(run, replace(record, provenance=origin))
                self.trained.add(run.key)
                advance()

            place = self.study.place.of(runs[0].device)  # whose group has one device
            self._failed |= execute(
                runs,
                jobs=place.jobs,
                cluster=place.cluster,
                keep=keep,
                chunk_size=lambda run: chosen[run.key].chunk_size,
                seconds=chunk_seconds,
                limit=self._limit,
            )

    def _limit(self, chunk: Sequence[Run]) -> float:
        """Return the seconds that a worker may take for a chunk."""
        return self.settings.limit or time_limit(chunk)

    def _group(
        self, case: Case, own: Sequence[Run], runs_of: Callable[[Case], Sequence[Run]]
    ) -> dict[Case, list[Run]]:
        """Return missing runs of other planned cases that are trained together with a case's.

        Those of its arm, and of arms after it until there is work enough, give every process something to do until the
        last of all is done. Those of all their cohorts cost little more in one stack.
        """
        beside = self._beside(case, own, runs_of) if self.study.jobs > 1 else []
        runs = [*own, *(run for c in beside for run in runs_of(c))]
        cohorts = {self._cohort(run) for run in runs if stacked(run)}
        taken, group = {run.key for run in own}, dict[Case, list[Run]]()
        for other in self._planned if cohorts else beside:
            mates = runs_of(other)
            if other not in beside:
                mates = [run for run in mates if stacked(run) and self._cohort(run) in cohorts]
            by_key = {run.key: run for run in mates if run.key not in taken}
            missing = self._missing(list(by_key.values()))
            if missing:
                group[other] = missing
                taken |= {run.key for run in missing}
        return group

    def _beside(
        self, case: Case, own: Sequence[Run], runs_of: Callable[[Case], Sequence[Run]]
    ) -> list[Case]:
        """Return the planned cases of an arm, and of arms after it as long as there is little work for several."""
        several = case.device == "cpu" or self.study.place.gpus is not None
        arms: dict[tuple[str, ...], list[Case]] = {}
        for c in self._planned:
            if c.arm_key == case.arm_key or (arms and several and c.device == case.device):
                arms.setdefault(c.arm_key, []).append(c)
        beside, planned = list[Case](), self._seconds(case, own)
        for cases in arms.values():
            if beside and planned >= ENOUGH_SECONDS:
                break
            beside += cases
            planned += sum(self._seconds(c, self._missing(runs_of(c))) for c in cases if c != case)
        return beside

    def _cohort(self, run: Run) -> str:
        """Return a run's engine and `cohort_key`, which is asked for often, of thousands of trials."""
        if run.key not in self._cohorts:
            self._cohorts[run.key] = f"{run.engine}/{cohort_key(run)}"
        return self._cohorts[run.key]

    # A sequence of seeds

    def follow(self, cases: Sequence[Case]) -> None:
        """Where seeds are a sequence, add some to what is still open, look again, and so on up to the cap.

        Raises:
            ParibusError: a run of the seeds that were added failed.
        """
        if self.settings.max_seeds is None:
            return
        here = [case for case in cases if not self.study.skip_reason(case)]
        errors: list[ParibusError] = []
        for arm in {case.arm_key: self.study.arm(case) for case in here}.values():
            while open_cases := self._open(arm):
                errors += self._add_seeds(open_cases)
        for error in errors:
            raise error

    def _open(self, arm: ArmState) -> list[Case]:
        """Look at an arm; return the cases that need more seeds, the baseline first; none at the cap."""
        result = self.study.result(arm)
        note_looks([result], self.study.store)
        crossings = arm.comparison.interactions()
        names = [name for name, contrast in result.contrasts.items() if contrast.open]
        names += [v for name, c in result.interactions.items() if c.open for v in crossings[name]]
        if not names or len(result.baseline.runs) >= (self.settings.max_seeds or 0):
            return []
        wanted = [case for case in arm.cases[1:] if case.variant in names and not self._fails(case)]
        return [arm.cases[0], *wanted] if wanted and not self._fails(arm.cases[0]) else []

    def _fails(self, case: Case) -> bool:
        return any(run.key in self._failed for run in self.study.runs(case))

    def _add_seeds(self, cases: Sequence[Case]) -> list[ParibusError]:
        """Train some more seeds of these cases; returns why some failed."""
        count = min(len(self.study.seeds_of(cases[0])) + SEEDS_ADDED, self.settings.max_seeds or 0)
        for case in cases:
            self.study.arm(case).extend(case.variant, range(count))
        self._forecast(cases)
        return self.train_each(cases)

    # Step times, and where all of this comes from

    def time(self, case: Case) -> tuple[Timing, bool]:
        """Return step times of a case against its baseline, and whether they come from the store.

        Those of a tuned case are its default's: other numbers in the same kernels.

        Raises:
            ParibusError: a step of the case failed.
        """
        self.time_planned()
        case = case._replace(arm="default")
        arm = [c for c in self._planned if c.arm_key == case.arm_key and not self._fails(c)]
        return self._step_times.of(case, arm)

    def time_planned(self) -> None:
        """Time the steps of all planned cases that are not timed yet, once; what cannot be timed costs no other."""
        if self._times_taken:
            return
        self._times_taken = True
        groups, estimate = self._untimed(), self._steps_planned
        if groups:
            with (
                self.progress.batch("step times", len(groups), estimate, "comparisons") as advance,
                closing(self._step_times.take(groups, self._limit)) as done,
            ):
                for _ in done:
                    advance()

    def _untimed(self) -> list[list[Case]]:
        """Return the planned cases with stated settings that are to be timed, by arm.

        What failed is not among them, nor what is held against a baseline that did.
        """
        arms: dict[tuple[str, ...], list[Case]] = {}
        for case in self._planned:
            failed = self._fails(case) or self._fails(self.study.baseline(case))
            if case.arm == "default" and not failed:
                arms.setdefault(case.arm_key, []).append(case)
        return self._step_times.plan(arms.values())

    @cached_property
    def source(self) -> dict[str, object]:
        """Commit that is checked out, and whether files differ from it."""
        return checked_out()
