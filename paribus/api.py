"""Comparisons from Python: ``compare`` for data and a network or for a `Comparison`, ``run_suite`` for a suite."""

from __future__ import annotations

import importlib
import inspect
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from pydantic import ValidationError

from paribus.analysis.verdict import Contrast
from paribus.data.in_memory import Kind, read_data, source_of
from paribus.errors import ParibusError
from paribus.execution.cases import selected
from paribus.execution.executor import dataset_of
from paribus.execution.orchestrate import look_at_results, train_all
from paribus.execution.pool import one_thread
from paribus.execution.preflight import misfit_error_context
from paribus.execution.progress import ProgressBar
from paribus.execution.session import Session
from paribus.execution.settings import Settings
from paribus.experiment.comparison import Comparison
from paribus.experiment.factor import Factor
from paribus.experiment.recipe import Recipe
from paribus.experiment.suite import Suite
from paribus.experiment.task import Metric, Task
from paribus.experiment.tuning import Tuning
from paribus.experiment.variant import Variant
from paribus.runs.fingerprint import unhashed
from paribus.runs.store import Store
from paribus.seeding import Streams
from paribus.spec import Call, call
from paribus.training.network import build

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from paribus.analysis import results as analysis

# Fields of a recipe that are made by a function or class.
CALLABLES = ("model", "optimizer", "init")
SHAPES = ("inputs", "outputs")


def compare(
    comparison: Comparison | None = None,
    *,
    data: Any = None,
    model: Any = None,
    vary: Mapping[str, Mapping[str, Any]] | None = None,
    baseline: str | Sequence[str] | None = None,
    target: str | None = None,
    task: Kind | None = None,
    standardise: bool = True,
    margin: float | None = None,
    question: str | None = None,
    name: str | None = None,
    tuning: Tuning | None = None,
    seeds: int = 10,
    device: str = "cpu",
    engine: str = "auto",
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
        task: ``classification`` or ``regression``; None takes classes from whole numbers, text and booleans, values
            from other numbers.
        standardise: whether inputs, and values to predict, are standardised by statistics of the training part.
        margin: largest difference in the primary score that does not matter; log-loss in nats for classes, squared
            error in variances of the target for values.
        question: what is asked, for the page.
        name: short name of the comparison, for files.
        tuning: how each variant is tuned beside the settings that it has; None trains these alone.
        seeds: paired seeds a variant, at least 2; 6 are the fewest that can reach a verdict.
        device: ``cpu`` or ``cuda``.
        engine: ``auto``, ``loop`` or ``stacked``.
        jobs: processes that train side by side; 1 trains in this one. Each other takes seconds to start.
        store: file that keeps the runs, which are not trained again; None keeps them as long as the result.
        progress: whether a bar shows how far it has come.
        recipe: further fields of a `Recipe`, such as ``steps`` (500), ``batch_size`` (32) or ``optimizer`` (Adam with a
            learning rate of 0.001).

    Raises:
        ParibusError: data, model, levels or options cannot be used; nothing was trained then.
    """
    if seeds < 2:
        raise ParibusError(
            "seeds=",
            got=seeds,
            expected="at least 2, to have a difference and its spread",
            fix="Give seeds=10 or more for a verdict; 6 are the fewest that can reach one.",
        )
    if comparison is None:
        made_of = _task(data, target, task, standardise, margin)
        comparison = _comparison(made_of, model, vary, baseline, recipe, question, name, tuning)
        if not isinstance(data, Task):
            _refuse_misfits(comparison)
    elif data is not None or model is not None or vary is not None or recipe:
        raise ParibusError(
            "compare()",
            got="a Comparison and what one is made of",
            expected="one of the two",
            fix="Leave data=, model=, vary= and fields of the recipe out, or the Comparison.",
        )
    suite = Suite(name=comparison.name, title=comparison.question, comparisons=(comparison,))
    return run_suite(
        suite, seeds=seeds, device=device, engine=engine, jobs=jobs, store=store, progress=progress
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
        return Result(_train(suite, session), session)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


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
    """Train what is asked for; return its results, whose look is noted."""
    cases = selected([suite], session.settings)
    session.prepare(cases)
    train_all(session, cases)
    return look_at_results(session.study, cases)


class Result:
    """What a comparison showed: a table of verdicts when printed, a contrast by the name of its variant.

    Iteration is over the variants that are held against the baseline.

    Attributes:
        results: one an arm of each comparison, as pages are made of them.
    """

    def __init__(self, results: Sequence[analysis.Result], session: Session) -> None:
        self.results = tuple(results)
        self._session = (
            session  # its store holds the predictions that figures and pages are made of
        )

    @property
    def contrasts(self) -> dict[str, Contrast]:
        """Each variant against the baseline, at the settings that it was given."""
        result = self._single()
        return dict(result.contrasts)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know of the comparisons."""
        return tuple(dict.fromkeys(n for r in self.results for n in r.comparison.notes))

    def _single(self) -> analysis.Result:
        names = list(dict.fromkeys(result.comparison.name for result in self.results))
        if len(names) > 1:
            raise ParibusError(
                "a result of several comparisons",
                got="no choice of one",
                expected=f"one of {', '.join(names)}",
                fix=f"Take result[{names[0]!r}] first.",
            )
        return self.results[0]

    def __getitem__(self, name: str) -> Any:
        """The contrast of a variant with the baseline; of several comparisons, the result of the one of that name."""
        several = {r.comparison.name for r in self.results}
        if len(several) > 1 and name in several:
            return Result([r for r in self.results if r.comparison.name == name], self._session)
        result = self._single()
        if name not in result.contrasts:
            broken = result.control.broken
            if broken:
                raise ParibusError(
                    f"the verdict of {name!r}",
                    got=f"none, because control broke: {broken[0]}",
                    expected="variants that share what does not vary",
                    fix="Mend that; print the result for the whole list.",
                )
            raise ParibusError(
                "a variant of the result",
                got=f"{name!r}, the baseline"
                if name == result.baseline.variant.name
                else repr(name),
                expected=f"one of {', '.join(result.contrasts)}",
                fix="Name a variant that is held against the baseline.",
            )
        return result.contrasts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.contrasts)

    def __len__(self) -> int:
        return len(self.contrasts)

    def __str__(self) -> str:
        from paribus.report import terminal

        notes = [f"Note: {note}" for note in self.notes]
        return "\n".join([terminal(self.results), *notes])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from html import escape

        from paribus.report.tables import by_comparison, verdict_table

        parts = []
        for arms in by_comparison(self.results):
            head = f"{arms[0].comparison.question} ({len(arms[0].seeds)} seeds)"
            parts += [f"<p>{escape(head)}</p>", verdict_table(*arms).to_html(index=False, border=0)]
        return "\n".join([*parts, *(f"<p>{escape(note)}</p>" for note in self.notes)])

    def to_frame(self) -> DataFrame:
        """Return one row a variant: its mean score over seeds and, against the baseline, the difference and verdict.

        Differences are positive where the variant is better; ``low`` and ``high`` are the ends of their interval.
        """
        import pandas as pd

        return pd.DataFrame([_line(result, row) for result in self.results for row in result.rows])

    def plot(self) -> Figure | None:
        """Draw the validation score over steps, or None where runs have a single step."""
        from paribus.report.figures.learning_curves import curves

        return curves(self._single())

    def report(self, folder: str | Path) -> Path:
        """Write the pages, figures and tables into a folder; return the path of the index."""
        from paribus.report import write

        return write(self.results, Path(folder))[0]


