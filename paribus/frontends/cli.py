"""Command line: run suites, by name or from a file of your own, and list what there is."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paribus.data.paths import usable_path
from paribus.errors import ParibusError, visible
from paribus.execution.pool import available_jobs
from paribus.execution.progress import say
from paribus.execution.settings import OPTIONS, Settings, refuse_unwritable
from paribus.execution.stopping import Stopped, end_at_once, stopping
from paribus.execution.where import is_cluster, leave, one_count
from paribus.experiment.grid import parsed
from paribus.frontends import explore
from paribus.frontends.discovery import (
    add_to_path,
    described_suites,
    find_suite,
    named_suites,
    refuse_unknown,
)
from paribus.frontends.early_checks import look_up_paths, refuse_early, refuse_table
from paribus.frontends.encoding import forget_output, refuse_undecoded, replace_unknown_signs
from paribus.frontends.explore import add_explored, explored_suite
from paribus.frontends.last_line import last_line
from paribus.frontends.planning import add_plan_options, plan
from paribus.frontends.process_end import end_without_teardown
from paribus.frontends.score_table import add_table_options, sheet_of
from paribus.frontends.set_comparison import add_compare_options, compare
from paribus.frontends.upkeep import (
    add_cache_options,
    add_merge_options,
    add_store_options,
    cache,
    merge,
    salvage,
    store_,
)

if TYPE_CHECKING:
    from paribus.analysis.results import Result
    from paribus.experiment.suite import Suite
    from paribus.experiment.task import Task

# torch is imported by what trains alone, so that help, lists and refusals come at once.


def main(words: Sequence[str] | None = None) -> None:
    """Run the command line and exit; a mistake of the user ends in one line and status 2, a fault of ours in 3.

    A request to stop ends in one line, too, and in the status of a process that the signal ended: 130 after Ctrl-C.

    Args:
        words: those after ``paribus``; None takes the process's.
    """
    replace_unknown_signs()
    arguments = _parser().parse_args(words)
    status: int
    try:
        with stopping():
            refuse_undecoded(sys.argv[1:] if words is None else words)
            look_up_paths(arguments)
            try:
                status = arguments.command(arguments)
            finally:
                leave()
            sys.stdout.flush()
    except BrokenPipeError:
        forget_output()
        status = 0
    except Stopped as stopped:
        _tell(how_to_go_on(stopped, arguments))
        with suppress(OSError):
            sys.stdout.flush()
        # At once: taking torch down takes long, and libraries that are still being imported complain.
        end_at_once(stopped.status)
    except ParibusError as error:
        # Errors name the options of pytest.
        _tell(f"{error}".replace("--paribus-", "--"))
        status = 2
    except Exception as error:  # noqa: BLE001 - no traceback reaches a user
        line, status = last_line(error)
        _tell(line)
    if words is None:
        end_without_teardown(status)
    sys.exit(status)


def _tell(line: str) -> None:
    """Write a line to the terminal, unless that is gone."""
    with suppress(OSError):
        sys.stderr.write(f"paribus: {line}\n")
        sys.stderr.flush()


def how_to_go_on(stopped: Stopped, arguments: Namespace) -> str:
    """Return the line that ends a command that was stopped."""
    told = f"stopped by {stopped.signal.name}"
    if not hasattr(arguments, "store"):
        return f"{told}."
    told += ", before all pages were written" if stopped.late else ""
    again = " without --retrain" if arguments.retrain else ""
    return f"{told}. What was finished is kept in {_store(arguments)}; the same command{again} goes on from there."


def _store(arguments: Namespace) -> Path:
    store: Path = arguments.store or arguments.out / "runs.sqlite"
    return store


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="paribus",
        description="Controlled comparisons of training choices in PyTorch: one factor varies, all else is equal.",
        epilog="Example: paribus run optimizers",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(function: Callable[[Namespace], int], *options: str) -> ArgumentParser:
        """Add a command: its name, help and examples are those of its function."""
        purpose, _, examples = (function.__doc__ or "").partition("\n\n")
        made = commands.add_parser(
            function.__name__.rstrip("_"),
            help=purpose.partition(";")[0].rstrip("."),
            description=purpose,
            epilog=examples.replace("\n    ", "\n").strip(),
            formatter_class=RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        made.set_defaults(command=function)
        for name in options:
            made.add_argument(f"--{name}", **OPTIONS[name].arguments())
        return made

    suite: dict[str, Any] = {
        "metavar": "SUITE",
        "help": "name of a suite, or a file that defines SUITE",
    }
    command(list_)
    command(run, *OPTIONS).add_argument("suites", nargs="+", **suite)
    check_ = command(check, "data", *ABOUT_DATA)
    check_.add_argument("suite", **suite)
    check_.add_argument("--all", action="store_true", help="every variant, not the baselines alone")
    check_.add_argument(
        "--steps", type=int, default=2000, metavar="N", help="steps at most (default: 2000)"
    )
    read_ = command(read, *ABOUT_DATA)
    read_.add_argument("path", type=Path, metavar="PATH", help="a table, or a folder of images")
    read_.add_argument(
        "--as",
        dest="kind",
        choices=("tabular", "images", "series"),
        help="what it is read as (default: images for a folder, else tabular)",
    )
    judge_ = command(judge)
    judge_.add_argument("scores", type=Path, metavar="SCORES", help="a table of scores")
    add_table_options(judge_, required=True)
    judge_.add_argument(
        "--out",
        type=Path,
        default=Path("results/judged"),
        metavar="DIR",
        help="folder for the page (default: results/judged)",
    )
    add_plan_options(command(plan))
    add_compare_options(command(compare))
    command(rebuild, "out").add_argument(
        "folder", type=Path, metavar="FOLDER", help="folder of results with their evidence"
    )
    salvage_ = command(salvage)
    for name, what in (("damaged", "a store"), ("into", "a new store, not there yet")):
        salvage_.add_argument(name, type=Path, metavar=name.upper(), help=what)
    add_merge_options(command(merge))
    add_store_options(command(store_))
    add_cache_options(command(cache))
    shared = (
        "data",
        "target",
        "group",
        "problem",
        "test",
        "folds",
        "budget",
        "device",
        "engine",
        "deterministic",
        "out",
        "jobs",
        *PLACE,
    )
    calibrate_ = command(calibrate, *shared)
    calibrate_.add_argument("suite", **suite)
    for name, default, what in (
        ("repeats", 200, "how often a baseline is compared with itself"),
        ("seeds", 10, "paired seeds of each"),
    ):
        calibrate_.add_argument(
            f"--{name}", type=int, default=default, metavar="N", help=f"{what} (default: {default})"
        )
    explored = (
        "data",
        *ABOUT_DATA,
        "folds",
        "metric",
        "budget",
        "device",
        "deterministic",
        "out",
        "store",
    )
    variance_ = command(variance, *explored, "trials", "retrain", "jobs", *PLACE)
    multiverse_ = command(multiverse, *explored, "retrain", "jobs", *PLACE)
    add_explored(variance_, multiverse_, suite)
    return parser


def list_(_arguments: Namespace) -> int:
    """List suites: their questions, tasks, variants, and seconds at the quick budget on two cores.

    Example:
      paribus list
    """
    for name, comparisons in described_suites().items():
        for comparison in comparisons:
            _write(f"{name}: {comparison['question']}")
            variants = ", ".join(comparison["variants"])
            seconds = f"about {comparison['seconds']:.0f} s"
            _write(f"    task {comparison['task']}; {variants}; {seconds}")
    return 0


def check(arguments: Namespace) -> int:
    """Overfit one point, then one batch; status 1 if a network cannot.

    A loop that works learns a few samples by heart. One that does not has a
    fault in the network, the loss, the optimizer or the learning rate.

    Examples:
      paribus check optimizers
      paribus check my_suite.py --all
    """
    if arguments.steps < 1:
        raise ParibusError(
            "--steps", got=arguments.steps, expected="at least 1", fix="Leave it out for 2000."
        )
    refuse_early(vars(arguments), [arguments.suite])
    suite = find_suite(arguments.suite)
    from paribus.execution.overfit_check import check_all

    settings = _settings(arguments, [suite])
    failed = False
    for name, found in check_all(suite, settings, variants=arguments.all, steps=arguments.steps):
        _write(f"{name}, {found.summary}")
        failed |= not (found.passed or found.reason)
    return int(failed)


def run(arguments: Namespace) -> int:
    """Train suites and write their pages; status 1 if variants differ in more than the factor.

    Examples:
      paribus run optimizers
      paribus run optimizers --data patients.csv --target outcome
      paribus run my_suite.py --seeds 12
    """
    for name in arguments.suites:
        refuse_unknown(name)
        add_to_path(name)
    refuse_early(vars(arguments), arguments.suites)
    say(f"{', '.join(arguments.suites)}: loading torch, suites and data")
    on_cpu = arguments.device != "cuda"
    jobs = one_count(arguments.where, arguments.jobs) or available_jobs()
    local = not is_cluster(arguments.where)
    if local and on_cpu and jobs > 1 and not _store(arguments).exists():
        from paribus.execution.local_workers import prestart

        prestart()  # while this process imports torch, too
    if local and on_cpu and arguments.engine != "loop" and not _store(arguments).exists():
        from paribus.engines.simd.library import build_ahead

        build_ahead("float32")  # for the same reason
    suites = [find_suite(name) for name in dict.fromkeys(arguments.suites)]
    _refuse_namesakes(suites, arguments.suites)
    return _run(suites, _settings(arguments, suites))


def _refuse_namesakes(suites: Sequence[Suite], named: Sequence[str]) -> None:
    """Refuse suites of one name, which would write one page."""
    names = [suite.name for suite in suites]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ParibusError(
            "suites",
            got=f"two of the name {twice!r} in {' '.join(dict.fromkeys(named))}",
            expected="a name of its own for each, which its page has",
            fix="Rename one, or run each by itself with another --out.",
        )


def read(arguments: Namespace) -> int:
    """Show what each column or folder of your data becomes, and why; nothing is trained.

    Examples:
      paribus read patients.csv --target outcome
      paribus read load.csv --as series
    """
    kind = arguments.kind or ("images" if arguments.path.is_dir() else "tabular")
    if kind != "images":
        refuse_table(arguments.path, kind, arguments.target)
    from paribus.execution.data_summary import summarise_file
    from paribus.report.what_was_read import text

    arguments.data = [f"{kind}={arguments.path}"]
    for option in ABOUT_DATA:
        values = getattr(arguments, option)
        setattr(arguments, option, [named(f"--{option}", value, [kind]) for value in values])
    summary, problem = summarise_file(kind, Settings.from_options(vars(arguments)))
    _write(text(summary))
    if problem is not None:
        raise problem
    return 0


def rebuild(arguments: Namespace) -> int:
    """Write pages again from the evidence that --evidence left beside them; nothing is trained.

    Example:
      paribus rebuild results/reference --out results/again
    """
    from paribus.execution.orchestrate import rebuild as rebuild_pages

    pages = rebuild_pages(arguments.folder, arguments.out, find_suite)
    _write(f"pages: {pages[0]}")
    return 0


def judge(arguments: Namespace) -> int:
    """Say which variants differ from a baseline, from a table of scores that exist already.

    The table has a row for each variant and seed (or fold, subject, data set).

    Examples:
      paribus judge scores.csv --baseline adam --margin 0.01
      paribus judge losses.csv --baseline sgd --lower-is-better --score loss
    """
    if arguments.margin is not None and not arguments.margin > 0:
        raise ParibusError(
            "--margin",
            got=arguments.margin,
            expected="a positive number, in units of the score",
            fix="Leave it out to speak of differences alone.",
        )
    refuse_unwritable(arguments.out)
    sheet = sheet_of(arguments.scores, arguments)
    from paribus.report.judgement import judged

    found = judged(
        sheet,
        higher_is_better=not arguments.lower_is_better,
        margin=arguments.margin,
        name=arguments.score,
    )
    _write(str(found))
    _write(f"page: {found.report(arguments.out)}")
    return 0


def calibrate(arguments: Namespace) -> int:
    """Compare each baseline of a suite with itself, and count wrong verdicts; status 1 if there are too many.

    Example:
      paribus calibrate optimizers --data patients.csv --repeats 50
    """
    refuse_early({**vars(arguments), "seeds": None}, [arguments.suite])
    suite = find_suite(arguments.suite)
    from paribus.calibration import Repeats
    from paribus.calibration.suite import calibrate_suite, lines
    from paribus.execution.progress import ProgressBar

    repeats = Repeats(arguments.repeats, arguments.seeds)
    arguments.seeds = None
    settings = _settings(arguments, [suite])
    rates = [*calibrate_suite(suite, settings, repeats, ProgressBar())]
    _write(lines(rates, settings.out))
    return int(not all(rate.passed for rate in rates))


def variance(arguments: Namespace) -> int:
    """Say which source of randomness the spread over seeds comes from; one varies while the others stand.

    Sources are the split, first weights, order of samples, dropout and other noise of
    training, the draw of the data, and the search of a tuned arm.

    Examples:
      paribus variance optimizers
      paribus variance my_suite.py --compare widths --draws 30
    """
    suite = explored_suite(arguments)
    return explore.variance(suite, _settings(arguments, [suite]), arguments.draws)


def multiverse(arguments: Namespace) -> int:
    """Ask each question again over a grid of the choices that were held equal, and count the verdicts.

    A value such as x0.1 multiplies what each variant declares; lists stand in brackets.

    Examples:
      paribus multiverse optimizers
      paribus multiverse optimizers --over recipe.optimizer.lr=x0.1,x1,x10 --over recipe.steps=250,1000
      paribus multiverse activations --over recipe.model.hidden=[64,64],[16,16,16,16] --seeds 12
    """
    suite = explored_suite(arguments)
    return explore.multiverse(
        suite, _settings(arguments, [suite]), parsed(arguments.over), arguments.max_settings
    )


def _write(text: str) -> None:
    sys.stdout.write(f"{visible(text)}\n")


def _settings(arguments: Namespace, suites: Sequence[Suite]) -> Settings:
    """Return the settings that the options give.

    Raises:
        ParibusError: an option has a value that cannot be used.
    """
    _by_task(arguments, suites)
    return Settings.from_options(vars(arguments))


def _by_task(arguments: Namespace, suites: Iterable[Suite]) -> None:
    """Write what options say of tasks as ``TASK=VALUE``.

    Raises:
        ParibusError: a value names no task and there are several.
    """
    tasks = {c.task.name: c.task for suite in suites for c in suite.comparisons}
    arguments.data = [named_data(value, tasks) for value in arguments.data]
    given = {value.partition("=")[0] for value in arguments.data} or tasks.keys()
    for option in ABOUT_DATA:
        values = getattr(arguments, option, [])
        setattr(arguments, option, [named(f"--{option}", v, sorted(given)) for v in values])


PLACE = ("where", "unauthenticated")
ABOUT_DATA = ("target", "group", "problem", "test", "inputs", "panel")


def named_data(value: str, tasks: Mapping[str, Task]) -> str:
    """Return a path as ``TASK=PATH``; one without a task is for the only task that reads such a file or folder.

    Raises:
        ParibusError: it names no task, and none or several can read it.
    """
    task, sign, _ = value.partition("=")
    if sign and (task in tasks or not usable_path(value).exists()):
        return value
    reading = [
        name for name, task in tasks.items() if not task.reader.target.endswith("refuse_file")
    ]
    folder = usable_path(value).is_dir()
    fitting = [name for name in reading if folder == ("folder" in tasks[name].reader.target)]
    return named("--data", value, sorted(fitting or reading or tasks), alone=True)


def named(option: str, value: str, tasks: Sequence[str], *, alone: bool = False) -> str:
    """Return a value as ``TASK=VALUE``; one without a task is for the only task that there is.

    Args:
        option: for messages.
        value: as it was given.
        tasks: that it may be for.
        alone: whether the value names no task for certain.

    Raises:
        ParibusError: it names no task and there are several.
    """
    task, sign, _ = value.partition("=")
    if not alone and sign and (task in tasks or len(tasks) > 1):
        return value
    if len(tasks) > 1:
        raise ParibusError(
            option,
            got=repr(value),
            expected=f"TASK=VALUE, because these suites have the tasks {', '.join(tasks)}",
            fix=f"Write {option} {tasks[0]}={value}.",
        )
    return f"{tasks[0]}={value}"


def _run(suites: list[Suite], settings: Settings) -> int:
    """Train suites and write the pages; returns 1 where control broke."""
    from paribus.execution.orchestrate import run_suites
    from paribus.execution.progress import ProgressBar

    listed = _declared(suites)
    finished = run_suites(
        suites,
        settings,
        ProgressBar(),
        declared=listed,
        show=_show,
        show_first=_show_first,
        wrote=_tell_pages,
    )
    return int(finished.control_broken)


def _show(results: Sequence[Result]) -> None:
    """Show the tables at once: their figures and pages take longer than they do."""
    from paribus.report import terminal

    _write(terminal(results))
    sys.stdout.flush()


def _show_first(results: Sequence[Result]) -> None:
    _write("At the stated settings; tuned ones follow:\n")
    _show(results)
    _write("")


def _tell_pages(pages: Sequence[Path]) -> None:
    _write(f"pages: {pages[0]}")


def _declared(chosen: list[Suite]) -> list[Suite]:
    """Return the suites whose claims are listed: all that are registered, unless one is chosen that is not."""
    registered = list(named_suites().values())
    return registered if all(suite in registered for suite in chosen) else chosen
