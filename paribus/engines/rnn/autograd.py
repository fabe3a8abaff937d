"""Recurrent layers as an operation that torch differentiates and vectorises.

Inside, tensors lead with a replicate dimension; `torch.vmap`, which torch's own recurrent operations refuse, only
makes it longer: the vectorised dimension is merged into it and the operation is run once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, cast

import torch
from torch import Tensor
from torch.autograd import Function

from paribus.engines.rnn.reference import Gradients, Layers

Dims = tuple[int | None, ...]


class Form(Protocol):
    """Implementation of recurrent layers; see `paribus.engines.rnn.reference.TorchForm`."""

    @property
    def name(self) -> str:
        """Name of the implementation in records."""

    def forward(
        self,
        layers: Layers,
        x: Tensor,
        states: Sequence[Tensor],
        weights: Sequence[Tensor],
        *,
        keep: bool,
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return the output and last states; what backward needs."""

    def backward(
        self,
        layers: Layers,
        x: Tensor,
        states: Sequence[Tensor],
        weights: Sequence[Tensor],
        saved: Sequence[Tensor],
        d_output: Tensor | None,
        d_states: Sequence[Tensor | None],
        *,
        needs_x: bool,
    ) -> Gradients:
        """Return the gradients of all inputs."""


def recurrent(
    layers: Layers, form: Form, x: Tensor, states: Sequence[Tensor], weights: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    """Return the last layer's output at each time, and the last states.

    Args:
        layers: what they are.
        form: how they are computed.
        x: ``(replicate, time, batch, feature)``.
        states: initial ones, ``(replicate, layer, batch, hidden)`` each.
        weights: of all layers in torch's order, each ``(replicate, ...)``.
    """
    # Whether a tensor needs a gradient is not to be seen from within vmap.
    keep = torch.is_grad_enabled()
    results = _Forward.apply(layers, form, keep, x, *states, *weights)
    return cast("tuple[Tensor, ...]", results[: 1 + layers.states])


def _merge(x: object, dim: int | None, size: int) -> object:
    """Merge the vectorised dimension into a tensor's first one, repeating the tensor where it has none."""
    if not isinstance(x, Tensor):
        return x
    lead = x[None].expand(size, *x.shape) if dim is None else x.movedim(dim, 0)
    return lead.flatten(0, 1)


def _vectorised(
    function: type[Function], size: int, in_dims: Dims, arguments: Sequence[object]
) -> tuple[tuple[Tensor, ...], Dims]:
    """Make one call for all, and split the vectorised dimension off its results again."""
    merged = [_merge(x, dim, size) for x, dim in zip(arguments, in_dims, strict=True)]
    results = function.apply(*merged)
    return tuple(x.unflatten(0, (size, -1)) for x in results), (0,) * len(results)


class _Forward(Function):
    """``(layers, form, keep, x, *states, *weights) -> (output, *last states, *saved)``."""

    @staticmethod
    def forward(layers: Layers, form: Form, keep: bool, *tensors: Tensor) -> tuple[Tensor, ...]:
        x, states, weights = _split(layers, tensors)
        results, saved = form.forward(layers, x, states, weights, keep=keep)
        return (*results, *saved)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.layers, ctx.form, _, *tensors = inputs
        saved = output[1 + ctx.layers.states :]
        ctx.mark_non_differentiable(*saved)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors, *saved)
        ctx.tensors = len(tensors)

    @staticmethod
    def vmap(info: Any, in_dims: Dims, *arguments: object) -> tuple[tuple[Tensor, ...], Dims]:
        return _vectorised(_Forward, info.batch_size, in_dims, arguments)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        needs_x = ctx.needs_input_grad[3]
        d_results = gradients[: 1 + ctx.layers.states]
        if all(d is None for d in d_results):
            return tuple(None for _ in range(3 + ctx.tensors))
        results: tuple[Tensor, ...] = _Backward.apply(
            ctx.layers, ctx.form, needs_x, ctx.tensors, *ctx.saved_tensors, *d_results
        )
        return (None, None, None, *(() if needs_x else (None,)), *results)


class _Backward(Function):
    """``(layers, form, needs x, count, *count tensors, *saved, *gradients) -> gradients``, that of x only if needed."""

    @staticmethod
    def forward(
        layers: Layers, form: Form, needs_x: bool, count: int, *rest: Tensor
    ) -> tuple[Tensor, ...]:
        x, states, weights = _split(layers, rest[:count])
        outside = 1 + layers.states
        saved, (d_output, *d_states) = rest[count:-outside], rest[-outside:]
        found = form.backward(
            layers, x, states, weights, saved, d_output, d_states, needs_x=needs_x
        )
        return (*([] if found.x is None else [found.x]), *found.states, *found.weights)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        """Nothing is kept, since there is no second derivative."""

    @staticmethod
    def vmap(info: Any, in_dims: Dims, *arguments: object) -> tuple[tuple[Tensor, ...], Dims]:
        return _vectorised(_Backward, info.batch_size, in_dims, arguments)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[None, ...]:
        del ctx, gradients
        raise NotImplementedError(
            "stacked recurrent layers: got a call for a second derivative, expected first ones only; "
            "train with the loop engine where a loss contains a gradient."
        )


def _split(
    layers: Layers, tensors: Sequence[Tensor]
) -> tuple[Tensor, Sequence[Tensor], Sequence[Tensor]]:
    """Return inputs, states and weights."""
    first = 1 + layers.states
    return tensors[0], tensors[1:first], tensors[first:]
