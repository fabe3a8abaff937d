"""Which engine trains a run, why, and that the numbers, the records and the verdicts do not depend on it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from paribus import Budget, Dataset, Pretrained, Suite, call
from paribus.analysis.results import Result
from paribus.engines.cohorts import cohort_key
from paribus.engines.simd.trainer import COMPILED
from paribus.engines.vmapped.fit import self_check, why_not
from paribus.execution import engine_choice, engine_selection, executor
from paribus.execution.cases import Case, cases
from paribus.execution.cost_model import Costs
from paribus.execution.engine_choice import EngineChoice, EngineQuery, common, resolve, resolve_each
from paribus.execution.engine_trials import NotCompiledError, trial
from paribus.execution.executor import execute, split_of
from paribus.execution.local_workers import LocalExecutor, shutdown
from paribus.execution.session import Session
from paribus.runs.run import Outcome, Run, RunResult
from tests.helpers.toys import (
    ADAM,
    RECIPE,
    REDRAWN,
    SGD,
    TASK,
    Deadly,
    Raises,
    Small,
    a_run,
    comparison,
    points,
    suite,
)

REFUSED = "vmap refuses the network: "

# Networks of other people that cannot be stacked, and one for each reason.


class Branching(Small):
    """Looks at its data before it decides."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x if x.sum() > 0 else x * 2)


class BranchingLater(Small):
    """Looks at its data in evaluation alone."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x if self.training or x.sum() > 0 else x * 2)


class Noisy(Small):
    """Draws from the global generator."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x + 0.1 * torch.rand_like(x))


