"""Predictors that learn nothing, against hand arithmetic."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from paribus.data.dataset import Dataset, Split
from paribus.data.dummy import (
    identity,
    label_prior,
    last_value,
    mean_target,
    principal_components,
    prior,
    priors,
    seasonal_naive,
)
from paribus.data.readers.series import windows
from paribus.errors import ParibusError
from paribus.metrics import log_loss
from tests.helpers.refusals import refused


def _classified(targets: list[int], classes: str) -> Split:
    data = Dataset(
        name="d",
        origin="o",
        inputs=(torch.zeros(len(targets), 1),),
        targets=(torch.tensor(targets),),
        classes=tuple(classes),
    )
    order = torch.arange(len(targets))
    return Split(data, order[:-4], order[-4:-2], order[-2:])


def _series(standardise: bool) -> Split:
    inputs, targets = windows(torch.arange(20.0).square(), 4)
    data = Dataset(
        name="d",
        origin="o",
        inputs=(inputs,),
        targets=(targets,),
        feature_axes=(2,),
        standardise_targets=standardise,
    )
    order = torch.arange(16)
    return Split(data, order[:10], order[10:13], order[13:])


def test_the_prior_of_two_classes_is_the_log_odds_of_the_second() -> None:
    """Three of class a and one of class b in training, one of each added: 4 to 2."""
    logits = prior(_classified([0, 0, 0, 1, 1, 1, 0, 1], "ab"))
    torch.testing.assert_close(logits, torch.full((2, 1), math.log(2 / 4)))


def test_the_prior_of_more_classes_is_their_log_shares() -> None:
    """Two of a, one of b and none of c in training, one of each added: 3, 2 and 1 of 6."""
    split = _classified([0, 0, 1, 2, 2, 0, 1], "abc")
    logits = prior(split)
    torch.testing.assert_close(logits, (torch.tensor([[3.0, 2.0, 1.0]] * 2) / 6).log())
    losses = log_loss(logits, split.part("test").targets[0])
    torch.testing.assert_close(losses, -(torch.tensor([3.0, 2.0]) / 6).log())


@pytest.mark.parametrize("standardise", [False, True])
def test_the_mean_target_is_that_of_training(standardise: bool) -> None:
    split = _series(standardise)
    expected = 0.0 if standardise else sum(t**2 for t in range(4, 14)) / 10
    torch.testing.assert_close(mean_target(split), torch.full((3, 1), expected), rtol=0, atol=1e-5)


def test_the_last_value_is_the_one_before_the_target() -> None:
    torch.testing.assert_close(
        last_value(_series(False)).squeeze(1), torch.tensor([16.0, 17, 18]) ** 2
    )


@pytest.mark.parametrize("lag", [1, 2, 4])
def test_a_lag_counts_back_from_the_value_to_predict(lag: int) -> None:
    expected = (torch.tensor([17.0, 18, 19]) - lag) ** 2
    torch.testing.assert_close(seasonal_naive(_series(False), lag=lag).squeeze(1), expected)


def test_forecasts_are_in_the_scale_of_the_prepared_targets() -> None:
    """One step later, last values are the targets themselves, prepared alike."""
    split = _series(True)
    torch.testing.assert_close(last_value(split)[1:], split.part("test").targets[0][:-1])


@pytest.mark.parametrize("lag", [0, 5])
def test_a_lag_beyond_the_window_is_refused(lag: int) -> None:
    assert refused(seasonal_naive, _series(False), lag=lag) == (
        f"lag of a dummy forecast: got {lag} steps, expected 1 to 4, the length of a window. "
        "Give a lag within the window, or make the windows longer."
    )


def test_a_class_unseen_in_training_costs_a_finite_loss() -> None:
    split = _classified([0, 0, 0, 0, 1, 1, 1, 1], "ab")
    assert log_loss(prior(split), split.part("test").targets[0]).isfinite().all()


def test_each_target_has_a_prior_of_its_own() -> None:
    """Training has targets 0, 0, 1 and classes u, v, v: with one more of each, 3/5 and 2/5, and odds of 3 to 2."""
    split = _classified([0, 0, 1, 0, 1, 0, 1], "ab")
    both = (*split.dataset.targets, torch.tensor([0, 1, 1, 0, 0, 1, 1]))
    data = dataclasses.replace(split.dataset, targets=both, further_classes=(("u", "v"),))
    split = Split(data, split.train, split.validation, split.test)
    first, second = priors(split)
    torch.testing.assert_close(first, torch.full((2, 1), math.log(2 / 3)))
    torch.testing.assert_close(second, torch.full((2, 1), math.log(3 / 2)))
    assert [x.tolist() for x in priors(split, of=(0, 0))] == [first.tolist()] * 2


def test_label_prior_is_the_log_odds_of_each_label() -> None:
    """Of three training samples, two and none hold a label: (2 + 1) to (1 + 1), and 1 to 4."""
    split = _classified([0, 0, 1, 0, 1, 0, 1], "ab")
    labels = torch.tensor([[1, 0], [1, 0], [0, 0], [1, 1], [1, 1], [1, 1], [1, 1]]).float()
    data = dataclasses.replace(split.dataset, targets=(labels,), classes=())
    predicted = label_prior(Split(data, split.train, split.validation, split.test))
    torch.testing.assert_close(predicted, torch.tensor([[1.5, 0.25]] * 2).log())


def _noisy_images(sigma: float = 0.5) -> Split:
    """Make sixty images of 3x3 pixels of falling variance, with noise in the inputs, in three parts of twenty."""
    generator = torch.Generator().manual_seed(0)
    scale = torch.linspace(2.0, 0.1, 9).view(1, 3, 3)
    clean = torch.randn(60, 1, 3, 3, generator=generator) * scale
    noise = sigma * torch.randn(60, 1, 3, 3, generator=generator)
    data = Dataset(
        name="d", origin="o", inputs=(clean + noise,), targets=(clean,), feature_axes=(None,)
    )
    order = torch.arange(60)
    return Split(data, order[:20], order[20:40], order[40:])


def test_an_image_itself_is_the_input_and_the_mean_image_has_its_shape() -> None:
    split = _noisy_images()
    assert torch.equal(identity(split), split.dataset.inputs[0][40:])
    expected = split.dataset.targets[0][:20].mean(0)
    torch.testing.assert_close(mean_target(split), expected.repeat(20, 1, 1, 1))


def _by_sklearn(split: Split, components: int, part: str) -> torch.Tensor:
    from sklearn.decomposition import PCA

    clean = split.part("train").targets[0].double().flatten(1).numpy()
    pca = PCA(n_components=components, svd_solver="full").fit(clean)
    given = split.part(part).inputs[0].double().flatten(1).numpy()
    return torch.from_numpy(pca.inverse_transform(pca.transform(given))).view(-1, 1, 3, 3)


@pytest.mark.parametrize("components", [1, 2, 8])
def test_principal_components_are_scikit_learns(components: int) -> None:
    split = _noisy_images()
    predicted = principal_components(split, components)
    assert predicted.dtype == torch.float32
    torch.testing.assert_close(
        predicted.double(), _by_sklearn(split, components, "test"), atol=1e-6, rtol=1e-5
    )


def test_no_component_is_the_mean_and_all_of_them_are_the_image_itself() -> None:
    split = _noisy_images()
    torch.testing.assert_close(principal_components(split, 0), mean_target(split))
    torch.testing.assert_close(
        principal_components(split, 9), identity(split), atol=1e-6, rtol=1e-5
    )


@pytest.mark.parametrize("sigma", [0.1, 0.5, 1.5])
def test_the_validation_part_chooses_how_many_components(sigma: float) -> None:
    """Against every choice tried in turn."""
    split = _noisy_images(sigma)
    wanted = split.part("validation").targets[0].double()
    errors = [
        (_by_sklearn(split, k, "validation") - wanted).square().mean().item() for k in range(1, 10)
    ]
    best = 1 + errors.index(min(errors))
    assert 1 < best < 9 or sigma != 0.5
    assert torch.equal(principal_components(split), principal_components(split, best))


def test_more_components_than_numbers_are_refused() -> None:
    with pytest.raises(
        ParibusError, match=r"^number of principal components: got 10, expected 0 to 9, "
    ):
        principal_components(_noisy_images(), 10)
