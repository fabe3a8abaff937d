"""Memory of a long session and of many short ones, as they go on.

``python -m benchmarks.memory.measure session 15000`` trains so many small networks in two workers, one session;
``python -m benchmarks.memory.measure notebook 150`` compares, shows and plots so often in one process.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

import paribus as pb
from benchmarks.growth.measure import suite
from paribus.execution.cases import selected
from paribus.execution.orchestrate import finish, train_all
from paribus.execution.session import Session
from paribus.execution.settings import Settings

STEPS = 20
POINTS = 15


class Memory(NamedTuple):
    """Megabytes that processes hold after so many trainings, or sessions.

    Attributes:
        done: how many.
        driver: of this process.
        workers: of each of its workers, on average; pages that they share with their parent count for each.
    """

    done: int
    driver: float
    workers: float


def session(runs: int) -> Iterator[Memory]:
    """Train so many small networks by the loop in two workers, and write their pages; yield what memory it takes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        place = {"out": folder, "store": folder / "runs.sqlite", "device": "cpu"}
        made = suite(2, STEPS)
        long = Session(Settings(engine="loop", jobs=2, seeds=runs // 2, **place), [made])
        seen: list[Memory] = []
        with long.study.store as store:
            add, every = store.add, runs // POINTS

            def added(*record: object) -> None:
                add(*record)  # type: ignore[arg-type]  # what it takes
                if len(long.trained) % every == 0:
                    seen.append(_now(len(long.trained)))

            store.add = added  # type: ignore[method-assign]
            cases = selected([made], long.settings)
            long.prepare(cases)
            train_all(long, cases)
            yield from seen
            finish(long.study, cases, [made])
            yield _now(runs)


def notebook(times: int) -> Iterator[Memory]:
    """Compare as a notebook does, again and again, each time other data and networks; yield what memory it takes."""
    import matplotlib as mpl

    mpl.use("agg")
    for i in range(times):
        draw = np.random.default_rng(i)
        x = draw.normal(size=(300, 4))
        result = pb.compare(
            data=(x, x[:, 0] + draw.normal(size=300) > 0),
            model=pb.call("paribus.models.mlp:MLP", hidden=[8 + i]),
            engine="stacked",
            vary={"optimizer.lr": {"0.01": 0.01, "0.1": 0.1}},
            baseline="0.01",
            steps=200,
            seeds=6,
            progress=False,
        )
        str(result)
        result.to_frame()
        result.plot()
        yield _now(i + 1)


KINDS: dict[str, Callable[[int], Iterator[Memory]]] = {"session": session, "notebook": notebook}


def _now(done: int) -> Memory:
    workers = [_megabytes(pid) for pid in _workers()]
    return Memory(done, _megabytes(os.getpid()), sum(workers) / max(1, len(workers)))


def _workers() -> list[int]:
    """Return the processes that work for this one."""
    from paribus.execution import local_workers

    idle = {each.process.pid for each in local_workers._idle}
    return sorted(idle | _children_of_forkserver())


def _children_of_forkserver() -> set[int]:
    from multiprocessing import forkserver

    server = getattr(forkserver._forkserver, "_forkserver_pid", None)  # type: ignore[attr-defined]
    if server is None:
        return set()
    text = Path(f"/proc/{server}/task/{server}/children").read_text(encoding="ascii")
    return {int(word) for word in text.split()}


def _megabytes(pid: int) -> float:
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return 0.0
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    for memory in KINDS[sys.argv[1]](int(sys.argv[2])):
        sys.stdout.write(f"{memory.done} {memory.driver:.0f} {memory.workers:.0f}\n")
        sys.stdout.flush()
