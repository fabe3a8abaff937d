"""C++ of recorded operations, and the addresses of their numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.fx import Node

_aten, _prims = torch.ops.aten, torch.ops.prims
INFINITY = "std::numeric_limits<T>::infinity()"


class UnsupportedError(Exception):
    """Operation without a SIMD form; the message names it."""


def _between(sign: str) -> Callable[..., str]:
    return lambda a, b: f"({a} {sign} {b})"


def _method(name: str) -> Callable[..., str]:
    return lambda a: f"({a}).{name}()"


def _function(name: str) -> Callable[..., str]:
    return lambda a: f"({a}).map([](T x) -> T {{ return std::{name}(x); }})"


def _power(a: str, b: str) -> str:
    return f"({a} * {a})" if b == number(2.0) else f"({a}).pow({b})"


def number(value: Any) -> str:
    """Return a constant as a vector."""
    return f"truth({str(value).lower()})" if isinstance(value, bool) else f"Vec({scalar(value)})"


def scalar(value: float) -> str:
    """Return a constant."""
    if math.isnan(value):
        return "std::numeric_limits<T>::quiet_NaN()"
    if math.isinf(value):
        return f"{'-' if value < 0 else ''}{INFINITY}"
    return f"T({float(value)!r})"


METHODS = (
    *("abs", "erf", "exp", "expm1", "log", "log1p", "neg", "reciprocal"),
    *("rsqrt", "sqrt", "tanh"),
)
# Computed lane by lane: their vector versions depend on the largest of all lanes.
FUNCTIONS = ("cos", "sin")
SIGNS = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "bitwise_and": "&",
    "bitwise_or": "|",
    "gt": ">",
    "ge": ">=",
    "lt": "<",
    "le": "<=",
    "eq": "==",
    "ne": "!=",
}
ARITHMETIC: Mapping[Any, Callable[..., str]] = {
    **{getattr(_prims, name).default: _method(name) for name in METHODS},
    **{getattr(_prims, name).default: _function(name) for name in FUNCTIONS},
    **{getattr(_prims, name).default: _between(sign) for name, sign in SIGNS.items()},
    _prims.sign.default: lambda a: (
        f"(chosen({a} > {number(0.0)}, {number(1.0)}, {number(0.0)})"
        f" - chosen({a} < {number(0.0)}, {number(1.0)}, {number(0.0)}))"
    ),
    _prims.bitwise_not.default: lambda a: f"chosen({a}, truth(false), truth(true))",
    _prims.maximum.default: lambda a, b: f"at::vec::maximum({a}, {b})",
    _prims.minimum.default: lambda a, b: f"at::vec::minimum({a}, {b})",
    _prims.pow.default: _power,
    _prims.where.default: lambda c, a, b: f"chosen({c}, {a}, {b})",
    _prims.clone.default: lambda a: a,
}
POINTWISE = {*ARITHMETIC, _prims.convert_element_type.default, _prims.iota.default}
# Of integers, which SIMD registers hold in the network's dtype.
WHOLE = {
    *(
        getattr(_prims, n).default
        for n in ("add", "sub", "mul", "neg", "sum", "where", "clone", "iota")
    ),
    _prims.convert_element_type.default,
    _aten.scatter.value,
}
# Of shorter ones, too, which other operations would have to wrap.
MOVED = {_prims.clone.default, _prims.where.default}
BITWISE = {getattr(_prims, n).default for n in ("bitwise_and", "bitwise_or", "bitwise_not")}
# Truth values are masks, all bits of a number set or none: few operations may read them, and two mean something else.
OF_TRUTHS = {
    *BITWISE,
    *(getattr(_prims, n).default for n in ("add", "mul", "where", "clone", "cat")),
    _prims.convert_element_type.default,
}
AS_BITS = {
    _prims.add.default: _prims.bitwise_or.default,
    _prims.mul.default: _prims.bitwise_and.default,
}
UNIFORM = {
    _aten.full_like.default: 1,
    _aten.full.default: 1,
    _aten.scalar_tensor.default: 0,
    _prims.scalar_tensor.default: 0,
}
EMPTY = {
    _prims.empty_strided.default,
    _prims.empty_permuted.default,
    _aten.empty_permuted.default,
    _aten.empty.memory_format,
}
REDUCTIONS = {
    _prims.sum.default: ("T(0)", "{} + {}"),
    _prims.prod.default: ("T(1)", "{} * {}"),
    _prims.amax.default: (f"-{INFINITY}", "at::vec::maximum({}, {})"),
    _prims.amin.default: (INFINITY, "at::vec::minimum({}, {})"),
}
INDEX = "ijkabc"


class Value(NamedTuple):
    """Place of numbers in memory.

    Attributes:
        memory: name of a pointer.
        like: a tensor that holds nothing, laid out there as these numbers are.
        plain: whether the pointer is to numbers that all replicates share, instead of vectors.
    """

    memory: str
    like: Tensor
    plain: bool = False

    def place(self, index: Sequence[str], without: int | None = None) -> str:
        """Return the offset of an index; dimensions of one entry count once, and one may be left out."""
        shape, strides = self.like.shape, self.like.stride()
        index = index[len(index) - len(shape) :]
        terms = [
            f"{i} * {strides[d]}"
            for d, i in enumerate(index)
            if d != without and shape[d] > 1 and strides[d]
        ]
        return " + ".join([str(self.like.storage_offset()), *terms])

    def at(self, index: Sequence[str]) -> str:
        """Return the vector of an index."""
        found = f"{self.memory}[{self.place(index)}]"
        return f"Vec({found})" if self.plain else found


def indices(shape: Sequence[int]) -> list[str]:
    """Return the loop variables of a shape's dimensions, zero for one of size one."""
    return [INDEX[d] if n > 1 else "0" for d, n in enumerate(shape)]


