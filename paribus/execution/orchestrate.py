"""Whole course of a comparison: train what is missing, collect the results, answer the claims, write the pages."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread

from paribus.analysis.claim_registry import ClaimRecord, entries
from paribus.analysis.interim_looks import note_looks
from paribus.analysis.results import Result
from paribus.errors import ParibusError, StoreError, error_context
from paribus.execution import evidence_bundle
from paribus.execution.cases import Case, selected
from paribus.execution.progress import ProgressBar, say
from paribus.execution.session import Session
from paribus.execution.settings import Settings
from paribus.execution.study import Study
from paribus.execution.where import leave
from paribus.experiment.comparison import Comparison
from paribus.experiment.suite import Suite
from paribus.experiment.tuning import Arm

MANY_RESULTS = 4
"""Results from which on workers save their figures: a worker that saves any imports matplotlib first."""


@dataclass(frozen=True)
class Finished:
    """Outcome of a session.

    Attributes:
        results: of every comparison, device and arm.
        claims: every declared claim with its answer.
        pages: files that were written, the index first.
    """

    results: list[Result]
    claims: tuple[ClaimRecord, ...]
    pages: list[Path]

    @property
    def control_broken(self) -> bool:
        """True where something that should be equal was not, in any comparison."""
        return any(result.control.broken for result in self.results)


def unshown(_shown: object) -> None:
    """Show nothing."""


def run_suites(
    suites: Sequence[Suite],
    settings: Settings,
    progress: ProgressBar | None = None,
    *,
    declared: Sequence[Suite] | None = None,
    show: Callable[[Sequence[Result]], None] = unshown,
    show_first: Callable[[Sequence[Result]], None] = unshown,
    wrote: Callable[[Sequence[Path]], None] = unshown,
) -> Finished:
    """Train suites and write their pages; where training ends early, pages of what there is by then.

    Args:
        suites: that are trained.
        settings: what the user chose.
        progress: shows how far long work has come.
        declared: suites whose claims are listed; None is those that are trained.
        show: called with the results as soon as they are there, before an error that ended the training goes on.
        show_first: called with the results of a single comparison's stated settings, before its others are tuned.
        wrote: called with the pages, the index first, which take longer than the results.

    Raises:
        ParibusError: something cannot be trained.
    """
    session = Session(settings, suites, progress)
    cases = selected(suites, settings)
    with session.study.store:
        session.prepare(cases, steps=True)
        load_pages()
        problem = None
        try:
            try:
                _train_stated_first(session, cases, show_first)
                train_all(session, cases)
            except StoreError:
                raise
            except ParibusError as error:  # of some cases; the others have results
                problem = error
            untimed = _timed(session)
            problem = problem or untimed
        finally:
            listed = suites if declared is None else declared
            finished = finish(session.study, cases, listed, show)
            wrote(finished.pages)
        if problem is not None:
            raise problem
    return finished


def _timed(session: Session) -> ParibusError | None:
    """Time steps, on this machine alone; returns why they cannot be kept, which must cost no page."""
    leave()  # a cluster has nothing left to do
    _loaded()  # what is still imported would take turns with the steps
    try:
        session.time_planned()
    except ParibusError as error:
        return error
    except OSError as error:  # of processes that cannot be started
        say(f"Steps were not timed: {error}.")
    return None


def _train_stated_first(
    session: Session, cases: Sequence[Case], show: Callable[[Sequence[Result]], None]
) -> None:
    """Where a single comparison has settings that are still to be tuned, train its stated ones and show what they say.

    Where seeds are a sequence nothing is shown yet, since each look at the results counts. What fails is told when all
    is trained.
    """
    here = [case for case in cases if not session.study.skip_reason(case)]
    stated, tuned = ([c for c in here if c.arm == arm] for arm in ("default", "tuned"))
    if len({(c.suite, c.comparison) for c in cases}) > 1 or session.settings.max_seeds is not None:
        return
    if not stated or not session.left(tuned):
        return
    session.train_each(stated)
    with suppress(OSError):  # a terminal that is gone must not cost the pages
        show(look_at_results(session.study, stated))


def load_pages() -> None:
    """Import what pages are made with while workers train: it takes a second, which a request to stop has not."""
    names = (
        "paribus.report",
        "pandas",
        "scipy.stats",
        "tabulate",
        "matplotlib.backends.backend_agg",
    )
    thread = Thread(target=lambda: [importlib.import_module(name) for name in names], daemon=True)
    thread.start()
    _loading.append(thread)


_loading: list[Thread] = []


def _loaded() -> None:
    """Wait for what is being imported: two threads that import parts of one package may see half of a module."""
    while _loading:
        _loading.pop().join()


def train_all(session: Session, cases: Sequence[Case]) -> None:
    """Train every case that can run here, then more seeds of what is open where seeds are a sequence.

    A case that fails costs no other, and its page tells why it did.

    Raises:
        ParibusError: that of the first case that failed, after all others were trained.
    """
    errors = session.train_each(cases)
    session.follow(cases)
    for error in errors:
        raise error


def look_at_results(study: Study, cases: Sequence[Case]) -> list[Result]:
    """Return the results of cases, and note in the store that they were looked at."""
    results = study.results(cases)
    note_looks(results, study.store)
    return results


def finish(
    study: Study,
    cases: Sequence[Case],
    declared: Sequence[Suite],
    show: Callable[[Sequence[Result]], None] = unshown,
) -> Finished:
    """Collect what the store holds of cases, note that it was looked at, show it, and write pages and evidence."""
    _loaded()
    from paribus.execution.figure_saving import SavingByWorkers
    from paribus.report import write
    from paribus.report.page_file import writing_pages

    results, problem = study.results(cases), None
    try:
        note_looks(results, study.store)
    except ParibusError as error:  # of a full store: pages of what it holds can be written
        problem = error
    with suppress(OSError):  # a terminal that is gone must not cost the pages
        show(results)
    claims = entries(declared, results)
    out = study.settings.out
    beside = study.jobs - 1 if study.place.cluster is None else 0
    saving = SavingByWorkers(beside) if beside and len(results) >= MANY_RESULTS else None
    with writing_pages(out, study.settings.store):
        pages = write(results, out, claims, saving)
        if study.settings.evidence:
            file = out / evidence_bundle.FILE
            evidence_bundle.write_bundle(study, cases, results, declared, file)
    if problem is not None:
        raise problem
    return Finished(results, claims, pages)


def rebuild(path: Path, out: Path, find: Callable[[str], Suite]) -> list[Path]:
    """Make pages again from a bundle, and those of variance by source and multiverses beside it; nothing is trained.

    Args:
        path: of the bundle, or of the folder that holds it.
        out: folder for the pages.
        find: returns a suite by its name.

    Returns:
        What was written, the index first.

    Raises:
        ParibusError: the file is not there or not ours, or the suites have changed so that it holds other runs.
    """
    with evidence_bundle.opened(path, out, find) as (study, cases, declared):
        problem = None
        try:  # before the others, which link to them
            explored = _explored_again(path if path.is_dir() else path.parent, out)
        except (
            ParibusError
        ) as error:  # of one file of numbers: the pages of the runs can be written
            problem, explored = error, []
        pages = finish(study, cases, declared).pages
    if problem is not None:
        raise problem
    return [*pages, *explored]


def _explored_again(folder: Path, out: Path) -> list[Path]:
    """Make the pages of variance by source and multiverses again from their numbers in a folder."""
    from paribus.report import multiverse, variance

    pages: list[Path] = []
    for page in (variance, multiverse):
        for file in sorted(folder.glob(f"*{page.ENDING}")):
            with error_context(
                f"numbers of a page, {file}",
                expected="what paribus variance or paribus multiverse wrote",
                fix="Make it again by that command, or move it away.",
            ):
                pages.append(page.write_again(file, out))
    return pages


# One comparison by itself


@contextmanager
def trained(
    comparison: Comparison,
    settings: Settings,
    progress: ProgressBar | None = None,
    *,
    arm: Arm = "default",
    first_seed: int = 0,
) -> Iterator[tuple[Session, list[Case]]]:
    """Train one arm of a comparison on one device; its session and cases, whose store is open in the context.

    Raises:
        ParibusError: it cannot be trained.
    """
    suite = Suite(name=comparison.name, title=comparison.name, comparisons=(comparison,))
    device = "cpu" if settings.device == "auto" else settings.device
    chosen = replace(settings, device=device, arm=arm)
    session = Session(chosen, [suite], progress, first_seed=first_seed)
    with session.study.store:
        cases = selected([suite], chosen)
        session.prepare(cases)
        train_all(session, cases)
        yield session, cases


def run_comparison(
    comparison: Comparison,
    settings: Settings,
    progress: ProgressBar | None = None,
    *,
    arm: Arm = "default",
) -> Result:
    """Train one arm of a comparison, or find it in the store; returns its result.

    Raises:
        ParibusError: it cannot be trained, or something that should be equal was not.
    """
    with trained(comparison, settings, progress, arm=arm) as (session, cases):
        (result,) = look_at_results(session.study, cases)
    refuse_broken(result)
    return result


def refuse_broken(result: Result) -> None:
    """Refuse a result whose control broke.

    Raises:
        ParibusError: names the first pair that differs.
    """
    if result.control.broken:
        raise ParibusError(
            f"control of comparison {result.comparison.name!r}",
            got=result.control.broken[0],
            expected="the same for every variant of a seed",
            fix="Draw from the streams of the run alone, or name the difference as the factor.",
        )
