"""One tensor or a tuple of them: what is done to one is done to each."""

from __future__ import annotations

import torch

from paribus.metrics.outputs import as_tuple, concat_outputs, map_outputs

A, B = torch.arange(6.0).view(3, 2), torch.arange(3.0).view(3, 1)


def test_one_output_is_a_tuple_of_one() -> None:
    assert as_tuple(A) == (A,)
    assert as_tuple((A, B)) == (A, B)
    assert as_tuple([A, B]) == (A, B)


def test_a_function_is_taken_of_each() -> None:
    assert map_outputs(torch.sum, A) == 15
    assert map_outputs(torch.sum, (A, B)) == (15, 3)


def test_chunks_are_joined_head_by_head() -> None:
    assert torch.equal(concat_outputs([A[:2], A[2:]]), A)
    first, second = concat_outputs([(A[:, :1], B), (A[:, 1:], B)], dim=1)
    assert torch.equal(first, A)
    assert torch.equal(second, torch.cat((B, B), 1))
