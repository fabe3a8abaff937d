"""Comparisons from Python: ``compare`` for data and a network or for a `Comparison`, ``run_suite`` for a suite."""

from __future__ import annotations

import importlib
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from typing import Any

from paribus.analysis import results as analysis
from paribus.data.in_memory import Kind
from paribus.errors import ParibusError, at_least
from paribus.execution.cases import selected
from paribus.execution.multiverse import multiverse as over_settings
from paribus.execution.orchestrate import look_at_results, train_all
from paribus.execution.progress import ProgressBar
from paribus.execution.session import Session
from paribus.execution.settings import Settings
from paribus.execution.variance import DRAWS, variance_by_source
from paribus.experiment.comparison import Comparison
from paribus.experiment.grid import MAX_SETTINGS, Grid
from paribus.experiment.primary_score import scored_by
from paribus.experiment.short_form import comparison_of, task_of
from paribus.experiment.suite import Suite
from paribus.experiment.task import Metric, Task
from paribus.experiment.tuning import Tuning
from paribus.report.multiverse import MultiverseReport
from paribus.report.result import Result
from paribus.report.variance import VarianceReport
from paribus.runs.fingerprint import unhashed
from paribus.runs.store import Store
from paribus.stats import MIN_DRAWS

__all__ = ["Result", "compare", "multiverse", "run_suite", "variance"]

# Looks of this process, by contrast and number of seeds in their order: a store that is not kept would forget them.
_LOOKS: dict[tuple[str, int], None] = {}


def compare(
    comparison: Comparison | None = None,
    *,
    data: Any = None,
    model: Any = None,
    vary: Mapping[str, Mapping[str, Any]] | None = None,
    baseline: str | Sequence[str] | None = None,
    target: str | None = None,
    group: str | None = None,
    task: Kind | None = None,
    standardise: bool = True,
    margin: float | None = None,
    metric: str | Metric | None = None,
    question: str | None = None,
    name: str | None = None,
    tuning: Tuning | None = None,
    seeds: int = 10,
    device: str = "cpu",
    engine: str = "auto",
    deterministic: bool = False,
    jobs: int = 1,
    store: str | Path | None = None,
    progress: bool = True,
    **recipe: Any,
) -> Result:
    """Train every variant with the same seeds and say which differences are shown.

    Either a `Comparison` is given, or what it is made of: data, a model, and what varies. Each seed draws a split and
    first weights; variants of one seed share them.

    Args:
        comparison: declared beforehand.
        data: ``(X, y)`` of arrays, tensors or frames; a DataFrame or the path of a CSV file with a column ``target``;
            a torch ``TensorDataset`` or map-style data set of pairs; or a `Task`.
        model: a class or function that makes the network, or `call` of one with keyword arguments. It is given
            ``inputs``, the shape of a sample, and ``outputs``, how many numbers to put out, if it takes them: one for
            two classes, one a class for more, one a value of a regression.
        vary: what varies: by field of a `Recipe` (``optimizer``, ``model``, ``batch_size``), or by a path into one
            (``model.hidden``), the levels by name. Two or three of them are crossed.
        baseline: the level that the others are held against, one of each where several are crossed; the first if none
            is given.
        target: the column to predict, where the data have columns.
        group: the column whose rows of one value, such as a patient's number, stay on one side of every split.
        task: ``classification`` or ``regression``; None takes classes from whole numbers, text and booleans, values
            from other numbers.
        standardise: whether inputs, and values to predict, are standardised by statistics of the training part.
        margin: largest difference in the primary score that does not matter; log-loss in nats for classes, squared
            error in variances of the target for values.
        metric: the score on which verdicts rest, such as ``"f1"`` or ``paribus.metric("f1", average="macro")``; None is
            log-loss for classes, squared error for values.
        question: what is asked, for the page.
        name: short name of the comparison, for files.
        tuning: how each variant is tuned beside the settings that it has; None trains these alone.
        seeds: paired seeds a variant, at least 2; 6 are the fewest that can reach a verdict.
        device: ``cpu`` or ``cuda``.
        engine: ``auto``, ``loop`` or ``stacked``.
        deterministic: whether torch uses deterministic algorithms, and what has none is refused.
        jobs: processes that train side by side; 1 trains in this one. Each other takes seconds to start.
        store: file that keeps the runs, which are not trained again; None keeps them as long as the result.
        progress: whether a bar shows how far it has come.
        recipe: further fields of a `Recipe`, such as ``steps`` (500), ``batch_size`` (32) or ``optimizer`` (Adam with a
            learning rate of 0.001).

    Raises:
        ParibusError: data, model, levels or options cannot be used; nothing was trained then.
    """
    if not isinstance(seeds, Integral) or seeds < 2:
        raise ParibusError(
            "seeds=",
            got=repr(seeds),
            expected="a whole number, at least 2, to have a difference and its spread",
            fix="Give seeds=10 or more for a verdict; 6 are the fewest that can reach one.",
        )
    seeds = int(seeds)
    if comparison is None:
        if isinstance(data, Task):
            about = {"target": target, "group": group, "task": task, "margin": margin}
            _refuse_beside("Task", about)
        own_margin = margin if metric is None else None
        made_of = task_of(data, target, task, standardise, own_margin, group)
        if metric is not None:
            made_of = scored_by(made_of, metric, margin)
        comparison = comparison_of(made_of, model, vary, baseline, recipe, question, name, tuning)
    else:
        declared = {
            "data": data,
            "model": model,
            "vary": vary,
            "baseline": baseline,
            "target": target,
            "group": group,
            "task": task,
            "margin": margin,
            "metric": metric,
            "question": question,
            "name": name,
            "tuning": tuning,
            "standardise": None if standardise else False,
            **recipe,
        }
        _refuse_beside("Comparison", declared)
    suite = Suite(name=comparison.name, title=comparison.question, comparisons=(comparison,))
    return run_suite(
        suite,
        seeds=seeds,
        device=device,
        engine=engine,
        deterministic=deterministic,
        jobs=jobs,
        store=store,
        progress=progress,
    )


