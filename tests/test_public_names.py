"""Public names: imported when they are used, and the same to a type checker as to Python."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import paribus
from paribus import tasks
from paribus.experiment.task import Task
from tests.helpers.processes import printed

NAMES = {
    *("Budget", "Claim", "Comparison", "Factor", "Metric", "Recipe", "EarlyStopping", "Pretrained"),
    *("Suite", "Task", "Tuning", "LogUniform", "Uniform", "Categorical", "SearchSpace", "Dataset"),
    *("Split", "call", "compare", "run_suite", "Result", "Contrast", "Decision", "ParibusError"),
    *("__version__", "metric", "tasks", "judge", "Judgement", "plan", "SeedPlan"),
    *("multiverse", "MultiverseReport", "variance", "VarianceReport"),
}


def test_the_names_are_those_that_were_promised() -> None:
    assert set(paribus.__all__) == NAMES
    assert set(dir(paribus)) >= NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_each_name_is_there(name: str) -> None:
    assert getattr(paribus, name) is not None


def test_a_type_checker_is_shown_the_same() -> None:
    """Imports under ``TYPE_CHECKING`` name what is imported on use, from the same modules."""
    tree = ast.parse(Path(paribus.__file__).read_text(encoding="utf-8"))
    shown = {
        alias.asname: (node.module, alias.name)
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(shown) == NAMES - {"__version__"}
    for name, (module, original) in shown.items():
        found = importlib.import_module(f"{module}")
        assert getattr(paribus, name) is getattr(found, original), name


def test_an_unknown_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="module 'paribus' has no attribute 'Compare'"):
        _ = paribus.Compare


@pytest.mark.parametrize("name", dir(tasks))
def test_each_task_is_there_by_what_it_is_of(name: str) -> None:
    assert isinstance(getattr(paribus.tasks, name), Task)


def test_an_unknown_task_is_refused_with_those_there_are() -> None:
    with pytest.raises(AttributeError, match=r"no task 'water', only .*images"):
        _ = paribus.tasks.water


def test_importing_the_package_loads_nothing_heavy() -> None:
    script = (
        "import sys, paribus; paribus.__version__; dir(paribus); "
        "print([n for n in ('torch', 'numpy', 'pandas', 'pydantic', 'scipy') if n in sys.modules])"
    )
    assert printed("-c", script).strip() == "[]"
