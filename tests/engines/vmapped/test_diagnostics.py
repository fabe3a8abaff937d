"""Diagnostics of a cohort against the loop's: together where there is a form for it, one by one where there is none."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from paribus.data.dataset import Subset
from paribus.engines.vmapped import diagnostic_pass
from paribus.engines.vmapped.fit import StackedTraining, train_together
from paribus.experiment.recipe import EarlyStopping
from paribus.runs.run import Outcome, RunResult
from paribus.spec import Call, call
from paribus.training.loop import train
from tests.engines.vmapped.test_fit import (
    DIAGNOSTICS,
    NETWORKS,
    STATE,
    by_loop,
    same,
    seeded,
)

GRADIENTS, ACTIVATIONS, UPDATES, VARIANCES, FIT, _ = DIAGNOSTICS
BORDER = call("paribus.metrics.diagnostics:border_sensitivity")
DROPOUT = NETWORKS["mlp with norm and dropout"][1]


def together(runs: Any, splits: Any, tolerance: float = 1e-12) -> list[RunResult]:
    """Train with nothing diagnosed one by one, check that the records are those of the loop, and return them."""
    training = StackedTraining(runs, splits)
    records = train_together(runs, splits, training)
    assert training.diagnostics.refused == ""
    same(records, by_loop(runs, splits), tolerance)
    return records


@pytest.mark.parametrize("network", ["cnn with norm", "cnn with dropout", "two inputs"])
def test_border_pixels_are_the_loops(tiny, network: str) -> None:
    kind, model = NETWORKS[network]
    (record, *_) = together(*seeded(tiny[kind], model, diagnostics=(BORDER, *DIAGNOSTICS)))
    assert all(value > 0 for value in record.curves["border_sensitivity"])


@pytest.mark.parametrize("cell", ["RNN", "LSTM", "GRU"])
def test_recurrent_networks_are_diagnosed_together(tiny, cell: str) -> None:
    model = call("paribus.models.recurrent:Recurrent", cell=cell, hidden=5, layers=1)
    together(*seeded(tiny["series"], model, diagnostics=DIAGNOSTICS))


def test_replicates_are_passed_some_at_a_time(tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as what their modules put out leaves room for, here 89 numbers a sample each."""
    runs, splits = seeded(tiny["images"], DROPOUT, seeds=range(5), diagnostics=DIAGNOSTICS)
    samples = len(splits[0].train)
    monkeypatch.setattr(diagnostic_pass, "AT_ONCE", 2 * samples * 89)
    training = StackedTraining(runs, splits)
    same(train_together(runs, splits, training), by_loop(runs, splits), 1e-12)
    passing = diagnostic_pass.DiagnosticPass(training, {"losses"})
    shares = passing(training, torch.tensor([0, 1, 3, 4]))
    assert [(some.tolist(), *seen["losses"].shape) for some, seen in shares] == [
        ([0, 1], 2, samples),
        ([3, 4], 2, samples),
    ]


def test_a_replicate_that_stopped_is_diagnosed_no_more(tiny) -> None:
    runs, splits = seeded(
        tiny["images"],
        DROPOUT,
        seeds=range(6),
        optimizer=call("torch.optim:SGD", lr=0.2, momentum=0.5),
        steps=40,
        evaluate_every=2,
        early_stopping=EarlyStopping(patience=1),
        diagnostics=DIAGNOSTICS,
    )
    assert len({record.steps for record in together(runs, splits, 1e-9)}) > 1


def test_a_replicate_that_diverges_is_diagnosed_up_to_there(tiny) -> None:
    sgd = [call("torch.optim:SGD", lr=0.01), call("torch.optim:SGD", lr=1e300, weight_decay=1e10)]
    model, settings = NETWORKS["mlp"][1], {"evaluate_every": 1, "diagnostics": DIAGNOSTICS}
    runs = [tiny["series"].run(model, optimizer, **settings) for optimizer in sgd]
    records = together(runs, [tiny["series"].make_split()] * 2)
    assert [record.outcome for record in records] == [Outcome.completed, Outcome.diverged]
    assert [len(record.curves["update_norm"]) for record in records] == [7, 1]