class Slope(Small):
    """Draws a slope for each number."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(nn.functional.rrelu(x, training=self.training))


class Cumulative(nn.Sequential):
    """Batch statistics that are averaged over all batches so far."""

    def __init__(self, *, inputs: tuple[int, ...], outputs: int) -> None:
        norm = nn.BatchNorm1d(4, momentum=None)
        super().__init__(nn.Linear(inputs[0], 4), norm, nn.Linear(4, outputs))


class Spectral(nn.Sequential):
    """Divides a weight by its largest singular value, which it takes a step towards in every pass."""

    def __init__(self, *, inputs: tuple[int, ...], outputs: int) -> None:
        layer = spectral_norm(nn.Linear(inputs[0], 4))
        super().__init__(layer, nn.Tanh(), nn.Linear(4, outputs))


class Replaced(Small):
    """Puts statistics in place anew, which only evaluation sees."""

    def __init__(self, *, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__(inputs=inputs, outputs=outputs)
        self.mean: Tensor
        self.register_buffer("mean", torch.zeros(inputs[0]))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.detach().mean(0)
            return super().forward(x)
        return super().forward(x - self.mean)


class Frozen(Small):
    """One weight is not to be trained."""

    def __init__(self, *, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__(inputs=inputs, outputs=outputs)
        self[0].weight.requires_grad_(False)


class DropsTwice(Small):
    """Uses one dropout layer twice, which has two masks a step."""

    def __init__(self, *, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__(inputs=inputs, outputs=outputs)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.drop(self[1](self[0](x)))
        return self[2](self.drop(hidden + 1))


class BothWays(nn.Module):
    """Recurrent layer that no stacked form is known of."""

    def __init__(self, *, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.gru = nn.GRU(inputs[0], 3, bidirectional=True)
        self.linear = nn.Linear(6, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.gru(x)[0])


UNSTACKABLE: dict[str, tuple[type[nn.Module], str]] = {
    "a branch on data": (Branching, "data-dependent control flow"),
    "a branch in evaluation": (BranchingLater, "data-dependent control flow"),
    "noise of its own": (Noisy, "random"),
    "a random slope": (Slope, "rrelu"),
    "cumulative statistics": (Cumulative, ".item()"),
    "spectral norm": (Spectral, REFUSED),
    "statistics put in place anew": (Replaced, "outputs differ from the loop's by "),
    "a frozen weight": (Frozen, "some of its weights are frozen by the network itself"),
    "one dropout used twice": (DropsTwice, "differ from the loop's by "),
    "a recurrent layer both ways": (BothWays, "a bidirectional GRU has no stacked form"),
}


@pytest.mark.parametrize("name", UNSTACKABLE)
def test_a_network_that_cannot_be_stacked_is_found_out(name: str) -> None:
    """By trying it; and whatever was asked for, it is trained by the loop for that reason."""
    network, reason = UNSTACKABLE[name]
    run = a_run(model=call(network))
    assert why_not(run) == ""
    found = self_check(run, split_of(run))
    assert reason in found
    assert "\n" not in found
    chosen = resolve("stacked", run, 8)
    assert chosen.engine == "loop"
    assert reason in chosen.reason


def weighted(outputs: Tensor, target: Tensor) -> Tensor:
    """Return the log loss with weights of the classes, which are in float32 as they usually are."""
    both = torch.cat([torch.zeros_like(outputs), outputs], 1)
    weight = torch.tensor([1.0, 3.0])
    return nn.functional.cross_entropy(both, target, weight=weight, reduction="none")


def test_a_loss_that_holds_numbers_in_float32_is_trained_by_the_loop() -> None:
    """The check of stacking is made in float64, which torch refuses beside them."""
    run = a_run(task=TASK.model_copy(update={"loss": call(weighted)}))
    choice = resolve("stacked", run, 8)
    assert choice.engine == "loop"
    assert choice.reason.startswith("it cannot be tried in float64: ")


REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "a time limit": ({"time_limit": 9.0}, "a time limit counts the seconds of one run alone"),
    "an unknown optimizer": (
        {"optimizer": call("torch.optim:Adadelta")},
        "no stacked form of the optimizer torch.optim:Adadelta",
    ),
    "an unknown argument": (
        {"optimizer": call("torch.optim:Adam", amsgrad=True)},
        "no stacked form of Adam's amsgrad",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_needs_no_trial_is_refused_without_one(name: str) -> None:
    settings, reason = REFUSALS[name]
    run = a_run(**settings)
    assert why_not(run) == reason
    assert resolve("stacked", run, 8) == EngineChoice("loop", reason)


# And what can be.


class BiasBeforeNorm(nn.Sequential):
    """Bias whose gradient is zero, which adaptive optimizers divide by next to nothing."""

    def __init__(self, *, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__(nn.Linear(inputs[0], 4), nn.BatchNorm1d(4), nn.Linear(4, outputs))


class NoDropout(Small):
    """First level of a factor that is a share of dropout."""

    def __init__(self, *, inputs: tuple[int, ...], outputs: int, p: float = 0.0) -> None:
        super().__init__(inputs=inputs, outputs=outputs)
        self.insert(2, nn.Dropout(p))


OPTIMIZERS = ("SGD", "Adagrad", "RMSprop", "Adam", "AdamW")
STACKABLE: dict[str, dict[str, Any]] = {
    **{f"a bias before a norm, {o}": {
        "model": call(BiasBeforeNorm), "optimizer": call(f"torch.optim:{o}", lr=0.01)
    } for o in OPTIMIZERS},
    **{f"a learning rate of {lr:g}": {"optimizer": call("torch.optim:SGD", lr=lr)}
       for lr in (0.0, 1e-12, 10.0, 1e6, 1e200)},
    "no dropout": {"model": call(NoDropout)},
    "dropout": {"model": call(NoDropout, p=0.3)},
    "clipping": {"clip_norm": 0.01},
    "float64": {"dtype": "float64"},
}  # fmt: skip


@pytest.mark.parametrize("name", STACKABLE)
def test_what_can_be_stacked_is(name: str) -> None:
    """Though round-off is blown up, steps are too small to see, or nothing is finite after the first."""
    run = a_run(**STACKABLE[name])
    assert self_check(run, split_of(run)) == ""
    assert resolve("stacked", run, 8) == EngineChoice("stacked", "asked for")


def test_the_loop_is_taken_when_it_is_asked_for() -> None:
    assert resolve("loop", a_run(), 512) == EngineChoice("loop", "asked for")
    assert resolve("loop", a_run(model=call(Branching)), 512) == EngineChoice("loop", "asked for")


# What auto does.


def test_auto_stacks_many_long_trainings_of_a_tiny_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A step by the loop takes some twenty times what a replicate's does, on whatever machine: nothing is tried."""
    monkeypatch.setattr(engine_choice, "trial", lambda *_args: pytest.fail("it was tried"))
    chosen = resolve("auto", a_run(steps=4000, evaluate_every=1), 64)
    assert chosen.engine == "stacked"
    assert re.fullmatch(r"predicted: \S+ s by the loop, \S+ s stacked", chosen.reason)


@pytest.mark.parametrize(
    ("settings", "replicates", "reason"),
    [
        ({"steps": 100_000}, 1, "a single run"),
        ({}, 2, "too little to gain by stacking"),
        ({"steps": 100_000, "model": call(Branching)}, 64, "data-dependent control flow"),
        ({"steps": 100_000, **REFUSALS["a time limit"][0]}, 64, REFUSALS["a time limit"][1]),
        ({"steps": 100_000, "model": call(Raises)}, 64, "vmap refuses the network: the third step"),
    ],
    ids=["one", "short", "cannot", "must not", "fails"],
)
def test_auto_takes_the_loop_and_says_why(
    settings: dict[str, Any], replicates: int, reason: str
) -> None:
    chosen = resolve("auto", a_run(**settings), replicates)
    assert chosen.engine == "loop"
    assert reason in chosen.reason


