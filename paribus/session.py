"""A session: settings, what is to be trained, what is already known, and the pages at the end. Both doors use it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import torch

from paribus.comparison import Comparison, Suite, Variant
from paribus.engines import Choice, common, resolve
from paribus.errors import ParibusError
from paribus.executor import available_jobs, dataset_of, execute, one_thread, told_of
from paribus.progress import Progress
from paribus.recorded import then
from paribus.results import Result, collect, step_key
from paribus.run import Record, Run, data_digest, resolve_device
from paribus.seeding import Streams
from paribus.spec import digest
from paribus.spec import replace as replaced
from paribus.steptime import time_steps
from paribus.store import Store, Timing
from paribus.task import Task
from paribus.training.cohorts import cohort_key, stacked
from paribus.training.evaluate import naive_outputs
from paribus.training.network import build

DEVICES = ("cpu", "cuda")
NO_GPU = "no CUDA device was found"


@dataclass(frozen=True)
class Settings:
    """What a user chose; every field has the default of the option of its name.

    Attributes:
        seeds: paired seeds a variant; None takes the budget's.
        budget: ``quick`` or ``full``.
        device: ``auto``, ``cpu`` or ``cuda``.
        engine: ``auto``, ``loop`` or ``stacked``.
        data: paths of the user's own data, by task.
        targets: columns to predict, by task.
        out: folder for pages.
        store: file of runs.
        speaks_of: ``seeds``, or ``data`` for verdicts of new data; None takes each comparison's own.
        fresh: train again what is already in the store.
        jobs: processes that train side by side; None is one a core.
        evidence: write what the pages were made from beside them.
    """

    seeds: int | None = None
    budget: str = "quick"
    device: str = "auto"
    engine: str = "auto"
    data: dict[str, str] = field(default_factory=dict)
    targets: dict[str, str] = field(default_factory=dict)
    out: Path = Path("results/latest")
    store: Path = Path("results/latest/runs.sqlite")
    fresh: bool = False
    jobs: int | None = None
    speaks_of: str | None = None
    evidence: bool = False

    def __post_init__(self) -> None:
        if self.seeds is not None and self.seeds < 2:
            raise ParibusError(
                "number of seeds",
                got=self.seeds,
                expected="at least 2, to have a difference and its spread",
                fix="Use --paribus-seeds 10 or more for a verdict; the least that can reach one is 6.",
            )
        if self.jobs is not None and self.jobs < 1:
            raise ParibusError(
                "number of jobs",
                got=self.jobs,
                expected="at least 1",
                fix="Leave --paribus-jobs out to use one process a core.",
            )
        if self.device != "auto":
            resolve_device(self.device)
        refuse_unwritable(self.out)
        for task in self.targets.keys() - self.data.keys():
            raise ParibusError(
                f"target of task {task!r}",
                got=f"column {self.targets[task]!r} and no data",
                expected="data to take the column from",
                fix=f"Add --paribus-data {task}=PATH.",
            )

    @property
    def devices(self) -> tuple[str, ...]:
        """Devices that have rows: all for ``auto``, of which those that are not here are skipped with a reason."""
        return DEVICES if self.device == "auto" else (self.device,)


def refuse_unwritable(out: Path) -> None:
    """Refuse a folder for pages that cannot be made, before there is anything to write into it.

    Raises:
        ParibusError: names what is in the way.
    """
    there = next(path for path in (out, *out.parents) if path.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise ParibusError(
            "folder for pages",
            got=f"{out}, where {there} is no folder that can be written",
            expected="a folder, or a path where one can be made",
            fix="Name another with --paribus-out.",
        )


def choice(option: str, value: str, choices: Sequence[str]) -> str:
    """The value, if it is one of the choices.

    Raises:
        ParibusError: it is not.
    """
    if value not in choices:
        raise ParibusError(
            option,
            got=repr(value),
            expected=f"one of {', '.join(choices)}",
            fix="Choose one of these.",
        )
    return value


def speaks(option: str, value: str | None) -> str | None:
    """What verdicts are to speak of, None for each comparison's own.

    Raises:
        ParibusError: it is neither seeds nor data.
    """
    return None if value is None else choice(option, value, ("seeds", "data"))


def pairs(option: str, values: Iterable[str]) -> dict[str, str]:
    """``NAME=VALUE`` texts as a mapping.

    Raises:
        ParibusError: a text has no name, no value or no equals sign.
    """
    made = {}
    for text in values:
        name, _, value = text.partition("=")
        if not (name and value):
            raise ParibusError(
                option,
                got=repr(text),
                expected="TASK=VALUE, such as water=patients.csv",
                fix=f"Write {option} water=... with no spaces round the equals sign.",
            )
        made[name] = value
    return made


class Cell(NamedTuple):
    """One cell of a table: a variant of a comparison of a suite on a device."""

    suite: Suite
    comparison: Comparison
    variant: str
    device: str

    @property
    def name(self) -> str:
        """How tests name it, such as ``optimizers-adam-cpu``."""
        several = len(self.suite.comparisons) > 1
        parts = [self.suite.name, *([self.comparison.name] if several else [])]
        variant = self.variant.replace(" × ", "+").replace(" ", "_")
        return "-".join([*parts, variant, self.device])


def skip_reason(device: str) -> str:
    """Why nothing runs on a device, or nothing."""
    if machine := then():
        return machine.skipped.get(device, "")
    return NO_GPU if device == "cuda" and not torch.cuda.is_available() else ""


def cells(suites: Iterable[Suite]) -> list[Cell]:
    """Every cell of the suites on every device, the baseline of each comparison first."""
    return [
        Cell(suite, comparison, variant.name, device)
        for device in DEVICES
        for suite in suites
        for comparison in suite.comparisons
        for variant in comparison.variants()
    ]


class Session:
    """Trains what is asked for and not yet known, and writes the pages.

    Args:
        settings: what the user chose.
        progress: shows how far long work has come.
    """

    def __init__(self, settings: Settings, progress: Progress | None = None) -> None:
        self.settings = settings
        self.progress = progress or Progress(shown=False)
        self.store = Store(settings.store)
        self.failures: dict[Cell, str] = {}
        self.trained: set[str] = set()
        self.timed: set[tuple[str, str, str]] = set()
        self._prepared: dict[tuple[str, str], Comparison] = {}
        self._digests: dict[Task, str] = {}
        self._planned: list[Cell] = []
        self._choices: dict[tuple[str, str, str], Choice] = {}

    @cached_property
    def jobs(self) -> int:
        """Processes that train side by side."""
        return self.settings.jobs or available_jobs()

    def prepare(self, cells: Sequence[Cell]) -> None:
        """Read the data and try every network once, before any long work; refuse what cannot work.

        Raises:
            ParibusError: an option names an unknown task, data cannot be used, or a network does not fit.
        """
        self._refuse_unknown_tasks(cells)
        with one_thread():
            for suite, comparison in _distinct(cells):
                prepared = self._apply(comparison)
                refuse_undrawn(prepared)
                self._prepared[suite.name, comparison.name] = prepared
                for variant in prepared.variants():
                    try_once(variant)
        self._planned += [cell for cell in cells if not skip_reason(cell.device)]
        self.progress.forecast.planned += sum(
            self._estimate(cell, len(self._missing(self.runs(cell))))
            for cell in cells
            if not skip_reason(cell.device)
        )

    def _refuse_unknown_tasks(self, cells: Sequence[Cell]) -> None:
        known = {cell.comparison.task.name for cell in cells}
        for option, given in (("data", self.settings.data), ("target", self.settings.targets)):
            for task in given.keys() - known:
                raise ParibusError(
                    f"task in --paribus-{option}",
                    got=repr(task),
                    expected=f"one of {', '.join(sorted(known))}",
                    fix="Name a task of a selected suite.",
                )

    def _apply(self, comparison: Comparison) -> Comparison:
        """The comparison with the user's budget and data in it."""
        made = comparison.at(self.settings.budget)
        if self.settings.speaks_of is not None:
            made = made.model_copy(update={"speaks_of": self.settings.speaks_of})
        path = self.settings.data.get(made.task.name)
        if path is None:
            return made
        task = replaced(made.task, "path", str(path))
        task = replaced(task, "target", self.settings.targets.get(task.name))
        return made.model_copy(update={"task": task})

    def comparison(self, cell: Cell) -> Comparison:
        """The prepared comparison of a cell."""
        return self._prepared[cell.suite.name, cell.comparison.name]

    def seeds(self, comparison: Comparison) -> range:
        """The seeds that are compared."""
        chosen = self.settings.seeds
        return range(comparison.budgets[self.settings.budget].seeds if chosen is None else chosen)

    def runs(self, cell: Cell) -> list[Run]:
        """The runs of a cell, one a seed."""
        runs = self._by_loop(cell, cell.variant)
        engine = self._choice(cell).engine
        return [replace(run, engine=engine) for run in runs]

    def _by_loop(self, cell: Cell, variant: str) -> list[Run]:
        """The runs of a variant of the cell's comparison, before an engine is chosen."""
        comparison = self.comparison(cell)
        found = next(v for v in comparison.variants() if v.name == variant)
        return [
            Run(
                task=found.task,
                recipe=found.recipe,
                seed=seed,
                data_digest=self._digest(found.task),
                device=cell.device,
                diagnostics=comparison.diagnostics,
            )
            for seed in self.seeds(comparison)
        ]

    def _choice(self, cell: Cell) -> Choice:
        """The engine of a comparison on a device: one for all variants, so that it does not vary with the factor."""
        name = (cell.suite.name, cell.comparison.name, cell.device)
        if name not in self._choices:
            self._choices[name] = self._chosen(cell)
        return self._choices[name]

    def _chosen(self, cell: Cell) -> Choice:
        """As asked for, as chosen before, or as measured now."""
        if self.settings.engine == "loop" or skip_reason(cell.device):
            return Choice("loop", "asked for")
        variants = [v.name for v in self.comparison(cell).variants()]
        firsts = {cohort_key(r): r for v in variants for r in self._by_loop(cell, v)[:1]}
        name = f"{digest(sorted(firsts))}/{self.settings.engine}"
        known = self.store.choice(name)
        if known is None:
            share = -(-len(self.seeds(self.comparison(cell))) // self.jobs)
            each = [resolve(self.settings.engine, run, share) for run in firsts.values()]
            known = common(each)
            self.store.choose(name, *known)
        return Choice(*known)

    def _digest(self, task: Task) -> str:
        if task not in self._digests:
            self._digests[task] = data_digest(task, dataset_of(task, 0))
        return self._digests[task]

    def _missing(self, runs: Sequence[Run]) -> list[Run]:
        if self.settings.fresh:
            return [run for run in runs if run.key not in self.trained]
        known = self.store.get(run.key for run in runs)
        return [run for run in runs if run.key not in known]

    def _estimate(self, cell: Cell, runs: int) -> float:
        budget = self.comparison(cell).budgets[self.settings.budget]
        return budget.seconds * runs / budget.seeds / len(cell.comparison.variants())

    def train(self, cell: Cell) -> list[Run]:
        """Train the cell's runs that are not in the store yet; returns those that were trained now.

        Runs of other planned cells that can be trained together with them are: a cohort costs little more than a run.
        """
        missing = self._missing(self.runs(cell))
        if missing:
            label, estimate = cell.name, self._estimate(cell, len(missing))
            missing += self._mates(missing)
            with self.progress.batch(label, len(missing), estimate) as advance:
                chosen = self._choice(cell)

                def keep(run: Run, record: Record) -> None:
                    origin = {**record.provenance, **self.source, "engine chosen": chosen.reason}
                    self.store.add(run, replace(record, provenance=origin))
                    self.trained.add(run.key)
                    advance()

                execute(missing, jobs=self.jobs, keep=keep, portion=chosen.portion)
        return missing

    def _mates(self, runs: Sequence[Run]) -> list[Run]:
        """Missing runs of other planned cells that are of the same cohort."""
        if not stacked(runs[0]):
            return []
        cohort, known = cohort_key(runs[0]), {run.key for run in runs}
        mates = {
            run.key: run
            for other in self._planned
            for run in self.runs(other)
            if run.engine == runs[0].engine and cohort_key(run) == cohort and run.key not in known
        }
        return self._missing(list(mates.values()))

    def baseline(self, cell: Cell) -> Cell:
        """The cell that a cell is held against."""
        return cell._replace(variant=cell.comparison.variants()[0].name)

    def records(self, cell: Cell) -> list[Record]:
        """The records of a cell's runs that the store holds."""
        return list(self.store.get(run.key for run in self.runs(cell)).values())

    def time(self, cell: Cell) -> tuple[Timing, bool]:
        """Step times of a cell against its baseline, and whether they come from the store."""
        variant, baseline = (self.runs(c)[0] for c in (cell, self.baseline(cell)))
        names = (step_key(variant), step_key(baseline), cell.device)
        known = self.store.timing(*names)
        if known is not None and (not self.settings.fresh or names in self.timed):
            return known, True
        with told_of(variant):
            timing = time_steps(variant, baseline)
        self.store.add_timing(*names, timing)
        self.timed.add(names)
        return timing, False

    def results(self, cells: Iterable[Cell]) -> list[Result]:
        """What the store knows of every comparison of the cells, on each of their devices."""
        found = []
        for device in DEVICES:
            chosen = [cell for cell in cells if cell.device == device]
            found += [self.result(*each, device) for each in _distinct(chosen)]
        return found

    def result(self, suite: Suite, comparison: Comparison, device: str) -> Result:
        """What the store knows of one comparison on one device."""
        whole = [Cell(suite, comparison, v.name, device) for v in comparison.variants()]
        return collect(
            suite,
            self.comparison(whole[0]),
            budget=self.settings.budget,
            device=device,
            runs={cell.variant: self.runs(cell) for cell in whole},
            store=self.store,
            failures={c.variant: self.failures[c] for c in whole if c in self.failures},
            skipped=skip_reason(device),
        )

    @cached_property
    def source(self) -> dict[str, object]:
        """The commit that is checked out, and whether files differ from it."""
        commit = _git("rev-parse", "--short=12", "HEAD")
        return {
            "commit": commit or "unknown",
            "dirty": bool(_git("status", "--porcelain", "--untracked-files=no")),
        }


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - the arguments are this file's own
            ["git", *arguments],  # noqa: S607 - whichever git the user has
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _distinct(cells: Iterable[Cell]) -> list[tuple[Suite, Comparison]]:
    found = {(c.suite.name, c.comparison.name): (c.suite, c.comparison) for c in cells}
    return list(found.values())


def refuse_undrawn(comparison: Comparison) -> None:
    """Refuse to speak of new data where seeds do not redraw the test part, as a series cut by time does not.

    Raises:
        ParibusError: names the comparison.
    """
    if not comparison.corrected:
        return
    for task in {variant.task for variant in comparison.variants()}:
        dataset = dataset_of(task, 0)
        first, second = (task.fold(dataset, Streams(seed)).test for seed in range(2))
        if torch.equal(first, second):
            raise ParibusError(
                f"what comparison {comparison.name!r} speaks of",
                got="new data, and a test part that is the same for every seed",
                expected="a split that is drawn anew: a series speaks of new data by rolling origins",
                fix="Leave --paribus-speaks-of data out, or select other suites.",
            )


def try_once(variant: Variant) -> None:
    """One forward pass and loss on a few samples, so that a misfit is told before anything long starts.

    Raises:
        ParibusError: the data cannot be split, or the network or the loss raises an error.
    """
    dataset = dataset_of(variant.task, 0)
    streams = Streams(0, variant.recipe.salt)
    fold = variant.task.fold(dataset, streams)
    part = fold.part("train")
    try:
        network = build(variant.recipe, dataset, streams)
        few = slice(0, 4)
        outputs = network(*(x[few].to(torch.get_default_dtype()) for x in part.inputs))
        variant.task.loss(outputs, *(y[few] for y in part.targets)).mean().backward()
        naive_outputs(variant.task, fold)
        variant.recipe.optimizer(network.parameters())
    except ParibusError:
        raise
    except Exception as error:
        raise ParibusError(
            f"variant {variant.name!r} on {dataset.name}",
            got=f"{type(error).__name__}: {error}",
            expected=f"a network that takes inputs of shape {dataset.input_shapes} and puts out "
            f"{' and '.join(map(str, dataset.output_sizes))} number(s) a sample",
            fix="Change recipe.model or the task's loss so that they fit the data.",
        ) from error
