"""Timing on a machine that others use: contenders take turns, and a sample is taken again when others were busy."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

import torch

from benchmarks.engines.remote import Contender

# What torch uses where nobody says otherwise, looked up before anything here changes it.
THREADS = torch.get_num_threads()
ROUNDS = 7
SAMPLE_SECONDS = 0.25
MOST_STEPS = 4000
ATTEMPTS = 4
# What others may use of the cores while a sample is taken, in seconds and as a share of the sample.
TOLERATED = (0.03, 0.08)
HOW = (
    "Busy is told by /proc/stat: processor time of all processes less that of these during a sample, above "
    f"{TOLERATED[0] * 1000:.0f} ms and {TOLERATED[1]:.0%} of its length."
)


@dataclass
class Processors:
    """Processor time by Linux's own count, in steps of 10 ms.

    Attributes:
        own: process ids that are part of the measurement, besides this one.
    """

    own: set[int] = field(default_factory=set)
    proc: Path = Path("/proc")

    def others(self) -> float | None:
        """Seconds that all other processes have used so far, or None where nobody counts them."""
        try:
            fields = (self.proc / "stat").read_text().split()
        except OSError:
            return None
        ticks = sum(
            int(fields[i]) for i in (1, 2, 3, 6, 7, 8)
        )  # all but idle and waiting for disks
        return (ticks - sum(map(self._ticks, [os.getpid(), *self.own]))) / 100

    def _ticks(self, pid: int) -> int:
        try:
            fields = (self.proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0
        return int(fields[11]) + int(fields[12])


@dataclass
class Patience:
    """How long is waited for a quiet moment, in all.

    Attributes:
        seconds: what is left.
    """

    processors: Processors
    seconds: float = 300.0

    def wait(self) -> None:
        """Wait until others are quiet, or patience ends."""
        started = time.monotonic()
        while time.monotonic() - started < min(20.0, self.seconds):
            before = self.processors.others()
            time.sleep(0.2)
            after = self.processors.others()
            if before is None or after is None or after - before <= 0.02:
                break
        self.seconds -= time.monotonic() - started


class Sample(NamedTuple):
    """Seconds of a step of one replicate, and the cores' share that others took meanwhile."""

    seconds: float
    others: float


def sample(contender: Contender, steps: int, patience: Patience) -> Sample:
    """The first sample in which others were quiet, or the quietest of a few."""
    taken = []
    for _ in range(ATTEMPTS):
        before = patience.processors.others()
        done = contender.take(steps)
        after = patience.processors.others()
        others = 0.0 if before is None or after is None else max(0.0, after - before)
        each = done.seconds / done.steps / contender.replicates
        taken.append(Sample(each, others / done.seconds))
        if others <= max(TOLERATED[0], TOLERATED[1] * done.seconds) or patience.seconds <= 0:
            break
        patience.wait()
    return min(taken, key=lambda s: s.others)


def interleaved(
    contenders: Mapping[str, Contender], patience: Patience, rounds: int = ROUNDS
) -> dict[str, list[Sample]]:
    """Samples of every contender, round by round; each round starts with another.

    Contenders of this process have torch's default threads, unless they ask for fewer themselves.
    """
    torch.set_num_threads(THREADS)
    lengths = {name: _length(contender) for name, contender in contenders.items()}
    samples: dict[str, list[Sample]] = {name: [] for name in contenders}
    names = list(contenders)
    gc.collect()
    gc.disable()
    try:
        for i in range(rounds):
            first = i % len(names)
            for name in names[first:] + names[:first]:
                samples[name].append(sample(contenders[name], lengths[name], patience))
    finally:
        gc.enable()
    return samples


def _length(contender: Contender) -> int:
    """Steps that fill a sample, after a warm-up that also compiles what is to be compiled."""
    contender.take(24)
    done = contender.take(8)
    wanted = int(SAMPLE_SECONDS * done.steps / done.seconds)
    # Some take eight steps a call, and one that is left over costs them more than an epoch's end would.
    return max(2, min(wanted - wanted % 8 if wanted >= 8 else wanted, MOST_STEPS))


class Ratio(NamedTuple):
    """How many times as fast as the textbook: median over rounds, and its quartiles."""

    middle: float
    low: float
    high: float


def ratio(textbook: Sequence[float], contender: Sequence[float]) -> Ratio:
    """The textbook's seconds over the contender's, round by round."""
    return spread([a / b for a, b in zip(textbook, contender, strict=True)])


def spread(values: Iterable[float]) -> Ratio:
    """Median and quartiles; quartiles lie between values, as NumPy's do."""
    found = list(values)
    low, _, high = quantiles(found, n=4, method="inclusive") if len(found) > 1 else found * 3
    return Ratio(median(found), low, high)


def disturbed(samples: Sequence[Sample]) -> int:
    """Samples in which others took more than is tolerated, however often they were taken."""
    return sum(s.others > 1.5 * TOLERATED[1] for s in samples)
