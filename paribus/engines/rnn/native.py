"""Recurrent layers by a C++ kernel.

Where it cannot be built or loaded, `kernel_status` says why, and torch alone does the work.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Sequence
from ctypes import POINTER, Structure, c_int, c_int64, c_void_p
from functools import cache
from math import prod
from pathlib import Path
from threading import Lock
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from paribus.engines.rnn.reference import Gradients, Layers
from paribus.engines.toolchain import Library, UnavailableError, put_away

SOURCE = Path(__file__).with_name("kernel.cpp")
FLAGS = ("-std=c++17", "-O2", "-ffp-contract=fast", "-pthread")
TYPE_FLAGS = {torch.float32: (), torch.float64: ("-DPARIBUS_DOUBLE",)}
NUMPY = {torch.float32: np.float32, torch.float64: np.float64}
CODES = {"RNN_TANH": 0, "RNN_RELU": 1, "LSTM": 2, "GRU": 3}
SAVED = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 6, "GRU": 5}

Value = TypeVar("Value")


class Job(Structure):
    """Arguments of the kernel; mirrors ``Job`` in the C++ source, which documents the shapes."""

    _fields_ = (
        *((n, c_int64) for n in ("cell", "replicates", "time", "batch", "inputs", "hidden")),
        *((n, c_int64) for n in ("layers", "threads", "keep")),
        ("x", c_void_p),
        *((n, c_int64) for n in ("x_replicate", "x_time", "x_batch")),
        ("weights", POINTER(c_void_p)),
        ("weight_replicate", POINTER(c_int64)),
        *((n, c_void_p) for n in ("h", "c", "saved", "output", "last_h", "last_c")),
        *((n, c_void_p) for n in ("d_output", "d_last_h", "d_last_c")),
        *((n, c_int64) for n in ("d_output_replicate", "d_output_time", "d_output_batch")),
        *((n, c_void_p) for n in ("d_x", "d_h", "d_c")),
        ("d_weights", POINTER(c_void_p)),
    )


def build(*flags: str) -> Path:
    """Return the kernel's file, built unless it is in the cache.

    Args:
        flags: of the compiler, besides `FLAGS`.

    Raises:
        UnavailableError: there is no compiler, it fails, or the cache cannot be written.
    """
    source = SOURCE.read_text(encoding="utf-8")
    return Library("recurrent", source, (*FLAGS, *flags)).built(lambda: source)


def kernel_status(dtype: torch.dtype = torch.float32) -> str:
    """Return the reason why there is no kernel for a dtype, or an empty string; builds it if needed."""
    library = _library(dtype)
    return library if isinstance(library, str) else ""


@cache
def _library(dtype: torch.dtype) -> ctypes.CDLL | str:
    """Return the kernel, or the reason why there is none; tried once a process."""
    if dtype not in TYPE_FLAGS:
        return f"there is no kernel for {dtype}"
    try:
        path = build(*TYPE_FLAGS[dtype])
        library = ctypes.CDLL(str(path))
    except UnavailableError as reason:
        return str(reason)
    except OSError as error:
        put_away(path, f"it cannot be loaded: {error}")
        return f"the kernel {path} cannot be loaded: {error}"
    for name in ("forward", "backward"):
        function = getattr(library, f"paribus_recurrent_{name}")
        function.argtypes, function.restype = [POINTER(Job)], c_int
    return library


class Pool:
    """Memory that is used again: the first touch of fresh memory can cost as much as what is computed in it.

    Args:
        count: how many pieces are kept for later.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._free: list[Tensor] = []
        self._lock = Lock()

    def take(self, like: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Return a tensor with any content, whose memory is reused once nothing refers to it."""
        size = prod(shape) * like.element_size()
        piece = self._piece(size)
        # An array over the piece, which is freed with the tensor, while the piece is reused.
        lent = piece.numpy()[:size].view(NUMPY[like.dtype]).reshape(shape)
        weakref.finalize(lent, self._free.append, piece).atexit = False
        return torch.from_numpy(lent)

    def _piece(self, size: int) -> Tensor:
        """Return the smallest free piece that is large enough, or a new one."""
        # Pieces return at any moment, also during garbage collection, so that returning takes no lock: it
        # lengthens the list and moves nothing.
        with self._lock:
            del self._free[: -self._count]
            fits = [(len(piece), i) for i, piece in enumerate(self._free) if len(piece) >= size]
            if fits:
                return self._free.pop(min(fits)[1])
        return torch.empty(size, dtype=torch.uint8)


class Kernel:
    """Calls of the kernel, on the CPU in single or double precision; see `TorchForm` for the arguments.

    They use as many threads as torch does, each with replicates of its own, and give the same bits with any number.
    """

    def __init__(self) -> None:
        self._pool = Pool(4)

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
        replicates, time, batch, _ = x.shape
        call = _Call(layers, x, states, weights)
        new = self._pool.take if keep else Tensor.new_empty
        output = new(x, (replicates, time, batch, layers.hidden))
        last = [torch.empty_like(s) for s in call.states]
        saved = new(x, (replicates, saved_size(layers, x))) if keep else None
        call.job.keep = keep
        call.give(saved=saved, output=output, **dict(zip(("last_h", "last_c"), last, strict=False)))
        call.run("forward")
        return [output, *last], [] if saved is None else [saved]

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
        call = _Call(layers, x, states, weights)
        d_x = x.new_empty(x.shape) if needs_x else None
        d_first = [torch.empty_like(s) for s in call.states]
        d_weights = [w.new_empty(w.shape) for w in weights]
        d_last = [None if d is None else d.contiguous() for d in d_states]
        call.give_strided("d_output", d_output)
        call.give(
            saved=saved[0].contiguous(),
            d_x=d_x,
            **dict(zip(("d_h", "d_c"), d_first, strict=False)),
            **dict(zip(("d_last_h", "d_last_c"), d_last, strict=False)),
        )
        call.job.keep = True
        call.job.d_weights = call.pointers(d_weights)
        call.run("backward")
        return Gradients(d_x, d_first, d_weights)


class _Call:
    """Job and the tensors that must live while it runs."""

    def __init__(
        self, layers: Layers, x: Tensor, states: Sequence[Tensor], weights: Sequence[Tensor]
    ) -> None:
        self.layers, self.library = layers, _loaded(x.dtype)
        self.alive: list[object] = []
        self.states = [s.contiguous() for s in states]
        weights = [_rows_contiguous(w) for w in weights]
        self.job = Job(
            cell=CODES[layers.cell],
            hidden=layers.hidden,
            layers=layers.count,
            threads=torch.get_num_threads(),
        )
        self.job.replicates, self.job.time, self.job.batch, self.job.inputs = x.shape
        self.give_strided("x", x)
        self.give(**dict(zip(("h", "c"), self.states, strict=False)))
        self.job.weights = self.pointers(weights)
        strides = self._by_layer([w.stride(0) for w in weights], 0)
        self.job.weight_replicate = (c_int64 * len(strides))(*strides)

    def give(self, **tensors: Tensor | None) -> None:
        """Name contiguous tensors to the kernel."""
        for name, tensor in tensors.items():
            self.alive.append(tensor)
            setattr(self.job, name, None if tensor is None else tensor.data_ptr())

    def give_strided(self, name: str, tensor: Tensor | None) -> None:
        """Name a tensor whose last dimension alone need be contiguous."""
        if tensor is not None:
            tensor = _rows_contiguous(tensor, 3)
            for axis, size in zip(("replicate", "time", "batch"), tensor.stride(), strict=False):
                setattr(self.job, f"{name}_{axis}", size)
        self.give(**{name: tensor})

    def pointers(self, tensors: Sequence[Tensor]) -> ctypes.Array[c_void_p]:
        """Return four addresses a layer, those of biases null where there are none."""
        self.alive.extend(tensors)
        addresses = self._by_layer([t.data_ptr() for t in tensors], None)
        return (c_void_p * len(addresses))(*addresses)

    def run(self, direction: str) -> None:
        """Do the job."""
        if getattr(self.library, f"paribus_recurrent_{direction}")(self.job):
            raise MemoryError("the recurrent kernel could not have the memory it needs.")

    def _by_layer(self, values: Sequence[Value], missing: Value) -> list[Value]:
        width = self.layers.weights
        rows = [values[i : i + width] for i in range(0, len(values), width)]
        return [value for row in rows for value in (*row, *[missing] * (4 - width))]


def saved_size(layers: Layers, x: Tensor) -> int:
    """Return how many numbers of one replicate the backward pass needs.

    Args:
        layers: what they are.
        x: of the shape and type of their input, ``(replicate, time, batch, feature)``.
    """
    _, time, batch, _ = x.shape
    lanes = _loaded(x.dtype).paribus_recurrent_lanes()
    padded = -(-layers.hidden // lanes) * lanes
    size: int = batch * time * layers.count * SAVED[layers.cell] * padded
    return size


def _loaded(dtype: torch.dtype) -> ctypes.CDLL:
    library = _library(dtype)
    if isinstance(library, str):
        raise UnavailableError(library)
    return library


def _rows_contiguous(tensor: Tensor, axis: int = 1) -> Tensor:
    """Return the tensor, or a copy, with the dimensions from ``axis`` on contiguous."""
    return tensor if tensor[(0,) * axis].is_contiguous() else tensor.contiguous()
