"""What is asked of a store of many runs: seconds of each question; the table is results/latest/large_store.md.

``pytest benchmarks`` leaves this file out. A thousand runs take half a minute; PARIBUS_LARGE_STORE=1000000 takes 7 GB
and half an hour, and PARIBUS_LARGE_STORE_FOLDER names a folder that is kept and used again.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from benchmarks.large_store.fill import fill, settings_of
from benchmarks.large_store.measure import QUESTIONS, measured, small
from benchmarks.large_store.page import write_page

RUNS = int(os.environ.get("PARIBUS_LARGE_STORE", "1000"))
SMALL = 500


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Provide a folder with a store of so many runs, and a small one beside it."""
    folder = Path(os.environ.get("PARIBUS_LARGE_STORE_FOLDER", tmp_path))
    if not settings_of(folder).store.exists():
        fill(folder, RUNS)
    if not small(folder).exists():
        fill(small(folder).parent, SMALL, first=10**9)
    return folder


@pytest.mark.benchmark(group="questions to a store of many runs: seconds of all")
def test_large_store(folder: Path, pytestconfig: pytest.Config, benchmark: Any) -> None:
    """Every question once, in a process of its own."""
    found = benchmark.pedantic(
        lambda: {name: measured(name, folder) for name in QUESTIONS}, rounds=1, iterations=1
    )
    write_page(Path(pytestconfig.getoption("--paribus-out")), RUNS, found)