def head(index: str, length: int) -> str:
    """Return a loop's head."""
    return f"for (int {index} = 0; {index} < {length}; ++{index})"


def product(a: Value, b: Value, out: Value) -> str:
    """Return a matrix product, all shapes and strides known to the compiler."""
    if a.plain or b.plain:
        raise UnsupportedError("a product with a constant")
    (m, k), n = a.like.shape, b.like.shape[1]
    strides = [s for x in (a, b, out) for s in x.like.stride()]
    template = ", ".join(map(str, [m, n, k, *strides]))
    where = ", ".join(f"{x.memory} + {x.like.storage_offset()}" for x in (a, b, out))
    return f"product<{template}>({where});"


def arithmetic(node: Node, parts: Sequence[str]) -> str:
    """Return an elementwise operation."""
    operation: Any = node.target
    if dtype_of(node) == torch.bool:
        operation = AS_BITS.get(operation, operation)
    return ARITHMETIC[operation](*parts)


def converted(node: Node, x: str) -> str:
    """Return a number in another type, where SIMD registers hold both."""
    before, after = dtype_of(args_of(node)[0]), args_of(node)[1]
    if before == torch.bool:
        return x if after == torch.bool else f"chosen({x}, {number(1.0)}, {number(0.0)})"
    if after == torch.bool:
        return f"({x} != {number(0.0)})"
    if before.is_floating_point and not after.is_floating_point:
        raise UnsupportedError("numbers that become whole ones")
    return x


def check(node: Node, dtype: torch.dtype) -> None:
    """Refuse dtypes that SIMD registers do not hold."""
    if node.op == "get_attr" or node.target in EMPTY:
        return
    if "tensor_meta" not in node.meta or not hasattr(node.meta["tensor_meta"], "dtype"):
        raise UnsupportedError(f"{node.target}")
    found = dtype_of(node)
    if not all(shape_of(node)):
        raise UnsupportedError(f"{node.target} of no numbers")
    if found.is_floating_point and found != dtype:
        raise UnsupportedError(f"numbers of {found} among {dtype}")
    if node.op == "placeholder" and found == torch.bool:
        raise UnsupportedError("truth values among the data")
    truths = any(dtype_of(n) == torch.bool for n in node.all_input_nodes if "tensor_meta" in n.meta)
    known = node.target in OF_TRUTHS or node.target in UNIFORM or is_view(node)
    if node.op == "call_function" and truths and not known:
        raise UnsupportedError(f"{node.target} of truth values")
    if node.target in BITWISE and found != torch.bool:
        raise UnsupportedError(f"{node.target} of whole numbers")
    whole = not found.is_floating_point and found != torch.bool
    wide = found in (torch.int64, torch.int32) or node.target in MOVED
    same = is_view(node) or node.target in UNIFORM or (wide and node.target in WHOLE)
    if node.op == "call_function" and whole and not same:
        raise UnsupportedError(f"{node.target} of whole numbers")


def is_view(node: Node) -> bool:
    """Return whether a node is a view of another's memory."""
    schema = getattr(node.target, "_schema", None)
    if schema is None or not schema.returns:
        return False
    alias = schema.returns[0].alias_info
    return alias is not None and not alias.is_write


def first_of(node: Node) -> Node:
    """Return the first of a node's arguments, which a view looks at."""
    source = args_of(node)[0]
    if not isinstance(source, Node):
        raise UnsupportedError(f"{node.target}")
    return source


def args_of(node: Node) -> Any:
    """Return a node's arguments, of whatever type the operation has."""
    return node.args


def shape_of(node: Any) -> tuple[int, ...]:
    """Return a node's shape when it was recorded."""
    return tuple(node.meta["tensor_meta"].shape)


def dtype_of(node: Any) -> torch.dtype:
    """Return a node's dtype when it was recorded."""
    found: torch.dtype = node.meta["tensor_meta"].dtype
    return found


def layout_of(node: Any) -> Any:
    """Return the shape, strides and type, as they were when recorded."""
    meta = node.meta["tensor_meta"]
    return meta.shape, meta.stride, meta.dtype


def like(node: Node) -> Tensor:
    """Return a tensor laid out as torch did, so that views of it are views here, too."""
    meta = node.meta["tensor_meta"]
    like = torch.empty_strided(meta.shape, meta.stride, device="meta")
    dense = like.untyped_storage().nbytes() == like.numel() * like.element_size()
    return like if dense else torch.empty(meta.shape, device="meta")
