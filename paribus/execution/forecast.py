"""Seconds that runs are forecast to take on this machine: those of the cost model, and of what surrounds the steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from paribus.engines.cohorts import cohort_key
from paribus.execution.arm_state import ArmState
from paribus.execution.cases import Case
from paribus.execution.cost_model import costs, predictable
from paribus.execution.machine_rates import lane_rates, machine_rates
from paribus.execution.study import Study
from paribus.runs.run import Run

# A run is drawn, split, scored, hashed and kept besides its steps: as long as the loop takes for so many operations.
AROUND_STEPS = 250


def forecast_seconds(run: Run, replicates: int) -> float | None:
    """Return the seconds that one process takes for so many replicates of a run by its engine.

    None where nothing is known of its network, or the machine's rates say nothing of it, as of what changes images.
    """
    facts = predictable(run)
    if facts is None or run.recipe.augment or not replicates:
        return None
    rates = machine_rates()
    seconds = costs(facts, run.recipe, replicates, rates, lane_rates).seconds
    training = seconds.get(run.engine, seconds["loop"])
    return training + replicates * AROUND_STEPS * rates.loop_operation


class ExpectedSeconds:
    """Seconds that runs of a study's cases are expected to take, by all its processes together.

    Args:
        study: whose engines were chosen.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self._together = Counter[str]()
        self._cohorts: dict[Case, str] = {}

    def note(self, runs: Mapping[Case, int]) -> None:
        """Note that so many runs of each case will be trained, those of one cohort at once."""
        for case, count in runs.items():
            if case.arm == "default" and count:
                self._together[self._cohort(case)] += count

    def seconds(self, case: Case, runs: int) -> float:
        """Return the seconds that so many runs of a case are expected to take.

        What the budget declares is a guess for another machine, and stands in where nothing is known of the network.
        """
        if not runs:
            return 0.0
        together = max(runs, self._together[self._cohort(case)] if case.arm == "default" else 0)
        known = forecast_seconds(self.study.untuned_runs(case)[0], together)
        if known is not None:
            return known * runs / together / self.study.jobs
        arm, budget = self.study.arm(case), self.study.settings.budget
        planned, variants = arm.comparison.budgets[budget], len(arm.variants)
        if not arm.tuned:
            return planned.seconds * runs / planned.seeds / variants
        seconds = arm.tuning.seconds.get(budget, planned.seconds)
        each = 1 + arm.tuning.trials_of(case.variant, budget)
        return seconds * runs / (planned.seeds * each * variants)

    def pilot_seconds(self, arm: ArmState) -> float:
        """Return the seconds that the first round of an arm's pilot is expected to take."""
        tuning, settings = arm.tuning, self.study.settings
        trials = (tuning.trials_of(c.variant, settings.budget, settings.trials) for c in arm.cases)
        return sum(map(self.seconds, arm.cases, (count * tuning.pilot for count in trials)))

    def _cohort(self, case: Case) -> str:
        if case not in self._cohorts:
            run = self.study.untuned_runs(case)[0]
            self._cohorts[case] = f"{run.engine}/{cohort_key(run)}"
        return self._cohorts[case]
