"""Controlled comparisons of training choices in PyTorch: one factor varies, all else is equal.

Everything that is offered here is imported when it is first used: pytest imports the package in every run of an
environment that has it, and must not load torch for that.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paribus import tasks as tasks
    from paribus.analysis.planning import SeedPlan as SeedPlan
    from paribus.analysis.verdict import Contrast as Contrast
    from paribus.analysis.verdict import Decision as Decision
    from paribus.api import compare as compare
    from paribus.api import multiverse as multiverse
    from paribus.api import run_suite as run_suite
    from paribus.api import variance as variance
    from paribus.data.dataset import Dataset as Dataset
    from paribus.data.dataset import Split as Split
    from paribus.errors import ParibusError as ParibusError
    from paribus.experiment.claim import Claim as Claim
    from paribus.experiment.comparison import Budget as Budget
    from paribus.experiment.comparison import Comparison as Comparison
    from paribus.experiment.factor import Factor as Factor
    from paribus.experiment.named_metric import metric as metric
    from paribus.experiment.recipe import EarlyStopping as EarlyStopping
    from paribus.experiment.recipe import Pretrained as Pretrained
    from paribus.experiment.recipe import Recipe as Recipe
    from paribus.experiment.search_space import Categorical as Categorical
    from paribus.experiment.search_space import LogUniform as LogUniform
    from paribus.experiment.search_space import SearchSpace as SearchSpace
    from paribus.experiment.search_space import Uniform as Uniform
    from paribus.experiment.suite import Suite as Suite
    from paribus.experiment.task import Metric as Metric
    from paribus.experiment.task import Task as Task
    from paribus.experiment.tuning import Tuning as Tuning
    from paribus.report.judgement import Judgement as Judgement
    from paribus.report.judgement import judge as judge
    from paribus.report.multiverse import MultiverseReport as MultiverseReport
    from paribus.report.planned import plan as plan
    from paribus.report.result import Result as Result
    from paribus.report.variance import VarianceReport as VarianceReport
    from paribus.spec import call as call

    __version__: str

_PLACES = {
    "analysis.planning": ("SeedPlan",),
    "analysis.verdict": ("Contrast", "Decision"),
    "api": ("compare", "multiverse", "run_suite", "variance"),
    "data.dataset": ("Dataset", "Split"),
    "errors": ("ParibusError",),
    "experiment.claim": ("Claim",),
    "experiment.comparison": ("Budget", "Comparison"),
    "experiment.factor": ("Factor",),
    "experiment.named_metric": ("metric",),
    "experiment.recipe": ("EarlyStopping", "Pretrained", "Recipe"),
    "experiment.search_space": ("Categorical", "LogUniform", "SearchSpace", "Uniform"),
    "experiment.suite": ("Suite",),
    "experiment.task": ("Metric", "Task"),
    "experiment.tuning": ("Tuning",),
    "report.judgement": ("Judgement", "judge"),
    "report.planned": ("plan",),
    "report.multiverse": ("MultiverseReport",),
    "report.result": ("Result",),
    "report.variance": ("VarianceReport",),
    "spec": ("call",),
}
_MODULE_OF = {name: f"paribus.{module}" for module, names in _PLACES.items() for name in names}

__all__ = ["__version__", "tasks", *_MODULE_OF]  # noqa: PLE0604 - all of them are strings


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("paribus")
    elif name == "tasks":
        value = importlib.import_module("paribus.tasks")
    elif name in _MODULE_OF:
        module = importlib.import_module(_MODULE_OF[name])
        value = getattr(module, name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
