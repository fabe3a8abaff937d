"""The library of steps: without torch, one for each precision, and built beside whatever a command does."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from threading import Event

import pytest
import torch

from paribus.engines import toolchain
from paribus.engines.simd import library
from paribus.engines.simd.arithmetic import EXPRESSIONS, FUSED
from paribus.engines.simd.library import interpreter
from paribus.engines.simd.operations import NUMBERS, OPERATIONS
from paribus.engines.toolchain import Library, UnavailableError

# As a compiler does, it has the work done by another process.
SLEEPER = """#!/bin/sh
case "$*" in *--version*) echo "sleeper 1"; exit 0;; esac
sleep 60 &
echo $! > {pid}.new
mv {pid}.new {pid}
wait
"""
START = """
import os, sys
from pathlib import Path
from paribus.engines.simd.library import build_ahead
thread = build_ahead("float32")
while not Path({pid!r}).exists():
    thread.join(0.01)
assert "torch" not in sys.modules
{end}
"""


def test_operations_are_numbered_as_the_interpreter_numbers_their_expressions() -> None:
    assert len(OPERATIONS) == len(EXPRESSIONS)
    for number, name in enumerate(EXPRESSIONS):
        operation = FUSED if name == FUSED else getattr(torch.ops.prims, name).default
        assert NUMBERS[operation] == number


def test_each_precision_has_a_library_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def built(self: Library, source) -> Path:
        made.append(source())
        return self.path

    monkeypatch.setenv("PARIBUS_CACHE", str(tmp_path))
    monkeypatch.setattr(Library, "built", built)
    assert interpreter("float32") != interpreter("float64")
    assert [text.partition("\n")[0] for text in made] == [
        "#define NUMBER float",
        "#define NUMBER double",
    ]


def test_another_torch_has_another_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARIBUS_CACHE", str(tmp_path))
    monkeypatch.setattr(Library, "built", lambda self, _source: self.path)
    version = tmp_path / "version.py"
    monkeypatch.setattr(library, "_torch", lambda: tmp_path)
    paths = []
    for text in ("2.11", "2.15"):
        version.write_text(text, encoding="utf-8")
        paths.append(interpreter("float32"))
    assert len({*paths}) == 2


ENDS = {
    "at the end of its code": "",
    "without taking torch down": (
        "import torch\n"
        "from paribus.frontends.process_end import end_without_teardown\n"
        "end_without_teardown(0)"
    ),
    "by a request to stop": "from paribus.execution.stopping import end_at_once\nend_at_once(0)",
}


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks processes up in /proc")
@pytest.mark.parametrize("end", ENDS)
def test_a_command_that_ends_first_ends_the_compiler_and_counts_no_failure(
    tmp_path: Path, end: str
) -> None:
    """It imports no torch for that, and leaves nothing unfinished behind."""
    pid, compiler, cache = tmp_path / "pid", tmp_path / "c++", tmp_path / "cache"
    compiler.write_text(SLEEPER.format(pid=pid), encoding="utf-8")
    compiler.chmod(0o755)
    started = time.monotonic()
    subprocess.run(
        [sys.executable, "-c", START.format(pid=str(pid), end=ENDS[end])],
        env={"CXX": str(compiler), "PARIBUS_CACHE": str(cache), "PATH": "/usr/bin:/bin"},
        check=True,
    )
    assert time.monotonic() - started < 50
    assert not is_alive(pid.read_text(encoding="utf-8").strip())
    assert [*cache.iterdir()] == []


def is_alive(pid: str) -> bool:
    """Return whether a process is there, and more than the status of one that ended."""
    try:
        state = Path("/proc", pid, "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_nothing_is_built_or_waited_for_once_a_process_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is that counted: two failures would do without machine code for a day."""
    ending = Event()
    ending.set()
    monkeypatch.setenv("PARIBUS_CACHE", str(tmp_path))
    monkeypatch.setenv("CXX", "c++")
    monkeypatch.setattr(toolchain, "_ending", ending)
    monkeypatch.setattr(toolchain, "_compiler", lambda: ["c++"])
    with pytest.raises(UnavailableError, match="is not run, because this process ends"):
        toolchain._build(tmp_path / "source.cpp", tmp_path / "steps-0.so", ())
    with toolchain.alone_in(tmp_path), toolchain.alone_in(tmp_path):
        assert [*tmp_path.iterdir()] == []
