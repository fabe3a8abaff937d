"""Simulation of a cluster, piece of work by piece: where its time goes, and what that costs.

A piece that is done passes the scheduler and the command, one after the other and each in turn with those of all other
workers; then its worker gets the next. Workers are lost and their batch jobs end, which costs the piece under way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from math import ceil
from typing import NamedTuple

import numpy as np

HOUR = 3600.0


class Costs(NamedTuple):
    """Seconds of each part.

    Attributes:
        scheduler: of the scheduler, a piece.
        command: of the command, a piece.
        writer: of the command, a run that it keeps in its store.
        gap: from the end of a piece to the next one on its worker, where nothing else waits; nothing is kept in it.
        worker: of the worker, beside the training of a piece.
        kept_first: whether what is done is kept before the worker gets more.
        merge: of merging stores, a run.
    """

    scheduler: float
    command: float
    writer: float
    gap: float
    worker: float
    kept_first: bool
    merge: float = 0.0


class Cluster(NamedTuple):
    """Workers of one core each.

    Attributes:
        workers: how many.
        failures: of one worker, an hour.
        walltime: hours after which a worker's batch job ends; workers began at times of their own within as many.
        restart: seconds until a worker that was lost or whose job ended is there again.
    """

    workers: int
    failures: float = 0.0
    walltime: float = float("inf")
    restart: float = 0.0


class Work(NamedTuple):
    """Trainings: how many, how many a piece, seconds of each, and the relative spread of a piece's seconds."""

    runs: int
    piece: int
    seconds: float
    spread: float = 0.0


class Simulated(NamedTuple):
    """Outcome of a simulation.

    Attributes:
        seconds: from the first piece to the last run in one store.
        merging: of these, of merging stores.
        scheduler: share of the time that the scheduler works; of several the mean.
        command: likewise.
        workers: share of the workers' time that goes into trainings that are kept.
        lost: pieces that were lost and done again.
        core_hours: of workers, schedulers and commands.
    """

    seconds: float
    merging: float
    scheduler: float
    command: float
    workers: float
    lost: int
    core_hours: float


class _Part(NamedTuple):
    """What one scheduler with its command and workers did: seconds in all, of each part, and of trainings kept.

    Attributes:
        middle: seconds in which the middle half of the pieces was done.
    """

    seconds: float
    scheduler: float
    command: float
    trained: float
    lost: int
    middle: float


def simulate(
    work: Work,
    cluster: Cluster,
    costs: Costs,
    *,
    stores: int = 1,
    whole: int = 10**9,
    seed: int = 0,
) -> Simulated:
    """Simulate trainings on a cluster.

    Args:
        work: what is trained.
        cluster: where.
        costs: of each part.
        stores: how many commands share work and workers, each with a scheduler and a store of its own; merged at last.
        whole: pieces up to which all are simulated. Of more, so many are, and the time goes on at their rate.
        seed: of what is drawn.
    """
    each = work._replace(runs=ceil(work.runs / stores))
    share = cluster._replace(workers=cluster.workers // stores)
    parts = [_part(each, share, costs, whole // stores, seed + i) for i in range(stores)]
    merging = costs.merge * work.runs if stores > 1 else 0.0
    seconds = max(part.seconds for part in parts)
    training = sum(part.trained for part in parts)
    cores = cluster.workers + 2 * stores
    return Simulated(
        seconds=seconds + merging,
        merging=merging,
        scheduler=sum(part.scheduler / part.seconds for part in parts) / stores,
        command=sum(part.command / part.seconds for part in parts) / stores,
        workers=training / (seconds * cluster.workers),
        lost=sum(part.lost for part in parts),
        core_hours=(cores * seconds + merging) / HOUR,
    )


def _part(work: Work, cluster: Cluster, costs: Costs, whole: int, seed: int) -> _Part:
    """Simulate one scheduler; where there are more pieces than ``whole``, go on at the rate of the middle half."""
    pieces = ceil(work.runs / work.piece)
    done = min(pieces, whole)
    part = simulated([work.piece] * done, _lengths(work, seed), cluster, costs, seed)
    more, times = (pieces - done) / (done / 2), pieces / done
    return _Part(
        part.seconds + more * part.middle,
        part.scheduler * times,
        part.command * times,
        part.trained * times,
        round(part.lost * times),
        part.middle,
    )


def _lengths(work: Work, seed: int) -> Iterator[float]:
    """Yield seconds of pieces, log-normal."""
    draw = np.random.default_rng([seed, 1])
    sigma = float(np.sqrt(np.log1p(work.spread**2)))
    while True:
        factors = np.exp(sigma * draw.standard_normal(4096) - sigma**2 / 2)
        yield from (work.piece * work.seconds * factors).tolist()


class _Piece(NamedTuple):
    """Piece of so many runs, and the seconds of their training."""

    runs: int
    seconds: float


NONE = _Piece(0, 0.0)


def simulated(
    runs: Sequence[int], lengths: Iterator[float], cluster: Cluster, costs: Costs, seed: int = 0
) -> _Part:
    """Simulate pieces of so many runs each, whose training takes as many seconds as ``lengths`` has.

    A piece that is lost is sent again as soon as that is seen and a worker waits.
    """
    lives = _Lives(cluster, seed)
    life = [lives.first() for _ in range(cluster.workers)]
    # When, which worker, what it has done, and whether it is lost with it.
    events = [(0.0, worker, NONE, False) for worker in range(cluster.workers)]
    left, again, waiting = [*map(_Piece, reversed(runs), lengths)], list[_Piece](), list[int]()
    latency = max(0.0, costs.gap - costs.scheduler - costs.command)
    scheduler = command = served = written = trained = end = 0.0
    lost, ends = 0, list[float]()
    while events:
        now, worker, done, dead = heappop(events)
        if dead:
            lost += 1
            again.append(done)
            life[worker] = now + cluster.restart + lives.next()
            heappush(events, (now + cluster.restart, worker, NONE, False))
            if waiting:
                heappush(events, (now, waiting.pop(), NONE, False))
            continue
        if done is NONE and not (left or again):
            waiting.append(worker)
            continue
        scheduler = max(now, scheduler) + costs.scheduler
        command = max(scheduler, command)
        kept = costs.writer * done.runs
        sent = command + kept * costs.kept_first + costs.command
        command += kept + costs.command
        served, written = served + costs.scheduler, written + kept + costs.command
        if done is not NONE:
            trained += done.seconds
            end = max(end, command)
            ends.append(end)
        if not (left or again):
            waiting.append(worker)
            continue
        piece = again.pop() if again else left.pop()
        finished = sent + latency + costs.worker + piece.seconds
        dead = finished > life[worker]
        heappush(events, (max(now, life[worker]) if dead else finished, worker, piece, dead))
    n = len(ends)
    return _Part(end, served, written, trained, lost, ends[3 * n // 4 - 1] - ends[n // 4 - 1])


class _Lives:
    """Seconds that workers live: until one is lost, or its batch job ends."""

    def __init__(self, cluster: Cluster, seed: int) -> None:
        self.draw = np.random.default_rng([seed, 2])
        self.walltime, self.failures = cluster.walltime * HOUR, cluster.failures / HOUR

    def first(self) -> float:
        """Return that of a worker whose batch job began some time ago."""
        limit = self.walltime
        return min(self._lost(), limit if np.isinf(limit) else float(self.draw.uniform(0, limit)))

    def next(self) -> float:
        """Return that of a worker whose batch job begins."""
        return min(self._lost(), self.walltime)

    def _lost(self) -> float:
        return float(self.draw.exponential(1 / self.failures)) if self.failures else float("inf")
