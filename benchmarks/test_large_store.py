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
from benchmarks.large_store.measure import QUESTIONS, Cost, measured, small

RUNS = int(os.environ.get("PARIBUS_LARGE_STORE", "1000"))
SMALL = 500


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Provide a folder with a store of so many runs, and a small one beside it."""
    folder = Path(os.environ.get("PARIBUS_LARGE_STORE_FOLDER", tmp_path))
    if not settings_of(folder).store.exists():
        fill(folder, RUNS)
    if not small(folder).exists():
        fill(small(folder).parent, SMALL)
    return folder


@pytest.mark.benchmark(group="questions to a store of many runs: seconds of all")
def test_large_store(folder: Path, pytestconfig: pytest.Config, benchmark: Any) -> None:
    """Every question once, in a process of its own."""
    found = benchmark.pedantic(
        lambda: {name: measured(name, folder) for name in QUESTIONS}, rounds=1, iterations=1
    )
    out = Path(pytestconfig.getoption("--paribus-out"))
    out.mkdir(parents=True, exist_ok=True)
    (out / "large_store.md").write_text(table(found), encoding="utf-8")


def table(found: dict[str, Cost]) -> str:
    """Return the seconds and the memory of each question as a table."""
    head = f"| {RUNS} runs | wall s | CPU s | memory MB |\n|---|---|---|---|\n"
    return head + "".join(
        f"| {(QUESTIONS[name].__doc__ or name).rstrip('.')} | {wall:.2f} | {cpu:.2f} | {mb:.0f} |\n"
        for name, (wall, cpu, mb) in found.items()
    )
