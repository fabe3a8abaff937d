"""Built-in suites: tables of comparisons, one module each."""

from __future__ import annotations

from importlib import import_module
from typing import Any

NAMES = (
    "classifier",
    "optimizers",
    "optimizer_claims",
    "learning_rate_sensitivity",
    "activations",
    "initialisation",
    "learning_rate_range",
    "vanishing_gradients",
    "metric_averaging",
    "recurrent",
    "time_series_leakage",
    "regularisation",
    "capacity",
    "overfit_regularize_tune",
    "sequences",
    "search",
    "autoencoders",
    "images",
    "augmentation",
    "multi_input",
    "multi_output",
    "optimizer_ranking",
    "search_space_effect",
    "transfer",
    "gan",
)
"""Modules of this package that define a ``SUITE`` of the same name, in the order of every page and list."""


def __getattr__(name: str) -> Any:
    """Return ``SUITES``, every built-in suite in the order of `NAMES`; importing them imports torch."""
    if name == "SUITES":
        return tuple(import_module(f"{__name__}.{suite}").SUITE for suite in NAMES)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
