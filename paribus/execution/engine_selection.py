"""Engines of a study's arms: asked for, chosen in an earlier session, or measured now by a few steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from paribus.engines.cohorts import cohort_key, parts
from paribus.engines.vmapped.fit import why_not
from paribus.execution.cases import Case
from paribus.execution.engine_choice import EngineChoice, EngineQuery, common, resolve_each
from paribus.execution.network_facts import network_facts
from paribus.execution.pool import one_thread
from paribus.runs.run import Run
from paribus.spec import digest

if TYPE_CHECKING:
    from paribus.execution.study import Study


class EngineSelection:
    """Chooses the engine of each arm of a study: one for all variants, so that it does not vary with the factor.

    Args:
        study: whose arms.

    Attributes:
        for_now: choices that the store does not keep, by name: of this session alone.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self.for_now: dict[str, EngineChoice] = {}
        self._chosen_now: set[str] = set()

    def choice(self, case: Case) -> EngineChoice:
        """Return the engine of a case's arm: as asked for, as chosen before, or as measured now."""
        arm = self.study.arm(case)
        if arm.engine is None:
            cohorts = self._cohorts(case)
            name = self._name(cohorts)
            if cohorts and self._stored(name) is None:
                self.choose([case])
            stored = self._stored(name) if cohorts else None
            arm.engine = stored or EngineChoice("loop", "asked for")
        return arm.engine

    def choose(self, cases: Iterable[Case], advance: Callable[[], None] = lambda: None) -> None:
        """Choose the engines of all of these cases at once, side by side; ``advance`` is called after each query."""
        open_names = self.unchosen(cases)
        queries = {cohort: q for each in open_names.values() for cohort, q in each.items()}
        cohorts, chosen = list(queries), dict[str, EngineChoice]()
        place = self.study.place
        for i, choice in resolve_each(list(queries.values()), place.jobs, place.cluster):
            chosen[cohorts[i]] = choice
            for name, each in open_names.items():
                if cohorts[i] in each and each.keys() <= chosen.keys():
                    # In the order of the variants, in whichever order they were answered.
                    self._keep(name, common([chosen[cohort] for cohort in each]))
            advance()

    def choose_unmeasured(self, cases: Iterable[Case]) -> None:
        """Choose the stacked engine for these cases, or the loop where a variant cannot be stacked; nothing is timed.

        What is timed takes seconds for each kind of training, of which a grid of choices has many.
        """
        if self.study.settings.engine != "stacked":
            return
        for case in {case.arm_key: case for case in cases}.values():
            cohorts = self._cohorts(case)
            name = self._name(cohorts)
            if not cohorts or self._stored(name) is not None:
                continue
            reasons = [_cannot_stack(runs[0]) for runs in cohorts.values()]
            reason = next(filter(None, reasons), "")
            chosen = EngineChoice("loop", reason) if reason else EngineChoice("stacked", ASKED)
            self._keep(name, chosen)

    def unchosen(self, cases: Iterable[Case]) -> dict[str, dict[str, EngineQuery]]:
        """Return the queries that are still open: of each cohort of an arm, by the name its answer is kept under."""
        queries = self.queries(cases)
        return {name: each for name, each in queries.items() if self._stored(name) is None}

    def queries(self, cases: Iterable[Case]) -> dict[str, dict[str, EngineQuery]]:
        """Return the query of each cohort of an arm, by the name under which the answer for all of them is kept.

        Variants that differ in numbers of the optimizer are trained together, those of all of these cases; some share
        their runs.
        """
        # The last case of each arm stands for it: how many trials it has is part of what is asked.
        by_arm = {case.arm_key: case for case in cases}
        replicates, firsts = Counter[str](), dict[str, dict[str, Run]]()
        for case in by_arm.values():
            for cohort, runs in self._cohorts(case).items():
                listed = firsts.setdefault(cohort, {})
                new = {run.key: run for run in runs if run.key not in listed}
                listed |= new
                replicates[cohort] += len(new) * self._replicates(case)
        arms = [*filter(None, map(self._cohorts, by_arm.values()))]
        together = self._together(arms, replicates)
        wanted = self.study.settings.engine
        queries = {
            # What is tried says most at the numbers of the first, which is a baseline if any of them is.
            cohort: EngineQuery(wanted, run, together[cohort], beside)
            for cohort, (run, *beside) in ((c, [*runs.values()]) for c, runs in firsts.items())
        }
        return {self._name(arm): {cohort: queries[cohort] for cohort in arm} for arm in arms}

    def _together(
        self, arms: Iterable[Mapping[str, Sequence[Run]]], replicates: Mapping[str, int]
    ) -> dict[str, int]:
        """Return how many replicates of each cohort are trained together in one process, in the first of its arms."""
        together: dict[str, int] = {}
        for arm in arms:
            cohorts = sorted(arm, key=replicates.__getitem__, reverse=True)
            ((run, *_), *_) = arm.values()
            jobs = self.study.place.of(run.device).jobs
            divided = parts([replicates[cohort] for cohort in cohorts], jobs)
            for cohort, count in zip(cohorts, divided, strict=True):
                together.setdefault(cohort, -(-replicates[cohort] // count))
        return together

    def _keep(self, name: str, choice: EngineChoice) -> None:
        """Keep a choice in the store, or for this session."""
        if choice.lasting:
            engine, reason, chunk_size, _ = choice
            self.study.store.choose(name, engine, reason, chunk_size)
        else:
            self.for_now[name] = choice
        self._chosen_now.add(name)

    def _stored(self, name: str) -> EngineChoice | None:
        """Return what was chosen before; where all is trained afresh, in this session."""
        if name in self.for_now:
            return self.for_now[name]
        again = self.study.settings.retrain and name not in self._chosen_now
        stored = None if again else self.study.store.choice(name)
        return EngineChoice(*stored) if stored else None

    def _name(self, cohorts: Iterable[str]) -> str:
        """Return the name under which the answer for an arm with these cohorts is kept."""
        return f"{digest(sorted(cohorts))}/{self.study.settings.engine}"

    def _cohorts(self, case: Case) -> dict[str, list[Run]]:
        """Return the first run of each variant of an arm, by cohort; none where no engine is to be chosen."""
        arm = self.study.arm(case)
        if arm.cohorts is None:
            asked = self.study.settings.engine != "loop" and not self.study.skip_reason(case)
            firsts = [self.study.loop_runs(c)[0] for c in arm.cases] if asked else []
            arm.cohorts = {}
            for run in arm.first_runs(firsts) if asked else []:
                arm.cohorts.setdefault(cohort_key(run), []).append(run)
        return arm.cohorts

    def _replicates(self, case: Case) -> int:
        """Return how many runs of a variant can be trained at once."""
        arm, settings = self.study.arm(case), self.study.settings
        seeds = len(self.study.seeds(arm.comparison))
        if not arm.tuned:
            return seeds
        trials = arm.tuning.trials_of(case.variant, settings.budget, settings.trials)
        return trials * (1 if arm.tuning.shared else seeds)


ASKED = "asked for"


def _cannot_stack(run: Run) -> str:
    """Return why a run cannot be stacked, or nothing."""
    if reason := why_not(run):
        return reason
    with one_thread():
        facts = network_facts(run)
    return facts if isinstance(facts, str) else ""
