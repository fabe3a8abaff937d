"""The recurrent kernel as operators of torch, which a recording of a step shows like any other operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from paribus.engines.rnn.native import Kernel, saved_size
from paribus.engines.rnn.reference import Gradients, Layers

_LAYERS = "str cell, int count, int hidden, bool bias"
_GIVEN = "Tensor x, Tensor[] states, Tensor[] weights"
SCHEMAS = (
    f"recurrent({_GIVEN}, {_LAYERS}, bool keep) -> Tensor[]",
    f"recurrent_backward({_GIVEN}, Tensor saved, Tensor? d_output, Tensor?[] d_states, {_LAYERS}, bool needs_x)"
    " -> Tensor[]",
)
LIBRARY = torch.library.Library("paribus", "FRAGMENT")
KERNEL = Kernel()

LayerNumbers = tuple[str, int, int, bool]


class KernelForm:
    """Recurrent layers by the kernel; see `paribus.engines.rnn.reference.TorchForm` for the arguments."""

    name = "kernel"

    def forward(
        self,
        layers: Layers,
        x: Tensor,
        states: Sequence[Tensor],
        weights: Sequence[Tensor],
        *,
        keep: bool,
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return the output and last states; what backward needs is one tensor in the kernel's own layout."""
        found = torch.ops.paribus.recurrent.default(x, states, weights, *_numbers(layers), keep)
        outside = 1 + layers.states
        return found[:outside], found[outside:]

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
        call = torch.ops.paribus.recurrent_backward.default
        numbers = _numbers(layers)
        found = call(x, states, weights, saved[0], d_output, d_states, *numbers, needs_x)
        first = found.pop(0) if needs_x else None
        return Gradients(first, found[: layers.states], found[layers.states :])


def _numbers(layers: Layers) -> LayerNumbers:
    return layers.cell, layers.count, layers.hidden, layers.bias


def _forward(
    x: Tensor, states: list[Tensor], weights: list[Tensor], *rest: str | int | bool
) -> list[Tensor]:
    *numbers, keep = rest
    results, saved = KERNEL.forward(_layers(numbers), x, states, weights, keep=bool(keep))
    return [*results, *saved]


def _shapes_forward(
    x: Tensor, states: list[Tensor], weights: list[Tensor], *rest: str | int | bool
) -> list[Tensor]:
    """Return tensors of the shapes that `_forward` returns."""
    del weights
    *numbers, keep = rest
    layers, (replicates, time, batch, _) = _layers(numbers), x.shape
    output = x.new_empty(replicates, time, batch, layers.hidden)
    saved = [x.new_empty(replicates, saved_size(layers, x))] if keep else []
    return [output, *(s.new_empty(s.shape) for s in states), *saved]


def _backward(
    x: Tensor,
    states: list[Tensor],
    weights: list[Tensor],
    saved: Tensor,
    d_output: Tensor | None,
    d_states: list[Tensor | None],
    *rest: str | int | bool,
) -> list[Tensor]:
    *numbers, needs_x = rest
    found = KERNEL.backward(
        _layers(numbers), x, states, weights, [saved], d_output, d_states, needs_x=bool(needs_x)
    )
    return [*([] if found.x is None else [found.x]), *found.states, *found.weights]


def _shapes_backward(
    x: Tensor, states: list[Tensor], weights: list[Tensor], *rest: object
) -> list[Tensor]:
    """Return tensors of the shapes that `_backward` returns."""
    tensors = [*([x] if rest[-1] else []), *states, *weights]
    return [t.new_empty(t.shape) for t in tensors]


def _layers(numbers: Sequence[str | int | bool]) -> Layers:
    return Layers(*cast("LayerNumbers", tuple(numbers)))


for _schema, _computed, _shaped in zip(
    SCHEMAS, (_forward, _backward), (_shapes_forward, _shapes_backward), strict=True
):
    LIBRARY.define(_schema)
    _name = _schema.partition("(")[0]
    LIBRARY.impl(_name, _computed, "CPU")
    torch.library.register_fake(f"paribus::{_name}", _shaped, lib=LIBRARY)
