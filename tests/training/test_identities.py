"""Identities that hold exactly: what a training library must give whatever the data are. In float64."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from paribus.metrics import log_loss
from paribus.models import MLP
from paribus.seeding import Streams
from paribus.spec import Call, call
from paribus.spec import replace as replaced
from paribus.suites.tasks.adding import adding
from paribus.training.batch_order import batches
from paribus.training.loop import Training, train

MODEL = call("paribus.models.mlp:MLP", hidden=[6, 5])


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def scaled(outputs: Tensor, target: Tensor, *, factor: float) -> Tensor:
    """Return the log loss times a factor."""
    return factor * log_loss(outputs, target)


def trained(tiny, optimizer: Call, *, factor: float = 1.0, **settings: Any) -> Training:
    """Ten steps by the loop on the tiny table; another factor on the loss if asked."""
    case = tiny["table"]
    run = case.run(settings.pop("model", MODEL), optimizer, **settings)
    if factor != 1.0:
        run = replace(run, task=replaced(run.task, "loss", call(scaled, factor=factor)))
    training = Training(run, case.make_split())
    training.advance(10)
    return training


def distance(a: Training, b: Training) -> float:
    """Return the largest difference of a weight."""
    pairs = zip(a.network.parameters(), b.network.parameters(), strict=True)
    return max((x - y).abs().max().item() for x, y in pairs)


def optim(name: str, **settings: Any) -> Call:
    return call(f"torch.optim:{name}", **settings)


# Optimizers.


def test_adam_and_adamw_are_one_without_decay_and_two_with_it(tiny) -> None:
    plain, decoupled = (
        trained(tiny, optim(n, lr=0.01, weight_decay=0.0)) for n in ("Adam", "AdamW")
    )
    assert distance(plain, decoupled) == 0
    plain, decoupled = (
        trained(tiny, optim(n, lr=0.01, weight_decay=0.1)) for n in ("Adam", "AdamW")
    )
    assert distance(plain, decoupled) > 1e-4


@pytest.mark.parametrize(("factor", "atol"), [(4.0, 0), (3.0, 1e-12)])
def test_sgd_on_a_scaled_loss_is_sgd_at_a_scaled_rate(tiny, factor: float, atol: float) -> None:
    """To the bit where the factor is a power of two."""
    one = trained(tiny, optim("SGD", lr=0.1))
    other = trained(tiny, optim("SGD", lr=0.1 / factor), factor=factor)
    assert distance(one, other) <= atol


def test_adam_does_not_see_the_scale_of_the_loss(tiny) -> None:
    """Apart from its eps, that is; SGD does."""
    one = trained(tiny, optim("Adam", lr=0.01, eps=1e-30))
    assert distance(one, trained(tiny, optim("Adam", lr=0.01, eps=1e-30), factor=4.0)) < 1e-12
    sgd = trained(tiny, optim("SGD", lr=0.1))
    assert distance(sgd, trained(tiny, optim("SGD", lr=0.1), factor=4.0)) > 1e-2


def test_momentum_zero_is_plain_sgd(tiny) -> None:
    assert (
        distance(
            trained(tiny, optim("SGD", lr=0.1)), trained(tiny, optim("SGD", lr=0.1, momentum=0.0))
        )
        == 0
    )
    moving = trained(tiny, optim("SGD", lr=0.1, momentum=0.9))
    assert distance(trained(tiny, optim("SGD", lr=0.1)), moving) > 1e-2


def steps_of(optimizer: Any, gradients: list[Tensor], **settings: Any) -> list[Tensor]:
    """Return the steps that an optimizer takes, given these gradients."""
    weight = nn.Parameter(torch.zeros_like(gradients[0]))
    made = optimizer([weight], **settings)
    taken = []
    for gradient in gradients:
        before = weight.detach().clone()
        weight.grad = gradient.clone()
        made.step()
        taken.append(weight.detach() - before)
    return taken


@pytest.mark.parametrize(
    ("optimizer", "settings", "size"),
    [
        (torch.optim.Adam, {}, 1.0),
        (torch.optim.Adagrad, {}, 1.0),
        (torch.optim.RMSprop, {"alpha": 0.99}, 1 / math.sqrt(0.01)),
        (torch.optim.RMSprop, {"alpha": 0.9}, 1 / math.sqrt(0.1)),
    ],
)
def test_a_first_step_knows_the_gradients_sign_alone(
    optimizer: Any, settings: dict[str, float], size: float
) -> None:
    """``lr sign(g)``, for RMSprop ``lr / sqrt(1 - alpha) sign(g)``; eps is zero here."""
    gradient = numbers(20)
    (step,) = steps_of(optimizer, [gradient], lr=0.01, eps=0.0, **settings)
    torch.testing.assert_close(step, -0.01 * size * gradient.sign(), rtol=1e-13, atol=0)


def test_adam_without_a_first_moment_is_rmsprop_at_a_rising_rate() -> None:
    """``lr sqrt(1 - beta2^t)`` in step ``t``; at a constant rate the two differ."""
    gradients = [numbers(20, seed=t) for t in range(8)]
    adam = steps_of(torch.optim.Adam, gradients, lr=0.01, betas=(0.0, 0.99), eps=0.0)
    rmsprop = steps_of(torch.optim.RMSprop, gradients, lr=0.01, alpha=0.99, eps=0.0)
    for t, (ours, theirs) in enumerate(zip(adam, rmsprop, strict=True), start=1):
        torch.testing.assert_close(ours, theirs * math.sqrt(1 - 0.99**t), rtol=1e-12, atol=1e-16)
        assert (ours - theirs).abs().max() > 1e-3


def test_an_l2_penalty_is_weight_decay_for_sgd(tiny) -> None:
    """The gradient of ``decay / 2 |w|^2`` is ``decay w``."""
    case, decay = tiny["table"], 0.3
    training = trained(tiny, optim("SGD", lr=0.1, weight_decay=decay))
    other = Training(case.run(MODEL), case.make_split())
    data = other.parts.train
    for batch, _ in zip(batches(len(data), 8, Streams(0)), range(10), strict=False):
        loss = log_loss(other.network(data.inputs[0][batch]), data.targets[0][batch]).mean()
        loss = loss + decay / 2 * sum(p.square().sum() for p in other.network.parameters())
        gradients = torch.autograd.grad(loss, list(other.network.parameters()))
        with torch.no_grad():
            for weight, gradient in zip(other.network.parameters(), gradients, strict=True):
                weight.sub_(0.1 * gradient)
    assert distance(training, other) < 1e-13


@pytest.mark.parametrize(
    "model", [MODEL, call("paribus.models.mlp:MLP", norm="batch")], ids=["plain", "normed"]
)
def test_full_batch_descent_does_not_depend_on_the_order(tiny, model: Call) -> None:
    case = tiny["table"]
    trainings = []
    for salt in ("", "a"):
        training = Training(
            case.run(model, optim("SGD", lr=0.1), batch_size=100), case.make_split()
        )
        training.order = batches(len(training.parts.train), 100, Streams(0, salt))
        training.advance(10)
        trainings.append(training)
    first = [next(batches(27, 100, Streams(0, salt))).tolist() for salt in ("", "a")]
    assert first[0] != first[1]
    assert distance(*trainings) < 1e-13


def test_two_spellings_of_one_network_train_alike(tiny) -> None:
    case = tiny["table"]
    records = [
        train(case.run(call(f"paribus.models.mlp:{name}", norm="batch")), case.make_split())
        for name in ("MLP", "sequential_mlp")
    ]
    assert records[0].scores == records[1].scores
    assert records[0].hashes == records[1].hashes


# Normalisation.


def normed(factor: float = 1.0, *, bias: bool = True) -> tuple[nn.Linear, Tensor]:
    """Return a linear layer with scaled weights and bias, and the output of a batch norm with almost no eps."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = nn.Linear(4, 3, bias=bias).double()
    norm = nn.BatchNorm1d(3, eps=1e-30).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(factor)
    output = norm(layer(numbers(20, 4)))
    loss = (output * numbers(20, 3, seed=1)).sum()
    loss.backward()
    return layer, output.detach()


