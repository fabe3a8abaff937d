"""Keys of runs: everything that decides a run's numbers changes its key, and nothing else does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from paribus.experiment.comparison import Budget, Comparison
from paribus.experiment.factor import Factor
from paribus.runs.run import Outcome, Run, RunResult, data_digest, resolve_device, torch_minor
from paribus.seeding import Streams
from paribus.spec import call, digest
from paribus.spec import replace as replaced
from tests.helpers.refusals import refused

MODEL = call("paribus.models.mlp:MLP", hidden=[4])


@pytest.fixture
def run(tiny) -> Run:
    return tiny["table"].run(MODEL)


def test_a_key_is_the_hash_of_the_identity_and_the_same_for_an_equal_run(run: Run) -> None:
    assert run.key == digest(run.identity) == replace(run).key
    assert len(run.key) == 16


def test_a_source_that_is_drawn_anew_changes_the_key_and_leaves_that_of_an_ordinary_run(
    run: Run,
) -> None:
    assert "redrawn" not in run.identity
    anew = [replace(run, redrawn=((source, 7),)) for source in ("split", "init", "data")]
    assert len({run.key, replace(run, redrawn=(("split", 8),)).key, *(r.key for r in anew)}) == 5
    assert [(r.data_seed, r.streams.seed_of("split")) for r in anew] == [(0, 7), (0, 0), (7, 0)]


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"device": "cuda"},
        {"engine": "stacked"},
        {"data_digest": "other"},
        {"diagnostics": (call("paribus.metrics.diagnostics:activations"),)},
    ],
    ids=str,
)
def test_each_ingredient_changes_the_key(run: Run, change: dict[str, Any]) -> None:
    assert replace(run, **change).key != run.key


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("model.hidden", [5]),
        ("optimizer.lr", 0.2),
        ("init", call("paribus.models.initialise:xavier_uniform")),
        ("batch_size", 9),
        ("steps", 7),
        ("evaluate_every", 2),
        ("clip_norm", 1.0),
        ("early_stopping", {"patience": 2}),
        ("time_limit", 60.0),
        ("dtype", "float32"),
        ("salt", "a"),
    ],
)
def test_each_field_of_the_recipe_changes_the_key(run: Run, path: str, value: object) -> None:
    assert replace(run, recipe=replaced(run.recipe, path, value)).key != run.key


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("loss", call("paribus.metrics:squared_error")),
        ("split.fractions", [0.5, 0.25, 0.25]),
        ("dummy", {"mean": call("paribus.data.dummy:mean_target")}),
        ("target", "outcome"),
    ],
)
def test_each_field_of_the_task_changes_the_key(run: Run, path: str, value: object) -> None:
    assert replace(run, task=replaced(run.task, path, value)).key != run.key


def test_where_a_file_lies_does_not_change_the_key(run: Run) -> None:
    """Its content does, by the data's hash."""
    here, there = (replaced(run.task, "path", path) for path in ("here.csv", "there/same.csv"))
    assert replace(run, task=here).key == replace(run, task=there).key


def test_a_minor_version_of_torch_changes_the_key_and_a_patch_does_not(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = []
    for version in ("2.98.0", "2.98.1+cpu", "2.99.0"):
        monkeypatch.setattr(torch, "__version__", version)
        keys.append(replace(run).key)
    assert keys[0] == keys[1] != keys[2]
    assert torch_minor() == "2.99"


def test_the_source_that_is_reached_changes_the_key(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the hash that `test_fingerprint` proves; here, that it is asked about everything in the run."""
    asked: list[object] = []
    source = iter("ab")

    def hashed(specs: Any, *_engine: str) -> str:
        asked.append(tuple(specs))
        return next(source)

    monkeypatch.setattr("paribus.runs.run.fingerprint", hashed)
    diagnosed = replace(run, diagnostics=(call("paribus.metrics.diagnostics:activations"),))
    assert diagnosed.key != replace(diagnosed).key
    assert asked == [(run.task, run.recipe, *diagnosed.diagnostics)] * 2


def test_adding_a_variant_changes_no_key_of_the_others(run: Run) -> None:
    levels = {"sgd": call("torch.optim:SGD", lr=0.1), "adam": call("torch.optim:Adam")}

    def keys(levels: dict[str, Any]) -> dict[str, str]:
        comparison = Comparison(
            name="c",
            question="q?",
            task=run.task,
            recipe=run.recipe,
            factors=(Factor("recipe.optimizer", levels),),
            baseline=("sgd",),
            budgets={"quick": Budget(2, 6, 1)},
        )
        return {v.name: replace(run, recipe=v.recipe).key for v in comparison.variants()}

    before, after = keys(levels), keys({"new": call("torch.optim:Adagrad"), **levels})
    assert before == {name: after[name] for name in before}
    assert len(set(after.values())) == 3


def test_streams_are_those_of_seed_and_salt(tiny) -> None:
    assert tiny["table"].run(MODEL, seed=3, salt="a").streams == Streams(3, "a")


def test_redrawn_data_have_no_hash_of_their_own_in_the_key(tiny) -> None:
    """Each seed draws its own; a file that stands in for them is read once and counts by its content."""
    task, dataset = tiny["table"].task, tiny["table"].dataset
    redrawn = replaced(task, "redrawn", True)
    assert data_digest(task, dataset) == "tiny"
    assert data_digest(redrawn, dataset) == "redrawn"
    assert data_digest(replaced(redrawn, "path", "f.csv"), dataset) == "tiny"


@pytest.mark.parametrize("outcome", Outcome)
def test_only_a_completed_record_is_completed(outcome: Outcome) -> None:
    record = RunResult(key="k", seed=0, outcome=outcome)
    assert record.completed is (outcome == "completed")


def test_cuda_without_a_gpu_is_refused_before_anything_is_trained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert refused(resolve_device, "cuda") == (
        "device: got 'cuda', but torch finds no usable GPU, expected a machine with a CUDA device and a torch built "
        "for it. Use --paribus-device cpu, or auto to skip what cannot run here."
    )


def test_a_device_that_is_there_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [resolve_device(d) for d in ("cpu", "cuda")] == ["cpu", "cuda"]
