"""The library of steps: without torch, one for each precision, and built beside whatever a command does."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from paribus.engines.simd import library
from paribus.engines.simd.arithmetic import EXPRESSIONS, FUSED
from paribus.engines.simd.library import interpreter
from paribus.engines.simd.operations import NUMBERS, OPERATIONS
from paribus.engines.toolchain import Library

SLEEPER = """#!/bin/sh
case "$*" in *--version*) echo "sleeper 1"; exit 0;; esac
echo $$ > {pid}
exec sleep 60
"""
START = """
import os, sys
from pathlib import Path
from paribus.engines.simd.library import build_ahead
thread = build_ahead()
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


@pytest.mark.skipif(sys.platform == "win32", reason="its compiler is a shell script")
@pytest.mark.parametrize(
    "end",
    [
        "",
        "from paribus.frontends.process_end import end_without_teardown\nimport torch\nend_without_teardown(0)",
    ],
)
def test_a_command_that_ends_first_ends_the_compiler_and_counts_no_failure(
    tmp_path: Path, end: str
) -> None:
    """It imports no torch for that, and leaves nothing unfinished behind."""
    pid, compiler, cache = tmp_path / "pid", tmp_path / "c++", tmp_path / "cache"
    compiler.write_text(SLEEPER.format(pid=pid), encoding="utf-8")
    compiler.chmod(0o755)
    started = time.monotonic()
    subprocess.run(
        [sys.executable, "-c", START.format(pid=str(pid), end=end)],
        env={"CXX": str(compiler), "PARIBUS_CACHE": str(cache), "PATH": "/usr/bin:/bin"},
        check=True,
    )
    assert time.monotonic() - started < 50
    assert not Path("/proc", pid.read_text(encoding="utf-8").strip()).exists()
    assert [*cache.iterdir()] == []