# Predictions and trials.


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Provide seconds that are predicted and those that trials take, and list what is tried."""
    found: dict[str, Any] = {"predicted": {}, "trials": {}, "tried": []}

    def tried(engine: str, cohort: Sequence[Run], _split: object, chunk_size: int) -> float:
        assert (len(cohort), chunk_size) == (16, 8)
        found["tried"].append(engine)
        if isinstance(found["trials"][engine], Exception):
            raise found["trials"][engine]
        return found["trials"][engine]

    def predicted(*_args: object) -> Costs:
        return Costs(dict(found["predicted"]), 8)

    monkeypatch.setattr(engine_choice, "costs", predicted)
    monkeypatch.setattr(engine_choice, "trial", tried)
    return found


LONG = {"steps": 100_000}


def test_the_engine_that_is_predicted_twice_as_fast_is_taken_untried(told: dict[str, Any]) -> None:
    told["predicted"] = {"loop": 90.0, "stacked": 20.5, COMPILED: 10.2}
    reason = "predicted: 90 s by the loop, 20 s stacked, 10 s compiled"
    assert resolve("auto", a_run(**LONG), 16) == EngineChoice(COMPILED, reason, 8)
    reason = "asked for; predicted: 20 s stacked, 10 s compiled"
    assert resolve("stacked", a_run(**LONG), 16) == EngineChoice(COMPILED, reason, 8)
    told["predicted"] = {"loop": 20.0, "stacked": 41.0}
    reason = "predicted: 20 s by the loop, 41 s stacked"
    assert resolve("auto", a_run(**LONG), 16) == EngineChoice("loop", reason)
    assert told["tried"] == []


def test_engines_that_are_close_are_tried_and_no_others(told: dict[str, Any]) -> None:
    """Whichever takes less is taken, though the other one was predicted to."""
    told["predicted"] = {"loop": 300.0, "stacked": 60.0, COMPILED: 40.0}
    told["trials"] = {"stacked": 31.0, COMPILED: 44.0}
    reason = "tried: 31 s stacked, 44 s compiled"
    assert resolve("auto", a_run(**LONG), 16) == EngineChoice("stacked", reason, 8)
    assert told["tried"] == ["stacked", COMPILED]
    told["predicted"] = {"loop": 60.0, "stacked": 40.0}
    told["trials"] = {"stacked": 31.0, "loop": 30.0}
    reason = "tried: 30 s by the loop, 31 s stacked"
    assert resolve("auto", a_run(**LONG), 16) == EngineChoice("loop", reason)


def test_a_training_that_trials_would_take_a_share_of_is_not_tried(told: dict[str, Any]) -> None:
    """Two trials take .4 s and five of many steps each, which is 2 % of 20 s."""
    told["predicted"] = {"loop": 25.0, "stacked": 19.9}
    told["trials"] = {"loop": 1.0, "stacked": 2.0}
    reason = "predicted: 25 s by the loop, 20 s stacked"
    assert resolve("auto", a_run(**LONG), 16) == EngineChoice("stacked", reason, 8)
    told["predicted"]["stacked"] = 20.2
    assert resolve("auto", a_run(**LONG), 16).engine == "loop"
    # Five of only 400 steps by either are more than one in fifty.
    told["predicted"] = {"loop": 50.0, "stacked": 39.0}
    assert resolve("auto", a_run(steps=400), 100_000).engine == "stacked"


def test_an_untried_stack_has_to_be_a_quarter_ahead_of_the_loop(told: dict[str, Any]) -> None:
    told["predicted"] = {"loop": 10.0, "stacked": 8.1}
    reason = "predicted: 10 s by the loop, 8.1 s stacked"
    assert resolve("auto", a_run(**LONG), 16) == EngineChoice("loop", reason)
    told["predicted"] = {"loop": 10.0, "stacked": 7.9}
    assert resolve("auto", a_run(**LONG), 16).engine == "stacked"


def test_what_counting_does_not_see_is_tried(
    told: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recurrent cell's kernel, whatever is predicted of the rest of its network."""
    true = engine_choice.network_facts
    monkeypatch.setattr(
        engine_choice, "network_facts", lambda run: true(run)._replace(counted=False)
    )
    monkeypatch.setattr(engine_choice, "chunk_size_of", lambda _run: 8)
    told["predicted"] = {"loop": 90.0, "stacked": 1.0, COMPILED: 0.1}
    told["trials"] = {"stacked": 3.0, "loop": 2.0}
    assert resolve("auto", a_run(**LONG), 16).engine == "loop"
    assert told["tried"] == ["loop", "stacked"]
    assert resolve("stacked", a_run(**LONG), 16) == EngineChoice("stacked", "asked for", 8)