def _line(result: analysis.Result, row: analysis.Row) -> dict[str, Any]:
    contrast = result.contrasts.get(row.variant.name)
    found: dict[str, Any] = {
        "comparison": result.comparison.name,
        "arm": result.arm,
        "variant": row.variant.name,
        result.comparison.primary.name: float(row.scores.mean()) if len(row.scores) else None,
        "seeds": len(row.known),
        "failed": len(row.known) - row.count("completed"),
    }
    if contrast is not None:
        found |= {
            "difference": contrast.difference.mean,
            "low": contrast.difference.low,
            "high": contrast.difference.high,
            "p": contrast.p_holm,
            "decision": str(contrast.decision),
            "reason": contrast.reason,
        }
    return found


def _noted(comparison: Comparison) -> Comparison:
    """The comparison with a note of what its code uses that cannot be hashed."""
    specs = [spec for v in comparison.variants() for spec in (v.task, v.recipe, v.metric)]
    names = unhashed([*specs, *comparison.diagnostics])
    if not names:
        return comparison
    note = (
        f"Code of the notebook or script uses {', '.join(names)}, which cannot be hashed: its runs are not "
        "recognised by another process, which trains them again."
    )
    return comparison.model_copy(update={"notes": (*comparison.notes, note)})


# What a comparison is made of


