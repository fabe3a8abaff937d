"""The loop that everybody knows, one run at a time: the oracle for every other engine."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from paribus.data import PARTS, Fold, Part
from paribus.run import Outcome, Predictions, Record, Run
from paribus.training.evaluate import naive_outputs, outputs_of, scores_of
from paribus.training.network import build, weight_digests
from paribus.training.noise import NamedDropout, name_noise
from paribus.training.order import batches, order_digest, steps_per_epoch

DIAGNOSED = 256


@dataclass
class Progress:
    """What a training has come to so far."""

    outcome: Outcome = Outcome.completed
    reason: str = ""
    steps: int = 0
    step_seconds: float = 0.0
    curves: dict[str, list[float]] = field(default_factory=dict)
    best: float = math.inf
    best_step: int = 0
    best_state: dict[str, Tensor] | None = None
    rises: int = 0

    def note(self, **values: float) -> None:
        """Add a point to each curve."""
        for name, value in values.items():
            self.curves.setdefault(name, []).append(value)


@dataclass(frozen=True)
class Parts:
    """The three parts on the device, and the first training samples, on which diagnostics are taken."""

    train: Part
    validation: Part
    test: Part

    @property
    def diagnosed(self) -> Part:
        """At most `DIAGNOSED` training samples, the same for every variant."""
        return Part(
            tuple(x[:DIAGNOSED] for x in self.train.inputs),
            tuple(y[:DIAGNOSED] for y in self.train.targets),
        )


def train(run: Run, fold: Fold) -> Record:
    """Train one run on one fold and score it once on the test part.

    Every draw comes from the run's own streams; the global generator is seeded for networks that use it and put
    back afterwards.
    """
    recipe, dtype = run.recipe, getattr(torch, run.recipe.dtype)
    with _deterministic(run):
        started = time.perf_counter()
        network = build(recipe, fold.dataset, run.streams)
        initial = weight_digests(network)
        noise = name_noise(network, run.streams)
        network = network.to(run.device, dtype)
        parts = Parts(*(fold.part(p).to(run.device, dtype) for p in PARTS))
        progress = _fit(run, network, noise, parts)
        return _record(run, fold, network, parts, progress, initial, time.perf_counter() - started)


def _fit(run: Run, network: nn.Module, noise: list[NamedDropout], parts: Parts) -> Progress:
    recipe, task, progress = run.recipe, run.task, Progress()
    optimizer = recipe.optimizer(network.parameters())
    order = batches(len(parts.train), recipe.batch_size, run.streams)
    every = recipe.evaluate_every or steps_per_epoch(len(parts.train), recipe.batch_size)
    losses = torch.zeros(every, device=run.device, dtype=getattr(torch, recipe.dtype))
    _evaluate(run, network, parts, progress, math.nan)
    network.train()
    limit = recipe.time_limit or math.inf
    while progress.steps < recipe.steps:
        todo = min(every, recipe.steps - progress.steps)
        started = time.perf_counter()
        for i in range(todo):
            batch = next(order).to(run.device)
            for layer in noise:
                layer.begin(progress.steps + i)
            outputs = network(*(x[batch] for x in parts.train.inputs))
            loss = task.loss(outputs, *(y[batch] for y in parts.train.targets)).mean()
            optimizer.zero_grad()
            loss.backward()
            if recipe.clip_norm is not None:
                nn.utils.clip_grad_norm_(network.parameters(), recipe.clip_norm)
            optimizer.step()
            losses[i] = loss.detach()
        _synchronise(run.device)
        progress.step_seconds += time.perf_counter() - started
        progress.steps += todo
        if not _finite(losses[:todo], network):
            progress.outcome = Outcome.diverged
            progress.reason = f"loss or a weight was not finite by step {progress.steps}"
            break
        _evaluate(run, network, parts, progress, losses[:todo].double().mean().item())
        if _should_stop(run, network, progress):
            break
        if progress.step_seconds > limit and progress.steps < recipe.steps:
            progress.outcome = Outcome.exhausted
            progress.reason = f"time limit of {limit:g} s after {progress.steps} of {recipe.steps} steps"
            break
    return progress


def _evaluate(run: Run, network: nn.Module, parts: Parts, progress: Progress, loss: float) -> None:
    """Add a point to the curves: training loss since the last one, validation scores, diagnostics."""
    outputs = outputs_of(network, parts.validation)
    scores = scores_of(outputs, parts.validation.targets, run.task.metrics)
    with torch.no_grad():
        each = run.task.loss(outputs, *parts.validation.targets)
    scores = {f"validation/{name}": value for name, value in scores.items()}
    scores["validation/loss"] = (each.double().sum() / len(each)).item()
    for diagnostic in run.diagnostics:
        scores |= diagnostic(network, parts.diagnosed, run.task.loss)
    progress.note(step=progress.steps, **{"train/loss": loss}, **scores)


def _should_stop(run: Run, network: nn.Module, progress: Progress) -> bool:
    """Keep the best weights and count the rises of validation loss, where the recipe stops early."""
    stopping = run.recipe.early_stopping
    if stopping is None:
        return False
    *_, before, now = progress.curves["validation/loss"]
    progress.rises = progress.rises + 1 if now > before else 0
    if now < progress.best:
        progress.best, progress.best_step = now, progress.steps
        progress.best_state = {k: v.clone() for k, v in network.state_dict().items()}
    return progress.rises >= stopping.patience


def _finite(losses: Tensor, network: nn.Module) -> bool:
    weights = (p.detach().isfinite().all() for p in network.parameters())
    return bool(losses.isfinite().all() & torch.stack(list(weights)).all())


def _record(
    run: Run,
    fold: Fold,
    network: nn.Module,
    parts: Parts,
    progress: Progress,
    initial: dict[str, str],
    seconds: float,
) -> Record:
    naive = naive_outputs(run.task, fold)
    targets = fold.part("test").targets
    scores: dict[str, float] = {}
    predictions = None
    if progress.outcome is not Outcome.diverged:
        if progress.best_state is not None:
            network.load_state_dict(progress.best_state)
        outputs = outputs_of(network, parts.test)
        scores = scores_of(outputs, parts.test.targets, run.task.metrics)
        if not math.isfinite(scores[run.task.primary.name]):
            progress.outcome = Outcome.diverged
            progress.reason = f"{run.task.primary.name} on the test part was not finite"
            scores = {}
    if progress.outcome is not Outcome.diverged:
        scores |= {name: curve[-1] for name, curve in progress.curves.items() if name != "step"}
        predictions = Predictions(
            outputs.cpu().numpy(), targets[0].numpy(), next(iter(naive.values())).numpy()
        )
    return Record(
        key=run.key,
        seed=run.seed,
        outcome=progress.outcome,
        reason=progress.reason,
        scores=scores,
        naive={n: scores_of(o, targets, run.task.metrics) for n, o in naive.items()},
        curves=progress.curves,
        steps=progress.steps,
        best_step=progress.best_step or progress.steps,
        seconds=seconds,
        step_seconds=progress.step_seconds,
        parameters=sum(p.numel() for p in network.parameters()),
        hashes={
            "data": fold.dataset.digest,
            "split": fold.digest,
            "order": order_digest(
                len(fold.train), run.recipe.batch_size, run.recipe.steps, run.streams
            ),
            "init": initial,
        },
        data={
            "name": fold.dataset.name,
            "origin": fold.dataset.origin,
            "digest": fold.dataset.digest,
            "classes": list(fold.dataset.classes),
            **{name: len(fold.indices(name)) for name in PARTS},
        },
        notes=(*fold.dataset.notes, *fold.notes),
        predictions=predictions,
    )


@contextmanager
def _deterministic(run: Run) -> Iterator[None]:
    """Seed the global generator for networks that draw from it, ask for reproducible kernels, and undo both."""
    devices = [torch.cuda.current_device()] if run.device == "cuda" else []
    cudnn, number = torch.backends.cudnn, run.streams.number("noise")
    before = (cudnn.deterministic, cudnn.benchmark)
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(number)
        cudnn.deterministic, cudnn.benchmark = True, False
        try:
            yield
        finally:
            cudnn.deterministic, cudnn.benchmark = before


def _synchronise(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
