"""Compiled steps against the loop and the plain stacked steps, what stands in for them, and when they are chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from paribus import engines
from paribus.engines import Choice, resolve
from paribus.executor import execute
from paribus.fingerprint import fingerprint
from paribus.run import Record, Run
from paribus.spec import call
from paribus.training import together
from paribus.training.cohorts import units
from paribus.training.compiled import COMPILED, CompiledTraining, portion, train_compiled
from paribus.training.loop import train
from paribus.training.stacked import StackedTraining, train_together
from tests.toys import a_run

ADAM = call("torch.optim:Adam", lr=0.01, weight_decay=0.1)
MOMENTUM = call("torch.optim:SGD", lr=0.05, momentum=0.9, nesterov=True)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Record even a training of a few steps."""
    monkeypatch.setattr(together, "WORTH_TRACING", 0)


def cohort(tiny: Any, kind: str, **settings: Any) -> tuple[list[Run], list[Any]]:
    """Two seeds, the second one twice; seven steps in epochs of three, of which the last one is left over."""
    model = call("models.mlp:MLP", **settings.pop("model", {"hidden": [6, 5]}))
    seeds = (0, 1, 1)
    runs = [tiny[kind].run(model, seed=s, **{"steps": 7, **settings}) for s in seeds]
    return [replace(r, engine=COMPILED) for r in runs], [tiny[kind].fold(s) for s in seeds]


def same(found: Record, wanted: Record, tolerance: float) -> None:
    assert found.outcome is wanted.outcome
    assert found.curves.keys() == wanted.curves.keys()
    for name, curve in wanted.curves.items():
        np.testing.assert_allclose(found.curves[name], curve, rtol=tolerance, err_msg=name)
    outputs = (r.predictions.outputs for r in (found, wanted))
    np.testing.assert_allclose(*outputs, rtol=tolerance, atol=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "settings", "tolerance"),
    [
        (
            "table",
            {"model": {"hidden": [6, 5], "norm": "batch"}, "optimizer": ADAM, "clip_norm": 0.05},
            1e-9,
        ),
        # Two float32 sums in another order differ by some 1e-7 a step.
        ("series", {"dtype": "float32", "optimizer": MOMENTUM}, 2e-5),
    ],
    ids=["norm, Adam, decay and clipping", "float32, momentum"],
)
def test_compiled_steps_are_those_of_the_loop(
    tiny, kind: str, settings: dict[str, Any], tolerance: float
) -> None:
    """Two epochs: curves, which hold losses of batches and of running statistics, and predictions."""
    runs, folds = cohort(tiny, kind, **settings)
    training = CompiledTraining(runs, folds)
    records = train_together(runs, folds, training)
    assert training.reason == ""
    assert training.at_once == 3
    assert training.steps == training.update.steps == 7
    for record, run, fold in zip(records, runs, folds, strict=True):
        same(record, train(run, fold), tolerance)
    for record, stacked in zip(records, train_together(runs, folds), strict=True):
        same(record, stacked, tolerance)


def _broken(*_args: object, **_settings: object) -> Callable[..., object]:
    def call_it(*_tensors: object) -> object:
        raise RuntimeError("no working C++ compiler was found\nand more")

    return call_it


def test_without_a_compiler_the_steps_are_taken_all_the_same(
    tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the bit those of the stacked engine, and the record says why."""
    monkeypatch.setattr(torch, "compile", _broken)
    runs, folds = cohort(tiny, "table")
    records = train_compiled(runs, folds)
    for record, stacked in zip(records, train_together(runs, folds), strict=True):
        assert record.predictions.outputs.tobytes() == stacked.predictions.outputs.tobytes()
        assert repr(record.curves) == repr(stacked.curves)
        assert record.notes == (
            *stacked.notes,
            "Trained without compiled steps: RuntimeError: no working C++ compiler was found.",
        )


def _wrong(graph: Callable[..., Tensor], **_settings: object) -> Callable[..., Tensor]:
    def call_it(weights: Tensor, *rest: Tensor) -> Tensor:
        losses = graph(weights, *rest)
        weights[0, 0] += 1.0
        return losses

    return call_it


def test_compiled_steps_that_are_others_are_not_taken(
    tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One weight of one replicate is off by one."""
    monkeypatch.setattr(torch, "compile", _wrong)
    runs, folds = cohort(tiny, "table")
    training, plain = CompiledTraining(runs, folds), StackedTraining(runs, folds)
    assert torch.equal(training.advance(7), plain.advance(7))
    assert training.reason == "RuntimeError: compiled steps are not the steps that were compiled"


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ({"hidden": [6], "dropout": 0.3}, "dropout masks are drawn one by one"),
        ({"hidden": [6]}, "TypeError: the network's step cannot be recorded"),
    ],
    ids=["dropout", "not recorded"],
)
def test_what_cannot_be_compiled_says_so(
    tiny, model: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "WORTH_TRACING", 1000)
    runs, folds = cohort(tiny, "table", model=model)
    training, plain = CompiledTraining(runs, folds), StackedTraining(runs, folds)
    assert torch.equal(training.advance(5), plain.advance(5))
    assert training.reason == reason
    assert training.at_once == plain.at_once


