"""Tasks that the suites are run on, by what a user's own data would be: ``paribus.tasks.images``.

Data that scikit-learn ships, or that are generated, stand in for a user's own.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paribus.experiment.task import Task

# Modules of paribus.suites.tasks, which hold the tasks under their names in capitals.
_MODULES = {
    "autoencoding": "autoencoding",
    "denoising": "autoencoding",
    "diabetes": "tables",
    "image_and_table": "image_and_table",
    "images": "images",
    "iris": "tables",
    "multi_label_digits": "multi_label_digits",
    "random_walk": "random_walk",
    "series": "series",
    "synthetic_characters": "synthetic_characters",
    "tabular": "tabular",
    "wine": "tables",
}

__all__ = list(_MODULES)


def __getattr__(name: str) -> Task:
    if name not in _MODULES:
        raise AttributeError(f"paribus.tasks has no task {name!r}, only {', '.join(_MODULES)}")
    module = importlib.import_module(f"paribus.suites.tasks.{_MODULES[name]}")
    found: Task = getattr(module, name.upper())
    return found


def __dir__() -> list[str]:
    return sorted(_MODULES)
