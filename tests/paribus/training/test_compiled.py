"""Compiled steps against the loop and the plain stacked steps, what stands in for them, and when they are chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from paribus import engines
from paribus.engines import Choice, Portion, resolve
from paribus.executor import execute
from paribus.fingerprint import fingerprint
from paribus.run import Record, Run
from paribus.spec import call
from paribus.training import compiled, package, together
from paribus.training.cohorts import units
from paribus.training.compiled import (
    COMPILED,
    NOT_KEPT,
    CompiledTraining,
    _same,
    portion,
    train_compiled,
)
from paribus.training.loop import train
from paribus.training.package import Package, layout
from paribus.training.stacked import StackedTraining, train_together
from tests.toys import a_run

ADAM = call("torch.optim:Adam", lr=0.01, weight_decay=0.1)
MOMENTUM = call("torch.optim:SGD", lr=0.05, momentum=0.9, nesterov=True)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Record even a training of a few steps, and leave lanes to their own tests."""
    monkeypatch.setattr(together, "WORTH_TRACING", 0)
    monkeypatch.setattr(compiled, "FEWEST_COMPILED", 0)
    monkeypatch.setattr(CompiledTraining, "_lanes", lambda *_: None)


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
    tiny, cache: Path, kind: str, settings: dict[str, Any], tolerance: float
) -> None:
    """Two epochs: curves, which hold losses of batches and of running statistics, and predictions."""
    runs, folds = cohort(tiny, kind, **settings)
    training = CompiledTraining(runs, folds)
    records = train_together(runs, folds, training)
    assert training.reason == ""
    (kept,) = cache.glob("*.pt2")
    assert training.at_once == 3
    assert training.steps == training.update.steps == 7
    for record, run, fold in zip(records, runs, folds, strict=True):
        same(record, train(run, fold), tolerance)
    for record, stacked in zip(records, train_together(runs, folds), strict=True):
        same(record, stacked, tolerance)
    when = kept.stat().st_mtime_ns
    again = CompiledTraining(runs, folds, make_from=inf)
    for record, stacked in zip(train_together(runs, folds, again), records, strict=True):
        assert record.predictions.outputs.tobytes() == stacked.predictions.outputs.tobytes()
    assert again.reason == ""
    assert kept.stat().st_mtime_ns == when


def _broken(*_args: object, **_settings: object) -> None:
    raise RuntimeError("no working C++ compiler was found\nand more")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with nothing in it; every training is long enough to make machine code for."""
    monkeypatch.setenv("PARIBUS_CACHE", str(tmp_path))
    monkeypatch.setattr(compiled, "WORTH_COMPILING", 0.0)
    return tmp_path


def test_without_a_compiler_the_steps_are_taken_all_the_same(
    tiny, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the bit those of the stacked engine, and the record says why."""
    monkeypatch.setattr(compiled, "make_package", _broken)
    runs, folds = cohort(tiny, "table")
    records = train_compiled(runs, folds)
    assert not list(cache.iterdir())
    for record, stacked in zip(records, train_together(runs, folds), strict=True):
        assert record.predictions.outputs.tobytes() == stacked.predictions.outputs.tobytes()
        assert repr(record.curves) == repr(stacked.curves)
        assert record.notes == (
            *stacked.notes,
            "Trained without compiled steps: RuntimeError: no working C++ compiler was found.",
        )


class Wrong(Package):
    """Steps as they should be, but for one weight of one replicate that is off by one."""

    steps: Callable[..., Tensor]

    def __init__(self, path: Path, arguments: Sequence[Tensor]) -> None:
        del path
        self.layouts = [layout(x) for x in arguments]

    def __call__(self, weights: Tensor, *rest: Tensor) -> Tensor:
        losses = self.steps(weights, *rest)
        weights[0, 0] += 1.0
        return losses


