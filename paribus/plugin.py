"""The pytest door: options, the session, one benchmark a cell, and the tables at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from paribus.errors import ParibusError

SESSION = pytest.StashKey["Door"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of ``pytest benchmarks``; each is prefixed."""
    group = parser.getgroup("paribus", "controlled comparisons of training choices")
    add = group.addoption
    add("--paribus-seeds", type=int, metavar="N", help="paired seeds a variant (default: the budget's, 10 for quick)")
    add("--paribus-budget", default="quick", metavar="quick|full", help="steps and seeds (default: quick)")
    add("--paribus-device", default="auto", metavar="auto|cpu|cuda", help="where to train (default: auto, what is there)")
    add("--paribus-data", action="append", default=[], metavar="TASK=PATH", help="your own data for a task, such as water=patients.csv")
    add("--paribus-target", action="append", default=[], metavar="TASK=COLUMN", help="the column to predict in that data (default: the last)")
    add("--paribus-out", type=Path, default=Path("results/latest"), metavar="DIR", help="folder for pages (default: results/latest)")
    add("--paribus-store", type=Path, metavar="PATH", help="file of runs (default: runs.sqlite in the folder for pages)")
    add("--paribus-fresh", action="store_true", help="train again what is in the store")
    add("--paribus-jobs", type=int, metavar="N", help="processes that train side by side (default: one a core)")


def pytest_configure(config: pytest.Config) -> None:
    """Check the options before anything is collected."""
    config.addinivalue_line("markers", "paribus: a cell of a comparison")
    with told_as_usage():
        config.stash[SESSION] = Door(config, settings_of(config))


def settings_of(config: pytest.Config) -> Any:
    """The settings that the options give.

    Raises:
        ParibusError: an option has a value that cannot be used.
    """
    from paribus.session import Settings, choice, pairs

    option = config.getoption
    out = option("--paribus-out")
    return Settings(
        seeds=option("--paribus-seeds"),
        budget=choice("--paribus-budget", option("--paribus-budget"), ("quick", "full")),
        device=choice("--paribus-device", option("--paribus-device"), ("auto", "cpu", "cuda")),
        data=pairs("--paribus-data", option("--paribus-data")),
        targets=pairs("--paribus-target", option("--paribus-target")),
        out=out,
        store=option("--paribus-store") or out / "runs.sqlite",
        fresh=option("--paribus-fresh"),
        jobs=option("--paribus-jobs"),
    )
