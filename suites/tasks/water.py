"""Tabular classification: a table of measurements with a label, as in a test of whether water is fit to drink."""

from __future__ import annotations

import torch

from paribus.data import Dataset, digest_tensors
from paribus.spec import call
from paribus.task import Task
from suites.tasks.metrics import accuracy, log_loss


def breast_cancer() -> Dataset:
    """The Wisconsin breast cancer table that scikit-learn ships: 569 tumours, 30 measurements, two classes.

    Real measurements stand in for the table of water samples, which cannot be shipped; inputs are ``(569, 30)``,
    targets ``(569,)`` with 0 malignant (212) and 1 benign (357).

    Source: W. H. Wolberg, W. N. Street and O. L. Mangasarian, UCI Machine Learning Repository, 1995.
    """
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    inputs = torch.from_numpy(bunch.data).float()
    targets = torch.from_numpy(bunch.target).long()
    return Dataset(
        name="breast cancer",
        origin="the Wisconsin breast cancer table shipped with scikit-learn",
        inputs=(inputs,),
        targets=(targets,),
        classes=tuple(map(str, bunch.target_names)),
        features=tuple(map(str, bunch.feature_names)),
        digest=digest_tensors((inputs, targets)),
    )


WATER = Task(
    name="water",
    source=call(breast_cancer),
    reader=call("paribus.readers.table:read_table"),
    split=call("paribus.splits:random_split"),
    loss=call("paribus.metrics:log_loss"),
    metrics=(log_loss(0.02), accuracy(0.01)),
    naive={"prior": call("paribus.naive:prior")},
)
