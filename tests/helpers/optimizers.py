"""Optimizers such as people write, and schedules, in a module of their own so that they can be named."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn


class Averaged(torch.optim.Optimizer):
    """SGD whose weights are their running average in evaluation mode, as a schedule-free optimizer's are."""

    def __init__(self, params: Iterable[Tensor], lr: float) -> None:
        super().__init__(params, {"lr": lr})
        self.training, self.count, self.switches = False, 0, 0

    @torch.no_grad()
    def step(self, closure: object = None) -> None:  # noqa: ARG002 - as torch's
        if not self.training:
            raise RuntimeError("call train() before step()")
        self.count += 1
        for p in self._weights():
            p.sub_(p.grad, alpha=self.param_groups[0]["lr"])
            self.state[p].setdefault("mean", p.detach().clone()).lerp_(p, 1 / self.count)

    @torch.no_grad()
    def _swap(self) -> None:
        self.switches += 1
        for p in self._weights():
            if "mean" in self.state[p]:
                other = p.clone()
                p.copy_(self.state[p]["mean"])
                self.state[p]["mean"].copy_(other)

    def _weights(self) -> list[Tensor]:
        return self.param_groups[0]["params"]

    def eval(self) -> None:
        if self.training:
            self._swap()
        self.training = False

    def train(self) -> None:
        if not self.training:
            self._swap()
        self.training = True


class Both:
    """Two optimizers that take their steps together; no subclass of torch's."""

    def __init__(self, first: torch.optim.Optimizer, second: torch.optim.Optimizer) -> None:
        self.first, self.second = first, second

    def zero_grad(self) -> None:
        self.first.zero_grad()
        self.second.zero_grad()

    def step(self) -> None:
        self.first.step()
        self.second.step()


def both(params: Sequence[Tensor], matrix_lr: float = 0.1) -> Both:
    """Return SGD with momentum for matrices and without for the rest, as one object."""
    return Both(*pair(params, matrix_lr))


def pair(params: Sequence[Tensor], matrix_lr: float = 0.1) -> list[torch.optim.Optimizer]:
    """Return them as a list."""
    matrices = [p for p in params if p.ndim == 2]
    rest = [p for p in params if p.ndim != 2]
    return [torch.optim.SGD(matrices, lr=matrix_lr, momentum=0.9), torch.optim.SGD(rest, lr=0.05)]


def averaged_matrices(params: Sequence[Tensor]) -> Both:
    """Return an object that holds an optimizer of two modes, and has none itself."""
    matrices = [p for p in params if p.ndim == 2]
    rest = [p for p in params if p.ndim != 2]
    return Both(Averaged(matrices, lr=0.1), torch.optim.SGD(rest, lr=0.05))


def biases_without_decay(
    named_parameters: Sequence[tuple[str, nn.Parameter]], lr: float
) -> torch.optim.Optimizer:
    """Return AdamW of two groups, by the names of the weights."""
    biases = [p for name, p in named_parameters if name.endswith("bias")]
    others = [p for name, p in named_parameters if not name.endswith("bias")]
    return torch.optim.AdamW(
        [{"params": others, "weight_decay": 0.5}, {"params": biases, "weight_decay": 0.0}], lr=lr
    )


def of_network(network: nn.Module, lr: Any = 0.1) -> torch.optim.Optimizer:
    """Return SGD of a whole network, its rate a tensor."""
    return torch.optim.SGD(network.parameters(), lr=torch.tensor(lr))


def matrices_only(params: Sequence[Tensor]) -> torch.optim.Optimizer:
    """Return an optimizer that leaves the rest as it is."""
    return torch.optim.SGD([p for p in params if p.ndim == 2], lr=0.1)


def of_copies(params: Sequence[Tensor]) -> torch.optim.Optimizer:
    """Return an optimizer that trains nothing of the network."""
    return torch.optim.SGD([nn.Parameter(p.detach().clone()) for p in params], lr=0.1)


class Hidden:
    """An optimizer that shows no groups, of weights or, by mistake, of copies; it has no ``zero_grad``."""

    def __init__(self, params: Sequence[Tensor], copies: bool = True) -> None:
        self.weights = [nn.Parameter(p.detach().clone()) for p in params] if copies else params

    @torch.no_grad()
    def step(self) -> None:
        for p in self.weights:
            if p.grad is not None:
                p.sub_(p.grad, alpha=0.1)


class Wrapped:
    """Steps of an optimizer whose groups it shows; no subclass of torch's."""

    def __init__(self, params: Sequence[Tensor]) -> None:
        self.optimizer = torch.optim.SGD(params, lr=0.1)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return self.optimizer.param_groups

    def zero_grad(self) -> None:
        self.optimizer.zero_grad()

    def step(self) -> None:
        self.optimizer.step()


