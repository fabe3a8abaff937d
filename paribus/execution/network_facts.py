"""Facts of a network that decide how it is best trained: whether it can be stacked, and the work of a step.

They are found once for a kind of network by three steps in float64, and kept in the cache.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import nn

from paribus.data.cache import cached_record
from paribus.data.dataset import Split
from paribus.engines.vmapped.fit import self_check
from paribus.engines.work import Work, WorkCounter
from paribus.execution.executor import split_of
from paribus.runs.fingerprint import fingerprint
from paribus.runs.run import Run
from paribus.spec import call, digest, to_plain
from paribus.training.alternating import alternates
from paribus.training.loop import fitted
from paribus.training.pretrained import initial_network

# The optimizer that every network is checked with; what another one adds is known without the network.
PLAIN = call("torch.optim:SGD", lr=0.01)
# Samples that are scored to check a network.
SCORED = 64
# Where modules are defined that steps of SIMD lanes have operations for.
LANES_KNOW = {
    f"torch.nn.modules.{name}"
    for name in (
        *("activation", "batchnorm", "container", "dropout", "flatten"),
        *("linear", "normalization"),
    )
}
# Of modules that hold others besides.
LANES_KNOW_TOO = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)
# Computed by kernels of their own, in which no operation is counted.
OPAQUE = (nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention)


class NetworkFacts(NamedTuple):
    """Facts of a network on a task, for batches of one size, as counted with plain gradient descent.

    Attributes:
        loop: work of a step of one replicate by the loop.
        stack: the same of a stacked step: its operations are of all replicates together, the rest is of each.
        tensors: of weights.
        parameters: numbers in them.
        trained: samples of the training part.
        validated: samples of the validation part.
        in_lanes: whether steps in SIMD lanes have operations for its layers.
        counted: whether what it computes is seen by counting.
    """

    loop: Work
    stack: Work
    tensors: int
    parameters: int
    trained: int
    validated: int
    in_lanes: bool
    counted: bool


def network_facts(run: Run) -> NetworkFacts | str:
    """Return the facts of a run's network, from the cache if it was checked before, or why it cannot be stacked."""
    # A refusal is not kept: its cause may pass, such as want of memory.
    return cached_record(f"network-{kind_of_network(run)}.json", _read, lambda: _found(run))


def known_facts(run: Run) -> NetworkFacts | None:
    """Return the facts of a run's network if they are in the cache."""
    found = cached_record(f"network-{kind_of_network(run)}.json", _read, lambda: "")
    return None if isinstance(found, str) else found


def kind_of_network(run: Run) -> str:
    """Return the name of all that decides whether a network can be stacked, and the work of its step.

    That is the network, the data's shapes and the loss, and the code and the torch that compute them. Seeds, steps,
    the optimizer and the learning rate are not among them.
    """
    task = to_plain(run.task)
    for name in ("path", "metrics", "dummy"):
        del task[name]
    recipe = run.recipe
    return digest(
        {
            "task": task,
            "data": run.data_digest,
            "network": [
                to_plain(recipe.model),
                to_plain(recipe.init),
                recipe.batch_size,
                *recipe.freeze,
            ],
            "code": fingerprint((run.task, recipe), "stacked-compiled", run.environment),
            "torch": torch.__version__,
            "device": run.device,
        }
    )


def _read(text: str) -> NetworkFacts | str:
    """Return facts from their text.

    Raises:
        ValueError: it is none.
        TypeError: there are too few or too many.
        KeyError: some are missing.
    """
    found = json.loads(text)
    works = {name: Work(*map(float, found[name])) for name in ("loop", "stack")}
    return NetworkFacts(**{**found, **works})


def _found(run: Run) -> NetworkFacts | str:
    plain = run.recipe.model_copy(
        update={"optimizer": PLAIN, "clip_norm": None, "early_stopping": None, "augment": ()}
    )
    run = replace(run, recipe=plain, diagnostics=())
    split = split_of(run)
    looped, stacked = WorkCounter(), WorkCounter()
    if reason := self_check(run, _briefly_scored(split), looped, stacked):
        return reason
    network = initial_network(run, split, fitted).network
    both = stacked.work
    modules = [*network.modules()]
    return NetworkFacts(
        loop=looped.work,
        stack=Work(both.operations, both.numbers / 2, both.products / 2, both.convolved / 2),
        tensors=len([*network.parameters()]),
        parameters=sum(p.numel() for p in network.parameters()),
        trained=len(split.train),
        validated=len(split.validation),
        in_lanes=not alternates(network)
        and all(map(_in_lanes, (m for m in modules if not [*m.children()]))),
        counted=is_counted(network),
    )


def _briefly_scored(split: Split) -> Split:
    """Return a split with few samples to score, prepared as they are in the whole one."""
    few = replace(split, validation=split.validation[:SCORED], test=split.test[:SCORED])
    vars(few).update(
        input_standardizers=split.input_standardizers,
        target_standardizers=split.target_standardizers,
    )
    return few


def _in_lanes(layer: nn.Module) -> bool:
    return type(layer) in LANES_KNOW_TOO or type(layer).__module__ in LANES_KNOW


def is_counted(network: nn.Module) -> bool:
    """Return whether all that a network computes is seen by counting operations."""
    return not any(isinstance(module, OPAQUE) for module in network.modules())
