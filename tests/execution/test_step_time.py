"""Step times: taking turns on one pinned core, and a clock that shows what was measured elsewhere."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock

from paribus import Pretrained
from paribus.execution import step_time
from paribus.execution.executors import Failure, TimeLimitError, WorkerDiedError
from paribus.execution.step_time import (
    ROUNDS,
    WARM_UP,
    ReplayClock,
    Turns,
    pinned,
    time_side_by_side,
    time_steps,
)
from paribus.runs.run import Run
from paribus.spec import call
from paribus.training.loop import Training
from tests.helpers.toys import ADAM, RECIPE, TASK, Deadly, Raises, Watch, a_run

needs_affinity = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="this system pins no process to a core"
)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    made = Watch()
    monkeypatch.setattr(step_time, "time", made)
    return made


def test_a_clock_that_was_told_nothing_is_the_systems(watch: Watch) -> None:
    clock = ReplayClock()
    assert clock() == 100.0
    watch.now = 102.5
    assert clock() == 102.5


@pytest.mark.parametrize("took", [0.0, 0.25, 64.0])
@pytest.mark.parametrize(("seconds", "shown"), [([2.0, 3.5], 5.5), ([0.125], 0.125), ([], 0.0)])
def test_a_clock_shows_what_it_is_told_however_long_it_took(
    watch: Watch, took: float, seconds: list[float], shown: float
) -> None:
    clock = ReplayClock()
    started = clock()
    with clock.showing() as told:
        watch.now += took
        told.extend(seconds)
    assert clock() - started == shown


def test_what_is_shown_adds_up_and_the_time_between_is_real(watch: Watch) -> None:
    clock = ReplayClock()
    started = clock()
    for _ in range(3):
        with clock.showing() as told:
            watch.now += 8.0
            told.append(2.0)
        watch.now += 1.0
    assert clock() - started == 9.0


def test_after_an_error_the_clock_shows_the_time_that_passed(watch: Watch) -> None:
    clock = ReplayClock()
    started = clock()

    def fail() -> None:
        with clock.showing() as told:
            watch.now += 8.0
            told.append(2.0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert clock() - started == 8.0


def test_pytest_benchmark_can_name_the_clock() -> None:
    """It writes the timer's ``__name__`` into its tables and files."""
    assert ReplayClock().__name__ == "Clock"


@needs_affinity
def test_a_pinned_process_has_one_core_and_gets_the_others_back() -> None:
    before = os.sched_getaffinity(0)
    with pinned():
        assert os.sched_getaffinity(0) == {max(before)}
    assert os.sched_getaffinity(0) == before


@needs_affinity
def test_a_pinned_process_gets_its_cores_back_after_an_error() -> None:
    before = os.sched_getaffinity(0)
    with pytest.raises(ZeroDivisionError), pinned():
        raise ZeroDivisionError
    assert os.sched_getaffinity(0) == before


@needs_affinity
def test_processes_that_are_pinned_at_the_same_time_share_no_core(tmp_path: Path) -> None:
    """Where another one has claimed the last core, the one before it is taken, and given back."""
    before = sorted(os.sched_getaffinity(0))
    if len(before) < 2:
        pytest.skip("this machine has a single core")
    with FileLock(tmp_path / f"core-{before[-1]}"):
        for _ in range(2):
            with pinned(tmp_path):
                assert os.sched_getaffinity(0) == {before[-2]}
    with pinned(tmp_path):
        assert os.sched_getaffinity(0) == {before[-1]}
    assert sorted(os.sched_getaffinity(0)) == before


def test_what_cannot_be_timed_costs_no_other() -> None:
    """Neither what raises an error, nor what takes longer than it may."""
    sound = Turns([a_run(optimizer=ADAM)], a_run())
    work = [Turns([a_run(model=call(Raises))], a_run()), sound, Turns([a_run(seed=1)], a_run())]
    found = dict(time_side_by_side(work, 2, lambda turns: 0.0 if turns is work[2] else 60.0))
    raised, timed, late = (found[i] for i in range(3))
    assert isinstance(raised, Failure)
    assert "the third step is one too many" in str(raised.error)
    assert isinstance(timed, list)
    assert [len(timing.variant) for timing in timed] == [ROUNDS]
    assert isinstance(late, Failure)
    assert isinstance(late.error, TimeLimitError)


def test_steps_whose_process_is_killed_are_timed_once_more(tmp_path: Path) -> None:
    """It may have been anybody, such as the system where memory ran out."""
    once = a_run(model=call(Deadly, marker=str(tmp_path / "killed")))
    always = a_run(model=call(Deadly))
    work = [Turns([once], a_run()), Turns([always], a_run()), Turns([a_run()], a_run())]
    found = dict(time_side_by_side(work, 2, lambda _: 60.0))
    assert isinstance(found[0], list)
    assert isinstance(found[2], list)
    assert isinstance(found[1], Failure)
    assert isinstance(found[1].error, WorkerDiedError)


