"""Recorded primitive operations as C++ loops over vectors of replicates.

Operations number by number that run over the same shape become one loop, and what no other reads stays in registers.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch.fx import GraphModule, Node

from paribus.engines.simd.operations import (
    EMPTY,
    POINTWISE,
    REDUCTIONS,
    UNIFORM,
    UnsupportedError,
    Value,
    args_of,
    arithmetic,
    check,
    converted,
    dtype_of,
    first_of,
    head,
    indices,
    is_view,
    layout_of,
    like,
    number,
    product,
    scalar,
    shape_of,
)

# A constant of a network's own is written into the source.
MOST_CONSTANT = 4096

_aten, _prims = torch.ops.aten, torch.ops.prims


class Lowered(NamedTuple):
    """Step in C++.

    Attributes:
        source: of the step. It reads ``in0``, ``in1`` … and ``memory``, pointers to vectors, and changes in place what
            the first outputs replace.
        loss: the vector of the last output.
        memory: vectors that it needs besides its inputs.
    """

    source: str
    loss: str
    memory: int


def lower(graph: GraphModule, dtype: torch.dtype, changed: Sequence[int]) -> Lowered:
    """Return the source of a recorded step.

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
        self.ordinal = {n: i for i, n in enumerate(self.nodes)}
        self.uniform: dict[Node, Any] = {}
        self.origin: dict[Node, Node] = {}  # node whose memory a view shares
        self.slot: dict[Node, int] = {}
        self.values: dict[Node, Value] = {}
        self.declared: list[str] = []
        self.allocations: list[Allocation] = []
        self.memory = 0

    def lowered(self) -> Lowered:
        for node in self.nodes:
            self._place(node)
        for node in reversed(self.nodes):
            self._delay(node)
        results = (*self.replaces, self.loss)
        if any(out in self.uniform or self.origin[out] in self.inputs for out in results):
            raise UnsupportedError("a result that is constant, or lies in the memory of another")
        self.readers = self._readers()
        lines: list[str] = []
        for slot in sorted(set(self.slot.values())):
            lines += self._slot([n for n in self.nodes if self.slot.get(n) == slot])
        for out, into in self.replaces.items():
            if self.values[out].memory != self.values[into].memory:
                lines += self._copied(out, self.values[into])
        return Lowered("\n".join([*self.declared, *lines]), self._read(self.loss, ()), self.memory)

    # Schedule

    def _place(self, node: Node) -> None:
        """Give a node its slot, the first in which it can be computed."""
        check(node, self.dtype)
        self.origin[node] = node
        if node.op == "placeholder":
            self.values[node] = Value(f"in{self.inputs.index(node)}", like(node))
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

    def _in_loop(self, source: Node, node: Node) -> bool:
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
        name, size = f"m{self.ordinal[node]}", laid.numel()
        self.declared.append(
            f"Vec* const {name} = memory + {self._allocate(size, self.slot[node])};"
        )
        results = (self.origin[out] for out in (*self.outputs, self.loss))
        last = max((self.slot[r] for r in self.readers[node]), default=self.slot[node])
        self.allocations[-1] = self.allocations[-1]._replace(
            until=math.inf if node in results else last
        )
        self.values[node] = Value(name, laid)

    def _allocate(self, size: int, slot: int) -> int:
        """Return the lowest place where so many vectors are free from a slot on."""
        taken = sorted((r.start, r.start + r.size) for r in self.allocations if r.until >= slot)
        start = 0
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
        name = f"c{self.ordinal[node]}"
        written = ", ".join(map(scalar, tensor.flatten().tolist()))
        self.declared.append(f"static const T {name}[] = {{{written}}};")
        return Value(name, torch.empty_strided(tensor.shape, tensor.stride(), device="meta"), True)

    def _value(self, node: Node) -> Value:
        """Return where a node's numbers are, through views."""
        if node not in self.values:
            if not is_view(node):
                raise UnsupportedError(f"{node.target} is read before it is written")
            source = self._value(first_of(node))
            try:
                looked: Any = node.target
                laid = looked(source.like, *args_of(node)[1:], **node.kwargs)
            except RuntimeError as error:
                raise UnsupportedError(f"{node.target} of a layout: {error}") from error
            self.values[node] = source._replace(like=laid)
        return self.values[node]

    def _read(self, node: Any, index: Sequence[str]) -> str:
        if not isinstance(node, Node):
            return number(node)
        if node in self.uniform:
            value = self.uniform[node]
            return number(bool(value) if dtype_of(node) == torch.bool else value)
        return self._value(node).at(index)

    # Code

    def _loop(
        self, shape: Sequence[int], body: Callable[[Sequence[str]], Sequence[str]]
    ) -> list[str]:
        """Return the loops over all indices of a shape."""
        index = indices(shape)
        heads = [head(i, n) for i, n in zip(index, shape, strict=True) if n > 1]
        return [" ".join([*heads, "{"]), *body(index), "}"]

    def _slot(self, nodes: Sequence[Node]) -> Iterator[str]:
        loops: dict[tuple[int, ...], list[Node]] = defaultdict(list)
        for node in nodes:
            if node.target in POINTWISE:
                loops[shape_of(node)].append(node)
            else:
                yield from self._whole(node)
        for shape, together in loops.items():
            for node in together:
                outside = [r for r in node.users if not self._in_loop(node, r)]
                if outside or node in self.outputs or node is self.loss:
                    self._store(node)
            yield from self._loop(shape, partial(self._pointwise, together))

    def _pointwise(self, nodes: Sequence[Node], index: Sequence[str]) -> list[str]:
        found = [f"const Vec v{self.ordinal[n]} = {self._expression(n, index)};" for n in nodes]
        stored = [n for n in nodes if n in self.values]
        return found + [f"{self.values[n].at(index)} = v{self.ordinal[n]};" for n in stored]

    def _expression(self, node: Node, index: Sequence[str]) -> str:
        def read(x: Any) -> str:
            if isinstance(x, Node) and x not in self.uniform and self._in_loop(x, node):
                return f"v{self.ordinal[x]}"
            return self._read(x, index)

        if node.target is _prims.iota.default:
            start, step = node.kwargs["start"], node.kwargs["step"]
            return f"Vec(T({start} + {step} * {index[0]}))"
        if node.target is _prims.convert_element_type.default:
            return converted(node, read(args_of(node)[0]))
        return arithmetic(node, [*map(read, args_of(node))])

    def _copied(self, source: Node, to: Value) -> list[str]:
        return self._loop(shape_of(source), lambda i: [f"{to.at(i)} = {self._read(source, i)};"])

    def _whole(self, node: Node) -> list[str]:
        """Emit an operation that is not elementwise."""
        forms = {
            **dict.fromkeys((*REDUCTIONS, _prims.var.default), self._reduction),
            _aten.mm.default: self._product,
            _aten.bmm.default: self._products,
            _prims.cat.default: self._cat,
            _aten.gather.default: self._gather,
            _aten.scatter.value: self._scatter,
            _aten.slice_backward.default: self._unsliced,
        }
        if node.target not in forms:
            raise UnsupportedError(f"{node.target}")
        self._store(node)
        return forms[node.target](node, self.values[node])

    def _product(self, node: Node, out: Value) -> list[str]:
        a, b = map(self._value, args_of(node))
        return [product(a, b, out)]

    def _products(self, node: Node, out: Value) -> list[str]:
        values = (*map(self._value, args_of(node)), out)
        each = range(shape_of(node)[0])
        return [product(*(x._replace(like=x.like[i]) for x in values)) for i in each]

    def _reduction(self, node: Node, out: Value) -> list[str]:
        operation: Any = node.target
        source, shape = args_of(node)[0], shape_of(args_of(node)[0])
        dims = [d % len(shape) for d in args_of(node)[1]]
        index = indices(shape)
        over = [d for d in dims if shape[d] > 1]
        left = [d for d in range(len(shape)) if d not in dims and shape[d] > 1]
        x = self._read(source, index)
        to = out.at([index[d] for d in range(len(shape)) if d not in dims])
        inner = " ".join(head(index[d], shape[d]) for d in over)
        if node.target is _prims.var.default:
            count = math.prod(shape[d] for d in dims)
            given = args_of(node)[2:] or [node.kwargs.get("correction", 1.0)]
            correction = float(given[0])
            body = [
                "Vec s = Vec(T(0)), q = Vec(T(0));",
                f"{inner} s = s + {x};",
                f"s = s / {number(float(count))};",
                f"{inner} {{ const Vec d = {x} - s; q = at::vec::fmadd(d, d, q); }}",
                f"{to} = q / {number(count - correction)};",
            ]
        else:
            start, add = REDUCTIONS[operation]
            body = [f"Vec s = Vec({start});", f"{inner} s = {add.format('s', x)};", f"{to} = s;"]
        return [" ".join([*(head(index[d], shape[d]) for d in left), "{"]), *body, "}"]

    def _cat(self, node: Node, out: Value) -> list[str]:
        parts, *dims = args_of(node)
        lines: list[str] = []
        at, dim = 0, dims[0] if dims else 0
        for part in parts:
            length = shape_of(part)[dim]
            lines += self._copied(part, out._replace(like=out.like.narrow(dim, at, length)))
            at += length
        return lines

    def _unsliced(self, node: Node, out: Value) -> list[str]:
        """Emit a slice in a tensor of zeros."""
        part, _, dim, *bounds = args_of(node)
        into = out._replace(like=_aten.slice.Tensor(out.like, dim, *bounds))
        zeros = self._loop(shape_of(node), lambda i: [f"{out.at(i)} = {number(0.0)};"])
        return zeros + self._copied(part, into)

    def _gather(self, node: Node, out: Value) -> list[str]:
        source, dim, which = args_of(node)[:3]
        value, dim = self._value(source), dim % len(shape_of(source))
        if value.plain:
            raise UnsupportedError("entries of a constant")

        stride, length = value.like.stride(dim), shape_of(source)[dim]

        def body(index: Sequence[str]) -> list[str]:
            place = f"{value.memory} + {value.place(index, without=dim)}"
            chosen = self._read(which, index)
            return [f"{out.at(index)} = picked({place}, {stride}, {length}, {chosen});"]

        return self._loop(shape_of(node), body)

    def _scatter(self, node: Node, out: Value) -> list[str]:
        source, dim, which, value = args_of(node)
        dim %= len(shape_of(node))
        stride, length = out.like.stride(dim), shape_of(node)[dim]

        def body(index: Sequence[str]) -> list[str]:
            place = f"{out.memory} + {out.place(index, without=dim)}"
            chosen = self._read(which, index)
            return [f"put({place}, {stride}, {length}, {chosen}, {scalar(value)});"]

        return self._copied(source, out) + self._loop(shape_of(which), body)
