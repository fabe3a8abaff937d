"""End of a command's process: its status, what it wrote and what was registered for the end are all there."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import atexit, sys, threading, types
sys.modules[LOADED] = types.ModuleType(LOADED)
from paribus.frontends.process_end import end_without_teardown

atexit.register(print, "registered")
THREAD
sys.stdout.write("written, ")
end_without_teardown(3)
print("left to Python")
sys.exit(4)
"""
WAITED = "threading.Thread(target=threading.Event().wait, args=(0.2,)).start()"
DAEMON = "threading.Thread(target=threading.Event().wait, daemon=True).start()"


@pytest.mark.parametrize(
    ("loaded", "thread", "output", "status"),
    [
        ("torch", "", "written, registered\n", 3),
        ("torch", DAEMON, "written, registered\n", 3),
        ("torch", WAITED, "written, left to Python\nregistered\n", 4),
        ("light", "", "written, left to Python\nregistered\n", 4),
    ],
    ids=["torch", "beside a daemon", "beside a thread", "without torch"],
)
def test_only_what_nobody_needs_is_left_out(
    loaded: str, thread: str, output: str, status: int
) -> None:
    script = SCRIPT.replace("LOADED", repr(loaded)).replace("THREAD", thread)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode, done.stderr) == (output, status, "")


def test_a_command_ends_with_its_status() -> None:
    command = [sys.executable, "-m", "paribus", "check", "nowhere.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