@pytest.mark.parametrize(
    ("every", "at_once"),
    # For 10: two calls of 5 cost 2 x 5.5 = 11, one of 8 and two left over 8.5 + 5, ten of one 15.
    [(1, 1), (2, 2), (7, 7), (8, 8), (9, 3), (10, 5), (11, 5), (81, 8)],
)
def test_steps_a_call(every: int, at_once: int) -> None:
    assert portion(every) == at_once


# The choice.


def test_compiled_runs_are_another_kind_of_run() -> None:
    """They have a key of their own, and depend on the compiled engine's code besides the stacked one's."""
    runs = [replace(a_run(seed), engine=e) for e in ("stacked", COMPILED) for seed in (0, 1)]
    assert len({run.key for run in runs}) == 4
    assert [[r.engine for r in unit] for unit in units(runs, 1)] == [
        ["stacked"] * 2,
        [COMPILED] * 2,
    ]
    assert fingerprint([runs[0].recipe], "stacked") != fingerprint([runs[0].recipe], COMPILED)


def test_the_executor_trains_them_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the engine of that name, which here has no compiler, and says so."""
    monkeypatch.setattr(torch, "compile", _broken)
    kept: list[Record] = []
    runs = [replace(a_run(seed), engine=COMPILED) for seed in range(3)]
    execute(runs, jobs=1, keep=lambda _run, record: kept.append(record))
    assert [r.provenance["engine"] for r in kept] == [COMPILED] * 3
    assert all("Trained without compiled steps" in r.notes[-1] for r in kept)


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> dict[type[StackedTraining], Any]:
    """What is measured by kind of training: seconds of a step, and of the first ones."""
    found: dict[type[StackedTraining], Any] = {
        StackedTraining: (0.010, 0.2),
        CompiledTraining: (0.004, 60.0),
    }

    def measured(kind: type[StackedTraining], *_args: object) -> tuple[float, float]:
        if isinstance(found[kind], Exception):
            raise found[kind]
        return found[kind]

    monkeypatch.setattr(engines, "_stacked_seconds", measured)
    monkeypatch.setattr(engines, "self_check", lambda *_args: "")
    return found


@pytest.mark.parametrize(
    ("steps", "build", "engine", "reason"),
    [
        # 12 000 steps of 10 ms take 120 s, the least that is tried; compiled they save 12 000 x 6 ms = 72 s.
        (11_999, 60.0, "stacked", "asked for"),
        (12_000, 60.0, COMPILED, "asked for; 10000 µs a step of all 8, 4000 compiled"),
        (12_000, 72.1, "stacked", "asked for; 10000 µs a step of all 8, 4000 compiled"),
    ],
)
def test_steps_are_compiled_where_that_repays_itself(
    seconds, steps: int, build: float, engine: str, reason: str
) -> None:
    seconds[CompiledTraining] = (0.004, build)
    assert resolve("stacked", a_run(steps=steps), 8) == Choice(engine, reason)


def test_a_cohort_that_cannot_be_compiled_is_stacked_and_says_why(seconds) -> None:
    seconds[CompiledTraining] = engines.NotCompiledError("no compiler")
    found = resolve("stacked", a_run(steps=20_000), 8)
    assert found == Choice("stacked", "asked for; not compiled: no compiler")


def test_auto_may_compile_what_it_stacks(seconds, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop takes a second a step here, a replicate in the stack 10 / 8 ms and a share of its start."""
    del seconds
    monkeypatch.setattr(engines, "_loop_seconds", lambda *_args: 1.0)
    found = resolve("auto", a_run(steps=20_000), 8)
    assert found.engine == COMPILED
    assert found.reason.startswith("1000000 µs a step by the loop, 1251 stacked by 8; ")
