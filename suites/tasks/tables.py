"""Small tables of measurements that scikit-learn ships, as further tasks to rank over: iris, wine and diabetes."""

from __future__ import annotations

from typing import Any

import torch

from paribus import Dataset, Task, call
from paribus.data.dataset import digest_tensors
from paribus.suites.tasks.metrics import mse
from paribus.suites.tasks.shipped import shipped_table
from paribus.suites.tasks.tabular import TABULAR


def iris() -> Dataset:
    """Return the iris table: 150 flowers, four lengths and widths, three species of 50.

    Inputs are ``(150, 4)`` in cm, targets ``(150,)``. One species stands apart; the other two overlap.

    Source: R. A. Fisher, The use of multiple measurements in taxonomic problems, Annals of Eugenics 7, 1936.
    """
    parts = ("sepal length", "sepal width", "petal length", "petal width")
    features = tuple(f"{part} (cm)" for part in parts)
    classes = ("setosa", "versicolor", "virginica")
    return _classified("iris", features=features, classes=classes)


def wine() -> Dataset:
    """Return the wine table: 178 wines, 13 measurements, three growers of 59, 71 and 48.

    Source: M. Forina et al., UCI Machine Learning Repository, 1991.
    """
    features = (
        *("alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols"),
        *("flavanoids", "nonflavanoid_phenols", "proanthocyanins", "color_intensity", "hue"),
        *("od280/od315_of_diluted_wines", "proline"),
    )
    return _classified("wine", features=features, classes=("class_0", "class_1", "class_2"))


def diabetes() -> Dataset:
    """Return the diabetes table: 442 patients, 10 measurements, and a measure of how the disease went on after a year.

    Inputs are ``(442, 10)`` as measured, targets ``(442, 1)`` from 25 to 346, both before they are standardised.

    Source: B. Efron, T. Hastie, I. Johnstone and R. Tibshirani, Least angle regression, Annals of Statistics 32, 2004.
    """
    table = torch.from_numpy(shipped_table("diabetes")).float()
    features = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
    targets = table[:, -1:]
    return _table("diabetes", table, targets, features=features, standardise_targets=True)


def _classified(name: str, **fields: Any) -> Dataset:
    table = torch.from_numpy(shipped_table(name))
    return _table(name, table.float(), table[:, -1].long(), **fields)


def _table(name: str, table: torch.Tensor, targets: torch.Tensor, **fields: Any) -> Dataset:
    inputs = table[:, :-1].contiguous()
    return Dataset(
        name=name,
        origin=f"the {name} table shipped with scikit-learn",
        inputs=(inputs,),
        targets=(targets,),
        digest=digest_tensors((inputs, targets)),
        **fields,
    )


IRIS = TABULAR.model_copy(update={"name": "iris", "source": call(iris)})
WINE = TABULAR.model_copy(update={"name": "wine", "source": call(wine)})
DIABETES = Task(
    name="diabetes",
    source=call(diabetes),
    reader=call("paribus.data.readers.table:read_table"),
    split=call("paribus.data.splits:random_split"),
    loss=call("paribus.metrics:squared_error"),
    metrics=(
        mse(
            0.02,
            reason="it is 0.02 of R², a fiftieth of the variance that a model could explain",
        ),
    ),
    dummy={"mean_target": call("paribus.data.dummy:mean_target")},
)
