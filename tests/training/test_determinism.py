"""Deterministic algorithms: the same bits in every session and process, and one line for what has no such form."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import paribus as pb
from paribus.execution.cases import cases
from paribus.execution.session import Session
from paribus.execution.settings import Settings
from paribus.runs.run import Run, RunResult
from paribus.training.determinism import CUBLAS, deterministic_algorithms
from paribus.training.loop import deterministic
from tests.helpers import toys
from tests.helpers.refusals import refused
from tests.helpers.toys import Small, a_run


class Counted(Small):
    """Network whose features are summed by number, in an order that torch settles only where it is asked to."""

    def forward(self, x: Tensor) -> Tensor:
        where = (x[:, 0] > 0).long()
        sums = torch.zeros(2, x.shape[1], dtype=x.dtype).index_add(0, where, x)
        return super().forward(x + 0.01 * sums[where])


class Put(Small):
    """Network with an operation that torch has no deterministic form of."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.clone().put_(torch.tensor([0]), x[0, :1].detach()))


@pytest.fixture
def _no_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin without a setting of cuBLAS, and leave none behind."""
    monkeypatch.setenv(CUBLAS, "")
    monkeypatch.delenv(CUBLAS)


@pytest.mark.usefixtures("_no_workspace")
@pytest.mark.parametrize("before", [False, True])
def test_torch_is_asked_in_the_context_alone(before: bool) -> None:
    torch.use_deterministic_algorithms(before, warn_only=before)
    try:
        with deterministic_algorithms("a step", wanted=True):
            assert torch.are_deterministic_algorithms_enabled()
            assert not torch.is_deterministic_algorithms_warn_only_enabled()
            assert os.environ[CUBLAS] == ":4096:8"
        with deterministic_algorithms("a step", wanted=False):
            assert torch.are_deterministic_algorithms_enabled() == before
        assert torch.are_deterministic_algorithms_enabled() == before
        assert torch.is_deterministic_algorithms_warn_only_enabled() == before
    finally:
        torch.use_deterministic_algorithms(False)


def test_other_errors_pass() -> None:
    with (
        pytest.raises(RuntimeError, match=r"^another$"),
        deterministic_algorithms("a step", wanted=True),
    ):
        raise RuntimeError("another")


def test_every_training_asks_for_what_its_run_says() -> None:
    for wanted in (False, True):
        with deterministic(replace(a_run(), deterministic=wanted)):
            assert torch.are_deterministic_algorithms_enabled() == wanted
            assert torch.backends.cudnn.deterministic
            assert not torch.backends.cudnn.benchmark


def test_such_runs_are_kept_apart_and_others_keep_their_names() -> None:
    plain, made = a_run(), replace(a_run(), deterministic=True)
    assert "deterministic" not in plain.identity
    assert made.key != plain.key
    assert made.kind_key != plain.kind_key


def _records(folder: Path, model: object, **settings: Any) -> list[RunResult]:
    """Train a comparison in a store of its own; returns what was kept, with the predictions as text."""
    made = toys.suite(toys.comparison(recipe=toys.RECIPE.model_copy(update={"model": model})))
    chosen = {"device": "cpu", "seeds": 20, "out": folder, "deterministic": True, **settings}
    session = Session(Settings(**chosen), [made])
    with session.study.store as store:
        listed = [case for case in cases([made]) if case.device == "cpu"]
        session.prepare(listed)
        assert session.train_each(listed) == []
        found = [record for case in listed for record in session.study.records(case)]
        return [
            replace(
                r, seconds=0.0, step_seconds=0.0, notes=(repr(_bytes(store.predictions(r.key))),)
            )
            for r in found
        ]


def _bytes(predictions: Any) -> tuple[bytes, ...]:
    return (predictions.outputs.tobytes(), predictions.target.tobytes())


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "model"), [("loop", Counted), ("stacked", Small)])
def test_two_sessions_give_the_same_bits_in_one_process_and_in_two(
    tmp_path: Path, engine: str, model: type
) -> None:
    first, again, two = (
        _records(tmp_path / f"{i}", pb.call(model), engine=engine, jobs=jobs)
        for i, jobs in enumerate((1, 1, 2))
    )
    assert len(first) == 40
    assert {record.provenance["engine"] for record in first} == {engine}
    assert {record.provenance["deterministic algorithms"] for record in first} == {True}
    assert repr(first) == repr(again) == repr(two)


def test_how_many_are_trained_at_once_does_not_depend_on_the_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[list[int]] = []

    def spread(_self: Any, function: Any, work: Iterable[Any], **_: Any) -> Iterator[Any]:
        pieces = [*work]
        if pieces and isinstance(pieces[0][0], Run):
            sizes[-1] += map(len, pieces)
        return ((piece, function(piece)) for piece in pieces)

    monkeypatch.setattr("paribus.execution.executor.LocalExecutor.spread", spread)
    monkeypatch.setattr("paribus.execution.executor._ThisProcess.spread", spread)
    for jobs in (1, 2, 3):
        sizes.append([])
        _records(tmp_path / f"{jobs}", pb.call(Small), engine="stacked", jobs=jobs)
    assert sizes == [[10, 10, 10, 10]] * 3


def test_an_operation_without_a_deterministic_form_is_refused_before_training() -> None:
    comparison = toys.comparison(recipe=toys.RECIPE.model_copy(update={"model": pb.call(Put)}))
    settings = {"seeds": 2, "engine": "loop", "progress": False}
    assert refused(pb.compare, comparison, deterministic=True, **settings) == (
        "variant 'sgd' with --paribus-deterministic: got put_, which torch has no deterministic form of here, "
        "expected operations that give the same bits every time. Use another operation, or leave "
        "--paribus-deterministic out."
    )
    assert pb.compare(comparison, **settings)["adam"].decision
