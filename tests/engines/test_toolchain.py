"""Libraries of C++: built once, whoever asks for them at the same time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from paribus.engines import toolchain
from paribus.engines.toolchain import Library


def test_a_library_that_several_want_at_once_is_built_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built, both = list[str](), Barrier(2)

    def build(source: Path, into: Path, _flags: Sequence[str]) -> None:
        built.append(source.read_text(encoding="utf-8"))
        time.sleep(0.1)  # in which the other one would begin
        into.write_text("machine code", encoding="utf-8")

    def wanted(_: int) -> Path:
        both.wait()
        return Library("twice", "source", ()).built(lambda: "source")

    monkeypatch.setenv("PARIBUS_CACHE", str(tmp_path))
    monkeypatch.setattr(toolchain, "_compiler", lambda: ["c++"])
    monkeypatch.setattr(toolchain, "_output", lambda _command: "1.0")
    monkeypatch.setattr(toolchain, "_build", build)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(wanted, range(2))
    assert first == second
    assert first.read_text(encoding="utf-8") == "machine code"
    assert built == ["source"]
