"""Data of a cohort: one raw copy, each replicate's own preparation and order of batches."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from paribus.data.dataset import Split, Standardizer
from paribus.seeding import Streams
from paribus.training.batch_order import batch_length, steps_per_epoch

Tensors = tuple[Tensor, ...]
ALL = slice(None)


@dataclass(frozen=True)
class Source:
    """Tensor of the data for all replicates: one raw copy, and each replicate's preparation.

    Attributes:
        raw: ``(sample, ...)``; where replicates have data of their own, theirs one after the other.
        start: number of each replicate's first sample, ``(replicate, 1)``, or None where it is zero for all.
        affine: preparation by replicate, each tensor ``(replicate, 1, ...)``, or None.
        missing: whether there is anything to fill.
        dtype: what floating-point samples become.
    """

    raw: Tensor
    start: Tensor | None
    affine: Standardizer | None
    missing: bool
    dtype: torch.dtype

    @property
    def tensors(self) -> Tensors:
        """Tensors that it reads, in one order."""
        own = (self.raw,) if self.start is None else (self.raw, self.start)
        a = self.affine
        return own if a is None else (*own, a.fill, a.shift, a.scale)

    def holding(self, tensors: Iterator[Tensor]) -> Source:
        """Return the same source of other tensors, of which it takes as many as its own are."""
        raw = next(tensors)
        start = None if self.start is None else next(tensors)
        affine = None if self.affine is None else Standardizer(*(next(tensors) for _ in range(3)))
        return replace(self, raw=raw, start=start, affine=affine)

    def pick(self, index: Tensor, of: slice | Tensor = ALL) -> Tensor:
        """Return prepared samples, ``(..., replicate, batch, feature ...)``.

        Args:
            index: sample numbers, ``(..., replicate, batch)``.
            of: the replicates that they are of, as a slice or by number.
        """
        return self.prepared(self.unprepared(index, of), of)

    def unprepared(self, index: Tensor, of: slice | Tensor = ALL) -> Tensor:
        """Return samples as they were read, a copy; arguments and shape as of `pick`."""
        return self.raw[index if self.start is None else index + self.start[of]]

    def prepared(self, x: Tensor, of: slice | Tensor = ALL) -> Tensor:
        """Return samples, ``(..., replicate, batch, feature ...)``, prepared; those that are given may be changed."""
        if self.affine is not None:
            # In the loop's precision and order: it prepares in float32 and then converts.
            x = x.to(self.affine.shift.dtype)
            if self.missing:
                x = torch.where(x.isnan(), self.affine.fill[of], x)
            x.sub_(self.affine.shift[of]).mul_(self.affine.scale[of])
        return x.to(self.dtype) if x.is_floating_point() else x


def source(
    tensors: Sequence[Tensor],
    affines: Sequence[Standardizer | None],
    device: str,
    dtype: torch.dtype,
) -> Source:
    """Return one raw copy of what replicates share.

    Args:
        tensors: each replicate's, ``(sample, ...)``; the same object where they share it.
        affines: each replicate's.
        device: where it is put.
        dtype: what floating-point samples become.
    """
    first = tensors[0]
    shared = all(t is first for t in tensors)
    raw, start = first, None
    if not shared:
        raw = torch.cat(list(tensors))
        lengths = torch.tensor([0, *(len(t) for t in tensors[:-1])], device=device)
        start = lengths.cumsum(0)[:, None]
    missing = bool(raw.isnan().any()) if raw.is_floating_point() else False
    stacked = None
    if affines[0] is not None:
        columns = [
            torch.stack([getattr(a, n) for a in affines]) for n in ("fill", "shift", "scale")
        ]
        stacked = Standardizer(*(c.unsqueeze(1).to(device) for c in columns))
    return Source(raw.to(device), start, stacked, missing, dtype)


class Samples:
    """Data of a cohort.

    Args:
        splits: each replicate's.
        device: where the raw copy is put.
        dtype: what floating-point samples become.
    """

    def __init__(self, splits: Sequence[Split], device: str, dtype: torch.dtype) -> None:
        self.inputs, self.targets = (
            [
                source(
                    [getattr(split.dataset, which)[i] for split in splits],
                    [getattr(split, affines)[i] for split in splits],
                    device,
                    dtype,
                )
                for i in range(len(getattr(splits[0].dataset, which)))
            ]
            for which, affines in (
                ("inputs", "input_standardizers"),
                ("targets", "target_standardizers"),
            )
        )

    @property
    def width(self) -> int:
        """Count of numbers in all inputs of one sample."""
        return sum(s.raw[0].numel() for s in self.inputs)

    @property
    def tensors(self) -> Tensors:
        """Tensors that are read, in one order."""
        return tuple(x for s in (*self.inputs, *self.targets) for x in s.tensors)

    def holding(self, tensors: Sequence[Tensor]) -> Samples:
        """Return the same samples, read from others of the shapes of `tensors`."""
        made, left = copy.copy(self), iter(tensors)
        made.inputs = [s.holding(left) for s in self.inputs]
        made.targets = [s.holding(left) for s in self.targets]
        return made

    def pick(self, index: Tensor, of: slice | Tensor = ALL) -> tuple[Tensors, Tensors]:
        """Return prepared inputs and targets, ``(..., replicate, batch, feature ...)`` each; see `Source.pick`."""
        return (
            tuple(s.pick(index, of) for s in self.inputs),
            tuple(s.pick(index, of) for s in self.targets),
        )


class Batches:
    """Sample numbers of each replicate at each step: those of `paribus.training.batch_order.batches`.

    An epoch is drawn at once, and once for replicates that share streams and split.

    Args:
        splits: each replicate's, with training parts of one size.
        streams: each replicate's.
        batch_size: samples a step.
        device: where sample numbers are put.
    """

    def __init__(
        self, splits: Sequence[Split], streams: Sequence[Streams], batch_size: int, device: str
    ) -> None:
        named = [(s, f.digest) for s, f in zip(streams, splits, strict=True)]
        distinct = {name: i for i, name in reversed([*enumerate(named)])}
        self.streams = [streams[i] for i in distinct.values()]
        self.train = torch.stack([splits[i].train.long() for i in distinct.values()])
        ordinal = {name: k for k, name in enumerate(distinct)}
        self.which = torch.tensor([ordinal[name] for name in named], device=device)
        self.alike = len(distinct) == len(splits)
        samples = len(splits[0].train)
        self.length = batch_length(samples, batch_size)
        self.per_epoch = steps_per_epoch(samples, batch_size)
        self.device, self.epoch, self.at = device, -1, self.per_epoch

    def take(self, steps: int) -> Tensor:
        """Return the next steps' sample numbers, ``(step, replicate, batch)``, of as many epochs as they reach into."""
        pieces: list[Tensor] = []
        while steps:
            if self.at == self.per_epoch:
                self._shuffle()
            pieces.append(self.rows[self.at : self.at + steps])
            self.at += len(pieces[-1])
            steps -= len(pieces[-1])
        rows = pieces[0] if len(pieces) == 1 else torch.cat(pieces)
        return rows[:, self.which]

    def _shuffle(self) -> None:
        self.epoch, self.at = self.epoch + 1, 0
        samples = self.train.shape[1]
        orders = [
            torch.randperm(samples, generator=s.generator("order", self.epoch))
            for s in self.streams
        ]
        rows = self.train.gather(1, torch.stack(orders))[:, : self.per_epoch * self.length]
        rows = rows.view(-1, self.per_epoch, self.length).transpose(0, 1).contiguous()
        if self.device == "cuda":  # so that the copy is asynchronous
            rows = rows.pin_memory()
        self.rows = rows.to(self.device, non_blocking=True)
