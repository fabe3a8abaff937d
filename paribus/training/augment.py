"""Augmentation: the samples of a batch changed at random, drawn from ``(seed, noise, transform, step)``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from paribus.data.dataset import Dataset
from paribus.errors import ParibusError
from paribus.seeding import Streams
from paribus.spec import Call


class Augmentation:
    """Transforms of one raw sample each, such as those of ``torchvision.transforms.v2``, taken one after the other.

    They draw from torch's global generator, which is set for each transform and step and put back afterwards. A
    transform is known by its kind and its ordinal among those of its kind, so that adding one changes no other's draws.

    Args:
        transforms: classes to make them of, or functions of a sample.
        streams: of the run.
    """

    def __init__(self, transforms: Sequence[Call], streams: Streams) -> None:
        self.streams = streams
        self.transforms = [(*name, _made(transform)) for name, transform in _named(transforms)]

    def __call__(self, samples: Tensor, step: int) -> Tensor:
        """Return the samples of a step's batch, ``(sample, ...)``, raw on the CPU, changed.

        Raises:
            ParibusError: a transform changes a sample's shape or type.
        """
        with torch.random.fork_rng(devices=[]):
            for kind, ordinal, transform in self.transforms:
                # `torch.manual_seed` takes a stack trace for each kind of device, a seventh of a small network's step.
                number = self.streams.number("noise", "augment", kind, ordinal, step)
                torch.default_generator.manual_seed(number)
                samples = torch.stack([_kept(kind, x, transform(x)) for x in samples])
        return samples


def _made(transform: Call) -> Callable[[Tensor], object]:
    target = transform.resolve()
    if isinstance(target, type):
        made: Callable[[Tensor], object] = transform()
        return made
    return partial(target, **transform.kwargs)


def _named(transforms: Sequence[Call]) -> Iterator[tuple[tuple[str, int], Call]]:
    """Yield each transform with its kind and its ordinal among those of its kind."""
    seen: Counter[str] = Counter()
    for transform in transforms:
        kind = transform.target.rpartition(":")[2]
        yield (kind, seen[kind]), transform
        seen[kind] += 1


def _kept(kind: str, before: Tensor, after: object) -> Tensor:
    """Return what a transform made of a sample, if shape and dtype are unchanged."""
    if isinstance(after, Tensor) and (after.shape, after.dtype) == (before.shape, before.dtype):
        return after
    got = type(after).__name__
    if isinstance(after, Tensor):
        got = f"{tuple(after.shape)} of {after.dtype}"
    raise ParibusError(
        f"augmentation {kind}",
        got=f"{got} from {tuple(before.shape)} of {before.dtype}",
        expected="a sample of the same shape and type",
        fix="Use a transform that keeps them, such as RandomCrop with padding.",
    )


def try_augmentation(transforms: Sequence[Call], dataset: Dataset, streams: Streams) -> None:
    """Change a few samples of the first input, so that a misfit is reported before training starts."""
    if transforms:
        Augmentation(transforms, streams)(dataset.inputs[0][:2], 0)
