"""Factors of a comparison: the paths that vary, and their named levels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator, model_validator

from paribus.errors import ParibusError
from paribus.spec import Frozen, replace, to_plain

ROOTS = ("task", "recipe", "metric")


class Factor(Frozen):
    """Dotted path into the task, the recipe or the metric that varies, and its named levels.

    Args:
        path: such as ``recipe.optimizer``, ``recipe.model.activation`` or ``task.split.imbalance``; ``recipe``,
            ``task`` or ``metric`` alone where levels change different things.
        levels: values at the path, by the name that tables show; below a root alone each level maps dotted paths
            to values, ``{"model.dropout": 0.5}``, and one that changes nothing is ``{}``.
    """

    path: str
    levels: dict[str, Any] = Field(min_length=2)

    def __init__(self, path: str, levels: Mapping[str, Any]) -> None:
        fields: dict[str, Any] = {"path": path, "levels": levels}
        super().__init__(**fields)

    @field_validator("levels")
    @classmethod
    def _plain_levels(cls, levels: dict[str, Any]) -> dict[str, Any]:
        return {name: to_plain(level) for name, level in levels.items()}

    @model_validator(mode="after")
    def _known_root(self) -> Factor:
        root, _, rest = self.path.partition(".")
        patches = not rest and all(isinstance(level, dict) for level in self.levels.values())
        if root not in ROOTS or not (rest or patches):
            raise ParibusError(
                "path of a factor",
                got=repr(self.path),
                expected="a dotted path into task, recipe or metric",
                fix="Name what varies, such as 'recipe.optimizer'.",
            )
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        """Dotted paths that its levels change."""
        if "." in self.path:
            return (self.path,)
        below = dict.fromkeys(path for level in self.levels.values() for path in level)
        return tuple(f"{self.path}.{path}" for path in below)

    def put(self, base: Any, level: str) -> Any:
        """Return the base with a level in its place."""
        value = self.levels[level]
        if "." in self.path:
            return replace(base, self.path, value)
        for path, new in value.items():
            base = replace(base, f"{self.path}.{path}", new)
        return base
