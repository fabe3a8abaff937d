"""Training loop against textbook loops written out here, and the ways in which a run can end."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from paribus.data.dataset import Split, Subset
from paribus.experiment.recipe import EarlyStopping
from paribus.experiment.task import Metric
from paribus.runs.run import Outcome, Run, RunResult
from paribus.seeding import Streams
from paribus.spec import call
from paribus.training.batch_order import batches
from paribus.training.loop import DIAGNOSED, Training, train
from paribus.training.network import build

MLP = call("paribus.models.mlp:MLP", hidden=[6, 5])
SETTINGS: dict[str, tuple[str, dict[str, float]]] = {
    "sgd": ("SGD", {"lr": 0.01}),
    "momentum": ("SGD", {"lr": 0.01, "momentum": 0.95}),
    "adagrad": ("Adagrad", {"lr": 0.01}),
    "rmsprop": ("RMSprop", {"lr": 0.01}),
    "adam": ("Adam", {"lr": 0.001}),
    "weight decay": ("AdamW", {"lr": 0.001, "weight_decay": 0.1}),
}
OPTIMIZERS = {name: call(f"torch.optim:{kind}", **s) for name, (kind, s) in SETTINGS.items()}
NETWORKS = {
    "mlp": ("table", MLP),
    "mlp with batch norm": ("images", call("paribus.models.mlp:MLP", hidden=[6, 5], norm="batch")),
    "cnn": ("images", call("paribus.models.cnn:CNN", channels=[2, 3], norm="batch")),
    "rnn": ("series", call("paribus.models.recurrent:Recurrent", cell="RNN", hidden=4)),
    "lstm": (
        "series",
        call("paribus.models.recurrent:Recurrent", cell="LSTM", hidden=4, forget_bias=1.0),
    ),
    "gru": ("series", call("paribus.models.recurrent:Recurrent", cell="GRU", hidden=4)),
}


def sliced(part: Subset, size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of one permutation an epoch, without end; what is left over is dropped."""
    (x,), (y,) = part.inputs, part.targets
    for epoch in itertools.count():
        order = torch.randperm(len(x), generator=Streams(seed).generator("order", epoch))
        for start in range(0, len(x) - size + 1, size):
            chosen = order[start : start + size]
            yield x[chosen], y[chosen]


