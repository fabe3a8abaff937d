"""Gradient of a stack as a recorded list of tensor operations: no modules, `vmap` or autograd at each step.

Dispatch is what a step of a small network costs. What is recorded are the operations that `vmap` and autograd chose
for one batch; they are held against `vmap` itself on another one before they are used, so that a network that does
something else at each step (counts its calls, runs code of its own) is found out and keeps `vmap`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from paribus.data.cache import keep_latest
from paribus.engines.rnn import KernelForm, form_for
from paribus.engines.vmapped.batches import Tensors
from paribus.engines.vmapped.parameters import Loss, StackedNetwork
from paribus.engines.vmapped.rewrites import tidy

# For float32 operations in another order; another function differs by much more.
CLOSE = {torch.float32: 1e-4, torch.float64: 1e-10}

Gradient = Callable[[Tensors, Tensors], tuple[Tensor, Tensor]]


class TracedGradient:
    """Recorded operations, called as `paribus.engines.vmapped.parameters.StackedNetwork.gradient`.

    Args:
        stack: whose weights are read, and whose buffers are replaced at each call.
        graph: takes parameters, buffers, inputs and targets one by one; returns the gradient ``(replicate,
            parameter)``, losses ``(replicate,)`` and the buffers that change.
    """

    def __init__(self, stack: StackedNetwork, graph: GraphModule) -> None:
        self.stack, self.graph = stack, graph
        self.run = graph.forward
        self.parameters = [*stack.parameters(stack.weights.detach()).values()]

    @torch.no_grad()
    def __call__(self, inputs: Tensors, targets: Tensors) -> tuple[Tensor, Tensor]:
        """Return gradient and losses of a batch, as `paribus.engines.vmapped.parameters.StackedNetwork.gradient`."""
        stack = self.stack
        gradient, losses, *changed = self.run(
            *self.parameters, *stack.buffers.values(), *inputs, *targets
        )
        stack.buffers.update(zip(stack.changing, changed, strict=True))
        return gradient, losses


def trace(
    stack: StackedNetwork, loss: Loss, inputs: Tensors, targets: Tensors
) -> TracedGradient | None:
    """Return the recorded gradient, or None where recording fails or would not be faithful.

    Args:
        stack: in training mode; left as it is.
        loss: of outputs and targets, ``(sample,)``.
        inputs: of a batch, ``(replicate, batch, ...)`` each.
        targets: the same.
    """
    recurrent = any(isinstance(module, nn.RNNBase) for module in stack.base.modules())
    if recurrent and form_for(stack.weights).name != KernelForm.name:
        return None  # a recording of every time of a sequence would be endless
    name = _name(stack, loss, inputs, targets)
    graph = _recorded.get(name)
    traced = None if graph is None else _verified(stack, loss, inputs, targets, graph)
    traced = traced or _verified(stack, loss, inputs, targets, None)
    if traced is not None:
        keep_latest(_recorded, name, traced.graph, KEPT)
    return traced


@cache
def load_tracer() -> None:
    """Record next to nothing, because torch loads its tracer at the first recording, which takes a second or more."""
    recorded(lambda x: x + 1, torch.zeros(1))


def recorded(
    function: Callable[..., Any], *tensors: Tensor, forms: Mapping[Any, Any] | None = None
) -> GraphModule:
    """Return the operations of a function of tensors.

    torch notes the layout of each result under a mode of its own, which keeps a stack trace: with one mode for all,
    recording takes half of the time.

    Args:
        function: of the tensors.
        tensors: of the right shapes.
        forms: what to record in place of an operation, by operation.
    """
    from torch._guards import TracingContext, tracing
    from torch._subclasses import FakeTensorMode
    from torch.fx.experimental.proxy_tensor import make_fx

    with tracing(TracingContext(FakeTensorMode(allow_fallback_kernels=True))):
        graph: GraphModule = make_fx(function, decomposition_table=forms)(*tensors)
    if FakeTensorMode.cache_info().size > MAX_LAYOUTS:
        FakeTensorMode.cache_clear()
    return graph


MAX_LAYOUTS = 2000
"""Layouts of results that torch remembers of all recordings of a process, which it never forgets by itself.

