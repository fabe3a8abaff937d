"""Comparison under other choices: the same question, with other values of what its variants hold equal."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from itertools import product
from typing import Any

from pydantic import ValidationError

from paribus.errors import ParibusError
from paribus.experiment.comparison import Budget, Comparison
from paribus.experiment.grid import MAX_SETTINGS, Grid, check_grid, multiple
from paribus.experiment.variant import Variant, within
from paribus.spec import Call, lookup, replace, to_plain

NEVER_CHOSEN = ("recipe.salt", "task.name", "task.path")


class ComparisonAt(Comparison):
    """Comparison whose variants all have these values at these paths.

    Args:
        choices: a value for each dotted path; a text such as ``x0.1`` multiplies what each variant declares.
    """

    choices: tuple[tuple[str, Any], ...] = ()

    def _variant(self, levels: tuple[str, ...]) -> Variant:
        variant = super()._variant(levels)
        for path, value in self.choices:
            variant = chosen(variant, path, value)
        return variant


def settings_of(
    comparison: Comparison, grid: Grid, budget: str, max_settings: int = MAX_SETTINGS
) -> list[ComparisonAt]:
    """Return the comparison under every combination of a grid's values, named by them.

    Args:
        comparison: as it is declared.
        grid: values by path.
        budget: at which values are multiplied, and seconds estimated.
        max_settings: how many combinations there may be.

    Raises:
        ParibusError: a path or a value cannot be used, or there are too many settings.
    """
    check_grid(grid, max_settings)
    at = comparison.at(budget)
    for path, values in grid.items():
        _refuse_factor(comparison, path)
        for value in values:
            for variant in at.variants():
                chosen(variant, path, value)
    fields = {name: getattr(comparison, name) for name in Comparison.model_fields}
    return [
        ComparisonAt(
            **{
                **fields,
                "name": f"{comparison.name} at {', '.join(label(p, v) for p, v in choices)}",
                "budgets": {budget: _scaled(at, budget, dict(choices))},
                "claims": (),
                "tuning": None,
            },
            choices=choices,
        )
        for values in product(*grid.values())
        for choices in [tuple(zip(grid, values, strict=True))]
    ]


def label(path: str, value: Any) -> str:
    """Return a choice as pages name it.

    >>> label("recipe.optimizer.lr", "x0.1"), label("recipe.steps", 250), label("recipe.model.hidden", [16, 8])
    ('lr x0.1', 'steps 250', 'hidden [16, 8]')
    """
    return f"{path.rpartition('.')[2]} {value}"


def _scaled(comparison: Comparison, budget: str, choices: Mapping[str, Any]) -> Budget:
    """Return the budget with seconds in proportion to its steps, on which forecasts rest."""
    declared, steps = comparison.budgets[budget], choices.get("recipe.steps", "x1")
    factor = multiple(steps)
    share = factor if factor is not None else steps / comparison.recipe.steps
    return declared.model_copy(update={"seconds": declared.seconds * share})


def _refuse_factor(comparison: Comparison, path: str) -> None:
    """Refuse a path that is the factor or holds it, and one that is no choice of a training."""
    factors = [factor for factor in comparison.paths if within(factor, path)]
    if not factors and path not in NEVER_CHOSEN:
        return
    what = f"which is the factor of comparison {comparison.name!r}" if factors else "no choice"
    raise ParibusError(
        f"--paribus-over {path}",
        got=f"the path {path!r}, {what}",
        expected="a choice that its variants hold equal, or one below the factor",
        fix="Name another path, such as recipe.steps, or one below the factor, such as recipe.optimizer.lr=x0.1,x1.",
    )


def chosen(variant: Variant, path: str, value: Any) -> Variant:
    """Return a variant with a value at a path, or with a multiple of what it has there.

    Raises:
        ParibusError: there is no such path, or the value is not of its kind.
    """
    declared = _declared(variant, path)
    new = _multiplied(declared, value, path, variant.name)
    _refuse_kind(declared, new, path, variant.name)
    try:
        made: Variant = replace(variant, path, to_plain(new))
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise _refusal(path, f"{new!r} ({reason})", f"a value like {declared!r}") from None
    return made


MISSING = object()


def _declared(variant: Variant, path: str) -> Any:
    """Return what a variant has at a path; `MISSING` where a callable takes such an argument and is given none."""
    parent, _, name = path.rpartition(".")
    what = f"--paribus-over {path}"
    try:
        holder = lookup(variant, parent)
        if not isinstance(holder, Call) or name in holder.kwargs:
            return lookup(holder, name)
    except ParibusError as error:
        raise ParibusError(
            what,
            got=f"{error.got}, of variant {variant.name!r}",
            expected=error.expected,
            fix="Name a field of the recipe or the task, or an argument of what it calls.",
        ) from None
    takes = inspect.signature(holder.resolve()).parameters.values()
    known = [p.name for p in takes if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if name in known or any(p.kind is p.VAR_KEYWORD for p in takes):
        return MISSING
    raise ParibusError(
        what,
        got=f"{name!r}, which {holder.label.partition('(')[0]} of variant {variant.name!r} does not take",
        expected=f"one of {', '.join(known)}",
        fix="Name an argument that every variant takes.",
    )


def _multiplied(declared: Any, value: Any, path: str, variant: str) -> Any:
    """Return the value, or the multiple of what is declared that it stands for; whole numbers stay whole."""
    factor = multiple(value)
    if factor is None:
        return value
    numbers = declared if isinstance(declared, list | tuple) else [declared]
    if not numbers or not all(_is_number(x) for x in numbers):
        got = "nothing declared" if declared is MISSING else f"{declared!r}"
        raise _refusal(
            path, f"{value} times {got} of variant {variant!r}", "a number, or a list of numbers"
        )
    made = [max(1, round(x * factor)) if isinstance(x, int) else x * factor for x in numbers]
    return made if isinstance(declared, list | tuple) else made[0]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _refuse_kind(declared: Any, value: Any, path: str, variant: str) -> None:
    """Refuse a value of another kind than the declared one; nothing is known of what was not declared."""
    if declared is MISSING or declared is None or value is None:
        return
    if _kind(declared) != _kind(value):
        raise _refusal(
            path,
            f"{value!r}, {_kind(value)}",
            f"{_kind(declared)}, as {declared!r} of variant {variant!r}",
        )


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if _is_number(value):
        return "a number"
    if isinstance(value, list | tuple):
        return "a list"
    return "text" if isinstance(value, str) else "several settings by name"


def _refusal(path: str, got: str, expected: str) -> ParibusError:
    return ParibusError(
        f"--paribus-over {path}",
        got=got,
        expected=expected,
        fix=f"Write values of that kind, such as {path}=VALUE,VALUE; a list stands in brackets.",
    )
