"""Build a network whose every layer is drawn from its own stream."""

from __future__ import annotations

import copy
import inspect
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from paribus.data.dataset import Dataset, digest_tensors
from paribus.errors import ParibusError
from paribus.experiment.recipe import Recipe
from paribus.seeding import Streams
from paribus.training.construction import checksum, constructed
from paribus.training.first_pass import first_pass, try_first_pass
from paribus.training.layers import (
    Layer,
    kind_of,
    layers,
    named_states,
    named_weights,
    outer_modules,
)

__all__ = ["InitialNetwork", "build", "initialised", "layers", "unmoved", "weight_digests"]


@dataclass(frozen=True)
class InitialNetwork:
    """Network before its first step.

    Attributes:
        network: on the CPU in float32.
        own: names of the weights that the network draws or sets itself, as `weight_digests` names them, each with
            whether all its numbers are equal, as in a layer of zeros.
        notes: what a page should say of its start.
    """

    network: nn.Module
    own: dict[str, bool]
    notes: tuple[str, ...] = ()

    def told(self, notes: Sequence[str] = ()) -> dict[str, Any]:
        """Return what a record holds of it, and of further notes: nothing where there is nothing to say."""
        told = {"own": self.own, "notes": [*self.notes, *notes]}
        return {name: value for name, value in told.items() if value}


def build(recipe: Recipe, dataset: Dataset, streams: Streams) -> nn.Module:
    """Return the network of a recipe on the CPU in float32, initialised; see `initialised`."""
    return initialised(recipe, dataset, streams).network


def initialised(recipe: Recipe, dataset: Dataset, streams: Streams) -> InitialNetwork:
    """Return the network of a recipe on the CPU in float32, with what it set of its start itself.

    Each layer is drawn from the stream of its kind and ordinal, so that inserting a norm or swapping an activation
    changes no other layer's weights. What its constructor makes of these draws, loads or sets is kept. Layers that are
    made in the first forward pass are made by one of two samples. The global generator is left as it was.

    Raises:
        ParibusError: the network is no module, or holds complex numbers.
    """
    make = partial(_made, recipe, dataset)
    network, construction = constructed(make, streams)
    if first_pass(recipe.model) is None:
        try_first_pass(recipe.model, network, _few(dataset))
        # Anew, with what is born late, and without what the pass left in it, such as a generator that went on.
        network, construction = constructed(make, streams)
    finish = getattr(network, "after_init", None)
    if callable(finish):  # of networks whose constructor does not call it
        finish()
    _refuse_complex(network)
    own = {
        name: bool((value == value.flatten()[:1]).all())
        for name, module, key, value in _tensors(network)
        if not construction.is_default(module, key, value)
    }
    notes: tuple[str, ...] = (RESEEDED,) if construction.reseeded else ()
    if (tried := first_pass(recipe.model)) and tried.loose:
        notes += (LOOSE.format(kinds=_shown(tried.loose)),)
    network = _independent(network, copied=construction.holds_others(network))
    notes += _as_single(network)
    if recipe.init is not None:
        notes += _initialise(recipe, network, streams, own)
    return InitialNetwork(network, own, notes)


def _made(recipe: Recipe, dataset: Dataset) -> nn.Module:
    """Return what a recipe's constructor makes, with the layers that are made in the first forward pass."""
    network = recipe.model(**_shapes(recipe, dataset))
    if not isinstance(network, nn.Module):
        raise ParibusError(
            f"model {recipe.model.label}",
            got=type(network).__name__,
            expected="a torch.nn.Module",
            fix="Return the network itself.",
        )
    tried = first_pass(recipe.model)
    if any(map(nn.parameter.is_lazy, network.parameters())) or (tried and tried.born_late):
        _pass_through(network, dataset)
    return network


