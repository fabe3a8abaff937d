"""Tables of docs/scale.md: simulated clusters, and a simulation beside a run that was measured.

``python -m benchmarks.scale.page`` writes them again; ``--price 0.10`` with another price of a core hour.
"""

from __future__ import annotations

import re
from argparse import ArgumentParser
from collections.abc import Iterator
from functools import cache
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

from benchmarks.scale.simulation import HOUR, Cluster, Costs, Simulated, Work, simulate, simulated

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"
DASK = Costs(
    scheduler=0.003,
    command=0.0024,
    writer=0.00055,
    gap=0.016,
    worker=0.004,
    kept_first=True,
    merge=0.00011,
)
"""As measured: the table above those of this page."""
LOCAL = Costs(
    scheduler=0.0, command=0.0001, writer=0.00055, gap=0.0002, worker=0.0, kept_first=False
)
MANY = Cluster(workers=1, failures=0.001, walltime=24, restart=120)
"""Assumed: a worker is lost once in a thousand hours, batch jobs end after a day, and another begins in two minutes."""
TRAINING = Work(runs=1, piece=20, seconds=1.0, spread=0.25)
"""Assumed: trainings of a second, twenty a piece, whose seconds have a spread of a quarter."""
PRICE = 0.05
"""Assumed: dollars a core hour."""
WHOLE = 50_000
"""Pieces of a job that are simulated one by one; the rest of a longer job goes on at their rate."""
JOBS = (
    (10**6, 10, 1),
    (10**6, 1000, 1),
    (10**6, 1000, 4),
    (10**8, 10, 1),
    (10**8, 1000, 1),
    (10**8, 1000, 4),
)
"""Trainings, workers, stores."""
SHORT = ((10**6, 1000, 1), (10**6, 1000, 4))
"""The same where each training takes a tenth of a second."""


class Measured(NamedTuple):
    """A run of this machine that was measured.

    Attributes:
        workers: local processes.
        runs: how many, each a piece of its own.
        training: mean seconds of one in its worker.
        seconds: from the first piece to the last run in the store.
    """

    workers: int
    runs: int
    training: float
    seconds: float


MEASURED = (
    Measured(workers=1, runs=100, training=0.06053, seconds=6.417),
    Measured(workers=2, runs=100, training=0.11075, seconds=5.842),
)
"""By ``python -m benchmarks.scale.validate``."""


@cache
def job(runs: int, workers: int, stores: int, seconds: float = TRAINING.seconds) -> Simulated:
    """Simulate a job of the table."""
    work = TRAINING._replace(runs=runs, seconds=seconds)
    return simulate(work, MANY._replace(workers=workers), DASK, stores=stores, whole=WHOLE)


def predicted(run: Measured) -> float:
    """Return the seconds that a simulation gives for a run that was measured."""
    cluster = Cluster(workers=run.workers)
    return simulated([1] * run.runs, repeat(run.training), cluster, LOCAL).seconds


def tables(price: float = PRICE) -> str:
    """Return both tables."""
    return "\n".join([*_clusters(price), "", *_beside()])


def _clusters(price: float) -> Iterator[str]:
    yield (
        "| trainings | of seconds | workers | stores | time | of it merging | workers train | scheduler busy "
        "| command busy | pieces lost | core hours | cost |"
    )
    yield "|---" * 12 + "|"
    for jobs, seconds in ((JOBS, TRAINING.seconds), (SHORT, TRAINING.seconds / 10)):
        for runs, workers, stores in jobs:
            found = job(runs, workers, stores, seconds)
            cells = [
                f"10^{len(str(runs)) - 1}",
                f"{seconds:g}",
                workers,
                stores,
                _time(found.seconds),
                _time(found.merging) if found.merging else "",
                f"{found.workers:.1%}",
                f"{found.scheduler:.1%}",
                f"{found.command:.1%}",
                found.lost,
                f"{found.core_hours:,.0f}",
                f"${found.core_hours * price:,.0f}",
            ]
            yield f"| {' | '.join(map(str, cells))} |"


def _beside() -> Iterator[str]:
    yield "| local workers | runs | mean seconds of one | measured | simulated | simulated / measured |"
    yield "|---|---|---|---|---|---|"
    for run in MEASURED:
        found = predicted(run)
        yield (
            f"| {run.workers} | {run.runs} | {run.training:.4f} | {run.seconds:.2f} s | {found:.2f} s "
            f"| {found / run.seconds:.2f} |"
        )


def _time(seconds: float) -> str:
    """Return a time in the unit that suits it.

    >>> _time(100), _time(3000), _time(30_000), _time(3e6)
    ('1.67 min', '50 min', '8.33 h', '34.7 days')
    """
    for unit, name in ((24 * HOUR, "days"), (HOUR, "h"), (60, "min")):
        if seconds >= 2 * unit or name == "min":
            return f"{seconds / unit:.3g} {name}"
    raise AssertionError("unreachable")


def written(text: str, price: float = PRICE) -> str:
    """Return the text of a page with its tables made again."""
    return re.sub(
        r"(<!-- simulated -->\n).*?(<!-- end -->)",
        lambda found: f"{found[1]}{tables(price)}\n{found[2]}",
        text,
        flags=re.DOTALL,
    )


if __name__ == "__main__":
    parser = ArgumentParser()
    parser.add_argument("--price", type=float, default=PRICE, help="dollars a core hour")
    PAGE.write_text(
        written(PAGE.read_text(encoding="utf-8"), parser.parse_args().price), encoding="utf-8"
    )
