"""Convolution and maximum pooling of images as instructions: products and choices by tables of places.

Each of the three passes of a convolution is, sample by sample, one product::

    c[i, j] = sum over t of a[rows[i] + at[t]] * b[columns[j] + bt[t]]

forward: of channels that come out and pixels, summed over channels that go in and the kernel's pixels; gradient of the
inputs: the same of the transposed, mirrored kernel on the outputs' gradient; gradient of the kernel: of channels that
come out and the kernel's entries, summed over pixels and samples. One factor is an image, laid into a frame of zeros
first, so that no pixel of the kernel falls outside.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from enum import IntEnum
from itertools import product
from typing import Any, NamedTuple, cast

import torch
from torch.fx import Graph, Node

from paribus.engines.simd.operations import (
    AVERAGED,
    CONVOLUTION,
    SPREAD,
    UNPOOLED,
    UnsupportedError,
    Value,
    args_of,
    inputs_gradient,
    kernel_gradient,
    largest,
    which_largest,
)
from paribus.engines.simd.program import Opcode, words

_aten, _prims = torch.ops.aten, torch.ops.prims
KEPT = {_aten.max_pool2d_with_indices.default, _aten.max_pool2d_with_indices_backward.default}
"""Operations that are not recorded as smaller ones."""


def split_results(graph: Graph) -> None:
    """Replace each node of several results by one node a result, in place."""
    parts: dict[Any, tuple[Callable[..., None], ...]] = {
        _aten.convolution_backward.default: (inputs_gradient, kernel_gradient),
        _aten.max_pool2d_with_indices.default: (largest, which_largest),
    }
    for node in [*graph.nodes]:
        for user in [*node.users] if node.target in parts else []:
            if user.target is not operator.getitem:
                raise UnsupportedError(f"{node.target} as a whole")
            which = args_of(user)[1]
            with graph.inserting_before(user):
                if which < len(parts[node.target]):
                    made = graph.call_function(parts[node.target][which], node.args)
                else:  # of a bias
                    made = graph.call_function(_prims.sum.default, (args_of(node)[0], [0, 2, 3]))
            made.meta = dict(user.meta)
            user.replace_all_uses_with(made)
            graph.erase_node(user)
        if node.target in parts:
            graph.erase_node(node)


def instruction(
    node: Node, out: Value, value: Callable[[Node], Value], framed: Callable[[Frame], Frame]
) -> list[int]:
    """Return the instruction of a pass of a convolution or of a pool.

    Args:
        node: one of `paribus.engines.simd.operations.OF_IMAGES`.
        out: where its numbers go.
        value: tells where a node's numbers are.
        framed: gives a frame its place.

    Raises:
        UnsupportedError: it is of a kind that has no form here.
    """
    arguments, operation = args_of(node), cast("Any", node.target)
    if operation is CONVOLUTION:
        image, kernel = map(value, arguments[:2])
        geometry = of_convolution(kernel, arguments[3:])
        bias = None if arguments[2] is None else value(arguments[2]).first
        return forward(image, kernel, bias, out, geometry, framed(frame_of(image, geometry)))
    if operation in (inputs_gradient, kernel_gradient):
        gradient, image, kernel = map(value, arguments[:3])
        geometry = of_convolution(kernel, arguments[4:])
        if operation is inputs_gradient:
            frame = framed(frame_of_gradient(gradient, image, geometry))
            return backward_inputs(gradient, kernel, out, geometry, frame)
        return backward_kernel(gradient, image, out, geometry, framed(frame_of(image, geometry)))
    first = value(arguments[0])
    if operation is UNPOOLED:
        return unpool(first, value(arguments[-1]), out, of_pool(arguments[2:-1]))
    if operation is SPREAD:
        return unpool(first, None, out, of_average(arguments[2:]))
    kinds = {AVERAGED: Pool.mean, largest: Pool.largest, which_largest: Pool.which}
    kind = kinds[operation]
    geometry = (of_average if kind is Pool.mean else of_pool)(arguments[1:])
    return pool(first, out, geometry, kind)


class Pool(IntEnum):
    """What is taken of a window, in the order of the interpreter's."""

    largest = 0
    which = 1
    mean = 2


