"""Data sets as they were read, and the split of one that a seed sees."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from paribus.data.reading import Reading

PARTS = ("train", "validation", "test")


def digest_tensors(tensors: Iterable[Tensor]) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of the tensors' shapes, types and bytes."""
    sha = hashlib.sha256()
    for tensor in tensors:
        sha.update(f"{tuple(tensor.shape)}{tensor.dtype}".encode())
        sha.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()[:16]


@dataclass(frozen=True)
class Dataset:
    """Samples as they were read, before any split and before any statistic of them.

    Attributes:
        name: name for people, such as a file's.
        origin: source in a phrase: a file, or a documented generator.
        inputs: one tensor an input of the network, each ``(sample, ...)``; NaN marks a missing value.
            Numbers that float32 cannot tell apart are held as differences (see `paribus.data.precision`).
        targets: one tensor a target, ``(sample,)`` of class numbers or ``(sample, ...)`` of values, such as numbers
            ``(sample, output)`` or images ``(sample, channel, height, width)``.
        feature_axes: for each input the axis whose entries are standardised apart (columns, channels), or None to
            leave that input as it is.
        standardise_targets: whether targets are values that are standardised too.
        classes: names of the first target's classes, in the order of their numbers; empty when it holds values.
        further_classes: the same for each target after the first.
        features: names of the columns or channels, if they have any.
        groups: ``(sample,)``; samples of one number are copies of each other and stay on one side of a split.
        declared: ``(sample,)`` of part numbers (0 train, 1 validation, 2 test, -1 free) where the data came already
            split.
        digest: hash of the content that was read (of the files' bytes, or of the tensors).
        notes: facts that a page must print: values filled, columns dropped, copies.
        readings: what each column, folder or file became and why, for the page of what was read; the first are of
            the whole file: its format, encoding and separators.
        season: steps of a series' natural season, such as 24 for hours; 0 where there is none.
    """

    name: str
    origin: str
    inputs: tuple[Tensor, ...]
    targets: tuple[Tensor, ...]
    feature_axes: tuple[int | None, ...] = (1,)
    standardise_targets: bool = False
    classes: tuple[str, ...] = ()
    further_classes: tuple[tuple[str, ...], ...] = ()
    features: tuple[str, ...] = ()
    groups: Tensor | None = None
    declared: Tensor | None = None
    digest: str = ""
    notes: tuple[str, ...] = ()
    readings: tuple[Reading, ...] = ()
    season: int = 0

    def __len__(self) -> int:
        return len(self.targets[0])

    @property
    def kind(self) -> Literal["classification", "regression"]:
        """Kind of problem that the first target poses."""
        return "classification" if self.classes else "regression"

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of one sample of each input, without the sample axis."""
        return tuple(tuple(x.shape[1:]) for x in self.inputs)

    @property
    def outputs(self) -> int:
        """Numbers that a network puts out for the first target: one for two classes, else one a class or value."""
        return self.output_sizes[0]

    @property
    def output_sizes(self) -> tuple[int, ...]:
        """Numbers that a network puts out for each target, as `outputs` counts them."""
        named = (self.classes, *self.further_classes, *((),) * len(self.targets))
        return tuple(
            (1 if len(classes) == 2 else len(classes)) if classes else target.shape[1:].numel()
            for target, classes in zip(self.targets, named, strict=False)
        )


@dataclass(frozen=True)
class Standardizer:
    """Imputation, shift and scale by statistics of the training part: ``(where(isnan(x), fill, x) - shift) * scale``.

    All three broadcast against one sample. It acts on any batch of samples, so that one raw copy of the data
    serves every seed.
    """

    fill: Tensor
    shift: Tensor
    scale: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Return the prepared samples, floating point, in the shape of ``x``."""
        x = x.to(self.shift.dtype)
        return (torch.where(torch.isnan(x), self.fill, x) - self.shift) * self.scale

    @classmethod
    def fit(cls, x: Tensor, feature_axis: int) -> Standardizer:
        """Take median, mean and one over the standard deviation of each feature, missing values left out.

        Of two values in the middle the median is the lower one.
        A feature that is constant (or missing throughout) in ``x`` gets a scale of zero: the training part says
        nothing about it, so no network sees it.

        Args:
            x: training samples, ``(sample, ...)``.
            feature_axis: the axis of ``x`` whose entries have statistics of their own.
        """
        axis = feature_axis % x.ndim
        values = x.to(torch.float64).movedim(axis, 0).reshape(x.shape[axis], -1)
        known = ~values.isnan()
        count = known.sum(1).clamp(min=1)
        fill = values.nanmedian(1).values.nan_to_num(0.0)
        filled = torch.where(known, values, fill[:, None])
        # Statistics of what was read, not of what was filled in.
        mean = torch.where(known, values, 0.0).sum(1) / count
        deviation = (torch.where(known, values - mean[:, None], 0.0).square().sum(1) / count).sqrt()
        constant = (filled == filled[:, :1]).all(1)
        scale = torch.where(constant | (deviation == 0), 0.0, 1.0 / deviation)
        shape = [-1 if i == axis else 1 for i in range(1, x.ndim)]
        return cls(*(t.to(torch.get_default_dtype()).reshape(shape) for t in (fill, mean, scale)))


