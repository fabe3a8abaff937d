"""A plan: which runs the cells ask for, and what the store knows of them.

No run is trained here; to choose an engine a few steps are tried.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property

import torch

from paribus.analysis.claim_registry import ClaimRecord, entries
from paribus.analysis.results import Result, collect, kind_key
from paribus.engines.cohorts import cohort_key
from paribus.errors import ParibusError
from paribus.execution.cases import DEVICES, Case, skip_reason
from paribus.execution.engine_choice import EngineChoice, EngineQuery, common, resolve_each
from paribus.execution.executor import dataset_of
from paribus.execution.pool import available_jobs, one_thread
from paribus.execution.preflight import (
    first_trial,
    make_optimizer,
    misfit_error_context,
    refuse_undrawn,
    refuse_unsequential,
    try_once,
)
from paribus.execution.settings import Settings
from paribus.experiment.comparison import Comparison
from paribus.experiment.search_space import Space
from paribus.experiment.suite import Suite
from paribus.experiment.task import Task
from paribus.experiment.tuning import ARMS, Arm, Tuning
from paribus.experiment.variant import Variant
from paribus.runs.run import Run, RunResult, data_digest
from paribus.runs.store import Store
from paribus.runs.trials import Pilot, TrialPlan, TrialResults, pending
from paribus.spec import digest
from paribus.spec import replace as replaced
from paribus.stats import min_seeds_to_stop


class Plan:
    """What is to be known: the runs of every cell with the user's budget, data and seeds in them.

    Pages are made again from evidence with no more than this.

    Args:
        settings: what the user chose.

    Attributes:
        failures: why a cell's test failed.
        declared: the suites whose claims were asked for last.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = Store(settings.store)
        self.failures: dict[Case, str] = {}
        self.declared: list[Suite] = []
        self._prepared: dict[tuple[str, str], Comparison] = {}
        self._digests: dict[Task, str] = {}
        self._choices: dict[tuple[str, str, str, Arm], EngineChoice] = {}
        self._chosen_now: set[str] = set()
        self._cohorts_of: dict[tuple[str, str, str, Arm], dict[str, list[Run]]] = {}
        self._pilots: dict[str, Pilot] = {}
        self._searches: dict[str, TrialPlan] = {}
        self._complete: dict[str, TrialResults] = {}
        self._bases: dict[tuple[str, Sequence[int]], list[Run]] = {}
        self._tried: set[str] = set()
        self._lengths: dict[str, int] = {}

    @cached_property
    def jobs(self) -> int:
        """Processes that train side by side."""
        return self.settings.jobs or available_jobs()

    def prepare(self, cases: Sequence[Case]) -> None:
        """Read the data and try every network once, before any long work; refuse what cannot work.

        Raises:
            ParibusError: an option names an unknown task, data cannot be used, or a network does not fit.
        """
        self._refuse_unknown_tasks(cases)
        with one_thread():
            for suite, comparison in distinct_in(cases):
                prepared = self._apply(comparison)
                refuse_undrawn(prepared)
                if self.settings.sequential:
                    refuse_unsequential(prepared)
                self._prepared[suite.name, comparison.name] = prepared
                for variant in prepared.variants():
                    self._try(variant)
                    if any(c.arm == "tuned" and c.comparison == comparison for c in cases):
                        self._try(first_trial(variant, prepared))

    def _try(self, variant: Variant) -> None:
        """Try a variant once, of those that differ in their optimizer alone the first; each makes its optimizer."""
        recipe = variant.recipe.model_copy(update={"optimizer": None})
        name = digest((variant.task, recipe))
        if name not in self._tried:
            try_once(variant)
            self._tried.add(name)
        else:
            with misfit_error_context(variant, dataset_of(variant.task, 0)):
                make_optimizer(variant, [torch.zeros(1, requires_grad=True)])

    def _refuse_unknown_tasks(self, cases: Sequence[Case]) -> None:
        known = {case.comparison.task.name for case in cases}
        for option, given in (("data", self.settings.data), ("target", self.settings.targets)):
            for task in given.keys() - known:
                raise ParibusError(
                    f"task in --paribus-{option}",
                    got=repr(task),
                    expected=f"one of {', '.join(sorted(known))}",
                    fix="Name a task of a selected suite.",
                )

    def _apply(self, comparison: Comparison) -> Comparison:
        """The comparison with the user's budget and data in it."""
        made = comparison.at(self.settings.budget)
        if self.settings.inference is not None:
            made = made.model_copy(update={"inference": self.settings.inference})
        path = self.settings.data.get(made.task.name)
        if path is None:
            return made
        task = replaced(made.task, "path", str(path))
        task = replaced(task, "target", self.settings.targets.get(task.name))
        return made.model_copy(update={"task": task})

    def comparison(self, case: Case) -> Comparison:
        """The prepared comparison of a cell."""
        return self._prepared[case.suite.name, case.comparison.name]

    def seeds(self, comparison: Comparison) -> range:
        """The seeds that are compared; in a sequence those with which it begins, the fewest that can stop."""
        if self.settings.most is not None:
            return range(min(self.settings.most, min_seeds_to_stop(comparison.family)))
        chosen = self.settings.seeds
        return range(comparison.budgets[self.settings.budget].seeds if chosen is None else chosen)

    def seeds_of(self, case: Case) -> range:
        """The seeds of a cell: in a sequence a variant that is open has more than one that has stopped."""
        planned = self._lengths.get(case.address)
        return self.seeds(self.comparison(case)) if planned is None else range(planned)

    def runs(self, case: Case) -> list[Run]:
        """The runs of a cell that count, one a seed; of a search that is not over, `PENDING` ones."""
        if case.arm == "default":
            return self._base(case)
        found = self.searched(case)
        return pending(self._base(case)) if found is None else found.winners

    def _base(self, case: Case) -> list[Run]:
        """The runs of a cell as they stand before tuning; they are asked for often, and know their keys by then."""
        name = (case.address, self.seeds_of(case))
        if name not in self._bases:
            engine = self._choice(case).engine
            runs = self._by_loop(case, case.variant)
            self._bases[name] = [replace(run, engine=engine) for run in runs]
        return [*self._bases[name]]

    # The tuned arm

    def searched(self, case: Case) -> TrialResults | None:
        """What the store knows of a tuned cell's search, or None before its pilot is over."""
        if case.address in self._complete:
            return self._complete[case.address]
        search = self._search(case)
        if search is None:
            return None
        found = search.known(self.store.get(run.key for run in search.all))
        if found.complete:
            self._complete[case.address] = found
        return found

    def _search(self, case: Case) -> TrialPlan | None:
        """The search of a tuned cell, in its frozen space, or None before its pilot is over."""
        if case.address not in self._searches:
            pilot = self.pilot(case)
            if pilot is None:
                return None
            self._searches[case.address] = self._search_in(case, pilot.spaces[case.variant])
        return self._searches[case.address]

    def _search_in(self, case: Case, space: Space, seeds: Sequence[int] | None = None) -> TrialPlan:
        """The search of a tuned cell in a space, on the seeds that count or on those of a pilot."""
        tuning, base = tuning_of(case), self._base(case)
        runs = base if seeds is None else [replace(base[0], seed=seed) for seed in seeds]
        return TrialPlan(
            runs=tuple(runs),
            space=space,
            declared=self._declared(case)[case.variant],
            trials=tuning.trials_of(case.variant, self.settings.budget, self.settings.trials),
            metric=self.comparison(case).task.primary,
            shared=tuning.shared and seeds is None,
        )

    def _declared(self, case: Case) -> dict[str, Space]:
        """The declared space of each variant."""
        variants = case.comparison.variants()
        return {v.name: tuning_of(case).space_of(v.name, v.levels) for v in variants}

    def pilot(self, case: Case) -> Pilot | None:
        """The spaces that a tuned cell's comparison ended with on its device, or None before the pilot is over."""
        if not tuning_of(case).widen:
            return Pilot(self._declared(case))
        name = self._pilot_name(case)
        if name not in self._pilots:
            known = None if self.settings.retrain else self.store.frozen(name)
            if known is None:
                return None
            self._pilots[name] = Pilot.read(known)
        return self._pilots[name]

    def _pilot_name(self, case: Case) -> str:
        """What a pilot depends on: the variants, the engine, and how they are tuned."""
        mates = [case._replace(variant=v.name) for v in case.comparison.variants()]
        tuning = tuning_of(case)
        return digest(
            {
                "variants": {c.variant: kind_key(self._base(c)[0]) for c in mates},
                "spaces": self._declared(case),
                "trials": [self._search_in(c, Space()).trials for c in mates],
                "seeds": tuning.pilot,
            }
        )

    # Engines

    def _by_loop(self, case: Case, variant: str) -> list[Run]:
        """The runs of a variant of the cell's comparison, before an engine is chosen."""
        comparison = self.comparison(case)
        found = next(v for v in comparison.variants() if v.name == variant)
        return [
            Run(
                task=found.task,
                recipe=found.recipe,
                seed=seed,
                data_digest=self._digest(found.task),
                device=case.device,
                diagnostics=comparison.diagnostics,
            )
            for seed in self.seeds_of(case._replace(variant=variant))
        ]

    def _choice(self, case: Case) -> EngineChoice:
        """The engine of an arm on a device: one for all variants, so that it does not vary with the factor.

        It is as asked for, as chosen before, or as measured now.
        """
        place = self._place(case)
        if place not in self._choices:
            firsts = self._by_cohort(case)
            name = self._choice_name(firsts)
            if firsts and self._known_choice(name) is None:
                self.choose([case])
            known = self._known_choice(name) if firsts else None
            self._choices[place] = (
                EngineChoice(*known) if known else EngineChoice("loop", "asked for")
            )
        return self._choices[place]

    def choose(self, cases: Iterable[Case], advance: Callable[[], None] = lambda: None) -> None:
        """Choose the engines of all of these cells at once, side by side; ``advance`` is called after each question."""
        asked = self.unchosen(cases)
        questions = {cohort: q for each in asked.values() for cohort, q in each.items()}
        cohorts, found = list(questions), dict[str, EngineChoice]()
        for i, choice in resolve_each(list(questions.values()), self.jobs):
            found[cohorts[i]] = choice
            for name, each in asked.items():
                if cohorts[i] in each and each.keys() <= found.keys():
                    # In the order of the variants, in whichever order they were answered.
                    self.store.choose(name, *common([found[cohort] for cohort in each]))
                    self._chosen_now.add(name)
            advance()

    def unchosen(self, cases: Iterable[Case]) -> dict[str, dict[str, EngineQuery]]:
        """What is still to be asked: of each cohort of an arm, by the name under which the answer is kept."""
        asked = self.questions(cases)
        return {name: each for name, each in asked.items() if self._known_choice(name) is None}

    def _known_choice(self, name: str) -> tuple[str, str, int] | None:
        """What was chosen before; where all is trained afresh, in this session."""
        asked_again = self.settings.retrain and name not in self._chosen_now
        return None if asked_again else self.store.choice(name)

    def questions(self, cases: Iterable[Case]) -> dict[str, dict[str, EngineQuery]]:
        """What is asked of each cohort of an arm, by the name under which the answer for all of them is kept.

        Variants that differ in numbers of the optimizer are trained together, those of all of these cells; some share
        their runs.
        """
        places = {self._place(case): case for case in cases}
        many, firsts = Counter[str](), dict[str, dict[str, Run]]()
        for case in places.values():
            for cohort, runs in self._by_cohort(case).items():
                known = firsts.setdefault(cohort, {})
                new = {run.key: run for run in runs if run.key not in known}
                known |= new
                many[cohort] += len(new) * self._replicates(case)
        asked = {
            # What is tried says most at the numbers of the first, which is a baseline if any of them is.
            cohort: EngineQuery(self.settings.engine, run, -(-many[cohort] // self.jobs), beside)
            for cohort, (run, *beside) in ((c, [*known.values()]) for c, known in firsts.items())
        }
        arms = filter(None, map(self._by_cohort, places.values()))
        return {self._choice_name(arm): {cohort: asked[cohort] for cohort in arm} for arm in arms}

    def _choice_name(self, firsts: Iterable[str]) -> str:
        """Under what the answer for an arm with these cohorts is kept."""
        return f"{digest(sorted(firsts))}/{self.settings.engine}"

    def _by_cohort(self, case: Case) -> dict[str, list[Run]]:
        """The first run of each variant of an arm, by cohort; none where no engine is to be chosen."""
        place = self._place(case)
        if place not in self._cohorts_of:
            found: dict[str, list[Run]] = {}
            asked = self.settings.engine != "loop" and not skip_reason(case.device)
            for run in self._firsts(case) if asked else []:
                found.setdefault(cohort_key(run), []).append(run)
            self._cohorts_of[place] = found
        return self._cohorts_of[place]

    def _firsts(self, case: Case) -> list[Run]:
        """The first run of each variant, the first trial in the tuned arm."""
        comparison = self.comparison(case)
        firsts = [self._by_loop(case, v.name)[0] for v in comparison.variants()]
        if case.arm == "default":
            return firsts
        trials = (first_trial(v, comparison).recipe for v in comparison.variants())
        return [
            replace(run, recipe=recipe, trial=0, diagnostics=())
            for run, recipe in zip(firsts, trials, strict=True)
        ]

    def _replicates(self, case: Case) -> int:
        """Runs of a variant that can be trained at once."""
        seeds = len(self.seeds(self.comparison(case)))
        if case.arm == "default":
            return seeds
        tuning = tuning_of(case)
        trials = tuning.trials_of(case.variant, self.settings.budget, self.settings.trials)
        return trials * (1 if tuning.shared else seeds)

    @staticmethod
    def _place(case: Case) -> tuple[str, str, str, Arm]:
        """The names that all cells of an arm of a comparison on a device share."""
        return case.suite.name, case.comparison.name, case.device, case.arm

    def _digest(self, task: Task) -> str:
        if task not in self._digests:
            self._digests[task] = data_digest(task, dataset_of(task, 0))
        return self._digests[task]

    # What is known

    def baseline(self, case: Case) -> Case:
        """The cell that a cell is held against."""
        return case._replace(variant=case.comparison.variants()[0].name)

    def records(self, case: Case) -> list[RunResult]:
        """The records of a cell's runs that the store holds."""
        return list(self.store.get(run.key for run in self.runs(case)).values())

    def tried(self, case: Case) -> list[RunResult]:
        """The records of a cell's trials that the store holds."""
        found = self.searched(case) if case.arm == "tuned" else None
        return found.found if found else []

    def results(self, cases: Iterable[Case]) -> list[Result]:
        """What the store knows of every comparison of the cells, on each of their devices, arm by arm."""
        found = []
        for device in DEVICES:
            chosen = [case for case in cases if case.device == device]
            for suite, comparison in distinct_in(chosen):
                here = {c.arm for c in chosen if (c.suite, c.comparison) == (suite, comparison)}
                found += [
                    self.result(suite, comparison, device, arm) for arm in ARMS if arm in here
                ]
        return found

    def result(
        self, suite: Suite, comparison: Comparison, device: str, arm: Arm = "default"
    ) -> Result:
        """What the store knows of one arm of a comparison on one device."""
        whole = [Case(suite, comparison, v.name, device, arm) for v in comparison.variants()]
        tuned = arm == "tuned"
        return collect(
            suite,
            self.comparison(whole[0]),
            budget=self.settings.budget,
            device=device,
            runs={case.variant: self.runs(case) for case in whole},
            store=self.store,
            failures={c.variant: self.failures[c] for c in whole if c in self.failures},
            skipped=skip_reason(device),
            searched={c.variant: s for c in whole if (s := self.searched(c))} if tuned else {},
            pilot=self.pilot(whole[0]) if tuned else None,
            arm=arm,
            cap=self.settings.most,
        )

    def claims(
        self, declared: Sequence[Suite], results: Sequence[Result]
    ) -> tuple[ClaimRecord, ...]:
        """Every claim of the declared suites, answered by these results, or by those of earlier sessions."""
        self.declared = list(declared)
        return entries(declared, results, self.store)


def distinct_in(cases: Iterable[Case]) -> list[tuple[Suite, Comparison]]:
    """The comparisons that cells are of, each with its suite."""
    found = {(c.suite.name, c.comparison.name): (c.suite, c.comparison) for c in cases}
    return list(found.values())


def tuning_of(case: Case) -> Tuning:
    """How a tuned cell is tuned."""
    assert case.comparison.tuning is not None, "only what is tuned has a tuned arm"
    return case.comparison.tuning
