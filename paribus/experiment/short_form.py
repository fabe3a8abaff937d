"""Comparisons made of data, a model and what varies, the rest being usual settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError

from paribus.data.in_memory import Kind, read_data, source_of
from paribus.errors import ParibusError, one_of
from paribus.experiment.comparison import Comparison
from paribus.experiment.factor import Factor
from paribus.experiment.named_metric import metric
from paribus.experiment.recipe import Recipe
from paribus.experiment.task import Metric, Task
from paribus.experiment.tuning import Tuning
from paribus.spec import Call, call

# Fields of a recipe that are made by a function or class.
CALLABLES = ("model", "optimizer", "schedule", "init")


def task_of(
    data: Any,
    target: str | None,
    kind: Kind | None,
    standardise: bool,
    margin: float | None,
    group: str | None = None,
) -> Task:
    """Return a task of the data: random splits, the usual loss and scores, and a predictor that learns nothing.

    Raises:
        ParibusError: the data cannot be used.
    """
    if isinstance(data, Task):
        return data
    if margin is not None and not margin > 0:
        raise ParibusError(
            "margin=",
            got=margin,
            expected="a number above 0, the largest difference that does not matter",
            fix="Leave it out for the usual one.",
        )
    if kind is not None:
        one_of(
            "task=", kind, ("classification", "regression"), fix="Leave it out to go by the target."
        )
    if data is None:
        raise ParibusError(
            "data=",
            got="nothing",
            expected="(X, y), a DataFrame, the path of a CSV file, a torch Dataset, or a Task",
            fix="Give data=(X, y), or a Comparison.",
        )
    dataset = read_data(data, target, kind, standardise, group)
    classes = dataset.kind == "classification"
    return Task(
        name="data",
        source=source_of(dataset),
        reader=call("paribus.data.readers.table:read_table"),
        split=call("paribus.data.splits:random_split"),
        loss=call("paribus.metrics:log_loss" if classes else "paribus.metrics:squared_error"),
        metrics=usual_scores(dataset.kind, margin, standardise=standardise),
        dummy={"prior": call("paribus.data.dummy:prior")}
        if classes
        else {"mean_target": call("paribus.data.dummy:mean_target")},
    )


def usual_scores(
    kind: Kind, margin: float | None = None, *, standardise: bool = True
) -> tuple[Metric, ...]:
    """Return the usual scores of a problem, the primary one first."""
    return (
        _class_metrics(margin) if kind == "classification" else _value_metrics(margin, standardise)
    )


# Reasons of the default margins, which complete "does not matter here: ...".
DEFAULT_LOG_LOSS = "it is the default, a factor of 1.02 in the probability of the true class"
DEFAULT_MSE = "it is the default, two hundredths of the share of variance that is explained (R²)"


def _class_metrics(margin: float | None) -> tuple[Metric, ...]:
    """Log-loss and accuracy."""
    return (
        metric(
            "log_loss",
            margin=0.02 if margin is None else margin,
            margin_reason="" if margin is not None else DEFAULT_LOG_LOSS,
        ),
        metric("accuracy", margin=0.01),
    )


def _value_metrics(margin: float | None, standardise: bool) -> tuple[Metric, ...]:
    """Squared error, in variances where targets are standardised."""
    return (
        Metric(
            name="mse",
            function=call("paribus.metrics:squared_error"),
            higher_is_better=False,
            margin=margin if margin is not None or not standardise else 0.02,
            margin_reason=DEFAULT_MSE if margin is None and standardise else "",
            unit="variances of the training part" if standardise else "squared units of the target",
        ),
    )


def comparison_of(
    task: Task,
    model: Any,
    vary: Mapping[str, Mapping[str, Any]] | None,
    baseline: str | Sequence[str] | None,
    recipe: Mapping[str, Any],
    question: str | None,
    name: str | None,
    tuning: Tuning | None,
) -> Comparison:
    """Return a comparison of levels by name, the rest of its recipe at usual settings.

    Raises:
        ParibusError: a field or level cannot be used.
    """
    if not vary:
        raise ParibusError(
            "vary=",
            got="nothing",
            expected="what varies, such as {'optimizer': {'sgd': ..., 'adam': ...}}",
            fix="Name a field of the recipe and at least two levels of it.",
        )
    levels = {key: _levels(key, given) for key, given in vary.items()}
    fields = {
        "optimizer": call("torch.optim:Adam", lr=1e-3),
        "steps": 500,
        **{key: _value(key, value) for key, value in recipe.items()},
        **({} if model is None else {"model": _value("model", model)}),
    }
    unknown = [key for key in fields if key not in Recipe.model_fields]
    if unknown:
        raise ParibusError(
            "an argument of compare()",
            got=f"{unknown[0]}=",
            expected=f"a field of the recipe: {', '.join(Recipe.model_fields)}",
            fix="Check the spelling.",
        )
    for key, given in levels.items():
        fields.setdefault(key, next(iter(given.values())))
    if "model" not in fields:
        raise ParibusError(
            "model=",
            got="nothing",
            expected="a class or function that makes the network",
            fix="Give model=Net, or call(Net, hidden=[16]).",
        )
    fields = {key: value for key, value in fields.items() if key in Recipe.model_fields}
    names = [", ".join(given) for given in levels.values()]
    chosen = _baseline(baseline, levels)
    try:
        return Comparison(
            name=name or "-".join(key.replace(".", "-") for key in levels),
            question=question or f"Which {' and '.join(levels)} does better: {'; '.join(names)}?",
            task=task,
            recipe=Recipe(**fields),
            factors=tuple(Factor(_path(key), given) for key, given in levels.items()),
            baseline=chosen,
            tuning=tuning,
        )
    except ValidationError as error:
        first = error.errors()[0]
        # Which kind of value was tried for a field that takes two is no part of its path.
        place = ".".join(str(part) for part in first["loc"] if part not in ("Call", "Parts"))
        raise ParibusError(
            f"recipe.{place}",
            got=repr(first["input"]),
            expected=first["msg"][0].lower() + first["msg"][1:],
            fix="Change that setting, or the level that has it.",
        ) from error


def _path(key: str) -> str:
    return key if key.partition(".")[0] == "task" else f"recipe.{key}"


def _levels(key: str, given: Any) -> dict[str, Any]:
    root = key.partition(".")[0]
    if root not in Recipe.model_fields and root != "task":
        raise ParibusError(
            "a key of vary=",
            got=repr(key),
            expected=f"a field of the recipe ({', '.join(Recipe.model_fields)}), or a path into one",
            fix="Name what varies, such as 'optimizer' or 'model.hidden'.",
        )
    if not isinstance(given, Mapping) or len(given) < 2:
        raise ParibusError(
            f"vary={{{key!r}: ...}}",
            got=f"{len(given)} level" if isinstance(given, Mapping) else type(given).__name__,
            expected="at least two levels by name, one of them the baseline",
            fix="Give a mapping, such as {'small': ..., 'large': ...}.",
        )
    made = {str(name): _value(key, value) for name, value in given.items()}
    if len(made) < len(given):
        raise ParibusError(
            f"vary={{{key!r}: ...}}",
            got=f"levels {', '.join(map(repr, given))}",
            expected="names that differ as text",
            fix="Rename one of them.",
        )
    return made


def _baseline(
    given: str | Sequence[str] | None, levels: Mapping[str, Mapping[str, Any]]
) -> tuple[str, ...]:
    firsts = tuple(next(iter(named)) for named in levels.values())
    named = given if isinstance(given, tuple | list) else (given,)
    chosen = firsts if given is None else tuple(map(str, named))
    every = [*product(*levels.values())]
    if chosen not in every:
        raise ParibusError(
            "baseline=",
            got=repr(given),
            expected=f"one of {', '.join(repr(x[0] if len(x) == 1 else x) for x in every)}",
            fix="Name the level that the others are held against.",
        )
    return chosen


def _value(key: str, value: Any) -> Any:
    """Return what stands in a recipe for a value that a person gives: a call of a function or class, a plain number."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Call) or key not in CALLABLES:
        return value
    if isinstance(value, torch.nn.Module | torch.optim.Optimizer):
        kind = type(value).__name__
        raise ParibusError(
            key,
            got=f"an object of {kind}, made already",
            expected="a function or class that makes one, because every seed has its own",
            fix=f"Give call({kind}, ...), or a function that returns it.",
        )
    if key == "optimizer" and isinstance(value, Mapping) and "target" not in value:
        return {pattern: _value(key, part) for pattern, part in value.items()}
    return call(value) if callable(value) or isinstance(value, str) else value
