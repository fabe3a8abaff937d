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
from paribus.training.noise import name_noise
from paribus.training.order import batches, order_digest, steps_per_epoch

DIAGNOSED = 256


@dataclass
class Progress:
    """What a training has come to so far."""

    outcome: Outcome = Outcome.completed
    reason: str = ""
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


class Training:
    """A network in training: the textbook step, and nothing else.

    Args:
        run: what is trained; ``initial`` keeps the hashes of its initial weights.
        fold: what it is trained on.
    """

    def __init__(self, run: Run, fold: Fold) -> None:
        dtype = getattr(torch, run.recipe.dtype)
        network = build(run.recipe, fold.dataset, run.streams)
        self.run = run
        self.initial = weight_digests(network)
        self.noise = name_noise(network, run.streams)
        self.network = network.to(run.device, dtype)
        self.parts = Parts(*(fold.part(p).to(run.device, dtype) for p in PARTS))
        self.optimizer = run.recipe.optimizer(network.parameters())
        self.order = batches(len(self.parts.train), run.recipe.batch_size, run.streams)
        self.steps = 0

    def advance(self, steps: int) -> Tensor:
        """Take steps; returns the loss of each, ``(step,)``, on the device. Waits for the device at the end only."""
        self.network.train()
        losses = [self._step() for _ in range(steps)]
        if self.run.device == "cuda":
            torch.cuda.synchronize()
        return torch.stack(losses)

    def _step(self) -> Tensor:
        task, recipe, data = self.run.task, self.run.recipe, self.parts.train
        batch = next(self.order).to(self.run.device)
        for layer in self.noise:
            layer.begin(self.steps)
        outputs = self.network(*(x[batch] for x in data.inputs))
        loss = task.loss(outputs, *(y[batch] for y in data.targets)).mean()
        self.optimizer.zero_grad()
        loss.backward()
        if recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), recipe.clip_norm)
        self.optimizer.step()
        self.steps += 1
        detached: Tensor = loss.detach()
        return detached


def train(run: Run, fold: Fold) -> Record:
    """Train one run on one fold and score it once on the test part.

    Every draw comes from the run's own streams; the global generator is seeded for networks that use it and put
    back afterwards.
    """
    with deterministic(run):
        started = time.perf_counter()
        training = Training(run, fold)
        progress = _fit(training)
        return _record(training, fold, progress, time.perf_counter() - started)


def _fit(training: Training) -> Progress:
    run, progress = training.run, Progress()
    recipe, samples = run.recipe, len(training.parts.train)
    every = recipe.evaluate_every or steps_per_epoch(samples, recipe.batch_size)
    limit = recipe.time_limit or math.inf
    _evaluate(training, progress, math.nan)
    while training.steps < recipe.steps:
        started = time.perf_counter()
        losses = training.advance(min(every, recipe.steps - training.steps))
        progress.step_seconds += time.perf_counter() - started
        if not _finite(losses, training.network):
            progress.outcome = Outcome.diverged
            progress.reason = f"loss or a weight was not finite by step {training.steps}"
            break
        _evaluate(training, progress, losses.double().mean().item())
        if _should_stop(training, progress):
            break
        if progress.step_seconds > limit and training.steps < recipe.steps:
            progress.outcome = Outcome.exhausted
            progress.reason = (
                f"time limit of {limit:g} s at step {training.steps} of {recipe.steps}"
            )
            break
    return progress


def _evaluate(training: Training, progress: Progress, loss: float) -> None:
    """Add a point to the curves: training loss since the last one, validation scores, diagnostics."""
    run, network, part = training.run, training.network, training.parts.validation
    outputs = outputs_of(network, part)
    scores = scores_of(outputs, part.targets, run.task.metrics)
    with torch.no_grad():
        each = run.task.loss(outputs, *part.targets)
    scores = {f"validation/{name}": value for name, value in scores.items()}
    scores["validation/loss"] = (each.double().sum() / len(each)).item()
    for diagnostic in run.diagnostics:
        scores |= diagnostic(network, training.parts.diagnosed, run.task.loss)
    progress.note(step=training.steps, **{"train/loss": loss}, **scores)


def _should_stop(training: Training, progress: Progress) -> bool:
    """Keep the best weights and count the rises of validation loss, where the recipe stops early."""
    stopping = training.run.recipe.early_stopping
    if stopping is None:
        return False
    *_, before, now = progress.curves["validation/loss"]
    progress.rises = progress.rises + 1 if now > before else 0
    if now < progress.best:
        progress.best, progress.best_step = now, training.steps
        state = training.network.state_dict()
        progress.best_state = {name: value.clone() for name, value in state.items()}
    return progress.rises >= stopping.patience


def _finite(losses: Tensor, network: nn.Module) -> bool:
    weights = (p.detach().isfinite().all() for p in network.parameters())
    return bool(losses.isfinite().all() & torch.stack(list(weights)).all())


def _record(training: Training, fold: Fold, progress: Progress, seconds: float) -> Record:
    run, recipe = training.run, training.run.recipe
    naive = naive_outputs(run.task, fold)
    targets = fold.part("test").targets
    scores, outputs = _final_scores(training, progress)
    predictions = None
    if outputs is not None:
        first = next(iter(naive.values()))
        predictions = Predictions(outputs.cpu().numpy(), targets[0].numpy(), first.numpy())
    return Record(
        key=run.key,
        seed=run.seed,
        outcome=progress.outcome,
        reason=progress.reason,
        scores=scores,
        naive={name: scores_of(o, targets, run.task.metrics) for name, o in naive.items()},
        curves=progress.curves,
        steps=training.steps,
        best_step=progress.best_step or training.steps,
        seconds=seconds,
        step_seconds=progress.step_seconds,
        parameters=sum(p.numel() for p in training.network.parameters()),
        hashes={
            "data": fold.dataset.digest,
            "split": fold.digest,
            "order": order_digest(len(fold.train), recipe.batch_size, recipe.steps, run.streams),
            "init": training.initial,
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


def _final_scores(training: Training, progress: Progress) -> tuple[dict[str, float], Tensor | None]:
    """Scores on the test part and last points of the curves, with the outputs; nothing for a diverged run."""
    if progress.outcome is Outcome.diverged:
        return {}, None
    task, network, test = training.run.task, training.network, training.parts.test
    if progress.best_state is not None:
        network.load_state_dict(progress.best_state)
    outputs = outputs_of(network, test)
    scores = scores_of(outputs, test.targets, task.metrics)
    if not math.isfinite(scores[task.primary.name]):
        progress.outcome = Outcome.diverged
        progress.reason = f"{task.primary.name} on the test part was not finite"
        return {}, None
    last = {name: curve[-1] for name, curve in progress.curves.items() if name != "step"}
    return {**last, **scores}, outputs


@contextmanager
def deterministic(run: Run) -> Iterator[None]:
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
