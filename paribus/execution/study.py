"""Study: the cases of suites under a user's settings, and what the store holds of them. Nothing is trained here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property

from paribus.analysis.results import Result, collect
from paribus.execution.arm_state import ArmState
from paribus.execution.cases import DEVICES, Case
from paribus.execution.engine_selection import EngineSelection
from paribus.execution.executor import dataset_of
from paribus.execution.own_data import with_own_data
from paribus.execution.pool import available_jobs
from paribus.execution.settings import Settings
from paribus.execution.where import Place, is_cluster
from paribus.experiment.comparison import Comparison
from paribus.experiment.names import refuse_file_name
from paribus.experiment.primary_score import scored_comparison, scored_suite
from paribus.experiment.search_space import SearchSpace
from paribus.experiment.suite import Suite
from paribus.experiment.task import Task
from paribus.experiment.tuning import ARMS, Arm
from paribus.runs.environment import Environment
from paribus.runs.run import Run, RunResult, data_digest
from paribus.runs.store import Store
from paribus.runs.trials import Pilot, TrialPlan, TrialResults, pending
from paribus.spec import digest
from paribus.stats import min_seeds_to_stop


class Study:
    """Cases of suites with the user's budget, data and seeds in them, and what the store holds of them.

    Pages are made again from evidence with no more than this.

    Args:
        settings: what the user chose.
        suites: that cases are named of.
        environment: that run keys are made in; None is this machine's.
        first_seed: of every comparison; other than 0 for seeds that are kept apart.
        beside: returns further runs of a case's variant beside those of its seeds, from these.

    Attributes:
        failures: why the test of a case failed.
    """

    def __init__(
        self,
        settings: Settings,
        suites: Iterable[Suite],
        *,
        environment: Environment | None = None,
        first_seed: int = 0,
        beside: Callable[[Comparison, Arm, Sequence[Run]], list[Run]] | None = None,
    ) -> None:
        self.settings = settings
        score = settings.metric
        chosen = [suite if score is None else scored_suite(suite, score) for suite in suites]
        self.suites = {suite.name: suite for suite in chosen}
        for suite in chosen:  # a copy of a declaration is not checked where it is made
            refuse_file_name("a suite", suite.name)
            for comparison in suite.comparisons:
                refuse_file_name("a comparison", comparison.name)
        self.environment = environment or Environment()
        self.first_seed = first_seed
        self.beside = beside
        self.store = Store(settings.store)
        self.failures: dict[Case, str] = {}
        self.engines = EngineSelection(self)
        self._arms: dict[tuple[str, str, str, str], ArmState] = {}
        self._comparisons: dict[tuple[str, str], Comparison] = {}
        self._digests: dict[Task, str] = {}
        self._pilots_now: set[str] = set()

    @cached_property
    def place(self) -> Place:
        """Place where networks are trained."""
        where, jobs = self.settings.where, self.settings.jobs
        if not is_cluster(where):
            return Place(jobs or available_jobs())
        from paribus.execution.dask_executor import cluster_at
        from paribus.execution.shipped_code import code_of

        place = cluster_at(where, jobs, code_of(self.suites.values()))
        device = self.settings.device
        if device == "cpu" or self.environment.skip_reason("cuda"):
            return place
        from paribus.execution.dask_gpus import with_gpus

        return with_gpus(place, where, jobs, needed=device == "cuda")

    @property
    def jobs(self) -> int:
        """Processes that train side by side."""
        return self.place.jobs

    def skip_reason(self, case: Case) -> str:
        """Return why nothing of a case is trained here, or nothing."""
        return self.environment.skip_reason(case.device)

    # Comparisons and seeds

    def arm(self, case: Case) -> ArmState:
        """Return the state of a case's arm."""
        if case.arm_key not in self._arms:
            suite = self.suites[case.suite]
            comparison = self.comparison(case)
            self._arms[case.arm_key] = ArmState(suite, comparison, case.device, case.arm)
        return self._arms[case.arm_key]

    @property
    def arms(self) -> list[ArmState]:
        """Arms that were asked for so far."""
        return list(self._arms.values())

    def comparison(self, case: Case) -> Comparison:
        """Return the comparison of a case, with the user's budget and data in it.

        Raises:
            ParibusError: it has no such budget.
        """
        name = (case.suite, case.comparison)
        if name not in self._comparisons:
            listed = self.suites[case.suite].comparisons
            declared = next(c for c in listed if c.name == case.comparison)
            made, score = self._apply(declared), self.settings.metric
            # A user's data may have brought scores of their own.
            self._comparisons[name] = scored_comparison(made, score) if score else made
        return self._comparisons[name]

    def _apply(self, comparison: Comparison) -> Comparison:
        made = comparison.at(self.settings.budget)
        if self.settings.inference is not None:
            made = made.model_copy(update={"inference": self.settings.inference})
        return with_own_data(made, self.settings)

    def seeds(self, comparison: Comparison) -> range:
        """Return the seeds that are compared; of a sequence those it begins with, as few as can stop it."""
        settings = self.settings
        if settings.max_seeds is not None:
            count = min(settings.max_seeds, min_seeds_to_stop(comparison.family))
        elif settings.seeds is not None:
            count = settings.seeds
        else:
            count = comparison.budgets[settings.budget].seeds
        return range(self.first_seed, self.first_seed + count)

    def seeds_of(self, case: Case) -> range:
        """Return the seeds of a case: in a sequence a variant that is open has more than one that has stopped."""
        return self.arm(case).seeds.get(case.variant) or self.seeds(self.comparison(case))

    # Runs

    def runs(self, case: Case) -> list[Run]:
        """Return the runs of a case that count, one a seed; of trials that are not complete, `PENDING` ones."""
        if case.arm == "default":
            return self.untuned_runs(case)
        trials = self.trials(case)
        return pending(self.untuned_runs(case)) if trials is None else trials.winners

    def untuned_runs(self, case: Case) -> list[Run]:
        """Return the runs of a case as they stand before tuning, by the engine that was chosen."""
        arm = self.arm(case)
        if case.variant not in arm.runs:
            engine = self.engines.choice(case).engine
            arm.runs[case.variant] = [replace(run, engine=engine) for run in self.loop_runs(case)]
        return list(arm.runs[case.variant])

    def loop_runs(self, case: Case) -> list[Run]:
        """Return the runs of a case before tuning, by the loop: those from which an engine is chosen."""
        comparison, variant = self.comparison(case), self.arm(case).variant(case.variant)
        runs = [
            Run(
                task=variant.task,
                recipe=variant.recipe,
                seed=seed,
                data_digest=self._data_digest(variant.task),
                device=case.device,
                diagnostics=comparison.diagnostics,
                environment=self.environment,
                deterministic=self.settings.deterministic,
            )
            for seed in self.seeds_of(case)
        ]
        return runs + self.beside(comparison, case.arm, runs) if self.beside else runs

    def _data_digest(self, task: Task) -> str:
        if task not in self._digests:
            self._digests[task] = data_digest(task, dataset_of(task, 0))
        return self._digests[task]

    # The tuned arm

    def trials(self, case: Case) -> TrialResults | None:
        """Return what the store holds of a tuned case's trials, or None before its pilot is over."""
        arm = self.arm(case)
        if case.variant in arm.trials:
            return arm.trials[case.variant]
        plan = self.trial_plan(case)
        if plan is None:
            return None
        results = plan.results(self.store.get(run.key for run in plan.all))
        if results.complete:
            arm.trials[case.variant] = results
        return results

    def trial_plan(self, case: Case) -> TrialPlan | None:
        """Return the trials of a tuned case, in its frozen space, or None before its pilot is over."""
        arm = self.arm(case)
        if case.variant not in arm.plans:
            pilot = self.pilot(case)
            if pilot is None:
                return None
            arm.plans[case.variant] = self.trial_plan_in(case, pilot.spaces[case.variant])
        return arm.plans[case.variant]

    def trial_plan_in(
        self, case: Case, space: SearchSpace, seeds: Sequence[int] | None = None
    ) -> TrialPlan:
        """Return the trials of a tuned case in a space, on the seeds that count or on those of a pilot."""
        arm, untuned = self.arm(case), self.untuned_runs(case)
        runs = untuned if seeds is None else [replace(untuned[0], seed=seed) for seed in seeds]
        return TrialPlan(
            runs=tuple(runs),
            space=space,
            declared=arm.declared_spaces[case.variant],
            trials=arm.tuning.trials_of(case.variant, self.settings.budget, self.settings.trials),
            metric=arm.comparison.task.primary,
            shared=arm.tuning.shared and seeds is None,
        )

    def pilot(self, case: Case) -> Pilot | None:
        """Return the spaces that a tuned case's comparison ended with on its device, None before the pilot is over."""
        arm = self.arm(case)
        if not arm.tuning.widen:
            return Pilot(arm.declared_spaces)
        if arm.pilot is None:
            name = self._pilot_name(arm)
            again = self.settings.retrain and name not in self._pilots_now
            frozen = None if again else self.store.frozen(name)
            arm.pilot = None if frozen is None else Pilot.read(frozen)
        return arm.pilot

    def freeze(self, case: Case, pilot: Pilot) -> None:
        """Keep the spaces that a pilot ended with."""
        arm = self.arm(case)
        name = self._pilot_name(arm)
        self.store.freeze(name, pilot.to_plain())
        self._pilots_now.add(name)
        arm.pilot = pilot

    def _pilot_name(self, arm: ArmState) -> str:
        """Return digest of what a pilot depends on: the variants, the engine, and how they are tuned."""
        return digest(
            {
                "variants": {c.variant: self.untuned_runs(c)[0].kind_key for c in arm.cases},
                "spaces": arm.declared_spaces,
                "trials": [self.trial_plan_in(c, SearchSpace()).trials for c in arm.cases],
                "seeds": arm.tuning.pilot,
            }
        )

    # What the store holds

    def baseline(self, case: Case) -> Case:
        """Return the case that a case is compared with."""
        return self.arm(case).cases[0]

    def records(self, case: Case) -> list[RunResult]:
        """Return the records of a case's runs that the store holds."""
        return list(self.store.get(run.key for run in self.runs(case)).values())

    def tried(self, case: Case) -> list[RunResult]:
        """Return the records of a case's trials that the store holds."""
        trials = self.trials(case) if case.arm == "tuned" else None
        return trials.there if trials else []

    def results(self, cases: Iterable[Case]) -> list[Result]:
        """Return what the store holds of every comparison of the cases, on each of their devices, arm by arm.

        Nothing is written: that results were looked at is noted by `note_looks`.
        """
        arms = list({case.arm_key: self.arm(case) for case in cases}.values())
        places = list(dict.fromkeys((arm.suite.name, arm.comparison.name) for arm in arms))
        order = {place: i for i, place in enumerate(places)}
        arms.sort(
            key=lambda arm: (
                DEVICES.index(arm.device),
                order[arm.suite.name, arm.comparison.name],
                ARMS.index(arm.arm),
            )
        )
        return [self.result(arm) for arm in arms]

    def result(self, arm: ArmState, part: slice = slice(None)) -> Result:
        """Return what the store holds of one arm of a comparison on one device, over all its seeds or a part."""
        return collect(
            arm.suite,
            arm.comparison,
            budget=self.settings.budget,
            device=arm.device,
            runs={case.variant: self.runs(case)[part] for case in arm.cases},
            store=self.store,
            failures={c.variant: self.failures[c] for c in arm.cases if c in self.failures},
            skipped=self.environment.skip_reason(arm.device),
            searched={c.variant: t for c in arm.cases if (t := self.trials(c))}
            if arm.tuned
            else {},
            pilot=self.pilot(arm.cases[0]) if arm.tuned else None,
            arm=arm.arm,
            cap=self.settings.max_seeds,
        )