def test_steps_that_cannot_be_compiled_leave_the_others_and_say_why(told: dict[str, Any]) -> None:
    told["predicted"] = {"loop": 300.0, "stacked": 60.0, COMPILED: 40.0}
    told["trials"] = {"stacked": 31.0, COMPILED: NotCompiledError("no compiler")}
    reason = "tried: 31 s stacked; not compiled: no compiler"
    assert resolve("auto", a_run(**LONG), 16) == EngineChoice("stacked", reason, 8)


def test_a_trial_that_fails_is_told_when_it_is_trained(told: dict[str, Any]) -> None:
    told["predicted"] = {"loop": 60.0, "stacked": 40.0}
    told["trials"] = {"stacked": 31.0, "loop": RuntimeError("one step\ntoo many")}
    chosen = resolve("auto", a_run(**LONG), 16)
    assert chosen == EngineChoice("loop", "a trial step failed: one step")


@pytest.mark.parametrize("engine", ["loop", "stacked", COMPILED])
def test_a_trial_foretells_a_whole_training(engine: str) -> None:
    """Seconds of all replicates and steps, not of a few."""
    cohort = [a_run(seed, steps=100_000, evaluate_every=50_000) for seed in range(40)]
    few = [replace(r, recipe=r.recipe.model_copy(update={"steps": 1000})) for r in cohort]
    split = split_of(cohort[0])
    long, short = (trial(engine, runs, split, 512) for runs in (cohort, few))
    assert long > short > 0


def test_steps_that_have_no_form_in_lanes_are_refused_by_a_trial() -> None:
    watched = call("paribus.metrics.diagnostics:update_norm")
    run = replace(a_run(steps=1000, evaluate_every=1), diagnostics=(watched,))
    with pytest.raises(NotCompiledError, match="every step is watched"):
        trial(COMPILED, [run, replace(run, seed=1)], split_of(run), 512)


def test_a_comparison_has_the_smallest_portion_of_its_variants() -> None:
    each = [EngineChoice("stacked", "a", 8), EngineChoice("stacked", "b")]
    assert common(each) == EngineChoice("stacked", "a; b", 8)


def test_steps_are_compiled_for_all_variants_or_none() -> None:
    """Of chunks of whatever sizes, since compiled steps are for any number of replicates."""
    each = [EngineChoice(COMPILED, "a", 8), EngineChoice(COMPILED, "b", 16)]
    assert common(each) == EngineChoice(COMPILED, "a; b", 8)
    each[1] = EngineChoice("stacked", "b", 16)
    assert common(each) == EngineChoice("stacked", "a; b", 8)


# Through a session.


def _executed(runs: Sequence[Run], jobs: int = 1, **settings: Any) -> dict[str, RunResult]:
    """Return records by key."""
    kept: dict[str, RunResult] = {}

    def keep(run: Run, record: RunResult) -> None:
        assert record.key == run.key
        assert record.seed == run.seed
        assert run.key not in kept
        kept[run.key] = record

    execute(runs, jobs=jobs, keep=keep, **settings)
    return kept


def test_chunk_sizes_change_no_number() -> None:
    """The same records, whichever runs are trained beside each other."""
    runs = [replace(a_run(seed), engine="stacked") for seed in range(5)]
    whole, parted = _executed(runs), _executed(runs, chunk_size=lambda _: 2)
    assert parted.keys() == whole.keys()
    for key, record in whole.items():
        assert parted[key].scores == pytest.approx(record.scores, rel=1e-6)


Opener = Callable[..., Session]


def _cases(made: Suite) -> list[Case]:
    return [case for case in cases([made]) if case.device == "cpu"]


def _trained(session: Session, made: Suite) -> list[list[RunResult]]:
    """Train every cell of a suite; the records of each."""
    chosen = _cases(made)
    session.prepare(chosen)
    for case in chosen:
        session.train_group(case)
    return [session.study.records(case) for case in chosen]


def _chosen(records: Sequence[RunResult]) -> set[tuple[object, object]]:
    return {(r.provenance["engine"], r.provenance["engine chosen"]) for r in records}


RATES = {
    "slow": call("torch.optim:SGD", lr=0.01),
    "sgd": SGD,
    "fast": call("torch.optim:SGD", lr=1.0),
}


@pytest.mark.parametrize("engine", ["loop", "stacked"])
def test_a_session_trains_by_the_engine_that_was_asked_for(opened: Opener, engine: str) -> None:
    made = suite(comparison(levels={"sgd": SGD, "adam": ADAM}))
    session = opened(made, engine, seeds=3)
    for case, records in zip(_cases(made), _trained(session, made), strict=True):
        assert _chosen(records) == {(engine, "asked for")}
        assert [r.key for r in records] == [run.key for run in session.study.runs(case)]
        assert {run.engine for run in session.study.runs(case)} == {engine}
        assert all(r.completed for r in records)


