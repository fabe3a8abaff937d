"""State of one arm of a comparison on one device, as a study comes to know it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from paribus.execution.cases import Case
from paribus.execution.engine_choice import EngineChoice
from paribus.execution.preflight import first_trial
from paribus.experiment.comparison import Comparison
from paribus.experiment.search_space import SearchSpace
from paribus.experiment.suite import Suite
from paribus.experiment.tuning import Arm, Tuning
from paribus.experiment.variant import Variant
from paribus.runs.run import Run
from paribus.runs.trials import Pilot, TrialPlan, TrialResults


@dataclass
class ArmState:
    """One arm of a comparison on one device.

    Attributes:
        suite: that the comparison is of.
        comparison: with the user's budget and data in it.
        engine: that trains all its variants, once it is chosen.
        pilot: the spaces that are searched, once they are frozen.
        cohorts: the first run of each variant by cohort, once an engine was asked for.
        seeds: of each variant that has another number of them than the comparison.
        runs: of each variant, one a seed, as they stand before tuning.
        plans: the trials of each variant.
        trials: the results of the trials of each variant whose trials are complete.
    """

    suite: Suite
    comparison: Comparison
    device: str
    arm: Arm
    engine: EngineChoice | None = None
    pilot: Pilot | None = None
    cohorts: dict[str, list[Run]] | None = None
    seeds: dict[str, range] = field(default_factory=dict)
    runs: dict[str, list[Run]] = field(default_factory=dict)
    plans: dict[str, TrialPlan] = field(default_factory=dict)
    trials: dict[str, TrialResults] = field(default_factory=dict)

    @cached_property
    def variants(self) -> list[Variant]:
        """Variants of the comparison, the baseline first."""
        return list(self.comparison.variants())

    @property
    def cases(self) -> list[Case]:
        """Case for each variant, the baseline first."""
        names = (self.suite.name, self.comparison.name, self.device, self.arm)
        return [Case(*names, variant.name) for variant in self.variants]

    @property
    def tuned(self) -> bool:
        """True where each run is the winner of a search."""
        return self.arm == "tuned"

    @property
    def tuning(self) -> Tuning:
        """Declaration of how the variants are tuned."""
        assert self.comparison.tuning is not None, "only what is tuned has a tuned arm"
        return self.comparison.tuning

    @property
    def declared_spaces(self) -> dict[str, SearchSpace]:
        """Declared space of each variant."""
        return {v.name: self.tuning.space_of(v.name, v.levels) for v in self.variants}

    def variant(self, name: str) -> Variant:
        """Return the variant of a name."""
        return next(v for v in self.variants if v.name == name)

    def extend(self, variant: str, seeds: range) -> None:
        """Give a variant more seeds; what was worked out with fewer is dropped."""
        self.seeds[variant] = seeds
        for cache in (self.runs, self.plans, self.trials):
            cache.pop(variant, None)

    def first_runs(self, by_variant: Sequence[Run]) -> list[Run]:
        """Return the first run of each variant, in the tuned arm as its first trial, from untuned ones."""
        if not self.tuned:
            return list(by_variant)
        recipes = (first_trial(v, self.comparison).recipe for v in self.variants)
        return [
            replace(run, recipe=recipe, trial=0, diagnostics=())
            for run, recipe in zip(by_variant, recipes, strict=True)
        ]
