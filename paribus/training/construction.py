"""Construction of a network with every draw named by the layer that it is for.

torch draws the first weights of a network one after another from one generator, so that a layer put in changes all
that are behind it. Here each layer's own `reset_parameters` draws from the stream of the layer's kind and ordinal while
the constructor runs, and what a constructor draws besides comes from a stream of the tensor that it is for. So whatever
a constructor makes of those draws, or sets in their place, is kept.
"""

from __future__ import annotations

import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from paribus.seeding import Streams
from paribus.training.draws import IN_PLACE, draws
from paribus.training.layers import kind_of, layers, named_weights
from paribus.training.noise import other_generators

Names = tuple[str | int, ...]
"""Name of a module's stream: kind and ordinal for a layer."""


class Construction(TorchFunctionMode):
    """Record of the modules that a constructor makes, each drawing from its own stream.

    Args:
        streams: of the run.
        planned: names of the modules in the order in which they are made, where they are known already.

    Attributes:
        made: modules in the order in which they were made.
        reseeded: whether the constructor called `torch.manual_seed`, which has no effect on named draws.
        defaults: a checksum of each parameter right after its layer's own draw, by module and name.
    """

    def __init__(self, streams: Streams, planned: Sequence[Names] = ()) -> None:
        super().__init__()
        self.streams, self.planned = streams, planned
        self.made: list[nn.Module] = []
        self.defaults: dict[tuple[int, str], int] = {}
        self.reseeded = False
        self._built: set[int] = set()
        self._index: dict[int, int] = {}
        self._guessed: list[Names] = []
        self._kinds: Counter[str] = Counter()
        self._used: dict[int, Names] = {}
        self._count: Counter[Names] = Counter()
        self._owners: dict[int, tuple[nn.Module, str]] = {}
        self._resetting: list[nn.Module] = []
        self._patched: dict[type, Any] = {}

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Name every draw within; the generators of torch, NumPy and Python are put back afterwards."""
        number = self.streams.number("init")
        original = nn.Module.__init__
        with torch.random.fork_rng(devices=[]), other_generators(number):
            seed(number)
            nn.Module.__init__ = self._noting(original)  # type: ignore[method-assign]
            manual_seed = torch.manual_seed
            torch.manual_seed = self._not_reseeded
            try:
                with self:
                    yield
            finally:
                nn.Module.__init__ = original  # type: ignore[method-assign]
                torch.manual_seed = manual_seed
                for kind, own in self._patched.items():
                    if own is not None:
                        kind.reset_parameters = own  # type: ignore[attr-defined]
                self._patched.clear()

    def _not_reseeded(self, seed: Any) -> torch.Generator:  # noqa: ARG002 - as torch names it
        self.reseeded = True
        return torch.default_generator

    def holds_others(self, network: nn.Module) -> bool:
        """Return whether a network holds modules that were made elsewhere: copies, or parts of an earlier network."""
        return any(id(module) not in self._built for module in network.modules())

    def names(self, network: nn.Module) -> list[Names]:
        """Return the names that the modules made have in the finished network, in the order in which they were made."""
        placed: dict[int, Names] = {id(m): (kind, n) for kind, n, m in layers(network)}
        count: Counter[str] = Counter()
        for where, modules in (("part", network.modules()), ("left out", self.made)):
            for module in modules:
                if id(module) not in placed:
                    kind = f"{where} {kind_of(module)}"
                    placed[id(module)] = (kind, count[kind])
                    count[kind] += 1
        return [placed[id(module)] for module in self.made]

    def fits(self, names: Sequence[Names]) -> bool:
        """Return whether every module that drew did so under its name."""
        return all(names[i] == used for i, used in self._used.items())

    def is_default(self, module: nn.Module, name: str, value: Tensor) -> bool:
        """Return whether a parameter still is what its layer's own `reset_parameters` made of it."""
        made = self.defaults.get((id(module), name.removesuffix(".original")))
        return made is not None and made == checksum(value)

    def _add(self, module: nn.Module) -> int:
        if id(module) not in self._index:
            self._index[id(module)] = len(self.made)
            self.made.append(module)
            kind = kind_of(module)
            self._guessed.append((kind, self._kinds[kind]))
            self._kinds[kind] += 1
        return self._index[id(module)]

    def _name(self, module: nn.Module) -> Names:
        """Return the name that a module draws under: the planned one, or the one it has if all made are kept."""
        i = self._add(module)
        name = self.planned[i] if i < len(self.planned) else self._guessed[i]
        self._used[i] = name
        return name

    def _noting(self, original: Callable[..., None]) -> Callable[..., None]:
        @wraps(original)
        def init(module: nn.Module, *args: Any, **kwargs: Any) -> None:
            original(module, *args, **kwargs)
            self._add(module)
            self._built.add(id(module))
            for kind in type(module).__mro__:
                if kind not in self._patched:
                    self._patch(kind)

        return init

    def _patch(self, kind: type) -> None:
        """Have a class's own `reset_parameters` draw from the layer's stream, until the recording ends."""
        own = vars(kind).get("reset_parameters")
        self._patched[kind] = own
        if own is not None:
            kind.reset_parameters = self._named(own)  # type: ignore[attr-defined]

    def _named(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Return a `reset_parameters` that draws from its layer's stream and leaves the global one as it was."""

        @wraps(original)
        def reset(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            if self._resetting and self._resetting[-1] is module:  # a base class's, by super()
                return original(module, *args, **kwargs)
            before = torch.default_generator.get_state()
            self._resetting.append(module)
            seed(self.streams.number("init", *self._name(module)))
            try:
                return original(module, *args, **kwargs)
            finally:
                self._resetting.pop()
                torch.default_generator.set_state(before)
                for name, value in named_weights(module):
                    if not nn.parameter.is_lazy(value):
                        self.defaults[id(module), name] = checksum(value)

        return reset

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Name a draw that a constructor makes itself."""
        kwargs = kwargs or {}
        if not self._resetting and draws(func) and kwargs.get("generator") is None:
            names = self._target(func, args)
            number = self.streams.number("init", "own", *names, self._count[names])
            self._count[names] += 1
            seed(number)
        return func(*args, **kwargs)

    def _target(self, func: Any, args: Any) -> Names:
        """Return the name of the parameter that is drawn, or else of the module whose method draws."""
        target = args[0] if args and func.__name__ in IN_PLACE else None
        if isinstance(target, Tensor) and (owner := self._owner(target)):
            return owner
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and frame.f_code is not _RECORDED:
            held = frame.f_locals
            if frame.f_code.co_filename == nn.init.__file__:
                drawn = held.get("tensor")
                if isinstance(drawn, Tensor) and (owner := self._owner(drawn)):
                    return owner
            module = held.get("self")
            if isinstance(module, nn.Module) and id(module) in self._index:
                return self._name(module)
            frame = frame.f_back
        return ()

    def _owner(self, tensor: Tensor) -> Names | None:
        """Return name of layer and parameter of a tensor that is a parameter, or its data, or a view of them."""
        if nn.parameter.is_lazy(tensor) or not (place := tensor.untyped_storage().data_ptr()):
            return None
        module, name = self._owners.get(place, (None, ""))
        if module is None or _place(module, name) != place:
            self._find_owners()
            module, name = self._owners.get(place, (None, ""))
        return None if module is None else (*self._name(module), name)

    def _find_owners(self) -> None:
        self._owners = {}
        for module in self.made:  # grows: copies of modules were made by no constructor
            for part in module._modules.values():
                if part is not None:
                    self._add(part)
            for name in (*module._parameters, *module._buffers):
                if place := _place(module, name):
                    self._owners.setdefault(place, (module, name))


def constructed(make: Callable[[], nn.Module], streams: Streams) -> tuple[nn.Module, Construction]:
    """Return a network whose every draw is named, and how it was made.

    It is made again where modules are not made in the order in which the network holds them, since then the first time
    they drew under names that are not theirs.
    """
    construction = Construction(streams)
    with construction.recording():
        network = make()
    names = construction.names(network)
    if not construction.fits(names):
        construction = Construction(streams, names)
        with construction.recording():
            network = make()
    return network, construction


_RECORDED = constructed.__code__


def seed(number: int) -> None:
    """Seed the CPU's generator alone, which networks are drawn from.

    `torch.manual_seed` also notes the seed for devices that are not initialised, with a stack trace each time, which
    takes longer than drawing a small layer.
    """
    torch.default_generator.manual_seed(number)


def checksum(value: Tensor) -> int:
    """Return a checksum of a tensor's bytes: much faster than a hash, and enough to see a change."""
    if value.is_meta:
        return 0
    flat = value.detach().cpu().contiguous().reshape(-1)
    return zlib.crc32(flat.view(torch.uint8).numpy().data)


def _place(module: nn.Module, name: str) -> int:
    value = module._parameters.get(name, module._buffers.get(name))
    if value is None or nn.parameter.is_lazy(value):
        return 0
    return value.untyped_storage().data_ptr()
