"""One batch and nothing else: what a training loop that works learns by heart."""

from __future__ import annotations

import torch

from paribus import Dataset, ParibusError, Split
from paribus.data.splits import random_split


def one_batch_split(dataset: Dataset, generator: torch.Generator, samples: int = 32) -> Split:
    """Return a split whose three parts are the same few training samples, so that scores are about fitting alone.

    Args:
        dataset: what the samples are drawn from.
        generator: where the draw comes from.
        samples: how many.

    Raises:
        ParibusError: there are not so many.
    """
    train = random_split(dataset, generator).train
    if not 1 <= samples <= len(train):
        raise ParibusError(
            f"samples of a batch of {dataset.name}",
            got=samples,
            expected=f"1 to {len(train)}, the samples of the training part",
            fix="Change split.samples.",
        )
    few = train[torch.randperm(len(train), generator=generator)[:samples]].sort().values
    note = f"training, validation and test are the same {samples} samples: scores tell of fitting alone"
    return Split(dataset, few, few, few, (note,))
