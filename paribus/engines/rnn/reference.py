"""Recurrent layers of many replicates in plain torch: a time loop of batched products, and its gradients by hand.

The equations and the order of gates are those of `torch.nn.RNN`, `torch.nn.LSTM` and `torch.nn.GRU`. The products of
inputs and weights need no loop: they are taken for all times at once, before it in the forward pass and behind it in
the backward pass; what remains in the loop is one product with the state and the cell's own arithmetic.

Gradients are the first ones only. All tensors lead with the replicate: inputs ``(replicate, time, batch, feature)``,
states ``(replicate, layer, batch, hidden)``, weights ``(replicate, gates * hidden, feature)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

GATES: Mapping[str, int] = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}


@dataclass(frozen=True)
class Layers:
    """Configuration of recurrent layers, without their weights.

    Attributes:
        cell: ``"RNN_TANH"``, ``"RNN_RELU"``, ``"LSTM"`` or ``"GRU"``, as `torch.nn.RNNBase.mode`.
        count: how many there are, each fed by the one below.
        hidden: width of the state.
        bias: whether each has two biases, one for the input and one for the state.
    """

    cell: str
    count: int
    hidden: int
    bias: bool

    @property
    def states(self) -> int:
        """Number of tensors in the state."""
        return 2 if self.cell == "LSTM" else 1

    @property
    def weights(self) -> int:
        """Number of weights and biases of a layer."""
        return 4 if self.bias else 2


class Weights(NamedTuple):
    """Weights of one layer, each ``(replicate, gates * hidden, ...)``; biases only where it has them."""

    ih: Tensor
    hh: Tensor
    bias_ih: Tensor | None = None
    bias_hh: Tensor | None = None


class Gradients(NamedTuple):
    """Gradients with respect to all that goes into the layers."""

    x: Tensor | None
    states: list[Tensor]
    weights: list[Tensor]


class Cell(Protocol):
    """Equations that differ between the kinds of layer.

    Shapes: ``gates`` and ``d_gates`` are ``(replicate, time, batch, gates * hidden)``, a layer's states
    ``(replicate, batch, hidden)`` each, and ``hs`` has them for every time, ``(replicate, time + 1, batch, hidden)``,
    the initial one first.
    """

    def forward(self, gates: Tensor, hs: Tensor, cell: Tensor, weights: Weights) -> list[Tensor]:
        """Fill ``hs`` from its first state on, given the inputs' part of the gates; returns what backward needs.

        The first of it is the other state at every time, as ``hs``, where the cell has one.
        """

    def backward(
        self, d: Incoming, hs: Tensor, saved: Sequence[Tensor], weights: Weights
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return the gradients of the gates' parts from input and from state, and of the initial states."""


class Incoming(NamedTuple):
    """Gradients that come into a layer: for its output at each time, if any, and for its last states."""

    output: Tensor | None
    states: list[Tensor]

    def last(self) -> Tensor:
        """Return the gradient for the state at the last time, from both sides."""
        return self.states[0] if self.output is None else self.states[0] + self.output[:, -1]

    def before(self, time: int, carried: Tensor | None, d_gates: Tensor, weight: Tensor) -> Tensor:
        """Return the gradient for the state before a time: from the gates, past the gates, and from outside."""
        outside = None if self.output is None or time == 0 else self.output[:, time - 1]
        if outside is not None and carried is not None:
            carried = outside + carried
        elif carried is None:
            carried = outside
        if carried is None:
            return torch.bmm(d_gates, weight)
        return torch.baddbmm(carried, d_gates, weight)


