"""Splits into training, validation and test parts: ``(dataset, generator) -> Split``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from paribus.data.dataset import PARTS, Dataset, Split
from paribus.errors import ParibusError
from paribus.seeding import Streams

FREE = -1


def random_split(
    dataset: Dataset,
    generator: torch.Generator,
    fractions: Sequence[float] = (0.6, 0.2, 0.2),
    stratify: bool = True,
    imbalance: float = 1.0,
    max_evaluated: int | None = None,
) -> Split:
    """Draw a split at random, class by class, with copies of one sample on one side.

    Every draw with the same fractions has parts of the same sizes, unless a group of copies fits into no part. Where
    the data came already split, the declared test part is kept, and validation is drawn from the declared training
    part unless it is declared too.

    Args:
        dataset: what is split.
        generator: where the draw comes from.
        fractions: shares of training, validation and test.
        stratify: draw each class apart, so that every part has the same prevalences.
        imbalance: factor ``r`` by which class 0 becomes more frequent relative to the last class. Of class ``k`` of
            ``K``, training and validation keep a share ``r ** (-k / (K - 1))``, at least 2 and 1 samples; a larger
            ``r`` keeps a subset of what a smaller one keeps. The test part keeps every sample and repeats those of
            the frequent classes, the first about ``r`` times, the last once, so that it has the same prevalences
            while scores of small classes rest on every sample.
        max_evaluated: how many samples validation and test have at most; more are thinned evenly.

    Raises:
        ParibusError: invalid fractions, an imbalance below one or without classes, a part left empty, or a class
            that is missing from training or test.
    """
    shares = _checked_fractions(fractions)
    _check_imbalance(dataset, imbalance)
    parts = _drawn(dataset, generator, shares, stratify)
    notes: tuple[str, ...] = ()
    if dataset.declared is not None and bool((dataset.declared == 2).any()):
        notes = ("the test part is the declared one and is not redrawn",)
    split = _split_of(dataset, parts, notes)
    split = _imbalanced(split, generator, imbalance) if imbalance > 1 else split
    return _limited(split, max_evaluated)


def k_fold_split(
    dataset: Dataset, generator: torch.Generator, *, seed: int, folds: int = 5
) -> Split:
    """Test on one of ``folds`` equal parts: seed ``s`` on fold ``s % folds`` of a dealing that ``folds`` seeds share.

    Folds hold each class in proportion, and copies or rows of a group on one side. Validation is a quarter of the rest,
    drawn at random. Test parts of one dealing do not overlap, training parts do: inference to new data needs the
    corrected t.

    Args:
        dataset: what is split; without parts that are declared already.
        generator: where validation is drawn from.
        seed: which fold of which dealing.
        folds: how many.

    Raises:
        ParibusError: the parts are declared, there are more folds than samples, a part is left empty, or a class is
            missing from training or test.
    """
    if dataset.declared is not None:
        raise ParibusError(
            f"folds of {dataset.name}",
            got="data that come with a test part",
            expected="data without one, which folds take in turn",
            fix="Leave the folds or the test part out.",
        )
    leaders = _leaders(dataset)
    if folds > (apart := len(leaders.unique())):
        raise ParibusError(
            f"folds of {dataset.name}",
            got=f"{folds} folds for {apart} samples or groups of them",
            expected=f"at most {apart} folds, so that none is empty",
            fix="Use fewer folds.",
        )
    dealt = torch.Generator().manual_seed(Streams(seed // folds).number("split", "folds"))
    fold = _dealt(leaders, dataset.targets[0] if dataset.classes else None, folds, dealt)
    parts = torch.where(fold == seed % folds, 2, FREE)
    rest = torch.nonzero(parts == FREE).squeeze(1)
    strata = dataset.targets[0][leaders[rest]] if dataset.classes else torch.zeros_like(rest)
    for stratum in strata.unique().tolist():
        members = rest[strata == stratum]
        parts[members] = _drawn_parts(leaders[members], (0.75, 0.25, 0.0), generator)
    note = f"seeds test on each of {folds} folds in turn, with the samples dealt out anew after every {folds} seeds"
    return _split_of(dataset, parts, (note,))


def _dealt(
    leaders: Tensor, classes: Tensor | None, folds: int, generator: torch.Generator
) -> Tensor:
    """Return the fold of each sample, ``(sample,)``: groups of copies, the large ones first, go where fewest are."""
    first, group, sizes = leaders.unique(return_inverse=True, return_counts=True)
    strata = torch.zeros_like(first) if classes is None else classes[first]
    order = torch.randperm(len(first), generator=generator)
    order = order[torch.sort(sizes[order], descending=True, stable=True).indices]
    counts = {stratum: [0] * folds for stratum in strata.unique().tolist()}
    totals = [0] * folds
    fold = [0] * len(first)
    units = zip(order.tolist(), strata[order].tolist(), sizes[order].tolist(), strict=True)
    for unit, stratum, size in units:
        of_class = counts[stratum]
        to = min(range(folds), key=lambda k: (of_class[k], totals[k]))
        fold[unit] = to
        of_class[to] += size
        totals[to] += size
    return torch.tensor(fold)[group]


def time_split(
    dataset: Dataset,
    generator: torch.Generator,  # noqa: ARG001 - every split takes one; cuts by time are not drawn
    fractions: Sequence[float] = (0.7, 0.15, 0.15),
    max_evaluated: int | None = None,
) -> Split:
    """Split samples in time order: training, then validation, then test.

    The cuts are the same for every seed. Windows just after a cut look back over it, as a forecast does; what they are
    to predict lies after it.

    Args:
        dataset: samples in time order.
        generator: not used.
        fractions: shares of training, validation and test.
        max_evaluated: how many samples validation and test have at most; more are thinned evenly.

    Raises:
        ParibusError: invalid fractions, or a part left empty.
    """
    first, second, _ = _cuts(len(dataset), _checked_fractions(fractions))
    order = torch.arange(len(dataset))
    split = Split(dataset, order[:first], order[first:second], order[second:])
    return _refuse_empty_part(_limited(split, max_evaluated))


def declared_split(
    dataset: Dataset,
    generator: torch.Generator,  # noqa: ARG001 - every split takes one; nothing is drawn here
) -> Split:
    """Return the split that the data came with, as generated data do that are drawn anew for every seed.

    Raises:
        ParibusError: a sample without a declared part, a part left empty, or a class missing from training or test.
    """
    if dataset.declared is None or bool((dataset.declared == FREE).any()):
        raise ParibusError(
            f"split of {dataset.name}",
            got="samples without a declared part",
            expected="every sample declared as training, validation or test",
            fix="Use paribus.data.splits:random_split, which draws what is not declared.",
        )
    return _split_of(dataset, dataset.declared, ())


def _checked_fractions(fractions: Sequence[float]) -> tuple[float, float, float]:
    shares = tuple(fractions)
    if len(shares) != 3 or min(shares) <= 0 or not math.isclose(sum(shares), 1, abs_tol=1e-6):
        raise ParibusError(
            "fractions of a split",
            got=", ".join(map(str, shares)) or "nothing",
            expected="three positive numbers that sum to 1",
            fix="Give the shares of training, validation and test, such as 0.6, 0.2, 0.2.",
        )
    return shares


def _check_imbalance(dataset: Dataset, imbalance: float) -> None:
    if imbalance == 1 or (1 < imbalance < math.inf and dataset.classes):
        return
    raise ParibusError(
        "imbalance of a split",
        got=imbalance if dataset.classes else f"{imbalance} for values to predict",
        expected="1, or more than 1 where there are classes",
        fix="Give the factor by which the first class becomes more frequent relative to the last.",
    )


def _cuts(count: int, shares: Sequence[float]) -> tuple[int, int, int]:
    """Return the sample number at which each part ends, rounded."""
    total = sum(shares)
    ends = [round(count * sum(shares[: i + 1]) / total) for i in range(3)]
    return ends[0], ends[1], ends[2]


def _drawn(
    dataset: Dataset, generator: torch.Generator, shares: tuple[float, float, float], stratify: bool
) -> Tensor:
    """Draw the part number of every sample, ``(sample,)``."""
    leaders = _leaders(dataset)
    strata = torch.zeros_like(leaders)
    if dataset.classes and stratify:
        strata = dataset.targets[0][leaders]
    parts = torch.full_like(leaders, FREE) if dataset.declared is None else dataset.declared.clone()
    draws = [(parts == FREE, shares)]
    if not bool((parts == 1).any()):
        draws.append((parts == 0, (shares[0], shares[1], 0.0)))
    for pool, wanted in draws:
        for stratum in strata[pool].unique().tolist():
            members = torch.nonzero(pool & (strata == stratum)).squeeze(1)
            parts[members] = _drawn_parts(leaders[members], wanted, generator)
    return parts


def _leaders(dataset: Dataset) -> Tensor:
    """Return for each sample the first one that it is a copy of, itself if of none, ``(sample,)``."""
    order = torch.arange(len(dataset))
    if dataset.groups is None:
        return order
    _, group = dataset.groups.unique(return_inverse=True)
    first = torch.full((len(dataset),), len(dataset)).scatter_reduce(0, group, order, "amin")
    return first[group]


def _drawn_parts(
    leaders: Tensor, shares: tuple[float, float, float], generator: torch.Generator
) -> Tensor:
    """Draw a part number for each of these samples, ``(sample,)``; copies, few as a rule, are placed first."""
    _, unit, counted = leaders.unique(return_inverse=True, return_counts=True)
    sizes: list[int] = counted.tolist()
    room: list[int] = _quota(len(leaders), shares).tolist()
    placed = [FREE] * len(sizes)
    for copies, size in enumerate(sizes):
        if size == 1:
            continue
        fits = [float(left) if left >= size else 0.0 for left in room]
        if any(fits):
            weights = torch.tensor(fits, dtype=torch.float64)
            part = int(torch.multinomial(weights, 1, generator=generator))
        elif 2 * size > len(leaders):
            part = 0
        else:
            part = _neediest(room, placed)
        placed[copies] = part
        room[part] -= size
    parts = torch.tensor(placed)
    singles = parts == FREE
    rest = torch.arange(3).repeat_interleave(torch.tensor(room).clamp(min=0))
    parts[singles] = rest[torch.randperm(len(rest), generator=generator)][: int(singles.sum())]
    return parts[unit]


def _neediest(room: Sequence[int], placed: Sequence[int]) -> int:
    """Return the part for copies that fit into none: one that is empty so far, test first; else where most room is."""
    wanting = [part for part in (2, 0, 1) if room[part] > 0]
    empty = [part for part in wanting if part not in placed]
    return next(iter(empty), max(wanting, key=lambda part: room[part], default=0))


def _quota(count: int, shares: tuple[float, float, float]) -> Tensor:
    """Return each part's share of so many samples, ``(3,)``: no part empty that could have one, test first."""
    first, second, end = _cuts(count, shares)
    room = [first, second - first, end - second]
    for part in (1, 0, 2):
        if shares[part] > 0 and room[part] == 0:
            room[max((1, 0, 2), key=lambda p: room[p])] -= 1
            room[part] += 1
    return torch.tensor(room)


