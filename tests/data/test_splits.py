"""Splits: sizes, prevalences, copies, declared parts, imbalance, time."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from paribus.data.dataset import PARTS, Dataset, Split
from paribus.data.splits import declared_split, k_fold_split, random_split, time_split
from tests.helpers.refusals import refused


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _classified(counts: Sequence[int], **settings: Any) -> Dataset:
    """Make a data set with so many samples of each class, mixed."""
    targets = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    targets = targets[torch.randperm(len(targets), generator=_generator(99))]
    data = Dataset(
        name="some data",
        origin="made up",
        inputs=(torch.arange(len(targets), dtype=torch.float32)[:, None],),
        targets=(targets,),
        classes=tuple("abcdefghij"[: len(counts)]),
    )
    return dataclasses.replace(data, **settings)


def _series(count: int) -> Dataset:
    return Dataset(
        name="a series",
        origin="made up",
        inputs=(torch.zeros(count, 4, 1),),
        targets=(torch.zeros(count, 1),),
    )


def _sizes(split: Split) -> list[int]:
    return [len(split.indices(part)) for part in PARTS]


def _counts(split: Split, part: str) -> list[int]:
    size = len(split.dataset.classes)
    return split.dataset.targets[0][split.indices(part)].bincount(minlength=size).tolist()


def _is_partition(split: Split, of: Tensor | None = None) -> bool:
    everything = torch.cat([split.indices(part) for part in PARTS]).sort().values
    return torch.equal(everything, torch.arange(len(split.dataset)) if of is None else of)


def test_every_sample_is_in_one_part_and_every_part_has_each_class_in_proportion() -> None:
    split = random_split(_classified([100, 50]), _generator())
    assert _is_partition(split)
    assert [_counts(split, part) for part in PARTS] == [[60, 30], [20, 10], [20, 10]]


def test_a_draw_can_be_repeated_and_another_differs_at_the_same_sizes() -> None:
    data = _classified([101, 53, 7])
    splits = [random_split(data, _generator(seed)) for seed in (1, 1, 2)]
    assert splits[0].digest == splits[1].digest != splits[2].digest
    assert _sizes(splits[0]) == _sizes(splits[2])


def test_without_strata_only_the_sizes_are_kept() -> None:
    split = random_split(_classified([90, 60]), _generator(), stratify=False)
    assert _is_partition(split)
    assert _sizes(split) == [90, 30, 30]


def test_values_are_split_by_size_alone() -> None:
    assert _sizes(random_split(_series(50), _generator(), fractions=[0.5, 0.25, 0.25])) == [
        25,
        13,
        12,
    ]


@pytest.mark.parametrize(("count", "parts"), [(2, [1, 0, 1]), (3, [1, 1, 1]), (4, [2, 1, 1])])
def test_a_small_class_is_in_test_and_training_first(count: int, parts: list[int]) -> None:
    split = random_split(_classified([50, count]), _generator())
    assert [_counts(split, part)[1] for part in PARTS] == parts


def test_copies_stay_on_one_side_at_the_same_sizes_for_every_seed() -> None:
    groups = torch.arange(120)
    groups[:30] = torch.arange(10).repeat_interleave(3)
    data = _classified([70, 50], groups=groups)
    splits = [random_split(data, _generator(seed)) for seed in range(20)]
    for split in splits:
        assert _is_partition(split)
        sides = [set(groups[split.indices(part)].tolist()) for part in PARTS]
        assert sum(map(len, sides)) == len(set().union(*sides))
    sizes = {tuple(_sizes(split)) for split in splits}
    assert len(sizes) == 1
    homes = {
        part for split in splits for part in PARTS if int(groups[0]) in groups[split.indices(part)]
    }
    assert homes == set(PARTS)


def test_a_group_too_large_for_any_part_trains() -> None:
    groups = torch.arange(40)
    data = _classified([20, 20])
    first = data.targets[0] == 0
    groups[torch.nonzero(first).squeeze(1)[:18]] = 1000
    split = random_split(dataclasses.replace(data, groups=groups), _generator())
    assert _is_partition(split)
    assert (groups[split.train] == 1000).sum() == 18


def test_a_declared_test_part_is_kept_and_validation_drawn_from_training() -> None:
    declared = torch.tensor([0] * 80 + [2] * 40)
    data = _classified([60, 60], declared=declared)
    splits = [random_split(data, _generator(seed)) for seed in (0, 1)]
    for split in splits:
        assert _is_partition(split)
        assert split.test.tolist() == list(range(80, 120))
        assert len(split.validation) == pytest.approx(20, abs=1)
        assert split.notes == ("the test part is the declared one and is not redrawn",)
    assert not torch.equal(splits[0].validation, splits[1].validation)


def test_a_wholly_declared_split_is_kept() -> None:
    declared = torch.arange(3).repeat(20)
    data = _classified([30, 30], declared=declared)
    for split in (random_split(data, _generator()), declared_split(data, _generator())):
        assert torch.equal(declared[split.train], torch.zeros(20, dtype=torch.long))
        assert _is_partition(split)


def test_imbalance_makes_classes_rarer_from_first_to_last_and_keeps_every_test_sample() -> None:
    data = _classified([500, 500, 500])
    even, uneven = (random_split(data, _generator(), imbalance=r) for r in (1, 100))
    assert [_counts(uneven, part) for part in PARTS] == [
        [300, 30, 3],
        [100, 10, 1],
        [10000, 1000, 100],
    ]
    assert set(uneven.train.tolist()) < set(even.train.tolist())
    assert set(uneven.test.tolist()) == set(even.test.tolist())
    assert uneven.notes == (
        "classes made uneven, 100 to 1 from first to last: training keeps a 300, b 30, c 3; the test part "
        "keeps its 300 samples and repeats those of frequent classes to 11100 in all",
    )


def test_a_larger_imbalance_keeps_a_subset() -> None:
    data = _classified([300, 300])
    kept = [set(random_split(data, _generator(), imbalance=r).train.tolist()) for r in (2, 5, 50)]
    assert kept[2] < kept[1] < kept[0]


def test_imbalance_leaves_two_samples_to_learn_from_and_one_to_choose_by() -> None:
    split = random_split(_classified([100, 100]), _generator(), imbalance=1000)
    assert [_counts(split, part)[1] for part in PARTS] == [2, 1, 20]


def test_repeated_test_samples_give_scores_at_the_prevalences_of_training() -> None:
    """Accuracy of always answering the first class is its prevalence, 10/11, in all parts."""
    split = random_split(_classified([1000, 1000]), _generator(), imbalance=10)
    shares = [_counts(split, part)[0] / sum(_counts(split, part)) for part in PARTS]
    assert shares == pytest.approx([10 / 11] * 3)


def test_a_series_is_cut_by_time_alike_for_every_seed() -> None:
    splits = [time_split(_series(200), _generator(seed)) for seed in (0, 1)]
    assert splits[0].digest == splits[1].digest
    assert torch.cat([splits[0].indices(part) for part in PARTS]).tolist() == list(range(200))
    assert _sizes(splits[0]) == [140, 30, 30]
    assert splits[0].notes == ()


def test_a_long_series_is_scored_on_evenly_spaced_samples() -> None:
    split = time_split(_series(1000), _generator(), max_evaluated=50)
    assert _sizes(split) == [700, 50, 50]
    for part in (split.validation, split.test):
        steps = part.diff()
        assert (int(steps.min()), int(steps.max())) == (3, 4)
    assert (int(split.validation[0]), int(split.test[-1])) == (700, 999)
    assert split.notes == (
        "validation and test are scored on 50 of 150 and 50 of 150 samples, evenly spaced",
    )


@pytest.mark.parametrize("split", [random_split, time_split])
@pytest.mark.parametrize(
    ("fractions", "got"),
    [
        ((0.6, 0.2), "0.6, 0.2"),
        ((0.6, 0.2, 0.3), "0.6, 0.2, 0.3"),
        ((0.8, 0.0, 0.2), "0.8, 0.0, 0.2"),
        ((1.4, -0.2, -0.2), "1.4, -0.2, -0.2"),
        ((float("nan"), 0.2, 0.2), "nan, 0.2, 0.2"),
        ((), "nothing"),
    ],
)
def test_fractions_that_are_none_are_refused(split: Any, fractions: Any, got: str) -> None:
    assert refused(split, _classified([20, 20]), _generator(), fractions=fractions) == (
        f"fractions of a split: got {got}, expected three positive numbers that sum to 1. "
        "Give the shares of training, validation and test, such as 0.6, 0.2, 0.2."
    )


@pytest.mark.parametrize(
    ("data", "imbalance", "got"),
    [
        (_classified([20, 20]), 0.5, "0.5"),
        (_classified([20, 20]), float("nan"), "nan"),
        (_classified([20, 20]), float("inf"), "inf"),
        (_series(20), 10, "10 for values to predict"),
    ],
)
def test_an_imbalance_that_is_none_is_refused(data: Dataset, imbalance: float, got: str) -> None:
    assert refused(random_split, data, _generator(), imbalance=imbalance) == (
        f"imbalance of a split: got {got}, expected 1, or more than 1 where there are classes. "
        "Give the factor by which the first class becomes more frequent relative to the last."
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            _classified([20, 1]),
            "split of some data: got no sample of class 'b' in the training part, expected every class in "
            "training and test. Give more samples of that class, leave it out, or change the fractions.",
        ),
        (
            _classified([20, 20], declared=torch.tensor([0] * 40)),
            "split of some data: got no sample in the test part, of 40 in all, expected samples in all three "
            "parts. Give more samples, or change the fractions.",
        ),
    ],
)
def test_a_part_without_samples_or_a_class_is_refused(data: Dataset, message: str) -> None:
    assert refused(random_split, data, _generator()) == message


def test_a_series_too_short_for_three_parts_is_refused() -> None:
    assert refused(time_split, _series(2), _generator()) == (
        "split of a series: got no sample in the test part, of 2 in all, expected samples in all three parts. "
        "Give more samples, or change the fractions."
    )


def test_a_random_split_is_thinned_evenly_where_that_is_asked_for() -> None:
    whole, thinned = (random_split(_series(100), _generator(), max_evaluated=n) for n in (None, 5))
    assert torch.equal(whole.train, thinned.train)
    every = torch.linspace(0, 19, 5, dtype=torch.float64).round().long()
    assert torch.equal(thinned.test, whole.test[every])
    assert torch.equal(thinned.validation, whole.validation[every])
    assert thinned.notes == (
        "validation and test are scored on 5 of 20 and 5 of 20 samples, evenly spaced",
    )
    assert random_split(_series(100), _generator(), max_evaluated=20).notes == ()


@pytest.mark.parametrize("declared", [None, torch.tensor([0, 1, 2, -1] * 5)])
def test_a_declared_split_needs_every_sample_declared(declared: Tensor | None) -> None:
    assert refused(declared_split, _classified([10, 10], declared=declared), _generator()) == (
        "split of some data: got samples without a declared part, expected every sample declared as training, "
        "validation or test. Use paribus.data.splits:random_split, which draws what is not declared."
    )


def test_more_folds_than_samples_are_refused() -> None:
    """Nine in ten of them would be empty, and the others hold one sample."""
    assert refused(k_fold_split, _classified([20, 20]), _generator(), seed=0, folds=400) == (
        "folds of some data: got 400 folds for 40 samples or groups of them, expected at most 40 folds, so that none "
        "is empty. Use fewer folds."
    )