@dataclass(frozen=True)
class Subset:
    """Prepared samples of one part of a split: inputs and targets, each a tuple of ``(sample, ...)`` tensors."""

    inputs: tuple[Tensor, ...]
    targets: tuple[Tensor, ...]

    def __len__(self) -> int:
        return len(self.targets[0])

    def to(self, device: str, dtype: torch.dtype) -> Subset:
        """Return the same samples on another device, floating-point ones in another precision."""

        def move(t: Tensor) -> Tensor:
            return t.to(device, dtype if t.is_floating_point() else t.dtype)

        return Subset(tuple(map(move, self.inputs)), tuple(map(move, self.targets)))


@dataclass(frozen=True)
class Split:
    """Data set as one seed sees it: which sample is in which part, and the statistics of the training part.

    Attributes:
        train, validation, test: sample numbers, ``(sample,)`` each; a number may stand more than once where a
            split asks for it.
        notes: facts of this split that a page must print.
    """

    dataset: Dataset
    train: Tensor
    validation: Tensor
    test: Tensor
    notes: tuple[str, ...] = field(default=())

    @cached_property
    def digest(self) -> str:
        """Hash of the three lists of sample numbers: equal for every variant that is paired."""
        return digest_tensors((self.train, self.validation, self.test))

    @cached_property
    def input_standardizers(self) -> tuple[Standardizer | None, ...]:
        """Preparation of each input, fitted on the training part alone; None leaves it as it is."""
        return tuple(
            None if axis is None else Standardizer.fit(x[self.train], axis)
            for x, axis in zip(self.dataset.inputs, self.dataset.feature_axes, strict=True)
        )

    @cached_property
    def target_standardizers(self) -> tuple[Standardizer | None, ...]:
        """Preparation of each target, fitted on the training part alone."""
        wanted = self.dataset.standardise_targets
        return tuple(
            Standardizer.fit(y[self.train], 1) if wanted else None for y in self.dataset.targets
        )

    def indices(self, part: str) -> Tensor:
        """Return the sample numbers of a part, ``(sample,)``."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[part]

    def only(self, samples: Tensor) -> Split:
        """Return the split of these samples in all three parts, ``(sample,)``, prepared as they are in this one."""
        made = Split(self.dataset, samples, samples, samples, self.notes)
        # Statistics of this split, in place of ones fitted on the few samples.
        vars(made).update(
            input_standardizers=self.input_standardizers,
            target_standardizers=self.target_standardizers,
        )
        return made

    def part(self, name: str, max_size: int | None = None) -> Subset:
        """Return the prepared samples of a part, or the first of them."""
        index = self.indices(name)[:max_size]
        return Subset(
            _prepared(self.dataset.inputs, index, self.input_standardizers),
            _prepared(self.dataset.targets, index, self.target_standardizers),
        )


def _prepared(
    tensors: tuple[Tensor, ...], index: Tensor, affines: tuple[Standardizer | None, ...]
) -> tuple[Tensor, ...]:
    picked = (t[index] for t in tensors)
    return tuple(a(t) if a else t for t, a in zip(picked, affines, strict=True))
