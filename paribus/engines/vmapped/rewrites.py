"""Rewriting of a recorded graph into one with the same results and less work."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Graph, Node

_aten = torch.ops.aten
_VIEWS = (_aten.view.default, _aten._unsafe_view.default, _aten.expand.default)
_POOLS = (_aten.max_pool2d_with_indices_backward.default, _aten.avg_pool2d_backward.default)
LAST = torch.channels_last


def tidy(graph: Graph) -> None:
    """Leave out what changes nothing, let one operation do what two do, and keep images in one layout.

    Args:
        graph: of operations that note shape and layout of their results; changed in place.
    """
    for node in [*graph.nodes]:
        source = _source(node)
        if source is not None and _idle(node, source):
            node.replace_all_uses_with(source)
    graph.eliminate_dead_code()
    for node in [*graph.nodes]:
        if node.target is _aten.add.Tensor and not node.kwargs:
            _fuse(graph, node)
        elif node.target is _aten.transpose.int:
            _transpose_factors(graph, node)
        elif node.target in _POOLS:
            _keep_last(graph, node)
    graph.eliminate_dead_code()


def _source(node: Node) -> Node | None:
    return node.args[0] if node.args and isinstance(node.args[0], Node) else None


def _idle(node: Node, source: Node) -> bool:
    """Return whether a node equals its source."""
    if node.target in _VIEWS:
        return bool(_layout(node) == _layout(source))
    return node.target is _aten.mul.Scalar and bool(node.args[1] == 1)


def _layout(node: Node) -> Any:
    meta = node.meta.get("tensor_meta")
    return None if meta is None else (meta.shape, meta.stride)


def _fuse(graph: Graph, node: Node) -> None:
    """Replace ``bias + bmm(a, b)`` by ``baddbmm(bias, a, b)``."""
    terms: tuple[Any, ...] = node.args
    for bias, product in (terms, terms[::-1]):
        matches = isinstance(product, Node) and product.target is _aten.bmm.default
        if matches and isinstance(bias, Node) and len(product.users) == 1:
            with graph.inserting_before(node):
                fused = graph.call_function(_aten.baddbmm.default, (bias, *product.args))
            fused.meta = dict(node.meta)
            node.replace_all_uses_with(fused)
            return


def _transpose_factors(graph: Graph, node: Node) -> None:
    """Replace ``transpose(bmm(a, b))`` by ``bmm(transpose(b), transpose(a))``, which is in order without a copy.

    So the gradient of a layer's weights comes in the layout of the weights.
    """
    product = _source(node)
    if product is None or product.target is not _aten.bmm.default or len(product.users) > 1:
        return
    if not _swaps_last(node):
        return
    first, second = product.args
    with graph.inserting_before(node):
        factors = (_swapped(graph, second), _swapped(graph, first))
        swapped = graph.call_function(_aten.bmm.default, factors)
    node.replace_all_uses_with(swapped)
    for user in [*swapped.users]:
        if user.target is _aten.clone.default:
            user.replace_all_uses_with(swapped)


def _swaps_last(node: Node) -> bool:
    """Return whether a transposition of three dimensions is one of the last two."""
    return {dim % 3 for dim in node.args[1:] if isinstance(dim, int)} == {1, 2}


def _swapped(graph: Graph, factor: Any) -> Node:
    """Return a factor with its last two dimensions swapped; one that was swapped, as it was before."""
    before = _source(factor)
    if factor.target is _aten.transpose.int and before is not None and _swaps_last(factor):
        return before
    return graph.call_function(_aten.transpose.int, (factor, 1, 2))


def _keep_last(graph: Graph, node: Node) -> None:
    """Lay a gradient as the images are that were pooled; torch else copies the images' own gradient, there and back."""
    gradient, images = node.args[:2]
    if not (isinstance(gradient, Node) and isinstance(images, Node)):
        return
    if _is_last(images) and not _is_last(gradient):
        with graph.inserting_before(node):
            laid = graph.call_function(_aten.clone.default, (gradient,), {"memory_format": LAST})
        node.update_arg(0, laid)


def _is_last(node: Node) -> bool:
    """Return whether a node is known to be images in the channels-last layout."""
    shape, strides = _layout(node) or ((), ())
    if len(shape) != 4:
        return False
    return bool(strides == torch.empty(shape, memory_format=LAST, device="meta").stride())