@pytest.mark.parametrize("engine", ["auto", "stacked"])
@pytest.mark.parametrize(
    ("path", "level", "reason"),
    [
        ("recipe.model", call(Branching), UNSTACKABLE["a branch on data"][1]),
        ("recipe.model", call(Replaced), UNSTACKABLE["statistics put in place anew"][1]),
        ("recipe.time_limit", 9.0, REFUSALS["a time limit"][1]),
        ("recipe.optimizer", call("torch.optim:Adadelta"), REFUSALS["an unknown optimizer"][1]),
    ],
    ids=["branching", "differing", "time limit", "optimizer"],
)
def test_what_cannot_be_stacked_completes_by_the_loop_with_the_reason_in_its_record(
    opened: Opener, monkeypatch: pytest.MonkeyPatch, engine: str, path: str, level: Any, reason: str
) -> None:
    """All variants are then trained by the loop, each the same run, by the same key, as if it had been asked for."""
    monkeypatch.setattr(engine_choice, "WORTH_SECONDS", 0.0)
    base = {"recipe.model": RECIPE.model, "recipe.optimizer": SGD, "recipe.time_limit": None}[path]
    made = suite(comparison(path, {"base": base, "other": level}))
    session = opened(made, engine, seeds=3)
    first, other = _trained(session, made)
    assert all(r.completed for r in (*first, *other))
    ((chosen, why),) = _chosen([*first, *other])
    assert chosen == "loop"
    assert reason in str(why)
    asked = opened(made, "loop", seeds=3)
    chosen_cells = _cases(made)
    asked.prepare(chosen_cells)
    assert asked.train_group(chosen_cells[1]) == []


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """List measurements, each an engine wanted and its replicates; stacking comes out the faster."""
    found: list[tuple[str, int]] = []

    def fake(
        questions: Sequence[EngineQuery], *_place: object
    ) -> Iterator[tuple[int, EngineChoice]]:
        for i, question in enumerate(questions):
            found.append((question.wanted, question.replicates))
            yield i, EngineChoice("stacked", f"measured {len(found)}")

    monkeypatch.setattr(engine_selection, "resolve_each", fake)
    return found


@pytest.mark.parametrize("jobs", [1, 2])
def test_questions_are_answered_by_their_places_here_and_side_by_side(jobs: int) -> None:
    questions = [EngineQuery(wanted, a_run(steps=10), 2) for wanted in ("loop", "stacked", "auto")]
    found = dict(resolve_each(questions, jobs))
    assert [found[i].engine for i in range(3)] == ["loop", "stacked", "loop"]
    assert found[1].reason == "asked for"
    assert "too little to gain by stacking" in found[2].reason


