"""Classification of short texts by the words in them: many features, nearly all of them rare."""

from __future__ import annotations

import torch

from paribus import Dataset, Task, call
from paribus.data.dataset import digest_tensors
from paribus.seeding import Streams
from paribus.suites.tasks.metrics import accuracy, log_loss


def bag_of_words(
    seed: int, texts: int = 3000, words: int = 500, length: int = 40, sharpness: float = 2.0
) -> Dataset:
    """Texts of words that are drawn independently, the j-th most frequent with probability ``(1/j) / sum(1/k)`` (Zipf).

    Inputs are ``(text, word)``: 1 where the word occurs and 0 elsewhere. Each word has a weight from N(0, 1), rare and
    frequent ones alike; a text's sum of weights, less its median over all texts and in standard deviations, is ``z``,
    and its class is one with probability ``1 / (1 + exp(-sharpness z))``. Of 500 words the rarest occurs in about one
    text of a hundred. Nothing is standardised, which would make rare words large. No classifier can know the last
    draw: with weights that were known, log-loss would still be about 0.46.

    Args:
        seed: names the draw.
        texts: how many.
        words: how many there are to draw from.
        length: draws a text, of which some are the same word.
        sharpness: how sure the class is.
    """
    generator = Streams(seed).generator("split", "words")
    shares = 1 / torch.arange(1, words + 1, dtype=torch.float64)
    drawn = torch.multinomial(shares, texts * length, replacement=True, generator=generator)
    inputs = torch.zeros(texts, words).scatter_(1, drawn.view(texts, length), 1.0)
    weights = torch.randn(words, generator=generator)
    sums = inputs @ weights
    z = (sums - sums.median()) / sums.std()
    chance = torch.sigmoid(sharpness * z)
    targets = (torch.rand(texts, generator=generator) < chance).long()
    return Dataset(
        name="words",
        origin=f"a generated bag of {words} words with Zipf's frequencies, drawn anew for every seed",
        inputs=(inputs,),
        targets=(targets,),
        feature_axes=(None,),
        classes=("negative", "positive"),
        digest=digest_tensors((inputs, targets)),
    )


WORDS = Task(
    name="words",
    source=call(bag_of_words),
    reader=call("paribus.data.readers.table:read_table"),
    split=call("paribus.data.splits:random_split"),
    loss=call("paribus.metrics:log_loss"),
    metrics=(
        log_loss(
            0.02,
            "it is a factor of 1.02 in the probability of the true class, which is drawn by a chance that no "
            "classifier can know",
        ),
        accuracy(0.01),
    ),
    dummy={"prior": call("paribus.data.dummy:prior")},
    redrawn=True,
)