@pytest.mark.parametrize("factor", [0.01, 3.0, 1000.0])
def test_batch_norm_undoes_the_scale_of_the_weights_before_it(factor: float) -> None:
    """Its output stays, and the gradient of those weights is divided by the factor."""
    (one, output), (other, same) = normed(), normed(factor)
    torch.testing.assert_close(same, output, rtol=0, atol=1e-12)
    torch.testing.assert_close(other.weight.grad * factor, one.weight.grad, rtol=0, atol=1e-10)


def test_the_gradient_of_a_bias_before_batch_norm_is_zero() -> None:
    layer, with_bias = normed()
    assert layer.bias.grad.abs().max() < 1e-13
    assert layer.weight.grad.abs().max() > 1e-2
    torch.testing.assert_close(normed(bias=False)[1], with_bias, rtol=0, atol=1e-12)


# Losses.


@pytest.mark.parametrize("classes", [1, 3, 10])
def test_the_gradient_of_cross_entropy_is_prediction_minus_truth(classes: int) -> None:
    """``dCE/dz = p - y``; one logit stands for two classes."""
    z = numbers(20, classes).requires_grad_()
    target = torch.arange(20) % max(classes, 2)
    (gradient,) = torch.autograd.grad(log_loss(z, target).sum(), z)
    if classes == 1:
        expected = 1 / (1 + torch.exp(-z)) - target[:, None]
    else:
        expected = z.exp() / z.exp().sum(1, keepdim=True) - torch.eye(classes)[target]
    torch.testing.assert_close(gradient, expected.detach(), rtol=0, atol=1e-14)


