"""Batches of a cohort against those of the loop, and the data that they pick against a split's own parts."""

from __future__ import annotations

import math
from itertools import islice

import pytest
import torch

from paribus.engines.vmapped.batches import Batches, Samples
from paribus.seeding import Streams
from paribus.training.batch_order import batches


@pytest.mark.parametrize("at_once", [1, 2, 3, 100])
def test_batches_are_those_of_the_loop(tiny, at_once: int) -> None:
    """Over three epochs, however many steps are taken at once and whoever shares a seed."""
    seeds = (3, 1, 3, 2)
    splits, streams = [tiny["table"].make_split(s) for s in seeds], [Streams(s) for s in seeds]
    found = Batches(splits, streams, 8, "cpu")
    taken = torch.cat([found.take(at_once) for _ in range(9)])[:9]
    assert found.per_epoch == 3
    for i, (split, stream) in enumerate(zip(splits, streams, strict=True)):
        wanted = islice(batches(len(split.train), 8, stream), len(taken))
        assert taken[:, i].tolist() == [split.train[batch].tolist() for batch in wanted]


def test_one_seed_with_two_splits_has_two_orders(tiny) -> None:
    splits = [tiny["table"].make_split(0), tiny["table"].make_split(1)]
    found = Batches(splits, [Streams(0)] * 2, 8, "cpu").take(1)[0]
    assert all(
        set(f.tolist()) <= set(split.train.tolist()) for f, split in zip(found, splits, strict=True)
    )


def test_a_salt_parts_the_orders_of_one_seed(tiny) -> None:
    splits = [tiny["table"].make_split(0)] * 2
    found = Batches(splits, [Streams(0), Streams(0, "b")], 8, "cpu").take(1)[0]
    assert found[0].tolist() != found[1].tolist()


@pytest.mark.parametrize("holes", [False, True])
def test_samples_are_prepared_as_in_a_fold(tiny, holes: bool) -> None:
    """To the bit, for several steps at once or one replicate alone, and the raw copy is left as it is."""
    base = tiny["table"]
    x = base.dataset.inputs[0].clone()
    if holes:
        x[::4, 1] = math.nan
    made = base.changed(inputs=(x,))
    splits = [made.make_split(s) for s in range(3)]
    samples = Samples(splits, "cpu", torch.float32)
    index = torch.stack([split.test for split in splits])
    inputs, targets = samples.pick(index.expand(2, *index.shape))
    for i, split in enumerate(splits):
        part = split.part("test")
        for k in range(2):
            assert inputs[0][k, i].tolist() == part.inputs[0].tolist()
            assert targets[0][k, i].tolist() == part.targets[0].tolist()
        alone = samples.pick(index[i : i + 1], slice(i, i + 1))
        assert alone[0][0][0].tolist() == part.inputs[0].tolist()
    torch.testing.assert_close(samples.inputs[0].raw, x, equal_nan=True, rtol=0, atol=0)
