"""Wrong labels: as many as asked for, wrong, in training alone, and drawn by the split's stream."""

from __future__ import annotations

import pytest
import torch

from paribus.seeding import Streams
from paribus.suites.tasks.images import digits
from paribus.suites.tasks.mislabelled import mislabelled_split
from paribus.suites.tasks.series import electricity_load
from tests.helpers.refusals import refused


def mislabelled(seed: int = 0, train: int = 150, noise: float = 0.3):
    return mislabelled_split(DIGITS, Streams(seed).generator("split"), train, noise)


DIGITS = digits()


def test_as_many_labels_are_wrong_as_asked_for_and_in_training_alone() -> None:
    """45 of 150; labels of validation, test and everything that is left out are true."""
    for seed in range(5):
        split = mislabelled(seed)
        wrong = split.dataset.targets[0] != DIGITS.targets[0]
        assert len(split.train) == len(set(split.train.tolist())) == 150
        assert int(wrong[split.train].sum()) == int(wrong.sum()) == 45
        assert not set(split.train.tolist()) & {*split.validation.tolist(), *split.test.tolist()}
        assert split.dataset.inputs[0] is DIGITS.inputs[0]


def test_a_wrong_label_is_any_of_the_others_alike() -> None:
    """Over forty draws of 45: a tenth each, less one class a sample; the deviation of a share is .0071."""
    splits = [mislabelled(seed) for seed in range(40)]
    spoilt = [f.dataset.targets[0][f.dataset.targets[0] != DIGITS.targets[0]] for f in splits]
    shares = torch.cat(spoilt).bincount(minlength=10) / 1800
    assert shares.min() > 0.07
    assert shares.max() < 0.13


def test_a_seed_draws_its_own_samples_and_labels_again() -> None:
    first, again, other = mislabelled(1), mislabelled(1), mislabelled(2)
    assert torch.equal(first.train, again.train)
    assert torch.equal(first.dataset.targets[0], again.dataset.targets[0])
    assert not torch.equal(first.train, other.train)


def test_the_page_is_told() -> None:
    assert mislabelled().notes == (
        "of 1078 training samples 150 are kept, 45 of them with a wrong label",
    )


@pytest.mark.parametrize(
    ("data", "train", "noise", "got"),
    [
        (DIGITS, 1079, 0.3, "1079 training samples of 1078"),
        (DIGITS, 0, 0.3, "0 training samples of 1078"),
        (DIGITS, 150, 1.5, "a noise of 1.5"),
        (electricity_load(24), 150, 0.3, "electricity load, which has values to predict"),
    ],
)
def test_labels_that_cannot_be_spoilt_are_refused(data, train, noise, got) -> None:
    assert refused(mislabelled_split, data, Streams(0).generator("split"), train, noise) == (
        f"labels to spoil: got {got}, expected classes, as many training samples as are kept, and a share of wrong "
        "labels from 0 to 1. Give more samples, or change split.train and split.noise."
    )
