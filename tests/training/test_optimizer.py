"""Optimizers of every kind in the loop, to the bit those of loops of plain torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Muon
from torch.optim import lr_scheduler as rates

from paribus import EarlyStopping, Recipe, call
from paribus.engines.vmapped.fit import why_not
from paribus.training.loop import Training, fitted, train
from paribus.training.optimizer import NetworkOptimizer, by_pattern
from tests.helpers import optimizers as own
from tests.helpers.plain_torch import MLP, STEPS, Plain, same, trained
from tests.helpers.refusals import refused

OWN = "tests.helpers.optimizers"


@pytest.mark.parametrize(
    ("optimizer", "by_hand"),
    [
        pytest.param(
            {"*.weight": call(Muon, lr=0.02), "*": call(AdamW, lr=0.003)},
            lambda w: [
                Muon([w["hidden.0.linear.weight"], w["linear.weight"]], lr=0.02),
                AdamW([w["hidden.0.linear.bias"], w["linear.bias"]], lr=0.003),
            ],
            id="patterns",
        ),
        pytest.param(
            {"linear.*": call(SGD, lr=0.5), "*.bias": call(SGD, lr=0.1), "*": call(AdamW)},
            lambda w: [
                SGD([w["linear.weight"], w["linear.bias"]], lr=0.5),
                SGD([w["hidden.0.linear.bias"]], lr=0.1),
                AdamW([w["hidden.0.linear.weight"]]),
            ],
            id="the first pattern that fits",
        ),
        pytest.param(call(own.both), lambda w: own.pair([*w.values()]), id="one object of two"),
        pytest.param(call(own.pair), lambda w: own.pair([*w.values()]), id="a list of two"),
        pytest.param(
            call(own.biases_without_decay, lr=0.01),
            lambda w: [own.biases_without_decay([*w.items()], lr=0.01)],
            id="named parameters",
        ),
        pytest.param(
            call(own.of_network), lambda w: [SGD(w.values(), lr=torch.tensor(0.1))], id="network"
        ),
    ],
)
def test_steps_are_those_of_plain_torch(
    tiny, optimizer: Any, by_hand: Callable[[dict[str, Tensor]], Sequence[Any]]
) -> None:
    run, split = tiny["table"].pair(MLP, optimizer)
    training, losses = trained(run, split)
    plain = Plain(run, split)
    theirs = by_hand(plain.named)
    expected = []
    for batch in plain.batches():
        expected.append(plain.loss(*batch).item())
        for each in theirs:
            each.step()
    assert losses.tolist() == expected
    same(training, plain)


def test_scores_are_those_of_the_weights_in_evaluation_mode(tiny) -> None:
    """The average of six steps of SGD, worked out here, at every place where a run is scored."""
    run, split = tiny["table"].pair(MLP, call(own.Averaged, lr=0.5), evaluate_every=3)
    plain, mean = Plain(run, split), {}
    optimizer = SGD(plain.network.parameters(), lr=0.5)
    for count, batch in enumerate(plain.batches(), 1):
        plain.loss(*batch)
        optimizer.step()
        for name, value in plain.network.state_dict().items():
            mean[name] = mean.get(name, value.clone()).lerp(value, 1 / count)
    training = Training(run, split)
    training.advance(STEPS)
    same(training, plain)
    iterate = {name: value.clone() for name, value in training.network.state_dict().items()}
    outputs = training.outputs(training.parts.train)
    plain.network.load_state_dict(mean)
    assert torch.equal(outputs, plain.outputs())
    training.outputs(training.parts.train)
    assert training.optimizers[0].steppers[0].optimizer.switches == 2
    for optimizer in training.optimizers:
        optimizer.train()
    assert all(torch.equal(iterate[n], v) for n, v in training.network.state_dict().items())
    loss = run.task.loss(
        plain.network(split.part("test").inputs[0].double()), *split.part("test").targets
    )
    assert train(run, split).scores["log_loss"] == pytest.approx(loss.mean().item(), abs=1e-12)


def test_the_modes_of_an_optimizer_within_one_are_switched(tiny) -> None:
    training, _ = trained(*tiny["table"].pair(MLP, call(own.averaged_matrices)))
    averaged = training.optimizers[0].steppers[0].optimizer.first
    assert averaged.training
    training.outputs(training.parts.train)
    assert not averaged.training


def test_batch_statistics_of_weights_that_are_not_scored_are_told(tiny) -> None:
    model = call("paribus.models.mlp:MLP", hidden=[6], norm="batch")
    assert train(*tiny["table"].pair(model, call(own.Averaged, lr=0.1))).notes[-1] == (
        "Averaged scores other weights than it trains; the running statistics of batch norm are those of the weights "
        "in training"
    )


def test_an_optimizer_that_refuses_to_step_without_its_optional_closure_is_given_it(tiny) -> None:
    """The gradient is taken, weights move up it, it is taken again, and the step is taken from where they were."""
    run, split = tiny["table"].pair(MLP, call(own.Sharp, lr=0.1))
    training, losses = trained(run, split)
    plain = Plain(run, split)
    weights, expected = list(plain.network.parameters()), []
    optimizer = SGD(weights, lr=0.1)
    for batch in plain.batches():
        expected.append(plain.loss(*batch).item())
        before = [p.detach().clone() for p in weights]
        with torch.no_grad():
            for p in weights:
                p.add_(p.grad, alpha=0.05)
        plain.loss(*batch)
        with torch.no_grad():
            for p, old in zip(weights, before, strict=True):
                p.copy_(old)
        optimizer.step()
    assert losses.tolist() == expected
    same(training, plain)
    assert training.optimizers[0].evaluations == 2 * STEPS


def test_the_loss_that_is_kept_is_the_one_before_the_step(tiny) -> None:
    _, doubled = trained(*tiny["table"].pair(MLP, call(own.Doubling, lr=0.1)))
    _, losses = trained(*tiny["table"].pair(MLP, call(SGD, lr=0.1)))
    assert torch.equal(doubled, losses)


@pytest.mark.parametrize(
    "model", [call(own.Noisy), call("paribus.models.mlp:MLP", hidden=[6], dropout=0.5)]
)
def test_noise_is_the_same_in_every_evaluation_of_a_step(tiny, model: Any) -> None:
    """Weights stay, so that a loss differs by what is drawn alone: from step to step, and not within one.

    What the optimizer draws itself differs each time.
    """
    seen: list[float] = []
    own.Probing.drawn.clear()
    training = Training(*tiny["table"].pair(model, call(own.Probing)))
    evaluate = training._loss

    def noted(*batch: Any) -> Tensor:
        loss = evaluate(*batch)
        seen.append(loss.item())
        return loss

    training._loss = noted
    with torch.random.fork_rng():
        training.advance(3)
    assert len(seen) == 6
    assert seen[::2] == seen[1::2]
    assert len(set(seen)) == 3
    assert len(set(own.Probing.drawn)) == 6


def test_an_object_that_shows_nothing_has_its_gradient_forgotten_each_step(tiny) -> None:
    run, split = tiny["table"].pair(MLP, call(own.Hidden, copies=False))
    training, losses = trained(run, split)
    _, expected = trained(*tiny["table"].pair(MLP, call(SGD, lr=0.1)))
    assert torch.equal(losses, expected)
    assert training.optimizers[0].untrained == []


def test_evaluations_of_the_loss_are_counted(tiny) -> None:
    record = train(*tiny["table"].pair(MLP, call("torch.optim:LBFGS", lr=0.5, max_iter=3)))
    assert record.notes[-1] == "LBFGS evaluated the loss 3.0 times a step"


def test_weights_that_an_optimizer_leaves_are_told_and_their_gradient_forgotten(tiny) -> None:
    run, split = tiny["table"].pair(MLP, call(own.matrices_only))
    training, _ = trained(run, split)
    plain = Plain(run, split)
    optimizer = own.matrices_only([*plain.network.parameters()])
    for batch in plain.batches():
        plain.loss(*batch)
        optimizer.step()
    same(training, plain)
    ours, theirs = (dict(n.named_parameters()) for n in (training.network, plain.network))
    assert torch.equal(ours["hidden.0.linear.bias"].grad, theirs["hidden.0.linear.bias"].grad)
    assert train(run, split).notes[-1] == (
        "SGD leaves 2 of 4 weights untrained: hidden.0.linear.bias, linear.bias"
    )


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        (
            ["*.weight"],
            "recipe.optimizer: got no pattern that fits 'a.bias', expected one for every weight that is trained, "
            "beside '*.weight'. Add '*' as the last pattern, or name what is not trained in recipe.freeze.",
        ),
        (
            ["*", "*.weight"],
            "recipe.optimizer: got pattern '*.weight', which has no weight of its own, expected one that fits some of "
            "a.weight, a.bias that no earlier pattern fits. Name weights as named_parameters() does; * stands for any "
            "text.",
        ),
    ],
)
def test_patterns_have_every_weight_once(patterns: list[str], message: str) -> None:
    assert refused(by_pattern, ["a.weight", "a.bias"], patterns) == message


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (
            call(own.nothing),
            "recipe.optimizer nothing(): got NoneType, which has no step(), expected an optimizer, or a list of "
            "several. Have it return the optimizer.",
        ),
        (
            call(own.of_copies),
            "recipe.optimizer: got an optimizer of other weights than the network's, such as copies of them, expected "
            "one that changes the weights that it is given. Hand on the parameters themselves.",
        ),
        (
            {"0.weight": call(own.of_network), "*": call(SGD)},
            "recipe.optimizer of_network(): got the argument 'network', for a part of a network's weights, expected an "
            "optimizer of params or named_parameters. Take the weights, or leave the patterns out.",
        ),
    ],
    ids=["nothing", "copies", "network for a part"],
)
def test_what_cannot_train_a_network_is_refused(optimizer: Any, message: str) -> None:
    recipe = Recipe(model=MLP, optimizer=optimizer)
    assert refused(NetworkOptimizer, recipe, nn.Sequential(nn.Linear(2, 2))) == message


def test_a_network_without_weights_to_train_is_refused() -> None:
    recipe = Recipe(model=MLP, optimizer=call(SGD))
    fix = "Leave a weight out of recipe.freeze, or check the network's requires_grad."
    start = "weights to train: got none: "
    end = f", expected at least one weight that requires a gradient. {fix}"
    frozen = nn.Linear(2, 2).requires_grad_(requires_grad=False)
    assert refused(NetworkOptimizer, recipe, frozen) == f"{start}all 2 are frozen{end}"
    assert refused(NetworkOptimizer, recipe, nn.Tanh()) == f"{start}the network has no weights{end}"


def test_what_the_stacked_engine_has_no_form_of_is_named(tiny) -> None:
    several = tiny["table"].run(MLP, {"*": call(SGD, lr=0.1)})
    scheduled = tiny["table"].run(MLP, schedule=call(rates.CosineAnnealingLR))
    modes = tiny["table"].run(MLP, call(own.Averaged, lr=0.1))
    assert [why_not(run) for run in (several, scheduled, modes)] == [
        "no stacked form of several optimizers over parts of a network",
        "no stacked form of a schedule of the learning rate",
        f"no stacked form of the optimizer {OWN}:Averaged",
    ]


def test_weights_that_are_kept_are_those_that_were_scored(tiny) -> None:
    """Of early stopping, the best average and not the weights that were in training then."""
    settings = {"early_stopping": EarlyStopping(patience=5), "evaluate_every": 1, "steps": 20}
    run, split = tiny["table"].pair(MLP, call(own.Averaged, lr=3.0), **settings)
    training, state = fitted(run, split)
    (x,), (y,) = training.parts.validation.inputs, training.parts.validation.targets
    with torch.no_grad():
        loss = run.task.loss(training.network.eval()(x), y).mean()
    assert state.best_step < state.steps
    assert loss.item() == pytest.approx(min(state.curves["validation/loss"]), abs=1e-12)
