"""Variants of a comparison, and the dotted paths at which two of them differ."""

from __future__ import annotations

from typing import Any, NamedTuple

from paribus.experiment.factor import ROOTS
from paribus.experiment.recipe import Recipe
from paribus.experiment.task import Metric, Task
from paribus.spec import Frozen


class Variant(Frozen):
    """The base with one level of each factor in its place."""

    name: str
    levels: tuple[str, ...]
    task: Task
    recipe: Recipe
    metric: Metric


def variant_name(levels: tuple[str, ...]) -> str:
    """The name that tables show for a combination of levels."""
    return " × ".join(levels)


class Sides(NamedTuple):
    """What stands at a path in the baseline and in the variant."""

    baseline: Any
    variant: Any


def differences(baseline: Variant, variant: Variant) -> dict[str, Sides]:
    """The dotted paths at which two variants differ: what a page states as having varied."""
    found: dict[str, Sides] = {}
    for root in ROOTS:
        changed = getattr(baseline, root).diff(getattr(variant, root))
        found |= {f"{root}.{_tidy(path)}": Sides(*sides) for path, sides in changed.items()}
    return found


def _tidy(path: str) -> str:
    """``model.kwargs.hidden`` as people write it: ``model.hidden``."""
    return path.replace(".kwargs.", ".").removeprefix("kwargs.")


def within(path: str, root: str) -> bool:
    """Whether a path is the root or lies below it."""
    return path == root or path.startswith(f"{root}.")
