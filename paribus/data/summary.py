"""What was read of a user's data, and how one seed splits it, as plain data that a store keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import torch

from paribus.data.dataset import PARTS, Dataset, Split
from paribus.data.reading import Reading


@dataclass(frozen=True)
class PartSummary:
    """One part of a split.

    Attributes:
        samples: how many.
        groups: how many groups of samples that stay together, None where there are none.
        classes: number of samples of each class of the first target, in the order of the classes' numbers.
    """

    samples: int
    groups: int | None
    classes: tuple[int, ...]


@dataclass(frozen=True)
class DataSummary:
    """Data as they were read.

    Attributes:
        task: that they are read for.
        name, origin, digest, classes: of the data set.
        samples: how many were read.
        readings: what each column, folder or file became, and why.
        parts: of the split of one seed, by name; none where it was not split.
        notes: of reading and splitting.
    """

    task: str
    name: str
    origin: str
    digest: str
    samples: int
    classes: tuple[str, ...]
    readings: tuple[Reading, ...]
    parts: Mapping[str, PartSummary]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, task: str, dataset: Dataset, split: Split | None) -> Self:
        """Summarise a data set and, if there is one, a split of it."""
        return cls(
            task=task,
            name=dataset.name,
            origin=dataset.origin,
            digest=dataset.digest,
            samples=len(dataset),
            classes=dataset.classes,
            readings=dataset.readings,
            parts={} if split is None else {part: _part(split, part) for part in PARTS},
            notes=(*dataset.notes, *(split.notes if split else ())),
        )

    @property
    def key(self) -> str:
        """Name under which a store keeps it."""
        return summary_key(self.task, self.digest)

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> Self:
        """Return the summary that plain data describe."""
        parts = {
            name: PartSummary(part["samples"], part["groups"], tuple(part["classes"]))
            for name in PARTS
            if (part := plain["parts"].get(name))
        }
        lists = {name: tuple(plain[name]) for name in ("classes", "notes")}
        readings = tuple(Reading(*reading) for reading in plain["readings"])
        return cls(**{**plain, **lists, "parts": parts, "readings": readings})


def summary_key(task: str, digest: str) -> str:
    """Return the name under which a store keeps what was read for a task."""
    return f"what was read for {task}: {digest}"


def _part(split: Split, name: str) -> PartSummary:
    dataset, index = split.dataset, split.indices(name)
    groups = None if dataset.groups is None else len(dataset.groups[index].unique())
    if not dataset.classes:
        return PartSummary(len(index), groups, ())
    counts = torch.bincount(dataset.targets[0][index], minlength=len(dataset.classes))
    return PartSummary(len(index), groups, tuple(counts.tolist()))
