"""Instructions of the interpreter (`interpreter.hpp`) as lists of whole numbers, and the constants that they read."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

import torch

from paribus.engines.simd.operations import Value

# Elementwise work in vectors: what starting an operation on a block costs, and reading a vector from afar.
BLOCK, STARTING, STRIDED = 32, 8, 2


class Opcode(IntEnum):
    """Kinds of instructions, in the order of the interpreter's."""

    map = 0
    product = 1
    reduce = 2
    gather = 3
    scatter = 4
    convolve = 5
    pool = 6
    unpool = 7


class Operand(NamedTuple):
    """Vectors that an instruction reads or writes, index by index.

    Attributes:
        place: of the first.
        strides: along each dimension of the instruction.
    """

    place: int
    strides: tuple[int, ...]

    @classmethod
    def of(cls, value: Value, dims: int, without: int | None = None) -> Operand:
        """Return the operand that a value is to an instruction of so many dimensions."""
        return cls(value.first, tuple(value.strides(dims, without)))

    def reach(self, shape: Sequence[int]) -> int:
        """Return how many vectors lie between its first and its last, both included."""
        return 1 + sum((n - 1) * s for n, s in zip(shape, self.strides, strict=True))


class Constants:
    """Numbers and truth values that instructions read, each once; their places are negative."""

    def __init__(self) -> None:
        self.values: list[tuple[float, bool]] = []
        self._places: dict[tuple[str, bool], int] = {}

    def place(self, value: float) -> int:
        """Return the place of a number, or of a truth value."""
        truth = isinstance(value, bool)
        key = (repr(float(value)), truth)
        if key not in self._places:
            self._places[key] = self._add([float(value)], truth=truth)
        return self._places[key]

    def array(self, values: Sequence[float]) -> int:
        """Return the place of the first of several numbers."""
        return self._add(values, truth=False)

    def _add(self, values: Sequence[float], *, truth: bool) -> int:
        self.values += [(value, truth) for value in values]
        return -1 - (len(self.values) - len(values))


class Operation(NamedTuple):
    """Elementwise operation.

    Attributes:
        code: its number.
        operands: each a load (its number) or the result of an earlier operation (minus one less its number).
    """

    code: int
    operands: tuple[int, ...]


def words(opcode: Opcode, *parts: int | Sequence[int]) -> list[int]:
    """Return an instruction."""
    found: list[int] = []
    for part in parts:
        found += [part] if isinstance(part, int) else part
    return [int(opcode), 2 + len(found), *found]


def elementwise(
    shape: Sequence[int],
    loads: Sequence[Operand],
    operations: Sequence[Operation],
    stores: Sequence[tuple[int, Operand]],
) -> tuple[list[int], int]:
    """Return the instruction that does operations at each index of a shape, and how many registers it needs.

    Args:
        shape: of the indices.
        loads: what is read.
        operations: in order.
        stores: what is written: the number of an operation, and where to. No other index reads it.
    """
    operands = [*loads, *(into for _, into in stores)]
    shape, strides = simplest(shape, [o.strides for o in operands], len(operations))
    operands = [Operand(o.place, s) for o, s in zip(operands, strides, strict=True)]
    loads, into = operands[: len(loads)], operands[len(loads) :]
    last: dict[int, int] = {}
    for number, operation in enumerate(operations):
        for operand in operation.operands:
            last[operand] = number
    kept = {-1 - number for number, _ in stores}
    at_once = {
        number: i
        for i, (number, _) in enumerate(stores)
        if into[i].strides[-1] == 1 and not _read_later(number, into[i], loads, last, shape)
    }
    register: dict[int, int] = {}
    free, count = list[int](), len(loads)
    code: list[int] = []
    for number, operation in enumerate(operations):
        read = [register[o] if o < 0 else o for o in operation.operands]
        # A result may lie where an operand did: every vector is read before it is written.
        done = {o for o in operation.operands if o < 0 and last[o] == number and o not in kept}
        free += sorted({register[o] for o in done})
        if not free:
            free, count = [count], count + 1
        register[-1 - number] = free.pop()
        read += [read[0]] * (3 - len(read))
        code += [operation.code, register[-1 - number], *read, at_once.get(number, -1)]
    stored = [
        [register[-1 - number], place.place, *place.strides, int(at_once.get(number) == i)]
        for i, ((number, _), place) in enumerate(zip(stores, into, strict=True))
    ]
    parts: list[int | Sequence[int]] = [
        *(len(shape), shape, len(loads), [w for o in loads for w in (o.place, *o.strides)]),
        *(len(operations), code, len(stores), [w for s in stored for w in s]),
    ]
    return words(Opcode.map, *parts), count


def _read_later(
    number: int, into: Operand, loads: Sequence[Operand], last: dict[int, int], shape: Sequence[int]
) -> bool:
    """Return whether an operation after this one reads what it would overwrite."""
    end = into.place + into.reach(shape)
    return any(
        last.get(i, -1) > number
        and load.place >= 0
        and load.place < end
        and into.place < load.place + load.reach(shape)
        for i, load in enumerate(loads)
    )


