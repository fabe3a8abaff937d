"""Network before the first step: drawn, then given weights of another training, then frozen in part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Protocol

from torch import Tensor, nn

from paribus.data.cache import cache_folder, cached_file, keep_latest
from paribus.data.cache_limits import make_room
from paribus.data.dataset import Split
from paribus.errors import ParibusError
from paribus.experiment.recipe import Recipe
from paribus.runs.run import Outcome, Run, data_digest
from paribus.runs.weights import copy_weights, load_weights, save_weights
from paribus.training.network import InitialNetwork, initialised
from paribus.training.run_state import RunState

KEPT = 8


class Fitted(Protocol):
    """Training that is over, as `paribus.training.loop.Training` is."""

    network: nn.Module


Fit = Callable[[Run, Split], tuple[Fitted, RunState]]
"""A function that trains a run, as `paribus.training.loop.fitted` does."""

_known: dict[str, dict[str, Tensor]] = {}


def initial_network(run: Run, split: Split, fit: Fit) -> InitialNetwork:
    """Return the network of a run on the CPU, before its first step.

    Raises:
        ParibusError: a pattern fits nothing, weights do not fit, or the training that they come from failed.
    """
    recipe = run.recipe
    start = initialised(recipe, split.dataset, run.streams)
    network = start.network
    taken, frozen = named_weights(recipe, network)
    if taken:
        copy_weights(network, source_weights(run, fit), taken)
    for name in frozen:
        network.get_parameter(name).requires_grad_(False)
    return start


def named_weights(recipe: Recipe, network: nn.Module) -> tuple[list[str], list[str]]:
    """Return the names of the weights that a recipe loads from another training, and of those it freezes.

    Raises:
        ParibusError: a pattern fits nothing.
    """
    start, parameters = recipe.start, [name for name, _ in network.named_parameters()]
    taken = matching(network.state_dict(), start.load, "start.load") if start else []
    return taken, matching(parameters, recipe.freeze, "freeze")


def matching(names: Iterable[str], patterns: Sequence[str], what: str) -> list[str]:
    """Return the names that fit any of the patterns, in their order.

    Raises:
        ParibusError: a pattern fits none of them.
    """
    listed = list(names)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in listed):
            raise ParibusError(
                f"recipe.{what}",
                got=repr(pattern),
                expected=f"a pattern that fits some of {', '.join(listed)}",
                fix="Name weights as named_parameters() does; * stands for any text.",
            )
    return [name for name in listed if any(fnmatchcase(name, p) for p in patterns)]


def source_weights(run: Run, fit: Fit) -> dict[str, Tensor]:
    """Return the weights that a run starts from: of the training that its recipe names, with its own seed.

    They are trained once, by the loop, and kept in the cache under the key of that training, so that every variant that
    starts from it starts from the same numbers.

    Raises:
        ParibusError: that training failed.
    """
    start = run.recipe.start
    assert start is not None, "a recipe without a start has no source"
    dataset = start.task.read(run.data_seed)
    source = Run(
        start.task,
        start.recipe,
        run.seed,
        data_digest(start.task, dataset),
        device=run.device,
        redrawn=run.redrawn,
        deterministic=run.deterministic,
    )
    if source.key not in _known:
        weights = _kept(source, start.task.make_split(dataset, source.streams), fit)
        keep_latest(_known, source.key, weights, KEPT)
    return _known[source.key]


def _kept(source: Run, split: Split, fit: Fit) -> dict[str, Tensor]:
    """Return the weights from the cache, or train them; a cache that cannot be used costs only training time."""
    file = f"weights-{source.key}.pt"
    with suppress(OSError, ParibusError):
        path = cached_file(file)
        if path.exists():
            return load_weights(path)
    network = _trained(source, split, fit)
    with suppress(OSError, RuntimeError):  # as torch says of a full disk
        make_room(cache_folder())
        save_weights(network, cache_folder() / file)
    return {name: value.detach().cpu() for name, value in network.state_dict().items()}


def _trained(source: Run, split: Split, fit: Fit) -> nn.Module:
    training, progress = fit(source, split)
    if progress.outcome is not Outcome.completed:
        raise ParibusError(
            f"training of {source.recipe.model.label} on {source.task.name!r}, to start from, with seed {source.seed}",
            got=f"{progress.outcome}: {progress.reason}",
            expected="a training that completes",
            fix="Change the recipe under start.recipe.",
        )
    return training.network
