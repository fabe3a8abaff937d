"""Convolution and pooling of many replicates as one with groups, in the channels-last layout.

`torch.vmap` lays replicates beside the channels for a convolution and beside the samples for a pool, so that images are
copied to and fro, and pools them in a layout for which torch has no fast kernel. Here they stay beside the channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LAST = torch.channels_last
# Numbers in a vector register: torch's convolution has a fast kernel for as many output channels of a group or more.
REGISTER = 8


def make_stackable(network: nn.Module) -> None:
    """Turn convolutions and pools of images, in place, into ones that `torch.vmap` computes in one layout.

    Parameters, their names and buffers stay as they are. A layer with another padding than zeros, and whatever is a
    class of its own, is left to `torch.vmap`. A maximum right after an activation that keeps the order of numbers is
    taken before it: the same numbers, of which the activation is left with a quarter.
    """
    for module in network.modules():
        if type(module) is nn.Sequential:
            _pool_first(module)
        kind = STACKABLE.get(type(module))
        if kind is not None and getattr(module, "padding_mode", "zeros") == "zeros":
            module.__class__ = kind


def _pool_first(layers: nn.Sequential) -> None:
    names = [*layers._modules]
    for first, second in pairwise(names):
        activation, pool = layers._modules[first], layers._modules[second]
        if type(pool) is nn.MaxPool2d and not pool.return_indices and _keeps_order(activation):
            layers._modules[first], layers._modules[second] = pool, activation


def _keeps_order(layer: nn.Module | None) -> bool:
    """Return whether a layer is a non-decreasing activation without hooks."""
    if layer is None or layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks:
        return False
    if type(layer) is nn.ELU:
        return layer.alpha >= 0
    if type(layer) is nn.LeakyReLU:
        return layer.negative_slope >= 0
    return type(layer) is nn.ReLU


class _Beside(torch.autograd.Function):
    """Operation on images that treats channels apart, so that replicates may stand beside them.

    Outside of `torch.vmap` it is the operation itself; gradients are those of the operations that it is made of.
    """

    @staticmethod
    def forward(images: Tensor, operation: Any, *weights: Tensor | None) -> Tensor:
        output: Tensor = operation(images, 1, *weights)
        return output

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep nothing: only `torch.vmap` calls it with tensors that need gradients."""

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], images: Tensor, operation: Any, *weights: Any
    ) -> tuple[Tensor, int]:
        count = info.batch_size
        beside = _moved(images, in_dims[0], count).flatten(1, 2)
        moved = [
            None if w is None else _moved(w, dim, count, to=0).flatten(0, 1)
            for w, dim in zip(weights, in_dims[2:], strict=True)
        ]
        output: Tensor = operation(beside.contiguous(memory_format=LAST), count, *moved)
        return output.unflatten(1, (count, -1)), 1


def _moved(x: Tensor, dim: int | None, count: int, to: int = 1) -> Tensor:
    """Move the replicates' dimension to where it is wanted, or make one where all share a tensor."""
    if dim is None:
        return x.unsqueeze(to).expand(*x.shape[:to], count, *x.shape[to:])
    return x.movedim(dim, to)


def _mapped(*tensors: Tensor | None) -> bool:
    """Return whether `torch.vmap` is at work on any of these, and nothing else within it, such as a gradient."""
    return any(x is not None and torch._C._functorch.is_batchedtensor(x) for x in tensors)


class StackableConv2d(nn.Conv2d):
    """`torch.nn.Conv2d` as one convolution with a group for each replicate."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Compute what `torch.nn.Conv2d` does, for ``(batch, channel, height, width)``."""
        if input.ndim != 4 or not _mapped(input, self.weight, self.bias):
            return super().forward(input)
        output: Tensor = _Beside.apply(input, self._grouped, self.weight, self.bias)
        return output

    def _grouped(self, images: Tensor, count: int, weight: Tensor, bias: Tensor | None) -> Tensor:
        return F.conv2d(
            images,
            weight.contiguous(memory_format=LAST),
            bias,
            self.stride,
            self.padding,
            self.dilation,
            self.groups * count,
        )


