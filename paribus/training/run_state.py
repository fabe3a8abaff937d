"""State of one run, and its result when it is over; shared by all engines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from paribus.data.dataset import PARTS, Split, Subset
from paribus.experiment.task import Metric
from paribus.metrics.diagnostics import LastStep, needs_last_step
from paribus.metrics.output_range import range_doubt
from paribus.metrics.outputs import Outputs, as_tuple, copies
from paribus.runs.run import Outcome, Predictions, Run, RunResult
from paribus.training.batch_order import order_digest
from paribus.training.dropout import NamedDropout
from paribus.training.evaluate import dummy_outputs, each, scores_of, standard_errors
from paribus.training.first_pass import first_pass
from paribus.training.layer_summary import LayerLine
from paribus.training.schedule import CURVE as RATES


@dataclass
class RunState:
    """State of the training of one run so far.

    Attributes:
        primary: metric whose best validation score names the best weights.
        initial: hashes of the initial weights.
        best, best_step: best validation score, times the metric's sign, and the step that it was first seen at; zero
            where none was finite.
        rises: evaluations in a row whose validation loss was above the one before.
    """

    primary: Metric
    initial: dict[str, str] = field(default_factory=dict)
    outcome: Outcome = Outcome.completed
    reason: str = ""
    steps: int = 0
    step_seconds: float = 0.0
    curves: dict[str, list[float]] = field(default_factory=dict)
    best: float = -math.inf
    best_step: int = 0
    rises: int = 0

    def note(self, **values: float) -> None:
        """Add a point to each curve."""
        for name, value in values.items():
            self.curves.setdefault(name, []).append(value)

    def diverge(self, reason: str) -> None:
        """Record that something was not finite."""
        self.outcome, self.reason = Outcome.diverged, reason

    def watch(self) -> bool:
        """Compare the last two validation losses; return whether the last validation score is the best so far."""
        *_, before, now = self.curves["validation/loss"]
        self.rises = self.rises + 1 if now > before else 0
        score = self.primary.sign * self.curves[f"validation/{self.primary.name}"][-1]
        best = math.isfinite(score) and score > self.best
        if best:
            self.best, self.best_step = score, self.steps
        return best

    def kept_step(self, keep: str) -> int:
        """Return the step whose weights a recipe that keeps the ``best`` or the ``last`` ones scores."""
        return self.best_step or self.steps if keep == "best" else self.steps


@torch.no_grad()
def evaluation(run: Run, outputs: Outputs, part: Subset) -> dict[str, float]:
    """Return validation scores and loss by the names of their curves."""
    scores = scores_of(outputs, part.targets, run.task.metrics)
    losses = each(run.task.loss, outputs, part.targets)
    loss = (losses.double().sum() / len(losses)).item()
    return {f"validation/{name}": value for name, value in scores.items()} | {
        "validation/loss": loss
    }


def diagnosed(
    run: Run,
    network: nn.Module,
    noise: Sequence[NamedDropout],
    step: int,
    part: Subset,
    last: LastStep | None,
) -> dict[str, float]:
    """Return the run's diagnostics of a network after a step, with that step's own dropout masks."""
    values: dict[str, float] = {}
    for diagnostic in run.diagnostics:
        for layer in noise:
            layer.begin(step)
        watched = {"last": last} if needs_last_step(diagnostic) else {}
        seen = Subset(copies(part.inputs), copies(part.targets))
        values |= diagnostic(network, seen, run.task.loss, **watched)
    return values


def finish(
    run: Run,
    split: Split,
    progress: RunState,
    *,
    outputs: Outputs | None,
    layers: Sequence[LayerLine],
    network: Mapping[str, Any],
    seconds: float,
    others: Outputs | None = None,
) -> RunResult:
    """Return the result of a run that is over.

    Args:
        run: what was trained.
        split: what it was trained on.
        progress: what it came to; a score that is not finite makes it diverged.
        outputs: for the test part, ``(sample, output)`` each, or None for a diverged run or a trial; the first is kept.
        others: the same of the weights that are not kept, or None where the kept ones are both.
        layers: of the network.
        network: what is to say of its start and noise.
        seconds: training, evaluation included.
    """
    progress.curves |= gaps(progress.curves)
    judged = (
        _judged(run, split, progress, outputs, others)
        if run.trial is None
        else _tried(run, progress)
    )
    doubt = "" if outputs is None else output_doubt(run, split, outputs, layers)
    return replace(
        judged,
        notes=(*judged.notes, doubt) if doubt else judged.notes,
        steps=progress.steps,
        best_step=progress.kept_step(run.recipe.keep),
        seconds=seconds,
        step_seconds=progress.step_seconds,
        parameters=sum(line["parameters"] for line in layers),
        layers=[dict(line) for line in layers],
        network=dict(network),
        data={
            "name": split.dataset.name,
            "origin": split.dataset.origin,
            "digest": split.dataset.digest,
            "classes": list(split.dataset.classes),
            **{name: len(split.indices(name)) for name in PARTS},
        },
    )


def output_doubt(run: Run, split: Split, outputs: Outputs, layers: Sequence[LayerLine]) -> str:
    """Return what a person should know of the range of the outputs, or nothing."""
    layer = next((line["layer"] for line in reversed(layers) if line["output"] is not None), "")
    tried = first_pass(run.recipe.model)
    function = tried.last if tried else ""
    return range_doubt(
        run.task.loss.target,
        as_tuple(outputs)[0],
        layer if not function or layer.rstrip("0123456789") == function else function,
        standardised=split.dataset.standardise_targets,
    )


def _tried(run: Run, progress: RunState) -> RunResult:
    """Return the result of a trial: how it ended and its validation scores, none on the test part."""
    scores, primary = _kept(run, progress), f"validation/{run.task.primary.name}"
    if progress.outcome is not Outcome.diverged and not math.isfinite(scores[primary]):
        if math.isfinite(scores["validation/loss"]):
            progress.reason = f"undefined on the validation part: {run.task.primary.name}"
        else:
            progress.diverge(f"{run.task.primary.name} on the validation part was not finite")
    if progress.outcome is Outcome.diverged:
        scores = {}
    return RunResult(run.key, run.seed, progress.outcome, progress.reason, scores)


def _judged(
    run: Run, split: Split, progress: RunState, outputs: Outputs | None, others: Outputs | None
) -> RunResult:
    """Return the result of a run that counts: also test scores, predictions, curves and hashes."""
    dummy, targets = dummy_outputs(run.task, split), split.part("test").targets
    scores = {} if outputs is None else _final_scores(run, progress, outputs, targets)
    predictions, other, errors = None, dict[str, float](), dict[str, float]()
    if outputs is not None and scores:
        metrics = run.task.metrics
        own = outputs if others is None else others
        other = scores_of(own, _beside(own, targets), metrics)
        errors = standard_errors(outputs, _beside(outputs, targets), metrics)
        predicted, learned_nothing = (as_tuple(o)[0] for o in (outputs, next(iter(dummy.values()))))
        predictions = Predictions(
            predicted.cpu().numpy(), targets[0].numpy(), learned_nothing.numpy()
        )
    recipe = run.recipe
    return RunResult(
        key=run.key,
        seed=run.seed,
        outcome=progress.outcome,
        reason=progress.reason,
        scores=scores,
        other_scores=other,
        standard_errors=errors,
        dummy={name: scores_of(o, targets, run.task.metrics) for name, o in dummy.items()},
        curves=progress.curves,
        hashes={
            "data": split.dataset.digest,
            "split": split.digest,
            "order": order_digest(len(split.train), recipe.batch_size, recipe.steps, run.streams),
            "init": progress.initial,
        },
        notes=(*split.dataset.notes, *split.notes),
        predictions=predictions,
    )


def gaps(curves: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """Return ``gap/NAME``, validation minus training, for each curve recorded as ``validation/`` and ``fitted/``.

    >>> gaps({"validation/loss": [2.0, 3.0], "fitted/loss": [1.0, 0.5], "train/loss": [1.5, 1.0]})
    {'gap/loss': [1.0, 2.5]}
    """
    fitted = {name.removeprefix("fitted/") for name in curves if name.startswith("fitted/")}
    return {
        f"gap/{name}": [
            v - f for v, f in zip(curves[validation], curves[f"fitted/{name}"], strict=True)
        ]
        for name in sorted(fitted)
        if (validation := f"validation/{name}") in curves
    }


def _final_scores(
    run: Run, progress: RunState, outputs: Outputs, targets: tuple[Tensor, ...]
) -> dict[str, float]:
    """Return scores on the test part and those of `_kept`; nothing where the network diverged.

    It did where an output is not finite, or where its primary score and its loss are not. Where outputs and loss are
    finite the score is undefined on these samples, which is no fault of the network: it is kept as it is, and told.
    """
    moved = _beside(outputs, targets)
    scores = scores_of(outputs, moved, run.task.metrics)
    undefined = [name for name, score in scores.items() if not math.isfinite(score)]
    primary = run.task.primary.name
    sound = all(bool(o.isfinite().all()) for o in as_tuple(outputs))
    if primary in undefined and not (sound and _finite_loss(run, outputs, moved)):
        progress.diverge(f"{primary} on the test part was not finite")
        return {}
    if not sound:  # a clipped score, or one that counts, would be finite all the same
        progress.diverge("an output on the test part was not finite")
        return {}
    if undefined and not progress.reason:
        progress.reason = f"undefined on the test part: {', '.join(undefined)}"
    return {**_kept(run, progress), **scores}


def _finite_loss(run: Run, outputs: Outputs, targets: Sequence[Tensor]) -> bool:
    return bool(each(run.task.loss, outputs, targets).isfinite().all())


def _beside(outputs: Outputs, targets: Sequence[Tensor]) -> list[Tensor]:
    """Return the targets on the device of the outputs, and in their precision."""
    like = as_tuple(outputs)[0]
    return [y.to(like.device, like.dtype if y.is_floating_point() else y.dtype) for y in targets]


def _kept(run: Run, progress: RunState) -> dict[str, float]:
    """Return the curves' points at the step whose weights are kept."""
    steps, kept = progress.curves["step"], progress.kept_step(run.recipe.keep)
    at = steps.index(kept) if kept in steps else -1
    return {
        name: curve[at]
        for name, curve in progress.curves.items()
        if name != "step" and not name.startswith(RATES)
    }