class Geometry(NamedTuple):
    """Kernel, stride and padding of a convolution or pool, ``(height, width)`` each."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]


def of_convolution(kernel: Value, arguments: Sequence[Any]) -> Geometry:
    """Return the geometry of a convolution; ``arguments`` are those from its stride on.

    Raises:
        UnsupportedError: it is not one of images, or has groups or gaps.
    """
    stride, padding, dilation, transposed, _, groups = arguments[:6]
    if kernel.like.dim() != 4 or transposed or groups != 1 or any(d != 1 for d in dilation):
        raise UnsupportedError("a convolution of another kind than of images, with groups or gaps")
    height, width = kernel.like.shape[2:]
    return Geometry((height, width), _pair(stride), _pair(padding))


def of_pool(arguments: Sequence[Any]) -> Geometry:
    """Return the geometry of a pool; ``arguments`` are those from its kernel on.

    Raises:
        UnsupportedError: it has padding, gaps, or takes part of a window.
    """
    defaults: list[Any] = [None, [], 0, 1, False]
    kernel, stride, padding, dilation, ceil = [*arguments, *defaults[len(arguments) :]]
    geometry = Geometry(_pair(kernel), _pair(stride or kernel), _pair(padding))
    if any(geometry.padding) or _pair(dilation) != (1, 1) or ceil:
        raise UnsupportedError("a pool with padding, gaps or parts of windows")
    return geometry


def of_average(arguments: Sequence[Any]) -> Geometry:
    """Return the geometry of an average pool, as `of_pool`."""
    defaults: list[Any] = [None, [], 0, False, True, None]
    kernel, stride, padding, ceil, _, divisor = [*arguments, *defaults[len(arguments) :]]
    if divisor is not None:
        raise UnsupportedError("an average with a divisor of its own")
    return of_pool([kernel, stride, padding, 1, ceil])


def _pair(value: Any) -> tuple[int, int]:
    numbers = [value] if isinstance(value, int) else [*value]
    return (numbers[0], numbers[-1])


class Frame(NamedTuple):
    """Frame of zeros around the images of a sample, ``(channel, height, width)``, contiguous.

    Attributes:
        place: of the first vector, which it is given; nothing else is ever written there.
        shape: of all of it.
        first: row and column of the image's first pixel.
        step: between its pixels.
    """

    place: int
    shape: tuple[int, int, int]
    first: tuple[int, int]
    step: tuple[int, int]

    @property
    def size(self) -> int:
        """Count of vectors."""
        return self.shape[0] * self.shape[1] * self.shape[2]

    @property
    def strides(self) -> tuple[int, int, int]:
        """Distance of neighbours along each dimension."""
        return (self.shape[1] * self.shape[2], self.shape[2], 1)

    def filled(self, image: Value) -> list[int]:
        """Return what copies a sample: how many vectors, where they are in it, and where they go in the frame."""
        lengths = image.like.shape[1:]
        plane, row, _ = self.strides
        first = self.first[0] * row + self.first[1]
        to = _table((plane, self.step[0] * row, self.step[1]), lengths, first)
        return [len(to), *_table(image.like.stride()[1:], lengths), *to]


def _table(strides: Sequence[int], lengths: Sequence[int], first: int = 0) -> list[int]:
    """Return the distance of each index from a place.

    >>> _table((10, 1), (2, 3))
    [0, 1, 2, 10, 11, 12]
    """
    every = product(*map(range, lengths))
    return [first + sum(s * i for s, i in zip(strides, index, strict=True)) for index in every]


def frame_of(image: Value, geometry: Geometry) -> Frame:
    """Return the frame of the images that a convolution takes in."""
    _, channels, height, width = image.like.shape
    p, q = geometry.padding
    return Frame(0, (channels, height + 2 * p, width + 2 * q), (p, q), (1, 1))


def frame_of_gradient(gradient: Value, image: Value, geometry: Geometry) -> Frame:
    """Return the frame of the gradient of what comes out: its pixels a stride apart.

    Raises:
        UnsupportedError: the padding is wider than the kernel reaches.
    """
    (k, m), step, (p, q) = geometry
    if p >= k or q >= m:
        raise UnsupportedError("a convolution with more padding than its kernel reaches")
    height, width = image.like.shape[2:]
    shape = (gradient.like.shape[1], height + k - 1, width + m - 1)
    return Frame(0, shape, (k - 1 - p, m - 1 - q), step)


def forward(
    image: Value, kernel: Value, bias: int | None, out: Value, geometry: Geometry, frame: Frame
) -> list[int]:
    """Return a convolution; ``bias`` is the place of the first of its numbers, one a channel, if it has any."""
    own, (s, t) = kernel.like.stride(), geometry.stride
    plane, row, _ = frame.strides
    _, channels, *pixels = out.like.shape
    n, c, *steps = out.like.stride()
    return _product(
        image,
        frame,
        a=(kernel.first, 0, _table(own[:1], (channels,)), _table(own[1:], kernel.like.shape[1:])),
        b=(_table((s * row, t), pixels), _table((plane, row, 1), kernel.like.shape[1:])),
        c=(out.first, n, _table((c,), (channels,)), _table(steps, pixels)),
        bias=bias,
    )


def backward_inputs(
    gradient: Value, kernel: Value, out: Value, geometry: Geometry, frame: Frame
) -> list[int]:
    """Return the gradient of what a convolution takes in: the transposed, mirrored kernel on that of what comes out."""
    (k, m), (o, i, y, x) = geometry.kernel, kernel.like.stride()
    plane, row, _ = frame.strides
    _, channels, *pixels = out.like.shape
    n, c, *steps = out.like.stride()
    taken = (kernel.like.shape[0], k, m)
    mirrored = _table((o, -y, -x), taken, first=(k - 1) * y + (m - 1) * x)
    return _product(
        gradient,
        frame,
        a=(kernel.first, 0, _table((i,), (channels,)), mirrored),
        b=(_table((row, 1), pixels), _table((plane, row, 1), taken)),
        c=(out.first, n, _table((c,), (channels,)), _table(steps, pixels)),
    )


def backward_kernel(
    gradient: Value, image: Value, out: Value, geometry: Geometry, frame: Frame
) -> list[int]:
    """Return the gradient of a convolution's kernel, summed over samples."""
    s, t = geometry.stride
    plane, row, _ = frame.strides
    _, channels, *pixels = gradient.like.shape
    n, c, *steps = gradient.like.stride()
    own, entries = out.like.stride(), out.like.shape[1:]
    return _product(
        image,
        frame,
        a=(gradient.first, n, _table((c,), (channels,)), _table(steps, pixels)),
        b=(_table((plane, row, 1), entries), _table((s * row, t), pixels)),
        c=(out.first, 0, _table(own[:1], (channels,)), _table(own[1:], entries)),
    )


