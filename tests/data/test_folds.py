"""Folds: each folds_of once in a dealing, dealt anew after it, with classes and groups kept."""

from __future__ import annotations

import dataclasses

import torch

from paribus.data.dataset import Dataset
from paribus.data.splits import k_fold_split
from tests.data.test_splits import _classified, _generator
from tests.helpers.refusals import refused


def folds_of(data: Dataset, seeds: range) -> list[torch.Tensor]:
    return [k_fold_split(data, _generator(s), seed=s).test for s in seeds]


def test_five_seeds_test_each_sample_once_and_the_next_five_deal_anew() -> None:
    data = _classified([60, 40])
    first, second = folds_of(data, range(5)), folds_of(data, range(5, 10))
    for dealing in (first, second):
        assert torch.equal(torch.cat(dealing).sort().values, torch.arange(100))
    assert not any(torch.equal(a, b) for a in first for b in second)
    for part in first:
        assert data.targets[0][part].bincount().tolist() == [12, 8]


def test_parts_do_not_overlap_and_validation_is_a_quarter_of_the_rest() -> None:
    split = k_fold_split(_classified([60, 40]), _generator(), seed=3)
    assert [len(split.train), len(split.validation), len(split.test)] == [60, 20, 20]
    together = torch.cat([split.train, split.validation, split.test])
    assert torch.equal(together.sort().values, torch.arange(100))
    assert split.notes[0].startswith("seeds test on each of 5 folds in turn")


def test_groups_stay_in_one_fold() -> None:
    groups = torch.arange(100) // 5
    data = dataclasses.replace(_classified([60, 40]), groups=groups)
    for seed in range(5):
        split = k_fold_split(data, _generator(seed), seed=seed)
        sides = [set(groups[split.indices(p)].tolist()) for p in ("train", "validation", "test")]
        assert sum(map(len, sides)) == len(set.union(*sides)) == 20


def test_a_declared_test_part_has_no_folds() -> None:
    data = dataclasses.replace(_classified([6, 4]), declared=torch.tensor([0] * 8 + [2] * 2))
    message = refused(k_fold_split, data, _generator(), seed=0)
    assert message == (
        "folds of some data: got data that come with a test part, expected data without one, which folds take in "
        "turn. Leave the folds or the test part out."
    )
