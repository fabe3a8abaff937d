"""Data sets, splits, and the preparation that is fitted on the training part alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from paribus.data.dataset import Dataset, Split, Standardizer, Subset, digest_tensors


def _numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _with_gaps(x: Tensor) -> Tensor:
    """Leave an odd count in every column, so that the median is one of the values by every definition."""
    x = x.clone()
    x[:4, 0] = x[10:12, 1] = torch.nan
    return x


def _fold(x: Tensor, **settings: object) -> Split:
    data = Dataset(
        name="d", origin="o", inputs=(x,), targets=(torch.arange(len(x)) % 2,), classes=("a", "b")
    )
    third = len(x) // 3
    parts = (torch.arange(third), torch.arange(third, 2 * third), torch.arange(2 * third, len(x)))
    return Split(dataclasses.replace(data, **settings), *parts)


def test_affine_is_scikit_learns_imputer_and_scaler() -> None:
    """Scaled by what was known, missing values filled with the median: StandardScaler ignores NaN, too."""
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import StandardScaler

    x = _with_gaps(_numbers(31, 3) * torch.tensor([1.0, 50.0, 0.1]) + 7)
    affine = Standardizer.fit(x, 1)
    filled = SimpleImputer(strategy="median").fit(x).transform(x)
    expected = StandardScaler().fit(x.double().numpy()).transform(filled)
    np.testing.assert_allclose(affine(x).numpy(), expected, rtol=0, atol=2e-5)


def test_affine_takes_the_lower_of_two_middle_values_as_median() -> None:
    assert float(Standardizer.fit(torch.tensor([[1.0], [2.0], [5.0], [9.0]]), 1).fill) == 2.0


def test_affine_on_images_has_one_mean_and_deviation_a_channel() -> None:
    x = torch.randint(0, 256, (20, 3, 4, 4), generator=torch.Generator().manual_seed(1)).to(
        torch.uint8
    )
    prepared = Standardizer.fit(x, 1)(x)
    assert prepared.dtype == torch.get_default_dtype()
    torch.testing.assert_close(prepared.mean((0, 2, 3)), torch.zeros(3), rtol=0, atol=1e-5)
    torch.testing.assert_close(
        prepared.std((0, 2, 3), correction=0), torch.ones(3), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("axis", [2, -1])
def test_affine_counts_axes_from_either_end(axis: int) -> None:
    affine = Standardizer.fit(_numbers(8, 5, 2), axis)
    assert affine.shift.shape == (1, 2)


@pytest.mark.parametrize(
    "column", [[3.0] * 6, [torch.nan] * 6, [3.0, torch.nan, 3.0, 3.0, 3.0, 3.0]]
)
def test_a_feature_that_training_says_nothing_about_is_hidden(column: list[float]) -> None:
    affine = Standardizer.fit(torch.tensor(column)[:, None], 1)
    assert torch.equal(affine(torch.tensor([[9.0], [torch.nan]])), torch.zeros(2, 1))


def test_large_offsets_lose_no_precision() -> None:
    """With a mean of 1e6 and a deviation of 1: float32 sums of squares would be off by the deviation itself."""
    x = (_numbers(10_000, 1) + 1e6).float()
    assert float(Standardizer.fit(x, 1)(x).std()) == pytest.approx(1, abs=1e-3)


def test_statistics_do_not_depend_on_what_is_not_trained_on() -> None:
    x = _with_gaps(_numbers(30, 3))
    changed = x.clone()
    changed[10:] = 1e6
    for before, after in zip(
        _fold(x).part("train").inputs, _fold(changed).part("train").inputs, strict=True
    ):
        assert torch.equal(before, after)


def test_targets_are_standardised_by_the_training_part_where_asked() -> None:
    y = _numbers(30, 1) * 5 + 100
    split = _fold(_numbers(30, 2), targets=(y,), classes=(), standardise_targets=True)
    assert float(split.part("train").targets[0].mean()) == pytest.approx(0, abs=1e-5)
    mean, deviation = y[:10].mean(), y[:10].std(correction=0)
    torch.testing.assert_close(split.part("test").targets[0], (y[20:] - mean) / deviation)


def test_an_input_without_a_feature_axis_is_left_as_it_is() -> None:
    x = _numbers(30, 4)
    assert torch.equal(_fold(x, feature_axes=(None,)).part("test").inputs[0], x[20:])


def test_a_dataset_knows_its_shapes_and_outputs() -> None:
    x = torch.zeros(6, 3, 8, 8)
    two = _fold(x).dataset
    three = dataclasses.replace(two, classes=("a", "b", "c"))
    values = dataclasses.replace(two, classes=(), targets=(torch.zeros(6, 2),))
    assert [(d.kind, d.outputs) for d in (two, three, values)] == [
        ("classification", 1),
        ("classification", 3),
        ("regression", 2),
    ]
    assert two.input_shapes == ((3, 8, 8),)
    assert len(two) == 6


def test_a_digest_tells_values_shapes_and_types_apart() -> None:
    x = torch.arange(6)
    digests = {digest_tensors((t,)) for t in (x, x + 1, x.reshape(2, 3), x.int(), x.flip(0))}
    assert len(digests) == 5
    assert digest_tensors((x,)) == digest_tensors((x.clone(),))
    assert digest_tensors((x, x)) != digest_tensors((x,))


def test_a_folds_digest_tells_its_parts_apart() -> None:
    split = _fold(_numbers(30, 1))
    swapped = Split(split.dataset, split.train, split.test, split.validation)
    assert split.digest != swapped.digest


def test_a_part_moves_in_the_wanted_precision_and_keeps_class_numbers() -> None:
    part = Subset((torch.zeros(2, 3),), (torch.tensor([0, 1]),)).to("cpu", torch.float64)
    assert (part.inputs[0].dtype, part.targets[0].dtype, len(part)) == (
        torch.float64,
        torch.int64,
        2,
    )


def test_each_target_asks_for_outputs_of_its_own() -> None:
    """Three classes, two classes, and values in two columns."""
    targets = (torch.arange(6) % 3, torch.arange(6) % 2, _numbers(6, 2))
    data = Dataset(
        name="d",
        origin="o",
        inputs=(_numbers(6, 1),),
        targets=targets,
        classes=("a", "b", "c"),
        further_classes=(("u", "v"),),
    )
    assert (data.outputs, data.output_sizes) == (3, (3, 1, 2))
