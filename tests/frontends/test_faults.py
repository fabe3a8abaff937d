"""Whole commands on machines that lack something, and beside each other."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from paribus.runs.store import Store
from tests.helpers.small_disk import mounted

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
LONG = """
from paribus import Budget, call
from tests.helpers.toys import comparison, suite

RATES = {f"{rate}": call("torch.optim:SGD", lr=rate) for rate in (0.1, 0.2)}
SUITE = suite(comparison(levels=RATES, budgets={"quick": Budget(2, 400, 4)}))
"""
SHORT = """
from tests.helpers.toys import suite

SUITE = suite()
"""


def _command(suite: Path, out: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "paribus", "run", suite, "--jobs", "2", "--out", out, *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _completed(command: subprocess.Popen[str]) -> str:
    output, errors = command.communicate(timeout=300)
    assert command.returncode == 0, errors
    assert "Traceback" not in output + errors
    return output


def test_a_machine_without_home_compiler_and_cache_trains_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(LONG)
    missing = {"HOME": "/proc/none", "XDG_CACHE_HOME": "", "PARIBUS_CACHE": "", "CXX": "/none/c++"}
    out = tmp_path / "out"
    told = _completed(_command(tmp_path / "own.py", out, "--engine", "stacked", **missing))
    assert told.splitlines()[-1] == f"pages: {out / 'README.md'}"
    with Store(out / "runs.sqlite") as store:
        assert len(store._rows("select key from runs")) == 4
    assert {path.name for path in tmp_path.iterdir()} == {"own.py", "out", "__pycache__"}


def test_two_commands_on_one_store_both_end_well(tmp_path: Path) -> None:
    """With the same numbers on the pages of both, whichever of them trained a run, or both at the same time."""
    (tmp_path / "own.py").write_text(SHORT)
    words = ("--engine", "loop", "--seeds", "6", "--store", str(tmp_path / "runs.sqlite"))
    both = [_command(tmp_path / "own.py", tmp_path / name, *words) for name in ("a", "b")]
    for command in both:
        _completed(command)
    with Store(tmp_path / "runs.sqlite") as store:
        assert len(store._rows("select key from runs")) == 12
        assert store._rows("pragma integrity_check") == [("ok",)]
    one, other = ([*map(_scores, _rows(tmp_path / name / "toys.csv"))] for name in ("a", "b"))
    assert one == other


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def _scores(row: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in row.items() if "seconds" not in name}


def test_a_folder_for_pages_that_is_read_only_is_refused_before_training(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(SHORT)
    with mounted(tmp_path / "closed", 160) as closed:
        subprocess.run(["mount", "-o", "remount,ro", closed], check=True)
        out = closed / "pages"
        command = _command(tmp_path / "own.py", out, "--store", str(tmp_path / "runs.sqlite"))
        output, errors = command.communicate(timeout=300)
    assert command.returncode == 2
    assert output == ""
    assert errors.splitlines()[-1] == (
        f"paribus: folder for pages: got {out}, where {closed} is no folder that can be written, expected a folder, or "
        "a path where one can be made. Name another with --out."
    )
    assert not (tmp_path / "runs.sqlite").exists()
