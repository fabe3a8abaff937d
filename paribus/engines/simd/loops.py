"""Elementwise operations that share a loop, as operands and operations of one instruction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch.fx import Node

from paribus.engines.simd.operations import (
    AS_BITS,
    FUSED,
    NUMBERS,
    UnsupportedError,
    Value,
    args_of,
    dtype_of,
)
from paribus.engines.simd.program import Constants, Operand, Operation

_prims = torch.ops.prims


class Places(Protocol):
    """What a loop asks of the lowering of a whole step."""

    constants: Constants

    @property
    def values(self) -> Mapping[Node, Value]:
        """Where nodes are that are stored."""

    def value(self, node: Node) -> Value:
        """Return where a node's numbers are."""

    def uniform_place(self, node: Any) -> int | None:
        """Return the place of the one number that an argument is everywhere, or None where it is not."""

    def in_loop(self, source: Node, node: Node) -> bool:
        """Return whether a node finds a source in its own loop."""


class Loop:
    """Elementwise operations over one shape.

    Attributes:
        loads: what is read, with its number.
        operations: in order.
        found: where each node's numbers are, as operands of operations.
    """

    def __init__(self, lowering: Places, shape: tuple[int, ...]) -> None:
        self.lowering, self.shape = lowering, shape
        self.loads: dict[Operand, int] = {}
        self.operations: list[Operation] = []
        self.found: dict[Node, int] = {}
        # Factors of products that one sum alone reads, which is computed with them.
        self.factors: dict[Node, list[int]] = {}

    def add(self, node: Node) -> None:
        """Add what computes a node."""
        operation, arguments = node.target, args_of(node)
        if operation is _prims.iota.default:
            given: Any = node.kwargs
            start, step = given["start"], given["step"]
            numbers = [float(start + step * i) for i in range(self.shape[0])]
            place = self.lowering.constants.array(numbers)
            self.found[node] = self._load(Operand(place, (int(self.shape[0] > 1),)))
        elif operation is _prims.convert_element_type.default:
            self.found[node] = self._converted(node)
        elif dtype_of(node) == torch.bool and operation in AS_BITS:
            self.found[node] = self.do(AS_BITS[operation], *map(self._read, arguments))
        elif operation is _prims.pow.default and arguments[1] == 2:
            x = self._read(arguments[0])
            self.found[node] = self.do(_prims.mul.default, x, x)
        elif operation is _prims.mul.default and self._is_added(node):
            self.factors[node] = [*map(self._read, arguments)]
        elif operation is _prims.add.default and (product := self._product_in(arguments)):
            other = arguments[1 - arguments.index(product)]
            self.found[node] = self.do(FUSED, *self.factors.pop(product), self._read(other))
        else:
            self.found[node] = self.do(operation, *map(self._read, arguments))

    def do(self, operation: Any, *operands: int) -> int:
        """Add an operation; return its result as an operand."""
        self.operations.append(Operation(NUMBERS[operation], operands))
        return -len(self.operations)

    def _load(self, operand: Operand) -> int:
        return self.loads.setdefault(operand, len(self.loads))

    def _everywhere(self, place: int) -> int:
        return self._load(Operand(place, (0,) * len(self.shape)))

    def _read(self, x: Any) -> int:
        if isinstance(x, Node) and x in self.factors:
            return self.do(_prims.mul.default, *self.factors.pop(x))
        if isinstance(x, Node) and x in self.found:
            return self.found[x]
        place = self.lowering.uniform_place(x)
        if place is not None:
            return self._everywhere(place)
        return self._load(Operand.of(self.lowering.value(x), len(self.shape)))

    def _is_added(self, node: Node) -> bool:
        """Return whether a product is read by one sum in this loop and by nothing else."""
        users = [*node.users]
        if len(users) != 1 or node in self.lowering.values or dtype_of(node) == torch.bool:
            return False
        (user,) = users
        once = [*args_of(user)].count(node) == 1
        return user.target is _prims.add.default and once and self.lowering.in_loop(node, user)

    def _product_in(self, nodes: Sequence[Any]) -> Node | None:
        return next((n for n in nodes if isinstance(n, Node) and n in self.factors), None)

    def _converted(self, node: Node) -> int:
        """Return a number in another type, where SIMD registers hold both."""
        x, after = args_of(node)[:2]
        before, number = dtype_of(x), self._read(x)
        if after == before or torch.bool not in (before, after):
            if before.is_floating_point and not after.is_floating_point:
                raise UnsupportedError("numbers that become whole ones")
            return number
        if after == torch.bool:
            return self.do(_prims.ne.default, number, self._constant(0.0))
        return self.do(_prims.where.default, number, self._constant(1.0), self._constant(0.0))

    def _constant(self, value: float) -> int:
        return self._everywhere(self.lowering.constants.place(value))
