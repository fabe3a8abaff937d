"""Session: nothing is trained twice, nothing long starts before everything was tried, and control is watched."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from paribus import Budget, Comparison, Factor, LogUniform, ParibusError, Suite, Tuning, call
from paribus.analysis.interim_looks import note_looks
from paribus.analysis.results import Result
from paribus.execution import executor, preflight, step_times
from paribus.execution import session as module
from paribus.execution.cases import Case, cases
from paribus.execution.executors import Failure, TimeLimitError
from paribus.execution.forecast import ExpectedSeconds
from paribus.execution.session import Session
from paribus.execution.step_time import ROUNDS, Turns
from paribus.execution.where import Place
from paribus.experiment.search_space import space
from paribus.runs.run import Run, RunResult
from paribus.runs.store import Timing
from paribus.spec import replace as replaced
from tests.helpers import toys
from tests.helpers.elsewhere import Elsewhere
from tests.helpers.refusals import refused
from tests.helpers.toys import ADAM, SGD, TASK, Misfit, Raises, Unpaired, comparison, score, suite

SUITE = suite()
ROOT = Path(__file__).parents[2]
Opener = Callable[..., Session]


def _cases(made: Suite = SUITE, device: str = "cpu") -> list[Case]:
    return [case for case in cases([made]) if case.device == device]


def _trained(session: Session, made: Suite = SUITE) -> dict[str, list[int]]:
    """Prepare and train; seeds of the runs that were trained now, by comparison and variant."""
    chosen = _cases(made)
    session.prepare(chosen)
    return {
        f"{case.comparison} {case.variant}": [run.seed for run in session.train_group(case)]
        for case in chosen
    }


def _result(session: Session, made: Suite = SUITE) -> Result:
    (result,) = session.study.results(_cases(made))
    note_looks([result], session.study.store)
    return result


def _told(result: Result) -> dict[str, str]:
    """All that a result says, as text: arrays digit by digit, without the functions that it carries."""
    rows = [
        (row.variant, [run.key for run in row.runs], row.records, row.scores.tolist(), row.timing)
        for row in result.rows
    ]
    told = {
        "rows": rows,
        "contrasts": dict(result.contrasts),
        "control": result.control,
        "looks": result.looks,
        "dummy": [row.dummy.tolist() for row in result.rows],
        "seeds": result.seeds,
        "failed": [row.failed for row in result.rows],
        "predictions": [
            [(p.outputs.tobytes(), p.target.tobytes(), p.dummy.tobytes()) for p in found]
            for found in map(result.predictions, result.rows)
        ],
    }
    return {name: repr(value) for name, value in told.items()}


def _without_seconds(result: Result) -> list[RunResult]:
    return [
        replace(record, seconds=0.0, step_seconds=0.0)
        for row in result.rows
        for record in row.present
    ]


# What is trained


def test_a_second_session_trains_nothing_and_gives_an_equal_result(opened: Opener) -> None:
    first = opened()
    assert _trained(first) == {"toys sgd": [0, 1], "toys adam": [0, 1]}
    second = opened()
    before = _told(_result(first))
    assert _trained(second) == {"toys sgd": [], "toys adam": []}
    assert _told(_result(second)) == before
    assert second.trained == set()


def test_more_seeds_later_train_those_alone_and_make_the_look_exploratory(opened: Opener) -> None:
    first = opened(seeds=10)
    _trained(first)
    result = _result(first)
    assert (result.looks, result.exploratory) == ((10,), False)
    second = opened(seeds=12)
    assert _trained(second) == {"toys sgd": [10, 11], "toys adam": [10, 11]}
    result = _result(second)
    assert (result.looks, result.exploratory) == ((10, 12), True)
    assert result.seeds == tuple(range(12))
    assert result.contrasts["adam"].n == 12


def test_looking_again_with_as_many_seeds_is_no_further_look(opened: Opener) -> None:
    for _ in range(3):
        session = opened(seeds=6)
        _trained(session)
        assert _result(session).looks == (6,)
    assert not _result(session).exploratory


def test_a_result_that_is_not_complete_is_no_look(opened: Opener) -> None:
    session = opened(seeds=3)
    session.prepare(_cases())
    session.train_group(_cases()[0])
    assert _result(session).looks == ()
    assert _trained(opened(seeds=4)) == {"toys sgd": [3], "toys adam": [0, 1, 2, 3]}


def test_the_budget_says_how_many_seeds_unless_the_user_does(opened: Opener) -> None:
    session = opened()
    session.prepare(_cases())
    assert session.study.seeds(comparison()) == range(2)
    assert opened(seeds=7).study.seeds(comparison()) == range(7)


def test_fresh_trains_again_and_bit_for_bit_the_same(opened: Opener) -> None:
    first = opened()
    _trained(first)
    before = _result(first)
    told, records = _told(before), _without_seconds(before)
    again = opened(retrain=True)
    assert _trained(again) == {"toys sgd": [0, 1], "toys adam": [0, 1]}
    after = _result(again)
    assert repr(_without_seconds(after)) == repr(records)
    assert _told(after)["predictions"] == told["predictions"]
    assert _told(after)["contrasts"] == told["contrasts"]


def test_fresh_trains_each_run_once_a_session(opened: Opener) -> None:
    session = opened(retrain=True)
    _trained(session)
    assert [session.train_group(case) for case in _cases()] == [[], []]


def test_comparisons_that_share_runs_train_them_once(opened: Opener) -> None:
    other = comparison(levels={"sgd": SGD, "slow": call("torch.optim:SGD", lr=0.01)}, name="rates")
    both = suite(comparison(), other)
    session = opened(both)
    assert _trained(session, both) == {
        "toys sgd": [0, 1],
        "toys adam": [0, 1],
        "rates sgd": [],
        "rates slow": [0, 1],
    }
    first, second = session.study.results(_cases(both))
    assert first.baseline.records == second.baseline.records


def test_variants_that_differ_in_the_metric_alone_share_their_runs(opened: Opener) -> None:
    """The share of right predictions, and its square: one training, two scores."""
    averaging = suite(
        comparison("metric.function.power", {"plain": 1, "squared": 2}, metric=score())
    )
    session = opened(averaging, seeds=6)
    assert _trained(session, averaging) == {"toys plain": [*range(6)], "toys squared": []}
    plain, squared = _result(session, averaging).rows
    assert plain.records == squared.records
    accuracy = plain.values("accuracy")
    assert plain.scores.tolist() == pytest.approx(accuracy.tolist(), abs=1e-7)
    assert squared.scores.tolist() == pytest.approx((accuracy**2).tolist(), abs=1e-7)


def test_an_interrupted_training_keeps_what_was_finished(opened: Opener) -> None:
    session = opened(seeds=5)
    session.prepare(_cases())
    add, kept = session.study.store.add, []

    def add_three(run: Run, record: RunResult) -> None:
        add(run, record)
        kept.append(run.seed)
        if len(kept) == 3:
            raise KeyboardInterrupt

    session.study.store.add = add_three
    with pytest.raises(KeyboardInterrupt):
        session.train_group(_cases()[0])
    assert _trained(opened(seeds=5)) == {"toys sgd": [3, 4], "toys adam": [*range(5)]}


def test_what_was_finished_before_a_run_raised_is_kept(opened: Opener) -> None:
    fragile = suite(
        comparison("recipe.model", {"small": toys.RECIPE.model, "raises": call(Raises)})
    )
    session = opened(fragile)
    small, raises = _cases(fragile)
    session.prepare([small, raises])
    session.train_group(small)
    with pytest.raises(ParibusError, match="the third step is one too many"):
        session.train_group(raises)
    session.study.failures[raises] = "the third step is one too many"
    result = _result(session, fragile)
    assert [row.complete for row in result.rows] == [True, False]
    assert result.row("raises").failed == "the third step is one too many"
    assert (result.contrasts, result.looks) == ({}, ())


@pytest.mark.usefixtures("unknown_networks")
def test_all_variants_are_trained_at_once_where_processes_work_side_by_side(opened: Opener) -> None:
    """So that none of them waits for another variant's last run; one process has nobody to wait for."""
    session = opened(seeds=3, jobs=2)
    assert _trained(session) == {"toys sgd": [0, 1, 2] * 2, "toys adam": []}
    assert session.progress.forecast.done == session.progress.forecast.planned == 6.0


