"""Libraries of C++: built once, whoever asks for them at the same time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from paribus.engines import toolchain
from paribus.engines.toolchain import Library


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the sources that are built, into an empty cache."""
    sources = list[str]()

    def build(source: Path, into: Path, _flags: Sequence[str]) -> None:
        sources.append(source.read_text(encoding="utf-8"))
        time.sleep(0.1)  # in which another one would begin
        into.write_text("machine code", encoding="utf-8")

    monkeypatch.setenv("PARIBUS_CACHE", str(tmp_path))
    monkeypatch.setattr(toolchain, "_compiler", lambda: ["c++"])
    monkeypatch.setattr(toolchain, "_output", lambda _command: "1.0")
    monkeypatch.setattr(toolchain, "_build", build)
    return sources


def test_a_library_that_several_want_at_once_is_built_once(built: list[str]) -> None:
    both = Barrier(2)

    def wanted(_: int) -> Path:
        both.wait()
        return Library("twice", "source", ()).built(lambda: "source")

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(wanted, range(2))
    assert first == second
    assert first.read_text(encoding="utf-8") == "machine code"
    assert built == ["source"]


HOLDER = """
import fcntl, os, signal, sys
fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX)
os.kill(os.getpid(), signal.SIGSTOP)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks")
def test_a_builder_that_was_stopped_is_not_waited_for_forever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, built: list[str]
) -> None:
    """As by Ctrl-Z: it keeps its lock."""
    monkeypatch.setattr(toolchain, "WAIT", 0.2)
    with subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path]) as holder:
        try:
            os.waitpid(holder.pid, os.WUNTRACED)
            path = Library("stopped", "source", ()).built(lambda: "source")
        finally:
            holder.send_signal(signal.SIGKILL)
    assert path.read_text(encoding="utf-8") == "machine code"
    assert built == ["source"]
    assert [*tmp_path.iterdir()] == [path]