@needs_affinity
def test_cores_are_claimed_in_the_cache_and_by_nobody_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of its own would stay behind where the command is killed."""
    monkeypatch.setenv("PARIBUS_CACHE", str(tmp_path / "cache"))
    work = [Turns([a_run()], a_run())]
    ((_, found),) = time_side_by_side(work, 2, lambda _: 60.0)
    assert isinstance(found, list)
    core = max(os.sched_getaffinity(0))
    assert {path.name for path in (tmp_path / "cache" / "cores").iterdir()} == {f"core-{core}"}
    (tmp_path / "file").touch()
    monkeypatch.setenv("PARIBUS_CACHE", str(tmp_path / "file"))
    ((_, found),) = time_side_by_side(work, 2, lambda _: 60.0)
    assert isinstance(found, list)


def test_variants_share_their_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the same task and seed have it once, others their own."""
    made: list[Training] = []

    class Noted(Training):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr(step_time, "Training", Noted)
    time_steps([a_run(optimizer=ADAM), a_run(seed=1), a_run(dtype="float64")], a_run())
    first, seed, precision, baseline = (training.parts for training in made)
    assert first is baseline
    assert len({id(first), id(seed), id(precision)}) == 3
    assert precision.train.inputs[0].dtype == torch.float64


def test_a_step_is_timed_without_the_training_that_it_starts_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It would take long, and changes no time."""
    started = Pretrained(task=TASK, recipe=RECIPE)
    made: list[Run] = []

    class Noted(Training):
        def __init__(self, run: Run, *arguments: Any) -> None:
            super().__init__(run, *arguments)
            made.append(run)

    monkeypatch.setattr(step_time, "Training", Noted)
    time_steps([a_run(start=started)], a_run(start=started))
    assert [run.recipe.start for run in made] == [None, None]


def test_where_no_process_can_be_pinned_none_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    with pinned():
        assert (os.sched_getaffinity(0) if before else set()) == before


def test_variant_and_baseline_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the warm-up, and one probe of the baseline, of which 10 ms hold five steps of 2 ms each."""
    monkeypatch.setattr(step_time, "ROUND_SECONDS", 0.01)
    turns: list[tuple[str, int, int]] = []

    def seconds(training: Training, steps: int) -> float:
        name = training.run.recipe.optimizer.label.partition("(")[0]
        turns.append((name, steps, training.steps))
        training.advance(1)
        return {"Adam": 0.004, "SGD": 0.002}[name]

    monkeypatch.setattr(step_time, "_seconds", seconds)
    (timing,) = time_steps([a_run(optimizer=ADAM)], a_run())
    probe, *rounds = turns
    assert probe == ("SGD", WARM_UP, WARM_UP)
    there_and_back = [("Adam", 5), ("SGD", 5), ("SGD", 5), ("Adam", 5)]
    assert [(name, steps) for name, steps, _ in rounds] == (there_and_back * ROUNDS)[: 2 * ROUNDS]
    assert rounds[0] == ("Adam", 5, WARM_UP)
    assert timing == ([0.004] * ROUNDS, [0.002] * ROUNDS)
    assert timing.ratio == 2.0


def test_variants_share_their_baseline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each round goes once round all of them."""
    names: list[str] = []

    def seconds(training: Training, _steps: int) -> float:
        names.append(training.run.recipe.optimizer.label.partition("(")[0])
        return float(len(names))

    monkeypatch.setattr(step_time, "_seconds", seconds)
    monkeypatch.setattr(step_time, "ROUNDS", 2)
    first, other = time_steps([a_run(optimizer=ADAM), a_run(optimizer=ADAM)], a_run())
    assert names == ["SGD", "Adam", "Adam", "SGD", "Adam", "SGD", "Adam"]
    assert first == ([2.0, 7.0], [4.0, 6.0])
    assert other == ([3.0, 5.0], [4.0, 6.0])


def test_a_round_has_at_least_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    monkeypatch.setattr(step_time, "_seconds", lambda _, n: steps.append(n) or 0.5)
    time_steps([a_run()], a_run())
    assert steps[1:] == [1] * 2 * ROUNDS


@needs_affinity
def test_steps_are_timed_on_one_core_and_thread_without_the_collector(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: set[tuple[int, int, bool]] = set()
    advance = Training.advance

    def watched(training: Training, steps: int) -> torch.Tensor:
        if training.steps:
            seen.add((len(os.sched_getaffinity(0)), torch.get_num_threads(), gc.isenabled()))
        return advance(training, steps)

    monkeypatch.setattr(Training, "advance", watched)
    monkeypatch.setattr(step_time, "ROUNDS", 2)
    before = (os.sched_getaffinity(0), torch.get_num_threads(), gc.isenabled())
    (timing,) = time_steps([a_run(optimizer=ADAM)], a_run())
    assert seen == {(1, 1, False)}
    assert (os.sched_getaffinity(0), torch.get_num_threads(), gc.isenabled()) == before
    assert [len(seconds) for seconds in timing] == [2, 2]
    assert min(min(seconds) for seconds in timing) > 0


def test_timing_leaves_the_global_generator_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_time, "ROUNDS", 1)
    before = torch.get_rng_state()
    time_steps([a_run()], a_run())
    assert torch.equal(torch.get_rng_state(), before)


def test_an_error_in_a_step_gives_everything_back() -> None:
    """The third training step raises, the one after two of the warm-up."""
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    with pytest.raises(RuntimeError, match="the third step is one too many"):
        time_steps([a_run(model=call(Raises))], a_run())
    assert gc.isenabled()
    assert (os.sched_getaffinity(0) if before else None) == before


def test_an_error_in_a_timed_step_switches_the_collector_on_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(step_time, "WARM_UP", 2)
    with pytest.raises(RuntimeError, match="the third step is one too many"):
        time_steps([a_run()], a_run(model=call(Raises)))
    assert gc.isenabled()
