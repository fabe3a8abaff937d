"""Where something was measured: machine, versions and threads, for the page."""

from __future__ import annotations

import datetime
import platform
from importlib import import_module
from pathlib import Path

import torch

from benchmarks.engines.clock import THREADS
from benchmarks.engines.rows import PEERS, available
from paribus.execution.pool import available_jobs


def where() -> dict[str, str]:
    """Date, versions and machine."""
    peers = [
        import_module(module).about() for name, (_, module, _) in PEERS.items() if available(name)
    ]
    now = datetime.datetime.now(datetime.UTC)
    return {
        "date": f"{now:%Y-%m-%d}",
        "torch": torch.__version__,
        "peers": "; ".join(peers),
        "machine": (
            f"{processor()}, {available_jobs()} cores, {platform.system()}, Python {platform.python_version()}, torch "
            f"{torch.__version__}; torch's default is {THREADS} threads; our engines use one thread a process."
        ),
    }


def when(found: dict[str, str]) -> str:
    """A sentence on when, and with what, something was measured."""
    return f"Measured {found['date']} with torch {found['torch']}; {found['peers'] or 'no peers'}."


def processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