class Probing(torch.optim.SGD):
    """Draws numbers of its own between evaluations of the loss, which it keeps; takes no step."""

    drawn: ClassVar[list[float]] = []

    def step(self, closure: Callable[[], Tensor]) -> None:  # type: ignore[override]
        for _ in range(2):
            self.drawn.append(torch.rand(()).item())
            closure()


def nothing(params: Sequence[Tensor]) -> None:
    """Forget to return the optimizer."""


class Sharp(torch.optim.SGD):
    """Steps by the gradient of weights moved a little up it, the gradient here being known: its closure is optional.

    As sharpness-aware minimisation is often written.
    """

    def step(self, closure: Callable[[], Tensor] | None = None) -> None:
        if closure is None:
            raise RuntimeError("needs a closure")
        weights = self.param_groups[0]["params"]
        before = [p.detach().clone() for p in weights]
        with torch.no_grad():
            for p in weights:
                p.add_(p.grad, alpha=0.05)
        closure()
        with torch.no_grad():
            for p, old in zip(weights, before, strict=True):
                p.copy_(old)
        super().step()


class Doubling(torch.optim.SGD):
    """Needs a closure and returns another number than its loss."""

    def step(self, closure: Callable[[], Tensor]) -> float:  # type: ignore[override]
        loss = closure()
        super().step()
        return 2 * loss.item()


class Silent(torch.optim.SGD):
    """Asks for a closure that it does not call."""

    def step(self, closure: Callable[[], Tensor]) -> None:  # type: ignore[override]
        pass


class WithoutRate(torch.optim.Optimizer):
    """Steps of one size, which no schedule can change."""

    def __init__(self, params: Iterable[Tensor]) -> None:
        super().__init__(params, {})

    @torch.no_grad()
    def step(self) -> None:
        for p in self.param_groups[0]["params"]:
            p.sub_(p.grad.sign(), alpha=0.01)


class SecondOrder(torch.optim.SGD):
    """Needs the gradient's own gradient, which only a loop of its own can give."""

    def step(self, closure: object = None) -> None:  # noqa: ARG002 - as torch's
        for p in self.param_groups[0]["params"]:
            if p.grad.grad_fn is None:
                raise RuntimeError("call backward() with create_graph=True")


class Annealed(torch.optim.SGD):
    """SGD that anneals its own rate over the steps that it is told."""

    def __init__(self, params: Iterable[Tensor], lr: float, steps: int) -> None:
        super().__init__(params, lr=lr)
        self.highest, self.steps, self.taken = lr, steps, 0

    def step(self, closure: object = None) -> None:  # noqa: ARG002 - as torch's
        for group in self.param_groups:
            group["lr"] = self.highest * 0.5 * (1 + math.cos(math.pi * self.taken / self.steps))
        self.taken += 1
        super().step()


def warm_cosine(
    optimizer: torch.optim.Optimizer, steps: int, warm: int = 2
) -> torch.optim.lr_scheduler.LRScheduler:
    """Return a rise of a few steps and half a cosine over the rest."""
    from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR

    rise = LinearLR(optimizer, start_factor=0.1, total_iters=warm)
    return SequentialLR(optimizer, [rise, CosineAnnealingLR(optimizer, steps - warm)], [warm])


def of_another(optimizer: torch.optim.Optimizer) -> Any:
    """Schedule an optimizer that trains nothing."""
    other = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=optimizer.defaults["lr"])
    return torch.optim.lr_scheduler.StepLR(other, 1)


def no_scheduler(optimizer: torch.optim.Optimizer) -> None:
    """Forget to return the scheduler."""
    torch.optim.lr_scheduler.StepLR(optimizer, 1)


class Noisy(nn.Module):
    """Network that draws from the global generator while it trains."""

    def __init__(self, *, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.layer = nn.Linear(inputs[0], outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(nn.functional.dropout(x, 0.5, self.training))


class Words(nn.Module):
    """Embedding with sparse gradients, and a layer on it."""

    def __init__(self, *, outputs: int) -> None:
        super().__init__()
        self.words = nn.Embedding(8, outputs, sparse=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.words(x[:, 0].clamp(0, 7).long())


class Frozen(nn.Module):
    """Network that trains nothing."""

    def __init__(self, *, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.layer = nn.Linear(inputs[0], outputs).requires_grad_(requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


class Turns(nn.Module):
    """Two layers that are updated in turn, each to put out zero."""

    def __init__(self, *, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.first = nn.Linear(math.prod(inputs), outputs)
        self.second = nn.Linear(math.prod(inputs), outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.first(x.flatten(1)) + self.second(x.flatten(1))

    def alternating_updates(self) -> list[tuple[Any, Any]]:
        return [(m.parameters(), self._loss(m)) for m in (self.first, self.second)]

    def _loss(self, layer: nn.Module) -> Callable[..., Tensor]:
        return lambda inputs, _targets, _generator: layer(inputs[0].flatten(1)).square().mean()