def _split_of(dataset: Dataset, parts: Tensor, notes: tuple[str, ...]) -> Split:
    """Return the split of these part numbers; refuse an empty part, and a class missing from training or test."""
    train, validation, test = (torch.nonzero(parts == i).squeeze(1) for i in range(3))
    split = _refuse_empty_part(Split(dataset, train, validation, test, notes))
    for name in ("train", "test") if dataset.classes else ():
        there = set(dataset.targets[0][split.indices(name)].tolist())
        missing = [c for k, c in enumerate(dataset.classes) if k not in there]
        if missing:
            raise ParibusError(
                f"split of {dataset.name}",
                got=f"no sample of class {missing[0]!r} in the {_part_name(name)} part",
                expected="every class in training and test",
                fix="Give more samples of that class, leave it out, or change the fractions.",
            )
    return split


def _refuse_empty_part(split: Split) -> Split:
    """Return the same split; refuse an empty part."""
    for name in PARTS:
        if len(split.indices(name)) == 0:
            raise ParibusError(
                f"split of {split.dataset.name}",
                got=f"no sample in the {_part_name(name)} part, of {len(split.dataset)} in all",
                expected="samples in all three parts",
                fix="Give more samples, or change the fractions.",
            )
    return split


def _part_name(part: str) -> str:
    return "training" if part == "train" else part


