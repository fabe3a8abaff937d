"""Check of a network and its loss before training: shapes as the loss declares them, for batches of every size."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from paribus.data.dataset import Dataset, Subset
from paribus.errors import ParibusError
from paribus.experiment.variant import Variant
from paribus.metrics.outputs import as_tuple
from paribus.training.batch_order import batch_length

GIVEN = ("inputs", "outputs")
PER_VALUE = ("squared_error", "label_log_loss")  # losses whose outputs have the targets' shape


def refuse_missing_arguments(variant: Variant, dataset: Dataset) -> None:
    """Refuse a network with arguments that nothing gives a value for.

    Raises:
        ParibusError: names them.
    """
    model = variant.recipe.model
    required = [
        p.name
        for p in inspect.signature(model.resolve()).parameters.values()
        if p.default is p.empty
        and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY, p.POSITIONAL_ONLY)
    ]
    missing = [name for name in required if name not in GIVEN and name not in model.kwargs]
    if missing:
        label = model.label.partition("(")[0]
        shapes, sizes = dataset.input_shapes, dataset.output_sizes
        raise ParibusError(
            f"model {label}",
            got=f"no value for {', '.join(missing)}",
            expected=f"arguments inputs (given {shapes[0] if len(shapes) == 1 else shapes}, the shape of a sample) "
            f"and outputs (given {sizes[0] if len(sizes) == 1 else sizes}), or none without a default",
            fix=f"Rename them, or give them: model=call({label}, {missing[0]}=...).",
        )


def check_network(variant: Variant, network: nn.Module, dataset: Dataset, part: Subset) -> None:
    """Pass batches of every size through a network, in both modes, and refuse what its loss would not score rightly.

    Batches of training are full; in evaluation a batch may be a single sample. They hold samples of every class.

    Args:
        variant: that is tried; its network's gradients are left as they are after one step.
        network: as it was built.
        dataset: that the part is of.
        part: prepared training samples.

    Raises:
        ParibusError: the outputs are no tensors, or of another shape than the loss declares, or the loss is no number
            a sample.
    """
    batch = _samples(part, dataset, batch_length(len(part), variant.recipe.batch_size))
    _refuse_short_batches(variant, network, len(batch))
    outputs = network.train()(*batch.inputs)
    _refuse_outputs(variant, outputs, batch, dataset, "in training")
    loss = _losses(variant, outputs, batch).mean()
    if loss.requires_grad:  # a network without trained weights is refused with its optimizer
        loss.backward()
    with torch.no_grad():
        network.eval()
        for few in (batch, _first(batch, 1)):
            outputs = network(*few.inputs)
            _refuse_outputs(variant, outputs, few, dataset, "in evaluation")
            _losses(variant, outputs, few)
    network.train()


def _samples(part: Subset, dataset: Dataset, count: int) -> Subset:
    """Return the first samples of a part, those of each class before others, so that every class is among them."""
    order = torch.arange(len(part))
    if dataset.classes:
        target = part.targets[0]
        first = [int((target == k).nonzero()[0]) for k in target.unique().tolist()]
        rest = torch.ones(len(part), dtype=torch.bool)
        rest[first] = False
        order = torch.cat([torch.tensor(first), order[rest]])
    dtype = torch.get_default_dtype()
    inputs = tuple(x[order[:count]].to(dtype) for x in part.inputs)
    return Subset(inputs, tuple(y[order[:count]] for y in part.targets))


def _first(batch: Subset, count: int) -> Subset:
    return Subset(tuple(x[:count] for x in batch.inputs), tuple(y[:count] for y in batch.targets))


def _refuse_short_batches(variant: Variant, network: nn.Module, samples: int) -> None:
    """Refuse statistics of a batch that has one sample."""
    normed = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    if samples > 1 or not normed:
        return
    kind = type(normed[0]).__name__
    raise ParibusError(
        f"batches of variant {variant.name!r}",
        got=f"1 sample a batch, and {kind} in the network",
        expected="at least 2 samples, because batch norm takes mean and variance over a batch",
        fix="Set recipe.batch_size to 2 or more, or use a norm over features, such as LayerNorm.",
    )


def _refuse_outputs(
    variant: Variant, outputs: Any, batch: Subset, dataset: Dataset, where: str
) -> None:
    """Refuse outputs that are no tensors, or whose shape is another than the loss declares."""
    name, samples = f"output of variant {variant.name!r}", len(batch)
    loss = variant.task.loss
    several = len(batch.targets) > 1 or not _declared(loss.target)
    if not isinstance(outputs, Tensor) and not (several and _tensors(outputs)):
        raise ParibusError(
            name,
            got=f"{described(outputs)} {where}",
            expected=f"one tensor for {samples} sample{'s' * (samples > 1)}",
            fix=_way_out(outputs),
        )
    for k, output in enumerate(as_tuple(outputs)):
        if output.ndim == 0 or len(output) != samples:
            raise ParibusError(
                name,
                got=f"shape {tuple(output.shape)} for {samples} sample{'s' * (samples > 1)} {where}",
                expected=f"({samples}, ...), an entry a sample",
                fix="Keep the first axis: squeeze(-1), flatten(1) and mean(dim=1) leave it, squeeze() may not.",
            )
        wanted = _shapes(loss.target, loss.kwargs, k, batch, dataset)
        if wanted and tuple(output.shape) not in wanted:
            raise ParibusError(
                name,
                got=f"shape {tuple(output.shape)} for {samples} sample{'s' * (samples > 1)} {where}",
                expected=" or ".join(map(str, wanted)),
                fix=_last_layer(dataset, k),
            )


def _last_layer(dataset: Dataset, k: int) -> str:
    if dataset.classes and k == 0:
        names = ", ".join(dataset.classes[:4]) + (", ..." if len(dataset.classes) > 4 else "")
        what = f"a number a class ({names})" if len(dataset.classes) > 2 else "one number a sample"
    else:
        what = "as many numbers a sample as the target has"
    return f"Have the last layer put out {what}, as the argument outputs says."


def _declared(loss: str) -> bool:
    """Return whether a loss takes one output of a shape that is known."""
    module, _, function = loss.partition(":")
    return module.startswith("paribus.metrics") and function in ("log_loss", *PER_VALUE)


def _shapes(
    loss: str, settings: Mapping[str, Any], k: int, batch: Subset, dataset: Dataset
) -> list[tuple[int, ...]]:
    """Return the shapes that an output may have; none where the loss does not say."""
    module, _, function = loss.partition(":")
    if not module.startswith("paribus.metrics"):
        return []
    if function in PER_VALUE:
        return [tuple(batch.targets[0].shape)]
    which = _target_of(function, settings).get(k)
    names = (dataset.classes, *dataset.further_classes)
    if which is None or which >= len(names) or not names[which]:
        return []
    classes = len(names[which])
    return [(len(batch), n) for n in ((1, 2) if classes == 2 else (classes,))]


def _target_of(loss: str, settings: Mapping[str, Any]) -> dict[int, int]:
    """Return the target's number by the output's, of a loss over class numbers."""
    if loss == "log_loss":
        return {0: 0}
    if loss == "output_log_loss":
        return {settings.get("output", 0): settings.get("target", 0)}
    if loss == "weighted_log_loss":
        weights = settings["weights"]
        return dict(enumerate(settings.get("of") or range(len(weights))))
    return {}


def _tensors(outputs: object) -> bool:
    return isinstance(outputs, tuple) and all(isinstance(x, Tensor) for x in outputs)


def described(outputs: object) -> str:
    """Return what a network returned in a phrase.

    >>> described((torch.zeros(4, 2), None))
    'a tuple of a tensor of shape (4, 2) and None'
    """
    if isinstance(outputs, Tensor):
        return f"a tensor of shape {tuple(outputs.shape)}"
    if isinstance(outputs, tuple | list):
        kind = type(outputs).__name__
        return f"a {kind} of {' and '.join(map(described, outputs)) or 'nothing'}"
    if isinstance(outputs, Mapping):
        return f"a dictionary with {', '.join(map(repr, outputs)) or 'nothing'}"
    return "None" if outputs is None else f"a {type(outputs).__name__}"


def _way_out(outputs: object) -> str:
    if isinstance(outputs, tuple | list) and outputs and isinstance(outputs[0], Tensor):
        return "Have forward return the first part alone, as out[0]; a recurrent layer returns its state beside it."
    if isinstance(outputs, Mapping):
        return "Have forward return one of them, such as out['logits']."
    return "Have forward return the tensor of outputs."


def _losses(variant: Variant, outputs: Any, batch: Subset) -> Tensor:
    """Return the loss of each sample; refuse one that broadcasts, or that is no number a sample."""
    with _NoOuterBroadcast(variant, len(batch)):
        losses: Tensor = variant.task.loss(outputs, *batch.targets)
    shape = tuple(losses.shape) if isinstance(losses, Tensor) else type(losses).__name__
    if shape != (len(batch),):
        raise ParibusError(
            f"loss {variant.task.loss.label}",
            got=f"{'shape ' if isinstance(shape, tuple) else ''}{shape} for {len(batch)} samples",
            expected=f"({len(batch)},), a number a sample, which is averaged later",
            fix="Return the loss of each sample, as reduction='none' does, and average over further axes.",
        )
    return losses


class _NoOuterBroadcast(TorchFunctionMode):
    """Refuse ``(sample,)`` beside ``(sample, 1)`` in one operation: every sample would meet every other."""

    def __init__(self, variant: Variant, samples: int) -> None:
        super().__init__()
        self.variant, self.samples = variant, samples

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        shapes = [tuple(x.shape) for x in args if isinstance(x, Tensor)]
        n = self.samples
        apart = n > 1 and (n,) in shapes and (n, 1) in shapes
        if apart and isinstance(result, Tensor) and tuple(result.shape) in ((n, n), ()):
            raise ParibusError(
                f"loss {self.variant.task.loss.label} of variant {self.variant.name!r}",
                got=f"shapes {shapes[0]} and {shapes[1]} in {getattr(func, '__name__', func)}",
                expected="equal shapes: these are broadcast, and each sample is held against every other",
                fix="Give outputs and targets one shape, such as by output.squeeze(-1) or target.unsqueeze(-1).",
            )
        return result
