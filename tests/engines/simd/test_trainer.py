"""Compiled steps against the loop and the plain stacked steps, what stands in for them, and when they are chosen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from paribus.engines.cohorts import chunks
from paribus.engines.simd.trainer import COMPILED, CompiledTraining, _same, train_compiled
from paribus.engines.vmapped import trainer
from paribus.engines.vmapped.fit import StackedTraining, train_together
from paribus.execution import engine_choice
from paribus.execution.executor import execute
from paribus.runs.fingerprint import fingerprint
from paribus.runs.run import Run, RunResult
from paribus.spec import call
from tests.helpers.toys import a_run


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Record even a training of a few steps."""
    monkeypatch.setattr(trainer, "WORTH_TRACING", 0)


def cohort(tiny: Any, kind: str, **settings: Any) -> tuple[list[Run], list[Any]]:
    """Two seeds, the second one twice; seven steps in epochs of three, of which the last one is left over."""
    model = call("paribus.models.mlp:MLP", **settings.pop("model", {"hidden": [6, 5]}))
    if "cnn" in settings:
        model = call("paribus.models.cnn:CNN", **settings.pop("cnn"))
    seeds = (0, 1, 1)
    runs = [tiny[kind].run(model, seed=s, **{"steps": 7, **settings}) for s in seeds]
    return [replace(r, engine=COMPILED) for r in runs], [tiny[kind].make_split(s) for s in seeds]


