"""Contenders: the textbook loop, the engines of paribus and other libraries, in this process or in others."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from importlib.metadata import version
from importlib.util import find_spec
from multiprocessing import get_context
from typing import Any, NamedTuple, Protocol
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor

from benchmarks.engines.workloads import NAMED, TORCH_ALONE, Workload, seeded
from paribus.engines.rnn import only
from paribus.engines.simd.trainer import COMPILED, CompiledTraining
from paribus.engines.vmapped.fit import StackedTraining
from paribus.execution.cost_model import chunk_size_of
from paribus.execution.local_workers import ENVIRONMENT
from paribus.execution.pool import one_thread, warm_up
from paribus.training.loop import Training, deterministic

TEXTBOOK = "textbook"
LAST = 32
# Libraries that are compared with, their distributions, and how each is used.
PEERS = {
    "skorch": ("skorch", "NeuralNet, no callbacks, no validation split"),
    "Lightning": ("lightning", "Trainer(barebones=True), its start not counted"),
    "JAX": ("jax", "jit of lax.scan of vmap, networks and Adam by hand"),
}


class Taken(NamedTuple):
    """Steps that were taken.

    Attributes:
        seconds: of all of them.
        steps: how many, at least as many as were asked for.
        losses: mean loss of each replicate's last `LAST` batches, ``(replicate,)``.
    """

    seconds: float
    steps: int
    losses: np.ndarray


class Contender(Protocol):
    """Trainings of one workload; made of seeds, of which it takes as many as it has replicates."""

    replicates: int

    def take(self, steps: int) -> Taken:
        """Take at least so many steps of every replicate."""


class Textbook:
    """Network, optimizer and loader as in torch's tutorials."""

    replicates = 1

    def __init__(self, workload: Workload, seeds: Sequence[int]) -> None:
        self.seed, self.network = seeds[0], workload.network(seeds[0])
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=workload.lr)
        self.criterion, self.loader = workload.plain().criterion, workload.loader()

    def take(self, steps: int) -> Taken:
        """Take steps, epoch after epoch."""
        with seeded(self.seed):
            started = time.perf_counter()
            losses = self._fit(steps)
            seconds = time.perf_counter() - started
        return Taken(seconds, steps, mean_of_last(losses))

    def _fit(self, steps: int) -> list[Tensor]:
        losses: list[Tensor] = []
        while True:
            for x, y in self.loader:
                self.optimizer.zero_grad()
                loss = self.criterion(self.network(x), y)
                loss.backward()
                self.optimizer.step()
                losses.append(loss.detach())
                if len(losses) == steps:
                    return losses


def mean_of_last(losses: Sequence[Tensor]) -> np.ndarray:
    """Return the mean of the last `LAST` losses of one replicate, ``(1,)``."""
    return np.array([torch.stack([*losses[-LAST:]]).mean().item()])


class Engine:
    """Trainings by paribus on one thread, in chunks as large as the engine finds fastest, one after the other.

    Args:
        workload: what is trained.
        seeds: of each replicate; the loop takes the first.
        engine: ``loop``, or one of the workload's engines.
    """

    def __init__(self, workload: Workload, seeds: Sequence[int], engine: str) -> None:
        seeds = seeds[:1] if engine == "loop" else seeds
        self.replicates = len(seeds)
        self.form = "torch" if engine == TORCH_ALONE else None
        self.runs = [workload.run(seed, engine.partition(",")[0]) for seed in seeds]
        warm_up()
        split = workload.split
        with one_thread(), deterministic(self.runs[0]), only(self.form):
            self.trainings: list[Training | StackedTraining]
            if engine == "loop":
                self.trainings = [Training(self.runs[0], split)]
                return
            many = engine == COMPILED
            kind = CompiledTraining if many else StackedTraining
            size = len(seeds) if many else min(len(seeds), chunk_size_of(self.runs[0]))
            chunks = [self.runs[i : i + size] for i in range(0, len(seeds), size)]
            self.trainings = [kind(chunk, [split] * len(chunk)) for chunk in chunks]

    def take(self, steps: int) -> Taken:
        """Take steps of every replicate, one chunk after the other.

        Raises:
            RuntimeError: if compiled steps were asked for and are not compiled.
        """
        with one_thread(), deterministic(self.runs[0]), only(self.form):
            started = time.perf_counter()
            losses = [training.advance(steps) for training in self.trainings]
            seconds = time.perf_counter() - started
        for training in self.trainings:
            if isinstance(training, StackedTraining) and training.reason:
                raise RuntimeError(training.reason)
        # Losses are (step,) by the loop and (step, replicate) otherwise.
        last = [x.reshape(steps, -1)[-LAST:].mean(0, dtype=torch.float64) for x in losses]
        return Taken(seconds, steps, torch.cat(last).numpy())


def available(peer: str) -> bool:
    """Return whether a peer's library is installed."""
    return find_spec(PEERS[peer][0]) is not None


