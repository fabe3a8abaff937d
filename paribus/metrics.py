"""Losses and scores a sample: ``(outputs, targets) -> (sample,)``, so that sums and weights add up and divide once."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def log_loss(outputs: Tensor, target: Tensor) -> Tensor:
    """Negative log-likelihood of the true class, in nats, ``(sample,)``.

    Args:
        outputs: logits, ``(sample, class)``, or ``(sample, 1)`` where there are two classes.
        target: class numbers, ``(sample,)``.
    """
    if outputs.shape[-1] == 1:
        wanted = target.to(outputs.dtype)
        return functional.binary_cross_entropy_with_logits(
            outputs.squeeze(-1), wanted, reduction="none"
        )
    return functional.cross_entropy(outputs, target, reduction="none")


def predicted_class(outputs: Tensor) -> Tensor:
    """The most likely class of each sample, ``(sample,)``, from logits as in `log_loss`."""
    if outputs.shape[-1] == 1:
        return (outputs.squeeze(-1) > 0).long()
    return outputs.argmax(-1)


def accuracy(outputs: Tensor, target: Tensor) -> Tensor:
    """One where the most likely class is the true one, else zero, ``(sample,)``."""
    return (predicted_class(outputs) == target).to(outputs.dtype)


def squared_error(outputs: Tensor, target: Tensor) -> Tensor:
    """Squared error, mean over the outputs of a sample, ``(sample,)``; targets are ``(sample, output)``."""
    return (outputs - target).square().mean(-1)
