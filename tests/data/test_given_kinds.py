"""Arrays that would be read as something else than they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

from paribus.data.in_memory import read_data
from tests.helpers.refusals import refused

X = np.random.default_rng(0).normal(size=(80, 2)).astype(np.float32)
Y = np.arange(80) % 2
PLAIN = "expected numbers of every sample, in an array or a tensor."
KINDS: dict[str, tuple[Any, str]] = {
    "masked": (np.ma.masked_greater(X, 2), "a masked array with "),
    "scipy": (sparse.csr_matrix(X), "a sparse csr_matrix, "),
    "sparse": (torch.from_numpy(X).to_sparse(), "a tensor of the layout sparse_coo, "),
    "meta": (torch.from_numpy(X).to("meta"), "a tensor on the device meta, "),
    "generator": ((row for row in X), "a generator, "),
    "dictionary": ({"a": X[:, 0]}, "a dict, "),
}


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_of_another_kind_are_refused(kind: str) -> None:
    values, got = KINDS[kind]
    message = refused(read_data, (values, Y))
    assert message.startswith(f"X: got {got}")
    assert PLAIN in message


def test_masked_targets_are_refused() -> None:
    masked = np.ma.masked_equal(np.arange(80) / 7, 0)
    assert refused(read_data, (X, masked)) == (
        f"y: got a masked array with 1 masked value, {PLAIN} Fill or drop what is masked; what lies under a mask "
        "would be read as any other number."
    )


def test_a_mask_of_nothing_is_none() -> None:
    read = read_data((np.ma.masked_array(X, mask=False), Y))
    assert torch.equal(read.inputs[0], torch.from_numpy(X))


def test_the_same_rows_in_another_order_are_refused() -> None:
    frame, target = pd.DataFrame(X), pd.Series(Y)
    assert refused(read_data, (frame, target[::-1])) == (
        "y: got row 79 where X has row 0, of the same labels in another order, expected targets in the order of X, "
        "because rows are matched by their place. Give y.loc[X.index]; where the order is right and the labels are "
        "not, y.to_numpy()."
    )


@pytest.mark.parametrize("labels", [range(80), range(80, 160), [0] * 80])
def test_rows_with_the_same_or_with_other_labels_are_matched_by_place(labels: Any) -> None:
    """Parts that were cut from other frames are numbered anew, or not."""
    read = read_data((pd.DataFrame(X), pd.Series(Y, index=labels)))
    assert torch.equal(read.targets[0], torch.from_numpy(Y))