def peer_versions() -> str:
    """Return versions and settings of the installed peers, for the page."""
    return "; ".join(
        f"{peer} {version(name)}: {use}" for peer, (name, use) in PEERS.items() if available(peer)
    )


class Row(NamedTuple):
    """Line of a workload's table, before it is measured.

    Attributes:
        engine: its name on the page.
        replicates: trained at once.
        processes: side by side.
        peer: the library that it needs, or nothing.
    """

    engine: str
    replicates: int
    processes: int = 1
    peer: str = ""

    @property
    def name(self) -> str:
        """Unique name, such as ``stacked, R=32, 2 processes``."""
        many = f", {self.processes} processes" if self.processes > 1 else ""
        return f"{self.engine}, R={self.replicates}{many}"

    @property
    def missing(self) -> str:
        """Reason why it cannot be measured here, or nothing."""
        there = not self.peer or available(self.peer)
        return "" if there else f"{self.peer} is not installed; tox -e peers installs it"


def rows(workload: Workload, cores: int) -> list[Row]:
    """Return the textbook, the engines of paribus in one process and in one a core, and the peers."""
    side_by_side = [cores] if cores > 1 else []
    lines = [Row(TEXTBOOK, 1), Row("loop", 1), *(Row("loop", n, n) for n in side_by_side)]
    for engine in workload.engines:
        for n in [1, *side_by_side]:
            lines += [Row(engine, r, n) for r in workload.replicates if r % n == 0]
    lines += [Row("skorch", 1, peer="skorch"), Row("Lightning", 1, peer="Lightning")]
    for devices in [1, *side_by_side]:
        name = f"JAX, {devices} device{'s' * (devices > 1)}"
        lines += [Row(name, r, peer="JAX") for r in workload.replicates if r % devices == 0]
    return lines


def contender(workload: Workload, row: Row, seeds: Sequence[int]) -> Contender:
    """Return the contender of a row, in this process."""
    if row.engine == TEXTBOOK:
        return Textbook(workload, seeds)
    if row.peer:
        from benchmarks.engines import peers

        kinds = {"skorch": peers.Skorch, "Lightning": peers.Lightning, "JAX": peers.Jax}
        return kinds[row.peer](workload, seeds)
    return Engine(workload, seeds, row.engine)


_held: dict[str, Contender] = {}


def _hold(workload: str, row: Row, seeds: Sequence[int]) -> None:
    _held[row.name] = contender(NAMED[workload], row, seeds)


def _take(row: Row, steps: int) -> Taken:
    return _held[row.name].take(steps)


def start_process(**environment: str) -> ProcessPoolExecutor:
    """Start a process of its own with these variables, so that threads of one contender disturb no other."""
    process = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    with patch.dict(os.environ, environment):
        process.submit(int).result()
    return process


class Remote:
    """Contender whose replicates are dealt out to processes.

    Args:
        processes: one or more.
        workload: what is trained.
        row: of the table; it replaces what the processes hold under its name.
        seeds: of each replicate, at least one a process.
    """

    def __init__(
        self,
        processes: Sequence[ProcessPoolExecutor],
        workload: Workload,
        row: Row,
        seeds: Sequence[int],
    ) -> None:
        self.replicates, self.processes, self.row = len(seeds), processes, row
        share = -(-len(seeds) // len(processes))
        parts = [list(seeds[i * share : (i + 1) * share]) for i in range(len(processes))]
        self._each(_hold, [(workload.name, row, part) for part in parts])

    def take(self, steps: int) -> Taken:
        """Take steps in all processes at once; the seconds are those until the last has finished."""
        started = time.perf_counter()
        parts = self._each(_take, [(self.row, steps)] * len(self.processes))
        seconds = time.perf_counter() - started
        return Taken(seconds, parts[0].steps, np.concatenate([part.losses for part in parts]))

    def _each(self, function: Any, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        calls = zip(self.processes, arguments, strict=True)
        futures = [process.submit(function, *each) for process, each in calls]
        return [future.result() for future in futures]


class Processes(ExitStack):
    """Processes that contenders live in, started when first needed and ended with the context."""

    def __init__(self) -> None:
        super().__init__()
        self._started: dict[tuple[str, int], ProcessPoolExecutor] = {}

    def start(self, workload: Workload, row: Row, seeds: Sequence[int]) -> Contender:
        """Return the contender of a row: JAX and what has several processes elsewhere, the others here."""
        if row.peer == "JAX":
            devices = row.engine.split()[1]
            flags = f"--xla_force_host_platform_device_count={devices}"
            process = self._process("JAX", int(devices), XLA_FLAGS=flags, JAX_PLATFORMS="cpu")
            return Remote([process], workload, row, seeds)
        if row.processes == 1:
            return contender(workload, row, seeds)
        processes = [self._process("paribus", i, **ENVIRONMENT) for i in range(row.processes)]
        return Remote(processes, workload, row, seeds)

    def _process(self, kind: str, number: int, **environment: str) -> ProcessPoolExecutor:
        if (kind, number) not in self._started:
            self._started[kind, number] = self.enter_context(start_process(**environment))
        return self._started[kind, number]