def test_compiled_steps_that_are_others_are_not_taken(
    tiny, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keep(_path: Path, steps: Callable[..., Tensor], _arguments: object) -> None:
        Wrong.steps = staticmethod(steps)

    monkeypatch.setattr(compiled, "make_package", keep)
    monkeypatch.setattr(compiled, "Package", Wrong)
    runs, folds = cohort(tiny, "table")
    training, plain = CompiledTraining(runs, folds), StackedTraining(runs, folds)
    assert torch.equal(training.advance(7), plain.advance(7))
    assert training.reason == "RuntimeError: compiled steps are not the steps that were compiled"
    assert not list(cache.iterdir())


def test_few_steps_are_not_compiled_however_long_they_take(
    tiny, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "FEWEST_COMPILED", 8)
    runs, folds = cohort(tiny, "table")
    training = CompiledTraining(runs, folds)
    training.advance(7)
    assert training.reason == NOT_KEPT
    assert not list(cache.iterdir())


def test_what_would_not_repay_itself_is_not_compiled(tiny, cache: Path) -> None:
    runs, folds = cohort(tiny, "table")
    training, plain = CompiledTraining(runs, folds, make_from=3600.0), StackedTraining(runs, folds)
    assert torch.equal(training.advance(7), plain.advance(7))
    assert training.reason == NOT_KEPT
    assert training.at_once == plain.at_once
    assert not list(cache.iterdir())


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Files that machine code was put into; what is put there is nothing, and what is loaded are the steps."""
    files: list[Path] = []

    class Steps(Package):
        def __init__(self, path: Path, arguments: Sequence[Tensor]) -> None:
            assert path.exists()
            self.layouts = [layout(x) for x in arguments]
            self.run = steps[path]

    steps: dict[Path, Callable[..., Tensor]] = {}

    def keep(path: Path, function: Callable[..., Tensor], _arguments: object) -> None:
        path.touch()
        files.append(path)
        steps[path] = function

    monkeypatch.setattr(compiled, "make_package", keep)
    monkeypatch.setattr(compiled, "Package", Steps)
    return files


SAME = {"optimizer": call("torch.optim:SGD", lr=0.1, momentum=0.5)}


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ({}, False),
        ({"optimizer": call("torch.optim:SGD", lr=0.3, momentum=0.9)}, False),
        ({"optimizer": call("torch.optim:SGD", lr=0.1)}, True),
        ({"optimizer": call("torch.optim:SGD", lr=0.1, momentum=0.5, nesterov=True)}, True),
        ({"clip_norm": 1.0}, True),
        ({"model": {"hidden": [6, 4]}}, True),
        ({"model": {"hidden": [6, 5], "activation": "Tanh"}}, True),
        ({"dtype": "float32"}, True),
        ({"batch_size": 5}, True),
    ],
    ids=[
        "nothing",
        "numbers",
        "no momentum",
        "nesterov",
        "clipping",
        "width",
        "activation",
        "type",
        "batch",
    ],
)
def test_machine_code_is_made_again_for_what_it_depends_on(
    tiny, cache: Path, made: list[Path], changed: dict[str, Any], again: bool
) -> None:
    """What is kept serves every other training whose steps are the same operations on tensors of the same shapes."""
    del cache
    for settings in (SAME, {**SAME, **changed}):
        runs, folds = cohort(tiny, "table", **settings)
        training = CompiledTraining(runs, folds)
        plain = StackedTraining(runs, folds)
        torch.testing.assert_close(training.advance(7), plain.advance(7))
        assert training.reason == ""
    assert len(made) == 1 + again


def test_machine_code_is_of_the_data_s_shapes_and_not_of_what_they_hold(
    tiny, cache: Path, made: list[Path]
) -> None:
    del cache
    runs, folds = cohort(tiny, "table", **SAME)
    CompiledTraining(runs, folds).advance(7)
    data = folds[0].dataset
    other = replace(data, inputs=tuple(x + 1 for x in data.inputs))
    CompiledTraining(runs, [replace(f, dataset=other) for f in folds]).advance(7)
    assert len(made) == 1
    more = replace(data, inputs=tuple(torch.cat([x, x[:1]]) for x in data.inputs))
    CompiledTraining(runs, [replace(f, dataset=more) for f in folds]).advance(7)
    assert len(made) == 2


def test_a_package_is_of_its_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [package.package_of("steps", "cpu")]
    monkeypatch.setattr(package, "processor", lambda: "another")
    names.append(package.package_of("steps", "cpu"))
    monkeypatch.setattr(torch, "__version__", "2.0")
    names.append(package.package_of("steps", "cpu"))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    names.append(package.package_of("steps", "cpu"))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    names.append(package.package_of("steps", "cuda"))
    assert len({*names, package.package_of("others", "cuda")}) == 6


@pytest.mark.parametrize("content", [b"", b"not an archive"])
def test_a_package_that_cannot_be_loaded_is_put_away(
    tiny, cache: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    """The steps are taken all the same, and the next process makes it again."""
    monkeypatch.setattr(
        compiled, "make_package", lambda path, *_: path.write_bytes(content) and None
    )
    runs, folds = cohort(tiny, "table")
    training, plain = CompiledTraining(runs, folds), StackedTraining(runs, folds)
    assert torch.equal(training.advance(7), plain.advance(7))
    assert training.reason.startswith("RuntimeError: ")
    assert not list(cache.iterdir())


def test_a_cache_that_cannot_be_reached_costs_the_machine_code_alone(
    tiny, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PARIBUS_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(compiled, "WORTH_COMPILING", 0.0)
    assert not package.any_packages()
    runs, folds = cohort(tiny, "table")
    training, plain = CompiledTraining(runs, folds), StackedTraining(runs, folds)
    assert torch.equal(training.advance(7), plain.advance(7))
    assert training.reason.startswith("NotADirectoryError: ")


def test_a_step_that_is_watched_is_not_part_of_a_compiled_call(
    tiny, cache: Path, made: list[Path]
) -> None:
    """The last step before each evaluation is taken apart, so that calls fit what is left."""
    del cache
    watched = {"diagnostics": (call("paribus.diagnostics:steps"),)}
    for every, at_once in ((4, 3), (1, None)):
        runs, folds = cohort(tiny, "table", evaluate_every=every, **SAME)
        runs = [replace(run, **watched) for run in runs]
        training = CompiledTraining(runs, folds)
        if at_once is None:
            assert training.reason == "every step is watched"
        else:
            assert training.at_once == at_once
            training.advance(every)
            assert training._compiled is not None
    assert len(made) == 1


def test_every_portion_takes_the_steps_that_were_asked_for() -> None:
    """Two processes, plain descent and momentum: both have both, as what was measured and compiled."""
    sgd, momentum = call("torch.optim:SGD", lr=0.1), call("torch.optim:SGD", lr=0.1, momentum=0.9)
    first, second = a_run(optimizer=sgd), a_run(optimizer=momentum)
    runs = [replace(r, seed=s, engine=COMPILED) for r in (first, second) for s in range(10)]
    asked = engines._cohort(engines.Question("stacked", first, 10, [second]))
    for portion_ in units(runs, 2):
        numbers = [[run.recipe.optimizer.kwargs for run in part] for part in (portion_, asked)]
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


def test_what_is_laid_out_otherwise_is_not_given_to_machine_code(
    tiny, cache: Path, made: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code for other tensors would read whatever lies there; steps are taken as they are instead."""
    del cache
    runs, folds = cohort(tiny, "table")
    training, plain = CompiledTraining(runs, folds), StackedTraining(runs, folds)
    torch.testing.assert_close(training.advance(3), plain.advance(3))
    code = training._compiled
    assert len(made) == 1
    assert code is not None
    (x,), code.layouts = [torch.zeros(2, 3)], [layout(torch.zeros(2, 3))]
    assert code.fits([x])
    others = (torch.zeros(3, 2).t(), torch.zeros(2, 4), x.double(), x.to("meta"))
    assert not any(code.fits([other]) for other in others)
    monkeypatch.setattr(code, "fits", lambda _: False)
    monkeypatch.setattr(code, "run", _broken)
    torch.testing.assert_close(training.advance(3), plain.advance(3))


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


def test_the_executor_trains_them_compiled(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the engine of that name, which here has no compiler, and says so."""
    del cache
    monkeypatch.setattr(compiled, "make_package", _broken)
    kept: list[Record] = []
    runs = [replace(a_run(seed), engine=COMPILED) for seed in range(3)]
    execute(runs, jobs=1, keep=lambda _run, record: kept.append(record))
    assert [r.provenance["engine"] for r in kept] == [COMPILED] * 3
    why = "Trained without compiled steps: RuntimeError: no working C++ compiler was found."
    assert [r.notes[-1] for r in kept] == [why] * 3


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What is measured of steps of all replicates, plain and compiled; there is machine code of something."""
    found: dict[str, Any] = {"plain": 0.010, "compiled": 0.004, "make_from": []}

    def measured(_runs: object, _fold: object, make_from: float | None) -> float:
        found["make_from"].append(make_from)
        if isinstance(found["compiled"], Exception):
            raise found["compiled"]
        return found["compiled"]

    monkeypatch.setattr(engines, "_stacked_seconds", lambda *_args: (found["plain"], 0.2))
    monkeypatch.setattr(engines, "_compiled_seconds", measured)
    monkeypatch.setattr(engines, "self_check", lambda *_args: "")
    monkeypatch.setattr(engines, "any_packages", lambda: True)
    return found


@pytest.mark.parametrize(
    ("steps", "plain", "engine", "make_from"),
    [
        # 1000 steps of 10 ms take 10 s, the least for which machine code may be made.
        (1_000, 0.010, COMPILED, [None]),
        # Shorter ones are compiled if machine code is kept,
        (999, 0.010, COMPILED, [inf]),
        # and are not looked at where loading takes as long.
        (499, 0.010, "stacked", []),
        # 800 steps win 6.25 s / 10 000 each, half a second in all, which is what loading takes.
        (800, 0.004624, "stacked", [inf]),
        (801, 0.004626, COMPILED, [inf]),
    ],
)
def test_steps_are_compiled_where_that_repays_itself(
    seconds, steps: int, plain: float, engine: str, make_from: list[float | None]
) -> None:
    seconds["plain"] = plain
    chosen = resolve("stacked", a_run(steps=steps), 8)
    told = (
        f"asked for; {plain * 1e6:.0f} µs a step of all 8, 4000 compiled"
        if make_from
        else "asked for"
    )
    assert chosen[:2] == (engine, told)
    assert seconds["make_from"] == make_from


def test_without_any_machine_code_none_is_looked_for(
    seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "any_packages", lambda: False)
    assert resolve("stacked", a_run(steps=999), 8)[:2] == ("stacked", "asked for")
    assert seconds["make_from"] == []


@pytest.mark.parametrize(
    ("steps", "reason"), [(20_000, "asked for; not compiled: no compiler"), (999, "asked for")]
)
def test_a_cohort_that_cannot_be_compiled_is_stacked_and_says_why_if_that_was_worth_it(
    seconds, steps: int, reason: str
) -> None:
    seconds["compiled"] = engines.NotCompiledError("no compiler")
    assert resolve("stacked", a_run(steps=steps), 8) == Choice("stacked", reason)


def test_auto_may_compile_what_it_stacks(seconds, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop takes a second a step here, a replicate in the stack 10 / 8 ms and a share of its start."""
    del seconds
    monkeypatch.setattr(engines, "_loop_seconds", lambda *_args: 1.0)
    found = resolve("auto", a_run(steps=20_000), 8)
    assert found.engine == COMPILED
    assert found.reason.startswith("1000000 µs a step by the loop, 1251 stacked by 8; ")


def test_a_portion_is_compiled_as_it_is_dealt_out(seconds, monkeypatch: pytest.MonkeyPatch) -> None:
    """50 replicates of which 16 at once are best are given out by 13: four portions, the last one of 11."""
    sizes: list[int] = []
    del seconds
    monkeypatch.setattr(engines, "best_portion", lambda *_args: Portion(16, 16, 0.01, 0.0))
    monkeypatch.setattr(
        engines, "_compiled_seconds", lambda runs, *_args: sizes.append(len(runs)) or 0.001
    )
    chosen = resolve("stacked", a_run(steps=4000), 50)
    assert (chosen.engine, chosen.portion, sizes) == (COMPILED, 16, [13])
    parts = units([replace(a_run(i), engine=COMPILED) for i in range(100)], 2, chosen.portion)
    assert [len(part) for part in parts] == [13] * 7 + [9]
