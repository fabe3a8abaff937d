"""Steps of a cohort as a program of the interpreter, and the calls of the library that runs it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from paribus.data.cache import (
    UNREADABLE,
    cache_folder,
    cache_write,
    cached_file,
    failure,
    keep_latest,
    note_failure,
)
from paribus.engines.simd.library import INTERPRETER
from paribus.engines.simd.lowering import lower
from paribus.engines.simd.operations import UnsupportedError
from paribus.engines.simd.trace_step import Sample, record_step
from paribus.engines.toolchain import put_away
from paribus.engines.vmapped.batches import Samples, Source
from paribus.engines.vmapped.optimizers import Update
from paribus.engines.vmapped.parameters import Loss, StackedNetwork
from paribus.spec import digest

# Types of numbers in tensors, in the order of the interpreter's.
TYPES = [torch.float32, torch.float64, torch.int64, torch.int32, torch.uint8, torch.bool]
# Bytes that a step of one replicate a SIMD lane may use: a part of the cache that cores share.
MAX_BYTES = 2**25
REGISTER = 64  # bytes of the widest vector register
# Integers up to this one are exact in single precision, in which SIMD registers hold them.
EXACT = 2**24


def hopeless(parameters: int, samples: Samples) -> bool:
    """Return whether a step certainly has no SIMD form, before it is recorded.

    Args:
        parameters: of a replicate.
        samples: what it is trained on.
    """
    return parameters * REGISTER > MAX_BYTES or any(
        _is_rounded(source) for source in (*samples.inputs, *samples.targets)
    )


def _is_rounded(source: Source) -> bool:
    """Return whether integers of a source would be rounded in SIMD registers."""
    raw = source.raw
    plain = source.affine is None and not raw.is_floating_point()
    return plain and raw.dtype != torch.bool and bool((raw.abs() > EXACT).any())


class Program(NamedTuple):
    """Steps of a cohort, the same for any number of replicates and steps.

    Attributes:
        words: header and instructions, as the interpreter reads them.
        constants: pairs of a number and whether it is a truth value.
        types: of the tensors that steps change and read, in their order.
    """

    words: Tensor
    constants: Tensor
    types: list[torch.dtype]


# Recording takes some tenths of a second, and the tracer's import a second; a cohort may come in many chunks.
MAX_PROGRAMS = 32
_programs: dict[str, Program] = {}
_own = set[str]()  # those that were made in this process


def kept_program(made_from: str, make: Callable[[], Program]) -> Program:
    """Return a program, from this process or from the cache if it was made before.

    Args:
        made_from: everything that it follows from, besides this package's code and torch.
        make: makes it.

    Raises:
        UnsupportedError: it was made twice and was not what it was taken for.
    """
    if made_from not in _programs:
        if reason := failure(_file(made_from)):
            raise UnsupportedError(reason)
        keep_latest(_programs, made_from, _read(made_from) or _made(made_from, make), MAX_PROGRAMS)
        with suppress(OSError):
            if not (cache_folder() / (file := _file(made_from))).exists():
                _write(file, _programs[made_from])
    return _programs[made_from]


def _made(made_from: str, make: Callable[[], Program]) -> Program:
    _own.add(made_from)
    return make()


def forget_program(made_from: str, reason: str) -> None:
    """Remove a program that is not what it was taken for; one from the cache may have been of another network."""
    _programs.pop(made_from, None)
    if made_from in _own:
        note_failure(_file(made_from), reason)
    with suppress(OSError):
        (cache_folder() / _file(made_from)).unlink(missing_ok=True)


def _file(made_from: str) -> str:
    source = INTERPRETER.read_text(encoding="utf-8")
    name = digest([made_from, source, torch.__version__, torch.version.git_version])
    return f"program-{name}.npz"


def _read(made_from: str) -> Program | None:
    """Return a program from the cache; None where it is not there or cannot be read."""
    try:
        with (
            cached_file(_file(made_from)).open("rb") as file,
            np.load(file, allow_pickle=False) as kept,
        ):
            words, constants = torch.from_numpy(kept["words"]), torch.from_numpy(kept["constants"])
            return Program(words, constants, [TYPES[i] for i in kept["types"]])
    except UNREADABLE:
        return None


def _write(file: str, program: Program) -> None:
    words, constants = program.words.numpy(), program.constants.numpy()
    types = np.array([TYPES.index(kind) for kind in program.types])
    with cache_write(file) as path:
        np.savez_compressed(path, words=words, constants=constants, types=types)


def program_of(
    stack: StackedNetwork,
    loss: Loss,
    update: Update,
    clip_norm: float | None,
    samples: Samples,
    rows: Tensor,
) -> Program:
    """Return a cohort's steps as a program.

    Args:
        stack: in training mode.
        loss: of outputs and targets, ``(sample,)``.
        update: the optimizer.
        clip_norm: the longest gradient, if there is one.
        samples: what it is trained on.
        rows: sample numbers of some steps, ``(step, replicate, batch)``.

    Raises:
        UnsupportedError: it cannot be recorded, or has no form here.
    """
    with _refusing():
        inputs, targets = samples.pick(rows[0])
        numbers = update.constant | {name: x[0] for name, x in update.ahead(1).items()}
        sample = Sample(
            stack.weights.detach()[:1].clone(),
            {name: x[:1].clone() for name, x in update.state.items()},
            {name: stack.buffers[name][0].clone() for name in stack.changing},
            {name: x[:1].clone() for name, x in numbers.items()},
            {name: stack.buffers[name][0].clone() for name in stack.masks},
            [x[0].contiguous() for x in inputs],
            [x[0].contiguous() for x in targets],
        )
        changing = [sample.weights, *sample.state.values(), *sample.buffers.values()]
        graph = record_step(stack, loss, update, clip_norm, sample)
        step = lower(graph, sample.weights.dtype, range(len(changing)))
        if step.memory * REGISTER > MAX_BYTES:
            raise UnsupportedError(f"{step.memory} numbers a replicate leave a core's cache")
        sizes = [x.numel() for x in sample.tensors]
        places = [sum(sizes[:i]) for i in range(len(sizes))]
        given = len(changing) + len(update.constant)
        first = len(sizes) - len(inputs) - len(targets)
        # Masks come as truth values, a byte each.
        masked = range(first - len(sample.masks), first)
        types = [torch.bool if i in masked else x.dtype for i, x in enumerate(sample.tensors)]
        entries = [
            [TYPES.index(kind), size, place]
            for kind, size, place in zip(types, sizes, places, strict=True)
        ]
        groups = (entries[: len(changing)], entries[len(changing) : given], entries[given:first])
        sources = _sources(samples, first, places[first:])
        header = [step.memory, step.registers, len(step.constants)]
        for group in groups:
            header += [len(group), *(word for entry in group for word in entry)]
        header += [first + len(samples.tensors), rows.shape[2], len(sources)]
        header += [*(word for source in sources for word in source), step.loss]
        constants = torch.tensor([[x, float(t)] for x, t in step.constants], dtype=torch.float64)
        read = [x.dtype for x in (*samples.tensors, rows)]
        words = torch.tensor([*header, *step.code])
        return Program(words, constants.reshape(-1, 2), [*types[:first], *read])


@contextmanager
def _refusing() -> Iterator[None]:
    """Take whatever goes wrong for a network that has no form here: it is trained all the same."""
    try:
        yield
    except UnsupportedError:
        raise
    except Exception as error:
        raise UnsupportedError(f"it cannot be recorded: {type(error).__name__}: {error}") from error


def _sources(samples: Samples, tensor: int, places: Sequence[int]) -> list[list[int]]:
    """Return how samples are read: of each source the ten words of the interpreter's `pick`.

    Args:
        samples: the sources.
        tensor: number of their first tensor.
        places: of their vectors.
    """
    found = []
    for source, place in zip((*samples.inputs, *samples.targets), places, strict=True):
        width = prod(source.raw.shape[1:])
        raw, start, after = tensor, -1, tensor + 1
        if source.start is not None:
            start, after = after, after + 1
        prepared = [-1, 0, 0, 1, 1]
        if source.affine is not None:
            fill = source.affine.fill
            alike, ways = _alike(source, fill), fill[0].numel()
            prepared = [TYPES.index(fill.dtype), after, int(source.missing), alike, ways]
            after += 3
        found.append([TYPES.index(source.raw.dtype), raw, width, start, place, *prepared])
        tensor = after
    return found


def _alike(source: Source, part: Tensor) -> int:
    """Return how many consecutive numbers of a sample share a preparation, as those of an image's channel do."""
    features, own = source.raw.shape[1:], [*part.shape[2:]]
    varying = [d for d, n in enumerate(own) if n > 1]
    if varying and own[varying[0] : varying[-1] + 1] != [*features[varying[0] : varying[-1] + 1]]:
        raise UnsupportedError(f"a preparation of {tuple(own)} for samples of {tuple(features)}")
    return prod(features[varying[-1] + 1 :]) if varying else prod(features)


