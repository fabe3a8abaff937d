"""Step of every variant's optimizer with its own network and a batch of its own data, before anything is trained."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from inspect import unwrap
from typing import Any

import torch
from torch import Tensor, nn

from paribus.data.cache import keep_latest
from paribus.data.dataset import Subset
from paribus.errors import ParibusError, error_context
from paribus.execution.executor import dataset_of
from paribus.experiment.recipe import Recipe
from paribus.experiment.variant import Variant
from paribus.metrics.outputs import copies
from paribus.seeding import Streams
from paribus.spec import Call, digest
from paribus.training.alternating import alternates
from paribus.training.evaluate import each
from paribus.training.network import build
from paribus.training.optimizer import NetworkOptimizer
from paribus.training.pretrained import named_weights
from paribus.training.schedule import STEPS, optimizer_calls

KEPT = 4
# More steps of a schedule take a second to look at.
MOST_STEPS = 20_000
WAYS_OUT = (
    "Change recipe.optimizer, or give weights optimizers of their own by patterns of their names: "
    "optimizer={'PATTERN': call(...), '*': call(...)}."
)


@dataclass
class Probe:
    """Network with the gradient of a batch, and its weights as they were drawn.

    Attributes:
        recipe: of the first variant that has this network.
        weights: copies of its parameters and buffers.
        gradients: of its parameters.
        evaluate: takes a forward and a backward pass.
        part: the batch.
    """

    network: nn.Module
    part: Subset
    weights: dict[str, Tensor]
    gradients: dict[str, Tensor | None]
    evaluate: Callable[[], Tensor]


_probes: dict[str, Probe] = {}


def check_optimizer(variant: Variant) -> None:
    """Make a variant's optimizer and schedule for its own network, and take a step on a batch of its own data.

    Raises:
        ParibusError: it cannot be made, does not take its step, or the schedule ends before the training does.
    """
    recipe = variant.recipe
    with bare_optimizers(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # schedules that are stepped alone
        probe = _probe(variant)
        with _context(
            variant,
            probe.network,
            _label(recipe),
            "a step with this network's weights on a batch of its data",
            WAYS_OUT,
        ):
            unscheduled = recipe.model_copy(update={"schedule": None})
            optimizers = _optimizers(unscheduled, probe.network)
            if alternates(probe.network):
                _alternate(optimizers, probe)
            else:
                _take_step(optimizers[0], probe)
        if recipe.schedule is not None:
            with _context(
                variant,
                probe.network,
                f"schedule {recipe.schedule.label}",
                f"one that goes on for the {recipe.steps} steps of a run",
                "Change recipe.schedule; arguments for its length may be left out.",
            ):
                for optimizer in _optimizers(recipe, probe.network):
                    for _ in range(_looked_at(recipe)):
                        optimizer.schedule.step()
                    optimizer.schedule.evaluated(0.0)


def _probe(variant: Variant) -> Probe:
    """Return the network of a variant and its gradient; those of the last few are kept."""
    recipe = variant.recipe
    parts = (
        recipe.model,
        recipe.init,
        recipe.freeze,
        recipe.batch_size,
        recipe.dtype,
        recipe.clip_norm,
    )
    name = digest((variant.task, *parts, recipe.salt, _capturable(recipe)))
    if name not in _probes:
        keep_latest(_probes, name, _new_probe(variant), KEPT)
    probe = _probes[name]
    with torch.no_grad():
        for key, value in probe.network.state_dict().items():
            value.copy_(probe.weights[key])
    return probe


def _new_probe(variant: Variant) -> Probe:
    recipe, streams = variant.recipe, Streams(0, variant.recipe.salt)
    dtype = getattr(torch, recipe.dtype)
    dataset = dataset_of(variant.task, 0)
    split = variant.task.make_split(dataset, streams)
    # What a GPU can capture takes no step elsewhere.
    device = "cuda" if _capturable(recipe) and torch.cuda.is_available() else "cpu"
    part = split.part("train", recipe.batch_size).to(device, dtype)
    network = build(recipe, dataset, streams)
    for frozen in named_weights(recipe, network)[1]:
        network.get_parameter(frozen).requires_grad_(False)
    network = network.to(device, dtype)
    first = {name: value.clone() for name, value in network.state_dict().items()}

    def evaluate() -> Tensor:
        loss: Tensor = each(variant.task.loss, network(*copies(part.inputs)), part.targets).mean()
        for weight in network.parameters():
            weight.grad = None
        loss.backward()
        if recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(network.parameters(), recipe.clip_norm)
        return loss

    if any(p.requires_grad for p in network.parameters()) and not alternates(network):
        with error_context(
            f"variant {variant.name!r} on {dataset.name}",
            expected=f"a forward and a backward pass on a batch of {len(part)}",
            fix="Change recipe.model or the task's loss so that they fit the data.",
        ):
            evaluate()
    gradients = {name: p.grad for name, p in network.named_parameters()}
    return Probe(network, part, first, gradients, evaluate)


def _looked_at(recipe: Recipe) -> int:
    """Return how many steps of a schedule are gone through: past the length that it is given, if it is given one."""
    assert recipe.schedule is not None, "only a schedule is gone through"
    given = [v for k, v in recipe.schedule.kwargs.items() if k in STEPS and isinstance(v, int)]
    return min(recipe.steps, max([MOST_STEPS, *(length + 2 for length in given)]))


def _capturable(recipe: Recipe) -> bool:
    return any(c.kwargs.get("capturable") for c in optimizer_calls(recipe))


def _optimizers(recipe: Recipe, network: nn.Module) -> list[NetworkOptimizer]:
    """Return the optimizers of a network: one, or one for each of its alternating updates."""
    if not alternates(network):
        return [NetworkOptimizer(recipe, network)]
    names = {id(weight): name for name, weight in network.named_parameters()}
    return [
        NetworkOptimizer(recipe, network, {names[id(p)]: p for p in group if p.requires_grad})
        for group, _ in network.alternating_updates()  # type: ignore[operator]  # checked by alternates()
    ]


def _alternate(optimizers: Sequence[NetworkOptimizer], probe: Probe) -> None:
    """Take the alternating updates of a step."""
    updates = probe.network.alternating_updates()  # type: ignore[operator]  # checked by alternates()
    for optimizer, (_, loss) in zip(optimizers, updates, strict=True):

        def evaluate(optimizer: NetworkOptimizer = optimizer, loss: Any = loss) -> Tensor:
            value: Tensor = loss(probe.part.inputs, probe.part.targets, torch.Generator())
            optimizer.zero_grad()
            value.backward()
            return value

        optimizer.train()
        optimizer.step(evaluate)
        optimizer.eval()


def _take_step(optimizer: NetworkOptimizer, probe: Probe) -> None:
    """Take a step on the gradient that is known; an optimizer that evaluates the loss itself is let do so."""
    known = True

    def evaluate() -> Tensor:
        nonlocal known
        if known:
            known = False
            for name, weight in probe.network.named_parameters():
                gradient = probe.gradients[name]
                weight.grad = None if gradient is None else gradient.clone()
            return torch.zeros(())
        return probe.evaluate()

    optimizer.train()
    if any(s.evaluates for s in optimizer.steppers):
        optimizer.step(probe.evaluate)
    else:
        optimizer.step(evaluate)
    if not optimizer.seen and all(
        torch.equal(weight, probe.weights[name]) for name, weight in optimizer.named.items()
    ):
        raise ParibusError(
            "",
            got="a step that changes none of the network's weights",
            expected="one that changes the weights that it is given",
            fix="Hand on the parameters themselves.",
        )
    optimizer.eval()


def _label(recipe: Recipe) -> str:
    """Return what people call the optimizer of a recipe, or its optimizers."""
    if isinstance(recipe.optimizer, Call):
        return f"optimizer {recipe.optimizer.label}"
    parts = (f"{pattern}: {call.label}" for pattern, call in recipe.optimizer)
    return f"optimizers {', '.join(parts)}"


@contextmanager
def _context(
    variant: Variant, network: nn.Module, what: str, expected: str, fix: str
) -> Iterator[None]:
    """Turn what an optimizer or a schedule raises into an error that names it and its variant."""
    what = f"{what} of variant {variant.name!r}"
    try:
        yield
    except ParibusError as error:
        raise ParibusError(what, got=error.got, expected=error.expected, fix=error.fix) from error
    except Exception as error:
        got = " ".join(f"{type(error).__name__}: {error}".split())
        # Optimizers speak of a weight by its shape.
        names = [
            n for n, p in network.named_parameters() if p.requires_grad and f"{p.shape}" in got
        ]
        got += f" (of that shape: {', '.join(names)})" if names else ""
        raise ParibusError(what, got=got, expected=expected, fix=fix) from error


@contextmanager
def bare_optimizers() -> Iterator[None]:
    """Use optimizers without what torch wraps around them: it loads torch's compiler, two seconds for nothing here."""
    if "torch._dynamo" in sys.modules:
        yield
        return
    base = torch.optim.Optimizer
    kinds = [k for k in vars(torch.optim).values() if isinstance(k, type) and issubclass(k, base)]
    before = [
        (kind, name, vars(kind)[name])
        for kind in kinds
        for name in ("__init__", "add_param_group", "zero_grad", "step")
        if name in vars(kind)
    ]
    try:
        for kind, name, function in before:
            bare = unwrap(function)
            setattr(kind, name, _without_gradient(bare) if name == "step" else bare)
        yield
    finally:
        for kind, name, function in before:
            setattr(kind, name, function)


def _without_gradient(step: Callable[..., Any]) -> Callable[..., Any]:
    """Return an optimizer's step in the mode that torch gives it: gradients where it is to be differentiated."""

    @wraps(step)
    def stepped(self: torch.optim.Optimizer, *args: Any, **kwargs: Any) -> Any:
        with torch.set_grad_enabled(bool(self.defaults.get("differentiable"))):
            return step(self, *args, **kwargs)

    return stepped
