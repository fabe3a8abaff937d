"""Trials of a variant in the tuned arm: those of each seed, their results, and each seed's winner.

The search is nested in the seed: its trials share the seed's split, and its winner depends on no other seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import nan
from typing import Any

from paribus.experiment.search_space import Edge, SearchSpace, best_trial, edges
from paribus.experiment.task import Metric
from paribus.experiment.tuning import SHARED_SEED, applied, stated
from paribus.runs.run import Run, RunResult
from paribus.spec import to_plain

# The trial number of what stands for a winner that is not known yet; nothing is ever trained under it.
PENDING = -1


@dataclass(frozen=True)
class TrialPlan:
    """Trials of one variant.

    Args:
        runs: the variant's runs that count, one a seed, as they stand before tuning.
        space: what the trials are drawn from, widened if a pilot said so.
        declared: what was declared.
        trials: how many a seed.
        metric: chooses the winner, by its validation score.
        shared: one search for all seeds, on a seed of its own, whose split may overlap their test parts.
    """

    runs: tuple[Run, ...]
    space: SearchSpace
    declared: SearchSpace
    trials: int
    metric: Metric
    shared: bool = False

    @cached_property
    def seeds(self) -> tuple[Run, ...]:
        """Run for each seed that is searched."""
        return (replace(self.runs[0], seed=SHARED_SEED),) if self.shared else self.runs

    @cached_property
    def values(self) -> list[list[dict[str, Any]]]:
        """Settings of each trial, ``[seed][trial]``: the stated ones first, which no search may ignore, then draws."""
        return [
            [
                self.space.draw(run.streams, trial) if trial else stated(run.recipe, self.space)
                for trial in range(self.trials)
            ]
            for run in self.seeds
        ]

    @cached_property
    def each(self) -> list[list[Run]]:
        """Trials, ``[seed][trial]``; nothing is diagnosed in them."""
        return [
            [
                replace(run, recipe=applied(run.recipe, found), trial=trial, diagnostics=())
                for trial, found in enumerate(drawn)
            ]
            for run, drawn in zip(self.seeds, self.values, strict=True)
        ]

    @cached_property
    def all(self) -> list[Run]:
        """Trials of all seeds."""
        return [run for trials in self.each for run in trials]

    def results(self, records: Mapping[str, RunResult]) -> TrialResults:
        """Return what these records, by key, say of the trials."""
        return TrialResults(
            self, tuple(tuple(records.get(r.key) for r in runs) for runs in self.each)
        )


@dataclass(frozen=True)
class TrialResults:
    """Results of the trials of one variant.

    Attributes:
        records: of each trial, ``[seed][trial]``, None where it is not there.
    """

    search: TrialPlan
    records: tuple[tuple[RunResult | None, ...], ...]

    @cached_property
    def scores(self) -> list[list[float]]:
        """Validation score of each trial that is there, ``[seed][trial]``, NaN where it failed."""
        name = f"validation/{self.search.metric.name}"
        return [[r.scores.get(name, nan) for r in found if r] for found in self.records]

    @property
    def there(self) -> list[RunResult]:
        """Records that are there."""
        return [record for each in self.records for record in each if record is not None]

    @property
    def complete(self) -> bool:
        """True where every trial has its record."""
        return len(self.there) == len(self.search.all)

    @cached_property
    def best(self) -> list[int | None]:
        """Number of each seed's winning trial; None where trials are missing or all failed."""
        higher = self.search.metric.higher_is_better
        return [
            best_trial(scores, higher) if len(scores) == self.search.trials else None
            for scores in self.scores
        ]

    @property
    def unscored(self) -> list[int]:
        """Seeds on which no trial has a finite validation score though some ended well."""
        return [
            run.seed
            for run, best, found in zip(self.search.seeds, self.best, self.records, strict=True)
            if best is None and all(found) and any(r is not None and r.completed for r in found)
        ]

    @property
    def chosen(self) -> list[dict[str, Any]]:
        """Settings of the winners, of the seeds that have one."""
        pairs = zip(self.best, self.search.values, strict=True)
        return [values[k] for k, values in pairs if k is not None]

    @property
    def edges(self) -> list[Edge]:
        """Ends of the space that winners crowd, those that keep the stated settings among them."""
        return edges(self.search.space, self.chosen)

    @cached_property
    def winners(self) -> list[Run]:
        """Run that counts of each seed, its winner trained afresh; pending where its search is not over.

        Where all trials failed the first one's settings stand, and fail again or not.
        """
        made = []
        for i, run in enumerate(self.search.runs):
            at = 0 if self.search.shared else i
            over, best = len(self.scores[at]) == self.search.trials, self.best[at]
            values = self.search.values[at][best or 0]
            winner = replace(run, recipe=applied(run.recipe, values))
            made.append(winner if over else replace(run, trial=PENDING))
        return made

    @property
    def failures(self) -> int:
        """Trials that did not complete."""
        return sum(not record.completed for record in self.there)


@dataclass(frozen=True)
class Pilot:
    """Outcome of a pilot: the space of each variant, frozen before anything counts, and the number of rounds."""

    spaces: Mapping[str, SearchSpace]
    rounds: int = 0

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        spaces = {name: to_plain(space) for name, space in self.spaces.items()}
        return {"spaces": spaces, "rounds": self.rounds}

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> Pilot:
        """Return the pilot that plain data describe."""
        spaces = {
            name: SearchSpace.model_validate(space) for name, space in plain["spaces"].items()
        }
        return cls(spaces, plain["rounds"])


def pending(runs: Sequence[Run]) -> list[Run]:
    """Return what stands for the winners of trials that have not begun."""
    return [replace(run, trial=PENDING) for run in runs]
