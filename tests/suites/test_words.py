"""Bag of words: Zipf's frequencies, a class that the words decide, and a limit that is known."""

from __future__ import annotations

import pytest
import torch

from paribus.suites.tasks.words import WORDS, bag_of_words


def test_words_are_as_frequent_as_zipf_says() -> None:
    """Of 40 draws at share s a word occurs with probability 1 - (1 - s)^40: of the 3000 texts within 4 deviations."""
    found = bag_of_words(0).inputs[0].mean(0)
    shares = 1 / torch.arange(1.0, 501)
    expected = 1 - (1 - shares / shares.sum()) ** 40
    deviations = (expected * (1 - expected) / 3000).sqrt()
    assert ((found - expected).abs() / deviations).max() < 4.5
    assert expected[-1] < 0.02


def test_words_occur_or_do_not_and_classes_are_even() -> None:
    data = bag_of_words(3)
    assert set(data.inputs[0].unique().tolist()) == {0.0, 1.0}
    assert float(data.targets[0].float().mean()) == pytest.approx(0.5, abs=0.04)


def test_rare_words_matter_as_much_as_frequent_ones() -> None:
    """The half of the vocabulary that is rarest holds information of its own: a linear fit to it alone beats chance."""
    data = bag_of_words(0, texts=20_000)
    x, y = data.inputs[0][:, 250:].double(), data.targets[0].double() * 2 - 1
    train, test = slice(0, 15_000), slice(15_000, None)
    centre = x[train].mean(0)
    weights = torch.linalg.lstsq(x[train] - centre, y[train, None]).solution[:, 0]
    right = (((x[test] - centre) @ weights).sign() == y[test]).double().mean()
    assert right > 0.55


def test_nobody_can_know_the_last_draw() -> None:
    """With z standard normal and p = 1 / (1 + exp(-2 z)) the mean entropy is 0.462 nats, by Gauss and Hermite."""
    import numpy as np

    z, weight = np.polynomial.hermite_e.hermegauss(80)
    p = 1 / (1 + np.exp(-2 * z))
    entropy = -(p * np.log(p) + (1 - p) * np.log(1 - p))
    assert (weight * entropy).sum() / weight.sum() == pytest.approx(0.462, abs=0.001)


def test_nothing_is_standardised_and_a_seed_draws_anew() -> None:
    first, second = WORDS.read(seed=0), WORDS.read(seed=1)
    assert first.feature_axes == (None,)
    assert first.digest != second.digest
    assert first.digest == WORDS.read(seed=0).digest
