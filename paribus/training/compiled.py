"""Several steps of a cohort as one compiled call: data picked, forward, backward, clipping and update fused.

The steps are recorded as a plain list of tensor operations, from the recorded gradient on, and `torch.compile` makes
machine code of them: kept on disk by torch, so that the next process loads it. It pays for long trainings only. Each
recording has code of its own, so that dynamo's limit on recompiling one piece of code is never met.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from paribus.data import Fold
from paribus.run import Record, Run
from paribus.training.order import steps_per_epoch
from paribus.training.stacked import train_together
from paribus.training.together import StackedTraining, clipped
from paribus.training.traced import TracedGradient
from paribus.training.updates import KINDS

COMPILED = "stacked-compiled"  # what a run's engine is called
MOST_AT_ONCE = 8
# How far compiled steps may end from the others, as a share of how far they went.
APART = 0.05

Steps = Callable[..., Tensor]


class CompiledTraining(StackedTraining):
    """A cohort in training, most of its steps compiled; what is left over before an evaluation is not.

    Args:
        runs: as of `StackedTraining`.
        folds: the same.
    """

    def __init__(self, runs: Sequence[Run], folds: Sequence[Fold]) -> None:
        super().__init__(runs, folds)
        every = self.recipe.evaluate_every or steps_per_epoch(
            len(folds[0].train), self.recipe.batch_size
        )
        self._compiled: Steps | None = None
        if self.stack.masks:
            self.reason = "dropout masks are drawn one by one"
        else:
            self.at_once, self._plain = portion(min(every, self.recipe.steps)), self.at_once

    def _portion(self, rows: Tensor) -> Tensor:
        if self._compiled is None and not self.reason:
            self._prepare(rows)
        if self._compiled is None or len(rows) != self.at_once:
            return super()._portion(rows)
        with torch.no_grad():
            losses = self._compiled(*self._arguments(rows))
        self.steps += len(rows)
        self.update.steps += len(rows)
        return losses

    def _prepare(self, rows: Tensor) -> None:
        """Record and compile the steps, and hold both against each other on copies."""
        if len(rows) != self.at_once:
            return
        if self.gradient is None:
            self.gradient = self._choose_gradient(*self.samples.pick(rows[0]))
        try:
            if not isinstance(self.gradient, TracedGradient):
                raise TypeError("the network's step cannot be recorded")
            self._compiled = self._compile(rows, self.gradient)
        except Exception as error:  # noqa: BLE001 - whatever a compiler says; the steps are taken without it
            self.reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            self.at_once = self._plain

    def _arguments(self, rows: Tensor) -> list[Tensor]:
        """All tensors that the steps read or change, in one order."""
        return [
            self.stack.weights.detach(),
            *self.update.state.values(),
            *self.stack.buffers.values(),
            *self.update.constant.values(),
            *self.update.ahead(len(rows)).values(),
            rows,
        ]

    def _compile(self, rows: Tensor, gradient: TracedGradient) -> Steps:
        from torch.fx.experimental.proxy_tensor import make_fx

        arguments = self._arguments(rows)
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            graph = make_fx(self._flat(gradient))(*_copies(arguments))
            compiled: Steps = torch.compile(graph, fullgraph=True, dynamic=False)
            found, wanted = _copies(arguments), _copies(arguments)
            compiled(*found)
            graph(*wanted)
        if not all(map(_same, found, wanted, arguments)):
            raise RuntimeError("compiled steps are not the steps that were compiled")
        return compiled

    def _flat(self, gradient: TracedGradient) -> Steps:
        """The steps as a function of `_arguments`, which changes weights, state and buffers in place."""
        update, stack = self.update, self.stack
        names = [
            ["weights"], [*update.state], [*stack.buffers], [*update.constant],
            [*update.ahead(1)], ["rows"],
        ]  # fmt: skip
        step, run, clip_norm = KINDS[update.kind].step, gradient.run, self.recipe.clip_norm

        def steps(*tensors: Tensor) -> Tensor:
            left = iter(tensors)
            (w,), state, buffers, constant, ahead, (rows,) = (
                [next(left) for _ in group] for group in names
            )
            losses = []
            for k in range(len(rows)):
                inputs, targets = self.samples.pick(rows[k])
                parameters = stack.parameters(w).values()
                g, loss, *changed = run(*parameters, *buffers, *inputs, *targets)
                for buffer, new in zip(buffers, changed, strict=True):
                    buffer.copy_(new)
                g = g if clip_norm is None else clipped(g, clip_norm)
                numbers = dict(zip(names[3], constant, strict=True))
                numbers |= {n: x[k] for n, x in zip(names[4], ahead, strict=True)}
                step(update.fixed, dict(zip(names[1], state, strict=True)), numbers, w, g)
                losses.append(loss)
            return torch.stack(losses)

        return steps


def _same(found: Tensor, wanted: Tensor, before: Tensor) -> bool:
    """Whether a tensor was changed as it should be, by its norm.

    A step of an adaptive optimizer has the size of the learning rate however small a gradient is, so where rounding
    turns the sign of one, single weights may differ by as much as they move.
    """
    if not wanted.is_floating_point():
        return torch.equal(found, wanted)
    moved, apart = (wanted - before).norm(), (found - wanted).norm()
    return bool(apart <= APART * moved + 1e-6 * wanted.norm())


def _copies(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [x.clone() for x in tensors]


def train_compiled(runs: Sequence[Run], folds: Sequence[Fold]) -> list[Record]:
    """Train a cohort as `paribus.training.stacked.train_together` does, with compiled steps.

    Where they cannot be compiled they are taken all the same, and each record's notes say why.
    """
    training = CompiledTraining(runs, folds)
    records = train_together(runs, folds, training)
    if not training.reason:
        return records
    note = f"Trained without compiled steps: {training.reason}."
    return [replace(record, notes=(*record.notes, note)) for record in records]


def portion(every: int) -> int:
    """Steps a compiled call, for so many between evaluations: the number, `MOST_AT_ONCE` at most, that costs least.

    A call costs half a compiled step more, and a step that is left over two and a half.

    >>> portion(81), portion(20), portion(7), portion(11)
    (8, 5, 7, 5)
    """

    def cost(at_once: int) -> float:
        calls, left = divmod(every, at_once)
        return calls * (at_once + 0.5) + left * 2.5

    return min(range(1, min(every, MOST_AT_ONCE) + 1), key=cost)
