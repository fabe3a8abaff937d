"""Build a network whose every layer is drawn from its own stream."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import nn

from paribus.data.dataset import Dataset, digest_tensors
from paribus.experiment.recipe import Recipe
from paribus.seeding import Streams


class Layer(NamedTuple):
    """Module with weights of its own, identified by its kind and its ordinal among modules of that kind."""

    kind: str
    ordinal: int
    module: nn.Module


def layers(network: nn.Module) -> Iterator[Layer]:
    """Yield the modules that hold parameters of their own, in order of definition."""
    seen: Counter[str] = Counter()
    for module in network.modules():
        if next(module.parameters(recurse=False), None) is not None:
            kind = type(module).__name__
            yield Layer(kind, seen[kind], module)
            seen[kind] += 1


def build(recipe: Recipe, dataset: Dataset, streams: Streams) -> nn.Module:
    """Return the network of a recipe on the CPU in float32, initialised.

    Each layer is drawn from the stream of its kind and ordinal, so that inserting a norm or swapping an activation
    changes no other layer's weights. The global generator is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        _seed(streams.number("init"))
        network: nn.Module = recipe.model(**_shapes(recipe, dataset))
        drawn = list(layers(network))
        for kind, ordinal, module in drawn:
            _redraw(module, streams.number("init", kind, ordinal))
        finish = getattr(network, "after_init", None)
        if callable(finish):
            finish()
    if recipe.init is not None:
        _initialise(recipe, drawn, streams)
    return network


def _shapes(recipe: Recipe, dataset: Dataset) -> dict[str, object]:
    """Return the shapes of the data, as far as the network has arguments for them."""
    shapes = dataset.input_shapes
    sizes = dataset.output_sizes
    available = {
        "inputs": shapes[0] if len(shapes) == 1 else shapes,
        "outputs": sizes[0] if len(sizes) == 1 else sizes,
    }
    asked = inspect.signature(recipe.model.resolve()).parameters
    return {k: v for k, v in available.items() if k in asked and k not in recipe.model.kwargs}


def _seed(number: int) -> None:
    """Seed the CPU's generator alone, which networks are drawn from.

    `torch.manual_seed` also notes the seed for devices that are not initialised, with a stack trace each time, which
    takes longer than drawing a small layer.
    """
    torch.default_generator.manual_seed(number)


def _redraw(module: nn.Module, number: int) -> None:
    reset = getattr(module, "reset_parameters", None)
    if callable(reset):
        _seed(number)
        reset()


_WEIGHTED = (nn.Linear, nn.modules.conv._ConvNd)


def _initialise(recipe: Recipe, drawn: list[Layer], streams: Streams) -> None:
    """Let the recipe's initialiser draw each linear and convolutional layer; with ``last=True`` for the last one.

    One that takes ``norm`` is given batch norms too, with ``norm=True``.
    """
    assert recipe.init is not None
    weighted = [layer for layer in drawn if isinstance(layer.module, _WEIGHTED)]
    if "norm" in inspect.signature(recipe.init.resolve()).parameters:
        for kind, ordinal, module in drawn:
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                generator = streams.generator("init", "initialiser", kind, ordinal)
                recipe.init(module, generator=generator, norm=True)
    for i, (kind, ordinal, module) in enumerate(weighted):
        generator = streams.generator("init", "initialiser", kind, ordinal)
        recipe.init(module, generator=generator, last=i == len(weighted) - 1)


def weight_digests(network: nn.Module) -> dict[str, str]:
    """Return a hash for each parameter: ``Linear0.weight(16, 9)``, ``Linear0.bias(16,) of (16, 9)``.

    How a bias is drawn depends on its layer's weights, so that only biases beside weights of one shape can be
    expected to be equal; a layer without a bias still shares its weights.
    """
    return {
        f"{kind}{ordinal}.{name}{tuple(value.shape)}{_beside(module, value)}": digest_tensors(
            [value]
        )
        for kind, ordinal, module in layers(network)
        for name, value in module.named_parameters(recurse=False)
    }


def _beside(module: nn.Module, value: nn.Parameter) -> str:
    """Return the shapes of the layer's weights, for what is drawn by them."""
    shapes = dict.fromkeys(tuple(p.shape) for p in module.parameters(recurse=False) if p.ndim > 1)
    return f" of {' '.join(map(str, shapes))}" if shapes and value.ndim == 1 else ""
