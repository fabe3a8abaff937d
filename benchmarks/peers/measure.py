"""Seconds from a command to its table, each contender in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean, median
from typing import Any, NamedTuple

from benchmarks.engines.measure import textbook_step, where
from paribus.analysis.result_set import read_set

ROOT = Path(__file__).parents[2]
PARIBUS = "paribus"
ROUNDS = 3
PACKAGE = "benchmarks.peers."


class Peer(NamedTuple):
    """Way to make the comparison.

    Attributes:
        module: of this package, or nothing for paribus itself.
        needs: distributions that it imports; the first one is named on the page.
        how: what is done, in a phrase.
    """

    module: str
    needs: tuple[str, ...]
    how: str


PEERS = {
    PARIBUS: Peer("", ("paribus",), "`paribus run optimizers --arm default`"),
    "textbook": Peer("textbook", ("torch",), "a loop as in torch's tutorials"),
    "skorch": Peer("by_skorch", ("skorch",), "`NeuralNet`, no callbacks"),
    "Lightning": Peer("by_lightning", ("lightning",), "`Trainer(barebones=True)`"),
    "JAX": Peer("by_jax", ("jax", "optax"), "`jit` of `vmap` of `scan`, with optax"),
    "ictonyx": Peer("by_ictonyx", ("ictonyx",), "`compare_models`, statistics its own"),
}


def missing(peer: Peer) -> str:
    """Return which library is not installed, or nothing."""
    return next((f"{name} is not installed" for name in peer.needs if not find_spec(name)), "")


def measure_peer(name: str) -> dict[str, Any]:
    """Make the comparison from a cold start: with empty caches, and again with what the first time left there.

    Paribus, whose cold starts differ most, is measured several times. The other ones take minutes and are measured
    once; none but JAX keeps anything.

    Returns:
        ``cold`` and ``warm``, seconds until the table is there, ``end``, those until the process has ended after a cold
        start, ``means`` of the test log-loss by optimizer, and where it was measured.
    """
    peer, place = PEERS[name], where()
    rounds = ROUNDS if name == PARIBUS else 1
    cold, warm = list[Once](), list[Once]()
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            cold.append(run_once(peer, Path(folder), "first"))
            if name in (PARIBUS, "JAX"):
                warm.append(run_once(peer, Path(folder), "second"))
    return {
        "cold": median(once.table for once in cold),
        "warm": median(once.table for once in warm or cold),
        "end": median(once.end for once in cold),
        "rounds": rounds,
        "means": cold[-1].means,
        "version": version(peer.needs[0]),
        "step": textbook_step(),
        "where": place,
    }


class Once(NamedTuple):
    """One time that the comparison was made.

    Attributes:
        table: seconds until the table was there.
        end: seconds until the process had ended, pages and figures included.
        means: of the test log-loss by optimizer.
    """

    table: float
    end: float
    means: dict[str, float]


def run_once(peer: Peer, folder: Path, name: str) -> Once:
    """Make the comparison once, in a process of its own.

    Args:
        peer: who makes it.
        folder: keeps caches from one time to the next.
        name: of this time; stores and pages of one's own lie below it.
    """
    out = folder / name
    if peer.module:
        command = ["-m", f"{PACKAGE}{peer.module}"]
    else:
        command = ["-m", "paribus", "run", "optimizers", "--arm", "default", "--device", "cpu"]
        command += ["--out", str(out)]
    kept = {
        "PYTHONUNBUFFERED": "1",
        "PARIBUS_CACHE": str(folder / "paribus"),
        "JAX_COMPILATION_CACHE_DIR": str(folder / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    # A start that compiles every library's Python again is nobody's.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    table, line, started = 0.0, "", time.perf_counter()
    with subprocess.Popen(  # noqa: S603 - this interpreter, our own scripts
        [sys.executable, *command],
        cwd=ROOT,
        env=environment | kept,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None, "it is a pipe"
        for line in process.stdout:
            # The line below paribus's table, or the last one of anybody else.
            if peer.module or line.startswith("log_loss ("):
                table = time.perf_counter() - started
    end = time.perf_counter() - started
    if process.returncode or not table:
        raise RuntimeError(f"{command} ended with status {process.returncode}, its table {table} s")
    return Once(table, end, json.loads(line) if peer.module else read_means(out))


def read_means(out: Path) -> dict[str, float]:
    """Return mean test scores by variant, of a folder of results."""
    (runs,) = read_set(out).comparisons
    return {v.name: fmean(x for x in v.scores if x is not None) for v in runs.variants}
