"""A session: what is to be trained, what is already known, and the pages at the end. Both doors use it."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property

import torch

from paribus.answers import Entry, entries
from paribus.beforehand import (
    first_trial,
    refuse_undrawn,
    refuse_unsequential,
    told_of_misfit,
    try_once,
)
from paribus.cells import DEVICES, Cell, cells, skip_reason
from paribus.comparison import Comparison, Suite, Variant
from paribus.engines import Choice, common, resolve
from paribus.errors import ParibusError
from paribus.executor import available_jobs, dataset_of, execute, one_thread, told_of
from paribus.nested import PENDING, Pilot, Search, Searched, pending
from paribus.progress import Progress
from paribus.results import Result, collect, kind_key, timing_key
from paribus.run import Record, Run, data_digest
from paribus.search import Space, widened
from paribus.settings import Settings, choice, pairs, speaks
from paribus.spec import digest
from paribus.spec import replace as replaced
from paribus.stats import fewest_to_stop
from paribus.steptime import time_steps
from paribus.store import Store, Timing
from paribus.task import Task
from paribus.training.cohorts import cohort_key, stacked
from paribus.tuning import ARMS, PILOT_SEEDS, ROUNDS, Arm, Tuning

MORE = 5
"""Seeds added at a time to what is open; each of them is looked at by itself."""

__all__ = ["Cell", "Session", "Settings", "cells", "choice", "pairs", "skip_reason", "speaks"]


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
        self.declared: list[Suite] = []
        self._prepared: dict[tuple[str, str], Comparison] = {}
        self._digests: dict[Task, str] = {}
        self._planned: list[Cell] = []
        self._choices: dict[tuple[str, str, str, Arm], Choice] = {}
        self._pilots: dict[str, Pilot] = {}
        self._searches: dict[str, Search] = {}
        self._complete: dict[str, Searched] = {}
        self._bases: dict[tuple[str, Sequence[int]], list[Run]] = {}
        self._tried: set[str] = set()
        self._plans: dict[str, int] = {}
        self._cohorts: dict[str, str] = {}
        self._apart: set[tuple[str, str, str, Arm]] = set()

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
                if self.settings.sequential:
                    refuse_unsequential(prepared)
                self._prepared[suite.name, comparison.name] = prepared
                for variant in prepared.variants():
                    self._try(variant)
                    if any(c.arm == "tuned" and c.comparison == comparison for c in cells):
                        self._try(first_trial(variant, prepared))
        self._planned += [cell for cell in cells if not skip_reason(cell.device)]
        self.progress.forecast.planned += sum(
            self._estimate(cell, self._left(cell)) for cell in cells if not skip_reason(cell.device)
        )

    def _try(self, variant: Variant) -> None:
        """Try a variant once, of those that differ in their optimizer alone the first; each makes its optimizer."""
        recipe = variant.recipe.model_copy(update={"optimizer": None})
        name = digest((variant.task, recipe))
        if name not in self._tried:
            try_once(variant)
            self._tried.add(name)
        else:
            with told_of_misfit(variant, dataset_of(variant.task, 0)):
                variant.recipe.optimizer([torch.zeros(1, requires_grad=True)])

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
        """The seeds that are compared; in a sequence those with which it begins, the fewest that can stop."""
        if self.settings.most is not None:
            return range(min(self.settings.most, fewest_to_stop(comparison.family)))
        chosen = self.settings.seeds
        return range(comparison.budgets[self.settings.budget].seeds if chosen is None else chosen)

    def seeds_of(self, cell: Cell) -> range:
        """The seeds of a cell: in a sequence a variant that is open has more than one that has stopped."""
        planned = self._plans.get(cell.address)
        return self.seeds(self.comparison(cell)) if planned is None else range(planned)

    def runs(self, cell: Cell) -> list[Run]:
        """The runs of a cell that count, one a seed; of a search that is not over, `PENDING` ones."""
        if cell.arm == "default":
            return self._base(cell)
        found = self.searched(cell)
        return pending(self._base(cell)) if found is None else found.winners

    def _base(self, cell: Cell) -> list[Run]:
        """The runs of a cell as they stand before tuning; they are asked for often, and know their keys by then."""
        name = (cell.address, self.seeds_of(cell))
        if name not in self._bases:
            engine = self._choice(cell).engine
            runs = self._by_loop(cell, cell.variant)
            self._bases[name] = [replace(run, engine=engine) for run in runs]
        return [*self._bases[name]]

    def _left(self, cell: Cell) -> int:
        """How many runs of a cell are still to be trained, trials among them, a pilot's not."""
        runs = self.runs(cell)
        found = len(self._missing(runs)) + sum(run.trial == PENDING for run in runs)
        if cell.arm == "default":
            return found
        search = self._search(cell) or self._search_in(cell, self._declared(cell)[cell.variant])
        return found + len(self._missing(search.all))

    # The tuned arm

    def searched(self, cell: Cell) -> Searched | None:
        """What the store knows of a tuned cell's search, or None before its pilot is over."""
        if cell.address in self._complete:
            return self._complete[cell.address]
        search = self._search(cell)
        if search is None:
            return None
        found = search.known(self.store.get(run.key for run in search.all))
        if found.complete:
            self._complete[cell.address] = found
        return found

    def _search(self, cell: Cell) -> Search | None:
        """The search of a tuned cell, in its frozen space, or None before its pilot is over."""
        if cell.address not in self._searches:
            pilot = self.pilot(cell)
            if pilot is None:
                return None
            self._searches[cell.address] = self._search_in(cell, pilot.spaces[cell.variant])
        return self._searches[cell.address]

    def _search_in(self, cell: Cell, space: Space, seeds: Sequence[int] | None = None) -> Search:
        """The search of a tuned cell in a space, on the seeds that count or on those of a pilot."""
        tuning, base = _tuning(cell), self._base(cell)
        runs = base if seeds is None else [replace(base[0], seed=seed) for seed in seeds]
        return Search(
            runs=tuple(runs),
            space=space,
            declared=self._declared(cell)[cell.variant],
            trials=tuning.trials_of(cell.variant, self.settings.budget, self.settings.trials),
            metric=self.comparison(cell).task.primary,
            shared=tuning.shared and seeds is None,
        )

    def _declared(self, cell: Cell) -> dict[str, Space]:
        """The declared space of each variant."""
        variants = cell.comparison.variants()
        return {v.name: _tuning(cell).space_of(v.name, v.levels) for v in variants}

    def pilot(self, cell: Cell) -> Pilot | None:
        """The spaces that a tuned cell's comparison ended with on its device, or None before the pilot is over."""
        if not _tuning(cell).widen:
            return Pilot(self._declared(cell))
        name = self._pilot_name(cell)
        if name not in self._pilots:
            known = None if self.settings.fresh else self.store.frozen(name)
            if known is None:
                return None
            self._pilots[name] = Pilot.read(known)
        return self._pilots[name]

    def _pilot_name(self, cell: Cell) -> str:
        """What a pilot depends on: the variants, the engine, and how they are tuned."""
        mates = [cell._replace(variant=v.name) for v in cell.comparison.variants()]
        tuning = _tuning(cell)
        return digest(
            {
                "variants": {c.variant: kind_key(self._base(c)[0]) for c in mates},
                "spaces": self._declared(cell),
                "trials": [self._search_in(c, Space()).trials for c in mates],
                "seeds": tuning.pilot,
            }
        )

    def _freeze(self, cell: Cell) -> None:
        """Run the pilot of a tuned cell's comparison, unless it is over, and keep the spaces that it ends with.

        Winners that crowd an end widen it for all variants alike, in at most `ROUNDS` rounds on seeds that never count.
        """
        if self.pilot(cell) is not None:
            return
        mates = [cell._replace(variant=v.name) for v in cell.comparison.variants()]
        spaces, rounds = self._declared(cell), 0
        seeds = range(PILOT_SEEDS, PILOT_SEEDS + _tuning(cell).pilot)
        for _ in range(ROUNDS):
            searches = [self._search_in(c, spaces[c.variant], seeds) for c in mates]
            self._train_pilot(cell, [run for search in searches for run in search.all])
            found = [s.known(self.store.get(r.key for r in s.all)) for s in searches]
            wider = widened(spaces, [edge for each in found for edge in each.edges])
            if wider == spaces:
                break
            spaces, rounds = wider, rounds + 1
        pilot, name = Pilot(spaces, rounds), self._pilot_name(cell)
        self.store.freeze(name, pilot.told)
        self._pilots[name] = pilot

    def _train_pilot(self, cell: Cell, runs: Sequence[Run]) -> None:
        missing = self._missing(runs)
        estimate = self._estimate(cell, len(missing))
        self.progress.forecast.planned += estimate
        self._execute(f"{cell.suite.name} pilot", cell, missing, estimate)

    # Both arms

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
            for seed in self.seeds_of(cell._replace(variant=variant))
        ]

    def _choice(self, cell: Cell) -> Choice:
        """The engine of an arm on a device: one for all variants, so that it does not vary with the factor."""
        name = self._place(cell)
        if name not in self._choices:
            self._choices[name] = self._chosen(cell)
        return self._choices[name]

    def _chosen(self, cell: Cell) -> Choice:
        """As asked for, as chosen before, or as measured now."""
        if self.settings.engine == "loop" or skip_reason(cell.device):
            return Choice("loop", "asked for")
        # The first of each cohort, the baseline before all: what is tried says most at its usual numbers.
        found = self._firsts(cell)
        firsts = {cohort_key(run): run for run in reversed(found)}
        # Variants that differ in numbers of the optimizer are trained together; some share their runs.
        many = Counter(cohort_key(run) for run in {run.key: run for run in found}.values())
        name = f"{digest(sorted(firsts))}/{self.settings.engine}"
        known = self.store.choice(name)
        if known is None:
            runs = self._replicates(cell)
            each = [
                resolve(self.settings.engine, run, -(-runs * many[cohort] // self.jobs))
                for cohort, run in firsts.items()
            ]
            known = common(each)
            self.store.choose(name, *known)
        return Choice(*known)

    def _firsts(self, cell: Cell) -> list[Run]:
        """The first run of each variant, the first trial in the tuned arm."""
        comparison = self.comparison(cell)
        firsts = [self._by_loop(cell, v.name)[0] for v in comparison.variants()]
        if cell.arm == "default":
            return firsts
        trials = (first_trial(v, comparison).recipe for v in comparison.variants())
        return [
            replace(run, recipe=recipe, trial=0, diagnostics=())
            for run, recipe in zip(firsts, trials, strict=True)
        ]

    def _replicates(self, cell: Cell) -> int:
        """Runs of a variant that can be trained at once."""
        seeds = len(self.seeds(self.comparison(cell)))
        if cell.arm == "default":
            return seeds
        tuning = _tuning(cell)
        trials = tuning.trials_of(cell.variant, self.settings.budget, self.settings.trials)
        return trials * (1 if tuning.shared else seeds)

    def _digest(self, task: Task) -> str:
        if task not in self._digests:
            self._digests[task] = data_digest(task, dataset_of(task, 0))
        return self._digests[task]

    def _missing(self, runs: Sequence[Run]) -> list[Run]:
        runs = [run for run in runs if run.trial != PENDING]
        if self.settings.fresh:
            return [run for run in runs if run.key not in self.trained]
        known = self.store.get(run.key for run in runs)
        return [run for run in runs if run.key not in known]

    def _estimate(self, cell: Cell, runs: int) -> float:
        """Seconds that so many runs of a cell are expected to take."""
        comparison, budget = self.comparison(cell), self.settings.budget
        planned, variants = comparison.budgets[budget], len(comparison.variants())
        if cell.arm == "default":
            return planned.seconds * runs / planned.seeds / variants
        tuning = _tuning(cell)
        seconds = tuning.seconds.get(budget, planned.seconds)
        each = 1 + tuning.trials_of(cell.variant, budget)
        return seconds * runs / (planned.seeds * each * variants)

    def train(self, cell: Cell) -> list[Run]:
        """Train the cell's runs that are not in the store yet; returns those that were trained now, trials before.

        Runs of other planned cells that can be trained together with them are: a cohort costs little more than a run.
        """
        trials: list[Run] = []
        if cell.arm == "tuned":
            self._freeze(cell)
            search = self._search(cell)
            trials = self._train(cell, search.all if search else [], self._trials)
        return trials + self._train(cell, self.runs(cell), self.runs)

    def _train(
        self, cell: Cell, runs: Sequence[Run], of: Callable[[Cell], Sequence[Run]]
    ) -> list[Run]:
        own = self._missing(runs)
        if not own:
            return []
        label = cell.name if own[0].trial is None else f"{cell.name}, trials"
        estimate = self._estimate(cell, len(own))
        mates = self._mates(cell, own, of)
        others = [run for found in mates.values() for run in found]
        try:
            self._execute(
                f"{label} and {len(mates)} more" if mates else label,
                cell,
                own + others,
                estimate + sum(self._estimate(c, len(found)) for c, found in mates.items()),
            )
        except ParibusError:
            if not mates:
                raise
            # Whose run it was is told when that cell's turn comes; nothing is trained beside these again.
            self._apart.add(self._place(cell))
            self._execute(label, cell, self._missing(runs), 0.0)
        return own + others

    def _execute(self, label: str, cell: Cell, runs: Sequence[Run], estimate: float) -> None:
        """Train runs, each kept as soon as it is there."""
        if not runs:
            return
        chosen = self._choice(cell)
        with self.progress.batch(label, len(runs), estimate) as advance:

            def keep(run: Run, record: Record) -> None:
                origin = {**record.provenance, **self.source, "engine chosen": chosen.reason}
                self.store.add(run, replace(record, provenance=origin))
                self.trained.add(run.key)
                advance()

            execute(runs, jobs=self.jobs, keep=keep, portion=chosen.portion)

    def _mates(
        self, cell: Cell, runs: Sequence[Run], of: Callable[[Cell], Sequence[Run]]
    ) -> dict[Cell, list[Run]]:
        """Missing runs of other planned cells that are trained with a cell's.

        Those of its cohort cost little more in one stack. Those of its comparison give every process work until the
        last variant is done.
        """
        place = self._place(cell)
        if place in self._apart:
            return {}
        cohort = self._cohort(runs[0]) if stacked(runs[0]) else ""
        known, found = {run.key for run in runs}, dict[Cell, list[Run]]()
        for other in self._planned:
            beside = self.jobs > 1 and self._place(other) == place
            if not (beside or cohort):
                continue
            mates = {run.key: run for run in of(other) if beside or self._in(cohort, run, runs[0])}
            more = self._missing([run for key, run in mates.items() if key not in known])
            if more:
                found[other] = more
                known |= {run.key for run in more}
        return found

    def _in(self, cohort: str, run: Run, first: Run) -> bool:
        """Whether a run is of a cohort that is trained at once."""
        return run.engine == first.engine and self._cohort(run) == cohort

    @staticmethod
    def _place(cell: Cell) -> tuple[str, str, str, Arm]:
        """The names that all cells of an arm of a comparison on a device share."""
        return cell.suite.name, cell.comparison.name, cell.device, cell.arm

    def _cohort(self, run: Run) -> str:
        """A run's `cohort_key`, which is asked for often, of thousands of trials."""
        if run.key not in self._cohorts:
            self._cohorts[run.key] = cohort_key(run)
        return self._cohorts[run.key]

    def _trials(self, cell: Cell) -> list[Run]:
        """The trials of a cell whose space is frozen."""
        search = self._search(cell) if cell.arm == "tuned" else None
        return search.all if search else []

    # A sequence of seeds

    def follow(self, cells: Sequence[Cell]) -> None:
        """Where seeds are a sequence, add some to what is still open, look again, and so on up to the cap."""
        if self.settings.most is None:
            return
        here = [cell for cell in cells if not skip_reason(cell.device)]
        places = {self._place(c): c for c in here}
        for cell in places.values():
            while more := self._open(cell):
                self._add_seeds(more)

    def _open(self, cell: Cell) -> list[Cell]:
        """The cells that need more seeds, the baseline first; none where nothing is open or the cap is reached."""
        result = self.result(cell.suite, cell.comparison, cell.device, cell.arm)
        most = self.settings.most or 0
        crossings = cell.comparison.interactions()
        names = [name for name, found in result.contrasts.items() if found.open]
        names += [v for name, c in result.interactions.items() if c.open for v in crossings[name]]
        if not names or len(result.baseline.runs) >= most:
            return []
        first = result.baseline.variant.name
        return [cell._replace(variant=name) for name in dict.fromkeys([first, *names])]

    def _add_seeds(self, more: Sequence[Cell]) -> None:
        """Train some more seeds of these cells."""
        planned = min(len(self.seeds_of(more[0])) + MORE, self.settings.most or 0)
        for each in more:
            self._plans[each.address] = planned
            self._searches.pop(each.address, None)
            self._complete.pop(each.address, None)
        self.progress.forecast.planned += sum(self._estimate(c, self._left(c)) for c in more)
        for each in more:
            self.train(each)

    def baseline(self, cell: Cell) -> Cell:
        """The cell that a cell is held against."""
        return cell._replace(variant=cell.comparison.variants()[0].name)

    def records(self, cell: Cell) -> list[Record]:
        """The records of a cell's runs that the store holds."""
        return list(self.store.get(run.key for run in self.runs(cell)).values())

    def tried(self, cell: Cell) -> list[Record]:
        """The records of a cell's trials that the store holds."""
        found = self.searched(cell) if cell.arm == "tuned" else None
        return found.found if found else []

    def time(self, cell: Cell) -> tuple[Timing, bool]:
        """Step times of a cell against its baseline, and whether they come from the store.

        Those of a tuned cell are its default's: other numbers in the same kernels.
        """
        cell = cell._replace(arm="default")
        variant, baseline = (self.runs(c)[0] for c in (cell, self.baseline(cell)))
        names = (timing_key(variant), timing_key(baseline), cell.device)
        known = self.store.timing(*names)
        if known is not None and (not self.settings.fresh or names in self.timed):
            return known, True
        with told_of(variant):
            timing = time_steps(variant, baseline)
        self.store.add_timing(*names, timing)
        self.timed.add(names)
        return timing, False

    def results(self, cells: Iterable[Cell]) -> list[Result]:
        """What the store knows of every comparison of the cells, on each of their devices, arm by arm."""
        found = []
        for device in DEVICES:
            chosen = [cell for cell in cells if cell.device == device]
            for suite, comparison in _distinct(chosen):
                here = {c.arm for c in chosen if (c.suite, c.comparison) == (suite, comparison)}
                found += [
                    self.result(suite, comparison, device, arm) for arm in ARMS if arm in here
                ]
        return found

    def result(
        self, suite: Suite, comparison: Comparison, device: str, arm: Arm = "default"
    ) -> Result:
        """What the store knows of one arm of a comparison on one device."""
        whole = [Cell(suite, comparison, v.name, device, arm) for v in comparison.variants()]
        tuned = arm == "tuned"
        return collect(
            suite,
            self.comparison(whole[0]),
            budget=self.settings.budget,
            device=device,
            runs={cell.variant: self.runs(cell) for cell in whole},
            store=self.store,
            failures={c.variant: self.failures[c] for c in whole if c in self.failures},
            skipped=skip_reason(device),
            searched={c.variant: s for c in whole if (s := self.searched(c))} if tuned else {},
            pilot=self.pilot(whole[0]) if tuned else None,
            arm=arm,
            cap=self.settings.most,
        )

    def claims(self, declared: Sequence[Suite], results: Sequence[Result]) -> tuple[Entry, ...]:
        """Every claim of the declared suites, answered by these results, or by those of earlier sessions."""
        self.declared = list(declared)
        return entries(declared, results, self.store)

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


def _tuning(cell: Cell) -> Tuning:
    """How a tuned cell is tuned."""
    assert cell.comparison.tuning is not None, "only what is tuned has a tuned arm"
    return cell.comparison.tuning
