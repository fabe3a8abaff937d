"""Layers of a network by kind and ordinal, with the tensors that are theirs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeVar

from torch import Tensor, nn


class Layer(NamedTuple):
    """Module with weights of its own, identified by its kind and its ordinal among modules of that kind."""

    kind: str
    ordinal: int
    module: nn.Module


def layers(network: nn.Module) -> Iterator[Layer]:
    """Yield the modules that hold parameters of their own, in order of definition.

    A layer whose weight is parametrised, as by `torch.nn.utils.parametrizations.weight_norm`, is of the kind that it
    was before, so that layers behind it keep their ordinals; what computes its weight is part of it.
    """
    seen: Counter[str] = Counter()
    for module in outer_modules(network):
        if next(named_weights(module), None) is not None:
            kind = kind_of(module)
            yield Layer(kind, seen[kind], module)
            seen[kind] += 1


def kind_of(module: nn.Module) -> str:
    """Return the name of a module's class, of the one before its weights were parametrised."""
    kind = type(module)
    return (kind.__bases__[0] if parametrisations(module) else kind).__name__


def parametrisations(module: nn.Module) -> Mapping[str, nn.Module]:
    """Return what computes a module's parametrised tensors, by the tensor's name; mostly nothing."""
    found = module._modules.get("parametrizations")
    return dict(found.items()) if isinstance(found, nn.ModuleDict) else _NONE


_NONE: Mapping[str, nn.Module] = {}


def named_weights(module: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Yield a layer's own parameters by name; those behind a parametrised one as ``weight.original``."""
    yield from _each_once(module._parameters)
    for name, behind in parametrisations(module).items():
        yield from behind.named_parameters(prefix=name)


def named_states(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield a module's own buffers by name, those of its parametrisations included."""
    yield from _each_once(module._buffers)
    for name, behind in parametrisations(module).items():
        yield from behind.named_buffers(prefix=name)


T = TypeVar("T", bound=Tensor)


def _each_once(named: Mapping[str, T | None]) -> Iterator[tuple[str, T]]:
    """Yield tensors by their first names, as torch does, which takes ten times as long for a module alone."""
    seen: set[int] = set()
    for name, value in named.items():
        if value is not None and id(value) not in seen:
            seen.add(id(value))
            yield name, value


def outer_modules(network: nn.Module) -> list[nn.Module]:
    """Return the modules in order of definition, but those that compute a parametrised tensor: they are its layer's."""
    modules = list(network.modules())
    inside = {
        part
        for module in modules
        if parametrisations(module)
        for part in module.parametrizations.modules()  # type: ignore[union-attr]  # checked by parametrisations()
    }
    return [module for module in modules if module not in inside] if inside else modules