@torch.no_grad()
def _pass_through(network: nn.Module, dataset: Dataset) -> None:
    """Pass two samples through in evaluation mode, so that layers which wait for their shape are made."""
    modes = {module: module.training for module in network.modules()}
    network.eval()(*_few(dataset))
    for module in network.modules():
        module.training = modes.get(module, True)


def _few(dataset: Dataset) -> tuple[Tensor, ...]:
    return tuple(x[:2].to(torch.get_default_dtype(), copy=True) for x in dataset.inputs)


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


LOOSE = (
    "Called in the forward pass and no part of the network, as layers in a plain list or dictionary are: {kinds}. "
    "Their weights are not trained; hold them in torch.nn.ModuleList or ModuleDict."
)
RESEEDED = "The network's constructor calls torch.manual_seed, without effect: draws come from the seed's streams."


def _independent(network: nn.Module, *, copied: bool) -> nn.Module:
    """Return a network that shares no numbers with anything else, so that its training changes no later start."""
    if copied:
        network = copy.deepcopy(network)
    own: dict[int, Tensor] = {}
    for parameter in network.parameters():
        parameter.data = parameter.data.clone()
    for module in network.modules():
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = own.setdefault(id(buffer), buffer.clone())
    return network


def _refuse_complex(network: nn.Module) -> None:
    """Refuse complex numbers, of which training in a real precision would lose the imaginary parts.

    Raises:
        ParibusError: names them.
    """
    found = [
        n for n, t in (*network.named_parameters(), *network.named_buffers()) if t.is_complex()
    ]
    if found:
        raise ParibusError(
            f"numbers of {type(network).__name__}",
            got=f"complex ones in {', '.join(found)}",
            expected="real ones, which recipe.dtype is the precision of",
            fix="Hold their real and imaginary parts, as torch.view_as_real gives them.",
        )


def _as_single(network: nn.Module) -> tuple[str, ...]:
    """Hold every floating-point number in float32, as the data are; return what the page says of others."""
    found: dict[torch.dtype, list[str]] = {}
    for name, value in (*network.named_parameters(), *network.named_buffers()):
        if value.is_floating_point() and value.dtype != torch.float32:
            found.setdefault(value.dtype, []).append(name)
    if not found:
        return ()
    network.to(torch.float32)
    return tuple(
        f"The network holds {_shown(names)} in {str(dtype).removeprefix('torch.')}: they pass through float32, "
        "and are trained in the recipe's precision."
        for dtype, names in found.items()
    )


MAX_SHOWN = 6  # names in a note
_WEIGHTED = (nn.Linear, nn.modules.conv._ConvNd)


def _initialise(
    recipe: Recipe, network: nn.Module, streams: Streams, own: dict[str, bool]
) -> tuple[str, ...]:
    """Let the recipe's initialiser draw each linear and convolutional layer; with ``last=True`` for the last one.

    One that takes ``norm`` is given batch norms too, with ``norm=True``.

    Args:
        recipe: with an initialiser.
        network: whose layers are drawn.
        streams: of the run.
        own: what the network set itself; what is drawn over is taken out.

    Returns:
        What the page says: which weights were drawn over, and which the initialiser does not reach.
    """
    assert recipe.init is not None
    before = _checksums(network, own)
    drawn = list(layers(network))
    reached = [layer for layer in drawn if isinstance(layer.module, _WEIGHTED)]
    norms = "norm" in inspect.signature(recipe.init.resolve()).parameters
    if norms:
        for kind, ordinal, module in drawn:
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                generator = streams.generator("init", "initialiser", kind, ordinal)
                recipe.init(module, generator=generator, norm=True)
    for i, (kind, ordinal, module) in enumerate(reached):
        if _holds_weight(module):
            generator = streams.generator("init", "initialiser", kind, ordinal)
            recipe.init(module, generator=generator, last=i == len(reached) - 1)
    after = _checksums(network, own)
    redrawn = [name for name in after if after[name] != before[name]]
    for name in redrawn:
        del own[name]
    missed = [layer for layer in drawn if not _reaches(layer.module) and _has_matrix(layer.module)]
    return (*_drawn_over(redrawn), *_not_reached(missed))


