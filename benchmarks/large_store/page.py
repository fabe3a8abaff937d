"""Table of what is asked of a large store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.large_store.measure import QUESTIONS, Cost


def write_page(out: Path, runs: int, found: Mapping[str, Cost]) -> None:
    """Write the table to large_store.md of a folder."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "large_store.md").write_text(table(runs, found), encoding="utf-8", newline="\n")


def table(runs: int, found: Mapping[str, Cost]) -> str:
    """Return seconds and memory of each question as a table."""
    head = f"| {runs} runs | wall s | CPU s | memory MB |\n|---|---|---|---|\n"
    return head + "".join(
        f"| {(QUESTIONS[name].__doc__ or name).rstrip('.')} | {wall:.2f} | {cpu:.2f} | {mb:.0f} |\n"
        for name, (wall, cpu, mb) in found.items()
    )