def test_the_interpreter_is_built_ahead_of_long_trainings_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The build takes seconds of another core, which short trainings and those by the loop have no use for."""
    ahead: list[str] = []
    monkeypatch.setattr(engine_choice, "build_ahead", ahead.append)
    monkeypatch.setattr(engine_choice, "resolve", lambda *_: EngineChoice("loop", "unread"))
    for wanted, steps, replicates in (
        *(("auto", 100, 10), ("loop", 5000, 10), ("auto", 5000, 1)),
        ("auto", 5000, 10),
    ):
        assert not ahead
        [*resolve_each([EngineQuery(wanted, a_run(steps=steps), replicates)], 1)]
    assert ahead == ["float32"]


def test_where_training_starts_from_is_not_trained_to_choose_an_engine() -> None:
    source = Pretrained(task=TASK, recipe=RECIPE.model_copy(update={"model": call(Raises)}))
    chosen = resolve("stacked", a_run(start=source, steps=10), 2)
    assert chosen == EngineChoice("stacked", "asked for")


def test_what_was_measured_is_kept_for_seeds_that_are_added_later(
    opened: Opener, measured: list[tuple[str, int]]
) -> None:
    """Whatever a second measurement would say, so that ten runs and two more are runs of one kind.

    Three learning rates at three seeds are nine that are trained at once.
    """
    made = suite(comparison(levels=RATES))
    first = _trained(opened(made, "auto", seeds=3), made)
    assert measured == [("auto", 9)]
    session = opened(made, "auto", seeds=5)
    second = _trained(session, made)
    assert measured == [("auto", 9)]
    assert {r.key for records in first for r in records} < {r.key for rs in second for r in rs}
    assert all(_chosen(records) == {("stacked", "measured 1")} for records in second)
    assert len(session.trained) == 3 * 2
    _trained(opened(made, "auto", seeds=3, retrain=True), made)
    assert measured == [("auto", 9), ("auto", 9)]


def test_each_cohort_is_measured_once_and_for_each_engine_that_is_asked_for(
    opened: Opener, measured: list[tuple[str, int]]
) -> None:
    """Learning rates share what was found; another kind of optimizer does not, nor does what somebody insists on."""
    made = suite(comparison(levels={**RATES, "adam": ADAM}))
    _trained(opened(made, "auto", seeds=4, jobs=1), made)
    assert sorted(measured) == [("auto", 4), ("auto", 12)]
    _trained(opened(made, "stacked", seeds=4), made)
    assert sorted(measured[2:]) == [("stacked", 4), ("stacked", 12)]
    _trained(opened(made, "loop", seeds=4), made)
    assert len(measured) == 4


def test_the_measurement_is_of_what_one_process_trains(
    opened: Opener, measured: list[tuple[str, int]]
) -> None:
    """Half of three rates at seven seeds, and all of each of two cohorts, of which every process has one."""
    made = suite(comparison(levels=RATES))
    opened(made, "auto", seeds=7, jobs=2).prepare(_cases(made))
    assert measured == [("auto", 11)]
    made = suite(comparison(levels={"sgd": SGD, "adam": ADAM}))
    opened(made, "auto", seeds=7, jobs=2).prepare(_cases(made))
    assert measured[1:] == [("auto", 7), ("auto", 7)]


def test_a_cohort_is_measured_as_all_that_is_trained_at_once(opened: Opener) -> None:
    """Of two comparisons, what they share once; runs whose numbers decide what a step does stand beside the first."""
    momentum = call("torch.optim:SGD", lr=0.1, momentum=0.9)
    first = comparison(levels={"sgd": SGD, "momentum": momentum, "adam": ADAM})
    second = comparison(levels={**RATES}).model_copy(update={"name": "rates"})
    made = Suite(name="both", title="Both", comparisons=(first, second))
    session = opened(made, "stacked", seeds=6, jobs=2)
    chosen = _cases(made)
    session.prepare(chosen)
    asked = session.study.engines.queries(chosen)
    assert sorted(map(len, asked.values())) == [1, 2]
    cohorts = {cohort: q for each in asked.values() for cohort, q in each.items()}
    sizes = {q.run.recipe.optimizer.target: q for q in cohorts.values()}
    assert sizes["torch.optim:Adam"].replicates == 6
    # Plain SGD, which both have, with momentum and at two other rates: four variants of six seeds, beside Adam.
    sgd = sizes["torch.optim:SGD"]
    assert sgd.replicates == 24
    numbers = [run.recipe.optimizer.kwargs for run in (sgd.run, *sgd.beside)]
    assert numbers[:2] == [SGD.kwargs, momentum.kwargs]
    assert len(numbers) == 4
    trained = engine_choice._cohort(sgd)
    assert [(r.recipe.optimizer.kwargs["lr"], r.seed) for r in trained[:5]] == [
        (SGD.kwargs["lr"], 0),
        (0.1, 0),
        *((rate, 0) for rate in sorted({n["lr"] for n in numbers[2:]})),
        (SGD.kwargs["lr"], 1),
    ]


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> list[list[Run]]:
    """List the cohorts that were trained at once, in order."""
    calls: list[list[Run]] = []
    true = executor.train_together

    def spy(runs: Sequence[Run], splits: Sequence[Any]) -> list[RunResult]:
        calls.append(list(runs))
        return true(runs, splits)

    monkeypatch.setattr(executor, "train_together", spy)
    return calls


def test_cells_of_one_cohort_are_trained_at_once(opened: Opener, together: list[list[Run]]) -> None:
    """Three learning rates at four seeds in one go, another optimizer in another; every record under its own key."""
    made = suite(comparison(levels={**RATES, "adam": ADAM}))
    session = opened(made, "stacked", seeds=4)
    session.prepare(chosen := _cases(made))
    slow, sgd, fast, adam = chosen
    assert len(session.train_group(slow)) == 12
    assert session.train_group(sgd) == session.train_group(fast) == []
    assert len(session.train_group(adam)) == 4
    assert [len(runs) for runs in together] == [12, 4]
    scores = set()
    for case in chosen:
        for run, record in zip(session.study.runs(case), session.study.records(case), strict=True):
            assert (record.key, record.seed) == (run.key, run.seed)
            (expected,) = _executed([replace(run, engine="loop")]).values()
            assert record.scores == pytest.approx(expected.scores, rel=1e-5, abs=1e-5)
            scores.add(record.scores["log_loss"])
    assert len(scores) == 16


def test_a_second_session_trains_the_missing_seeds_of_all_cells_at_once(
    opened: Opener, together: list[list[Run]]
) -> None:
    made = suite(comparison(levels=RATES))
    _trained(opened(made, "stacked", seeds=2), made)
    _trained(opened(made, "stacked", seeds=2), made)
    _trained(opened(made, "stacked", seeds=3), made)
    assert [len(runs) for runs in together] == [6, 3]
    assert {run.seed for run in together[1]} == {2}


def test_a_variant_that_diverges_costs_its_cohort_nothing(opened: Opener) -> None:
    """It is recorded as it would be by the loop, beside others that complete."""
    levels = {"sgd": SGD, "wild": call("torch.optim:SGD", lr=1e38, momentum=0.9)}
    made = suite(comparison(levels=levels))
    by_engine = {e: _trained(opened(made, e, seeds=3), made) for e in ("stacked", "loop")}
    for (sgd, wild), (one_sgd, one_wild) in [tuple(by_engine.values())]:
        assert [r.outcome for r in sgd] == [r.outcome for r in one_sgd] == [Outcome.completed] * 3
        assert [r.outcome for r in wild] == [r.outcome for r in one_wild] == [Outcome.diverged] * 3
        assert [(r.steps, r.reason) for r in wild] == [(r.steps, r.reason) for r in one_wild]
        assert all(r.scores == {} for r in wild)


def _result(session: Session, made: Suite) -> Result:
    (result,) = session.study.results(_cases(made))
    return result


def clear() -> Dataset:
    """Points of which one half lies so much higher that there is something to learn."""
    made = points()
    higher = torch.stack([torch.zeros(60), 4.0 * made.targets[0]], 1)
    return replace(made, inputs=(made.inputs[0] + higher,), digest="clear")


def test_verdicts_do_not_depend_on_the_engine(opened: Opener) -> None:
    """One that does not learn is worse and one that hardly differs is not, by scores equal to round-off."""
    levels = {
        "sgd": SGD,
        "idle": call("torch.optim:SGD", lr=1e-6),
        "alike": call("torch.optim:SGD", lr=0.1001),
    }
    budgets = {"quick": Budget(8, 100, 4)}
    task = TASK.model_copy(update={"name": "clear", "source": call(clear)})
    made = suite(comparison(levels=levels, budgets=budgets, task=task))
    found = {}
    for engine in ("loop", "stacked"):
        session = opened(made, engine)
        _trained(session, made)
        found[engine] = _result(session, made)
    loop, stacked = found.values()
    assert stacked.control == loop.control
    assert stacked.contrasts.keys() == loop.contrasts.keys() == {"idle", "alike"}
    for name, contrast in loop.contrasts.items():
        other = stacked.contrasts[name]
        assert (other.label, other.n, other.p) == (contrast.label, contrast.n, contrast.p)
        for part in ("mean", "low", "high"):
            expected = getattr(contrast.difference, part)
            assert getattr(other.difference, part) == pytest.approx(expected, abs=1e-5)
    assert [loop.contrasts[name].label for name in ("idle", "alike")] == [
        "clearly worse",
        "slightly better",
    ]
    for one, other in zip(loop.rows, stacked.rows, strict=True):
        np.testing.assert_allclose(other.scores, one.scores, rtol=0, atol=1e-5)
        assert {r.key for r in one.present}.isdisjoint(r.key for r in other.present)


# Side by side.


@pytest.fixture(scope="module", autouse=True)
def _no_worker_is_left() -> Iterator[None]:
    yield
    shutdown()


def test_a_network_that_ends_the_process_that_tries_it_is_trained_by_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There it fails by itself; what else is asked is answered."""
    monkeypatch.setattr(engine_choice, "machine_rates", lambda: None)
    deadly, sound = (
        EngineQuery("stacked", a_run(0, call(Deadly)), 2),
        EngineQuery("loop", a_run(), 2),
    )
    assert dict(resolve_each([deadly, sound], 2)) == {
        0: EngineChoice(
            "loop",
            "its first steps could not be timed: ended by SIGKILL, as the system does where memory runs out",
            lasting=False,
        ),
        1: EngineChoice("loop", "asked for"),
    }


