"""Tabular classification: a table of measurements with a label, as in a test of whether water is fit to drink."""

from __future__ import annotations

import torch

from paribus import Dataset, Task, call
from paribus.data.dataset import digest_tensors
from paribus.suites.tasks.metrics import accuracy, log_loss
from paribus.suites.tasks.shipped import shipped_table

MEASURED = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave points",
    "symmetry",
    "fractal dimension",
)


def breast_cancer() -> Dataset:
    """Return the Wisconsin breast cancer table that scikit-learn ships: 569 tumours, 30 measurements, two classes.

    Real measurements stand in for the table of water samples, which cannot be shipped; inputs are ``(569, 30)``,
    targets ``(569,)`` with 0 malignant (212) and 1 benign (357).

    Source: W. H. Wolberg, W. N. Street and O. L. Mangasarian, UCI Machine Learning Repository, 1995.
    """
    table = torch.from_numpy(shipped_table("breast_cancer"))
    inputs, targets = table[:, :-1].float(), table[:, -1].long()
    return Dataset(
        name="breast cancer",
        origin="the Wisconsin breast cancer table shipped with scikit-learn",
        inputs=(inputs,),
        targets=(targets,),
        classes=("malignant", "benign"),
        features=tuple(
            kind.format(m) for kind in ("mean {}", "{} error", "worst {}") for m in MEASURED
        ),
        digest=digest_tensors((inputs, targets)),
    )


TABULAR = Task(
    name="tabular",
    source=call(breast_cancer),
    reader=call("paribus.data.readers.table:read_table"),
    split=call("paribus.data.splits:random_split"),
    loss=call("paribus.metrics:log_loss"),
    metrics=(
        log_loss(
            0.02,
            "it is a factor of 1.02 in the probability of the true class",
        ),
        accuracy(0.01),
    ),
    dummy={"prior": call("paribus.data.dummy:prior")},
)
