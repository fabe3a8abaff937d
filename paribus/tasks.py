"""Tasks that the suites are run on, by what a user's own data would be: ``paribus.tasks.images``.

Data that scikit-learn ships, or that are generated, stand in for a user's own.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paribus.experiment.task import Task

_PLACES = {
    "autoencoding": "autoencoding:AUTOENCODING",
    "diabetes": "tables:DIABETES",
    "image_and_table": "image_and_table:IMAGE_AND_TABLE",
    "images": "images:IMAGES",
    "multi_label_digits": "multi_label_digits:MULTI_LABEL_DIGITS",
    "random_walk": "random_walk:RANDOM_WALK",
    "series": "series:SERIES",
    "synthetic_characters": "synthetic_characters:SYNTHETIC_CHARACTERS",
    "tabular": "tabular:TABULAR",
    "wine": "tables:WINE",
}

__all__ = list(_PLACES)


def __getattr__(name: str) -> Task:
    if name not in _PLACES:
        raise AttributeError(f"paribus.tasks has no task {name!r}, only {', '.join(_PLACES)}")
    module, _, task = _PLACES[name].partition(":")
    found: Task = getattr(importlib.import_module(f"paribus.suites.tasks.{module}"), task)
    return found


def __dir__() -> list[str]:
    return sorted(_PLACES)