def same(found: RunResult, wanted: RunResult, tolerance: float) -> None:
    assert found.outcome is wanted.outcome
    assert found.curves.keys() == wanted.curves.keys()
    for name, curve in wanted.curves.items():
        np.testing.assert_allclose(found.curves[name], curve, rtol=tolerance, err_msg=name)
    outputs = (r.predictions.outputs for r in (found, wanted))
    np.testing.assert_allclose(*outputs, rtol=tolerance, atol=tolerance)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide an empty cache, and no compiler to fill it."""
    monkeypatch.setenv("PARIBUS_CACHE", str(tmp_path))
    monkeypatch.setenv("CXX", "/nowhere/c++")
    return tmp_path


WHY = "Trained without compiled steps: there is no C++ compiler: CXX=/nowhere/c++ was not found."


def test_without_a_compiler_the_steps_are_taken_all_the_same(tiny, cache: Path) -> None:
    """To the bit those of the stacked engine, and the record says why."""
    runs, splits = cohort(tiny, "table")
    records = train_compiled(runs, splits)
    assert not list(cache.iterdir())
    for record, stacked in zip(records, train_together(runs, splits), strict=True):
        assert record.predictions.outputs.tobytes() == stacked.predictions.outputs.tobytes()
        assert repr(record.curves) == repr(stacked.curves)
        assert record.notes == (*stacked.notes, WHY)


def test_every_chunk_takes_the_steps_that_were_asked_for() -> None:
    """Two processes, plain descent and momentum: both have both, as what was measured and compiled."""
    sgd, momentum = call("torch.optim:SGD", lr=0.1), call("torch.optim:SGD", lr=0.1, momentum=0.9)
    first, second = a_run(optimizer=sgd), a_run(optimizer=momentum)
    runs = [replace(r, seed=s, engine=COMPILED) for r in (first, second) for s in range(10)]
    asked = engine_choice._cohort(engine_choice.EngineQuery("stacked", first, 10, [second]))
    for chunk in chunks(runs, 2):
        numbers = [[run.recipe.optimizer.kwargs for run in part] for part in (chunk, asked)]
        assert numbers[0] == numbers[1]


def test_steps_are_held_against_each_other_replicate_by_replicate() -> None:
    before = torch.zeros(4, 8)
    wanted = torch.ones(4, 8)
    assert _same(wanted * 1.04, wanted, before)
    assert not _same(wanted * 1.06, wanted, before)
    # One replicate at a thousand times the rate hides no other.
    scale = torch.tensor([1000.0, 1.0, 1.0, 1.0])[:, None]
    wrong = wanted * scale
    wrong[1:] *= 1.5
    assert not _same(wrong, wanted * scale, before)
    # Where one diverges, it has to in both.
    lost = wanted.clone()
    lost[2] = float("nan")
    assert _same(lost, lost, before)
    assert not _same(lost, wanted, before)
    assert not _same(wanted, lost, before)
    assert _same(torch.full((4, 8), torch.inf), torch.full((4, 8), torch.nan), before)
    assert _same(torch.tensor([3]), torch.tensor([3]), torch.tensor([2]))
    assert not _same(torch.tensor([4]), torch.tensor([3]), torch.tensor([2]))


def test_what_rounding_alone_moves_is_allowed() -> None:
    """As with a bias before batch norm, whose gradient is nothing but rounding, under an adaptive optimizer."""
    before, wanted = torch.zeros(4, 8), torch.ones(4, 8)
    rocked = wanted * 1.1
    assert _same(wanted * 1.24, wanted, before, rocked)
    assert not _same(wanted * 1.26, wanted, before, rocked)
    # A replicate that is somewhere else is found among however many.
    many = torch.ones(100, 8)
    wrong = many.clone()
    wrong[7] = -1.0
    assert not _same(wrong, many, torch.zeros(100, 8))
    # One that explodes rocks nobody else.
    rocked = wanted.clone()
    rocked[1] = float("nan")
    assert not _same(wanted * 1.06, wanted, before, rocked)


FLIP = call("torchvision.transforms.v2:RandomHorizontalFlip", p=0.5)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"augment": (FLIP,)}, "augmentations are drawn sample by sample"),
        ({"freeze": ("features.*",)}, "some weights are frozen"),
    ],
    ids=["augmented", "frozen"],
)
def test_steps_that_have_no_form_in_lanes_say_so(
    tiny, settings: dict[str, Any], reason: str
) -> None:
    runs, splits = cohort(tiny, "images", cnn={"channels": [2, 3]}, **settings)
    training, plain = CompiledTraining(runs, splits), StackedTraining(runs, splits)
    assert torch.equal(training.advance(5), plain.advance(5))
    assert training.reason == reason
    assert training.at_once == plain.at_once


@pytest.mark.parametrize(
    ("model", "diagnostics", "reason"),
    [
        (
            {"hidden": [6]},
            (call("paribus.metrics.diagnostics:update_norm"),),
            "every step is watched",
        ),
    ],
    ids=["watched"],
)
def test_what_cannot_be_compiled_says_so(
    tiny, model: dict[str, Any], diagnostics: Any, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "WORTH_TRACING", 1000)
    runs, splits = cohort(tiny, "table", model=model, evaluate_every=1 if diagnostics else 3)
    runs = [replace(run, diagnostics=diagnostics) for run in runs]
    training, plain = CompiledTraining(runs, splits), StackedTraining(runs, splits)
    assert torch.equal(training.advance(5), plain.advance(5))
    assert training.reason == reason
    assert training.at_once == plain.at_once


# The choice.


def test_compiled_runs_are_another_kind_of_run() -> None:
    """They have a key of their own, and depend on the compiled engine's code besides the stacked one's."""
    runs = [replace(a_run(seed), engine=e) for e in ("stacked", COMPILED) for seed in (0, 1)]
    assert len({run.key for run in runs}) == 4
    assert [[r.engine for r in unit] for unit in chunks(runs, 1)] == [
        ["stacked"] * 2,
        [COMPILED] * 2,
    ]
    assert fingerprint([runs[0].recipe], "stacked") != fingerprint([runs[0].recipe], COMPILED)


def test_the_executor_trains_them_compiled(cache: Path) -> None:
    """By the engine of that name, which here has no compiler, and says so."""
    del cache
    kept: list[RunResult] = []
    runs = [replace(a_run(seed), engine=COMPILED) for seed in range(3)]
    execute(runs, jobs=1, keep=lambda _run, record: kept.append(record))
    assert [r.provenance["engine"] for r in kept] == [COMPILED] * 3
    assert [r.notes[-1] for r in kept] == [WHY] * 3
