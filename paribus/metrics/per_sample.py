"""Losses and scores of each sample: ``(outputs, targets) -> (sample,)``, so that sums and weights divide once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NoReturn

from torch import Tensor
from torch.nn import functional

from paribus.errors import ParibusError
from paribus.metrics.outputs import Outputs, as_tuple

# Clip of the log-loss as a score: one sample costs at most 9.2 nats, and cannot own a mean.
CLIP = 1e-4


def _refuse_shapes(name: str, outputs: Tensor, target: Tensor, expected: str) -> NoReturn:
    raise ParibusError(
        name,
        got=f"outputs of shape {tuple(outputs.shape)} and targets of shape {tuple(target.shape)}",
        expected=expected,
        fix="Change the network's last layer, or the targets.",
    )


def log_loss(outputs: Tensor, target: Tensor, clip: float = 0.0) -> Tensor:
    """Return the negative log-likelihood of the true class, in nats, ``(sample,)``.

    Args:
        outputs: logits, ``(sample, class)``, or ``(sample, 1)`` where there are two classes.
        target: class numbers, ``(sample,)``.
        clip: a probability below it counts as ``clip``, one above ``1 - clip`` as that, so that one sample costs at
            most ``-log(clip)``; zero, as in training, clips nothing.
    """
    if outputs.ndim != 2 or target.shape != outputs.shape[:1]:
        _refuse_shapes("log_loss", outputs, target, "(sample, class) and (sample,)")
    if outputs.shape[-1] == 1:
        wanted = target.to(outputs.dtype)
        losses = functional.binary_cross_entropy_with_logits(
            outputs.squeeze(-1), wanted, reduction="none"
        )
    else:
        losses = functional.cross_entropy(outputs, target, reduction="none")
    return clipped(losses, clip) if clip else losses


def clipped(losses: Tensor, clip: float) -> Tensor:
    """Return negative log-likelihoods, each as if its probability were within ``[clip, 1 - clip]``."""
    return losses.clamp(-math.log1p(-clip), -math.log(clip))


def predicted_class(outputs: Tensor) -> Tensor:
    """Return the most likely class of each sample, ``(sample,)``, from logits as in `log_loss`."""
    if outputs.shape[-1] == 1:
        return (outputs.squeeze(-1) > 0).long()
    return outputs.argmax(-1)


def accuracy(outputs: Tensor, target: Tensor) -> Tensor:
    """Return one where the most likely class is the true one, else zero, ``(sample,)``."""
    return (predicted_class(outputs) == target).to(outputs.dtype)


def brier(outputs: Tensor, target: Tensor) -> Tensor:
    """Return the squared error of the probabilities, ``(sample,)``; arguments as in `log_loss`.

    Of two classes that of the second alone, else summed over the classes.
    """
    if outputs.shape[-1] == 1:
        return (outputs.squeeze(-1).sigmoid() - target.to(outputs.dtype)).square()
    wanted = functional.one_hot(target, outputs.shape[-1]).to(outputs.dtype)
    return (outputs.softmax(-1) - wanted).square().sum(-1)


def squared_error(outputs: Tensor, target: Tensor) -> Tensor:
    """Return the squared error, mean over the numbers of a sample, ``(sample,)``; both are ``(sample, ...)``."""
    if outputs.shape != target.shape:
        _refuse_shapes("squared_error", outputs, target, "one shape, because nothing is broadcast")
    return (outputs - target).square().flatten(1).mean(-1)


def psnr(outputs: Tensor, target: Tensor, peak: float = 1.0) -> Tensor:
    """Return each image's peak signal-to-noise ratio, ``10 log10(peak^2 / mean squared error)``, in dB, ``(sample,)``.

    An error below a ten-billionth of the peak's square counts as that, so that a copy scores 100 dB and not infinity.

    Args:
        outputs: images, ``(sample, ...)``.
        target: the same.
        peak: the largest value that a pixel can have.
    """
    share = squared_error(outputs, target) / peak**2
    return -10 * share.clamp(min=1e-10).log10()


def output_log_loss(
    outputs: Outputs, *targets: Tensor, output: int = 0, target: int = 0, clip: float = 0.0
) -> Tensor:
    """Return the `log_loss` of one output of a network that has several, by one target, ``(sample,)``."""
    return log_loss(as_tuple(outputs)[output], targets[target], clip)


def output_accuracy(outputs: Outputs, *targets: Tensor, output: int = 0, target: int = 0) -> Tensor:
    """Return the `accuracy` of one output of a network that has several, by one target, ``(sample,)``."""
    return accuracy(as_tuple(outputs)[output], targets[target])


def weighted_log_loss(
    outputs: Outputs, *targets: Tensor, weights: Sequence[float], of: Sequence[int] | None = None
) -> Tensor:
    """Return the sum of the outputs' log-losses, each times its weight, in nats, ``(sample,)``.

    Args:
        outputs: logits of each output, as in `log_loss`.
        targets: class numbers, ``(sample,)`` each.
        weights: one an output; a weight of zero leaves an output out.
        of: number of the target of each output, where they are not in order: ``(0, 0)`` gives an auxiliary output the
            target of the first.
    """
    chosen = range(len(weights)) if of is None else of
    terms = zip(as_tuple(outputs), chosen, weights, strict=True)
    losses = [weight * log_loss(o, targets[which]) for o, which, weight in terms if weight]
    return sum(losses[1:], losses[0])


def label_log_loss(
    outputs: Tensor, target: Tensor, weights: Sequence[float] | None = None, clip: float = 0.0
) -> Tensor:
    """Return the negative log-likelihood of labels, one sigmoid each, in nats: mean over labels, ``(sample,)``.

    Args:
        outputs: logits, ``(sample, label)``.
        target: one where a label holds, else zero, ``(sample, label)``.
        weights: one a label, in place of equal ones; their sum divides.
        clip: of each label's probability, as in `log_loss`.
    """
    if outputs.shape != target.shape:
        _refuse_shapes("label_log_loss", outputs, target, "one shape, because nothing is broadcast")
    losses = functional.binary_cross_entropy_with_logits(
        outputs, target.to(outputs.dtype), reduction="none"
    )
    losses = clipped(losses, clip) if clip else losses
    if weights is None:
        return losses.mean(-1)
    return (losses * losses.new_tensor(weights)).sum(-1) / sum(weights)


def label_accuracy(outputs: Tensor, target: Tensor) -> Tensor:
    """Return the share of a sample's labels that are right, ``(sample,)``; arguments as in `label_log_loss`."""
    return ((outputs > 0) == (target > 0.5)).to(outputs.dtype).mean(-1)
