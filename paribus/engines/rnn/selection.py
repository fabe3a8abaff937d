"""Choice of implementation for recurrent layers, and when torch's own layers are faster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn

from paribus.engines.rnn.autograd import Form
from paribus.engines.rnn.native import kernel_status
from paribus.engines.rnn.operator import KernelForm
from paribus.engines.rnn.reference import TorchForm

FORMS: Mapping[str, Form] = {"torch": TorchForm(), "kernel": KernelForm()}

WIDE_LSTM = 256

_only: ContextVar[str | None] = ContextVar("only", default=None)


def form_for(x: Tensor) -> Form:
    """Return the implementation for layers of an input: the kernel on the CPU if it is available, or else torch."""
    return FORMS[_only.get() or _name(x.device, x.dtype)]


def _name(device: torch.device, dtype: torch.dtype) -> str:
    return "kernel" if device.type == "cpu" and not kernel_status(dtype) else "torch"


def better_alone(network: nn.Module) -> str:
    """Return the reason why torch's own layers likely train a network faster one by one, or an empty string.

    That is so of LSTMs on the CPU, for which torch has a fast path that it lacks for the others: it is two to three
    times as fast as the form in torch alone, at all widths from 8 to 256, and overtakes the kernel at about 256.
    """
    for module in network.modules():
        if isinstance(module, nn.LSTM) and module.weight_ih_l0.device.type == "cpu":
            reason = kernel_status(module.weight_ih_l0.dtype)
            if reason:
                return f"torch's own LSTM is faster than the form without a kernel ({reason})"
            if module.hidden_size >= WIDE_LSTM:
                return f"torch's own LSTM is faster from {WIDE_LSTM} hidden units on"
    return ""


@contextmanager
def only(name: str | None) -> Iterator[None]:
    """Use one form for all layers, whatever suits them best.

    Args:
        name: of `FORMS`; None leaves the choice.

    Raises:
        ValueError: there is no such form.
    """
    if name is not None and name not in FORMS:
        raise ValueError(f"only: got {name!r}, expected {' or '.join(FORMS)}.")
    token = _only.set(name)
    try:
        yield
    finally:
        _only.reset(token)
