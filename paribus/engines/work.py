"""Work of a training step, counted from the tensor operations that it takes, without timing any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from paribus.experiment.recipe import Recipe
from paribus.spec import Call

_aten = torch.ops.aten


class Work(NamedTuple):
    """Work of a step.

    Attributes:
        operations: calls of torch's library; views, which move nothing, are left out.
        numbers: that the operations put out.
        products: multiply-adds of products of matrices.
        convolved: multiply-adds of convolutions.
    """

    operations: float = 0.0
    numbers: float = 0.0
    products: float = 0.0
    convolved: float = 0.0


def _contracted(arguments: tuple[Any, ...], out: Any) -> float:
    """Return the multiply-adds of a product of matrices, the second to last and the last tensor of the arguments."""
    left = [x for x in arguments if isinstance(x, Tensor)][-2]
    return float(out.numel() * left.shape[-1])


def _convolved(arguments: tuple[Any, ...], out: Any) -> float:
    weight, transposed = arguments[1], arguments[6]
    images = arguments[0] if transposed else out
    return float(images.numel() * weight[0].numel())


def _convolved_back(arguments: tuple[Any, ...], out: Any) -> float:
    """Return the same of the gradients of a convolution: as much as the convolution for each that is asked for."""
    gradient, images, weight, transposed = *arguments[:3], arguments[7]
    asked = sum(x is not None for x in out[:2])
    return float(asked * (images if transposed else gradient).numel() * weight[0].numel())


PRODUCTS: Mapping[Any, Callable[[tuple[Any, ...], Any], float]] = dict.fromkeys(
    (_aten.mm, _aten.bmm, _aten.addmm, _aten.baddbmm), _contracted
)
CONVOLUTIONS: Mapping[Any, Callable[[tuple[Any, ...], Any], float]] = {
    _aten.convolution: _convolved,
    _aten.convolution_backward: _convolved_back,
}


class WorkCounter(TorchDispatchMode):
    """Counts the work of what is called while it is entered.

    What a kernel of another library computes, such as a recurrent cell's, is not seen.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch does not say
        self.work = Work()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Call an operation and count it."""
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            packet, done = func._overloadpacket, self.work
            outputs = out if isinstance(out, tuple | list) else (out,)
            self.work = Work(
                done.operations + 1,
                done.numbers + sum(x.numel() for x in outputs if isinstance(x, Tensor)),
                done.products + (PRODUCTS[packet](args, out) if packet in PRODUCTS else 0.0),
                done.convolved
                + (CONVOLUTIONS[packet](args, out) if packet in CONVOLUTIONS else 0.0),
            )
        return out


def update_operations(recipe: Recipe) -> float:
    """Return how many operations an optimizer of torch takes for each tensor of weights, at its second step.

    Args:
        recipe: whose optimizer is one that can be stacked.
    """
    return _steps_operations(recipe, 2) - _steps_operations(recipe, 1)


def _steps_operations(recipe: Recipe, tensors: int) -> float:
    """Return how many operations the second step of so many tensors takes; some are of the step itself."""
    optimizer = recipe.optimizer
    assert isinstance(optimizer, Call), "several are trained by the loop"
    weights = [torch.nn.Parameter(torch.ones(1)) for _ in range(tensors)]
    for weight in weights:
        weight.grad = torch.ones(1)
    made = optimizer.resolve()(weights, **optimizer.kwargs)
    made.step()
    with WorkCounter() as counter:
        made.step()
    operations: float = counter.work.operations
    return operations
