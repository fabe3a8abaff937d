"""What is declared of a comparison's tuned arm before anything runs: spaces, trials, and whether they may differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import Field, ValidationError

from paribus.errors import ParibusError
from paribus.experiment.recipe import Recipe
from paribus.experiment.search_space import Space
from paribus.seeding import Streams
from paribus.spec import Frozen, replace

Arm = str
ARMS: tuple[Arm, ...] = ("default", "tuned")
# A budget of steps or seconds is not tuned but given, and a salt is no choice.
NEVER_TUNED = ("recipe.steps", "recipe.time_limit", "recipe.salt", "recipe.dtype")
ROUNDS = 2
# Far from the seeds that count, which start at 0: what a pilot or a shared search drew may not judge. On a fixed data
# set their splits still overlap the test parts of the seeds that count, which the page of a shared search says.
PILOT_SEEDS = 1_000_000
SHARED_SEED = 2_000_000


class Tuning(Frozen):
    """How every variant is tuned: random search, the same number of trials for each.

    Args:
        spaces: one for all variants, or by the name of a variant or of a level.
        trials: by name of the budget, for every variant; a budget without trials runs the default arm alone. By name of
            the variant where they are unequal.
        seconds: estimated seconds of the tuned arm on two cores, by name of the budget.
        widen: whether a pilot on seeds of its own may widen the spaces, for all variants alike, before anything counts.
        shared: one search on a seed of its own, then paired runs of its winner, instead of a search a seed: cheaper,
            and its verdicts speak of these configurations alone. On a fixed data set without a declared test part its
            split overlaps the test parts of the seeds that count.
        unequal: whether variants may have different numbers of trials, which every verdict then says.
        pilot: seeds of the pilot.
    """

    spaces: Space | dict[str, Space]
    trials: dict[str, int | dict[str, int]]
    seconds: dict[str, float] = Field(default_factory=dict)
    widen: bool = True
    shared: bool = False
    unequal: bool = False
    pilot: int = Field(default=4, ge=1)

    def space_of(self, name: str, levels: Sequence[str]) -> Space:
        """The declared space of a variant: under its name, under the name of one of its levels, or the one of all."""
        if isinstance(self.spaces, Space):
            return self.spaces
        return next(self.spaces[key] for key in (name, *levels) if key in self.spaces)

    def trials_of(self, name: str, budget: str, asked: int | None = None) -> int:
        """Trials of a variant: as asked for, as declared where that is unequal."""
        declared = self.trials[budget]
        if isinstance(declared, dict):
            return declared[name]
        return declared if asked is None else asked

    def is_unequal(self, budget: str) -> bool:
        """Whether variants have different numbers of trials."""
        declared = self.trials.get(budget)
        return isinstance(declared, dict) and len(set(declared.values())) > 1

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path that is tuned in some variant, the only ones at which runs may leave their variant."""
        spaces = [self.spaces] if isinstance(self.spaces, Space) else [*self.spaces.values()]
        return tuple(dict.fromkeys(path for space in spaces for path in space.ranges))


class Tuned(NamedTuple):
    """What a check needs to know of a variant."""

    name: str
    levels: tuple[str, ...]
    recipe: Recipe


def applied(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """The recipe with these values at their paths."""
    for path, value in values.items():
        recipe = replace(recipe, path.removeprefix("recipe."), value)
    return recipe


def refuse_untunable(
    tuning: Tuning,
    comparison: str,
    variants: Sequence[Tuned],
    factors: Sequence[str],
    budgets: Sequence[str],
) -> None:
    """Refuse a tuned arm that could not be trained, or not fairly.

    Raises:
        ParibusError: names the comparison and what is wrong.
    """
    _refuse_names(tuning, comparison, variants)
    _refuse_budgets(tuning, comparison, [v.name for v in variants], budgets)
    for path in tuning.paths:
        _refuse_path(path, comparison, factors)
    for variant in variants:
        _refuse_values(tuning.space_of(variant.name, variant.levels), comparison, variant)


def _refuse_names(tuning: Tuning, comparison: str, variants: Sequence[Tuned]) -> None:
    if isinstance(tuning.spaces, Space):
        return
    known = {name for v in variants for name in (v.name, *v.levels)}
    bare = [v.name for v in variants if not {v.name, *v.levels} & tuning.spaces.keys()]
    unknown = sorted(tuning.spaces.keys() - known)
    if bare or unknown:
        raise ParibusError(
            f"spaces of comparison {comparison!r}",
            got=f"none for {', '.join(bare)}" if bare else f"one for {', '.join(unknown)}",
            expected="one for every variant, by its name or a level's, and for nothing else",
            fix="Give Space() to a variant that has nothing to tune.",
        )


def _refuse_budgets(
    tuning: Tuning, comparison: str, names: Sequence[str], budgets: Sequence[str]
) -> None:
    for budget, trials in tuning.trials.items():
        each = trials if isinstance(trials, dict) else dict.fromkeys(names, trials)
        if budget not in budgets:
            raise ParibusError(
                f"trials of comparison {comparison!r}",
                got=f"budget {budget!r}",
                expected=f"one of {', '.join(budgets)}",
                fix="Name a budget of the comparison.",
            )
        if each.keys() != set(names) or min(each.values()) < 1:
            raise ParibusError(
                f"trials of comparison {comparison!r} at {budget!r}",
                got=str(trials),
                expected=f"at least 1 for each of {', '.join(names)}",
                fix="Give one number for all, or one for each.",
            )
        if tuning.is_unequal(budget) and not tuning.unequal:
            raise ParibusError(
                f"trials of comparison {comparison!r} at {budget!r}",
                got=", ".join(f"{n} for {name}" for name, n in each.items()),
                expected="the same number for every variant",
                fix="Whoever tries more looks better. Give one number, or ask for it with "
                "unequal=True: every verdict then says so.",
            )


def _refuse_path(path: str, comparison: str, factors: Sequence[str]) -> None:
    taken = [factor for factor in factors if _within(factor, path)]
    never = [other for other in NEVER_TUNED if _within(other, path)]
    if path.startswith("recipe.") and not taken and not never:
        return
    got = f"{path!r}, which is the factor" if taken else repr(path)
    raise ParibusError(
        f"tuned path of comparison {comparison!r}",
        got=got,
        expected=f"a path into the recipe, below or beside the factor, and none of {', '.join(NEVER_TUNED)}",
        fix="Tune what a variant leaves open.",
    )


def _within(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}.")


def _refuse_values(space: Space, comparison: str, variant: Tuned) -> None:
    values = space.draw(Streams(0), 0)
    try:
        applied(variant.recipe, values)
    except (ParibusError, ValidationError) as error:
        first = str(error).splitlines()[-1].strip() if isinstance(error, ValidationError) else error
        raise ParibusError(
            f"space of variant {variant.name!r} of comparison {comparison!r}",
            got=f"{', '.join(f'{p} = {v}' for p, v in values.items())} ({first})",
            expected="values that its recipe takes",
            fix="Check the path and the range.",
        ) from error
