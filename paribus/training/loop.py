"""Reference training loop, one run at a time. Every other engine is tested against it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from paribus.data.dataset import PARTS, Split, Subset
from paribus.metrics.diagnostics import LastStep, needs_last_step
from paribus.metrics.outputs import Outputs
from paribus.runs.run import Outcome, Run, RunResult
from paribus.training.alternating import AlternatingUpdates, alternates
from paribus.training.augment import Augmentation
from paribus.training.batch_order import batches, steps_per_epoch
from paribus.training.determinism import deterministic_algorithms
from paribus.training.dropout import use_named_dropout
from paribus.training.evaluate import outputs_of
from paribus.training.evaluation_doubt import evaluation_doubt
from paribus.training.layer_summary import layer_table
from paribus.training.network import weight_digests
from paribus.training.noise import NetworkNoise, other_generators
from paribus.training.optimizer import NetworkOptimizer
from paribus.training.optimizer_notes import remarks
from paribus.training.pretrained import initial_network, source_weights
from paribus.training.run_state import RunState, diagnosed, evaluation, finish
from paribus.training.schedule import rate_curves

DIAGNOSED = 256


@dataclass(frozen=True)
class Parts:
    """Subsets on the device, and the first training samples, on which diagnostics are taken."""

    train: Subset
    validation: Subset
    test: Subset

    @property
    def diagnosed(self) -> Subset:
        """At most `DIAGNOSED` training samples, the same for every variant."""
        return Subset(
            tuple(x[:DIAGNOSED] for x in self.train.inputs),
            tuple(y[:DIAGNOSED] for y in self.train.targets),
        )


class Training:
    """Network in training: the textbook step, and nothing else.

    Args:
        run: what is trained; ``initial`` keeps the hashes of its initial weights.
        split: what it is trained on.
        parts: of the split, of the run's type and on its device, which others may share; None makes them.
    """

    def __init__(self, run: Run, split: Split, parts: Parts | None = None) -> None:
        dtype = getattr(torch, run.recipe.dtype)
        self.start = initial_network(run, split, fitted)
        network = self.start.network
        self.run = run
        self.initial = weight_digests(network)
        self.layers = layer_table(network, split.part("train", 1))
        self.noise = use_named_dropout(network, run.streams)
        self.network = network.to(run.device, dtype)
        self.forward_noise = NetworkNoise(network, run.streams, run.device, "The network")
        self.scoring_noise = NetworkNoise(
            network, run.streams, run.device, "In evaluation, too, the network"
        )
        self.parts = parts or Parts(*(split.part(p).to(run.device, dtype) for p in PARTS))
        self.make_optimizers()
        self.order = batches(len(self.parts.train), run.recipe.batch_size, run.streams)
        self.split = split
        self.augment = Augmentation(run.recipe.augment, run.streams) if run.recipe.augment else None
        self.steps = 0
        self.watching = any(map(needs_last_step, run.diagnostics))
        self.last: LastStep | None = None
        self.others: dict[str, Tensor] | None = None

    def make_optimizers(self) -> None:
        """Make the recipe's optimizers and schedules, as they are before the first step."""
        alternating = alternates(self.network)
        self.updates = (
            AlternatingUpdates(self.network, self.run, self.noise) if alternating else None
        )
        self.optimizers = (
            [NetworkOptimizer(self.run.recipe, self.network)]
            if self.updates is None
            else self.updates.optimizers
        )

    def advance(self, steps: int) -> Tensor:
        """Take steps and return their losses, ``(step,)``, on the device. Waits for the device at the end only."""
        self.network.train()
        for optimizer in self.optimizers:
            optimizer.train()
        losses = [self._step() for _ in range(steps - self.watching)]
        losses += [self._watched()] if self.watching else []
        if self.run.device == "cuda":
            torch.cuda.synchronize()
        return torch.stack(losses)

    def told(self, scored: Subset | None = None) -> dict[str, Any]:
        """Return what the record says of the network: its start, its noise, and doubts of its scores.

        Args:
            scored: part on which the last are looked for, or None.
        """
        notes = [*self.forward_noise.notes, *self.scoring_noise.notes]
        if scored is not None:
            same = partial(self.scoring_noise.of, "doubt")
            noisy = bool(self.scoring_noise.active)
            doubt = evaluation_doubt(self.network, scored.inputs, same, noisy=noisy)
            notes += [doubt] if doubt else []
        return self.start.told(notes)

    def _watched(self) -> Tensor:
        """Take a step and keep what it did."""
        weights = list(self.network.parameters())
        before = flat(weights)
        loss = self._step()
        gradients = [torch.zeros_like(w) if w.grad is None else w.grad for w in weights]
        self.last = LastStep(flat(weights) - before, flat(gradients))
        return loss

    def _step(self) -> Tensor:
        index = next(self.order)
        if self.updates is not None:
            with self.forward_noise.of(self.steps):
                loss: Tensor = self.updates(*self._batch(index), self.steps)
        else:
            loss = self.optimizers[0].step(partial(self._loss, index))
        self.steps += 1
        return loss.detach()

    def _batch(self, index: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Return inputs and targets of a batch, its own: a network or a loss may change them in place."""
        data, batch = self.parts.train, index.to(self.run.device)
        inputs = [x[batch] for x in data.inputs]
        if self.augment is not None:
            inputs[0] = self._augmented(self.augment, index)
        return inputs, [y[batch] for y in data.targets]

    def _loss(self, index: Tensor) -> Tensor:
        """Return the mean loss of a batch, and leave its gradient with the weights."""
        inputs, targets = self._batch(index)
        task, recipe = self.run.task, self.run.recipe
        for layer in self.noise:
            layer.begin(self.steps)
        with self.forward_noise.of(self.steps):
            loss: Tensor = task.loss(self.network(*inputs), *targets).mean()
        self.optimizers[0].zero_grad()
        loss.backward()
        if recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), recipe.clip_norm)
        return loss

    def outputs(self, part: Subset, *names: str | int) -> Outputs:
        """Return outputs for a part, of the weights that an optimizer's ``eval()`` puts in place, if it has one.

        Noise that a network draws even then comes from streams of these names.
        """
        self.score_weights()
        with self.scoring_noise.of(*names):
            return outputs_of(self.network, part)

    def outputs_of_others(self) -> Outputs | None:
        """Return outputs for the test part of the weights that are not kept, or None where there are none.

        Those that are kept are in place again afterwards.
        """
        if self.others is None:
            return None
        kept = _state(self.network)
        _put(self.network, self.others)
        outputs = self.outputs(self.parts.test, "test")
        _put(self.network, kept)
        return outputs

    def score_weights(self) -> None:
        """Put the weights in place that are scored and kept; the next step puts those back that are trained."""
        for optimizer in self.optimizers:
            optimizer.eval()

    def _augmented(self, augment: Augmentation, index: Tensor) -> Tensor:
        """Return the first input's samples of a batch, changed while raw and prepared as all samples are."""
        raw = self.split.dataset.inputs[0][self.split.train[index]]
        changed, affine = augment(raw, self.steps), self.split.input_standardizers[0]
        like = self.parts.train.inputs[0]
        return (affine(changed) if affine else changed).to(like.device, like.dtype)


def train(run: Run, split: Split) -> RunResult:
    """Train one run on one split and score it once on the test part, or not at all if it is a trial.

    Every draw comes from the run's own streams; the global generator is seeded for networks that use it and put
    back afterwards.
    """
    if run.recipe.start is not None:  # what it starts from is not part of its time
        source_weights(run, fitted)
    with deterministic(run):
        started = time.perf_counter()
        training, progress = fitted(run, split)
        finished = progress.outcome is not Outcome.diverged and run.trial is None
        outputs = training.outputs(training.parts.test, "test") if finished else None
        others = training.outputs_of_others() if finished else None
        record = finish(
            run,
            split,
            progress,
            outputs=outputs,
            others=others,
            layers=training.layers,
            network=training.told(training.parts.test if finished else None),
            seconds=time.perf_counter() - started,
        )
    return replace(record, notes=(*record.notes, *remarks(training)))


def fitted(run: Run, split: Split) -> tuple[Training, RunState]:
    """Train a network on a split; return it, with the weights that its recipe keeps, and the run's state."""
    with deterministic(run):
        training = Training(run, split)
        progress = RunState(run.task.primary, training.initial)
        best = _fit(training, progress)
        training.score_weights()
        if best is not None and progress.best_step < progress.steps:
            training.others = best if run.recipe.keep == "last" else _state(training.network)
            if run.recipe.keep == "best":
                _put(training.network, best)
        progress.curves |= rate_curves(optimizer.schedule for optimizer in training.optimizers)
    return training, progress


def _fit(training: Training, progress: RunState) -> dict[str, Tensor] | None:
    """Take the recipe's steps, or fewer; returns the best weights, or None where no validation score was finite."""
    run, recipe, best = training.run, training.run.recipe, None
    every = recipe.evaluate_every or steps_per_epoch(len(training.parts.train), recipe.batch_size)
    _evaluate(training, progress, math.nan)
    while training.steps < recipe.steps:
        started = time.perf_counter()
        losses = training.advance(min(every, recipe.steps - training.steps))
        progress.step_seconds += time.perf_counter() - started
        progress.steps = training.steps
        if not _finite(losses, training.network):
            progress.diverge(f"loss or a weight was not finite by step {training.steps}")
            break
        _evaluate(training, progress, losses.double().mean().item())
        if progress.watch():
            best = _state(training.network)
        if recipe.early_stopping and progress.rises >= recipe.early_stopping.patience:
            break
        if _out_of_time(run, progress):
            break
    return best


def _state(network: nn.Module) -> dict[str, Tensor]:
    """Return a copy of weights and buffers, those that a ``state_dict`` leaves out among them."""
    named = [*network.named_parameters(), *network.named_buffers()]
    return {name: value.detach().clone() for name, value in named}


@torch.no_grad()
def _put(network: nn.Module, state: dict[str, Tensor]) -> None:
    """Put weights and buffers back, as `_state` copied them."""
    for name, value in [*network.named_parameters(), *network.named_buffers()]:
        value.copy_(state[name])


def _out_of_time(run: Run, progress: RunState) -> bool:
    limit, steps = run.recipe.time_limit, run.recipe.steps
    late = limit is not None and progress.step_seconds > limit and progress.steps < steps
    if late:
        progress.outcome = Outcome.exhausted
        progress.reason = f"time limit of {limit:g} s at step {progress.steps} of {steps}"
    return late


def _evaluate(training: Training, progress: RunState, loss: float) -> None:
    """Add a point to the curves: training loss since the last one, validation scores, diagnostics."""
    run, network, part = training.run, training.network, training.parts.validation
    scores = evaluation(run, training.outputs(part, training.steps), part)
    seen = training.parts.diagnosed
    scores |= diagnosed(run, network, training.noise, training.steps, seen, training.last)
    for optimizer in training.optimizers:
        if training.steps:
            optimizer.schedule.evaluated(scores["validation/loss"])
        optimizer.schedule.note()
    progress.note(step=training.steps, **{"train/loss": loss}, **scores)


def flat(tensors: Sequence[Tensor]) -> Tensor:
    """Return a copy of all their numbers in one row, ``(parameter,)``; the gradient of an embedding may be sparse."""
    return torch.cat([(x.to_dense() if x.is_sparse else x).detach().flatten() for x in tensors])


def _finite(losses: Tensor, network: nn.Module) -> bool:
    weights = (p.detach().isfinite().all() for p in network.parameters())
    return bool(losses.isfinite().all() & torch.stack(list(weights)).all())


@contextmanager
def deterministic(run: Run) -> Iterator[None]:
    """Seed the global generator for networks that draw from it, ask for reproducible kernels, and undo both."""
    devices = [torch.cuda.current_device()] if run.device == "cuda" else []
    cudnn, number = torch.backends.cudnn, run.streams.number("noise")
    before = (cudnn.deterministic, cudnn.benchmark)
    algorithms = deterministic_algorithms(
        f"training of {run.recipe.model.label} on {run.task.name!r}", wanted=run.deterministic
    )
    with torch.random.fork_rng(devices=devices), other_generators(number), algorithms:
        torch.manual_seed(number)
        cudnn.deterministic, cudnn.benchmark = True, False
        try:
            yield
        finally:
            cudnn.deterministic, cudnn.benchmark = before
