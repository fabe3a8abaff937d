"""Noise that a network draws in its forward pass, named so that variants draw the same."""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from paribus.seeding import Streams
from paribus.training.draws import draws
from paribus.training.dropout import NamedDropout

PAIRED = "{what} draws noise by {names}: each from a stream named by function, ordinal in a pass, and step."
UNNAMED = (
    "{what} draws noise{where} that no stream names: seed and step fix it, and it is paired only where variants draw "
    "the same before it."
)
HELD = (
    "{what} draws from {which}, a generator of its own: no stream of the seed names it, and where it is made with one "
    "number every seed has the same noise."
)
OTHERS = "{what} draws from {which}: seed and step fix it, and it pairs only where variants draw alike before it."


class NetworkNoise:
    """Noise of a network's passes of one kind, such as those of its training.

    In the first pass it is found out whether the network draws at all; one that does not costs nothing later. Each
    function of torch that draws, such as `torch.nn.functional.dropout` and those in attention and in dropout modules
    other than `torch.nn.Dropout`, then draws from the stream of its name, its ordinal in the pass, and the step.

    Args:
        network: whose passes they are.
        streams: of the run.
        device: where the network draws.
        what: of the pass, in words for a page.

    Attributes:
        drawn: names of the functions that drew, in order.
        notes: what a page must say of it.
    """

    def __init__(self, network: nn.Module, streams: Streams, device: str, what: str) -> None:
        self.network, self.streams, self.what = network, streams, what
        self.generators = [torch.default_generator]
        if device == "cuda":
            torch.cuda.init()
            self.generators.append(torch.cuda.default_generators[torch.cuda.current_device()])
        self.active: bool | None = None
        self.others = False
        self.named = not _compiled(network)
        self.drawn: dict[str, None] = {}
        self.notes: list[str] = []

    @contextmanager
    def of(self, *names: str | int) -> Iterator[None]:
        """Draw a pass's noise from the streams of a step."""
        if self.active is False:
            with self._looking() if _looked_at(*names) else nullcontext():
                yield
            return
        first = self.active is None
        number = self.streams.number("noise", self.what, *names)
        found = states(self.generators)
        seed(self.generators, number)
        if self.others or first:
            seed_others(number)
        before, others = states(self.generators), _other_states()
        held = _held_states(self.network) if first else {}
        naming = _Naming(self, names, before)
        with naming.watching() if first else nullcontext(), naming if self.named else nullcontext():
            yield
        if first:
            self._note(naming, before, others)
            after = _held_states(self.network)
            moved = [name for name, state in held.items() if after.get(name, state) != state]
            self.notes += [HELD.format(what=self.what, which=" and ".join(moved))] if moved else []
        put_back(self.generators, found)  # an optimizer that draws goes on where it was

    @contextmanager
    def _looking(self) -> Iterator[None]:
        """Look whether a network that drew nothing at first draws in this pass; its noise is named from then on."""
        before = states(self.generators)
        yield
        if not same(before, states(self.generators)):
            self.active = True
            self.notes.append(UNNAMED.format(what=self.what, where=", after its first steps,"))

    def _note(self, naming: _Naming, before: list[Tensor], others: list[object]) -> None:
        unnamed = bool(naming.unnamed) or not same(before, states(self.generators))
        which = [name for name, a, b in zip(OTHER, others, _other_states(), strict=True) if a != b]
        self.others = bool(which)
        self.active = bool(self.drawn) or unnamed or self.others
        if self.drawn:
            names = ", ".join(f"`{name}`" for name in self.drawn)
            self.notes.append(PAIRED.format(what=self.what, names=names))
        if unnamed:
            where = f" (in {', '.join(naming.unnamed)})" if naming.unnamed else ""
            self.notes.append(UNNAMED.format(what=self.what, where=where))
        if which:
            self.notes.append(OTHERS.format(what=self.what, which=" and ".join(which)))


def _looked_at(step: str | int = "", *_names: str | int) -> bool:
    """Return whether a step is one of 1, 2, 4, 8, ...: looking at each would take time from every training."""
    return isinstance(step, int) and step & (step - 1) == 0