def test_a_single_question_that_ends_its_process_ends_a_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_choice, "machine_rates", lambda: None)
    ((_, found),) = resolve_each([EngineQuery("stacked", a_run(0, call(Deadly)), 2)], 2)
    assert (found.engine, found.lasting) == ("loop", False)


def test_a_process_that_somebody_kills_costs_no_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_choice, "machine_rates", lambda: None)
    once = call(Deadly, marker=str(tmp_path / "marker"))
    asked = [EngineQuery("stacked", a_run(0, once, steps=10), 2), EngineQuery("loop", a_run(), 2)]
    assert dict(resolve_each(asked, 2)) == {
        0: EngineChoice("stacked", "asked for"),
        1: EngineChoice("loop", "asked for"),
    }


def test_the_loop_of_a_lost_process_is_for_one_session_alone(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one asks again, and trains by what it finds."""
    made = suite(comparison(levels={"sgd": SGD, "adam": ADAM}))
    lost, found = EngineChoice("loop", "lost", lasting=False), EngineChoice("stacked", "found")
    answers = iter([[lost, found], [found, found]])
    monkeypatch.setattr(engine_selection, "resolve_each", lambda *_: enumerate(next(answers)))
    first, second = opened(made, "auto"), opened(made, "auto")
    for session, chosen in (
        (first, {("loop", "lost, and one engine trains all variants")}),
        (second, {("stacked", "found")}),
    ):
        assert all(_chosen(records) == chosen for records in _trained(session, made))
        assert len(session.trained) == 4
    assert next(answers, None) is None
    assert [*first.study.engines.for_now.values()] == [common([lost, found])]
    assert second.study.engines.for_now == {}


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-6)])
def test_two_processes_give_the_numbers_of_one(dtype: str, tolerance: float) -> None:
    """To round-off, cohorts being half as large; of two cohorts and three runs for the loop at once."""
    runs = [
        *(replace(a_run(seed, dtype=dtype), engine="stacked") for seed in range(7)),
        *(replace(a_run(seed, dtype=dtype, optimizer=ADAM), engine="stacked") for seed in range(4)),
        *(a_run(seed, dtype=dtype) for seed in range(3)),
    ]
    one, two = _executed(runs), _executed(runs, jobs=2)
    assert one.keys() == two.keys() == {run.key for run in runs}
    for key, record in one.items():
        other = two[key]
        assert (other.outcome, other.steps, other.hashes) == (
            record.outcome, record.steps, record.hashes
        )  # fmt: skip
        assert other.provenance == record.provenance
        assert other.scores == pytest.approx(record.scores, rel=tolerance, abs=tolerance)
        assert record.predictions is not None
        assert other.predictions is not None
        np.testing.assert_allclose(
            other.predictions.outputs, record.predictions.outputs, rtol=tolerance, atol=tolerance
        )


def growing(seed: int = 0) -> Dataset:
    """Points, ten more of them for every other seed."""
    made = points(seed)
    keep = slice(0, 50 + 10 * (seed % 2))
    return replace(
        made, inputs=(made.inputs[0][keep],), targets=(made.targets[0][keep],), digest=str(seed)
    )


def test_replicates_whose_parts_differ_in_size_are_trained_apart(together: list[list[Run]]) -> None:
    """In the order in which they were given, nonetheless."""
    task = REDRAWN.model_copy(update={"name": "growing", "source": call(growing)})
    runs = [replace(a_run(seed, task=task), engine="stacked") for seed in range(5)]
    records = _executed(runs)
    assert [[run.seed for run in runs] for runs in together] == [[0, 2, 4], [1, 3]]
    assert [record.seed for record in records.values()] == [*range(5)]
    alone = _executed([replace(run, engine="loop") for run in runs])
    for record, other in zip(records.values(), alone.values(), strict=True):
        assert record.data == other.data
        assert record.scores == pytest.approx(other.scores, rel=1e-6, abs=1e-6)


def test_a_cohort_that_raises_is_named() -> None:
    """With how many were trained together, and with nothing kept of it."""
    runs = [replace(a_run(seed, call(Raises)), engine="stacked") for seed in range(2, 5)]
    failures = execute(runs, jobs=1, keep=lambda *_: pytest.fail("it was kept"))
    assert failures.keys() == {run.key for run in runs}
    assert str(failures[runs[0].key]).startswith(
        "training of Raises() on 'toy' with seed 2, one of 3 trained together: got RuntimeError: "
    )


def test_the_engine_is_part_of_a_runs_key_and_not_of_its_cohorts() -> None:
    loop, stacked = a_run(), replace(a_run(), engine="stacked")
    assert loop.key != stacked.key
    assert cohort_key(loop) == cohort_key(stacked)


@pytest.mark.parametrize("known", [False, True])
def test_a_worker_measures_the_machine_for_a_process_that_has_not_loaded_what_a_step_takes(
    monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(engine_choice, "are_known", lambda: known)
    spread = LocalExecutor.spread

    def noted(self: LocalExecutor, function, work, **more):
        asked.append((function, self.jobs))
        return spread(self, function, work, **more)

    monkeypatch.setattr(LocalExecutor, "spread", noted)
    assert dict(resolve_each([EngineQuery("loop", a_run(), 2)], 2))[0].engine == "loop"
    before = [] if known else [(engine_choice._rates_here, 1)]
    assert asked == [*before, (engine_choice._resolved, 2)]


def test_where_a_worker_cannot_measure_the_machine_this_process_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else each worker would, beside the others."""
    measured: list[object] = []
    monkeypatch.setattr(engine_choice, "are_known", lambda: False)
    monkeypatch.setattr(engine_choice, "machine_rates", lambda: measured.append(1))
    monkeypatch.setattr(engine_choice, "_rates_here", _ends)
    found = dict(resolve_each([EngineQuery("loop", a_run(), 2)], 2))
    assert (found[0].engine, measured) == ("loop", [1])


def _ends(_: None) -> None:
    os._exit(1)
