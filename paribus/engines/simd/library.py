"""The library that runs programs of steps: built once for a machine, a version of torch and a precision.

This module does without torch: the compiler works while a command still imports it.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

from paribus.engines.simd.arithmetic import CASES
from paribus.engines.toolchain import Library, UnavailableError, build_beside

INTERPRETER = Path(__file__).with_name("interpreter.hpp")
PRECISIONS = {"float32": "float", "float64": "double"}
"""Types of C++ by those of numbers; a library for both would take half as long again to build."""


def interpreter(precision: str) -> Path:
    """Return the library that runs programs of steps.

    Args:
        precision: of the numbers, ``float32`` or ``float64``.

    Raises:
        UnavailableError: there is no compiler, it fails, or the cache cannot be written.
    """
    root = _torch()
    flags = (
        *("-std=c++20", "-O3", "-fno-math-errno", "-fno-trapping-math"),
        *(f"-I{root / 'include'}", f"-L{root / 'lib'}", "-ltorch_cpu", "-lc10"),
    )
    defined = f"#define NUMBER {PRECISIONS[precision]}\n#define CASES {CASES}\n"
    source = defined + INTERPRETER.read_text(encoding="utf-8")
    made_from = repr((source, (root / "version.py").read_text(encoding="utf-8")))
    return Library("steps", made_from, flags).built(lambda: source)


def _torch() -> Path:
    """Return the folder of torch, which need not be imported yet."""
    found = find_spec("torch")
    if found is None or found.origin is None:
        raise UnavailableError("torch is not there")
    return Path(found.origin).parent


@cache
def build_ahead(precision: str) -> Thread:
    """Have a library built beside whatever this process does next; who asks for it waits for the rest alone.

    The compiler takes seconds of another core. Why there is no library is told to whoever asks for it.

    Args:
        precision: of its numbers.
    """

    def build() -> None:
        with suppress(UnavailableError, OSError):
            interpreter(precision)

    return build_beside(build)