class _Naming(TorchFunctionMode):
    """One pass, in which every function that draws does so from its own stream."""

    def __init__(
        self, noise: NetworkNoise, names: tuple[str | int, ...], base: list[Tensor]
    ) -> None:
        super().__init__()
        self.noise, self.names, self.base = noise, names, base
        self.count: Counter[str] = Counter()
        self.unnamed: dict[str, None] = {}
        self._get_state: Any = None

    def __enter__(self) -> Self:
        # Checkpoints save the generator's state and draw from it again while gradients are taken: outside of names.
        self._get_state, torch.get_rng_state = torch.get_rng_state, self._saved
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        torch.get_rng_state = self._get_state

    def _saved(self) -> Tensor:
        self.noise.named = False
        state: Tensor = self._get_state()
        return state

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Seed the generator for a function that draws, and put it back."""
        kwargs = kwargs or {}
        if not (self.noise.named and draws(func) and kwargs.get("generator") is None):
            return func(*args, **kwargs)
        noise, name = self.noise, func.__name__
        number = noise.streams.number("noise", name, self.count[name], *self.names)
        self.count[name] += 1
        seed(noise.generators, number)
        if name not in noise.drawn:
            before = states(noise.generators)
            result = func(*args, **kwargs)
            if not same(before, states(noise.generators)):
                noise.drawn[name] = None
        else:
            result = func(*args, **kwargs)
        put_back(noise.generators, self.base)
        return result

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note the modules in which something is drawn that no stream names."""

        def note(module: nn.Module, _inputs: Any, _outputs: Any) -> None:
            if self.noise.named and not same(self.base, states(self.noise.generators)):
                self.unnamed[type(module).__name__] = None
                put_back(self.noise.generators, self.base)

        handles = [m.register_forward_hook(note) for m in self.noise.network.modules()]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


OTHER = ("NumPy's generator", "Python's generator")


def _other_states() -> list[object]:
    numpys: Any = np.random.get_state()  # noqa: NPY002 - the one that networks draw from
    return [(numpys[0], numpys[1].tobytes(), *numpys[2:]), random.getstate()]


def _held_states(network: nn.Module) -> dict[str, object]:
    """Return the states of the generators that a network's modules hold, by module and attribute."""
    found: dict[str, object] = {}
    for module in network.modules():
        if isinstance(module, NamedDropout):
            continue
        for name, value in vars(module).items():
            what = f"{type(module).__name__}.{name}"
            if isinstance(value, torch.Generator):
                found[what] = value.get_state().numpy().tobytes()
            elif isinstance(value, np.random.Generator):
                found[what] = repr(value.bit_generator.state)
            elif isinstance(value, random.Random):
                found[what] = value.getstate()
    return found


def seed_others(number: int) -> None:
    """Seed the generators of NumPy and Python."""
    np.random.seed(number % 2**32)  # noqa: NPY002 - the one that networks draw from
    random.seed(number)


@contextmanager
def other_generators(number: int) -> Iterator[None]:
    """Seed the generators of NumPy and Python for networks that draw from them, and put both back."""
    numpys, pythons = np.random.get_state(), random.getstate()  # noqa: NPY002 - as above
    seed_others(number)
    try:
        yield
    finally:
        np.random.set_state(numpys)  # noqa: NPY002 - as above
        random.setstate(pythons)


def seed(generators: list[torch.Generator], number: int) -> None:
    """Seed each generator."""
    for generator in generators:
        generator.manual_seed(number)


def states(generators: list[torch.Generator]) -> list[Tensor]:
    """Return each generator's state."""
    return [generator.get_state() for generator in generators]


def same(a: list[Tensor], b: list[Tensor]) -> bool:
    """Return whether states are equal."""
    return all(map(torch.equal, a, b))


def put_back(generators: list[torch.Generator], base: list[Tensor]) -> None:
    """Put each generator into a state."""
    for generator, state in zip(generators, base, strict=True):
        generator.set_state(state)


def _compiled(network: nn.Module) -> bool:
    """Return whether a part is compiled: torch's compiler cannot look through names."""
    dynamo = sys.modules.get("torch._dynamo.eval_frame")
    return dynamo is not None and any(
        isinstance(m, dynamo.OptimizedModule) for m in network.modules()
    )
