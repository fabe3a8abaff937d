"""One batch as a whole data set."""

from __future__ import annotations

import pytest
import torch

from paribus.seeding import Streams
from paribus.suites.tasks.images import digits
from paribus.suites.tasks.onebatch import one_batch_split
from tests.helpers.refusals import refused


def test_all_parts_are_the_same_samples_of_the_training_part() -> None:
    split = one_batch_split(digits(), Streams(0).generator("split"), samples=32)
    assert torch.equal(split.train, split.test)
    assert torch.equal(split.train, split.validation)
    assert len(set(split.train.tolist())) == 32
    assert split.notes == (
        "training, validation and test are the same 32 samples: scores tell of fitting alone",
    )


@pytest.mark.parametrize("samples", [0, 1079])
def test_a_batch_that_is_not_there_is_refused(samples: int) -> None:
    assert refused(one_batch_split, digits(), Streams(0).generator("split"), samples) == (
        f"samples of a batch of digits: got {samples}, expected 1 to 1078, the samples of the training part. "
        "Change split.samples."
    )
