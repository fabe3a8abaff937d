"""Progress: how much is left, reckoned from estimates and from how they have fared; and what a terminal shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from paribus.execution import progress
from paribus.execution.progress import Forecast, ProgressBar, say
from tests.helpers.toys import Watch


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    made = Watch()
    monkeypatch.setattr(progress, "time", made)
    return made


@pytest.mark.parametrize(
    ("planned", "done", "spent", "left"),
    [
        (100, 0, 0, 100),
        (100, 20, 20, 80),
        (100, 20, 40, 160),
        (100, 20, 5, 20),
        (100, 100, 300, 0),
        (100, 120, 90, 0),
        (0, 0, 0, 0),
    ],
    ids=[
        "retrain",
        "as planned",
        "twice as slow",
        "four times as fast",
        "over",
        "beyond",
        "nothing",
    ],
)
def test_the_time_left_is_what_was_planned_at_the_pace_so_far(
    planned: float, done: float, spent: float, left: float
) -> None:
    assert Forecast(planned, done, spent).left() == left


@pytest.mark.parametrize("shown", [True, False])
def test_batches_add_up_estimates_and_seconds(watch: Watch, shown: bool) -> None:
    """By hand: 30 s of 90 were done in 60, so the 60 that are left take 120."""
    bar = ProgressBar(shown=shown)
    bar.forecast.planned = 90.0
    for estimate, spent in ((10.0, 25.0), (20.0, 35.0)):
        with bar.batch("toys-sgd-cpu", 2, estimate) as advance:
            advance()
            watch.now += spent
            advance()
    assert (bar.forecast.done, bar.forecast.spent) == (30.0, 60.0)
    assert bar.forecast.left() == 120.0


def test_a_batch_that_is_broken_off_is_not_waited_for(watch: Watch) -> None:
    bar = ProgressBar(shown=False)
    bar.forecast.planned = 10.0

    def interrupted() -> None:
        with bar.batch("toys-sgd-cpu", 2, 10.0):
            watch.now += 1.0
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert bar.forecast == Forecast(planned=10.0, done=10.0, spent=1.0)


def test_the_forecast_moves_with_each_run(watch: Watch) -> None:
    """By hand: a run was to take 5 s and takes 15, so the three that are left take 45."""
    bar = ProgressBar()
    bar.forecast.planned = 20.0
    with bar.batch("toys-sgd-cpu", 4, 20.0) as advance:
        watch.now += 15.0
        advance()
        assert bar.forecast == Forecast(planned=20.0, done=5.0, spent=15.0)
        assert bar.forecast.left() == 45.0


def test_a_log_file_is_told_the_counts_and_the_time_left(
    watch: Watch, capfd: pytest.CaptureFixture[str]
) -> None:
    bar = ProgressBar()
    bar.forecast.planned = 95.0
    with bar.batch("toys-sgd-cpu", 2, 20.0) as advance:
        advance()
        watch.now += 20.0
        advance()
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("toys-sgd-cpu ")
    assert "2/2 runs," in lines[0]
    assert lines[0].rstrip().endswith("about 1:15 left in all")


def test_what_is_in_no_forecast_is_counted_by_its_own_unit_and_moves_none(
    watch: Watch, capfd: pytest.CaptureFixture[str]
) -> None:
    bar = ProgressBar()
    with bar.batch("choosing engines", 1, 0.0, "kinds") as advance:
        watch.now += 9.0
        advance()
    line = capfd.readouterr().err
    assert "1/1 kinds, " in line
    assert "left" not in line
    assert bar.forecast == Forecast()


def test_the_terminal_is_reached_for_as_long_as_a_batch_lasts() -> None:
    seen: list[str] = []

    @contextmanager
    def uncaptured() -> Iterator[None]:
        seen.append("open")
        yield
        seen.append("shut")

    bar = ProgressBar(uncaptured)
    with bar.batch("toys-sgd-cpu", 1, 1.0):
        seen.append("work")
    assert seen == ["open", "work", "shut"]


def test_nothing_is_shown_where_nothing_is_to_be_shown(capfd: pytest.CaptureFixture[str]) -> None:
    with ProgressBar(shown=False).batch("toys-sgd-cpu", 1, 1.0) as advance:
        advance()
    assert capfd.readouterr() == ("", "")


def test_what_is_done_now_is_said_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    say("optimizers: loading torch")
    assert capfd.readouterr() == ("", "optimizers: loading torch\n")


# Batches of a session of four suites by one process: seconds that the cost model said, and that they took.
SESSION = [
    *((1.4, 0.87), (0.7, 0.87), (0.7, 0.75), (0.7, 1.23), (6.4, 5.08), (4.6, 2.43), (1.4, 0.54)),
    *((2.4, 1.54), (0.7, 0.52), (2.4, 1.53), (0.7, 0.51), (2.5, 1.68), (0.7, 0.49), (2.6, 3.34)),
    *((2.6, 3.37), (2.6, 3.13), (2.6, 3.32), (2.6, 3.53), (5.0, 3.25), (1.4, 1.67), (1.4, 1.65)),
    *((1.4, 1.69), (1.2, 1.55), (1.2, 1.08), (0.6, 0.94), (0.4, 0.42), (0.4, 0.45), (0.5, 0.62)),
    *((0.7, 1.14), (0.6, 0.67), (0.5, 0.74), (1.0, 0.93), (2.3, 2.52), (1.5, 0.62), (0.5, 0.38)),
]


@pytest.mark.parametrize("machine", [0.4, 1.0, 3.0], ids=["faster", "as measured", "busy"])
def test_after_a_tenth_of_a_session_the_time_left_is_within_thirty_percent(
    watch: Watch, machine: float
) -> None:
    bar = ProgressBar(shown=False)
    bar.forecast.planned = sum(estimate for estimate, _ in SESSION)
    whole = machine * sum(taken for _, taken in SESSION)
    left = []
    for i, (estimate, taken) in enumerate(SESSION):
        with bar.batch(f"batch {i}", 1, estimate):
            watch.now += machine * taken
        if bar.forecast.spent >= whole / 10:
            left.append((bar.forecast.left(), whole - bar.forecast.spent))
    said, true = left[0]
    assert said == pytest.approx(true, rel=0.3)
