"""Numbers of parameters of layers and sizes of their outputs, by formula."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def linear_parameters(widths: Sequence[int]) -> int:
    """Return weights and biases of linear layers of these widths: ``in * out + out`` each.

    >>> linear_parameters([8, 4, 2])
    46
    """
    return sum(size_in * size_out + size_out for size_in, size_out in pairwise(widths))


def convolution_parameters(size_in: int, size_out: int, kernel_size: int) -> int:
    """Return weights and biases of a convolution with a square kernel: ``out * in * k * k + out``.

    >>> convolution_parameters(3, 32, 3)
    896
    """
    return size_out * size_in * kernel_size * kernel_size + size_out


def convolved(n: int, kernel_size: int, padding: int = 0, stride: int = 1) -> int:
    """Return the height or width after a convolution or a pooling: ``(n + 2p - k) / s + 1``, rounded down.

    >>> convolved(8, kernel_size=3, padding=1), convolved(8, kernel_size=2, stride=2)
    (8, 4)
    """
    return (n + 2 * padding - kernel_size) // stride + 1


def recurrent_parameters(cell: str, inputs: int, hidden: int, layers: int = 1) -> int:
    """Return weights and biases of recurrent layers: ``c (h i + h h + 2 h)`` each, with ``c`` gates.

    The first layer sees the inputs, each further one the state of the one below.

    >>> [recurrent_parameters(cell, inputs=1, hidden=32) for cell in ("RNN", "GRU", "LSTM")]
    [1120, 3360, 4480]
    """
    seen = [inputs] + [hidden] * (layers - 1)
    return sum(GATES[cell] * (hidden * i + hidden * hidden + 2 * hidden) for i in seen)