def fit(_network: nn.Module, _part: Subset, _loss: Call) -> dict[str, float]:
    """Return a number of a name that is the project's own, too."""
    return {"fitted/loss": 7.0}


def shown(network: nn.Module, _part: Subset, _loss: Call) -> dict[str, float]:
    """Return a number that only networks with a negative first bias have."""
    first = next(p for p in network.parameters() if p.ndim == 1)[0].item()
    return {"negative": first} if first < 0 else {}


def test_a_number_that_only_some_replicates_have_is_none_of_the_others(tiny) -> None:
    runs, splits = seeded(tiny["table"], NETWORKS["mlp"][1], range(6), diagnostics=(call(shown),))
    training = StackedTraining(runs, splits)
    (found,) = training.diagnosed(torch.ones(6, dtype=torch.bool)).values()
    expected = [
        train(*each).curves.get("negative", [math.nan])[0]
        for each in zip(runs, splits, strict=True)
    ]
    assert found == pytest.approx(expected, nan_ok=True)
    assert 0 < sum(map(math.isnan, found)) < 6


@pytest.mark.parametrize("first", [True, False])
def test_others_are_taken_in_their_turn(tiny, first: bool) -> None:
    """Of two of one name the last one counts."""
    own = (call(fit), STATE)
    diagnostics = (GRADIENTS, *own, FIT) if first else (FIT, *own, GRADIENTS)
    (record, *_) = together(*seeded(tiny["images"], DROPOUT, diagnostics=diagnostics))
    assert (record.curves["fitted/loss"] == [7.0] * 3) != first


class InPlace(nn.Module):
    """Network whose activation overwrites what its hidden layer puts out."""

    def __init__(self, inputs: list[int], outputs: int) -> None:
        super().__init__()
        self.hidden, self.last = nn.Linear(inputs[0], 5), nn.Linear(5, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.relu_(self.hidden(x)))


class Twice(nn.Module):
    """Network that calls its dropout twice, with two masks."""

    def __init__(self, inputs: list[int], outputs: int) -> None:
        super().__init__()
        self.hidden, self.last = nn.Linear(inputs[0], 5), nn.Linear(5, outputs)
        self.dropout = nn.Dropout(0.4)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.dropout(self.hidden(self.dropout(x))))


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (InPlace, "ValueError: what a layer puts out is changed in place"),
        (Twice, "ValueError: a dropout is called twice in a pass"),
    ],
)
def test_what_has_no_form_is_diagnosed_one_by_one(tiny, network: Any, reason: str) -> None:
    """Before the first step, since replicates have one mask a dropout."""
    runs, splits = seeded(tiny["table"], call(network), diagnostics=DIAGNOSTICS, steps=3)
    training = StackedTraining(runs, splits)
    found = training.diagnosed(torch.ones(3, dtype=torch.bool))
    assert training.diagnostics.refused == reason
    for i, (run, split) in enumerate(zip(runs, splits, strict=True)):
        curves = train(run, split).curves
        assert found.keys() <= curves.keys()
        for name, values in found.items():
            assert values[i] == pytest.approx(curves[name][0], rel=1e-12, nan_ok=True)


def test_an_activation_in_place_hinders_no_other_diagnostic(tiny) -> None:
    chosen = (GRADIENTS, ACTIVATIONS, UPDATES, FIT)
    together(*seeded(tiny["table"], call(InPlace), diagnostics=chosen))


def test_a_diagnostic_that_fails_says_what_it_says_of_one_network(tiny) -> None:
    runs, splits = seeded(tiny["table"], NETWORKS["mlp"][1], diagnostics=(BORDER,))
    messages = []
    for trained in (lambda: train(runs[0], splits[0]), lambda: train_together(runs, splits)):
        with pytest.raises(IndexError, match="too many indices") as raised:
            trained()
        messages.append(str(raised.value))
    assert messages[0] == messages[1]