class SimdSteps:
    """Steps of a cohort by its program.

    Args:
        path: of the interpreter, in the precision of the steps.
        program: of the steps.

    Raises:
        OSError: the interpreter cannot be loaded; its file is put away, so that it is built again.
    """

    def __init__(self, path: Path, program: Program) -> None:
        try:
            self.run = ctypes.CDLL(str(path)).paribus_steps
        except OSError as error:
            put_away(path, f"it cannot be loaded: {error}")
            raise
        number, pointer = ctypes.c_int64, ctypes.c_void_p
        pointers = ctypes.POINTER(pointer)
        self.run.argtypes = [pointer, number, pointer, number, number, pointers]
        self.run.restype = None
        self.program = program

    def fits(self, arguments: Sequence[Tensor]) -> bool:
        """Return whether these tensors have the layout that the program reads."""
        rows = arguments[-1]
        return (
            [x.dtype for x in arguments] == self.program.types
            and all(x.is_contiguous() and x.device.type == "cpu" for x in arguments)
            and rows.dtype == torch.int64
            and int(rows.min()) >= 0
        )

    def __call__(self, *arguments: Tensor) -> Tensor:
        """Take steps; returns losses ``(step, replicate)``.

        Args:
            arguments: weights first, of which the first ones are changed in place, and the rows last, all contiguous.
        """
        steps, replicates = arguments[-1].shape[:2]
        words, constants, _ = self.program
        losses = torch.empty(steps, replicates, dtype=arguments[0].dtype)
        tensors = [*arguments, losses]
        pointers = (ctypes.c_void_p * len(tensors))(*(x.data_ptr() for x in tensors))
        program = (words.data_ptr(), len(words), constants.data_ptr())
        self.run(*program, replicates, steps, pointers)
        return losses
