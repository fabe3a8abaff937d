"""Digits whose labels have been dealt out anew, so that there is nothing left to learn."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import torch

from paribus.data.dataset import Dataset, digest_tensors
from paribus.seeding import Streams
from paribus.spec import call
from paribus.spec import replace as replaced
from paribus.suites.tasks.images import IMAGES, digits


def relabelled_digits(seed: int, share: float = 1.0) -> Dataset:
    """Return the digits, of which a share is chosen at random and their labels permuted among them.

    Prevalences stay as they are, so that chance is what always guessing the most frequent class scores.

    Args:
        seed: names the draw.
        share: of the images, from 0 (all labels are true) to 1.
    """
    data = _read()
    labels = data.targets[0]
    generator = Streams(seed).generator("split", "relabelled")
    chosen = torch.randperm(len(labels), generator=generator)[: round(share * len(labels))]
    dealt = labels.clone()
    dealt[chosen] = labels[chosen[torch.randperm(len(chosen), generator=generator)]]
    return replace(
        data,
        name="relabelled digits",
        origin=f"{data.origin}, {share:.0%} of the labels permuted anew for every seed",
        targets=(dealt,),
        digest=digest_tensors((*data.inputs, dealt)),
    )


@cache
def _read() -> Dataset:
    """Return the digits, read once a process however many seeds deal their labels out."""
    return digits()


RELABELLED = replaced(
    replaced(replaced(IMAGES, "name", "relabelled"), "source", call(relabelled_digits, share=1.0)),
    "redrawn",
    True,
)