def loaded(part: Subset, size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the same batches from a DataLoader."""
    data = TensorDataset(*part.inputs, *part.targets)
    for epoch in itertools.count():
        order = torch.randperm(len(data), generator=Streams(seed).generator("order", epoch))
        yield from map(tuple, DataLoader(data, size, sampler=order.tolist(), drop_last=True))


def textbook(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    data: Iterable[tuple[Tensor, Tensor]],
    steps: int,
    clip: float | None = None,
) -> list[float]:
    """Train by the textbook loop and return the loss of each step."""
    losses = []
    network.train()
    for x, y in itertools.islice(data, steps):
        optimizer.zero_grad()
        output = network(x)
        if y.is_floating_point():
            loss = nn.MSELoss()(output, y)
        elif output.shape[1] == 1:
            loss = nn.BCEWithLogitsLoss()(output[:, 0], y.double())
        else:
            loss = nn.CrossEntropyLoss()(output, y)
        loss.backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(network.parameters(), clip)
        optimizer.step()
        losses.append(loss.item())
    return losses


def same_state(a: nn.Module, b: nn.Module, atol: float) -> None:
    """Weights and buffers of two networks agree."""
    expected, actual = a.state_dict(), b.state_dict()
    assert expected.keys() == actual.keys()
    for name, value in expected.items():
        torch.testing.assert_close(actual[name], value, rtol=0, atol=atol, msg=name)


def started(run: Run, split: Split) -> nn.Module:
    """Return the run's network before its first step."""
    return build(run.recipe, split.dataset, run.streams).to(getattr(torch, run.recipe.dtype))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("network", NETWORKS)
def test_the_loop_is_the_textbook_loop(tiny, network: str, optimizer: str) -> None:
    """Three epochs and a bit, two bits of rounding apart at most."""
    kind, model = NETWORKS[network]
    made, settings = SETTINGS[optimizer]
    run, split = tiny[kind].pair(model, OPTIMIZERS[optimizer], steps=10)
    training, expected = Training(run, split), started(run, split)
    data = sliced(split.part("train").to("cpu", torch.float64), 8, seed=0)
    theirs = getattr(torch.optim, made)(expected.parameters(), **settings)
    losses = textbook(expected, theirs, data, 10)
    assert training.advance(10).tolist() == pytest.approx(losses, rel=0, abs=1e-12)
    same_state(expected, training.network, atol=1e-12)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_loop_is_the_textbook_loop_over_a_dataloader(tiny, network: str) -> None:
    kind, model = NETWORKS[network]
    run, split = tiny[kind].pair(model, seed=3, steps=10)
    training, expected = Training(run, split), started(run, split)
    data = loaded(split.part("train").to("cpu", torch.float64), 8, seed=3)
    losses = textbook(expected, torch.optim.SGD(expected.parameters(), lr=0.1), data, 10)
    assert training.advance(10).tolist() == pytest.approx(losses, rel=0, abs=1e-12)
    same_state(expected, training.network, atol=1e-12)


def test_an_optimizer_that_evaluates_the_loss_itself_is_given_a_closure(tiny) -> None:
    """L-BFGS, three evaluations a step, against the loop that torch's manual shows for it."""
    settings = {"lr": 0.5, "max_iter": 3}
    run, split = tiny["table"].pair(MLP, call("torch.optim:LBFGS", **settings))
    training, expected = Training(run, split), started(run, split)
    optimizer = torch.optim.LBFGS(expected.parameters(), **settings)
    losses = []
    part = split.part("train").to("cpu", torch.float64)
    for x, y in itertools.islice(sliced(part, 8, seed=0), 6):

        def closure(x: Tensor = x, y: Tensor = y) -> Tensor:
            optimizer.zero_grad()
            loss = nn.BCEWithLogitsLoss()(expected(x)[:, 0], y.double())
            loss.backward()
            return loss

        losses.append(optimizer.step(closure).item())
    assert training.advance(6).tolist() == pytest.approx(losses, rel=0, abs=1e-10)
    same_state(expected, training.network, atol=1e-10)


@pytest.mark.parametrize("network", ["mlp", "lstm"])
def test_gradients_are_clipped_by_their_global_norm(tiny, network: str) -> None:
    kind, model = NETWORKS[network]
    run, split = tiny[kind].pair(model, clip_norm=0.05)
    training, expected, free = Training(run, split), started(run, split), started(run, split)
    part = split.part("train").to("cpu", torch.float64)
    for other, clip in ((expected, 0.05), (free, None)):
        optimizer = torch.optim.SGD(other.parameters(), lr=0.1)
        textbook(other, optimizer, sliced(part, 8, seed=0), 6, clip)
    training.advance(6)
    same_state(expected, training.network, atol=1e-12)
    before = started(run, split).state_dict()
    weight = next(iter(before))
    moved = [(n.state_dict()[weight] - before[weight]).norm() for n in (training.network, free)]
    assert moved[0] < moved[1]


def test_in_float32_the_loop_keeps_to_the_textbook(tiny) -> None:
    """To the rounding of a mean of eight losses taken in another order."""
    run, split = tiny["table"].pair(MLP, dtype="float32")
    training, network = Training(run, split), started(run, split).double()
    data = sliced(split.part("train").to("cpu", torch.float64), 8, seed=0)
    textbook(network, torch.optim.SGD(network.parameters(), lr=0.1), data, 6)
    training.advance(6)
    same_state(network.float(), training.network, atol=1e-6)


def test_a_step_of_sgd_is_written_by_hand(tiny) -> None:
    """``w -= lr * w.grad``; torch multiplies and adds in one go, which rounds once and not twice."""
    run, split = tiny["series"].pair(call("paribus.models.recurrent:Recurrent"))
    training, network = Training(run, split), started(run, split)
    data = sliced(split.part("train").to("cpu", torch.float64), 8, seed=0)
    for x, y in itertools.islice(data, 6):
        loss = (network(x) - y).square().mean()
        gradients = torch.autograd.grad(loss, list(network.parameters()))
        with torch.no_grad():
            for w, gradient in zip(network.parameters(), gradients, strict=True):
                w -= 0.1 * gradient  # noqa: PLW2901 - as everybody writes it
    training.advance(6)
    same_state(network, training.network, atol=1e-14)


def test_curves_and_scores_are_those_of_the_textbook(tiny) -> None:
    """Evaluated before the first step, once an epoch of three steps, and after the last step."""
    run, split = tiny["images"].pair(NETWORKS["cnn"][1], steps=8)
    record = train(run, split)
    network = started(run, split)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    train_part, validation, test = (
        split.part(name).to("cpu", torch.float64) for name in ("train", "validation", "test")
    )
    data = sliced(train_part, 8, seed=0)

    def scores(part: Subset) -> list[float]:
        network.eval()
        with torch.no_grad():
            output = network(*part.inputs)
            loss = nn.CrossEntropyLoss()(output, *part.targets).item()
        return [loss, (output.argmax(1) == part.targets[0]).double().mean().item()]

    losses, points = [math.nan], [scores(validation)]
    for steps in (3, 3, 2):
        losses.append(float(np.mean(textbook(network, optimizer, data, steps))))
        points.append(scores(validation))
    log_loss, accuracy = zip(*points, strict=True)
    assert record.curves["step"] == [0, 3, 6, 8]
    assert record.curves["train/loss"] == pytest.approx(losses, rel=0, abs=1e-12, nan_ok=True)
    assert record.curves["validation/log_loss"] == pytest.approx(log_loss, rel=0, abs=1e-12)
    assert record.curves["validation/loss"] == pytest.approx(log_loss, rel=0, abs=1e-12)
    assert record.curves["validation/accuracy"] == pytest.approx(accuracy, rel=0, abs=1e-12)
    expected = scores(test)
    assert [record.scores[n] for n in ("log_loss", "accuracy")] == pytest.approx(
        expected, abs=1e-12
    )
    assert record.scores["validation/accuracy"] == record.curves["validation/accuracy"][-1]
    assert record.scores["train/loss"] == record.curves["train/loss"][-1]


def test_a_completed_record_says_what_was_trained(tiny) -> None:
    run, split = tiny["table"].pair(MLP, evaluate_every=4)
    record = train(run, split)
    assert (record.outcome, record.reason, record.completed) == (Outcome.completed, "", True)
    assert (record.key, record.seed) == (run.key, 0)
    assert (record.steps, record.best_step, record.curves["step"]) == (6, 6, [0, 4, 6])
    assert record.parameters == 4 * 6 + 6 + 6 * 5 + 5 + 5 * 1 + 1
    assert record.seconds >= record.step_seconds > 0
    assert record.data == {
        "name": "tiny",
        "origin": "made up",
        "digest": "tiny",
        "classes": ["a", "b"],
        **{name: len(split.indices(name)) for name in ("train", "validation", "test")},
    }
    assert set(record.hashes) == {"data", "split", "order", "init"}


def test_stored_predictions_are_those_that_were_scored(tiny) -> None:
    run, split = tiny["images"].pair(NETWORKS["cnn"][1])
    record = train(run, split)
    predictions = record.predictions
    assert predictions is not None
    assert predictions.outputs.shape == (len(split.test), 3)
    assert predictions.target.tolist() == split.dataset.targets[0][split.test].tolist()
    accuracy = (predictions.outputs.argmax(1) == predictions.target).mean()
    assert record.scores["accuracy"] == pytest.approx(accuracy, abs=1e-12)
    dummy = (predictions.dummy.argmax(1) == predictions.target).mean()
    assert record.dummy["prior"]["accuracy"] == pytest.approx(dummy, abs=1e-7)


def test_diagnostics_are_taken_at_every_evaluation_of_the_first_training_samples(tiny) -> None:
    norms = call("paribus.metrics.diagnostics:gradient_norms")
    run, split = tiny["table"].pair(MLP, diagnostics=(norms,))
    record = train(run, split)
    assert len(split.train) < DIAGNOSED
    network, part = started(run, split), split.part("train").to("cpu", torch.float64)
    outputs = network(*part.inputs)[:, 0]
    nn.BCEWithLogitsLoss()(outputs, part.targets[0].double()).backward()
    expected = network.get_parameter("hidden.0.linear.weight").grad.norm().item()
    curve = record.curves["gradient_norm/0"]
    assert curve[0] == pytest.approx(expected, abs=1e-12)
    assert len(curve) == len(record.curves["step"])


def test_the_effective_step_of_plain_descent_is_its_learning_rate(tiny) -> None:
    """From the first step on, whether or not the gradient is clipped; there is none before."""
    step = call("paribus.metrics.diagnostics:update_norm")
    for clip_norm in (None, 0.01):
        sgd = call("torch.optim:SGD", lr=0.05)
        settings = {"optimizer": sgd, "diagnostics": (step,), "clip_norm": clip_norm}
        record = train(tiny["table"].run(MLP, **settings), tiny["table"].make_split())
        first, *later = record.curves["effective_step"]
        assert math.isnan(first)
        assert later == pytest.approx([0.05] * len(later), rel=1e-9)
        assert max(record.curves["update_norm"][1:]) <= 0.05 * (clip_norm or 100) * 1.001


def test_watching_a_step_changes_nothing(tiny) -> None:
    records = [
        train(tiny["table"].run(MLP, diagnostics=diagnostics), tiny["table"].make_split())
        for diagnostics in ((), (call("paribus.metrics.diagnostics:update_norm"),))
    ]
    assert records[0].scores["log_loss"] == records[1].scores["log_loss"]
    assert records[0].curves["train/loss"][1:] == records[1].curves["train/loss"][1:]


# How a run ends.


class Constant(nn.Module):
    """Says its one weight of everything; initially one."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def reset_parameters(self) -> None:
        nn.init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.weight.expand(len(x), 1)


class Scripted(torch.optim.Optimizer):
    """Sets the weight at each step to the root of the next loss of a script, whatever the gradient says."""

    def __init__(self, parameters: Iterable[Tensor], losses: list[float | str]) -> None:
        super().__init__(parameters, {})
        self.losses = iter(losses)

    def step(self, closure: Any = None) -> None:  # noqa: ARG002 - the signature that optimizers have
        self.param_groups[0]["params"][0].data.fill_(math.sqrt(float(next(self.losses))))


def scripted(tiny, losses: list[float | str], **settings: Any) -> RunResult:
    """Return a run whose validation and test loss is one before the first step and follows the script after it."""
    zeros = torch.zeros_like(tiny["series"].dataset.targets[0])
    made = tiny["series"].changed(targets=(zeros,), standardise_targets=False)
    run = made.run(
        call(Constant),
        call(Scripted, losses=losses),
        steps=len(losses),
        evaluate_every=1,
        **settings,
    )
    return train(run, made.make_split())


RISES = [0.9, 0.8, 0.85, 0.86, 0.7, 0.75, 0.76, 0.77, 0.1]


@pytest.mark.parametrize(
    ("losses", "patience", "stopped", "best"),
    [
        (RISES, 1, 3, 2),  # the first rise
        (RISES, 2, 4, 2),  # two rises in a row
        (RISES, 3, 8, 5),  # the two rises before .7 do not count any more
        (RISES, 4, 9, 9),  # never four in a row, so all steps are done
        ([0.9, 0.9, 0.9, 0.9], 1, 4, 1),  # a tie is no rise, and the earlier weights stay
        ([0.5, 0.9, 0.8, 0.9, 0.8], 2, 5, 1),  # above the best, but never twice in a row
        ([1.5, 1.2, 1.1], 1, 1, 1),  # above the loss before the first step
    ],
)
def test_early_stopping_by_hand(
    tiny, losses: list[float], patience: int, stopped: int, best: int
) -> None:
    """Stops after so many rises in a row, and scores the weights of the lowest validation loss."""
    record = scripted(tiny, losses, early_stopping=EarlyStopping(patience=patience))
    assert (record.outcome, record.steps, record.best_step) == (Outcome.completed, stopped, best)
    assert record.curves["validation/loss"] == pytest.approx([1.0, *losses[:stopped]], abs=1e-12)
    assert record.scores["mse"] == pytest.approx(losses[best - 1], abs=1e-12)
    assert record.scores["validation/loss"] == pytest.approx(losses[best - 1], abs=1e-12)
    assert record.predictions is not None
    assert record.predictions.outputs[0, 0] ** 2 == pytest.approx(losses[best - 1], abs=1e-12)


@pytest.mark.parametrize(
    ("keep", "step", "kept", "other"), [("best", 5, 0.7, 0.77), ("last", 8, 0.77, 0.7)]
)
def test_the_weights_that_are_kept_are_scored_and_the_others_beside_them(
    tiny, keep: str, step: int, kept: float, other: float
) -> None:
    """All steps are taken; the best validation score is seen at the fifth, and the initial one is no candidate."""
    record = scripted(tiny, RISES[:-1], keep=keep)
    assert (record.steps, record.best_step) == (8, step)
    assert record.scores["mse"] == pytest.approx(kept, abs=1e-12)
    assert record.scores["validation/mse"] == pytest.approx(kept, abs=1e-12)
    assert record.other_scores == pytest.approx({"mse": other}, abs=1e-12)
    assert record.predictions is not None
    assert record.predictions.outputs[0, 0] ** 2 == pytest.approx(kept, abs=1e-12)


def test_of_equal_validation_scores_the_first_is_kept(tiny) -> None:
    record = scripted(tiny, [0.9, 0.5, 0.7, 0.5, 0.6])
    assert (record.steps, record.best_step) == (5, 2)


def test_the_best_is_by_the_primary_score_and_not_by_the_loss(tiny) -> None:
    """Accuracy first: of the curves of both, the step is that of the most right answers, the first of equals."""
    base = tiny["table"]
    accuracy = Metric(
        name="accuracy", function=call("paribus.metrics:accuracy"), higher_is_better=True
    )
    sgd = call("torch.optim:SGD", lr=2.0)
    settings = {"steps": 40, "evaluate_every": 1}
    by_loss = train(base.run(call("paribus.models.mlp:MLP"), sgd, **settings), base.make_split())
    run = base.run(call("paribus.models.mlp:MLP"), sgd, **settings)
    run = dataclasses.replace(run, task=run.task.with_metric(accuracy))
    record = train(run, base.make_split())
    curve = record.curves["validation/accuracy"][1:]
    assert record.best_step == 1 + curve.index(max(curve))
    assert record.best_step != by_loss.best_step


def test_standard_errors_are_those_of_a_mean_over_the_test_part(tiny) -> None:
    """A share's is the binomial one, but for the n - 1 of its variance."""
    base = tiny["table"]
    record = train(base.run(call("paribus.models.mlp:MLP")), base.make_split())
    count, share = base.make_split().test.numel(), record.scores["accuracy"]
    assert 0 < share < 1
    expected = math.sqrt(share * (1 - share) / (count - 1))
    assert record.standard_errors["accuracy"] == pytest.approx(expected)
    assert record.standard_errors.keys() == record.other_scores.keys()


def test_a_run_that_diverges_is_recorded_with_its_curves_and_without_scores(tiny) -> None:
    """A learning rate of 1e200 squares to infinity in the second step."""
    sgd = call("torch.optim:SGD", lr=1e200)
    run = tiny["series"].run(call("paribus.models.mlp:MLP"), sgd, evaluate_every=1, steps=50)
    record = train(run, tiny["series"].make_split())
    assert record.outcome is Outcome.diverged
    assert record.reason == f"loss or a weight was not finite by step {record.steps}"
    assert not record.completed
    assert (record.scores, record.predictions) == ({}, None)
    assert 1 <= record.steps < 50
    assert record.curves["step"] == list(range(record.steps))
    assert math.isfinite(record.curves["validation/mse"][0])
    assert record.dummy["mean_target"]["mse"] > 0
    assert set(record.hashes) == {"data", "split", "order", "init"}


def test_a_weight_that_is_not_finite_is_divergence_though_the_loss_was(tiny) -> None:
    record = scripted(tiny, [0.5, "inf", 0.5])
    assert (record.outcome, record.steps) == (Outcome.diverged, 2)
    assert record.reason == "loss or a weight was not finite by step 2"
    assert record.curves["validation/loss"] == pytest.approx([1.0, 0.5])


def test_a_test_score_that_is_not_finite_is_divergence(tiny) -> None:
    """Validation says nothing of it: the one infinite target stands in the test part."""
    base = tiny["series"]
    parts = torch.arange(45) % 3
    targets = torch.where(parts[:, None] == 2, 1e30, base.dataset.targets[0])
    made = base.changed(targets=(targets,), declared=parts, standardise_targets=False)
    run = made.run(call("paribus.models.mlp:MLP"), dtype="float32")
    record = train(run, made.make_split())
    assert (record.outcome, record.steps) == (Outcome.diverged, 6)
    assert record.reason == "mse on the test part was not finite"
    assert (record.scores, record.predictions) == ({}, None)
    assert all(map(math.isfinite, record.curves["validation/mse"]))


def test_a_run_out_of_time_is_exhausted_and_scored_as_far_as_it_came(tiny) -> None:
    run, split = tiny["table"].pair(MLP, time_limit=1e-9, evaluate_every=2)
    record = train(run, split)
    assert (record.outcome, record.steps) == (Outcome.exhausted, 2)
    assert record.reason == "time limit of 1e-09 s at step 2 of 6"
    assert not record.completed
    shorter = train(tiny["table"].run(MLP, steps=2), split)
    assert record.scores["log_loss"] == shorter.scores["log_loss"]


def test_a_run_that_does_all_its_steps_is_completed_however_long_it_took(tiny) -> None:
    run = tiny["table"].run(MLP, time_limit=1e-9, evaluate_every=6)
    assert train(run, tiny["table"].make_split()).outcome is Outcome.completed


# What is random, and what is not.

NOISY = call("paribus.models.mlp:MLP", hidden=[6, 5], dropout=0.5)


def numbers(record: RunResult) -> dict[str, Any]:
    """Everything in a record besides seconds; text, so that not-a-number equals itself."""
    fields = {f.name: getattr(record, f.name) for f in dataclasses.fields(record)}
    predictions = fields.pop("predictions")
    for name in ("seconds", "step_seconds"):
        del fields[name]
    arrays = dataclasses.astuple(predictions) if predictions else ()
    return {"fields": repr(fields), "predictions": [a.tobytes() for a in arrays]}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_run_twice_gives_identical_bits(tiny, dtype: str) -> None:
    run, split = tiny["table"].pair(NOISY, dtype=dtype)
    assert numbers(train(run, split)) == numbers(train(run, tiny["table"].make_split()))


def test_the_global_generator_is_neither_used_nor_moved(tiny) -> None:
    records = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        records.append(numbers(train(tiny["table"].run(NOISY), tiny["table"].make_split())))
        assert torch.equal(before, torch.get_rng_state())
    assert records[0] == records[1]


def test_settings_of_the_libraries_are_put_back(tiny) -> None:
    cudnn = torch.backends.cudnn
    before = (cudnn.deterministic, cudnn.benchmark)
    train(tiny["table"].run(MLP), tiny["table"].make_split())
    assert before == (cudnn.deterministic, cudnn.benchmark)


class Twitching(nn.Module):
    """Linear map that draws noise from the global generator, as networks of users may."""

    def __init__(self, inputs: list[int], outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs[0], outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x + torch.randn_like(x))


def test_a_network_that_draws_from_the_global_generator_is_seeded_all_the_same(tiny) -> None:
    split, records = tiny["table"].make_split(), []
    for seed in (1, 2):
        torch.manual_seed(seed)
        records.append(numbers(train(tiny["table"].run(call(Twitching)), split)))
    assert records[0] == records[1]


def hashes(tiny, **changes: Any) -> dict[str, Any]:
    settings = {"model": MLP, "optimizer": OPTIMIZERS["sgd"]} | changes
    seed = settings.get("seed", 0)
    return train(tiny["table"].run(**settings), tiny["table"].make_split(seed)).hashes


@pytest.mark.parametrize(
    "change",
    [
        {"optimizer": OPTIMIZERS["adam"]},
        {"model": call("paribus.models.mlp:MLP", hidden=[6, 5], activation="ELU")},
        {"model": call("paribus.models.mlp:sequential_mlp", hidden=[6, 5])},
        {"clip_norm": 1.0},
        {"dtype": "float32"},
    ],
    ids=str,
)
def test_variants_share_split_order_and_initial_weights(tiny, change: dict[str, Any]) -> None:
    assert hashes(tiny, **change) == hashes(tiny)


def test_a_norm_changes_nobodys_initial_weights(tiny) -> None:
    plain, normed = (
        hashes(tiny, model=call("paribus.models.mlp:MLP", hidden=[6, 5], norm=norm))
        for norm in (None, "batch")
    )
    shared = plain["init"].keys() & normed["init"].keys()
    assert {"Linear0.weight(6, 4)", "Linear1.weight(5, 6)", "Linear2.weight(1, 5)"} <= shared
    assert all(plain["init"][name] == normed["init"][name] for name in shared)
    assert (plain["split"], plain["order"]) == (normed["split"], normed["order"])


@pytest.mark.parametrize("change", [{"seed": 1}, {"salt": "a"}], ids=str)
def test_seeds_and_salts_part_weights_and_order(tiny, change: dict[str, Any]) -> None:
    one, other = hashes(tiny), hashes(tiny, **change)
    assert one["order"] != other["order"]
    assert all(one["init"][name] != other["init"][name] for name in one["init"])


def test_hashes_tell_a_broken_pairing(tiny) -> None:
    """Another batch size is another order; other data in the split are another split."""
    assert hashes(tiny)["order"] != hashes(tiny, batch_size=9)["order"]
    run, split = tiny["table"].pair(MLP)
    moved = Split(split.dataset, split.test, split.validation, split.train)
    assert train(run, split).hashes["split"] != train(run, moved).hashes["split"]


@pytest.mark.parametrize(
    "settings",
    [{"evaluate_every": 1}, {"diagnostics": (call("paribus.metrics.diagnostics:activations"),)}],
    ids=["often", "with diagnostics"],
)
def test_looking_changes_nothing(tiny, settings: dict[str, Any]) -> None:
    """Neither how often a run is evaluated nor what is diagnosed moves a weight or a mask."""
    model, split = (
        call("paribus.models.mlp:MLP", norm="batch", dropout=0.5),
        tiny["table"].make_split(),
    )
    base = train(tiny["table"].run(model, evaluate_every=6), split)
    looked = train(tiny["table"].run(model, **({"evaluate_every": 6} | settings)), split)
    assert base.predictions is not None
    assert looked.predictions is not None
    np.testing.assert_array_equal(base.predictions.outputs, looked.predictions.outputs)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
@pytest.mark.parametrize("network", NETWORKS)
def test_cuda_gives_nearly_the_numbers_of_the_cpu(tiny, network: str) -> None:
    """In float32, over two epochs with dropout masks and orders that both devices share."""
    kind, model = NETWORKS[network]
    split = tiny[kind].make_split()
    cpu, cuda = (
        train(tiny[kind].run(model, dtype="float32", device=device), split)
        for device in ("cpu", "cuda")
    )
    assert cpu.hashes == cuda.hashes
    assert cuda.scores == pytest.approx(cpu.scores, abs=1e-3)


def test_two_inputs_and_two_targets_are_trained_as_written_out(tiny) -> None:
    """Three steps by hand: each input prepared by itself, the loss a sum, an output for each target."""
    for name, model in (("pairs", "TwoInputs"), ("answers", "TwoOutputs")):
        one, settings = tiny[name], {"channels": 2, "embedding": 3}
        run = one.run(call(f"paribus.models.branches:{model}", **settings), steps=3)
        split = one.make_split()
        training = Training(run, split)
        network = copy.deepcopy(training.network)
        training.advance(3)
        train = split.part("train").to("cpu", torch.float64)
        order = batches(len(train), 8, run.streams)
        for _ in range(3):
            index = next(order)
            outputs = network(*(x[index] for x in train.inputs))
            loss = run.task.loss(outputs, *(y[index] for y in train.targets)).mean()
            for p, g in zip(
                network.parameters(),
                torch.autograd.grad(loss, list(network.parameters())),
                strict=True,
            ):
                p.data -= 0.1 * g
        for a, b in zip(training.network.parameters(), network.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def test_each_of_two_outputs_is_scored_and_the_first_is_kept(tiny) -> None:
    one = tiny["answers"]
    run = one.run(call("paribus.models.branches:TwoOutputs", channels=2, embedding=3))
    record = train(run, one.make_split())
    assert record.scores.keys() >= {"log_loss_0", "accuracy_0", "log_loss_1", "accuracy_1"}
    assert record.dummy["priors"].keys() == {m.name for m in run.task.metrics}
    assert record.predictions is not None
    assert record.predictions.outputs.shape == record.predictions.dummy.shape == (9, 3)
    assert np.array_equal(
        record.predictions.target, one.make_split().part("test").targets[0].numpy()
    )


def test_an_output_of_weight_zero_is_as_if_it_were_not_there(tiny) -> None:
    """The end of a sweep of loss weights is the network of one output, trained by itself: bit for bit."""
    both = tiny["answers"]
    model = call("paribus.models.branches:TwoOutputs", channels=2, embedding=3)
    loss = "paribus.metrics:weighted_log_loss"
    weighted = both.task.model_copy(update={"loss": call(loss, weights=[1.0, 0.0])})
    single = both.task.model_copy(
        update={
            "loss": call(loss, weights=[1.0]),
            "metrics": both.task.metrics[:2],
            "dummy": {"priors": call("paribus.data.dummy:priors", of=[0])},
        }
    )
    alone = dataclasses.replace(
        both.changed(targets=both.dataset.targets[:1], further_classes=()), task=single
    )
    records = [
        train(case.run(network), case.make_split())
        for case, network in (
            (dataclasses.replace(both, task=weighted), model),
            (
                alone,
                call("paribus.models.branches:TwoOutputs", channels=2, embedding=3, outputs=[3]),
            ),
        )
    ]
    found, expected = (record.predictions.outputs for record in records)
    assert np.array_equal(found, expected)
    assert records[0].curves["validation/loss"] == records[1].curves["validation/loss"]
