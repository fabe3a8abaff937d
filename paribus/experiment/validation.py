"""Checks of a declared comparison, before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import ValidationError

from paribus.errors import ParibusError, none_of, one_of
from paribus.experiment.claim import Claim
from paribus.experiment.names import MAX_TITLE, refuse_file_name, refuse_lines, refuse_shown_name
from paribus.experiment.search_space import SearchSpace
from paribus.experiment.tuning import Tuning, applied
from paribus.experiment.variant import Variant, differences, variant_name, within
from paribus.seeding import Streams
from paribus.spec import canonical

if TYPE_CHECKING:
    from paribus.experiment.comparison import Comparison

NEVER_TUNED = ("recipe.steps", "recipe.time_limit", "recipe.salt", "recipe.dtype")
"""Paths that no search may vary: a budget of steps or seconds is given, and a salt is no setting of the training."""


def refuse_inconsistent(comparison: Comparison) -> None:
    """Refuse a comparison that could not be answered, or not fairly.

    Raises:
        ParibusError: names the comparison and the first mistake found.
    """
    _refuse_names(comparison)
    variants = comparison.variants()
    names = [variant.name for variant in variants]
    if comparison.baseline not in [variant.levels for variant in variants]:
        raise ParibusError(
            f"baseline of comparison {comparison.name!r}",
            got=repr(variant_name(comparison.baseline)),
            expected=f"one of {', '.join(names)}",
            fix="Name one level of each factor.",
        )
    for claim in comparison.claims:
        what = f"claim {claim.name} of comparison {comparison.name!r}"
        for name in (claim.variant, claim.reference):
            if name is not None:
                one_of(what, name, names, fix="Name a variant of this comparison.")
        _refuse_unanswerable(comparison, claim)
    _refuse_frontier(comparison)
    _refuse_uncrossed(comparison)
    _refuse_uncontrolled(comparison, variants)
    _refuse_twins(comparison.name, variants)
    if comparison.tuning is not None:
        _refuse_untunable(comparison, comparison.tuning, variants)


def _refuse_names(comparison: Comparison) -> None:
    refuse_file_name("a comparison", comparison.name)
    refuse_lines(f"question of comparison {comparison.name!r}", comparison.question)
    for factor in comparison.factors:
        for level in factor.levels:
            refuse_shown_name(f"a level of {factor.path}", level)
    for title in (*comparison.tables, *comparison.figures):
        refuse_shown_name(f"a table or figure of comparison {comparison.name!r}", title, MAX_TITLE)


def _refuse_unanswerable(comparison: Comparison, claim: Claim) -> None:
    """Refuse a claim that no run could answer, before any is made."""
    metrics = {m.name: m for m in (*comparison.task.metrics, comparison.primary)}
    metric = metrics.get(claim.metric or comparison.primary.name)
    steps = claim.metric == "steps_to_target"
    margin = claim.margin or (metric.margin if metric else None)
    mistakes = {
        "the tuned arm of a comparison that is not tuned": claim.arm == "tuned"
        and comparison.tuning is None,
        "the same variant on both sides": not claim.alone
        and claim.variant == (claim.reference or variant_name(comparison.baseline)),
        "steps_to_target in a comparison without a target": steps and comparison.target is None,
        f"steps_to_target and {claim.relation!r}": steps
        and claim.relation not in ("better", "worse"),
        f"the score {claim.metric!r} without a direction": not steps
        and metric is None
        and claim.higher_is_better is None
        and claim.relation in ("better", "better_by", "worse", "not_worse", "equivalent"),
        f"{claim.relation!r} without a margin": claim.relation
        in ("better_by", "not_worse", "equivalent")
        and margin is None,
        "tasks as units": claim.unit == "task",
    }
    none_of(
        mistakes,
        f"claim {claim.name} of comparison {comparison.name!r}",
        expected="two variants, a score with a direction, and a margin where one is needed",
        fix="Complete the claim; it is answered after training, when it is too late to correct it.",
    )


def _refuse_frontier(comparison: Comparison) -> None:
    """Refuse a trade-off between anything but two metrics of the task."""
    names = [metric.name for metric in comparison.task.metrics]
    chosen = set(comparison.frontier)
    if chosen and (len(chosen) != 2 or not chosen <= {*names}):
        raise ParibusError(
            f"frontier of comparison {comparison.name!r}",
            got=", ".join(comparison.frontier),
            expected=f"two of {', '.join(names)}",
            fix="Name two metrics of the task.",
        )


def _refuse_uncrossed(comparison: Comparison) -> None:
    """Refuse interactions of anything but a crossing of two."""
    count = len(comparison.factors)
    if comparison.interaction_scale is not None and count != 2:
        raise ParibusError(
            f"interaction scale of comparison {comparison.name!r}",
            got=f"{count} factor{'s' * (count > 1)}",
            expected="a crossing of two",
            fix="Leave it out, or cross two factors.",
        )


def _refuse_uncontrolled(comparison: Comparison, variants: Sequence[Variant]) -> None:
    """Refuse two variants that differ outside the factor's paths, or not at all."""
    baseline, *others = variants
    for variant in others:
        paths = differences(baseline, variant)
        stray = [p for p in paths if not any(within(p, path) for path in comparison.paths)]
        if stray or not paths:
            raise ParibusError(
                f"variant {variant.name!r} of comparison {comparison.name!r}",
                got=f"differences from the baseline at {', '.join(paths) or 'no path'}",
                expected=f"differences at {', '.join(comparison.paths)} and nowhere else",
                fix="Give every level a value of its own, and vary nothing else.",
            )


