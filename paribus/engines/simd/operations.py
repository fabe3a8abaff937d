"""Recorded operations that have a SIMD form, and the addresses of their numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.fx import Node

from paribus.engines.simd import arithmetic

_aten, _prims = torch.ops.aten, torch.ops.prims


MAX_DIMS = 8  # of the interpreter's loops


class UnsupportedError(Exception):
    """Operation without a SIMD form; the message names it."""


FUSED = arithmetic.FUSED
OPERATIONS = [
    FUSED if name == FUSED else getattr(_prims, name).default for name in arithmetic.EXPRESSIONS
]
"""Elementwise operations; the number of an operation is its place."""
NUMBERS = {operation: number for number, operation in enumerate(OPERATIONS)}
POINTWISE = {*NUMBERS.keys() - {FUSED}, _prims.convert_element_type.default, _prims.iota.default}
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
REDUCTIONS = [
    _prims.sum.default,
    _prims.prod.default,
    _prims.amax.default,
    _prims.amin.default,
    _prims.var.default,
]
"""Reductions over dimensions, in the order of the interpreter's."""


# What a node with several results is split into; each has the arguments of the whole.
def inputs_gradient(*_: Any) -> None:
    """Stand for the gradient of a convolution's inputs in a graph."""


def kernel_gradient(*_: Any) -> None:
    """Stand for the gradient of a convolution's kernel in a graph."""


def largest(*_: Any) -> None:
    """Stand for the largest numbers of the windows of a pool in a graph."""


def which_largest(*_: Any) -> None:
    """Stand for their places in the windows in a graph."""


CONVOLUTION = _aten.convolution.default
UNPOOLED = _aten.max_pool2d_with_indices_backward.default
AVERAGED = _aten.avg_pool2d.default
SPREAD = _aten.avg_pool2d_backward.default
OF_IMAGES: set[Any] = {
    CONVOLUTION,
    inputs_gradient,
    kernel_gradient,
    largest,
    which_largest,
    UNPOOLED,
    AVERAGED,
    SPREAD,
}


class Value(NamedTuple):
    """Where a node's vectors are.

    Attributes:
        place: of the first, among those of memory; negative ones are of constants.
        like: a tensor that holds nothing, laid out there as these vectors are.
    """

    place: int
    like: Tensor

    @property
    def first(self) -> int:
        """Place of the vector whose indices are zero."""
        return moved(self.place, int(self.like.storage_offset()))

    def strides(self, dims: int, without: int | None = None) -> list[int]:
        """Return the distance of neighbours along each of the last dimensions; zero where there is one entry alone."""
        own = [
            s if n > 1 and d != without else 0
            for d, (n, s) in enumerate(zip(self.like.shape, self.like.stride(), strict=True))
        ]
        return [0] * (dims - len(own)) + own[len(own) - dims :] if dims else []


def moved(place: int, by: int) -> int:
    """Return the place so many vectors on; those of constants are counted downwards from -1."""
    return place + by if place >= 0 else place - by


def check(node: Node, dtype: torch.dtype) -> None:
    """Refuse dtypes that SIMD registers do not hold."""
    if node.op == "get_attr" or node.target in EMPTY or node.target in OF_IMAGES:
        return
    if "tensor_meta" not in node.meta or not hasattr(node.meta["tensor_meta"], "dtype"):
        raise UnsupportedError(f"{node.target}")
    found = dtype_of(node)
    if len(shape_of(node)) > MAX_DIMS:
        raise UnsupportedError(f"{node.target} of {len(shape_of(node))} dimensions")
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