def run_suite(
    suite: Suite | str, *, store: str | Path | None = None, progress: bool = True, **options: Any
) -> Result:
    """Train every comparison of a suite.

    Args:
        suite: the comparisons, or the name of a built-in suite, such as ``optimizers``.
        store: file that keeps the runs, which are not trained again; None keeps them as long as the result.
        progress: whether a bar shows how far it has come.
        options: fields of `paribus.execution.settings.Settings`, such as ``seeds``, ``budget``, ``device`` or ``jobs``.

    Raises:
        ParibusError: something cannot be used; nothing was trained then.
    """
    suite = _built_in(suite) if isinstance(suite, str) else suite
    suite = suite.model_copy(update={"comparisons": tuple(map(_noted, suite.comparisons))})
    folder = Path(tempfile.mkdtemp(prefix="paribus-"))
    try:
        file = folder / "runs.sqlite" if store is None else Path(store)
        settings = Settings(store=file, out=file.parent, **{"device": "cpu", **options})
        session = Session(settings, [suite], ProgressBar(shown=progress))
        weakref.finalize(session, _close, session.study.store, folder)
        for contrast, seeds in _LOOKS if store is None else ():
            session.study.store.look(contrast, seeds)
        results = _train(suite, session)
        _LOOKS.update({(look.contrast, look.seeds): None for r in results for look in r.taken})
        return Result(results, session)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def variance(
    suite: Suite | Comparison | str,
    *,
    draws: int = DRAWS,
    store: str | Path | None = None,
    progress: bool = True,
    **options: Any,
) -> VarianceReport:
    """Say which source of randomness the spread over seeds comes from: one is drawn anew while the others stand.

    Args:
        suite: the comparisons, one comparison, or the name of a built-in suite.
        draws: how often each source is drawn anew, at least 4.
        store: file that keeps the runs, which are not trained again; None keeps them nowhere.
        progress: whether a bar shows how far it has come.
        options: fields of `paribus.execution.settings.Settings`, such as ``budget``, ``arm`` or ``engine``.

    Raises:
        ParibusError: something cannot be used; nothing was trained then.
    """
    at_least("draws=", draws, MIN_DRAWS, fix="Draw each source more often.")
    chosen = _suite_of(suite)
    with _stored(store, {"arm": "default", **options}) as settings:
        parts = variance_by_source(chosen, settings, draws, ProgressBar(shown=progress))
    return VarianceReport(chosen.title, tuple(parts))


