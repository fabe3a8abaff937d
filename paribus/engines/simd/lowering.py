"""Recorded primitive operations as instructions on vectors of replicates (see `paribus.engines.simd.program`).

Operations number by number that run over the same shape become one instruction, and what no other reads is not stored.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch.fx import GraphModule, Node

from paribus.engines.simd import convolution, program
from paribus.engines.simd.convolution import Frame
from paribus.engines.simd.loops import Loop
from paribus.engines.simd.operations import (
    EMPTY,
    NUMBERS,
    OF_IMAGES,
    POINTWISE,
    REDUCTIONS,
    SPREAD,
    UNIFORM,
    UNPOOLED,
    UnsupportedError,
    Value,
    args_of,
    check,
    dtype_of,
    first_of,
    is_view,
    layout_of,
    like,
    shape_of,
)
from paribus.engines.simd.program import Constants, Operand, Operation

# Vectors of a network's own constant, at most.
MOST_CONSTANT = 4096

_aten, _prims = torch.ops.aten, torch.ops.prims


class Lowered(NamedTuple):
    """Step as instructions.

    Attributes:
        code: of the step. It reads the inputs, one after the other from place 0 on, and changes in place what the first
            outputs replace.
        constants: that it reads, each with whether it is a truth value.
        loss: place of the last output.
        memory: vectors that it needs, inputs included.
        registers: of elementwise instructions, at most.
    """

    code: list[int]
    constants: list[tuple[float, bool]]
    loss: int
    memory: int
    registers: int


def lower(graph: GraphModule, dtype: torch.dtype, changed: Sequence[int]) -> Lowered:
    """Return the instructions of a recorded step.

    Args:
        graph: of `paribus.engines.simd.trace_step.record_step`.
        dtype: of its numbers.
        changed: which input each output but the last replaces.

    Raises:
        UnsupportedError: an operation has no form here.
    """
    return _Lowering(graph, dtype, changed).lowered()


class Layout(NamedTuple):
    """Shape and dtype of a tensor that recording did not note."""

    shape: torch.Size
    stride: tuple[int, ...]
    dtype: torch.dtype


class Allocation(NamedTuple):
    """Vectors ``start`` to ``start + size`` of the memory, which are read in a slot for the last time."""

    start: int
    size: int
    until: float


class _Lowering:
    """Lowering of one step.

    Each node that is computed has a slot: those of a slot need only what earlier slots computed, but for loops number
    by number, which all that have one shape share.
    """

    def __init__(self, graph: GraphModule, dtype: torch.dtype, changed: Sequence[int]) -> None:
        self.graph, self.dtype = graph, dtype
        self.nodes = [n for n in graph.graph.nodes if n.op != "output"]
        self.inputs = [n for n in self.nodes if n.op == "placeholder"]
        found: list[Node] = [*args_of(graph.graph.output_node())[0]]
        *self.outputs, self.loss = found
        if len({*found}) < len(found):
            raise UnsupportedError("one result in two places")
        into = [self.inputs[k] for k in changed]
        self.replaces = {o: i for o, i in zip(self.outputs, into, strict=True) if o is not i}
        self.uniform: dict[Node, Any] = {}
        self.origin: dict[Node, Node] = {}  # node whose memory a view shares
        self.slot: dict[Node, int] = {}
        self.values: dict[Node, Value] = {}
        self.constants = Constants()
        self.allocations: list[Allocation] = []
        self.code: list[int] = []
        self.registers = 1
        sizes = [math.prod(shape_of(n)) for n in self.inputs]
        self.places = [sum(sizes[:i]) for i in range(len(sizes))]
        self.first = self.memory = sum(sizes)

    def lowered(self) -> Lowered:
        for node in self.nodes:
            self._place(node)
        for node in reversed(self.nodes):
            self._delay(node)
        results = (*self.replaces, self.loss)
        if any(out in self.uniform or self.origin[out] in self.inputs for out in results):
            raise UnsupportedError("a result that is constant, or lies in the memory of another")
        self.readers = self._readers()
        for slot in sorted(set(self.slot.values())):
            self._slot([n for n in self.nodes if self.slot.get(n) == slot])
        for out, into in self.replaces.items():
            if self.values[out].place != self.values[into].place:
                self._copy(self.value(out), self.values[into])
        loss = self.value(self.loss).first
        return Lowered(self.code, self.constants.values, loss, self.memory, self.registers)

    # Schedule

    def _place(self, node: Node) -> None:
        """Give a node its slot, the first in which it can be computed."""
        check(node, self.dtype)
        self.origin[node] = node
        if node.op == "placeholder":
            self.values[node] = Value(self.places[self.inputs.index(node)], like(node))
        elif node.op == "get_attr":
            self.values[node] = self._constant(node)
        elif node.target in EMPTY:
            return
        elif node.target in UNIFORM:
            self.uniform[node] = args_of(node)[UNIFORM[node.target]]
        elif is_view(node):
            source = first_of(node)
            if source in self.uniform:
                self.uniform[node] = self.uniform[source]
            self.origin[node] = self.origin[source]
        else:
            self.slot[node] = max((self._ready(s, node) for s in self._sources(node)), default=0)

    def _sources(self, node: Node) -> list[Node]:
        return [n for n in node.all_input_nodes if n not in self.uniform]

    def _ready(self, source: Node, node: Node) -> int:
        """Return the first slot in which a node can read a source."""
        if self._together(source, node):
            return self.slot[source]
        origin = self.origin[source]
        if origin.target in EMPTY:
            raise UnsupportedError("memory is read before it is written")
        return self.slot[origin] + 1 if origin in self.slot else 0

    def _together(self, source: Node, node: Node) -> bool:
        """Return whether two can be in one loop, the second reading the first's number."""
        return (
            source.target in POINTWISE
            and node.target in POINTWISE
            and shape_of(source) == shape_of(node)
        )

    def _delay(self, node: Node) -> None:
        """Compute it in the loop that reads it, if there is one alone: it need not be stored then."""
        users = [*node.users]
        read = node in self.outputs or node is self.loss or not users
        if not read and all(self._together(node, user) for user in users):
            self.slot[node] = min(self.slot[user] for user in users)

    def _readers(self) -> dict[Node, list[Node]]:
        """Return the nodes that read a node's memory, directly or through views."""
        readers: dict[Node, list[Node]] = defaultdict(list)
        for node in self.slot:
            for source in self._sources(node):
                readers[self.origin[source]].append(node)
        return readers

    def in_loop(self, source: Node, node: Node) -> bool:
        """Return whether a node finds a source in its own loop."""
        return self._together(source, node) and self.slot[source] == self.slot[node]

    # Memory

    def _store(self, node: Node) -> None:
        """Give a node memory: what it replaces, if all others have read that, or some of its own."""
        into = self.replaces.get(node)
        if into is not None and self._is_free(into, node):
            self.values[node] = self.values[into]
            return
        laid = like(node)
        place = self._allocate(laid.numel(), self.slot[node])
        results = (self.origin[out] for out in (*self.outputs, self.loss))
        last = max((self.slot[r] for r in self.readers[node]), default=self.slot[node])
        self.allocations[-1] = self.allocations[-1]._replace(
            until=math.inf if node in results else last
        )
        self.values[node] = Value(place, laid)

    def _allocate(self, size: int, slot: int) -> int:
        """Return the lowest place where so many vectors are free from a slot on."""
        taken = sorted((r.start, r.start + r.size) for r in self.allocations if r.until >= slot)
        start = self.first
        for begin, end in taken:
            if start + size <= begin:
                break
            start = max(start, end)
        self.allocations.append(Allocation(start, size, slot))
        self.memory = max(self.memory, start + size)
        return start

    def _is_free(self, into: Node, node: Node) -> bool:
        """Return whether a node can be written over what it replaces."""
        read = all(self._is_read_before(into, node, reader) for reader in self.readers[into])
        return read and layout_of(into) == layout_of(node)

    def _is_read_before(self, into: Node, node: Node, reader: Node) -> bool:
        """Return whether a reader has read what a node replaces before that is written."""
        if self.slot[reader] < self.slot[node]:
            return True
        same_loop = (
            self.slot[reader] == self.slot[node]
            and node.target in POINTWISE
            and reader.target in POINTWISE
            and shape_of(reader) == shape_of(node) == shape_of(into)
        )
        return same_loop and all(s is into for s in self._sources(reader) if self.origin[s] is into)

    def _constant(self, node: Node) -> Value:
        tensor = getattr(self.graph, str(node.target)).detach().cpu().contiguous()
        if tensor.numel() > MOST_CONSTANT or tensor.dtype == torch.bool:
            raise UnsupportedError(f"a constant of shape {tuple(tensor.shape)} and {tensor.dtype}")
        node.meta["tensor_meta"] = Layout(tensor.shape, tensor.stride(), tensor.dtype)
        place = self.constants.array([float(x) for x in tensor.flatten().tolist()])
        return Value(place, torch.empty_strided(tensor.shape, tensor.stride(), device="meta"))

    def value(self, node: Node) -> Value:
        """Return where a node's numbers are, through views."""
        if node not in self.values:
            if not is_view(node):
                raise UnsupportedError(f"{node.target} is read before it is written")
            source = self.value(first_of(node))
            try:
                looked: Any = node.target
                laid = looked(source.like, *args_of(node)[1:], **node.kwargs)
            except RuntimeError as error:
                raise UnsupportedError(f"{node.target} of a layout: {error}") from error
            self.values[node] = source._replace(like=laid)
        return self.values[node]

    def uniform_place(self, node: Any) -> int | None:
        """Return the place of the one number that an argument is everywhere, or None where it is not."""
        if not isinstance(node, Node):
            return self.constants.place(node)
        if node not in self.uniform:
            return None
        value = self.uniform[node]
        return self.constants.place(bool(value) if dtype_of(node) == torch.bool else value)

    def _everywhere(self, place: int, node: Node) -> Value:
        """Return one vector as a value of a node's shape."""
        return Value(place, torch.empty((), device="meta").expand(shape_of(node)))

    def _source(self, node: Node) -> Value:
        """Return where a node's numbers are, uniform ones too."""
        place = self.uniform_place(node)
        return self.value(node) if place is None else self._everywhere(place, node)

    # Instructions

    def _slot(self, nodes: Sequence[Node]) -> None:
        loops: dict[tuple[int, ...], list[Node]] = defaultdict(list)
        for node in nodes:
            if node.target in POINTWISE:
                loops[shape_of(node)].append(node)
            else:
                self._whole(node)
        for shape, together in loops.items():
            for node in together:
                outside = [r for r in node.users if not self.in_loop(node, r)]
                if outside or node in self.outputs or node is self.loss:
                    self._store(node)
            self._elementwise(together, shape)

    def _elementwise(self, nodes: Sequence[Node], shape: tuple[int, ...]) -> None:
        """Add the operations that share a loop."""
        loop = Loop(self, shape)
        for node in nodes:
            loop.add(node)
        stores: list[tuple[int, Operand]] = []
        for node in nodes:
            if node in self.values:
                made = loop.found[node]
                if made >= 0 or -1 - made in [number for number, _ in stores]:
                    made = loop.do(_prims.clone.default, made)
                stores.append((-1 - made, Operand.of(self.values[node], len(shape))))
        self._add_elementwise(shape, [*loop.loads], loop.operations, stores)

    def _add_elementwise(
        self,
        shape: Sequence[int],
        loads: Sequence[Operand],
        operations: Sequence[Operation],
        stores: Sequence[tuple[int, Operand]],
    ) -> None:
        code, registers = program.elementwise(shape, loads, operations, stores)
        self.code += code
        self.registers = max(self.registers, registers)

    def _copy(self, source: Value, to: Value) -> None:
        """Add that a value is copied to another place."""
        dims = to.like.dim()
        clone = Operation(NUMBERS[_prims.clone.default], (0,))
        stores = [(0, Operand.of(to, dims))]
        self._add_elementwise(to.like.shape, [Operand.of(source, dims)], [clone], stores)

    def _whole(self, node: Node) -> None:
        """Add an operation that is not elementwise."""
        forms = {
            **dict.fromkeys(REDUCTIONS, self._reduction),
            _aten.mm.default: self._product,
            _aten.bmm.default: self._products,
            _prims.cat.default: self._cat,
            _aten.gather.default: self._gather,
            _aten.scatter.value: self._scatter,
            _aten.slice_backward.default: self._unsliced,
            **dict.fromkeys(OF_IMAGES, self._of_images),
        }
        if node.target not in forms:
            raise UnsupportedError(f"{node.target}")
        self._store(node)
        forms[node.target](node, self.values[node])

    def _product(self, node: Node, out: Value) -> None:
        a, b = map(self._source, args_of(node))
        self.code += program.product(a, b, out)

    def _products(self, node: Node, out: Value) -> None:
        values = (*map(self._source, args_of(node)), out)
        for i in range(shape_of(node)[0]):
            self.code += program.product(*(x._replace(like=x.like[i]) for x in values))

    def _reduction(self, node: Node, out: Value) -> None:
        source = self._source(args_of(node)[0])
        operation: Any = node.target
        shape = source.like.shape
        over = sorted(d % len(shape) for d in args_of(node)[1])
        kept = [d for d in range(len(shape)) if d not in over]
        count = math.prod(shape[d] for d in over)
        given = args_of(node)[2:] or [node.kwargs.get("correction", 1.0)]
        variance = node.target is _prims.var.default
        divisor = count - float(given[0]) if variance else 1.0
        places = (self.constants.place(float(count)), self.constants.place(divisor))
        self.code += program.reduction(REDUCTIONS.index(operation), places, source, out, over, kept)

    def _cat(self, node: Node, out: Value) -> None:
        parts, *dims = args_of(node)
        at, dim = 0, dims[0] if dims else 0
        for part in parts:
            length = shape_of(part)[dim]
            self._copy(self._source(part), out._replace(like=out.like.narrow(dim, at, length)))
            at += length

    def _of_images(self, node: Node, out: Value) -> None:
        """Add a pass of a convolution or of a pool."""
        if node.target in (UNPOOLED, SPREAD):  # windows may overlap, and their gradients add up
            self._copy(self._everywhere(self.constants.place(0.0), node), out)
        self.code += convolution.instruction(node, out, self._source, self._framed)

    def _framed(self, frame: Frame) -> Frame:
        """Return a frame with a place of its own, zero from the start."""
        return frame._replace(place=self.constants.array([0.0] * frame.size))

    def _unsliced(self, node: Node, out: Value) -> None:
        """Add a slice in a tensor of zeros."""
        part, _, dim, *bounds = args_of(node)
        self._copy(self._everywhere(self.constants.place(0.0), node), out)
        into = out._replace(like=_aten.slice.Tensor(out.like, dim, *bounds))
        self._copy(self._source(part), into)

    def _gather(self, node: Node, out: Value) -> None:
        source, dim, which = args_of(node)[:3]
        dim %= len(shape_of(source))
        values = (self._source(which), self._source(source), out)
        self.code += program.gather(shape_of(node), *values, dim)

    def _scatter(self, node: Node, out: Value) -> None:
        source, dim, which, value = args_of(node)
        dim %= len(shape_of(node))
        self._copy(self._source(source), out)
        place = self.constants.place(float(value))
        self.code += program.scatter(shape_of(which), self._source(which), out, dim, place)