def _task(
    data: Any, target: str | None, kind: Kind | None, standardise: bool, margin: float | None
) -> Task:
    if isinstance(data, Task):
        return data
    if data is None:
        raise ParibusError(
            "data=",
            got="nothing",
            expected="(X, y), a DataFrame, the path of a CSV file, a torch Dataset, or a Task",
            fix="Give data=(X, y), or a Comparison.",
        )
    dataset = read_data(data, target, kind, standardise)
    classes = dataset.kind == "classification"
    return Task(
        name="data",
        source=source_of(dataset),
        reader=call("paribus.data.readers.table:read_table"),
        split=call("paribus.data.splits:random_split"),
        loss=call("paribus.metrics:log_loss" if classes else "paribus.metrics:squared_error"),
        metrics=_class_metrics(margin) if classes else _value_metrics(margin, standardise),
        dummy={"prior": call("paribus.data.dummy:prior")}
        if classes
        else {"mean_target": call("paribus.data.dummy:mean_target")},
    )


def _class_metrics(margin: float | None) -> tuple[Metric, ...]:
    """Log-loss, in which 0.02 nats are a factor of 1.02 in the true class's probability, and accuracy."""
    return (
        Metric(
            name="log_loss",
            function=call("paribus.metrics:log_loss"),
            higher_is_better=False,
            margin=margin or 0.02,
            unit="nats",
        ),
        Metric(
            name="accuracy",
            function=call("paribus.metrics:accuracy"),
            higher_is_better=True,
            margin=0.01,
            unit="share",
        ),
    )


def _value_metrics(margin: float | None, standardise: bool) -> tuple[Metric, ...]:
    """Squared error; 0.02 are two hundredths of the share of variance that is explained."""
    return (
        Metric(
            name="mse",
            function=call("paribus.metrics:squared_error"),
            higher_is_better=False,
            margin=margin or (0.02 if standardise else None),
            unit="variances of the training part" if standardise else "squared units of the target",
        ),
    )


def _comparison(
    task: Task,
    model: Any,
    vary: Mapping[str, Mapping[str, Any]] | None,
    baseline: str | Sequence[str] | None,
    recipe: Mapping[str, Any],
    question: str | None,
    name: str | None,
    tuning: Tuning | None,
) -> Comparison:
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
        place = ".".join(map(str, first["loc"]))
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
    return {str(name): _value(key, value) for name, value in given.items()}


def _baseline(
    given: str | Sequence[str] | None, levels: Mapping[str, Mapping[str, Any]]
) -> tuple[str, ...]:
    firsts = tuple(next(iter(named)) for named in levels.values())
    chosen = firsts if given is None else (given,) if isinstance(given, str) else tuple(given)
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
    """What stands in a recipe for a value that a person gives: a call of a function or class."""
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
    return call(value) if callable(value) or isinstance(value, str) else value


# Whether a model fits the data


def _refuse_misfits(comparison: Comparison) -> None:
    """Refuse a network whose arguments are not given, or whose output is of another shape than the task's."""
    tried: set[Call] = set()
    for variant in comparison.variants():
        if variant.recipe.model not in tried:
            tried.add(variant.recipe.model)
            _refuse_missing_arguments(variant)
            _refuse_misfit(variant)


def _refuse_missing_arguments(variant: Variant) -> None:
    model = variant.recipe.model
    parameters = inspect.signature(model.resolve()).parameters.values()
    required = [
        p.name
        for p in parameters
        if p.default is p.empty
        and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY, p.POSITIONAL_ONLY)
    ]
    missing = [name for name in required if name not in SHAPES and name not in model.kwargs]
    if missing:
        dataset = dataset_of(variant.task, 0)
        label = model.label.partition("(")[0]
        raise ParibusError(
            f"model {label}",
            got=f"no value for {', '.join(missing)}",
            expected=f"arguments inputs (given {dataset.input_shapes[0]}, the shape of a sample) and outputs (given "
            f"{dataset.outputs}), or none without a default",
            fix=f"Rename them, or give them: model=call({label}, {missing[0]}=...).",
        )


def _refuse_misfit(variant: Variant) -> None:
    dataset = dataset_of(variant.task, 0)
    split = variant.task.make_split(dataset, Streams(0))
    part = split.part("train", 4)
    with one_thread(), torch.no_grad(), misfit_error_context(variant, dataset):
        network = build(variant.recipe, dataset, Streams(0))
        outputs = network(*part.inputs)
    wanted: list[tuple[int, ...]] = [tuple(part.targets[0].shape)]
    if dataset.classes:  # of two, one logit or one for each
        wanted = [(len(part), n) for n in dict.fromkeys((dataset.outputs, len(dataset.classes)))]
    shape = tuple(outputs.shape) if isinstance(outputs, torch.Tensor) else type(outputs).__name__
    if shape not in wanted:
        raise ParibusError(
            f"output of variant {variant.name!r}",
            got=f"shape {shape} for {len(part)} samples",
            expected=" or ".join(map(str, wanted)),
            fix="Have the last layer put out as many numbers a sample, as the argument outputs says.",
        )