@dataclass(frozen=True)
class Simple:
    """``h' = f(x W_ih + b_ih + h W_hh + b_hh)`` with ``f`` tanh or relu."""

    relu: bool

    def forward(self, gates: Tensor, hs: Tensor, cell: Tensor, weights: Weights) -> list[Tensor]:
        """See `Cell`; nothing is saved besides the states."""
        del cell
        activate = torch.clamp_min if self.relu else None
        weight = weights.hh.mT
        for gate, h, after in zip(gates.unbind(1), hs.unbind(1), hs[:, 1:].unbind(1), strict=False):
            torch.baddbmm(gate, h, weight, out=gate)
            if activate:
                activate(gate, 0, out=after)
            else:
                torch.tanh(gate, out=after)
        return []

    def backward(
        self, d: Incoming, hs: Tensor, saved: Sequence[Tensor], weights: Weights
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return ``dz = dh f'(z)``, where ``f'`` follows from the state: ``1 - h²``, or whether ``h > 0``."""
        del saved
        after = hs[:, 1:]
        slopes = (after > 0).to(after.dtype) if self.relu else 1 - after * after
        d_gates = torch.empty_like(slopes)
        dh = d.last()
        for t, (slope, d_gate) in backwards(slopes, d_gates):
            torch.mul(dh, slope, out=d_gate)
            dh = d.before(t, None, d_gate, weights.hh)
        return d_gates, d_gates, [dh]


class Gru:
    """Gates ``r, z`` by sigmoid, ``n = tanh(n_x + r n_h)``, ``h' = n + z (h - n)``."""

    def forward(self, gates: Tensor, hs: Tensor, cell: Tensor, weights: Weights) -> list[Tensor]:
        """See `Cell`; saves the gates after activation and ``n_h``."""
        del cell
        hidden, weight = hs.shape[-1], weights.hh.mT
        from_states = torch.empty_like(gates[..., :hidden])
        steps = zip(
            gates.unbind(1), from_states.unbind(1), hs.unbind(1), hs[:, 1:].unbind(1), strict=False
        )
        for gate, n_h, h, after in steps:
            both = _product(h, weight, weights.bias_hh)
            rz, n = gate[..., : 2 * hidden], gate[..., 2 * hidden :]
            rz.add_(both[..., : 2 * hidden]).sigmoid_()
            n_h.copy_(both[..., 2 * hidden :])
            n.addcmul_(rz[..., :hidden], n_h).tanh_()
            torch.lerp(n, h, rz[..., hidden:], out=after)
        return [gates, from_states]

    def backward(
        self, d: Incoming, hs: Tensor, saved: Sequence[Tensor], weights: Weights
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return the gradients; every gate's is ``dh`` times a slope that needs no loop."""
        gates, n_h = saved
        r, z, n = gates.chunk(3, -1)
        slope_n = (1 - z) * (1 - n * n)
        slope_r = slope_n * n_h * r * (1 - r)
        slope_z = (hs[:, :-1] - n) * z * (1 - z)
        slopes = torch.stack([slope_r, slope_z, slope_n * r], -2)
        d_gates, dhs = torch.empty_like(gates), torch.empty_like(n_h)
        by_gate = d_gates.unflatten(-1, (3, -1))
        dh = d.last()
        for t, (slope, d_gate, part, kept, z_t) in backwards(slopes, d_gates, by_gate, dhs, z):
            kept.copy_(dh)
            torch.mul(dh[..., None, :], slope, out=part)
            dh = d.before(t, dh * z_t, d_gate, weights.hh)
        d_inputs = d_gates.clone()
        torch.mul(dhs, slope_n, out=d_inputs[..., -n.shape[-1] :])
        return d_inputs, d_gates, [dh]


class Lstm:
    """Gates ``i, f, o`` by sigmoid and ``g`` by tanh, ``c' = f c + i g``, ``h' = o tanh(c')``."""

    def forward(self, gates: Tensor, hs: Tensor, cell: Tensor, weights: Weights) -> list[Tensor]:
        """See `Cell`; saves cell states, gates after activation and ``tanh(c)``."""
        cs, squashed = torch.empty_like(hs), torch.empty_like(hs[:, 1:])
        cs[:, 0] = cell
        weight = weights.hh.mT
        tensors = (gates, squashed, hs, hs[:, 1:], cs, cs[:, 1:])
        for gate, tanh_c, h, h_after, c, c_after in zip(
            *(x.unbind(1) for x in tensors), strict=False
        ):
            torch.baddbmm(gate, h, weight, out=gate)
            i, f, g, o = gate.chunk(4, -1)
            gate[..., : 2 * hs.shape[-1]].sigmoid_()
            g.tanh_()
            o.sigmoid_()
            torch.mul(f, c, out=c_after).addcmul_(i, g)
            torch.mul(o, torch.tanh(c_after, out=tanh_c), out=h_after)
        return [cs, gates, squashed]

    def backward(
        self, d: Incoming, hs: Tensor, saved: Sequence[Tensor], weights: Weights
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return gradients: of ``i, f, g`` ``dc`` times a slope that needs no loop, of ``o`` ``dh`` times one."""
        del hs
        cs, gates, tanh_c = saved
        i, f, g, o = gates.chunk(4, -1)
        slopes_c = torch.stack([g * i * (1 - i), cs[:, :-1] * f * (1 - f), i * (1 - g * g)], -2)
        slope_o, through = tanh_c * o * (1 - o), o * (1 - tanh_c * tanh_c)
        d_gates = torch.empty_like(gates)
        d_ifg, d_o = d_gates.unflatten(-1, (4, -1)).split([3, 1], -2)
        dh, dc = d.last(), d.states[1]
        tensors = (slopes_c, slope_o, through, f, d_gates, d_ifg, d_o.squeeze(-2))
        for t, (slope_c, slope, h_to_c, f_t, d_gate, part_c, part_o) in backwards(*tensors):
            dc = torch.addcmul(dc, dh, h_to_c)
            torch.mul(dc[..., None, :], slope_c, out=part_c)
            torch.mul(dh, slope, out=part_o)
            dc = dc * f_t
            dh = d.before(t, None, d_gate, weights.hh)
        return d_gates, d_gates, [dh, dc]


CELLS: Mapping[str, Cell] = {
    "RNN_TANH": Simple(relu=False),
    "RNN_RELU": Simple(relu=True),
    "LSTM": Lstm(),
    "GRU": Gru(),
}


def backwards(*tensors: Tensor) -> Iterator[tuple[int, tuple[Tensor, ...]]]:
    """Yield each time step, the last first, with the tensors' views of it; time is their second dimension."""
    times = list(zip(*(x.unbind(1) for x in tensors), strict=True))
    return zip(reversed(range(len(times))), reversed(times), strict=True)


class TorchForm:
    """Recurrent layers in torch alone: runs wherever torch does, and is what the kernel is held to."""

    name = "torch"

    def forward(
        self,
        layers: Layers,
        x: Tensor,
        states: Sequence[Tensor],
        weights: Sequence[Tensor],
        *,
        keep: bool,
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return the last layer's output and the last states; and what `backward` needs, where it is kept."""
        cell, saved, finals = CELLS[layers.cell], [], []
        below = x
        for index, layer in enumerate(each_layer(layers, weights)):
            gates = _from_inputs(layers, below, layer)
            hs = _with_first(states[0][:, index], gates)
            kept = cell.forward(gates, hs, states[-1][:, index], layer)
            finals.append([every[:, -1] for every in (hs, *kept)[: layers.states]])
            saved += [hs, *kept] if keep else []
            below = hs[:, 1:]
        # A copy, since whoever is given the output may change it in place, and backward needs the states.
        output = below.clone() if keep else below
        return [output, *(torch.stack(last, 1) for last in zip(*finals, strict=True))], saved

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
        """Return gradients from those of the output, ``(replicate, time, batch, hidden)``, and of the last states."""
        cell, each = CELLS[layers.cell], len(saved) // layers.count
        d_first: list[list[Tensor]] = []
        d_weights: list[Tensor] = []
        d_above = d_output
        for index, layer in reversed(list(enumerate(each_layer(layers, weights)))):
            hs, *kept = saved[index * each : (index + 1) * each]
            below = saved[(index - 1) * each][:, 1:] if index else x
            last = [_part(d, s, index) for d, s in zip(d_states, states, strict=True)]
            d_ih, d_hh, first = cell.backward(Incoming(d_above, last), hs, kept, layer)
            d_first.insert(0, first)
            d_weights[:0] = _weight_gradients(layers, below, hs, d_ih, d_hh)
            d_above = _flat_product(d_ih, layer.ih) if index or needs_x else None
        return Gradients(
            d_above, [torch.stack(d, 1) for d in zip(*d_first, strict=True)], d_weights
        )


def each_layer(layers: Layers, weights: Sequence[Tensor]) -> Iterator[Weights]:
    """Yield the weights of each layer in turn, from those of all in torch's own order."""
    for start in range(0, len(weights), layers.weights):
        yield Weights(*weights[start : start + layers.weights])


def _part(gradient: Tensor | None, like: Tensor, layer: int) -> Tensor:
    """Return the layer's part of a gradient of states, zero where there is none."""
    return torch.zeros_like(like[:, layer]) if gradient is None else gradient[:, layer]


def _with_first(h: Tensor, gates: Tensor) -> Tensor:
    """Return memory for the state at every time, with the first of them given."""
    replicates, times, batch, _ = gates.shape
    hs = gates.new_empty(replicates, times + 1, batch, h.shape[-1])
    hs[:, 0] = h
    return hs


def _from_inputs(layers: Layers, x: Tensor, layer: Weights) -> Tensor:
    """Return the inputs' part of the gates at all times, with every bias that needs no gate of its own."""
    bias = layer.bias_ih
    if bias is not None and layer.bias_hh is not None and layers.cell != "GRU":
        bias = bias + layer.bias_hh
    return _flat_product(x, layer.ih.mT, bias)


def _flat_product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``x @ weight + bias`` with time and batch as one: ``(replicate, time, batch, ...)``."""
    product: Tensor = _product(x.flatten(1, 2), weight, bias).unflatten(1, x.shape[1:3])
    return product


def _product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return ``x @ weight + bias`` for each replicate."""
    return torch.bmm(x, weight) if bias is None else torch.baddbmm(bias[:, None], x, weight)


def _weight_gradients(
    layers: Layers, x: Tensor, hs: Tensor, d_ih: Tensor, d_hh: Tensor
) -> list[Tensor]:
    """Return gradients of one layer's weights, in torch's order: sums over time and batch, one product each."""
    d_inputs, d_states = d_ih.flatten(1, 2), d_hh.flatten(1, 2)
    products = [
        torch.bmm(d_inputs.mT, x.flatten(1, 2)),
        torch.bmm(d_states.mT, hs[:, :-1].flatten(1, 2)),
    ]
    if not layers.bias:
        return products
    bias = d_inputs.sum(1)
    return [*products, bias, d_states.sum(1) if d_hh is not d_ih else bias.clone()]