def multiverse(
    suite: Suite | Comparison | str,
    over: Grid | None = None,
    *,
    seeds: int | None = None,
    max_settings: int = MAX_SETTINGS,
    store: str | Path | None = None,
    progress: bool = True,
    **options: Any,
) -> MultiverseReport:
    """Ask a comparison's question again under every combination of other values of what its variants hold equal.

    Args:
        suite: the comparisons, one comparison, or the name of a built-in suite.
        over: values by dotted path, such as ``{"recipe.steps": [250, 1000], "recipe.optimizer.lr": ["x0.1", "x1"]}``; a
            text ``x0.1`` multiplies what each variant declares. None takes the grid that a comparison declares.
        seeds: paired seeds of each setting; None takes 10, or more where a verdict needs them.
        max_settings: how many combinations there may be.
        store: file that keeps the runs, which are not trained again; None keeps them nowhere.
        progress: whether a bar shows how far it has come.
        options: fields of `paribus.execution.settings.Settings`, such as ``budget`` or ``engine``.

    Raises:
        ParibusError: a path, a value or an option cannot be used; nothing was trained then.
    """
    chosen = _suite_of(suite)
    with _stored(store, {"seeds": seeds, **options}) as settings:
        parts = over_settings(chosen, settings, over, max_settings, ProgressBar(shown=progress))
    return MultiverseReport(chosen.title, tuple(parts))


def _suite_of(given: Suite | Comparison | str) -> Suite:
    """Return a suite, that of a name, or one of a comparison alone."""
    if isinstance(given, str):
        return _built_in(given)
    if isinstance(given, Comparison):
        return Suite(name=given.name, title=given.question, comparisons=(given,))
    return given


@contextmanager
def _stored(store: str | Path | None, options: Mapping[str, Any]) -> Iterator[Settings]:
    """Yield settings with a store that is kept, or with one that lasts as long as the context."""
    with tempfile.TemporaryDirectory(prefix="paribus-") as folder:
        file = Path(folder) / "runs.sqlite" if store is None else Path(store)
        yield Settings(store=file, out=file.parent, **options)


def _refuse_beside(what: str, given: Mapping[str, Any]) -> None:
    """Refuse arguments that what was declared already says."""
    names = [f"{name}=" for name, value in given.items() if value is not None]
    if names:
        raise ParibusError(
            "compare()",
            got=f"{', '.join(names)} beside a {what}",
            expected="one of the two",
            fix=f"Write it into the {what}, or leave it out.",
        )


def _built_in(name: str) -> Suite:
    try:
        suite: Suite = importlib.import_module(f"paribus.suites.{name}").SUITE
    except (ImportError, AttributeError) as error:
        raise ParibusError(
            "suite",
            got=repr(name),
            expected="the name of a built-in suite, or a Suite",
            fix="paribus list names those that are built in.",
        ) from error
    return suite


def _close(store: Store, folder: Path) -> None:
    """Close the store once nobody reads it any more, and remove the folder of what was not to be kept."""
    store.close()
    shutil.rmtree(folder, ignore_errors=True)


def _train(suite: Suite, session: Session) -> list[analysis.Result]:
    """Train what is asked for, and return what is known of it then; that it was looked at is noted."""
    cases = selected([suite], session.settings)
    session.prepare(cases, steps=True)
    train_all(session, cases)
    session.time_planned()
    return look_at_results(session.study, cases)


def _noted(comparison: Comparison) -> Comparison:
    """Note what its code uses that cannot be hashed."""
    specs = [spec for v in comparison.variants() for spec in (v.task, v.recipe, v.metric)]
    names = unhashed([*specs, *comparison.diagnostics])
    if not names:
        return comparison
    note = (
        f"Code of the notebook or script uses {', '.join(names)}, which cannot be hashed: its runs are not "
        "recognised by another process, which trains them again."
    )
    return comparison.model_copy(update={"notes": (*comparison.notes, note)})
