"""Whether all contenders of a workload learn the same, and how long a step of each takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean, median
from typing import Any, NamedTuple

import numpy as np

from benchmarks.engines.clock import (
    Patience,
    Processors,
    Sample,
    disturbed,
    interleaved,
    ratio,
    spread,
)
from benchmarks.engines.remote import Contender
from benchmarks.engines.rows import TEXTBOOK, Row, Workshop, rows, workshop
from benchmarks.engines.textbook import Textbook
from benchmarks.engines.where import where
from benchmarks.engines.workloads import Workload
from paribus.execution.engine_choice import resolve
from paribus.execution.pool import available_jobs, one_thread

# Equal losses: how far means over seeds may lie apart, in standard errors and as a share of what training gained.
ERRORS, SHARE = 3.0, 0.03
TOLERANCE = f"the sum of {ERRORS:g} standard errors of the difference and {SHARE:.0%} of what the textbook gained"


class Learned(NamedTuple):
    """Mean loss of the last batches over seeds, its standard error, and why it is not the textbook's, or nothing."""

    loss: float
    error: float
    apart: str = ""


def learned(make: Callable[[Sequence[int]], Contender], workload: Workload) -> list[float]:
    """Each seed's loss after the steps of the check, trained one by one or at once, as the contender does."""
    count, steps = workload.checked
    seeds = list(range(count))
    losses: list[float] = []
    while seeds:
        contender = make(seeds)
        losses += contender.take(steps).losses.tolist()
        seeds = seeds[contender.replicates :]
        _forget(contender)
    return losses


def compared(textbook: Sequence[float], other: Sequence[float], start: float) -> Learned:
    """Whether losses are the textbook's, within `TOLERANCE`.

    Args:
        textbook: its losses, one a seed.
        other: another's.
        start: the textbook's before training.
    """
    # NumPy's deviation of numbers that are none is none; that of the standard library is an error.
    error, errors = (float(np.std(x, ddof=1)) / len(x) ** 0.5 for x in (other, textbook))
    loss, wanted = fmean(other), fmean(textbook)
    both = (error**2 + errors**2) ** 0.5
    allowed = ERRORS * both + SHARE * abs(start - wanted)
    apart = not abs(loss - wanted) <= allowed  # a loss that is no number lies apart
    return Learned(loss, error, f"loss {loss:.4g}, the textbook's {wanted:.4g}" if apart else "")


def measure(workload: Workload, patience: Patience | None = None) -> dict[str, Any]:
    """All rows of a workload: checked first, then timed in turns; plain data, for the page and its file."""
    patience = patience or Patience(Processors())
    every = rows(workload, available_jobs())
    there = [row for row in every if not row.missing]
    with workshop() as shop:
        start, checks, failed = _checks(shop, workload, there)
        contenders = {}
        for row in there:
            if row.engine not in failed:
                contenders[row.name] = shop.make(workload, row, range(row.replicates))
        patience.processors.own |= shop.processes
        samples = interleaved(contenders, patience)
    apart = {engine: check.apart for engine, check in checks.items() if check.apart}
    reasons = {row.name: row.missing for row in every if row.missing}
    reasons |= {row.name: {**failed, **apart}.get(row.engine, "") for row in there}
    timed = {row.name: _timed(row, samples) for row in there if not reasons[row.name]}
    return {
        "workload": workload.name,
        "where": where(),
        "start": start,
        "checked": list(workload.checked),
        "auto": _chosen(workload),
        "rows": [
            {
                **row._asdict(),
                "name": row.name,
                "reason": reasons[row.name],
                **(checks[row.engine]._asdict() if row.engine in checks else {}),
                **timed.get(row.name, {}),
            }
            for row in every
        ],
    }


def _checks(
    shop: Workshop, workload: Workload, there: Sequence[Row]
) -> tuple[float, dict[str, Learned], dict[str, str]]:
    """Loss before training, what each engine reached, and why some could not be started at all."""
    losses: dict[str, list[float]] = {}
    failed: dict[str, str] = {}
    with one_thread():
        start = fmean(Textbook(workload, seed).take(1).losses[0] for seed in range(8))
        for row in {row.engine: row for row in reversed(there) if row.processes == 1}.values():
            try:
                losses[row.engine] = learned(
                    lambda seeds, row=row: shop.make(
                        workload, row, seeds[: _at_once(workload, row, seeds)]
                    ),
                    workload,
                )
            except Exception as error:  # noqa: BLE001 - whatever a peer raises is why it has no row
                failed[row.engine] = f"cannot do this: {error}".partition("\n")[0][:200]
    if TEXTBOOK in failed:
        raise RuntimeError(failed[TEXTBOOK])
    found = {name: compared(losses[TEXTBOOK], other, start) for name, other in losses.items()}
    return start, found, failed


def _at_once(workload: Workload, row: Row, seeds: Sequence[int]) -> int:
    return len(seeds) if row.engine in workload.engines or row.peer == "JAX" else 1


def _timed(row: Row, samples: dict[str, list[Sample]]) -> dict[str, Any]:
    """Microseconds of a step of one replicate, and the ratio to the textbook, with quartiles over rounds."""
    mine = samples[row.name]
    seconds = [s.seconds for s in mine]
    return {
        "microseconds": [float(x) for x in spread(1e6 * s for s in seconds)],
        "ratio": [float(x) for x in ratio([s.seconds for s in samples[TEXTBOOK_NAME]], seconds)],
        "rounds": len(mine),
        "disturbed": disturbed(mine),
        "others": float(median(s.others for s in mine)),
    }


TEXTBOOK_NAME = Row(TEXTBOOK, 1).name


def _chosen(workload: Workload) -> dict[str, str]:
    """What ``auto`` takes for so many replicates in all processes, and why."""
    jobs = available_jobs()
    found = {}
    for r in workload.replicates:
        choice = resolve("auto", workload.run(0), -(-r // jobs))
        found[str(r)] = f"{choice.engine} ({choice.reason})"
    return found


def _forget(contender: Contender) -> None:
    close = getattr(contender, "close", None)
    if close is not None:
        close()
