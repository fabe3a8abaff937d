"""Pytest plugin: options, one benchmark a case, and the pages and tables at the end."""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

import pytest

from paribus.errors import ParibusError
from paribus.execution.settings import OPTIONS
from paribus.execution.stopping import Stopped, stopping

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from paribus.analysis.results import Result
    from paribus.experiment.suite import Suite
    from paribus.frontends.pytest_session import PytestSession

# Every pytest run in an environment that has paribus loads this file, so torch is not imported until there is a case.


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("paribus", "controlled comparisons of training choices")
    for name, option in OPTIONS.items():
        group.addoption(f"--paribus-{name}", **option.arguments())


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the session, which is created on first use; refuse benchmarks side by side."""
    config.stash[PYTEST_SESSION] = None
    option = config.option
    if getattr(option, "benchmark_only", False) and getattr(option, "numprocesses", None):
        with usage_errors():
            raise ParibusError(
                "-n",
                got=f"{option.numprocesses} beside --benchmark-only",
                expected="one process of pytest: benchmarks take turns, and each trains on all cores",
                fix="Leave -n out, or write -n 0.",
            )


SIGNALS = pytest.StashKey[ExitStack]()
STOPPED = pytest.StashKey[list[Stopped]]()
PYTEST_SESSION = pytest.StashKey["PytestSession | None"]()
COMPARED = pytest.StashKey["list[Result]"]()
SIDE_BY_SIDE = "benchmarks take turns, and each trains on all cores: leave -n out for them"


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn a ParibusError into pytest's usage error: a message, exit status 4, no traceback."""
    try:
        yield
    except ParibusError as error:
        raise pytest.UsageError(str(error)) from None


def session_of(config: pytest.Config) -> PytestSession:
    """Return the session behind these options, made when it is first asked for."""
    pytest_session = config.stash[PYTEST_SESSION]
    if pytest_session is None:
        from paribus.frontends.pytest_session import PytestSession

        with usage_errors():
            pytest_session = config.stash[PYTEST_SESSION] = PytestSession(config)
    return pytest_session


def case_of(item: pytest.Item) -> Any:
    """Return the case that a test is parametrised with, or None."""
    call = getattr(item, "callspec", None)
    case = call.params.get("case") if call else None
    # By name, since a run without cases does not import what they are made of.
    made_by = (type(case).__module__, type(case).__name__)
    return case if made_by == ("paribus.execution.cases", "Case") else None


def suites_of(items: Iterable[pytest.Item]) -> list[Suite]:
    """Return the suites that tests' cases are of: of ``SUITES`` in the test's file, or registered under that name.

    Raises:
        ParibusError: a suite is neither.
    """
    suites: dict[str, Suite] = {}
    for item in items:
        case = case_of(item)
        if case and case.suite not in suites:
            suites[case.suite] = _suite_of(item, case.suite)
    return list(suites.values())


def _suite_of(item: pytest.Item, name: str) -> Suite:
    from paribus.frontends.discovery import find_suite

    listed = getattr(getattr(item, "module", None), "SUITES", ())
    own: dict[str, Suite] = {suite.name: suite for suite in listed}
    if name in own:
        return own[name]
    try:
        return find_suite(name)
    except ParibusError as error:
        raise ParibusError(
            f"suite of the cases of {item.nodeid.partition('::')[0]}",
            got=repr(name),
            expected="a suite in SUITES of that file, or a registered one",
            fix="Write SUITES = [...] there, and parametrise over cases(SUITES).",
        ) from error


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, None, None]:
    """Drop the cases of devices and arms that were not asked for; say so if ``-k`` leaves nothing."""
    with usage_errors():
        suites = suites_of(items)
    yield
    if not suites:
        return
    from paribus.execution.cases import selected

    pytest_session = session_of(config)
    with usage_errors():
        pytest_session.suites = suites
        left = [case for item in items if (case := case_of(item))]
        chosen = set(selected(suites, pytest_session.settings, left))
    wanted = [i for i in items if not (c := case_of(i)) or c in chosen]
    if hasattr(config, "workerinput"):
        for item in filter(case_of, wanted):
            item.add_marker(pytest.mark.skip(SIDE_BY_SIDE))
    config.hook.pytest_deselected(items=[item for item in items if item not in wanted])
    items[:] = wanted
    if not items and config.getoption("keyword"):
        with usage_errors():
            raise nothing_selected(config, sorted(suite.name for suite in suites))


