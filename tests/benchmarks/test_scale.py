"""Simulated clusters: known cases to the digit, what limits them, and the table in docs/scale.md."""

from __future__ import annotations

from itertools import repeat

import pytest

from benchmarks.scale.page import MEASURED, PAGE, predicted, tables, written
from benchmarks.scale.simulation import HOUR, Cluster, Costs, Work, simulate, simulated

FREE = Costs(scheduler=0, command=0, writer=0, gap=0, worker=0, kept_first=False)
FIVE = Cluster(workers=5)


def test_without_costs_workers_train_all_the_time() -> None:
    found = simulate(Work(runs=1000, piece=20, seconds=0.5), FIVE, FREE)
    assert found.seconds == pytest.approx(100)
    assert (found.workers, found.scheduler, found.command, found.lost) == (
        pytest.approx(1),
        0,
        0,
        0,
    )
    assert found.core_hours == pytest.approx(7 * 100 / HOUR)


@pytest.mark.parametrize("kept_first", [False, True])
def test_one_worker_waits_for_each_part_in_turn(kept_first: bool) -> None:
    costs = Costs(0.5, 0.25, 0.125, gap=1.0, worker=2.0, kept_first=kept_first)
    part = simulated([4, 4], repeat(10.0), Cluster(workers=1), costs)
    # Scheduled, sent, transferred and trained; then, the first piece being kept before or after, once more; kept.
    first = 1.0 + 12
    second = 0.5 + 0.25 + 0.5 * kept_first + 0.25 + 12
    assert part.seconds == pytest.approx(first + second + 0.5 + 0.5 + 0.25)
    assert part.scheduler == pytest.approx(3 * 0.5)
    assert part.command == pytest.approx(3 * 0.25 + 2 * 0.5)


@pytest.mark.parametrize(
    ("costs", "rate"),
    [
        (FREE._replace(scheduler=0.01), 100 * 2),
        (FREE._replace(command=0.02), 50 * 2),
        (FREE._replace(writer=0.005), 200),
        (FREE._replace(writer=0.005, kept_first=True), 200),
        (FREE._replace(gap=1.0), 100 * 2 / 2),
        (FREE._replace(worker=1.0), 100 * 2 / 2),
    ],
)
def test_the_slowest_part_limits_the_rate(costs: Costs, rate: float) -> None:
    found = simulate(Work(runs=20_000, piece=2, seconds=0.5), Cluster(workers=100), costs)
    assert 20_000 / found.seconds == pytest.approx(rate, rel=0.02)


def test_lost_workers_and_ended_jobs_cost_the_piece_under_way_and_the_time_until_they_are_back() -> (
    None
):
    work, calm = Work(runs=20_000, piece=10, seconds=1.0), Cluster(workers=10, restart=30)
    lost = simulate(work, calm._replace(failures=2.0), FREE)
    assert lost.lost == pytest.approx(2.0 * 20_000 / HOUR, rel=0.5)
    # Each time half a piece and the restart.
    assert lost.workers == pytest.approx(1 - 2.0 * (5 + 30) / HOUR, abs=0.01)
    ended = simulate(work, calm._replace(walltime=0.1), FREE)
    assert ended.workers == pytest.approx((360 - 10 / 2) / (360 + 30), abs=0.02)
    assert simulate(work, calm, FREE).lost == 0


def test_a_long_job_goes_on_at_the_rate_of_its_beginning() -> None:
    costs = Costs(0.003, 0.0024, 0.0005, gap=0.016, worker=0.004, kept_first=True)
    work = Work(runs=100_000, piece=20, seconds=0.1, spread=0.3)
    whole = simulate(work, FIVE._replace(failures=20.0, restart=1), costs)
    part = simulate(work, FIVE._replace(failures=20.0, restart=1), costs, whole=1000)
    assert part[:5] == pytest.approx(whole[:5], rel=0.05)
    assert part.lost == pytest.approx(whole.lost, rel=0.5)


def test_several_stores_share_work_and_workers_and_are_merged() -> None:
    costs = FREE._replace(writer=0.01, merge=0.001)
    work, many = Work(runs=10_000, piece=10, seconds=0.1), Cluster(workers=100)
    one, two = (simulate(work, many, costs, stores=n) for n in (1, 2))
    assert one.seconds == pytest.approx(100, rel=0.02)
    assert (one.merging, two.merging) == (0, pytest.approx(10))
    assert two.seconds == pytest.approx(50 + 10, rel=0.02)
    assert two.core_hours == pytest.approx((104 * 50 + 10) / HOUR, rel=0.02)


def test_the_tables_of_the_page_are_those_of_the_simulation() -> None:
    """``python -m benchmarks.scale.page`` writes them again."""
    text = PAGE.read_text(encoding="utf-8")
    assert written(text) == text
    assert tables() in text


def test_a_simulation_of_what_was_measured_is_not_far_off() -> None:
    assert [run.workers for run in MEASURED] == [1, 2]
    for run in MEASURED:
        assert predicted(run) == pytest.approx(run.seconds, rel=0.2)


def test_another_price_changes_the_cost_alone() -> None:
    (usual, *_), (dear, *_) = (tables(price).splitlines()[2:] for price in (0.05, 0.5))
    assert usual.endswith("| $17 |")
    assert dear == usual.replace("| $17 |", "| $167 |")
