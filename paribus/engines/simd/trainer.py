"""Compiled steps of a cohort: data picked, forward, backward, clipping and update of many steps in one call.

Steps of small networks are a program of vector instructions, replicates side by side in vector registers, which one
library runs for every network (see `paribus.engines.simd`). It is built by the system's compiler once for a machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import starmap

import torch
from torch import Tensor

from paribus.data.dataset import Split
from paribus.engines.simd.library import interpreter
from paribus.engines.simd.operations import UnsupportedError
from paribus.engines.simd.steps import (
    SimdSteps,
    forget_program,
    hopeless,
    kept_program,
    program_of,
)
from paribus.engines.toolchain import UnavailableError
from paribus.engines.vmapped.fit import train_together
from paribus.engines.vmapped.optimizers import KINDS, clipped
from paribus.engines.vmapped.trainer import StackedTraining
from paribus.runs.fingerprint import fingerprint
from paribus.runs.run import Run, RunResult
from paribus.spec import canonical
from paribus.training.batch_order import steps_per_epoch

COMPILED = "stacked-compiled"  # name of the engine in runs
MAX_CHECKED_STEPS = 8  # steps of the first call, which are compared with plain ones
# One call takes as many steps as have so many sample numbers, which are all that grows with them.
NUMBERS_AT_ONCE = 2**21
NO_SIMD_FORM = (
    "its replicates leave the cache that cores share, or hold integers too large for SIMD"
)
# Largest distance between compiled and plain steps, as a share of the way: on average, and for one replicate.
APART = 0.05
FARTHEST = 1.0

Steps = Callable[..., Tensor]


class CompiledTraining(StackedTraining):
    """Training of a cohort by compiled steps; those left over before an evaluation are not compiled.

    Args:
        runs: as of `StackedTraining`.
        splits: the same.
    """

    def __init__(self, runs: Sequence[Run], splits: Sequence[Split]) -> None:
        super().__init__(runs, splits)
        every = self.recipe.evaluate_every or steps_per_epoch(
            len(splits[0].train), self.recipe.batch_size
        )
        self._compiled: SimdSteps | None = None
        self._unwatched = unwatched = min(every, self.recipe.steps) - self.watching
        if self.device != "cpu":
            self.reason = "steps are compiled for the CPU alone"
        elif self.recipe.augment:
            self.reason = "augmentations are drawn sample by sample"
        elif self.updates is not None:
            self.reason = "its updates alternate"
        elif self.stack.frozen:
            self.reason = "some weights are frozen"
        elif not unwatched:
            self.reason = "every step is watched"
        else:
            self.at_once, self._plain = min(unwatched, MAX_CHECKED_STEPS), self.at_once

    def _take_chunk(self, rows: Tensor) -> Tensor:
        if self._compiled is None and not self.reason:
            self._prepare(rows)
        if self._compiled is None:
            return super()._take_chunk(rows)
        with torch.no_grad():
            losses = self._compiled(*self._arguments(rows))
        self.steps += len(rows)
        self.update.steps += len(rows)
        return losses

    def _prepare(self, rows: Tensor) -> None:
        """Record and compile the steps, and hold both against each other on copies."""
        if len(rows) != self.at_once:
            return
        # Views of one another would be copied at each call.
        self.samples = self.samples.holding([x.contiguous() for x in self.samples.tensors])
        self.stack.draw_masks(self.steps)  # in the shape that they are recorded in
        try:
            self._compiled = self._compile(rows)
        except (UnsupportedError, UnavailableError) as error:
            self.reason = str(error)
        except Exception as error:  # noqa: BLE001 - whatever a compiler says; the steps are taken without it
            self.reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        if self.reason:
            self.at_once = self._plain

    def _arguments(self, rows: Tensor) -> list[Tensor]:
        """Return all tensors that the steps read or change, in one order."""
        read = [
            *self.update.constant.values(),
            *self.update.ahead(len(rows)).values(),
            *self.stack.masks_of(range(self.steps, self.steps + len(rows))).values(),
            *self.samples.tensors,
            rows,
        ]
        return [*self._changing, *(x.contiguous() for x in read)]

    @property
    def _changing(self) -> list[Tensor]:
        """Tensors that the steps change."""
        weights = self.stack.weights.detach()
        buffers = [self.stack.buffers[name] for name in self.stack.changing]
        return [weights, *self.update.state.values(), *buffers]

    def _compile(self, rows: Tensor) -> SimdSteps:
        """Return the steps as a program, checked against the steps themselves.

        Raises:
            UnsupportedError: they have no SIMD form.
            UnavailableError: the interpreter cannot be built.
        """
        if hopeless(self.parameters, self.samples):
            raise UnsupportedError(NO_SIMD_FORM)
        name, clip_norm = self._name(rows), self.recipe.clip_norm
        parts = (self.stack, self.loss, self.update, clip_norm, self.samples, rows)
        code = SimdSteps(
            interpreter(self.recipe.dtype), kept_program(name, partial(program_of, *parts))
        )
        steps, arguments = self._plain_steps(), self._arguments(rows)
        wanted, rocked = self._copied(arguments), self._copied(arguments)
        with torch.no_grad():
            losses = steps(*wanted)
            rocked[0].mul_(_rocking(rocked[0]))
            try:
                self._check(code, arguments, wanted, losses, (*rocked, steps(*rocked)))
            except RuntimeError as error:
                forget_program(name, str(error))
                raise
        numbers = rows[0].numel() + sum(self.stack.buffers[n].numel() for n in self.stack.masks)
        self.at_once = min(self._unwatched, max(len(rows), NUMBERS_AT_ONCE // numbers))
        return code

    def _copied(self, arguments: Sequence[Tensor]) -> list[Tensor]:
        """Return the same, with what steps change copied."""
        count = len(self._changing)
        return [*(x.clone() for x in arguments[:count]), *arguments[count:]]

    def _check(
        self,
        code: SimdSteps,
        arguments: Sequence[Tensor],
        expected: Sequence[Tensor],
        losses: Tensor,
        rocked: Sequence[Tensor],
    ) -> None:
        """Hold the steps of a program against plain ones.

        Args:
            code: the program.
            arguments: of the steps.
            expected: what those are after them.
            losses: what the steps return.
            rocked: arguments and losses after them, had the weights been others by rounding.

        Raises:
            RuntimeError: they are not the same steps.
        """
        tensors = self._copied(arguments)
        if not code.fits(tensors):
            raise RuntimeError("the tensors of the steps have another layout than their program")
        code_losses = code(*tensors)
        of_losses = [x.t() for x in (code_losses, losses, torch.zeros_like(losses), rocked[-1])]
        changed = range(len(self._changing))
        ends = [(tensors[i], expected[i], arguments[i], rocked[i]) for i in changed]
        if not _same(*of_losses) or not all(starmap(_same, ends)):
            raise RuntimeError("compiled steps give other results than plain steps")

    def _name(self, rows: Tensor) -> str:
        """Return all that a program follows from: it is of one replicate and one step.

        A network that is not only what its file and its arguments say is found out when its steps are held against it.
        """
        task, recipe, update = self.runs[0].task, self.recipe, self.update
        written = fingerprint((recipe.model, task.loss), COMPILED)
        held = (*self._changing, *update.constant.values(), *self.samples.tensors)
        layouts = [(x.shape[1:], x.dtype) for x in held]
        masks = [self.stack.buffers[name].shape[1:] for name in self.stack.masks]
        fixed = (update.kind, sorted(update.fixed.items()), recipe.clip_norm)
        sources = [s.missing for s in (*self.samples.inputs, *self.samples.targets)]
        made = (canonical(recipe.model), canonical(task.loss), repr(self.stack.base))
        return repr((written, made, fixed, sources, self.dtype, layouts, masks, rows.shape[2:]))

    def _plain_steps(self) -> Steps:
        """Return the steps as a function of `_arguments`, which changes weights, state and buffers in place."""
        update, stack = self.update, self.stack
        names: list[list[str]] = [
            ["weights"],
            [*update.state],
            [*stack.changing],
            [*update.constant],
            [*update.ahead(1)],
            [*stack.masks],
            ["data"] * len(self.samples.tensors),
            ["rows"],
        ]
        step, clip_norm = KINDS[update.kind].step, self.recipe.clip_norm

        def steps(*tensors: Tensor) -> Tensor:
            left = iter(tensors)
            (w,), state, buffers, constant, ahead, masks, data, (rows,) = (
                [next(left) for _ in group] for group in names
            )
            samples = self.samples.holding(data)
            losses = []
            for k in range(len(rows)):
                leaf = w.clone().requires_grad_()
                named = dict(zip(names[2], buffers, strict=True))
                named |= {n: x[k].to(w) for n, x in zip(names[5], masks, strict=True)}
                with torch.enable_grad():
                    parameters, batch = stack.parameters(leaf), samples.pick(rows[k])
                    loss = stack.losses(self.loss, parameters, named, *batch)
                    (g,) = torch.autograd.grad(loss.sum(), leaf)
                g = g if clip_norm is None else clipped(g, clip_norm)
                numbers = dict(zip(names[3], constant, strict=True))
                numbers |= {n: x[k] for n, x in zip(names[4], ahead, strict=True)}
                step(update.fixed, dict(zip(names[1], state, strict=True)), numbers, w, g)
                losses.append(loss.detach())
            return torch.stack(losses)

        return steps


def _same(ends: Tensor, expected: Tensor, before: Tensor, rocked: Tensor | None = None) -> bool:
    """Return whether a tensor was changed as expected, by each replicate's norm, on average over replicates.

    A step of an adaptive optimizer has the size of the learning rate however small a gradient is, so where rounding
    turns the sign of one, single weights may differ by as much as they move. Where a replicate diverges, so must both.

    Args:
        ends: after the steps in question, ``(replicate, ...)``.
        expected: after those that they are to be.
        before: before them.
        rocked: after the same ones from weights that differ by rounding, whose distance is allowed twice besides.
    """
    if not expected.is_floating_point():
        return torch.equal(ends, expected)
    sound = expected.reshape(len(expected), -1).isfinite().all(1)
    if not torch.equal(sound, ends.reshape(len(ends), -1).isfinite().all(1)):
        return False
    shares = _shares(ends, expected, before)[sound]
    noise = torch.zeros_like(shares) if rocked is None else _shares(rocked, expected, before)[sound]
    allowed = APART + 2 * noise.nan_to_num(0.0).mean()
    return not len(shares) or bool(shares.mean() <= allowed and shares.max() <= FARTHEST)


def _shares(ends: Tensor, expected: Tensor, before: Tensor) -> Tensor:
    """Return how far two ends are apart, as a share of the way to one, ``(replicate,)``."""
    apart, moved, size = (
        x.reshape(len(x), -1).norm(dim=1) for x in (ends - expected, expected - before, expected)
    )
    shares: Tensor = apart / (moved + 1e-4 * size).clamp(min=1e-30)
    return shares


def _rocking(weights: Tensor) -> Tensor:
    """Return factors that change each weight by a rounding, every second one upwards."""
    signs = 1 - 2 * (torch.arange(weights.shape[1], device=weights.device) % 2)
    return 1 + torch.finfo(weights.dtype).eps * signs.to(weights)


def train_compiled(runs: Sequence[Run], splits: Sequence[Split]) -> list[RunResult]:
    """Train a cohort as `paribus.engines.vmapped.fit.train_together` does, with compiled steps.

    Where they cannot be compiled they are taken all the same, and each record's notes say why.
    """
    training = CompiledTraining(runs, splits)
    records = train_together(runs, splits, training)
    if not training.reason:
        return records
    note = f"Trained without compiled steps: {training.reason}."
    return [replace(record, notes=(*record.notes, note)) for record in records]
