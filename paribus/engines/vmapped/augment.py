"""Augmentation of a cohort's batches: each replicate's samples changed as the loop changes them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from paribus.engines.vmapped.batches import Source
from paribus.runs.run import Run
from paribus.training.augment import Augmentation


class AugmentedInput:
    """First input of a cohort's batches, changed at random while raw and then prepared.

    Transforms take one sample at a time and draw from the streams of its run, so they are called as often as by the
    loop; what is stacked is the step that follows.

    Args:
        runs: of the cohort.
        which: number of each replicate's streams and split among those that differ, ``(replicate,)``: replicates that
            share them see the same samples.
    """

    def __init__(self, runs: Sequence[Run], which: Tensor) -> None:
        self.which = which.cpu()
        numbers = self.which.tolist()
        self.first = [numbers.index(n) for n in range(max(numbers) + 1)]
        self.each = [Augmentation(runs[i].recipe.augment, runs[i].streams) for i in self.first]

    def __call__(self, source: Source, rows: Tensor, step: int) -> Tensor:
        """Return the samples of some steps, ``(step, replicate, batch, feature ...)``, on the device of ``rows``.

        Args:
            source: of the input.
            rows: sample numbers, ``(step, replicate, batch)``.
            step: number of the first of these steps.
        """
        raw = source.unprepared(rows).cpu()
        changed = [
            [change(samples[i], step + k) for i, change in zip(self.first, self.each, strict=True)]
            for k, samples in enumerate(raw)
        ]
        distinct = torch.stack([torch.stack(samples) for samples in changed])
        return source.prepared(distinct[:, self.which].to(rows.device))