class StackableConvTranspose2d(nn.ConvTranspose2d):
    """`torch.nn.ConvTranspose2d` as one with a group for each replicate."""

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:  # noqa: A002 - torch's name
        """Compute what `torch.nn.ConvTranspose2d` does, for ``(batch, channel, height, width)``."""
        if output_size is not None or input.ndim != 4 or not _mapped(input, self.weight, self.bias):
            return super().forward(input, output_size)
        output: Tensor = _Beside.apply(input, self._grouped, self.weight, self.bias)
        return output

    def _grouped(self, images: Tensor, count: int, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self._whole_strides() and self.out_channels < REGISTER:
            return self._product(images, count, weight, bias)
        return F.conv_transpose2d(
            images,
            weight.contiguous(memory_format=LAST),
            bias,
            self.stride,
            self._pads,
            self.output_padding,
            self.groups * count,
            self.dilation,
        )

    @property
    def _pads(self) -> tuple[int, ...]:
        assert not isinstance(self.padding, str), "a transposed convolution takes numbers alone"
        return self.padding

    def _whole_strides(self) -> bool:
        """Return whether each pixel's patch is of whole strides, and nothing is apart or left over."""
        whole = all(k % s == 0 for k, s in zip(self.kernel_size, self.stride, strict=True))
        plain = {*self.dilation} == {1} and {*self.output_padding} == {0}
        return whole and plain and self.groups == 1

    def _product(self, images: Tensor, count: int, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Compute it as a product of each pixel's channels with the weights, and a sum of the patches that this gives.

        A patch is cut into blocks of a stride, which lie side by side in the output.
        """
        batch, _, height, width = images.shape
        (down, right), (p, q) = self.stride, self._pads
        rows, columns = (k // s for k, s in zip(self.kernel_size, self.stride, strict=True))
        pixels = images.permute(0, 2, 3, 1).reshape(batch * height * width, count, -1)
        each = weight.unflatten(0, (count, -1)).permute(0, 1, 3, 4, 2).flatten(2)
        patches = torch.bmm(pixels.transpose(0, 1), each)
        shape = (count, batch, height, width, rows, down, columns, right, self.out_channels)
        # (row of blocks, column of blocks, sample, height, down, width, right, replicate, channel)
        blocks = patches.view(shape).permute(4, 6, 1, 2, 5, 3, 7, 0, 8)
        blocks = blocks.reshape(
            rows * columns, batch, height * down, width * right, count * self.out_channels
        )
        places = [(i * down, j * right) for i in range(rows) for j in range(columns)]
        last_row, last_column = places[-1]
        output = sum(
            F.pad(block, (0, 0, j, last_column - j, i, last_row - i))
            for (i, j), block in zip(places, blocks.unbind(), strict=True)
        )
        assert isinstance(output, Tensor)
        output = output[:, p : output.shape[1] - p, q : output.shape[2] - q]
        return (output if bias is None else output + bias).permute(0, 3, 1, 2)


class _StackablePool:
    """Pool that works for any number of channels."""

    def forward(self, input: Tensor) -> Any:  # noqa: A002 - torch's name
        """Compute what torch's own pool does, for ``(batch, channel, height, width)``."""
        plain = super().forward  # type: ignore[misc]
        if input.ndim != 4 or not _mapped(input) or getattr(self, "return_indices", False):
            return plain(input)
        return _Beside.apply(input, lambda images, _count: plain(images))


class StackableMaxPool2d(_StackablePool, nn.MaxPool2d):
    """`torch.nn.MaxPool2d` over all replicates' channels."""


class StackableAvgPool2d(_StackablePool, nn.AvgPool2d):
    """`torch.nn.AvgPool2d` over all replicates' channels."""


STACKABLE: Mapping[type[nn.Module], type[nn.Module]] = {
    nn.Conv2d: StackableConv2d,
    nn.ConvTranspose2d: StackableConvTranspose2d,
    nn.MaxPool2d: StackableMaxPool2d,
    nn.AvgPool2d: StackableAvgPool2d,
}
