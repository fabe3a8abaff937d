"""Wrong labels: as many as asked for, wrong, in training alone, and drawn by the split's stream."""

from __future__ import annotations

import pytest
import torch

from paribus.errors import ParibusError
from paribus.seeding import Streams
from paribus.suites.tasks.images import digits
from paribus.suites.tasks.mislabelled import mislabelled_split
from paribus.suites.tasks.series import energy


def split(seed: int = 0, train: int = 150, noise: float = 0.3):
    return mislabelled_split(DIGITS, Streams(seed).generator("split"), train, noise)


DIGITS = digits()


def test_as_many_labels_are_wrong_as_asked_for_and_in_training_alone() -> None:
    """45 of 150; labels of validation, test and everything that is left out are true."""
    for seed in range(5):
        fold = split(seed)
        wrong = fold.dataset.targets[0] != DIGITS.targets[0]
        assert len(fold.train) == len(set(fold.train.tolist())) == 150
        assert int(wrong[fold.train].sum()) == int(wrong.sum()) == 45
        assert not set(fold.train.tolist()) & {*fold.validation.tolist(), *fold.test.tolist()}
        assert fold.dataset.inputs[0] is DIGITS.inputs[0]


def test_a_wrong_label_is_any_of_the_others_alike() -> None:
    """Over forty draws of 45: a tenth each, less one class a sample; the deviation of a share is .0071."""
    folds = [split(seed) for seed in range(40)]
    spoilt = [f.dataset.targets[0][f.dataset.targets[0] != DIGITS.targets[0]] for f in folds]
    shares = torch.cat(spoilt).bincount(minlength=10) / 1800
    assert shares.min() > 0.07
    assert shares.max() < 0.13


def test_a_seed_draws_its_own_samples_and_labels_again() -> None:
    first, again, other = split(1), split(1), split(2)
    assert torch.equal(first.train, again.train)
    assert torch.equal(first.dataset.targets[0], again.dataset.targets[0])
    assert not torch.equal(first.train, other.train)


def test_the_page_is_told() -> None:
    assert split().notes == (
        "of 1078 training samples 150 are kept, 45 of them with a wrong label",
    )


@pytest.mark.parametrize(
    ("data", "train", "noise", "got"),
    [
        (DIGITS, 1079, 0.3, "1079 training samples of 1078"),
        (DIGITS, 0, 0.3, "0 training samples of 1078"),
        (DIGITS, 150, 1.5, "a noise of 1.5"),
        (energy(24), 150, 0.3, "energy, which has values to predict"),
    ],
)
def test_labels_that_cannot_be_spoilt_are_refused(data, train, noise, got) -> None:
    with pytest.raises(ParibusError) as caught:
        mislabelled_split(data, Streams(0).generator("split"), train, noise)
    assert str(caught.value) == (
        f"labels to spoil: got {got}, expected classes, as many training samples as are kept, and a share of wrong "
        "labels from 0 to 1. Give more samples, or change split.train and split.noise."
    )
