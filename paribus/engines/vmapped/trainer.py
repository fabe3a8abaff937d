"""Training of a cohort: every replicate's step in one, with a leading replicate dimension."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from paribus.data.dataset import Split
from paribus.engines.vmapped.alternating import StackedUpdates
from paribus.engines.vmapped.augment import AugmentedInput
from paribus.engines.vmapped.batches import Batches, Samples, Tensors
from paribus.engines.vmapped.diagnostics import CohortDiagnostics
from paribus.engines.vmapped.optimizers import Numbers, Update, clipped, stacked_update
from paribus.engines.vmapped.parameters import StackedNetwork
from paribus.engines.vmapped.scoring import Scoring, bound, on_host
from paribus.engines.vmapped.tracing import Gradient, trace
from paribus.metrics.diagnostics import needs_last_step
from paribus.metrics.outputs import Outputs, concat_outputs, copies
from paribus.runs.run import Run
from paribus.seeding import Streams
from paribus.training.alternating import alternates
from paribus.training.dropout import use_named_dropout
from paribus.training.layer_summary import layer_table
from paribus.training.loop import fitted
from paribus.training.network import InitialNetwork, weight_digests
from paribus.training.pretrained import initial_network

# Recording a step takes the time of some hundred steps.
WORTH_TRACING = 200
# Numbers in the inputs of all replicates that are picked at once: a chunk stays in a core's cache.
CHUNK_SIZE = 2**18
# Numbers in the inputs of the validation part, of all replicates, that are kept as they were prepared.
MAX_KEPT = 2**21


class StackedTraining:
    """Cohort in training.

    Args:
        runs: of one network shape, batch size, budget and kind of optimizer; seeds and numbers differ.
        splits: what each is trained on, with parts of equal sizes.

    Attributes:
        initial: hashes of each replicate's initial weights.
        layers: of each network.
        at_once: steps whose batches are picked at once.
        steps: steps taken so far.
        reason: why steps are not taken in the form that was asked for, or nothing.
    """

    reason = ""

    def __init__(self, runs: Sequence[Run], splits: Sequence[Split]) -> None:
        recipe, self.device = runs[0].recipe, runs[0].device
        self.runs, self.splits, self.recipe = runs, splits, recipe
        self.dtype = getattr(torch, recipe.dtype)
        networks = self._networks()
        # A copy, so that diagnostics do not advance the masks' generators.
        self.scratch = copy.deepcopy(networks[0])
        self.stack = StackedNetwork(networks)
        self.updates = (
            StackedUpdates(self.stack, runs, networks[0]) if alternates(networks[0]) else None
        )
        self.update: Update = stacked_update([r.recipe.optimizer for r in runs], self.stack.weights)
        self.samples = Samples(splits, self.device, self.dtype)
        streams = [run.streams for run in runs]
        self.batches = Batches(splits, streams, recipe.batch_size, self.device)
        self.augmented = AugmentedInput(runs, self.batches.which) if recipe.augment else None
        self.loss = bound(runs[0].task.loss)
        self.scoring = Scoring(runs[0].task)
        self.gradient: Gradient | None = None
        numbers = len(runs) * self.batches.length * self.samples.width
        self.at_once = max(1, CHUNK_SIZE // max(1, numbers))
        self.steps = 0
        self.watching = any(map(needs_last_step, runs[0].diagnostics))
        self.latest: Tensor | None = None
        self.last: tuple[Tensor, Tensor] | None = None
        self.kept_inputs: list[Tensors] = []
        self.diagnostics = CohortDiagnostics(runs[0].diagnostics)
        if self.stack.masks:
            self._see_shapes(networks[0])

    def _networks(self) -> list[nn.Module]:
        """Return each replicate's initial network: the same one where streams are the same."""
        made: dict[Streams, tuple[InitialNetwork, dict[str, str]]] = {}
        for run, split in zip(self.runs, self.splits, strict=True):
            if run.streams not in made:
                start = initial_network(run, split, fitted)
                network = start.network
                if not made:
                    self.layers = layer_table(network, split.part("train", 1))
                made[run.streams] = start, weight_digests(network)
                use_named_dropout(network, run.streams)
                network.to(self.device, self.dtype)
        drawn = [made[run.streams] for run in self.runs]
        self.initial = [digests for _, digests in drawn]
        self.starts = [start.told() for start, _ in drawn]
        return [start.network for start, _ in drawn]

    @property
    def parameters(self) -> int:
        """Count of numbers that each replicate trains."""
        return sum(line["parameters"] for line in self.layers)

    def _see_shapes(self, network: nn.Module) -> None:
        """Pass one batch through one network, so that each dropout knows the shape of its mask."""
        index = self.splits[0].train[None, : self.batches.length].to(self.device)
        inputs, _ = self.samples.pick(index, slice(0, 1))
        buffers = {name: b.clone() for name, b in network.named_buffers()}
        with torch.no_grad():
            torch.func.functional_call(network, buffers, tuple(x[0] for x in inputs))

    def advance(self, steps: int) -> Tensor:
        """Take steps; returns the loss of each replicate at each, ``(step, replicate)``."""
        self.stack.base.train()
        losses, left = [], steps - self.watching
        while left:
            losses.append(self._take_chunk(self.batches.take(min(left, self.at_once))))
            left -= len(losses[-1])
        losses += [self._watched()] if self.watching else []
        if self.device == "cuda":
            torch.cuda.synchronize()
        return torch.cat(losses)

    def _watched(self) -> Tensor:
        """Take a step and keep what it did: change and gradient, ``(replicate, parameter)`` each."""
        before = self.stack.weights.detach().clone()
        losses = StackedTraining._take_chunk(
            self, self.batches.take(1)
        )  # a compiled one keeps no gradient
        assert self.latest is not None, "a step that is watched keeps its gradient"
        self.last, self.latest = (self.stack.weights.detach() - before, self.latest), None
        return losses

    def _take_chunk(self, rows: Tensor) -> Tensor:
        """Take the steps of some batches, ``(step, replicate, batch)``; nothing in it waits for the device."""
        inputs, targets = self.samples.pick(rows)
        if self.augmented is not None:
            inputs = (self.augmented(self.samples.inputs[0], rows, self.steps), *inputs[1:])
        losses = [
            self._step(tuple(x[k] for x in inputs), tuple(y[k] for y in targets), numbers)
            for k, numbers in enumerate(self.update.coming(len(rows)))
        ]
        return torch.stack(losses)

    def _step(self, inputs: Tensors, targets: Tensors, numbers: Numbers) -> Tensor:
        if self.updates is not None:
            losses = self.updates(
                inputs, targets, self.steps, recorded=self.recipe.steps >= WORTH_TRACING
            )
            self.steps += 1
            return losses
        self.stack.draw_masks(self.steps)
        if self.gradient is None:
            self.gradient = self._choose_gradient(inputs, targets)
        gradient, losses = self.gradient(inputs, targets)
        if self.recipe.clip_norm is not None:
            gradient = clipped(gradient, self.recipe.clip_norm)
        if self.watching:
            self.latest = gradient
        self.update(self.stack.weights, gradient, numbers)
        self.steps += 1
        return losses

    def _choose_gradient(self, inputs: Tensors, targets: Tensors) -> Gradient:
        """Return the gradient by `vmap`, or as recorded from it where there are steps enough and it is equal."""
        traced = None
        if self.recipe.steps >= WORTH_TRACING:
            traced = trace(self.stack, self.loss, inputs, targets)
        return traced or (lambda x, y: self.stack.gradient(self.loss, x, y))

    @torch.no_grad()
    def outputs(self, part: str) -> Outputs:
        """Return outputs for a part, ``(replicate, sample, output)`` each, in evaluation mode and in chunks."""
        self.stack.base.eval()
        chunks = [self.stack.call(lambda net, x: net(*x), x) for x in self._inputs(part)]
        self.stack.base.train()
        return concat_outputs(chunks, dim=1)

    def _inputs(self, part: str) -> Iterable[Tensors]:
        """Return the inputs of a part, some samples of all replicates at a time, for networks to do with as they like.

        Those of the validation part are prepared once, if they are few.
        """
        index = self._index(part)
        chunk = max(64, CHUNK_SIZE // max(1, len(self.runs) * self.samples.width))
        picked = (tuple(s.pick(i) for s in self.samples.inputs) for i in index.split(chunk, dim=1))
        if part != "validation" or index.numel() * self.samples.width > MAX_KEPT:
            return picked
        self.kept_inputs = self.kept_inputs or [*picked]
        return map(copies, self.kept_inputs)

    def _index(self, part: str) -> Tensor:
        """Return the sample numbers of a part, ``(replicate, sample)``."""
        return torch.stack([split.indices(part) for split in self.splits]).to(self.device)

    def finite(self, losses: Tensor) -> Tensor:
        """Return whose losses ``(step, replicate)`` and weights are finite, ``(replicate,)`` on the CPU."""
        weights = self.stack.weights.detach()
        return (losses.isfinite().all(0) & weights.isfinite().all(1)).cpu()

    def validation(self) -> dict[str, Tensor]:
        """Return validation scores and loss by the names of their curves, ``(replicate,)`` each on the CPU."""
        index = self._index("validation")
        targets = tuple(s.pick(index) for s in self.samples.targets)
        return on_host(self.scoring(self.outputs("validation"), targets))

    def diagnosed(self, going: Tensor) -> dict[str, list[float]]:
        """Return the diagnostics of those that are going; NaN for the others."""
        return self.diagnostics(self, going)
