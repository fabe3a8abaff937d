"""Python in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any


def python(*words: str | Path, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Run this Python with these words, and return its status and all that it printed."""
    command = [sys.executable, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, **settings)


def printed(*words: str | Path, **settings: Any) -> str:
    """Return what this Python prints with these words; fail with its messages where it fails."""
    done = python(*words, **settings)
    assert done.returncode == 0, done.stderr
    return done.stdout
