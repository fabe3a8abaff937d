"""Order of samples: a permutation an epoch, full batches only, and a hash that tells orders apart."""

from __future__ import annotations

import itertools

import pytest
import torch

from paribus.seeding import Streams
from paribus.training.batch_order import batch_length, batches, order_digest, steps_per_epoch

CASES = [(27, 8), (24, 8), (8, 8), (5, 8), (7, 1), (1, 1)]


def taken(samples: int, size: int, steps: int, seed: int = 0, salt: str = "") -> list[list[int]]:
    order = batches(samples, size, Streams(seed, salt))
    return [batch.tolist() for batch in itertools.islice(order, steps)]


@pytest.mark.parametrize(("samples", "size"), CASES)
def test_no_sample_comes_twice_in_an_epoch_and_every_batch_is_full(samples: int, size: int) -> None:
    steps = steps_per_epoch(samples, size)
    found = taken(samples, size, 3 * steps)
    assert {len(batch) for batch in found} == {min(samples, size)}
    for epoch in range(3):
        seen = list(itertools.chain(*found[epoch * steps : (epoch + 1) * steps]))
        assert len(seen) == len(set(seen)) == samples // min(samples, size) * min(samples, size)
        assert set(seen) <= set(range(samples))


@pytest.mark.parametrize(
    ("samples", "size", "length", "steps"),
    [(27, 8, 8, 3), (24, 8, 8, 3), (8, 8, 8, 1), (5, 8, 5, 1), (7, 1, 1, 7)],
)
def test_lengths_by_hand(samples: int, size: int, length: int, steps: int) -> None:
    assert (batch_length(samples, size), steps_per_epoch(samples, size)) == (length, steps)


def test_epochs_differ_and_each_is_the_generators_permutation() -> None:
    found = taken(12, 4, 6)
    for epoch in range(2):
        expected = torch.randperm(12, generator=Streams(0).generator("order", epoch)).tolist()
        assert list(itertools.chain(*found[3 * epoch : 3 * epoch + 3])) == expected
    assert found[:3] != found[3:]


def test_what_an_epoch_leaves_over_is_another_one_each_time() -> None:
    """Of 9 samples in batches of 8 one is left over; in 40 epochs every one has been."""
    left = [set(range(9)) - set(batch) for batch in taken(9, 8, 40)]
    assert set.union(*left) == set(range(9))


def test_order_depends_on_seed_and_salt_and_on_nothing_else() -> None:
    torch.manual_seed(1)
    first = taken(27, 8, 9)
    torch.manual_seed(2)
    assert taken(27, 8, 9) == first
    assert taken(27, 8, 9, seed=1) != first
    assert taken(27, 8, 9, salt="a") != first


def test_equal_orders_have_equal_digests() -> None:
    assert order_digest(27, 8, 9, Streams(0)) == order_digest(27, 8, 9, Streams(0))


def test_a_longer_training_shares_the_digest_of_the_epochs_that_are_hashed() -> None:
    """Seven steps reach into the third epoch as nine do; beyond the fourth nothing is added."""
    nine, thirteen, hundred = (order_digest(27, 8, n, Streams(0)) for n in (9, 12, 100))
    assert order_digest(27, 8, 7, Streams(0)) == nine
    assert thirteen == hundred != nine


@pytest.mark.parametrize(
    "other",
    [
        (28, 8, 9, Streams(0)),
        (27, 9, 9, Streams(0)),
        (27, 8, 9, Streams(1)),
        (27, 8, 9, Streams(0, "a")),
    ],
    ids=["samples", "batch size", "seed", "salt"],
)
def test_other_orders_have_other_digests(other: tuple[int, int, int, Streams]) -> None:
    assert order_digest(*other) != order_digest(27, 8, 9, Streams(0))
