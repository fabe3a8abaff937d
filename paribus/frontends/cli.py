"""The command line: run suites, by name or from a file of your own, and list what there is."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paribus.errors import ParibusError
from paribus.execution.options import OPTIONS
from paribus.execution.pool import available_jobs, prestart, shutdown
from paribus.frontends.discovery import add_to_path, find_suite, named_suites

if TYPE_CHECKING:
    from paribus.execution.orchestrate import Finished
    from paribus.execution.settings import Settings
    from paribus.experiment.suite import Suite

app = typer.Typer(
    help="Controlled comparisons of training choices in PyTorch: one factor varies, all else is equal.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _option(name: str, more: str = "") -> Any:
    """What typer takes of an option that pytest has too."""
    option = OPTIONS[name]
    told = f"{option.help[0].upper()}{option.help[1:]}.{more}"
    return typer.Option(f"--{name}", help=told, metavar=option.value or None, show_default=False)


Suites = Annotated[list[str], typer.Argument(help="Names of suites, or files that define SUITE.")]
OneSuite = Annotated[str, typer.Argument(help="Name of a suite, or a file that defines SUITE.")]
ALONE = " The task may be left out where there is only one."
Data = Annotated[list[str] | None, _option("data", ALONE)]
Target = Annotated[list[str] | None, _option("target", ALONE)]
BudgetName = Annotated[str, _option("budget")]
Device = Annotated[str, _option("device")]
Engine = Annotated[str, _option("engine")]
Out = Annotated[Path, _option("out")]
Jobs = Annotated[int | None, _option("jobs")]
PAGES = Path(OPTIONS["out"].default)


def main() -> None:
    """Run the command line; a mistake of the user ends in one line and status 2."""
    try:
        app()
    except ParibusError as error:
        typer.echo(f"paribus: {error}", err=True)
        sys.exit(2)
    finally:
        shutdown()  # they have nothing left to do, and take seconds to say goodbye


@app.command("list")
def show_suites() -> None:
    """List the suites: their tasks, variants, and the time that the quick budget takes.

    Example: paribus list
    """
    for suite in named_suites().values():
        for comparison in suite.comparisons:
            names = ", ".join(variant.name for variant in comparison.variants())
            seconds = comparison.seconds("quick")
            typer.echo(f"{suite.name}: {comparison.question}")
            typer.echo(f"    task {comparison.task.name}; {names}; about {seconds:.0f} s")


@app.command()
def check(
    suite: OneSuite,
    data: Data = None,
    target: Target = None,
    variants: Annotated[
        bool, typer.Option("--all", help="Every variant, not the baselines alone.")
    ] = False,
    steps: Annotated[int, typer.Option(help="Steps at most.", min=1)] = 2000,
) -> None:
    """Overfit one point, then one batch, and say whether the network can; status 1 if it cannot.

    A loop that works learns a few samples by heart. One that does not has a fault in the network, the loss, the
    optimizer or the learning rate.

    Examples: paribus check optimizers · paribus check my_suite.py --all
    """
    from paribus.execution.overfit_check import check_all

    chosen = find_suite(suite)
    paths, columns = _own_data([chosen], data, target)
    failed = False
    for name, found in check_all(chosen, paths, columns, variants=variants, steps=steps):
        typer.echo(f"{name}, {found.told}")
        failed |= not (found.passed or found.reason)
    raise typer.Exit(int(failed))


@app.command()
def run(
    suites: Suites,
    data: Data = None,
    target: Target = None,
    seeds: Annotated[int | None, _option("seeds")] = None,
    budget: BudgetName = OPTIONS["budget"].default,
    device: Device = OPTIONS["device"].default,
    engine: Engine = OPTIONS["engine"].default,
    out: Out = PAGES,
    store: Annotated[Path | None, _option("store")] = None,
    retrain: Annotated[bool, _option("retrain")] = False,
    jobs: Jobs = None,
    sequential: Annotated[bool, _option("sequential")] = False,
    cap: Annotated[int | None, _option("cap")] = None,
    inference: Annotated[str | None, _option("inference")] = None,
    evidence: Annotated[bool, _option("evidence")] = False,
    arm: Annotated[str, _option("arm")] = OPTIONS["arm"].default,
    trials: Annotated[int | None, _option("trials")] = None,
) -> None:
    """Train suites and write their pages.

    Examples: paribus run optimizers · paribus run optimizers --data patients.csv --target outcome ·
    paribus run my_suite.py --seeds 12
    """
    store = store or out / "runs.sqlite"
    for name in suites:
        add_to_path(name)  # by workers too, which look where this process looks when they start
    if (jobs or available_jobs()) > 1 and device != "cuda" and not store.exists():
        prestart(jobs or available_jobs())
    chosen = [find_suite(name) for name in suites]
    settings = _settings(
        chosen,
        data,
        target,
        seeds=seeds,
        budget=budget,
        device=device,
        engine=engine,
        out=out,
        store=store,
        retrain=retrain,
        jobs=jobs,
        sequential=sequential,
        cap=cap,
        inference=inference,
        evidence=evidence,
        trials=trials,
        arm=arm,
    )
    raise typer.Exit(_run(chosen, settings))


@app.command()
def rebuild(
    folder: Annotated[Path, typer.Argument(help="Folder of results with their evidence.")],
    out: Out = PAGES,
) -> None:
    """Make pages again from the evidence that --evidence left beside them; nothing is trained.

    Example: paribus rebuild results/reference --out results/again
    """
    from paribus.execution.orchestrate import rebuild as again

    pages = again(folder, out, find_suite)
    typer.echo(f"pages: {pages[0]}")


@app.command()
def calibrate(
    suite: OneSuite,
    repeats: Annotated[int, typer.Option(help="How often it is held against itself.")] = 200,
    seeds: Annotated[int, typer.Option(help="Paired seeds of each.")] = 10,
    data: Data = None,
    target: Target = None,
    budget: BudgetName = OPTIONS["budget"].default,
    device: Device = OPTIONS["device"].default,
    engine: Engine = OPTIONS["engine"].default,
    out: Out = PAGES,
    jobs: Jobs = None,
) -> None:
    """Hold each baseline of a suite against itself, again and again: how often is it told apart?

    Example: paribus calibrate optimizers --data patients.csv --repeats 50
    """
    from paribus.calibration import Repeats
    from paribus.calibration.suite import calibrate_suite, lines
    from paribus.execution.progress import ProgressBar

    found = find_suite(suite)
    settings = _settings(
        [found], data, target, budget=budget, device=device, engine=engine, out=out, jobs=jobs
    )
    rates = [*calibrate_suite(found, settings, Repeats(repeats, seeds), ProgressBar())]
    typer.echo(lines(rates, out))
    raise typer.Exit(int(not all(rate.passed for rate in rates)))


def _settings(
    chosen: Sequence[Suite], data: list[str] | None, target: list[str] | None, **fields: Any
) -> Settings:
    """The settings that the options give, by the names of their fields.

    Raises:
        ParibusError: an option has a value that cannot be used.
    """
    from paribus.execution.settings import Settings, choice

    for name, option in OPTIONS.items():
        value = fields.get(name.replace("-", "_"))
        if option.choices and value is not None:
            choice(f"--{name}", value, option.choices)
    paths, columns = _own_data(chosen, data, target)
    return Settings(data=paths, targets=columns, **fields)


def _own_data(
    chosen: Sequence[Suite], data: list[str] | None, target: list[str] | None
) -> tuple[dict[str, str], dict[str, str]]:
    """Paths and columns by task."""
    tasks = sorted({comparison.task.name for suite in chosen for comparison in suite.comparisons})
    return by_task("--data", data or [], tasks), by_task("--target", target or [], tasks)


def _run(suites: list[Suite], settings: Settings) -> int:
    """Train suites and write the pages; returns 1 where control broke."""
    from paribus.execution.orchestrate import run_suites
    from paribus.execution.progress import ProgressBar

    finished = run_suites(suites, settings, ProgressBar(), declared=_declared(suites), show=_show)
    return int(finished.unbalanced)


def _show(finished: Finished) -> None:
    from paribus.report import terminal

    typer.echo(terminal(finished.results))
    typer.echo(f"pages: {finished.pages[0]}")


def _declared(chosen: list[Suite]) -> list[Suite]:
    """The suites whose claims are listed: all that are registered, unless one is chosen that is not."""
    known = list(named_suites().values())
    return known if all(suite in known for suite in chosen) else chosen


def by_task(option: str, values: Iterable[str], tasks: list[str]) -> dict[str, str]:
    """Values by task; a value without a task goes to the only one that there is.

    Raises:
        ParibusError: a value names no task and there are several.
    """
    from paribus.execution.settings import pairs

    named = []
    for value in values:
        if "=" not in value and len(tasks) > 1:
            raise ParibusError(
                option,
                got=repr(value),
                expected=f"TASK=VALUE, because these suites have the tasks {', '.join(tasks)}",
                fix=f"Write {option} {tasks[0]}={value}.",
            )
        named.append(value if "=" in value else f"{tasks[0]}={value}")
    return pairs(option, named)
