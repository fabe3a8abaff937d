"""All runs of a cohort at once: the same steps as the loop, with a leading replicate dimension."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from paribus.data import Affine, Fold, Part
from paribus.run import Outcome, Record, Run
from paribus.training.evaluate import CHUNK, outputs_of
from paribus.training.loop import DIAGNOSED, deterministic
from paribus.training.network import build, weight_digests
from paribus.training.noise import NamedDropout, name_noise
from paribus.training.order import batches, steps_per_epoch
from paribus.training.record import Progress, diagnosed, evaluation, record_of
from paribus.training.stack import Stack, Tensors
from paribus.training.updates import Update, refusal, stacked_update


@dataclass(frozen=True)
class Source:
    """One tensor of the data for all replicates: one raw copy, and each replicate's way to prepare it.

    Attributes:
        raw: ``(sample, ...)``; where replicates have data of their own, theirs one after the other.
        start: number of each replicate's first sample, ``(replicate, 1)``.
        affine: preparation by replicate, each tensor ``(replicate, 1, ...)``, or None.
        missing: whether there is anything to fill.
    """

    raw: Tensor
    start: Tensor
    affine: Affine | None
    missing: bool

    def pick(self, index: Tensor) -> Tensor:
        """Prepared samples, ``(replicate, batch, ...)``, for sample numbers ``(replicate, batch)``."""
        x = self.raw[index + self.start]
        if self.affine is None:
            return x
        if self.missing:
            return self.affine(x)
        return (x.to(self.affine.shift.dtype) - self.affine.shift) * self.affine.scale


def source(tensors: Sequence[Tensor], affines: Sequence[Affine | None], device: str) -> Source:
    """One raw copy of what replicates share.

    Args:
        tensors: each replicate's, ``(sample, ...)``; the same object where they share it.
        affines: each replicate's.
        device: where it is put.
    """
    first = tensors[0]
    shared = all(t is first for t in tensors)
    raw = first if shared else torch.cat(list(tensors))
    lengths = [0] * len(tensors) if shared else [0, *(len(t) for t in tensors[:-1])]
    start = torch.tensor(lengths, device=device).cumsum(0)[:, None]
    missing = bool(raw.isnan().any()) if raw.is_floating_point() else False
    stacked = None
    if affines[0] is not None:
        # In the loop's precision first: it prepares in float32 and then converts.
        columns = [
            torch.stack([getattr(a, n) for a in affines]) for n in ("fill", "shift", "scale")
        ]
        stacked = Affine(*(c.unsqueeze(1).to(device) for c in columns))
    return Source(raw.to(device), start, stacked, missing)


class StackedTraining:
    """A cohort in training.

    Args:
        runs: of one network shape, batch size, budget and kind of optimizer; seeds and numbers differ.
        folds: what each is trained on, with parts of equal sizes.
    """

    def __init__(self, runs: Sequence[Run], folds: Sequence[Fold]) -> None:
        first = runs[0]
        self.runs, self.folds, self.device = runs, folds, first.device
        self.dtype = getattr(torch, first.recipe.dtype)
        networks = [build(r.recipe, f.dataset, r.streams) for r, f in zip(runs, folds, strict=True)]
        self.progress = [Progress(initial=weight_digests(network)) for network in networks]
        for network, run in zip(networks, runs, strict=True):
            name_noise(network, run.streams)
            network.to(self.device, self.dtype)
        # Of its own, so that what is diagnosed moves nobody's masks.
        self.scratch = copy.deepcopy(networks[0])
        self.stack = Stack(networks)
        self.parameters = sum(p.numel() for p in self.scratch.parameters())
        self.update: Update = stacked_update([r.recipe.optimizer for r in runs], self.stack.weights)
        self.inputs, self.targets = self._sources("inputs"), self._sources("targets")
        samples = len(folds[0].train)
        self.order = [batches(samples, first.recipe.batch_size, run.streams) for run in runs]
        self.train_index = torch.stack([fold.train for fold in folds])
        self.steps = 0
        if self.stack.masks:
            self._see_shapes(networks[0])

    def _sources(self, which: str) -> list[Source]:
        kind = "input_affines" if which == "inputs" else "target_affines"
        tensors = [getattr(fold.dataset, which) for fold in self.folds]
        affines = [getattr(fold, kind) for fold in self.folds]
        count = len(tensors[0])
        return [
            source([t[i] for t in tensors], [a[i] for a in affines], self.device)
            for i in range(count)
        ]

    def _see_shapes(self, network: nn.Module) -> None:
        """Pass one batch through one network, so that each dropout knows the shape of its mask."""
        batch = self._batch(
            torch.stack(
                [
                    next(batches(len(f.train), r.recipe.batch_size, r.streams))
                    for r, f in zip(self.runs, self.folds, strict=True)
                ]
            )
        )
        buffers = {name: b.clone() for name, b in network.named_buffers()}
        with torch.no_grad():
            torch.func.functional_call(network, buffers, tuple(x[0] for x in batch[0]))

    def _batch(self, positions: Tensor) -> tuple[Tensors, Tensors]:
        """Inputs and targets at positions in the training part, ``(replicate, batch)``."""
        return self.pick(self.train_index.gather(1, positions))

    def pick(self, index: Tensor) -> tuple[Tensors, Tensors]:
        """Prepared inputs and targets, ``(replicate, batch, ...)`` each, for sample numbers."""
        return self.pick_of(self.inputs, index), self.pick_of(self.targets, index)

    def pick_of(self, sources: Sequence[Source], index: Tensor) -> Tensors:
        """Either the one or the other."""
        index = index.to(self.device)
        picked = (s.pick(index) for s in sources)
        return tuple(x.to(self.dtype) if x.is_floating_point() else x for x in picked)

    def advance(self, steps: int) -> Tensor:
        """Take steps; returns the loss of each replicate at each, ``(step, replicate)``."""
        self.stack.base.train()
        losses = [self._step() for _ in range(steps)]
        if self.device == "cuda":
            torch.cuda.synchronize()
        return torch.stack(losses)

    def _step(self) -> Tensor:
        inputs, targets = self._batch(torch.stack([next(order) for order in self.order]))
        self.stack.draw_masks(self.steps)
        losses = self.losses(inputs, targets)
        (gradient,) = torch.autograd.grad(losses.sum(), self.stack.weights)
        limit = self.runs[0].recipe.clip_norm
        if limit is not None:
            norm = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
            gradient = gradient * (limit / (norm + 1e-6)).clamp(max=1.0)
        self.update(self.stack.weights, gradient)
        self.steps += 1
        return losses.detach()

    def losses(self, inputs: Tensors, targets: Tensors) -> Tensor:
        """Mean loss of each replicate's batch, ``(replicate,)``."""
        loss = self.runs[0].task.loss
        found: Tensor = self.stack.call(lambda net, x, y: loss(net(*x), *y).mean(), inputs, targets)
        return found

    @torch.no_grad()
    def outputs(self, part: str) -> Tensor:
        """Outputs for a part, ``(replicate, sample, output)``, in evaluation mode and in chunks."""
        self.stack.base.eval()
        index = torch.stack([fold.indices(part) for fold in self.folds])
        chunks = index.split(max(1, CHUNK // len(self.runs)) + 63, dim=1)
        found = [
            self.stack.call(lambda net, x: net(*x), self.pick_of(self.inputs, i)) for i in chunks
        ]
        self.stack.base.train()
        return torch.cat(found, dim=1)


def train_together(runs: Sequence[Run], folds: Sequence[Fold]) -> list[Record]:
    """Train a cohort and score each run once on its test part, as `paribus.training.loop.train` does one by one."""
    with deterministic(runs[0]):
        started = time.perf_counter()
        training = StackedTraining(runs, folds)
        best = _fit(training)
        if best is not None:
            training.stack.restore(best)
        outputs = training.outputs("test")
        seconds = (time.perf_counter() - started) / len(runs)
    diverged = [p.outcome is Outcome.diverged for p in training.progress]
    return [
        record_of(
            run,
            fold,
            progress,
            outputs=None if diverged[i] else outputs[i],
            parameters=training.parameters,
            seconds=seconds,
        )
        for i, (run, fold, progress) in enumerate(zip(runs, folds, training.progress, strict=True))
    ]


def _fit(training: StackedTraining) -> tuple[Tensor, dict[str, Tensor]] | None:
    """Take the recipe's steps, or fewer once every replicate has stopped; returns the best weights, if kept."""
    recipe = training.runs[0].recipe
    every = recipe.evaluate_every or steps_per_epoch(
        len(training.folds[0].train), recipe.batch_size
    )
    best = training.stack.state() if recipe.early_stopping is not None else None
    going = set(range(len(training.runs)))
    _evaluate(training, going, None)
    while training.steps < recipe.steps and going:
        started = time.perf_counter()
        losses = training.advance(min(every, recipe.steps - training.steps))
        share = (time.perf_counter() - started) / len(going)
        finite = losses.isfinite().all(0) & training.stack.weights.detach().isfinite().all(1)
        for i in sorted(going):
            progress = training.progress[i]
            progress.step_seconds += share
            progress.steps = training.steps
            if not finite[i]:
                progress.diverge(f"loss or a weight was not finite by step {training.steps}")
                going.discard(i)
        _evaluate(training, going, losses)
        if best is not None:
            going -= _stop(training, going, best)
    return best


def _stop(
    training: StackedTraining, going: set[int], best: tuple[Tensor, dict[str, Tensor]]
) -> set[int]:
    """Keep the weights of replicates that are at their best; returns those that stop early."""
    stopping = training.runs[0].recipe.early_stopping
    assert stopping is not None
    # One that was never at its best, its loss not being finite, is scored as it is.
    improved = [
        i for i in going if training.progress[i].watch() or not training.progress[i].best_step
    ]
    training.stack.keep(torch.tensor(improved, dtype=torch.long), best)
    return {i for i in going if training.progress[i].rises >= stopping.patience}


def _evaluate(training: StackedTraining, going: set[int], losses: Tensor | None) -> None:
    """Add a point to the curves of the replicates that are still going."""
    outputs = training.outputs("validation")
    validation = torch.stack([fold.validation for fold in training.folds])
    targets = training.pick_of(training.targets, validation)
    means = None if losses is None else losses.double().mean(0)
    for i in sorted(going):
        run = training.runs[i]
        scores = evaluation(run, outputs[i], Part((), tuple(y[i] for y in targets)))
        scores |= _diagnostics(training, i) if run.diagnostics else {}
        loss = math.nan if means is None else means[i].item()
        training.progress[i].note(step=training.steps, **{"train/loss": loss}, **scores)


def _diagnostics(training: StackedTraining, index: int) -> dict[str, float]:
    """What the run's diagnostics say of one replicate, as an ordinary network."""
    run, network = training.runs[index], training.scratch
    training.stack.load(network, index)
    network.train()
    part = training.folds[index].part("train", DIAGNOSED).to(training.device, training.dtype)
    noise = [m for m in network.modules() if isinstance(m, NamedDropout)]
    for layer in noise:
        layer.streams = run.streams
    return diagnosed(run, network, noise, training.steps, part)


def why_not(run: Run) -> str:
    """Why a run cannot be stacked at all, or nothing; what only a trial can tell is told by `self_check`."""
    if run.recipe.time_limit is not None:
        return "a time limit counts the seconds of one run alone"
    return refusal(run.recipe.optimizer)


CHECKED_STEPS = 3
# Of how far the weights moved. Adagrad divides a gradient of zero by 1e-10 and so makes of round-off, where a norm
# follows a bias, a millionth of a step.
TOLERANCE = 1e-5
ROUND_OFF = 1e-12


def self_check(run: Run, fold: Fold) -> str:
    """Train two replicates for three steps in float64, stacked and by the loop; why they differ, or nothing.

    It finds networks that `vmap` refuses, and those that it takes but trains otherwise.
    """
    from dataclasses import replace

    from paribus.training.loop import Training

    recipe = run.recipe.model_copy(update={"dtype": "float64", "steps": CHECKED_STEPS})
    pair = [replace(run, recipe=recipe, seed=seed) for seed in (run.seed, run.seed + 1)]
    with deterministic(run):
        try:
            together = StackedTraining(pair, [fold, fold])
            losses = together.advance(CHECKED_STEPS)
            outputs = together.outputs("validation")
        except Exception as error:  # noqa: BLE001 - whatever a network raises under vmap is the reason
            return f"vmap refuses the network: {f'{error}'.partition(chr(10))[0]}"
        for i, one in enumerate(pair):
            alone = Training(one, fold)
            before = _row(alone.network)
            first = alone.advance(1)
            alone.advance(CHECKED_STEPS - 1)
            after = _row(alone.network)
            moved = (after - before).nan_to_num(0, 0, 0).abs().max().item()
            outputs_alone = outputs_of(alone.network, alone.parts.validation)
            for what, found, wanted, by in (
                ("first losses", losses[:1, i], first, 0.0),
                ("weights", together.stack.weights.detach()[i], after, moved),
                ("outputs", outputs[i], outputs_alone, moved),
            ):
                apart = _apart(found, wanted, by)
                if apart:
                    return f"{what} differ from the loop's by {apart:.1e} after {CHECKED_STEPS} float64 steps"
    return ""


def _row(network: nn.Module) -> Tensor:
    return torch.cat([p.detach().reshape(-1).clone() for p in network.parameters()])


def _apart(found: Tensor, wanted: Tensor, moved: float) -> float:
    """By how much two engines differ, if by more than a small share of what training moved, and else zero.

    What is not finite in either is equal; a number that is finite in one alone is infinitely far away.
    """
    if found.shape != wanted.shape:
        return math.inf
    apart = (found - wanted).abs().nan_to_num(math.inf, math.inf)
    apart = torch.where(found.isfinite() | wanted.isfinite(), apart, 0.0)
    size = wanted.nan_to_num(0, 0, 0).abs().max().item()
    largest = apart.max().item()
    return largest if largest > TOLERANCE * moved + ROUND_OFF * max(1.0, size) else 0.0