A network has about twenty, and memory grew by a quarter of a megabyte with each.
"""

# Recording takes longer than hundreds of recorded steps, and a cohort may come in many chunks.
KEPT = 32
_recorded: dict[str, GraphModule] = {}


def _name(stack: StackedNetwork, loss: Loss, inputs: Tensors, targets: Tensors) -> str:
    """Return the key of a recording; what else may differ, as a constant of a network's own, shows on a batch."""
    tensors = (*stack.parameters(stack.weights.detach()).values(), *stack.buffers.values())
    shapes = [(x.shape, x.stride(), x.dtype, x.device) for x in (*tensors, *inputs, *targets)]
    return repr((stack.base, plain_attributes(stack.base), loss, shapes, stack.changing))


def _verified(
    stack: StackedNetwork, loss: Loss, inputs: Tensors, targets: Tensors, graph: GraphModule | None
) -> TracedGradient | None:
    """Return a recording, made unless given, if it agrees with `vmap` on a batch that it was not made of."""
    before, attributes = dict(stack.buffers), plain_attributes(stack.base)
    clones = {name: b.clone() for name, b in before.items()}
    try:
        graph = graph or _record(stack, loss, _other(inputs), _other(targets))
        traced = TracedGradient(stack, graph)
        results = (*traced(inputs, targets), *stack.buffers.values())
        stack.buffers = clones
        expected = (*stack.gradient(loss, inputs, targets), *stack.buffers.values())
    except Exception:  # noqa: BLE001 - vmap, which is used instead, reports better what is wrong
        return None
    finally:
        stack.buffers = before
        counts = plain_attributes(stack.base) != attributes
        for module, values in zip(stack.base.modules(), attributes, strict=True):
            vars(module).update(values)
    return traced if not counts and all(map(_alike, results, expected)) else None


def plain_attributes(network: nn.Module) -> list[dict[str, object]]:
    """Return what each module holds besides tensors, such as a count of its calls, which a recording ignores."""
    plain = (bool, int, float, str, type(None))
    return [{k: v for k, v in vars(m).items() if isinstance(v, plain)} for m in network.modules()]


def _other(batch: Tensors) -> Tensors:
    """Return another batch of the same layout: the samples in reverse."""
    return tuple(torch.empty_like(x).copy_(x.flip(1)) for x in batch)


def _alike(result: Tensor, expected: Tensor) -> bool:
    """Return whether two tensors agree, within what the order of operations may change."""
    if result.shape != expected.shape or not expected.is_floating_point():
        return result.shape == expected.shape and torch.equal(result, expected)
    scale = expected.abs().amax().nan_to_num(1.0, 1.0, 1.0).clamp(min=1e-30)
    tolerance = CLOSE.get(expected.dtype, 1e-4)
    return torch.allclose(
        result / scale, expected / scale, rtol=tolerance, atol=tolerance, equal_nan=True
    )


def _record(stack: StackedNetwork, loss: Loss, inputs: Tensors, targets: Tensors) -> GraphModule:
    """Record the operations on a batch, at half of the weights."""
    parameters = [*stack.parameters(0.5 * stack.weights.detach()).values()]
    buffers = [*stack.buffers.values()]
    counts = (len(parameters), len(buffers), len(inputs), len(targets))

    def flat(*tensors: Tensor) -> tuple[Tensor, ...]:
        left = iter(tensors)
        p, b, x, y = ([next(left) for _ in range(count)] for count in counts)
        gradients, (losses, changed) = torch.func.grad(summed, has_aux=True)(p, b, x, y)
        return torch.cat([g.flatten(1) for g in gradients], dim=1), losses, *changed

    def summed(p: list[Tensor], b: list[Tensor], x: list[Tensor], y: list[Tensor]) -> Any:
        named = dict(zip(stack.buffers, b, strict=True))
        named |= {name: named[name].clone() for name in stack.changing}
        losses = stack.losses(
            loss, dict(zip(stack.names, p, strict=True)), named, tuple(x), tuple(y)
        )
        return losses.sum(), (losses, [named[name] for name in stack.changing])

    graph = recorded(flat, *parameters, *buffers, *inputs, *targets)
    tidy(graph.graph)
    graph.recompile()
    return graph
