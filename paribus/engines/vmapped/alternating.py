"""Alternating updates of a cohort: each one of all replicates at once, in their order within a step.

An update is a stack of its own, of the network's loss in place of its outputs: its parameters are trained, and the
network's others are among its buffers. What a loss draws comes to it as further inputs, drawn beforehand for each
replicate as the loop draws it, because `vmap` draws nothing for one replicate.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from paribus.engines.vmapped.batches import Tensors
from paribus.engines.vmapped.optimizers import clipped, stacked_update
from paribus.engines.vmapped.parameters import StackedNetwork
from paribus.engines.vmapped.tracing import Gradient, trace
from paribus.runs.run import Run
from paribus.training.alternating import Loss, model_alternates
from paribus.training.draws import IN_PLACE

HIDDEN = "alternating updates of a network that no class makes are trained by the loop"
MASKED = "its alternating updates have dropout"
CHANGED = "a loss of its alternating updates draws otherwise than before"
DIFFERENTIATED = "a loss of its alternating updates contains a gradient"
UNREACHED = "a loss of its alternating updates reaches none of the weights that it is to train"
GRADIENTS = (torch.autograd.grad, torch.autograd.backward, Tensor.backward)
"""Functions that take a gradient: those of `torch.func` call the first."""
PREFIX = "network."


class LeftToLoopError(ValueError):
    """Reason why networks with alternating updates are not stacked, as a page gives it."""


class Draw(NamedTuple):
    """Call that draws from the generator that a loss is given."""

    function: Any
    arguments: tuple[Any, ...]
    options: dict[str, Any]

    def take(self, generator: torch.Generator) -> Tensor:
        """Draw from a generator."""
        drawn: Tensor = self.function(*self.arguments, generator=generator, **self.options)
        return drawn


class _Draws(TorchFunctionMode):
    """Sees each call that draws from a generator, and refuses to take a gradient.

    Under `vmap` autograd takes none, and those of `torch.func`, which come by the same function, are not told apart.
    """

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.generator = generator

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Take a call as a draw if it is one from the generator."""
        if func in GRADIENTS:
            raise LeftToLoopError(DIFFERENTIATED)
        options = dict(kwargs or {})
        if options.get("generator") is not self.generator:
            return func(*args, **options)
        del options["generator"]
        return self.drawn(Draw(func, args, options))

    def drawn(self, draw: Draw) -> Tensor:
        """Return what a call gives."""
        raise NotImplementedError


class RecordedDraws(_Draws):
    """Notes draws while it is entered.

    Args:
        generator: from which they are taken.

    Raises:
        LeftToLoopError: one fills a tensor, or depends on the numbers of one; or a gradient is taken.

    Attributes:
        calls: in their order.
    """

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__(generator)
        self.calls: list[Draw] = []

    def drawn(self, draw: Draw) -> Tensor:
        """Note a call and draw."""
        name = getattr(draw.function, "__name__", f"{draw.function}")
        given = (*draw.arguments, *draw.options.values())
        if name in IN_PLACE or any(isinstance(x, Tensor) for x in given):
            raise LeftToLoopError(
                f"a loss of its alternating updates draws by {name} into or from a tensor"
            )
        self.calls.append(draw)
        return draw.take(self.generator)


class GivenDraws(_Draws):
    """Gives draws that were taken beforehand while it is entered.

    Args:
        generator: in whose place they are given.
        calls: that are expected.
        draws: what each gives.

    Raises:
        LeftToLoopError: a call is another one, or takes a gradient.
    """

    def __init__(
        self, generator: torch.Generator, calls: Sequence[Draw], draws: Sequence[Tensor]
    ) -> None:
        super().__init__(generator)
        self.left = iter([*zip(calls, draws, strict=True)])

    def drawn(self, draw: Draw) -> Tensor:
        """Return the next draw."""
        expected, given = next(self.left, (None, None))
        if given is None or draw != expected:
            raise LeftToLoopError(CHANGED)
        return given


class UpdateLoss(nn.Module):
    """Loss of an update as the output of a module, for inputs, targets and draws of a batch.

    Args:
        network: whose loss it is.
        number: of the update.
        loss: of the network itself.
        calls: by which it draws.
        inputs: how many the network has.
        targets: the same.
    """

    def __init__(
        self,
        network: nn.Module,
        number: int,
        loss: Loss,
        calls: Sequence[Draw],
        inputs: int,
        targets: int,
    ) -> None:
        super().__init__()
        self.network, self.loss, self.calls = network, loss, tuple(calls)
        # Plain numbers tell recordings of one network's updates apart.
        self.number, self.inputs, self.targets = number, inputs, targets
        self.generator = torch.Generator()

    def forward(self, *tensors: Tensor) -> Tensor:
        """Return the loss, a scalar."""
        ends = (0, self.inputs, self.inputs + self.targets, len(tensors))
        inputs, targets, draws = (list(tensors[a:b]) for a, b in pairwise(ends))
        with GivenDraws(self.generator, self.calls, draws):
            return self.loss(inputs, targets, self.generator)


