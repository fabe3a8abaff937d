"""Several labels an image: whether a handwritten digit is even, prime, drawn with a loop, above four."""

from __future__ import annotations

import torch

from paribus import Dataset, Metric, ParibusError, Task, call
from paribus.data.dataset import digest_tensors
from paribus.metrics import CLIP
from paribus.suites.tasks.images import digits

LABELS_OF_DIGITS = {
    "even": (0, 2, 4, 6, 8),
    "prime": (2, 3, 5, 7),
    "loop": (0, 6, 8, 9),
    "above four": (5, 6, 7, 8, 9),
}


def labelled() -> Dataset:
    """Return the digits that scikit-learn ships with four labels each, ``(1797, 4)`` of zeros and ones."""
    whole = digits()
    targets = torch.stack(
        [torch.isin(whole.targets[0], torch.tensor(of)) for of in LABELS_OF_DIGITS.values()], 1
    ).float()
    return Dataset(
        name="labelled digits",
        origin="the handwritten digits shipped with scikit-learn: even, prime, with a loop, above four",
        inputs=whole.inputs,
        targets=(targets,),
        features=whole.features,
        digest=digest_tensors((*whole.inputs, targets)),
    )


def refuse_file(path: str, target: str | None = None) -> Dataset:  # noqa: ARG001 - a reader's arguments
    """Refuse a file: there is no reader of images with several labels.

    Raises:
        ParibusError: always.
    """
    raise ParibusError(
        "data for task 'multi_label_digits'",
        got=path,
        expected="no file: its labels are made from the digits' classes",
        fix="Leave the file out, or give a folder of images to a task that reads one, such as images.",
    )


MULTI_LABEL_DIGITS = Task(
    name="multi_label_digits",
    source=call(labelled),
    reader=call(refuse_file),
    split=call("paribus.data.splits:random_split"),
    loss=call("paribus.metrics:label_log_loss", weights=[1.0, 1.0, 1.0, 1.0]),
    metrics=(
        Metric(
            name="prime_log_loss",
            function=call(
                "paribus.metrics:label_log_loss", weights=[0.0, 1.0, 0.0, 0.0], clip=CLIP
            ),
            higher_is_better=False,
            margin=0.02,
            margin_reason="it is a factor of 1.02 in the probability of the right answer to a yes-or-no question",
            unit="nats",
        ),
        Metric(
            name="log_loss",
            function=call("paribus.metrics:label_log_loss", clip=CLIP),
            higher_is_better=False,
            margin=0.02,
            unit="nats a label",
        ),
        Metric(
            name="accuracy",
            function=call("paribus.metrics:label_accuracy"),
            higher_is_better=True,
            margin=0.02,
            unit="share of labels",
        ),
    ),
    dummy={"prior": call("paribus.data.dummy:label_prior")},
)
"""Four labels of each digit, one sigmoid each; scored by the one for primes first."""
