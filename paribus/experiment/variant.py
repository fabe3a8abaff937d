"""Variants of a comparison, and the dotted paths at which two of them differ."""

from __future__ import annotations

from typing import Any, NamedTuple

from paribus.experiment.factor import ROOTS
from paribus.experiment.recipe import Recipe
from paribus.experiment.task import Metric, Task
from paribus.spec import Frozen


class Variant(Frozen):
    """Base task, recipe and metric with one level of each factor in place."""

    name: str
    levels: tuple[str, ...]
    task: Task
    recipe: Recipe
    metric: Metric


def variant_name(levels: tuple[str, ...]) -> str:
    """Return the name that tables show for a combination of levels."""
    return " × ".join(levels)


class Sides(NamedTuple):
    """Values at a path in the baseline and in the variant."""

    baseline: Any
    variant: Any


def differences(baseline: Variant, variant: Variant) -> dict[str, Sides]:
    """Return the dotted paths at which two variants differ, as a page states them."""
    changed_paths: dict[str, Sides] = {}
    for root in ROOTS:
        changed = getattr(baseline, root).diff(getattr(variant, root))
        changed_paths |= {f"{root}.{_tidy(path)}": Sides(*sides) for path, sides in changed.items()}
    return changed_paths


def _tidy(path: str) -> str:
    """Shorten ``model.kwargs.hidden`` to ``model.hidden``."""
    return path.replace(".kwargs.", ".").removeprefix("kwargs.")


def within(path: str, root: str) -> bool:
    """Return whether a path is the root or lies below it."""
    return path == root or path.startswith(f"{root}.")
