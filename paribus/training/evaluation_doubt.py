"""Doubt of scores: outputs in evaluation that depend on the samples beside a sample, or on the passes before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from paribus.metrics.outputs import as_tuple
from paribus.training.evaluate import CHUNK

SAMPLES = 4
RELATIVE = 1e-3  # of the largest output: far above rounding, which differs with the size of a batch
BATCH = (
    "In evaluation, too, the network's output for a sample depends on the samples beside it: scores are of the part in "
    f"its order, at most {CHUNK} samples at a time, and not what the network would give for one sample alone. "
    "Statistics over the batch, such as x.mean(0), a batch norm without running statistics, and a recurrent layer "
    "without batch_first are the usual causes."
)
STATE = (
    "In evaluation, the network's outputs for the same samples change from one pass to the next: scores depend on how "
    "often it was called. A state that forward changes whatever the mode is the usual cause."
)


@torch.no_grad()
def evaluation_doubt(
    network: nn.Module,
    inputs: Sequence[Tensor],
    noise: Callable[[], AbstractContextManager[None]] = nullcontext,
    *,
    noisy: bool = False,
) -> str:
    """Return what a person should know of a network's outputs in evaluation, or nothing.

    A few samples are passed twice, then before and behind others, then alone.

    Args:
        network: left in the mode that it is in.
        inputs: of a part, ``(sample, ...)`` each; a part of fewer than three samples shows nothing.
        noise: within which each pass draws the same noise.
        noisy: whether it draws any: a batch of another size draws other noise, so that sizes are not compared.

    >>> class Centred(nn.Module):
    ...     def forward(self, x):
    ...         return x - x.mean(0)
    >>> x = torch.arange(12.0)[:, None]
    >>> evaluation_doubt(Centred(), [x]) == BATCH, evaluation_doubt(nn.Identity(), [x])
    (True, '')
    """
    count = min(SAMPLES, len(inputs[0]) // 3)
    if not count:
        return ""
    few, others, further = (slice(k * count, (k + 1) * count) for k in range(3))

    def outputs(*parts: slice, last: bool = False) -> list[Tensor]:
        with noise():
            found = network(*(torch.cat([x[part] for part in parts]) for x in inputs))
        return [output[-count:] if last else output[:count] for output in as_tuple(found)]

    training = network.training
    network.eval()
    first = outputs(few, others)
    if _apart(first, outputs(few, others)):
        doubt = STATE
    elif (
        _apart(first, outputs(few, further))
        or _apart(outputs(others, few, last=True), outputs(further, few, last=True))
        or (not noisy and _apart(first, outputs(few)))
    ):
        doubt = BATCH
    else:
        doubt = ""
    network.train(training)
    return doubt


def _apart(a: Sequence[Tensor], b: Sequence[Tensor]) -> bool:
    return any(
        bool((x - y).abs().max() > RELATIVE * x.abs().max())
        for x, y in zip(a, b, strict=True)
        if x.numel() and bool(x.isfinite().all())
    )