Factor = tuple[int, int, list[int], list[int]]


def _product(
    image: Value,
    frame: Frame,
    *,
    a: Factor,
    b: tuple[list[int], list[int]],
    c: Factor,
    bias: int | None = None,
) -> list[int]:
    """Return a product by tables; where the result has no distance between samples, they add up in it.

    Args:
        image: what is laid into the frame, sample by sample.
        frame: that the other factor is read from.
        a: place, distance between samples, and the tables of rows and terms.
        b: tables of columns and terms.
        c: place, distance between samples, and the tables of rows and columns.
        bias: place of one number a row that the sums begin with.
    """
    place, step, rows, terms = a
    columns, others = b
    biased = [0, 0] if bias is None else [1, bias]
    return words(
        Opcode.convolve,
        *([image.like.shape[0], len(rows), len(columns), len(terms)], [place, step], rows, terms),
        *([image.first, image.like.stride(0), frame.place], frame.filled(image), columns, others),
        *([c[0], c[1]], c[2], c[3], biased),
    )


def pool(image: Value, out: Value, geometry: Geometry, kind: Pool) -> list[int]:
    """Return the largest number of each window, which of its pixels that is, or their mean."""
    windows, entries = _windows(image, out, geometry)
    pixels = _table(out.like.stride()[2:], out.like.shape[2:])
    ends = [[x.first, *x.like.stride()[:2]] for x in (image, out)]
    tables = [len(windows), *windows, *pixels, len(entries), *entries]
    return words(Opcode.pool, int(kind), [*out.like.shape[:2]], *ends, tables)


def unpool(gradient: Value, which: Value | None, out: Value, geometry: Geometry) -> list[int]:
    """Return the gradient of what a pool takes in.

    That of each window goes to its largest number, or evenly to all without `which`; the result holds zeros before.
    """
    evenly = int(which is None)
    which = which or gradient
    windows, entries = _windows(out, gradient, geometry)
    ends = [[x.first, *x.like.stride()[:2]] for x in (gradient, which, out)]
    pixels = [_table(x.like.stride()[2:], x.like.shape[2:]) for x in (gradient, which)]
    tables = [len(windows), *windows, *pixels[0], *pixels[1], len(entries), *entries]
    return words(Opcode.unpool, evenly, [*gradient.like.shape[:2]], *ends, tables)


def _windows(image: Value, out: Value, geometry: Geometry) -> tuple[list[int], list[int]]:
    """Return where each window begins in an image, and where its pixels are from there."""
    (s, t), (h, w) = geometry.stride, image.like.stride()[2:]
    return _table((s * h, t * w), out.like.shape[2:]), _table((h, w), geometry.kernel)
