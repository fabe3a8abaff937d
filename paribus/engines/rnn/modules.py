"""`torch.nn.RNN`, `LSTM` and `GRU` that `torch.vmap` accepts, put in the place of a network's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from paribus.engines.rnn.autograd import recurrent
from paribus.engines.rnn.reference import GATES, Layers
from paribus.engines.rnn.selection import form_for


def refusal(network: nn.Module) -> str:
    """Return the reason why a network's recurrent layers cannot be stacked, or an empty string.

    >>> refusal(nn.Sequential(nn.GRU(3, 4, bidirectional=True)))
    '0: a bidirectional GRU has no stacked form'
    >>> refusal(nn.Sequential(nn.GRU(3, 4)))
    ''
    """
    for name, module in network.named_modules():
        if isinstance(module, nn.RNNBase) and (reason := _refusal(module)):
            return f"{name}: {reason}" if name else reason
    return ""


def make_stackable(network: nn.Module) -> str:
    """Turn each recurrent layer of a network, in place, into one that `torch.vmap` accepts.

    Parameters, their names, buffers, hooks and the way it is called stay as they are, so that state dicts interchange;
    the layer is still an instance of torch's own class.

    Returns:
        Why the network was left as it was, or nothing; see `refusal`.
    """
    reason = refusal(network)
    if not reason:
        for module in network.modules():
            if type(module) in STACKABLE:
                module.__class__ = STACKABLE[type(module)]
    return reason


def _refusal(module: nn.RNNBase) -> str:
    kind = type(module)
    if kind not in {*STACKABLE, *STACKABLE.values()}:
        return f"{kind.__qualname__} is a kind of {module.mode} of its own, of which no stacked form is known"
    if module.bidirectional:
        return f"a bidirectional {kind.__name__} has no stacked form"
    if module.proj_size:
        return f"{kind.__name__} with proj_size={module.proj_size} has no stacked form"
    if module.dropout and module.num_layers > 1:
        return (
            f"{kind.__name__} with dropout={module.dropout} between its layers has no stacked form"
        )
    return ""


class _Stackable(nn.RNNBase):
    """Forward pass of a recurrent layer by an operation that `torch.vmap` accepts."""

    def forward(self, input: Any, hx: Any = None) -> Any:  # noqa: A002 - torch's name
        """Compute what `torch.nn.RNN`, `LSTM` or `GRU` does, for a batch of sequences of one length.

        Args:
            input: ``(time, batch, feature)``, or ``(batch, time, feature)`` where `batch_first` is set.
            hx: initial states, ``(layer, batch, hidden)``, zero if not given; for an LSTM two of them.

        Returns:
            Output at each time, ``(time, batch, hidden)`` or ``(batch, time, hidden)``, and the last states.

        Raises:
            TypeError: the input is a packed sequence.
            ValueError: a tensor has another shape, or not all are of one type.
        """
        x = self._time_first(input)
        layers = Layers(self.mode, self.num_layers, self.hidden_size, bool(self.bias))
        states = self._initial(x, hx)
        weights = [getattr(self, name) for names in self._all_weights for name in names]
        self._check(weights, [x, *states])
        output, *last = recurrent(
            layers, form_for(x), x[None], [s[None] for s in states], [w[None] for w in weights]
        )
        output = output[0].transpose(0, 1) if self.batch_first else output[0]
        last = [s[0] for s in last]
        return output, tuple(last) if self.mode == "LSTM" else last[0]

    def _time_first(self, x: Any) -> Tensor:
        if isinstance(x, PackedSequence):
            raise TypeError(
                f"{type(self).__name__}: got a packed sequence, expected a tensor; a network of packed "
                "sequences is trained by the loop engine."
            )
        axes = "(batch, time, feature)" if self.batch_first else "(time, batch, feature)"
        if x.ndim != 3 or x.shape[-1] != self.input_size or x.numel() == 0:
            raise ValueError(
                f"{type(self).__name__}: got an input of shape {tuple(x.shape)}, expected {axes} with "
                f"{self.input_size} features and nothing empty."
            )
        time_first: Tensor = x.transpose(0, 1) if self.batch_first else x
        return time_first

    def _initial(self, x: Tensor, given: Any) -> tuple[Tensor, ...]:
        count = 2 if self.mode == "LSTM" else 1
        shape = (self.num_layers, x.shape[1], self.hidden_size)
        if given is None:
            return (torch.zeros(shape, dtype=x.dtype, device=x.device),) * count
        states = tuple(given) if isinstance(given, tuple | list) else (given,)
        if [tuple(s.shape) for s in states] != [shape] * count:
            raise ValueError(
                f"{type(self).__name__}: got initial states of shapes {[tuple(s.shape) for s in states]}, "
                f"expected {count} of (layer, batch, hidden) = {shape}."
            )
        return states

    def _check(self, weights: Sequence[Tensor], others: Sequence[Tensor]) -> None:
        """Shapes as declared, all of one type and on one device: the kernel takes memory at its word."""
        lines = self.hidden_size * GATES[self.mode]
        columns = [
            (self.hidden_size if layer else self.input_size,) for layer in range(self.num_layers)
        ]
        rest = [(self.hidden_size,), (), ()][: len(weights) // self.num_layers - 1]
        expected = [(lines, *tail) for first in columns for tail in (first, *rest)]
        found = [tuple(w.shape) for w in weights]
        if found != expected:
            raise ValueError(
                f"{type(self).__name__}: got weights of shapes {found}, expected {expected}."
            )
        kinds = sorted({f"{t.dtype} on {t.device}" for t in (*others, *weights)})
        if len(kinds) > 1:
            raise ValueError(
                f"{type(self).__name__}: got {' and '.join(kinds)}, expected input, states and weights "
                "of one type on one device."
            )


class StackableRNN(_Stackable, nn.RNN):
    """`torch.nn.RNN` that can be stacked."""


class StackableLSTM(_Stackable, nn.LSTM):
    """`torch.nn.LSTM` that can be stacked."""


class StackableGRU(_Stackable, nn.GRU):
    """`torch.nn.GRU` that can be stacked."""


STACKABLE: Mapping[type[nn.Module], type[nn.RNNBase]] = {
    nn.RNN: StackableRNN,
    nn.LSTM: StackableLSTM,
    nn.GRU: StackableGRU,
}
