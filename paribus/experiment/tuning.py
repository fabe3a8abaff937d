"""Tuned arm of a comparison, declared before anything runs: spaces, trials, and whether they may differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from paribus.errors import ParibusError
from paribus.experiment.recipe import Recipe
from paribus.experiment.search_space import SearchSpace
from paribus.spec import Frozen, lookup, replace

Arm = str
ARMS: tuple[Arm, ...] = ("default", "tuned")
ROUNDS = 2
# Far from the seeds that count, which start at 0: no seed of a pilot or a shared search scores a run. On a fixed data
# set their splits still overlap the test parts of the seeds that count, which the page of a shared search says.
PILOT_SEEDS = 1_000_000
SHARED_SEED = 2_000_000


class Tuning(Frozen):
    """Random search for every variant, with the same number of trials for each, the first at its stated settings.

    Args:
        spaces: one for all variants, or by the name of a variant or of a level.
        trials: by name of the budget, for every variant; a budget without trials runs the default arm alone. By name of
            the variant where they are unequal.
        seconds: estimated seconds of the tuned arm on two cores, by name of the budget.
        widen: whether a pilot on seeds of its own may widen a variant's space, at the ends that its winners crowd,
            before any run counts.
        shared: one search on a seed of its own, then paired runs of its winner, instead of a search a seed: cheaper,
            and its verdicts hold for these configurations alone. On a fixed data set without a declared test part its
            split overlaps the test parts of the seeds that count.
        unequal: whether variants may have different numbers of trials; every verdict then says so.
        pilot: seeds of the pilot.
    """

    spaces: SearchSpace | dict[str, SearchSpace]
    trials: dict[str, int | dict[str, int]]
    seconds: dict[str, float] = Field(default_factory=dict)
    widen: bool = True
    shared: bool = False
    unequal: bool = False
    pilot: int = Field(default=4, ge=1)

    def space_of(self, name: str, levels: Sequence[str]) -> SearchSpace:
        """Return a variant's declared space: under its name, under one of its levels, or the one of all."""
        if isinstance(self.spaces, SearchSpace):
            return self.spaces
        return next(self.spaces[key] for key in (name, *levels) if key in self.spaces)

    def trials_of(self, name: str, budget: str, asked: int | None = None) -> int:
        """Return the trials of a variant: as asked for, as declared where that is unequal."""
        declared = self.trials[budget]
        if isinstance(declared, dict):
            return declared[name]
        return declared if asked is None else asked

    def is_unequal(self, budget: str) -> bool:
        """Return whether variants have different numbers of trials."""
        declared = self.trials.get(budget)
        return isinstance(declared, dict) and len(set(declared.values())) > 1

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path that is tuned in some variant, the only ones at which runs may differ from their variant."""
        spaces = [self.spaces] if isinstance(self.spaces, SearchSpace) else [*self.spaces.values()]
        return tuple(dict.fromkeys(path for space in spaces for path in space.ranges))


def stated(recipe: Recipe, space: SearchSpace) -> dict[str, Any]:
    """Return what the recipe itself says at the paths of a space; a path at which it says nothing is left out."""
    found = {}
    for path in space.ranges:
        try:
            found[path] = lookup(recipe, path.removeprefix("recipe."))
        except ParibusError:  # an argument that is left to its default
            continue
    return found


def applied(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """Return the recipe with these values at their paths."""
    for path, value in values.items():
        recipe = replace(recipe, path.removeprefix("recipe."), value)
    return recipe