def simplest(
    shape: Sequence[int], strides: Sequence[Sequence[int]], operations: int = 1
) -> tuple[list[int], list[tuple[int, ...]]]:
    """Return the loops over a shape that take least time: fewest dimensions, the best one innermost.

    >>> simplest([4, 1, 8], [[8, 0, 1], [0, 0, 1]])
    ([4, 8], [(8, 1), (0, 1)])
    >>> simplest([4, 8], [[8, 1], [8, 1]])
    ([32], [(1,), (1,)])
    """
    dims = [d for d, n in enumerate(shape) if n > 1]
    if not dims:
        return [1], [(0,) for _ in strides]
    orders = [[d for d in dims if d != inner] + [inner] for inner in reversed(dims)]
    found = [_merged(shape, strides, order) for order in orders]
    return min(found, key=lambda each: _cost(each[0], each[1], operations))


def _merged(
    shape: Sequence[int], strides: Sequence[Sequence[int]], order: Sequence[int]
) -> tuple[list[int], list[tuple[int, ...]]]:
    """Return loops in an order of dimensions, those that follow on one another merged."""
    lengths: list[int] = []
    steps: list[list[int]] = [[] for _ in strides]
    for d in order:
        n = shape[d]
        if lengths and all(own[-1] == s[d] * n for own, s in zip(steps, strides, strict=True)):
            lengths[-1] *= n
            for own, s in zip(steps, strides, strict=True):
                own[-1] = s[d]
        else:
            lengths.append(n)
            for own, s in zip(steps, strides, strict=True):
                own.append(s[d])
    return lengths, [tuple(own) for own in steps]


def _cost(lengths: list[int], strides: list[tuple[int, ...]], operations: int) -> float:
    """Return the time of loops, in operations on a vector."""
    inner = lengths[-1]
    rounds = torch.Size(lengths[:-1]).numel()
    blocks = -(-inner // BLOCK)
    afar = sum(own[-1] not in (0, 1) for own in strides)
    starting = blocks * (operations + len(strides)) * STARTING
    return rounds * (starting + inner * (operations + afar * STRIDED))


def product(a: Value, b: Value, out: Value) -> list[int]:
    """Return a matrix product."""
    (m, k), n = a.like.shape, b.like.shape[1]
    return words(Opcode.product, [m, n, k], *([x.first, *x.strides(2)] for x in (a, b, out)))


def reduction(
    kind: int,
    constants: tuple[int, int],
    source: Value,
    out: Value,
    over: Sequence[int],
    kept: Sequence[int],
) -> list[int]:
    """Return a reduction over dimensions of a source.

    Args:
        kind: number of the reduction.
        constants: places of two numbers, which a variance needs.
        source: what is reduced.
        out: of the dimensions that are left.
        over: dimensions reduced.
        kept: dimensions of the source that are dimensions of the result, in its order.
    """
    dims = source.like.dim()
    x = Operand.of(source, dims)
    strides = [[x.strides[d] for d in kept], out.strides(len(kept))]
    left, (read, write) = _merged_or_one([source.like.shape[d] for d in kept], strides)
    lengths, (inner,) = _merged_or_one(
        [source.like.shape[d] for d in over], [[x.strides[d] for d in over]]
    )
    return words(
        *(Opcode.reduce, kind, constants, len(left), left, x.place, read, out.first, write),
        *(len(lengths), lengths, inner),
    )


def _merged_or_one(
    shape: Sequence[int], strides: Sequence[Sequence[int]]
) -> tuple[list[int], list[tuple[int, ...]]]:
    dims = [d for d, n in enumerate(shape) if n > 1]
    if not dims:
        return [1], [(0,) for _ in strides]
    return _merged(shape, strides, dims)


def gather(shape: Sequence[int], which: Value, source: Value, out: Value, dim: int) -> list[int]:
    """Return the choice of entries along a dimension of a source, by numbers in `which`."""
    stride, length = source.like.stride(dim), source.like.shape[dim]
    by, to = (Operand.of(x, len(shape)) for x in (which, out))
    start = Operand.of(source, len(shape), without=dim)
    return words(Opcode.gather, len(shape), shape, *map(_flat, (by, start, to)), [stride, length])


def scatter(shape: Sequence[int], which: Value, out: Value, dim: int, value: int) -> list[int]:
    """Return that a constant is put where numbers in `which` say, along a dimension."""
    stride, length = out.like.stride(dim), out.like.shape[dim]
    by, to = Operand.of(which, len(shape)), Operand.of(out, len(shape), without=dim)
    return words(Opcode.scatter, len(shape), shape, *map(_flat, (by, to)), [stride, length, value])


def _flat(operand: Operand) -> list[int]:
    return [operand.place, *operand.strides]