def _refuse_twins(comparison: str, variants: Sequence[Variant]) -> None:
    """Refuse two variants with the same settings, which would count one result twice."""
    first_with: dict[str, str] = {}
    for variant in variants:
        settings = canonical((variant.task, variant.recipe, variant.metric))
        twin = first_with.setdefault(settings, variant.name)
        if twin != variant.name:
            raise ParibusError(
                f"variant {variant.name!r} of comparison {comparison!r}",
                got=f"the settings of {twin!r}",
                expected="settings of its own",
                fix="Give every level a value of its own.",
            )


def _refuse_untunable(comparison: Comparison, tuning: Tuning, variants: Sequence[Variant]) -> None:
    """Refuse a tuned arm that could not be trained, or not fairly."""
    _refuse_spaces(tuning, comparison.name, variants)
    _refuse_trials(tuning, comparison.name, [v.name for v in variants], list(comparison.budgets))
    for path in tuning.paths:
        _refuse_path(path, comparison.name, comparison.paths)
    for variant in variants:
        _refuse_values(tuning.space_of(variant.name, variant.levels), comparison.name, variant)


def _refuse_spaces(tuning: Tuning, comparison: str, variants: Sequence[Variant]) -> None:
    if isinstance(tuning.spaces, SearchSpace):
        return
    names = {name for v in variants for name in (v.name, *v.levels)}
    bare = [v.name for v in variants if not {v.name, *v.levels} & tuning.spaces.keys()]
    unknown = sorted(tuning.spaces.keys() - names)
    if bare or unknown:
        raise ParibusError(
            f"spaces of comparison {comparison!r}",
            got=f"none for {', '.join(bare)}" if bare else f"one for {', '.join(unknown)}",
            expected="one for every variant, by its name or a level's, and for nothing else",
            fix="Give SearchSpace() to a variant that has nothing to tune.",
        )


def _refuse_trials(
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
    varied = [factor for factor in factors if within(factor, path)]
    never = [other for other in NEVER_TUNED if within(other, path)]
    if path.startswith("recipe.") and not varied and not never:
        return
    got = f"{path!r}, which is the factor" if varied else repr(path)
    raise ParibusError(
        f"tuned path of comparison {comparison!r}",
        got=got,
        expected=f"a path into the recipe, below or beside the factor, and none of {', '.join(NEVER_TUNED)}",
        fix="Tune what a variant leaves open.",
    )


def _refuse_values(space: SearchSpace, comparison: str, variant: Variant) -> None:
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