class StackedGroup:
    """Parameters that are updated together, of all replicates.

    Args:
        stack: of the whole networks; weights and buffers of its own are changed in place.
        runs: of the replicates.
        module: the loss of the update.
        names: of the parameters.
    """

    def __init__(
        self, stack: StackedNetwork, runs: Sequence[Run], module: UpdateLoss, names: Iterable[str]
    ) -> None:
        self.stack, self.runs, self.module, chosen = stack, runs, module, set(names)
        sizes = zip(stack.names, stack.shapes, stack.sizes, strict=True)
        kept = [(name, shape, size) for name, shape, size in sizes if name in chosen]
        ends = torch.tensor([0, *stack.sizes]).cumsum(0).tolist()
        spans = zip(stack.names, pairwise(ends), strict=True)
        self.spans = _joined([span for name, span in spans if name in chosen])
        whole = stack.parameters(stack.weights.detach())
        self.others = {PREFIX + n: x for n, x in whole.items() if n not in chosen}
        # A stack as the whole one, but for what it trains.
        self.part = copy.copy(stack)
        self.part.base = module
        self.part.names = [PREFIX + name for name, _, _ in kept]
        self.part.shapes = [shape for _, shape, _ in kept]
        self.part.sizes = [size for _, _, size in kept]
        self.part.weights = self._copied().requires_grad_()
        self.part.changing = [PREFIX + name for name in stack.changing]
        self.update = stacked_update([run.recipe.optimizer for run in runs], self.part.weights)
        self.gradient: Gradient | None = None

    def _copied(self) -> Tensor:
        weights = self.stack.weights.detach()
        return torch.cat([weights[:, a:b] for a, b in self.spans], dim=1)

    def take(self, inputs: Tensors, targets: Tensors, step: int, *, recorded: bool) -> Tensor:
        """Take the update of a step; returns losses, ``(replicate,)``.

        Args:
            inputs: of a batch, ``(replicate, batch, ...)`` each.
            targets: the same.
            step: its number.
            recorded: whether a recording of the update is worth its time.
        """
        given = (*inputs, *targets, *self._draws(step))
        self.part.buffers = {PREFIX + n: b for n, b in self.stack.buffers.items()} | self.others
        with torch.no_grad():
            self.part.weights.copy_(self._copied())
        if self.gradient is None:
            traced = trace(self.part, _itself, given, ()) if recorded else None
            self.gradient = traced or (lambda x, y: self.part.gradient(_itself, x, y))
        gradient, losses = self.gradient(given, ())
        for name in self.stack.changing:
            self.stack.buffers[name] = self.part.buffers[PREFIX + name]
        limit = self.runs[0].recipe.clip_norm
        self.update(self.part.weights, gradient if limit is None else clipped(gradient, limit))
        self._put_back()
        return losses

    @torch.no_grad()
    def _put_back(self) -> None:
        start = 0
        for a, b in self.spans:
            self.stack.weights[:, a:b] = self.part.weights[:, start : start + b - a]
            start += b - a

    def _draws(self, step: int) -> list[Tensor]:
        """Return what each replicate's loss draws in a step, ``(replicate, ...)`` each; one seed's are the same."""
        if not self.module.calls:
            return []
        drawn: dict[Any, list[Tensor]] = {}
        for run in self.runs:
            if run.streams not in drawn:
                generator = run.streams.generator("noise", "round", self.module.number, step)
                drawn[run.streams] = [call.take(generator) for call in self.module.calls]
        rows = [drawn[run.streams] for run in self.runs]
        return [torch.stack(each) for each in zip(*rows, strict=True)]


class StackedUpdates:
    """Step of a cohort of networks that have alternating updates.

    Args:
        stack: of the networks.
        runs: of the replicates.
        network: one of them, as it is before training.

    Raises:
        LeftToLoopError: they cannot be stacked.
    """

    def __init__(self, stack: StackedNetwork, runs: Sequence[Run], network: nn.Module) -> None:
        if not model_alternates(runs[0].recipe.model):
            raise LeftToLoopError(HIDDEN)
        if stack.masks:
            raise LeftToLoopError(MASKED)
        self.stack, self.runs = stack, runs
        self.network = copy.deepcopy(network)
        self.groups: list[StackedGroup] = []

    def __call__(self, inputs: Tensors, targets: Tensors, step: int, *, recorded: bool) -> Tensor:
        """Take a step and return the sum of the updates' losses, ``(replicate,)``; see `StackedGroup.take`."""
        self.groups = self.groups or self._made(inputs, targets)
        losses = [g.take(inputs, targets, step, recorded=recorded) for g in self.groups]
        return torch.stack(losses).sum(0)

    def _made(self, inputs: Tensors, targets: Tensors) -> list[StackedGroup]:
        """Return the updates, whose draws and weights are seen by evaluating each loss of one replicate."""
        stacked = self.stack.base.alternating_updates()  # type: ignore[operator]  # it alternates
        counts = (len(inputs), len(targets))
        groups = []
        for i, (group, loss) in enumerate(self.network.train().alternating_updates()):  # type: ignore[operator]
            one = ([x[0].clone() for x in inputs], [y[0].clone() for y in targets])
            with RecordedDraws(torch.Generator()) as draws:
                value = loss(*one, draws.generator)
            module = UpdateLoss(self.stack.base, i, stacked[i][1], draws.calls, *counts)
            groups.append(StackedGroup(self.stack, self.runs, module, self._reached(group, value)))
        return groups

    def _reached(self, group: Iterable[nn.Parameter], loss: Tensor) -> list[str]:
        """Return the names of a group's weights that its loss reaches: an optimizer leaves others as they are.

        It would decay one whose gradient is zero.
        """
        trained = [weight for weight in group if weight.requires_grad]
        gradients = torch.autograd.grad(loss, trained, allow_unused=True)
        reached = {id(w) for w, g in zip(trained, gradients, strict=True) if g is not None}
        if not reached:
            raise LeftToLoopError(UNREACHED)
        return [name for name, weight in self.network.named_parameters() if id(weight) in reached]


def _joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans of columns, those beside each other as one.

    >>> _joined([(0, 2), (2, 5), (7, 8)])
    [(0, 5), (7, 8)]
    """
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        beside = bool(joined) and joined[-1][1] == start
        joined.append((joined.pop()[0] if beside else start, end))
    return joined


def _itself(loss: Tensor) -> Tensor:
    return loss
