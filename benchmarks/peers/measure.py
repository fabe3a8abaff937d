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
        ``cold`` and ``warm`` in seconds, ``means`` of the test log-loss by optimizer, and where it was measured.
    """
    peer, place = PEERS[name], where()
    rounds = ROUNDS if name == PARIBUS else 1
    cold, warm, means = [], [], {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            seconds, means = run_once(peer, Path(folder), "first")
            cold.append(seconds)
            if name in (PARIBUS, "JAX"):
                warm.append(run_once(peer, Path(folder), "second")[0])
    return {
        "cold": median(cold),
        "warm": median(warm or cold),
        "rounds": rounds,
        "means": means,
        "version": version(peer.needs[0]),
        "step": textbook_step(),
        "where": place,
    }


def run_once(peer: Peer, folder: Path, name: str) -> tuple[float, dict[str, float]]:
    """Make the comparison once; returns the seconds until the process has ended and the mean scores.

    Args:
        peer: who makes it.
        folder: keeps caches from one time to the next.
        name: of this time; stores and pages of one's own lie below it.
    """
    out = folder / name
    if peer.module:
        command = ["-m", f"benchmarks.peers.{peer.module}"]
    else:
        command = ["-m", "paribus", "run", "optimizers", "--arm", "default", "--device", "cpu"]
        command += ["--out", str(out)]
    kept = {
        "PARIBUS_CACHE": str(folder / "paribus"),
        "JAX_COMPILATION_CACHE_DIR": str(folder / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    # A start that compiles every library's Python again is nobody's.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    done = subprocess.run(  # noqa: S603 - this interpreter, our own scripts
        [sys.executable, *command],
        cwd=ROOT,
        env=environment | kept,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = time.perf_counter() - started
    return seconds, read_means(out) if not peer.module else _last_line(done.stdout)


def read_means(out: Path) -> dict[str, float]:
    """Return mean test scores by variant, of a folder of results."""
    (runs,) = read_set(out).comparisons
    return {v.name: fmean(x for x in v.scores if x is not None) for v in runs.variants}


def _last_line(text: str) -> dict[str, float]:
    means: dict[str, float] = json.loads(text.strip().splitlines()[-1])
    return means
