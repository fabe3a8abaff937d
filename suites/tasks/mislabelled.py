"""Few samples, some of them with a wrong label: a task that a network learns by heart."""

from __future__ import annotations

from dataclasses import replace

import torch

from paribus import Dataset, ParibusError, Split, Task, call
from paribus.data.splits import random_split
from paribus.suites.tasks.images import IMAGES


def mislabelled_split(
    dataset: Dataset,
    generator: torch.Generator,
    train: int,
    noise: float,
    fractions: tuple[float, float, float] = (0.6, 0.2, 0.2),
) -> Split:
    """Return a random split of which few training samples are kept, some with a label drawn from the other classes.

    Validation and test keep their true labels, so that they judge what was learned and not what was remembered.

    Args:
        dataset: classes and samples of them.
        generator: where the draws come from.
        train: how many training samples are kept.
        noise: share of them whose label is wrong.
        fractions: shares of training, validation and test before that.

    Raises:
        ParibusError: there are no classes, fewer training samples, or the noise is no share.
    """
    split = random_split(dataset, generator, fractions)
    _check(split, train, noise)
    kept = split.train[torch.randperm(len(split.train), generator=generator)[:train]].sort().values
    chosen = kept[torch.randperm(train, generator=generator)[: round(noise * train)]]
    others = len(dataset.classes) - 1
    shift = torch.randint(1, others + 1, (len(chosen),), generator=generator)
    target = dataset.targets[0].clone()
    target[chosen] = (target[chosen] + shift) % (others + 1)
    note = f"of {len(split.train)} training samples {train} are kept, {len(chosen)} of them with a wrong label"
    noisy = replace(dataset, targets=(target, *dataset.targets[1:]))
    return replace(split, dataset=noisy, train=kept, notes=(*split.notes, note))


def _check(split: Split, train: int, noise: float) -> None:
    slips = {
        f"{split.dataset.name}, which has values to predict": not split.dataset.classes,
        f"{train} training samples of {len(split.train)}": not 1 <= train <= len(split.train),
        f"a noise of {noise:g}": not 0 <= noise <= 1,
    }
    for slip, made in slips.items():
        if made:
            raise ParibusError(
                "labels to spoil",
                got=slip,
                expected="classes, as many training samples as are kept, and a share of wrong labels from 0 to 1",
                fix="Give more samples, or change split.train and split.noise.",
            )


def few_images(noise: float) -> Task:
    """Return the digits with 150 training samples, this share of them with a wrong label."""
    split = call(mislabelled_split, train=150, noise=noise)
    return IMAGES.model_copy(update={"split": split})