def nothing_selected(config: pytest.Config, suites: list[str]) -> ParibusError:
    """Return the error for a selection that matches no case."""
    return ParibusError(
        "selection of suites",
        got=f"-k {config.getoption('keyword')!r}, which matches none",
        expected=f"words from their names: {', '.join(suites)}",
        fix="pytest benchmarks --collect-only -q lists every name.",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Read data and try networks before the first test, so that what cannot work is refused at once.

    From then on SIGTERM and a hang-up stop the session as Ctrl-C does.
    """
    option = session.config.option
    side_by_side = hasattr(session.config, "workerinput")
    cases = [] if side_by_side else [c for item in session.items if (c := case_of(item))]
    if cases and not (option.collectonly or option.benchmark_skip):
        with usage_errors():
            steps = any("time_case" in getattr(i, "fixturenames", ()) for i in session.items)
            session_of(session.config).prepare(cases, steps=steps)
        stack = session.config.stash[SIGNALS] = ExitStack()
        session.config.stash[STOPPED] = stack.enter_context(stopping())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note a failed case, and take its row out of the benchmarks; show a ParibusError without a traceback.

    Below any other failure of a test stands what it was told of by the fixture ``compare``.
    """
    report = yield
    if not report.failed or call.excinfo is None:
        return report
    error, case = call.excinfo.value, case_of(item)
    if isinstance(error, ParibusError) and (case or "compare" in getattr(item, "fixturenames", ())):
        report.longrepr = str(error)
    elif found := item.stash.get(COMPARED, None):
        _add_verdicts(report, found)
    if case:
        # A step that cannot be timed says nothing against the scores of runs that were trained to their end.
        timed = {"time_case", "train_case"} & {*item.fixturenames} == {"time_case"}  # type: ignore[attr-defined]
        reason = None if timed else f"{error}".partition("\n")[0]
        session_of(item.config).fail(case, item.nodeid, reason)
    return report


def _add_verdicts(report: pytest.TestReport, results: Sequence[Result]) -> None:
    from paribus.report.failed_assertion import verdicts

    title, text = "paribus: what compare() found", verdicts(results)
    add = getattr(
        report.longrepr, "addsection", None
    )  # with --tb=native and the like it may be a text
    if add is not None:
        add(title, text)
    else:
        report.sections.append((title, text))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the pages from whatever is in the store by now, an interrupted run's included."""
    pytest_session = session.config.stash[PYTEST_SESSION]
    with session.config.stash.get(SIGNALS, nullcontext()), suppress(Stopped):
        if pytest_session is not None and pytest_session.prepared:
            done = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
            pytest_session.finish(whole=session.exitstatus in done)
            if pytest_session.broken and session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
    for stopped in session.config.stash.get(STOPPED, []):
        # pytest has a status of its own for Ctrl-C, and none for the others.
        if stopped.signal != signal.SIGINT:
            session.exitstatus = stopped.status
        elif session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            session.exitstatus = pytest.ExitCode.INTERRUPTED


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Show the verdicts below the timings."""
    pytest_session = config.stash[PYTEST_SESSION]
    if pytest_session is not None and pytest_session.results:
        pytest_session.show(terminalreporter)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close the store, so that all of it is in one file."""
    pytest_session = config.stash.get(PYTEST_SESSION, None)
    if pytest_session is not None:
        pytest_session.close()


@pytest.fixture
def compare(request: pytest.FixtureRequest) -> Any:
    """Return a function that trains a `Comparison` and returns each variant's `Contrast` with the baseline, by name.

    ``compare(comparison, seeds=12)["adam"].decision`` is a verdict that a test can assert; ``arm="tuned"`` asks for
    that of the tuned arm. Where the test fails, the table, intervals and next steps stand below the failure.
    """

    def checked(comparison: Any, seeds: int | None = None, arm: str = "default") -> Any:
        result = session_of(request.config).compare(comparison, seeds, arm)
        request.node.stash.setdefault(COMPARED, []).append(result)
        return result.contrasts

    return checked


@pytest.fixture
def train_case(request: pytest.FixtureRequest, benchmark: BenchmarkFixture) -> Any:
    """Return a function that trains one case as a benchmark; the seconds are its runs' own, added up."""
    return lambda case: session_of(request.config).train(case, benchmark)


@pytest.fixture
def time_case(request: pytest.FixtureRequest, benchmark: BenchmarkFixture) -> Any:
    """Return a function that times one training step of a case as a benchmark, taking turns with its baseline."""
    return lambda case: session_of(request.config).time(case, benchmark)
