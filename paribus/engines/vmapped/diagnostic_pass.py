"""One pass of many replicates on the samples that diagnostics are taken of, and what it shows."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.utils._pytree import tree_leaves

from paribus.engines.rnn import make_stackable
from paribus.engines.vmapped import convolution
from paribus.engines.vmapped.batches import Tensors
from paribus.engines.vmapped.parameters import Loss
from paribus.metrics.diagnostics import activation_modules, hidden_layers
from paribus.metrics.outputs import as_tuple, copies
from paribus.training.dropout import NamedDropout, give_masks
from paribus.training.loop import DIAGNOSED

if TYPE_CHECKING:
    from paribus.engines.vmapped.trainer import StackedTraining

# Numbers that modules put out for all replicates that are passed at once: the way back holds them, 32 MB or so.
AT_ONCE = 2**23


class DiagnosticPass:
    """Pass of all replicates in training mode, with the masks that dropout has at the step in question.

    Each diagnostic of a run begins its dropout anew, so that one pass serves them all.

    Args:
        training: of the cohort; its stack is read and nothing of it is changed or held on to.
        wanted: what is to be seen: ``outputs``, ``losses``, ``activations`` (outputs of activation modules), ``layers``
            (of hidden layers), ``fitted`` (losses in evaluation mode), and gradients of the mean loss by weight
            matrices (``weight_gradients``) and by the first input (``image_gradient``) or of each sample's loss by
            what layers put out (``layer_gradients``).

    Raises:
        ValueError: the network has no such form.
    """

    def __init__(self, training: StackedTraining, wanted: set[str]) -> None:
        self.wanted = wanted
        splits = training.splits
        self.index = torch.stack([split.train[:DIAGNOSED] for split in splits]).to(training.device)
        self.network = copy.deepcopy(training.scratch).train()
        self.activations: list[Tensor] = []
        self.layers: list[Tensor] = []
        self.added: Iterator[Tensor] = iter(())
        self._watch()
        if wanted:
            self._look(training)

    def _watch(self) -> None:
        """Note what modules put out. Activations that are watched stay in place (see `convolution.make_stackable`)."""
        if "activations" in self.wanted:
            for module in activation_modules(self.network):
                module.register_forward_hook(self._note_activation)
        if "layers" in self.wanted:
            for module in hidden_layers(self.network):
                module.register_forward_hook(self._note_layer)

    def _note_activation(self, _module: nn.Module, _inputs: Any, output: Tensor) -> None:
        self.activations.append(output)

    def _note_layer(self, _module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        """Add zeros of its own to an output: what `torch.vmap` returns is no part of the way back, and they are."""
        added = next(self.added, None)
        self.layers.append(output if added is None else output + added)
        return self.layers[-1]

    def _look(self, training: StackedTraining) -> None:
        """See what shapes masks and layers' outputs have, and give the network its stacked form."""
        called: list[nn.Module] = []
        sizes: list[int] = []

        def note(module: nn.Module, _inputs: Any, outputs: Any) -> None:
            called.append(module)
            sizes.extend(x.numel() for x in tree_leaves(outputs) if isinstance(x, Tensor))

        handles = [module.register_forward_hook(note) for module in self.network.modules()]
        dropouts = [m for m in self.network.modules() if isinstance(m, NamedDropout)]
        for dropout in dropouts:
            dropout.shape = None
        rows = torch.zeros(1, dtype=torch.long, device=self.index.device)
        inputs, _ = training.samples.pick(self.index[rows], rows)
        buffers = {name: b.clone() for name, b in self.network.named_buffers()}
        with torch.no_grad():
            functional_call(self.network, buffers, tuple(x[0] for x in inputs))
        for handle in handles:
            handle.remove()
        self.at_once = max(1, AT_ONCE // max(1, sum(sizes)))
        if any(called.count(dropout) > 1 for dropout in dropouts):
            raise ValueError("a dropout is called twice in a pass")
        if any(output._version != 0 for output in self.layers):
            raise ValueError("what a layer puts out is changed in place")
        self.shapes = [output.shape for output in self.layers]
        if reason := make_stackable(self.network):
            raise ValueError(reason)
        convolution.make_stackable(self.network)
        self.masks = {name: dropout.shape for name, dropout in give_masks(self.network).items()}

    def __call__(
        self, training: StackedTraining, rows: Tensor
    ) -> Iterator[tuple[Tensor, dict[str, Any]]]:
        """Yield some replicates' numbers, and what is seen of them by name, tensors ``(replicate, ...)``.

        Args:
            training: of the cohort.
            rows: numbers of the replicates that are passed.
        """
        if not self.wanted:
            yield rows, {}
            return
        stack = training.stack
        masks = stack.masks_of([training.steps], self.masks)
        for some in rows.split(self.at_once):
            buffers = {name: stack.buffers[name][some] for name in stack.changing}
            for name in self.masks:
                drawn = masks[name][0].to(stack.weights)[some] if name in masks else None
                buffers[name] = torch.ones(len(some)).to(stack.weights) if drawn is None else drawn
            yield some, self._seen(training, some, buffers)

    def _seen(
        self, training: StackedTraining, rows: Tensor, buffers: dict[str, Tensor]
    ) -> dict[str, Any]:
        stack, passed = training.stack, partial(self._passed, training.loss)
        inputs, targets = training.samples.pick(self.index[rows], rows)
        parameters = stack.parameters(stack.weights.detach()[rows])
        seen: dict[str, Any] = {}
        if "fitted" in self.wanted:
            fresh = {name: b.clone() for name, b in buffers.items()}
            self.network.eval()
            with torch.no_grad():
                seen["fitted"] = passed(parameters, fresh, (), copies(inputs), targets)[1]
            self.network.train()
        by: dict[str, list[Tensor]] = {}
        if "weight_gradients" in self.wanted:
            by["weight_gradients"] = [p for p in parameters.values() if p.ndim > 2]
        if "layer_gradients" in self.wanted:
            zeros = [torch.zeros(len(rows), *shape).to(stack.weights) for shape in self.shapes]
            by["layer_gradients"] = zeros
        if "image_gradient" in self.wanted:
            by["image_gradient"] = [inputs[0]]
        leaves = [leaf.requires_grad_() for leaves in by.values() for leaf in leaves]
        with torch.set_grad_enabled(bool(leaves)):
            outputs, losses, activations, layers = passed(
                parameters, buffers, by.get("layer_gradients", ()), inputs, targets
            )
        gradients = iter(torch.autograd.grad(losses.sum(), leaves) if leaves else ())
        seen |= {name: [next(gradients) for _ in leaves] for name, leaves in by.items()}
        count = losses[0].numel()  # of samples, of which those by weights and images are means
        if "weight_gradients" in seen:
            seen["weight_gradients"] = [g / count for g in seen["weight_gradients"]]
        if "image_gradient" in seen:
            seen["image_gradient"] = seen["image_gradient"][0] / count
        return seen | {
            "outputs": [x.detach() for x in outputs],
            "losses": losses.detach(),
            "activations": [x.detach() for x in activations],
            "layers": [x.detach() for x in layers],
        }

    def _passed(
        self,
        loss: Loss,
        parameters: dict[str, Tensor],
        buffers: dict[str, Tensor],
        added: Any,
        inputs: Tensors,
        targets: Tensors,
    ) -> tuple[Tensors, Tensor, Tensors, Tensors]:
        """Return outputs, losses, and what activation modules and hidden layers put out; buffers may be changed."""

        def one(p: Any, b: Any, added: Any, x: Tensors, y: Tensors) -> Any:
            self.activations, self.layers, self.added = [], [], iter(added)
            outputs = functional_call(self.network, (p, b), x)
            losses = loss(outputs, *y)
            return as_tuple(outputs), losses, tuple(self.activations), tuple(self.layers)

        found: tuple[Tensors, Tensor, Tensors, Tensors] = vmap(one)(
            parameters, buffers, tuple(added), inputs, targets
        )
        self.activations, self.layers = [], []
        return found
