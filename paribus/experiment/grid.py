"""Grid of choices: the values of each path, from Python or the command line. Nothing here imports torch."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from paribus.errors import ParibusError

Grid = Mapping[str, Sequence[Any]]
"""Values by dotted path; a text such as ``x0.1`` stands for a multiple of what each variant declares."""

MAX_SETTINGS = 100
ROOTS = ("recipe", "task")
MULTIPLE = re.compile(r"x(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?")
PATH = re.compile(r"(recipe|task)(\.\w+)+")


def parsed(texts: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """Return the grid that options ``PATH=VALUE,VALUE...`` give.

    Values are numbers, ``true``, ``false``, ``null``, lists in brackets, multiples such as ``x0.1``, or text.

    Raises:
        ParibusError: an option is no such text, or two are of one path.

    >>> parsed(["recipe.steps=250,1000", "recipe.model.hidden=[8],[16,8]", "recipe.optimizer.lr=x0.1,x1"])
    {'recipe.steps': (250, 1000), 'recipe.model.hidden': ([8], [16, 8]), 'recipe.optimizer.lr': ('x0.1', 'x1')}
    """
    grid: dict[str, tuple[Any, ...]] = {}
    for text in texts:
        path, sign, values = text.partition("=")
        if not (sign and path and values):
            raise ParibusError(
                "--paribus-over",
                got=repr(text),
                expected="PATH=VALUE,VALUE..., such as recipe.steps=250,1000",
                fix="Write it with no spaces round the equals sign and the commas.",
            )
        if path in grid:
            raise ParibusError(
                f"--paribus-over {path}",
                got="it twice",
                expected="all values of a path in one option",
                fix=f"Write --paribus-over {path}=VALUE,VALUE...",
            )
        grid[path] = tuple(map(_value, _apart(values)))
    return grid


def _apart(text: str) -> list[str]:
    """Return texts between commas, of which those within brackets part nothing."""
    parts, depth = [""], 0
    for sign in text:
        depth += (sign in "[{") - (sign in "]}")
        if sign == "," and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    return parts


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def check_grid(grid: Grid, max_settings: int = MAX_SETTINGS) -> None:
    """Refuse a grid that could be of no comparison: a path of nothing, one value, values twice, too many settings.

    Raises:
        ParibusError: names the path, or the number of settings.
    """
    for path, values in grid.items():
        if not PATH.fullmatch(path):
            raise ParibusError(
                "--paribus-over",
                got=repr(path),
                expected="a dotted path into recipe or task, such as recipe.steps",
                fix="paribus run writes every setting onto a page, with its path.",
            )
        texts = [json.dumps(value, sort_keys=True, default=str) for value in values]
        if len(values) < 2 or len(set(texts)) < len(texts) or "" in values:
            raise ParibusError(
                f"--paribus-over {path}",
                got=", ".join(map(str, values)) or "no values",
                expected="two or more values, each once",
                fix="A choice with one value is no choice: set it in the suite, or name others.",
            )
    count = prod(len(values) for values in grid.values())
    if count > max_settings:
        raise ParibusError(
            "number of settings",
            got=f"{' x '.join(str(len(values)) for values in grid.values())} = {count}"
            if len(grid) > 1
            else count,
            expected=f"at most {max_settings}",
            fix=f"Name fewer values, or allow them with --paribus-max-settings {count}.",
        )


def multiple(value: Any) -> float | None:
    """Return the factor that a text such as ``x0.1`` stands for, or None.

    >>> multiple("x0.1"), multiple("xavier"), multiple(3)
    (0.1, None, None)
    """
    if isinstance(value, str) and MULTIPLE.fullmatch(value):
        return float(value.removeprefix("x"))
    return None