@pytest.mark.parametrize("jobs", [1, 2])
def test_cohorts_are_whole_whichever_comparison_they_are_of(
    opened: Opener, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    """Two comparisons at rates of their own: a process alone takes SGD's runs, two take Adam's beside them."""
    made = [
        comparison(
            levels={"sgd": replaced(SGD, "lr", rate), "adam": replaced(ADAM, "lr", rate)}, name=name
        )
        for name, rate in (("slow", 0.01), ("fast", 0.02))
    ]
    both = Suite(name="toys", title="Toys", comparisons=tuple(made))
    trained: list[int] = []

    def execute(runs: Sequence[Run], **settings: Any) -> dict[str, ParibusError]:
        trained.append(len(runs))
        return executor.execute(runs, **settings)

    monkeypatch.setattr(module, "execute", execute)
    session = opened(both, engine="stacked", jobs=jobs, seeds=3)
    _trained(session, both)
    assert trained == {1: [6, 6], 2: [12]}[jobs]


@pytest.mark.parametrize(("enough", "calls"), [(60.0, [12]), (4.0, [8, 4]), (0.0, [4, 4, 4])])
def test_arms_are_trained_at_once_until_there_is_work_enough(
    opened: Opener, monkeypatch: pytest.MonkeyPatch, enough: float, calls: list[int]
) -> None:
    """Three arms of four runs, of which each takes half of a second in either process."""
    monkeypatch.setattr(module, "ENOUGH_SECONDS", enough)
    monkeypatch.setattr(ExpectedSeconds, "seconds", lambda _self, _case, runs: runs / 2)
    trained: list[int] = []

    def execute(runs: list[Run], **settings: Any) -> dict[str, ParibusError]:
        trained.append(len(runs))
        return executor.execute(runs, **{**settings, "jobs": 1})

    monkeypatch.setattr(module, "execute", execute)
    three = suite(
        *(
            comparison(
                levels={
                    name: replaced(SGD, "lr", rate / i)
                    for name, rate in (("slow", 0.1), ("fast", 0.2))
                },
                name=f"toys {i}",
            )
            for i in (3, 5, 7)
        )
    )
    session = opened(three, engine="loop", jobs=2)
    _trained(session, three)
    assert trained == calls


@pytest.mark.parametrize("which", [0, 1])
def test_a_variant_that_raises_costs_those_trained_beside_it_nothing(
    opened: Opener, which: int
) -> None:
    levels = {"small": toys.RECIPE.model, "raises": call(Raises)}
    fragile = suite(comparison("recipe.model", dict(sorted(levels.items(), reverse=bool(which)))))
    session = opened(fragile, jobs=2)
    chosen = {case.variant: case for case in _cases(fragile)}
    session.prepare([*chosen.values()])
    for _ in range(2):
        session.train_group(chosen["small"])
        with pytest.raises(ParibusError, match="the third step is one too many"):
            session.train_group(chosen["raises"])
    assert len(session.study.records(chosen["small"])) == 2
    assert session.study.records(chosen["raises"]) == []


@pytest.mark.usefixtures("unknown_networks")
def test_the_forecast_is_of_what_is_missing(opened: Opener) -> None:
    """The budget has 4 s for two variants at two seeds, so a run takes one."""
    first = opened(seeds=3)
    first.prepare(_cases())
    assert first.progress.forecast.planned == 6.0
    first.train_group(_cases()[0])
    assert first.progress.forecast.done == 3.0
    later = opened(seeds=4)
    later.prepare(_cases())
    assert later.progress.forecast.planned == 5.0
    fresh = opened(seeds=4, retrain=True)
    fresh.prepare(_cases())
    assert fresh.progress.forecast.planned == 8.0


def test_records_say_from_which_commit_they_come(
    opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert opened().source == {"commit": "unknown", "dirty": False}
    (tmp_path / "file").touch()
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b")
    for command in ("init -q", "add file", "commit -q -m first"):
        subprocess.run([*git, *command.split()], check=True)
    head = subprocess.run(
        [*git, "rev-parse", "--short=12", "HEAD"], check=True, capture_output=True, text=True
    )
    clean = {"commit": head.stdout.strip(), "dirty": False}
    assert opened().source == clean
    (tmp_path / "file").write_text("changed")
    session = opened()
    assert session.source == {**clean, "dirty": True}
    _trained(session)
    (record, *_) = session.study.records(_cases()[0])
    assert record.provenance.items() > session.source.items()


# What is held equal


def test_variants_share_split_order_and_initial_weights(opened: Opener) -> None:
    session = opened(seeds=3)
    _trained(session)
    result = _result(session)
    for name in ("data", "split", "order", "init"):
        sgd, adam = ([r.hashes[name] for r in row.present] for row in result.rows)
        assert sgd == adam
        assert name == "data" or len({json.dumps(h) for h in sgd}) == 3
    assert result.control.broken == ()
    assert result.control.varied == {
        "recipe.optimizer.lr": {"sgd": 0.1, "adam": 0.01},
        "recipe.optimizer.target": {"sgd": "torch.optim:SGD", "adam": "torch.optim:Adam"},
    }
    assert result.control.checked == (
        "train, validation and test samples of each seed",
        "the order in which a seed's samples are seen",
        "a seed's initial weights, layer by layer, wherever kind and shape of the layer match",
    )


def test_what_is_drawn_outside_the_streams_breaks_control(opened: Opener) -> None:
    """A network whose constructor draws from the system gives no two variants the same start."""
    unpaired = suite(comparison(recipe=toys.RECIPE.model_copy(update={"model": call(Unpaired)})))
    session = opened(unpaired, seeds=6)
    _trained(session, unpaired)
    result = _result(session, unpaired)
    assert result.control.broken == tuple(
        f"init of seed {seed} differs between 'sgd' and 'adam'" for seed in range(6)
    )
    assert result.contrasts == {}


@pytest.mark.parametrize(
    ("part", "broken"),
    [("split", "edited"), ("order", "edited"), ("init", {"Linear0.weight(4, 2)": "edited"})],
)
def test_one_hash_that_differs_withholds_the_verdicts(
    opened: Opener, part: str, broken: object
) -> None:
    session = opened(seeds=6)
    _trained(session)
    assert set(_result(session).contrasts) == {"adam"}
    adam = _cases()[1]
    run, record = session.study.runs(adam)[4], session.study.records(adam)[4]
    hashes = {**record.hashes, part: broken}
    predictions = session.study.store.predictions(run.key)
    session.study.store.add(run, replace(record, hashes=hashes, predictions=predictions))
    result = _result(session)
    assert result.control.broken == (f"{part} of seed 4 differs between 'sgd' and 'adam'",)
    assert result.contrasts == {}


@pytest.mark.parametrize(
    ("path", "levels", "unchecked"),
    [
        ("task.split.imbalance", {"even": 1.0, "uneven": 3.0}, {"split", "order"}),
        ("recipe.batch_size", {"eight": 8, "four": 4}, {"order"}),
        (
            "recipe.init",
            {"torch": None, "kaiming": "paribus.models.initialise:kaiming_uniform"},
            {"init"},
        ),
        ("recipe.salt", {"a": "a", "b": "b"}, {"order", "init"}),
        ("recipe.model.hidden", {"four": 4, "eight": 8}, set()),
    ],
)
def test_what_the_factor_changes_is_not_held_equal(
    opened: Opener, path: str, levels: dict[str, object], unchecked: set[str]
) -> None:
    levels = {
        name: call(level) if path == "recipe.init" and level else level
        for name, level in levels.items()
    }
    made = suite(comparison(path, levels))
    session = opened(made)
    _trained(session, made)
    result = _result(session, made)
    first, second = (row.present[0].hashes for row in result.rows)
    assert {name for name in ("split", "order") if first[name] != second[name]} == unchecked - {
        "init"
    }
    assert result.control.broken == ()
    assert len(result.control.checked) == 3 - len(unchecked)


# Step times


def test_workers_start_once_nothing_is_refused_unless_all_may_be_known(
    opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[int] = []
    monkeypatch.setattr(module, "prestart", lambda: woken.append(1))
    chosen = _cases(suite())
    opened(jobs=2, engine="loop").prepare(chosen)
    assert woken == [1]
    first = opened(engine="loop")
    first.prepare(chosen)
    assert woken == [1]
    first.train_group(chosen[0])
    opened(jobs=2, engine="loop").prepare(chosen)
    assert woken == [1]


@pytest.fixture
def timings(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """List what took turns, in words, its baseline last; the first takes one second, the next two, and so on."""
    turns: list[list[str]] = []

    def time_steps(variants: Sequence[Run], baseline: Run) -> list[Timing]:
        earlier = sum(len(names) - 1 for names in turns)
        turns.append([run.recipe.optimizer.label for run in (*variants, baseline)])
        return [Timing([earlier + i + 1.0], [2.0]) for i in range(len(variants))]

    monkeypatch.setattr(step_times, "time_steps", time_steps)
    return turns


SGD_STEP, ADAM_STEP = "SGD(lr=0.1)", "Adam(lr=0.01)"


def test_step_times_are_taken_once_of_all_variants_and_found_in_the_store(
    opened: Opener, timings: list[list[str]]
) -> None:
    sgd, adam = _cases()
    for known in (False, True):
        session = opened()
        session.prepare(_cases())
        assert session.time(adam) == (Timing([2.0], [2.0]), known)
        assert session.time(sgd) == (Timing([1.0], [2.0]), known)
        assert session.time(sgd) == (Timing([1.0], [2.0]), True)
    assert timings == [[SGD_STEP, ADAM_STEP, SGD_STEP]]
    assert [row.timing for row in _result(session).rows] == [([1.0], [2.0]), ([2.0], [2.0])]


def test_steps_that_differ_in_a_learning_rate_alone_are_timed_once(
    opened: Opener, timings: list[list[str]]
) -> None:
    made = suite(comparison("recipe.optimizer.lr", {"small": 0.1, "large": 0.5}))
    small, large = _cases(made)
    session = opened(made)
    session.prepare(_cases(made))
    assert session.time(large) == (Timing([1.0], [2.0]), False)
    assert session.time(small) == (Timing([1.0], [2.0]), True)
    assert len(timings) == 1


def test_nothing_is_timed_against_a_baseline_that_failed(
    opened: Opener, timings: list[list[str]]
) -> None:
    """It may hang, or take the process with it."""
    made = suite(comparison("recipe.model", {"raises": call(Raises), "small": call(toys.Small)}))
    session = opened(made)
    session.prepare(_cases(made))
    session.train_each(_cases(made))
    session.time_planned()
    assert timings == []


def test_a_process_that_is_lost_while_it_times_is_told_of_and_not_tried_again_here(
    opened: Opener, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def lost(work: Sequence[Turns], timers: int, limit: Callable[[Turns], float]) -> Any:
        assert (len(work), timers) == (1, 2)
        assert limit(work[0]) == 3 * 7.0
        yield 0, Failure(TimeLimitError("no end after 21 s"))

    def never(*_: object) -> None:
        raise AssertionError("it would hang here, too")

    monkeypatch.setattr(step_times, "time_side_by_side", lost)
    monkeypatch.setattr(step_times, "time_steps", never)
    monkeypatch.setattr(step_times, "available_jobs", lambda: 2)
    session = opened(jobs=2, engine="loop", limit=7.0)
    session.prepare(_cases())
    session.time_planned()
    assert capfd.readouterr().err.splitlines()[-1] == (
        "Steps of toys, toys were not timed: no end after 21 s."
    )
    with pytest.raises(ParibusError, match="no end after 21 s"):
        session.time(_cases()[1])


def test_steps_are_timed_in_one_process_where_there_is_one_core(
    opened: Opener, timings: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many jobs there are, on this machine or a cluster."""
    monkeypatch.setattr(step_times, "available_jobs", lambda: 1)
    session = opened(jobs=2, engine="loop")
    session.prepare(_cases())
    session.time_planned()
    assert len(timings) == 1


def test_step_times_are_in_the_time_left_where_they_will_be_taken(
    opened: Opener, timings: list[list[str]]
) -> None:
    """By hand: both variants and their baseline beside them, of each eleven rounds of .01 s and a start of .1 s."""
    session = opened(engine="loop")
    session.prepare(_cases())
    trained = session.progress.forecast.planned
    session.prepare(_cases(), steps=True)
    planned = session.progress.forecast.planned
    assert planned - 2 * trained == pytest.approx(3 * (11 * 0.01 + 0.1))
    before = session.progress.forecast.done
    session.time_planned()
    assert len(timings) == 1
    assert session.progress.forecast.done - before == pytest.approx(0.63)


def test_equal_steps_of_two_comparisons_are_timed_once(
    opened: Opener, timings: list[list[str]]
) -> None:
    one = suite().comparisons[0]
    made = Suite(
        name="two",
        title="Two",
        comparisons=(one, one.model_copy(update={"name": "other"})),
    )
    session = opened(made)
    session.prepare(_cases(made))
    session.time_planned()
    assert timings == [[SGD_STEP, ADAM_STEP, SGD_STEP]]
    assert all(session.time(case)[0].variant for case in _cases(made))


def test_steps_of_several_comparisons_are_timed_in_processes(opened: Opener) -> None:
    """Each arm with a baseline of its own, in the process that has a core for it."""
    made = Suite(
        name="two",
        title="Two",
        comparisons=(
            comparison(name="one"),
            comparison("recipe.batch_size", {"eight": 8, "four": 4}, name="other"),
        ),
    )
    session = opened(made, jobs=2, engine="loop")
    session.prepare(_cases(made))
    session.time_planned()
    for case in _cases(made):
        timing, _ = session.time(case)
        assert len(timing.variant) == len(timing.baseline) == ROUNDS
        assert min(timing.variant + timing.baseline) > 0


def test_a_case_that_is_not_planned_is_not_timed(opened: Opener, timings: list[list[str]]) -> None:
    adam = _cases()[1]
    session = opened()
    session.prepare([adam])
    session.time(adam)
    assert timings == [[ADAM_STEP, SGD_STEP]]


def test_where_one_variant_cannot_be_timed_the_others_are_timed_by_themselves(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    def time_steps(variants: Sequence[Run], _baseline: Run) -> list[Timing]:
        if any(run.recipe.optimizer.label == ADAM_STEP for run in variants):
            raise RuntimeError("no step of Adam")
        return [Timing([1.0], [2.0])]

    monkeypatch.setattr(step_times, "time_steps", time_steps)
    sgd, adam = _cases()
    session = opened()
    session.prepare(_cases())
    assert session.time(sgd) == (Timing([1.0], [2.0]), False)
    with pytest.raises(ParibusError, match="no step of Adam"):
        session.time(adam)


def test_fresh_times_again_once_a_session(opened: Opener, timings: list[list[str]]) -> None:
    adam = _cases()[1]
    for seconds in (1.0, 3.0):
        session = opened(retrain=True)
        session.prepare(_cases())
        assert session.time(adam) == (Timing([seconds + 1], [2.0]), False)
        assert session.time(adam) == (Timing([seconds + 1], [2.0]), True)
    assert len(timings) == 2


def test_more_seeds_need_no_further_timing(opened: Opener, timings: list[list[str]]) -> None:
    for seeds in (2, 3):
        session = opened(seeds=seeds)
        session.prepare(_cases())
        session.time(_cases()[1])
    assert len(timings) == 1


# The user's own data


def _table(path: Path) -> Path:
    lines = [f"{i % 7},{(i * i) % 5},{'ab'[i % 3 == 0]}" for i in range(60)]
    path.write_text("\n".join(["x,y,class", *lines]))
    return path


def test_a_users_file_takes_the_place_of_the_embedded_data(opened: Opener, tmp_path: Path) -> None:
    session = opened(data={"toy": str(_table(tmp_path / "mine.csv"))})
    _trained(session)
    (record, *_) = session.study.records(_cases()[0])
    assert record.data["name"] == "mine.csv"
    assert record.data["classes"] == ["a", "b"]
    assert _trained(opened()) == {"toys sgd": [0, 1], "toys adam": [0, 1]}


def test_a_users_file_is_known_by_its_content(opened: Opener, tmp_path: Path) -> None:
    """A moved file needs no new training, a changed one does."""
    path = _table(tmp_path / "mine.csv")
    _trained(opened(data={"toy": str(path)}))
    path = path.rename(tmp_path / "moved.csv")
    assert _trained(opened(data={"toy": str(path)}))["toys sgd"] == []
    path.write_text(path.read_text() + "\n3,3,a")
    executor._datasets.clear()  # as in a later process; within one a file is read once
    assert _trained(opened(data={"toy": str(path)}))["toys sgd"] == [0, 1]


def test_a_target_is_the_column_to_predict(opened: Opener, tmp_path: Path) -> None:
    path = _table(tmp_path / "mine.csv")
    session = opened(data={"toy": str(path)}, targets={"toy": "y"})
    session.prepare(_cases())
    assert session.study.comparison(_cases()[0]).task.target == "y"


# What is refused


@pytest.mark.parametrize(
    ("settings", "option"),
    [
        ({"data": {"water": "a.csv"}}, "data"),
        ({"data": {"toy": "a.csv", "wter": "a.csv"}, "targets": {"wter": "x"}}, "data"),
    ],
)
def test_a_task_that_no_selected_suite_has_is_refused(
    opened: Opener, settings: dict[str, Any], option: str
) -> None:
    (unknown,) = settings[option].keys() - {"toy"}
    assert refused(lambda: opened(**settings).prepare(_cases())) == (
        f"task in --paribus-{option}: got {unknown!r}, expected one of toy. Name a task of a selected suite."
    )


def test_a_budget_that_a_comparison_lacks_is_refused(opened: Opener) -> None:
    assert refused(lambda: opened(budget="full").prepare(_cases())) == (
        "budget of comparison 'toys': got 'full', expected one of quick. "
        "Choose one of these with --paribus-budget."
    )


def test_a_network_that_does_not_fit_is_refused_before_anything_is_trained(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "execute", None)
    misfit = suite(comparison("recipe.model", {"small": toys.RECIPE.model, "wide": call(Misfit)}))
    assert refused(lambda: opened(misfit).prepare(_cases(misfit))) == (
        "variant 'wide' on points: got ValueError: wants three numbers a sample, not 2, "
        "expected a network that takes inputs of shape ((2,),) and puts out 1 number(s) a sample. "
        "Change recipe.model or the task's loss so that they fit the data."
    )


def test_a_setting_that_an_optimizer_does_not_know_is_refused(opened: Opener) -> None:
    made = suite(comparison(levels={"sgd": SGD, "odd": call("torch.optim:SGD", speed=1)}))
    message = refused(lambda: opened(made).prepare(_cases(made)))
    assert message.startswith(
        "optimizer SGD(speed=1) of variant 'odd': got TypeError: SGD.__init__() got an unexpected"
    )


def test_a_network_is_tried_once_for_all_optimizers(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two networks under three optimizers each; a network is tried with the first of them."""
    tried: list[str] = []
    monkeypatch.setattr(preflight, "try_once", lambda variant, **_: tried.append(variant.name))
    optimizers = {"sgd": SGD, "slow": call("torch.optim:SGD", lr=1e-3), "adam": ADAM}
    wide = {"narrow": 3, "wide": 4}
    crossed = comparison("recipe.optimizer", optimizers).model_copy(
        update={
            "factors": (
                Factor("recipe.model.hidden", wide),
                Factor("recipe.optimizer", optimizers),
            ),
            "baseline": ("narrow", "sgd"),
        }
    )
    made = suite(crossed)
    opened(made).prepare(_cases(made))
    assert tried == ["narrow × sgd", "wide × sgd"]


def test_a_network_that_cannot_be_imported_is_refused(opened: Opener) -> None:
    levels = {"small": toys.RECIPE.model, "gone": call("paribus.models.mlp:Gone")}
    made = suite(comparison("recipe.model", levels))
    assert refused(lambda: opened(made).prepare(_cases(made))) == (
        "the name of a callable: got 'paribus.models.mlp:Gone' (module 'paribus.models.mlp' has no attribute 'Gone'), "
        "expected 'module:qualname' of something that can be imported. "
        f"Check the spelling, and that the module is installed or lies in a folder of the path: {ROOT}."
    )


# Cells and devices


def test_a_cell_is_named_by_suite_variant_and_device() -> None:
    assert [case.name for case in cases([SUITE])] == [
        "toys-sgd-cpu",
        "toys-adam-cpu",
        "toys-sgd-cuda",
        "toys-adam-cuda",
    ]


def test_a_cells_name_tells_its_comparison_unless_it_is_named_as_its_suite() -> None:
    rates = {"low rate": 0.1, "high rate": 0.5}
    crossed = Comparison(
        name="crossed",
        question="?",
        task=TASK,
        recipe=toys.RECIPE,
        factors=(
            Factor("recipe.optimizer.lr", rates),
            Factor("recipe.batch_size", {"8": 8, "4": 4}),
        ),
        baseline=("high rate", "8"),
        budgets={"quick": Budget(2, 6, 1)},
    )
    names = [case.name for case in _cases(suite(comparison(), crossed))]
    assert names == [
        "toys-sgd-cpu",
        "toys-adam-cpu",
        "toys-crossed-high_rate+8-cpu",
        "toys-crossed-low_rate+8-cpu",
        "toys-crossed-low_rate+4-cpu",
        "toys-crossed-high_rate+4-cpu",
    ]


def test_every_cell_knows_its_baseline(opened: Opener) -> None:
    sgd, adam = _cases()
    assert opened().study.baseline(adam) == opened().study.baseline(sgd) == sgd


def test_what_cannot_run_here_is_skipped_with_the_reason(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    session = opened(device="auto")
    reasons = {case.device: session.study.skip_reason(case) for case in cases([SUITE])}
    assert reasons == {"cpu": "", "cuda": "no CUDA device was found"}
    assert session.settings.devices == ("cpu", "cuda")
    _trained(session)
    here, there = session.study.results(cases([SUITE]))
    assert (here.device, here.skipped, [*here.contrasts]) == ("cpu", "", ["adam"])
    assert (there.device, there.skipped, [*there.contrasts]) == (
        "cuda",
        "no CUDA device was found",
        [],
    )
    assert there.looks == ()


def test_where_nothing_can_run_there_is_a_result_that_says_so(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    session = opened(device="auto")
    session.prepare(_cases(device="cuda"))
    assert session.progress.forecast.planned == 0
    (result,) = session.study.results(_cases(device="cuda"))
    assert result.skipped == "no CUDA device was found"


SERIES = TASK.model_copy(update={"split": call("paribus.data.splits:time_split")})


def test_new_data_cannot_be_spoken_of_where_seeds_do_not_redraw_the_test_part(
    opened: Opener,
) -> None:
    made = suite(comparison(task=SERIES))
    session = opened(made, inference="population")
    assert refused(session.prepare, _cases(made)) == (
        "what comparison 'toys' speaks of: got new data, and a test part that is the same for every seed, expected a "
        "split that is drawn anew: a series speaks of new data by rolling origins. "
        "Leave --paribus-inference population out, or select other suites."
    )


def test_what_verdicts_speak_of_is_the_settings_or_else_the_comparisons_own(opened: Opener) -> None:
    own = suite(comparison(inference="population"))
    for settings, expected in (({}, "population"), ({"inference": "dataset"}, "dataset")):
        session = opened(own, **settings)
        session.prepare(_cases(own))
        assert session.study.comparison(_cases(own)[0]).inference == expected
    redrawn = suite(comparison(task=toys.REDRAWN))  # generated tasks need no correction
    opened(redrawn, inference="population").prepare(_cases(redrawn))


# --- a sequence of seeds ---------------------------------------------------------------------

# The baseline learns, one variant learns nothing, and one is the baseline spelled out, which ties for ever.
RACE = {
    "base": call("torch.optim:SGD", lr=0.1),
    "still": call("torch.optim:SGD", lr=0.0),
    "near": call("torch.optim:SGD", lr=0.1, momentum=0.0),
}


def _race(**settings: Any) -> Suite:
    recipe = toys.RECIPE.model_copy(update={"steps": 40, "evaluate_every": 20})
    budget = {"quick": Budget(3, 40, 2)}
    task = TASK.model_copy(update={"source": call(toys.points, apart=6.0)})
    return suite(comparison(levels=RACE, recipe=recipe, budgets=budget, task=task, **settings))


def test_seeds_are_added_to_what_is_open_and_to_nothing_else(opened: Opener) -> None:
    made = _race()
    session = opened(made, sequential=True, cap=12)
    _trained(session, made)
    assert {case.variant: len(session.study.runs(case)) for case in _cases(made)} == {
        "base": 9,
        "still": 9,
        "near": 9,
    }  # the fewest that can stop one of two
    session.follow(_cases(made))
    result = _result(session, made)
    still, near = result.contrasts["still"], result.contrasts["near"]
    assert (still.label, still.n) == ("wins less often", 9)
    assert {row.variant.name: len(row.runs) for row in result.rows} == {
        "base": 12,
        "still": 9,
        "near": 12,
    }
    assert (near.label, near.open, near.wins.ties) == ("identical", True, 12)
    assert (result.cap, len(result.seeds)) == (12, 12)
    assert not result.exploratory


def test_a_sequence_goes_on_from_what_the_store_holds(opened: Opener) -> None:
    made = _race()
    first = opened(made, sequential=True, cap=12)
    _trained(first, made)
    first.follow(_cases(made))
    again = opened(made, sequential=True, cap=14)
    assert not any(_trained(again, made).values())
    again.follow(_cases(made))
    runs = [run for case in _cases(made) for run in again.study.runs(case)]
    assert len(again.trained) == 2 * 2  # two more seeds of the baseline and of what is open
    assert {run.key for run in runs} >= again.trained
    assert not _result(again, made).exploratory


def test_a_fixed_look_before_a_sequence_makes_it_exploratory_and_the_other_way_round(
    opened: Opener,
) -> None:
    made = _race()
    fixed = opened(made, seeds=9)
    _trained(fixed, made)
    assert not _result(fixed, made).exploratory
    later = opened(made, sequential=True, cap=9)
    _trained(later, made)
    later.follow(_cases(made))
    result = _result(later, made)
    assert result.looks == (9, 9)
    assert result.contrasts["still"].label == "wins less often (exploratory)"
    assert _result(fixed, made).exploratory


def test_without_the_rule_nothing_is_added(opened: Opener) -> None:
    made = _race()
    session = opened(made, seeds=3)
    _trained(session, made)
    before = set(session.trained)
    session.follow(_cases(made))
    assert session.trained == before
    assert _result(session, made).cap is None


def test_a_sequence_of_new_data_is_refused(opened: Opener) -> None:
    made = _race(inference="population")
    session = opened(made, sequential=True)
    assert refused(session.prepare, _cases(made)) == (
        "a sequence of seeds of comparison 'toys': got verdicts of new data, expected seeds that say what they say "
        "whichever come after them, of this data set. Leave --paribus-sequential out, or select other suites."
    )


def test_the_tuned_arm_searches_for_each_seed_that_is_added(opened: Opener) -> None:
    tuning = Tuning(
        spaces=space(lr=LogUniform(low=0.01, high=0.5)), trials={"quick": 2}, widen=False
    )
    made = suite(comparison(levels={"base": RACE["base"], "near": RACE["near"]}, tuning=tuning))
    session = opened(made, sequential=True, cap=10, arm="tuned", engine="loop")
    chosen = [case for case in _cases(made) if case.arm == "tuned"]
    session.prepare(chosen)
    for case in chosen:
        session.train_group(case)
    session.follow(chosen)
    (result,) = session.study.results(chosen)
    assert all(row.complete for row in result.rows)
    (near,) = result.contrasts.values()
    assert len(result.baseline.runs) == (10 if near.open else 8)
    searched = session.study.trials(chosen[0])
    assert searched is not None
    assert len(searched.there) == 2 * len(result.baseline.runs)


def test_a_session_chooses_engines_and_trains_where_its_place_says(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, cluster = opened(engine="auto"), Elsewhere()
    monkeypatch.setattr(session.study, "place", Place(5, cluster))
    session.prepare(_cases())
    assert (cluster.asked, len(cluster.given)) == ([5], 2)  # a question for each optimizer
    assert session.train_each(_cases()) == []
    assert {run.key for piece in cluster.given[2:] for run in piece} == session.trained
    assert len(session.trained) == 4
