"""The pytest door: options, one benchmark a cell, and the pages and tables at the end."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from paribus.errors import ParibusError
from paribus.execution.settings import OPTIONS

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from paribus.experiment.suite import Suite
    from paribus.frontends.pytest_session import PytestSession

# Every pytest run in an environment that has paribus loads this file, so torch is not imported until a cell is there.


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("paribus", "controlled comparisons of training choices")
    for name, option in OPTIONS.items():
        group.addoption(f"--paribus-{name}", **option.arguments())


def pytest_configure(config: pytest.Config) -> None:
    """Open the door; it stays shut until there is a cell to train."""
    config.stash[DOOR] = None


DOOR = pytest.StashKey["PytestSession | None"]()


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turn an error of ours into pytest's usage error: a message, exit status 4, no traceback."""
    try:
        yield
    except ParibusError as error:
        raise pytest.UsageError(str(error)) from None


def door_of(config: pytest.Config) -> PytestSession:
    """The session behind these options, made when it is first asked for."""
    door = config.stash[DOOR]
    if door is None:
        from paribus.frontends.pytest_session import PytestSession

        with told_plainly():
            door = config.stash[DOOR] = PytestSession(config)
    return door


def case_of(item: pytest.Item) -> Any:
    """The cell that a test is parametrised with, or None."""
    call = getattr(item, "callspec", None)
    case = call.params.get("case") if call else None
    return case if type(case).__name__ == "Case" else None


def suites_of(items: Iterable[pytest.Item]) -> list[Suite]:
    """Return the suites that tests' cases are of: of ``SUITES`` in the test's file, or registered under that name.

    Raises:
        ParibusError: a suite is neither.
    """
    from paribus.frontends.discovery import find_suite

    suites: dict[str, Suite] = {}
    for item in items:
        case = case_of(item)
        if case and case.suite not in suites:
            listed = getattr(getattr(item, "module", None), "SUITES", ())
            own = {suite.name: suite for suite in listed}
            suites[case.suite] = own.get(case.suite) or find_suite(case.suite)
    return list(suites.values())


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, None, None]:
    """Drop the cells of devices and arms that were not asked for; say so if ``-k`` leaves nothing."""
    with told_plainly():
        suites = suites_of(items)
    yield
    if not suites:
        return
    from paribus.execution.cases import selected

    door = door_of(config)
    with told_plainly():
        door.suites = suites
        left = [case for item in items if (case := case_of(item))]
        chosen = set(selected(suites, door.settings, left))
    wanted = [i for i in items if not (c := case_of(i)) or c in chosen]
    config.hook.pytest_deselected(items=[item for item in items if item not in wanted])
    items[:] = wanted
    if not items and config.getoption("keyword"):
        with told_plainly():
            raise nothing_selected(config, sorted(suite.name for suite in suites))


def nothing_selected(config: pytest.Config, suites: list[str]) -> ParibusError:
    """What to say when a selection matches no cell."""
    return ParibusError(
        "selection of suites",
        got=f"-k {config.getoption('keyword')!r}, which matches none",
        expected=f"words from their names: {', '.join(suites)}",
        fix="pytest benchmarks --collect-only -q lists every name.",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Read data and try networks before the first test, so that what cannot work is told at once."""
    cases = [case for item in session.items if (case := case_of(item))]
    option = session.config.option
    if cases and not (option.collectonly or option.benchmark_skip):
        with told_plainly():
            door_of(session.config).prepare(cases)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note a failed cell, take its row out of the benchmarks, and tell our own errors without a traceback."""
    report = yield
    if not report.failed or call.excinfo is None:
        return report
    error, case = call.excinfo.value, case_of(item)
    if isinstance(error, ParibusError) and (case or "compare" in getattr(item, "fixturenames", ())):
        report.longrepr = str(error)
    if case:
        door_of(item.config).fail(case, item.nodeid, f"{error}".partition("\n")[0])
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the pages from whatever is in the store by now, an interrupted run's included."""
    door = session.config.stash[DOOR]
    if door is not None and door.prepared:
        done = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        door.finish(whole=session.exitstatus in done)
        if door.broken and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Show the verdicts below the timings."""
    door = config.stash[DOOR]
    if door is not None and door.results:
        door.show(terminalreporter)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close the store, so that all of it is in one file."""
    door = config.stash.get(DOOR, None)
    if door is not None:
        door.close()


@pytest.fixture
def compare(request: pytest.FixtureRequest) -> Any:
    """A function that trains a `Comparison` and returns each variant's `Contrast` with the baseline, by name.

    ``compare(comparison, seeds=12)["adam"].decision`` is a verdict that a test can assert; ``arm="tuned"`` asks for
    that of the tuned arm.
    """

    def checked(comparison: Any, seeds: int | None = None, arm: str = "default") -> Any:
        return door_of(request.config).compare(comparison, seeds, arm)

    return checked


@pytest.fixture
def train_case(request: pytest.FixtureRequest, benchmark: BenchmarkFixture) -> Any:
    """A function that trains one cell as a benchmark; the seconds are its runs' own, added up."""
    return lambda case: door_of(request.config).train(case, benchmark)


@pytest.fixture
def time_case(request: pytest.FixtureRequest, benchmark: BenchmarkFixture) -> Any:
    """A function that times one training step of a cell as a benchmark, taking turns with its baseline."""
    return lambda case: door_of(request.config).time(case, benchmark)