def _checksums(network: nn.Module, names: Collection[str]) -> dict[str, int]:
    """Return a checksum of each tensor of these names, as `weight_digests` names them."""
    if not names:
        return {}
    return {name: checksum(v) for name, _, _, v in _tensors(network) if name in names}


def _holds_weight(module: nn.Module) -> bool:
    """Return whether a module's weight is a parameter of its own, and not computed from others."""
    return module._parameters.get("weight") is not None


def _reaches(module: nn.Module) -> bool:
    return isinstance(module, _WEIGHTED) and _holds_weight(module)


def _has_matrix(module: nn.Module) -> bool:
    return any(value.ndim > 1 for _, value in named_weights(module))


def _drawn_over(names: Sequence[str]) -> tuple[str, ...]:
    shown = _shown([name.partition("(")[0] for name in names])
    return (f"recipe.init draws over what the network set itself: {shown}.",) if names else ()


def _not_reached(missed: Sequence[Layer]) -> tuple[str, ...]:
    if not missed:
        return ()
    shown = _shown([f"{kind}{ordinal}" for kind, ordinal, _ in missed])
    return (f"recipe.init draws linear and convolutional layers; it does not reach {shown}.",)


def _shown(names: Sequence[str]) -> str:
    """Return the first names, and how many there are besides."""
    more = len(names) - MAX_SHOWN
    return ", ".join(names[:MAX_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _tensors(network: nn.Module) -> Iterator[tuple[str, nn.Module, str, Tensor]]:
    """Yield what decides a network's start: name for its hash, module, name in the module, numbers.

    These are all parameters, and all buffers but the statistics that norms start from.
    """
    for kind, ordinal, module in layers(network):
        weights = [*named_weights(module)]
        beside = _beside(value for _, value in weights)
        for key, value in weights:
            of = beside if value.ndim == 1 else ""
            yield f"{kind}{ordinal}.{key}{tuple(value.shape)}{of}", module, key, value
    count: Counter[str] = Counter()
    for module in outer_modules(network):
        kind = kind_of(module)
        ordinal = count[kind]
        count[kind] += 1
        for key, state in named_states(module):
            if not _at_rest(module, key, state):
                yield f"buffer {kind}{ordinal}.{key}{tuple(state.shape)}", module, key, state


def _at_rest(module: nn.Module, key: str, value: Tensor) -> bool:
    """Return whether a buffer is a norm's statistic as it starts: no mean, unit variance, nothing counted."""
    if not isinstance(module, nn.modules.batchnorm._NormBase):
        return False
    return bool((value == float(key == "running_var")).all())


def weight_digests(network: nn.Module) -> dict[str, str]:
    """Return a hash for each parameter: ``Linear0.weight(16, 9)``, ``Linear0.bias(16,) of (16, 9)``.

    How a bias is drawn depends on its layer's weights, so that only biases beside weights of one shape can be
    expected to be equal; a layer without a bias still shares its weights. Buffers that are more than a norm's first
    statistics, such as drawn frequencies, are hashed too, as ``buffer Fourier0.frequencies(4, 9)``.
    """
    return {name: digest_tensors([value]) for name, _, _, value in _tensors(network)}


def unmoved(network: nn.Module, initial: Mapping[str, str]) -> Iterator[Tensor]:
    """Yield the weights that still are what they were when `weight_digests` hashed them, to float32."""
    for name, _, _, value in _tensors(network):
        if value.requires_grad and digest_tensors([value.float()]) == initial.get(name):
            yield value


def _beside(weights: Iterable[Tensor]) -> str:
    """Return the shapes of a layer's weights, for what is drawn by them."""
    shapes = dict.fromkeys(tuple(p.shape) for p in weights if p.ndim > 1)
    return f" of {' '.join(map(str, shapes))}" if shapes else ""
