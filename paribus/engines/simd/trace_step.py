"""Recording of one replicate's step as a list of primitive operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, functionalize
from torch.fx import Graph, GraphModule, Node

from paribus.engines.simd import convolution
from paribus.engines.simd.operations import UnsupportedError, is_view, layout_of
from paribus.engines.vmapped.optimizers import KINDS, Update, clipped
from paribus.engines.vmapped.parameters import Loss, StackedNetwork
from paribus.engines.vmapped.tracing import plain_attributes, recorded

_aten, _prims = torch.ops.aten, torch.ops.prims
# Made of primitive operations they take divisions of whole numbers.
KEPT = {_aten.slice_backward.default, _aten.slice_scatter.default, *convolution.KEPT}


class Sample(NamedTuple):
    """Tensors of one replicate, grouped by their role in a step.

    Attributes:
        weights: ``(1, parameter)``.
        state: of the optimizer, by name, ``(1, parameter)`` each.
        buffers: of the network, by name.
        numbers: hyper-parameters and what follows from them, by name, ``(1, 1)`` each.
        masks: of dropout, by name.
        inputs: ``(batch, ...)`` each.
        targets: the same.
    """

    weights: Tensor
    state: dict[str, Tensor]
    buffers: dict[str, Tensor]
    numbers: dict[str, Tensor]
    masks: dict[str, Tensor]
    inputs: Sequence[Tensor]
    targets: Sequence[Tensor]

    @property
    def tensors(self) -> list[Tensor]:
        """Tensors of all roles, in one order."""
        named = (self.state, self.buffers, self.numbers, self.masks)
        return [
            self.weights,
            *(x for each in named for x in each.values()),
            *self.inputs,
            *self.targets,
        ]

    def holding(self, tensors: Sequence[Tensor]) -> Sample:
        """Return the same names with other tensors, in the order of `tensors`."""
        left = iter(tensors)
        weights = next(left)
        state, buffers, numbers, masks = (
            {name: next(left) for name in each}
            for each in (self.state, self.buffers, self.numbers, self.masks)
        )
        inputs, targets = ([next(left) for _ in each] for each in (self.inputs, self.targets))
        return Sample(weights, state, buffers, numbers, masks, inputs, targets)


def record_step(
    stack: StackedNetwork, loss: Loss, update: Update, clip_norm: float | None, sample: Sample
) -> GraphModule:
    """Record the operations of a step, which return weights, state, buffers and loss, none changed in place.

    Args:
        stack: in training mode.
        loss: of outputs and targets, ``(sample,)``.
        update: the optimizer.
        clip_norm: the longest gradient, if there is one.
        sample: tensors of the right shapes; what they hold does not matter.

    Raises:
        Exception: whatever a network says that cannot be recorded.
    """
    from torch._decomp import decomposition_table

    def step(*tensors: Tensor) -> tuple[Tensor, ...]:
        s = sample.holding(tensors)
        gradient, mean, buffers = _gradient(stack, loss, s)
        if clip_norm is not None:
            gradient = clipped(gradient, clip_norm)
        w, state = s.weights.clone(), {name: x.clone() for name, x in s.state.items()}
        KINDS[update.kind].step(update.fixed, state, s.numbers, w, gradient)
        return w, *state.values(), *buffers, mean

    plainer: Any = {op: form for op, form in decomposition_table.items() if op not in KEPT}
    if any(isinstance(module, nn.RNNBase) for module in stack.base.modules()):
        raise UnsupportedError("a recurrent layer")
    attributes = plain_attributes(stack.base)
    graph = recorded(functionalize(step), *sample.tensors, forms=plainer)
    counts = plain_attributes(stack.base) != attributes
    for module, values in zip(stack.base.modules(), attributes, strict=True):
        vars(module).update(values)
    if counts:
        raise UnsupportedError("a network that counts its passes")
    _tidy(graph.graph)
    convolution.split_results(graph.graph)
    graph.graph.eliminate_dead_code()
    graph.recompile()
    return graph


def _gradient(stack: StackedNetwork, loss: Loss, s: Sample) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Return the gradient ``(1, parameter)``, mean loss and the buffers afterwards."""

    def mean(
        p: Sequence[Tensor], b: Sequence[Tensor]
    ) -> tuple[Tensor, tuple[Tensor, list[Tensor]]]:
        buffers = {name: x.clone() for name, x in zip(s.buffers, b, strict=True)}
        named = dict(zip(stack.names, p, strict=True)) | buffers | s.masks
        mean_loss = loss(functional_call(stack.base, named, tuple(s.inputs)), *s.targets).mean()
        return mean_loss, (mean_loss, [*buffers.values()])

    parts = s.weights[0].split(stack.sizes)
    parameters = [x.view(shape) for x, shape in zip(parts, stack.shapes, strict=True)]
    found: Any = torch.func.grad(mean, has_aux=True)(parameters, [*s.buffers.values()])
    gradients, (value, buffers) = found
    return torch.cat([g.flatten() for g in gradients])[None], value, buffers


def _tidy(graph: Graph) -> None:
    """Leave out what changes nothing, and have what was copied into memory of its own be what is read."""
    for node in [*graph.nodes]:
        if node.target is _aten.copy_.default:
            into, value = node.args[:2]
            same = layout_of(into) == layout_of(value) and not is_view(value)
            if same and all(user <= node for user in into.users):
                node.replace_all_uses_with(value)
                graph.erase_node(node)
    for node in [*graph.nodes]:
        times_one = node.target is _prims.mul.default and node.args[1] == 1.0
        same = times_one or node.target in (_prims.clone.default, _prims.view_of.default)
        if not same or _written(node) or layout_of(node) != layout_of(node.args[0]):
            continue
        # Views of it may tell where they begin in the memory that it has of its own.
        if node.target is _prims.view_of.default or not is_view(node.args[0]):
            node.replace_all_uses_with(node.args[0])
    graph.eliminate_dead_code()


def _written(node: Node) -> bool:
    return any(user.target is _aten.copy_.default for user in node.users)
