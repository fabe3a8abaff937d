"""Build the C++ kernel by the system's compiler when it is first used, and keep it for the next time."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from paribus.cache import cache_folder, processor

SOURCE = Path(__file__).with_name("kernel.cpp")
FLAGS = ("-std=c++17", "-O2", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC", "-pthread")
COMPILERS = ("c++", "g++", "clang++")
PATIENCE = 120  # seconds for a build that takes about two


class UnavailableError(Exception):
    """There is no kernel, and why."""


def build(*flags: str) -> Path:
    """The file of the kernel, built unless it was before.

    Its name tells source, compiler, flags and processor, so that what was built for another is never loaded. It is
    written under another name first: whoever sees it sees all of it, and of two who build at once the last one wins.

    Args:
        flags: of the compiler, besides `FLAGS`.

    Raises:
        UnavailableError: there is no compiler, it fails, or the cache cannot be written.
    """
    compiler = _compiler()
    version = _output([*compiler, "--version"])
    source = SOURCE.read_text(encoding="utf-8")
    known = "\0".join([source, *compiler, version, *FLAGS, *flags, processor()])
    try:
        folder = cache_folder()
        path = folder / f"recurrent-{hashlib.sha256(known.encode()).hexdigest()[:20]}.so"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.TemporaryDirectory(dir=folder) as room:
                built = Path(room) / path.name
                _output([*compiler, *FLAGS, *flags, str(SOURCE), "-o", str(built)])
                built.replace(path)
    except OSError as error:
        raise UnavailableError(f"the kernel cannot be kept: {error}") from error
    return path


def _compiler() -> list[str]:
    """The command of a C++ compiler: ``CXX``, or the first that there is."""
    chosen = shlex.split(os.environ.get("CXX", ""))
    for name in chosen[:1] or COMPILERS:
        if path := shutil.which(name):
            return [path, *chosen[1:]]
    named = f"CXX={chosen[0]}" if chosen else f"any of {', '.join(COMPILERS)}"
    raise UnavailableError(f"there is no C++ compiler: {named} was not found")


def _output(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - the user's own compiler on this package's source
            command, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"{command[0]} cannot be run: {error}") from error
    if done.returncode:
        said = " ".join(done.stderr.split())[:500]
        raise UnavailableError(f"{command[0]} ended with status {done.returncode}: {said}")
    return done.stdout