def _limited(split: Split, max_size: int | None) -> Split:
    """Return the split with at most so many samples in validation and test."""
    parts = (split.validation, split.test)
    if max_size is None or max(map(len, parts)) <= max_size:
        return split
    validation, test = (_thinned(part, max_size) for part in parts)
    note = (
        f"validation and test are scored on {len(validation)} of {len(parts[0])} and {len(test)} of "
        f"{len(parts[1])} samples, evenly spaced"
    )
    return replace(split, validation=validation, test=test, notes=(*split.notes, note))


def _thinned(part: Tensor, max_size: int) -> Tensor:
    """Return at most so many of the samples, evenly spaced, first and last included."""
    if len(part) <= max_size:
        return part
    return part[torch.linspace(0, len(part) - 1, max_size, dtype=torch.float64).round().long()]


def _imbalanced(split: Split, generator: torch.Generator, ratio: float) -> Split:
    """Return the split with prevalences that fall geometrically, as in `random_split`."""
    target, count = split.dataset.targets[0], len(split.dataset.classes)
    shares = [ratio ** (-k / (count - 1)) for k in range(count)]

    def thin(part: Tensor, min_size: int) -> Tensor:
        kept = []
        for k, share in enumerate(shares):
            members = part[target[part] == k]
            mixed = members[torch.randperm(len(members), generator=generator)]
            kept.append(mixed[: max(min_size, round(share * len(members)))])
        return torch.cat(kept).sort().values

    def repeat(part: Tensor) -> Tensor:
        kept = []
        for k, share in enumerate(shares):
            members = part[target[part] == k]
            wanted = round(ratio * share * len(members))
            kept.append(members[torch.arange(wanted) % len(members)])
        return torch.cat(kept).sort().values

    train, validation, test = thin(split.train, 2), thin(split.validation, 1), repeat(split.test)
    sizes = ", ".join(
        f"{c} {n}" for c, n in zip(split.dataset.classes, _sizes(target, train), strict=True)
    )
    note = (
        f"classes made uneven, {ratio:g} to 1 from first to last: training keeps {sizes}; the test part keeps "
        f"its {len(split.test)} samples and repeats those of frequent classes to {len(test)} in all"
    )
    return Split(split.dataset, train, validation, test, (*split.notes, note))


def _sizes(target: Tensor, part: Tensor) -> list[int]:
    """Count a part's samples of each class."""
    return target[part].bincount().tolist()
