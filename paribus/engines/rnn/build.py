"""The file of the C++ kernel."""

from __future__ import annotations

from pathlib import Path

from paribus.engines.toolchain import Library

SOURCE = Path(__file__).with_name("kernel.cpp")
FLAGS = ("-std=c++17", "-O2", "-ffp-contract=fast", "-pthread")


def build(*flags: str) -> Path:
    """The file of the kernel, built unless it was before.

    Args:
        flags: of the compiler, besides `FLAGS`.

    Raises:
        UnavailableError: there is no compiler, it fails, or the cache cannot be written.
    """
    source = SOURCE.read_text(encoding="utf-8")
    return Library("recurrent", source, (*FLAGS, *flags)).built(lambda: source)
