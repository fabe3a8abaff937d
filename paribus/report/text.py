"""Text that is safe on a page: no stray table bars, no folders of the machine that it was made on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from paribus.experiment.recipe import Pretrained
from paribus.spec import Call

_FOLDERS = re.compile(r"(?<![\w./~-])(?:~|[A-Za-z]:)?[\\/](?:[^\\/\s'\"|]+[\\/])+")

MANY = 4
START = set(Pretrained.model_fields)


def cell(text: object) -> str:
    r"""Text within a cell of a table.

    >>> print(cell("a|b"))
    a\|b
    """
    return " ".join(str(text).replace("|", "\\|").split())


def pathless(text: str) -> str:
    """Text on one line, each absolute path cut to its last name.

    >>> pathless("cannot read /home/me/data/patients.csv: empty")
    'cannot read patients.csv: empty'
    """
    return _FOLDERS.sub("", " ".join(text.split()))


def slug(title: str) -> str:
    """A title as part of a file's name.

    >>> slug("Confusion of classes")
    'confusion-of-classes'
    """
    return "-".join(re.findall(r"[a-z0-9]+", title.lower()))


def setting(value: object) -> str:
    """A setting's value as a page shows it.

    >>> setting(None), setting(True), setting({"target": "torch.nn:ReLU", "kwargs": {}}), setting(0.1)
    ('none', 'yes', 'ReLU()', '0.1')
    >>> setting([64] * 20 + [10]), setting([32, 32, 32])
    ('64 (20 times), 10', '32, 32, 32')
    """
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, dict) and value.keys() == {"target", "kwargs"}:
        return Call(target=value["target"], kwargs=value["kwargs"]).label
    if isinstance(value, dict):
        named = (f"{name}={setting(item)}" for name, item in value.items())
        return _start(value) if value.keys() == START else ", ".join(named) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(_together(map(setting, value))) or "none"
    return pathless(str(value)) or "none"


def _together(items: Iterable[str]) -> Iterator[str]:
    """Items in order, many equal ones in a row as one of them and how often it stands there."""
    for item, found in groupby(items):
        times = len(list(found))
        yield from [f"{item} ({times} times)"] if times >= MANY else [item] * times


def _start(value: dict[str, Any]) -> str:
    """Another training in a phrase: its network, steps and data, and what is taken over."""
    made, data = setting(value["recipe"]["model"]), setting(value["task"]["source"])
    steps = value["recipe"]["steps"]
    return f"{setting(value['take'])} of {made} after {steps} steps on {data}"