@pytest.mark.parametrize("classes", [1, 2, 3, 10, 1000])
def test_cross_entropy_of_equal_logits_is_the_log_of_the_number_of_classes(classes: int) -> None:
    z = torch.full((5, classes), 0.0 if classes == 1 else 7.0, dtype=torch.float64)
    loss = log_loss(z, torch.arange(5) % 2)
    expected = torch.full((5,), math.log(max(classes, 2)), dtype=torch.float64)
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-14)


def test_cross_entropy_takes_classes_by_number_or_one_hot() -> None:
    z, target = numbers(20, 4), torch.arange(20) % 4
    one_hot = functional.one_hot(target, 4).double()
    hot = functional.cross_entropy(z, one_hot, reduction="none")
    torch.testing.assert_close(hot, log_loss(z, target), rtol=0, atol=1e-14)


def descents(network: nn.Module, x: Tensor, y: Tensor) -> Iterator[float]:
    """Losses at the optimum of the network's mean log loss, by L-BFGS."""
    optimizer = torch.optim.LBFGS(
        network.parameters(), max_iter=500, tolerance_grad=1e-12, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = log_loss(network(x), y).mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    yield closure().item()


@pytest.mark.parametrize("hidden", [[], [6], [6, 5]], ids=str)
def test_linear_layers_alone_are_logistic_regression(hidden: list[int]) -> None:
    """However many there are: same loss and same predictions as scikit-learn's, without penalty, to 1e-5."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss as sk_log_loss

    x = numbers(200, 4)
    y = (x @ torch.tensor([1.0, -1.0, 0.5, 0.0]).double() + 2 * numbers(200, seed=1) > 0).long()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = MLP(inputs=[4], outputs=1, hidden=hidden, activation="Identity").double()
    (loss,) = descents(network, x, y)
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(x.numpy(), y.numpy())
    expected = model.predict_proba(x.numpy())[:, 1]
    assert loss == pytest.approx(sk_log_loss(y.numpy(), expected), abs=1e-8)
    actual = network(x).detach().sigmoid().squeeze(1).numpy()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)


def test_the_adding_problems_targets_vary_by_a_sixth() -> None:
    """The sum of two numbers from U(0, 1): variance 2/12, fourth central moment 1/15; four standard errors."""
    (targets,) = adding(seed=0, train=20_000).targets
    error = math.sqrt((1 / 15 - 1 / 36) / len(targets))
    assert targets.double().var().item() == pytest.approx(1 / 6, abs=4 * error)
    assert targets.double().mean().item() == pytest.approx(
        1, abs=4 * math.sqrt(1 / 6 / len(targets))
    )
