"""Ways in which a command ends before its work is done: what was finished is kept, and no process is left."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.helpers.processes import python

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SUITE = """
from paribus import call
from tests.helpers.toys import RECIPE, Fatal, Slow, Small, comparison, suite

{made}
"""
SLOW = 'SUITE = suite(comparison(recipe=RECIPE.model_copy(update={"model": call(Slow)})))'
PARIBUS = """
import sys, time
from paribus.execution import orchestrate, stopping
from paribus.frontends.cli import main

stopping.PAGES_SECONDS = 100
{before}
main(sys.argv[1:])
"""


def _heed() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Provide a folder for temporary files whose path is short enough for a socket's."""
    with tempfile.TemporaryDirectory(prefix="p") as folder:
        yield Path(folder)


# Its stated settings are trained already where it stands in the pilot of its search.
TUNED = """
from paribus.experiment.search_space import LogUniform, SearchSpace
from paribus.experiment.tuning import Tuning

space = SearchSpace(ranges={{"recipe.optimizer.lr": LogUniform(low=0.001, high=1.0)}})
tuning = Tuning(spaces={{"sgd": space, "adam": space}}, trials={{"quick": 3}}, pilot=400)
recipe = RECIPE.model_copy(update={{"model": call(Slow)}})
SUITE = suite(comparison(recipe=recipe, tuning=tuning))
"""


@contextmanager
def _running(
    tmp_path: Path,
    before: str = "",
    temporary: Path | None = None,
    made: str = SLOW,
    seeds: int = 500,
    kept: int = 0,
) -> Iterator[subprocess.Popen[str]]:
    """Start a comparison of a thousand slow runs in a session of its own, and wait until it has kept some.

    Args:
        tmp_path: folder for its file and its pages.
        before: code that runs first.
        temporary: folder for temporary files.
        made: code that makes another suite.
        seeds: of it.
        kept: how many runs are waited for, and one more.
    """
    (tmp_path / "own.py").write_text(SUITE.format(made=made))
    place = {"TMPDIR": str(temporary)} if temporary else {}
    with subprocess.Popen(
        [
            *(sys.executable, "-c", PARIBUS.format(before=before), "run", tmp_path / "own.py"),
            *("--jobs", "2", "--engine", "loop", "--seeds", f"{seeds}", "--out", tmp_path / "out"),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT), **place},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Whoever runs tests in the background ignores Ctrl-C or a hang-up, and so would this.
        preexec_fn=_heed,  # noqa: PLW1509 - one thread
    ) as process:
        try:
            _wait(lambda: process.poll() is not None or _kept(tmp_path) > kept)
            assert process.poll() is None, process.communicate()
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def _wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _kept(tmp_path: Path) -> int:
    """Return how many runs the store has, as far as it is there."""
    path = tmp_path / "out" / "runs.sqlite"
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path)) as db:
        try:
            return int(db.execute("select count(*) from runs").fetchone()[0])
        except sqlite3.OperationalError:
            return 0


def _nobody_left(process: subprocess.Popen[str]) -> bool:
    """Return whether the process group of a command is empty: its workers are of it."""
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_request_to_stop_keeps_what_is_finished_and_writes_pages(
    tmp_path: Path, name: str, status: int
) -> None:
    """As in a terminal, the signal goes to the workers, too."""
    with _running(tmp_path) as process:
        os.killpg(process.pid, signal.Signals[name])
        output, errors = process.communicate(timeout=120)
    assert process.returncode == status, errors
    assert 0 < _kept(tmp_path) < 1000
    out = tmp_path / "out"
    assert errors.splitlines()[-1] == (
        f"paribus: stopped by {name}. What was finished is kept in {out / 'runs.sqlite'}; "
        "the same command goes on from there."
    )
    assert "Traceback" not in errors
    assert output.splitlines()[-1] == f"pages: {out / 'README.md'}"
    assert (out / "toys.md").exists()
    _wait(lambda: _nobody_left(process))


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_request_to_stop_before_any_search_has_ended_writes_pages_too(
    tmp_path: Path, name: str, status: int
) -> None:
    with _running(
        tmp_path, made=TUNED.replace("{{", "{").replace("}}", "}"), seeds=2, kept=6
    ) as process:
        process.send_signal(signal.Signals[name])
        output, errors = process.communicate(timeout=120)
    assert process.returncode == status, errors
    assert errors.splitlines()[-1].startswith(f"paribus: stopped by {name}. ")
    assert output.splitlines()[-1] == f"pages: {tmp_path / 'out' / 'README.md'}"
    page = (tmp_path / "out" / "toys-details.md").read_text(encoding="utf-8")
    assert "no search has ended; of its trials, the first at its stated settings" in page


def test_pages_that_take_too_long_are_left_out(tmp_path: Path) -> None:
    slow = (
        "stopping.PAGES_SECONDS = 0.2\norchestrate.finish = lambda *_: [None for _ in iter(int, 1)]"
    )
    with _running(tmp_path, slow) as process:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert errors.splitlines()[-1].startswith(
        "paribus: stopped by SIGINT, before all pages were written. What was finished is kept in "
    )


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_that_comes_twice_at_once_is_one_request(tmp_path: Path, name: str) -> None:
    """As from `timeout`, which tells a command and then all of its process group."""
    with _running(tmp_path) as process:
        process.send_signal(signal.Signals[name])
        time.sleep(0.1)
        process.send_signal(signal.Signals[name])
        output, errors = process.communicate(timeout=120)
    assert f"paribus: stopped by {name}. " in errors
    assert output.splitlines()[-1] == f"pages: {tmp_path / 'out' / 'README.md'}"


def test_a_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    slow = f"orchestrate.finish = lambda *_: (open({str(marker)!r}, 'w').close(), time.sleep(1000))"
    with _running(tmp_path, slow) as process:
        process.send_signal(signal.SIGINT)
        _wait(marker.exists)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "stopped by" not in errors
    _wait(lambda: _nobody_left(process))


def test_no_worker_and_no_temporary_file_outlives_a_killed_driver(
    tmp_path: Path, temporary: Path
) -> None:
    with _running(tmp_path, temporary=temporary) as process:
        assert _sockets(temporary) != []
        process.kill()
        process.wait(timeout=60)
    _wait(lambda: _nobody_left(process))
    assert _kept(tmp_path) > 0
    assert _sockets(temporary) == []


def _run(script: str, folder: Path, temporary: Path) -> subprocess.CompletedProcess[str]:
    """Run a script from its file in a folder, with another one for temporary files."""
    (folder / "script.py").write_text(script)
    return subprocess.run(
        [sys.executable, "script.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)},
    )


def test_the_folder_of_a_parent_outlives_its_child_that_had_workers_too(
    tmp_path: Path, temporary: Path
) -> None:
    """A process of multiprocessing, such as a Dask worker, inherits the name of the folder of who made it."""
    script = """
import multiprocessing, os, signal
from multiprocessing import util
from paribus.execution import local_workers

def child(ended):
    local_workers.prestart()
    if ended == "killed":
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    folder = util.get_temp_dir()
    for ended in ("normally", "killed"):
        process = multiprocessing.get_context("spawn").Process(target=child, args=(ended,))
        process.start()
        process.join()
    local_workers.prestart()
    print("same" if util.get_temp_dir() == folder and os.path.isdir(folder) else "other")
"""
    done = _run(script, tmp_path, temporary)
    assert (done.stdout, done.stderr, done.returncode) == ("same\n", "", 0)
    _wait(lambda: _sockets(temporary) == [])


def test_workers_start_where_the_folder_of_temporary_files_has_a_long_path(
    tmp_path: Path,
) -> None:
    """A socket's path has a hundred characters at most, and batch systems give folders of their own."""
    long = tmp_path / ("l" * 100)
    long.mkdir()
    script = """
from paribus.execution.local_workers import LocalExecutor
if __name__ == "__main__":
    print([found for _, found in LocalExecutor(1).spread(abs, [-1])])
"""
    done = _run(script, tmp_path, long)
    assert (done.stdout, done.stderr, done.returncode) == ("[1]\n", "", 0)


def _sockets(temporary: Path) -> list[Path]:
    """Return the folders of the sockets by which workers are asked for."""
    return [*temporary.glob("pymp-*")]


def test_a_driver_that_is_killed_at_its_start_leaves_nobody_that_still_imports(
    tmp_path: Path, temporary: Path
) -> None:
    """The parent of the workers takes seconds for torch, which nobody needs by then."""
    script = """
import os, signal, sys
from paribus.execution import local_workers
local_workers.PRELOADED = ("preload_watch", "endless")
local_workers.prestart()
while not os.path.exists(os.path.join(sys.argv[1], "started")):
    pass
os.kill(os.getpid(), signal.SIGKILL)
"""
    (tmp_path / "sitecustomize.py").write_text(
        f"import sys\nif sys.argv[0] == '-c' and 'forkserver' in ' '.join(sys.orig_argv):\n"
        f"    import paribus.execution as e\n    e.__path__.append({str(tmp_path)!r})\n"
    )
    (tmp_path / "endless.py").write_text(
        "import time\nfrom pathlib import Path\n"
        "(Path(__file__).parent / 'started').touch()\ntime.sleep(1000)\n"
    )
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    with subprocess.Popen(
        [sys.executable, "-c", script, tmp_path],
        env={**os.environ, "PYTHONPATH": path, "TMPDIR": str(temporary)},
        start_new_session=True,
    ) as process:
        assert process.wait(timeout=120) == -signal.SIGKILL
    _wait(lambda: _nobody_left(process))
    assert _sockets(temporary) == []


@pytest.mark.parametrize(
    ("way", "cause"),
    [
        ("exit", r"got a process that ended with exit status 3, twice"),
        ("hang", r"got no end after [12] s, expected less time than --(paribus-)?limit"),
    ],
)
def test_a_network_that_ends_or_hangs_its_worker_is_told_of_on_the_page(
    tmp_path: Path, way: str, cause: str
) -> None:
    """The variant that fails is the baseline, which comes first."""
    made = f'SUITE = suite(comparison("recipe.model", {{"bad": call(Fatal, way="{way}"), "small": call(Small)}}))'
    (tmp_path / "own.py").write_text(SUITE.format(made=made))
    done = python(
        *("-m", "paribus", "run", tmp_path / "own.py", "--jobs", "2", "--engine", "loop"),
        *("--limit", "2", "--out", tmp_path / "out"),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 2, done.stderr
    last = done.stderr.splitlines()[-1]
    assert re.match(
        rf"paribus: training of Fatal\(way={way}\) on 'toy' with seed \d: {cause}", last
    )
    page = (tmp_path / "out" / "toys.md").read_text()
    assert re.search(
        rf"failed: training of Fatal\(way={way}\) on 'toy' with seed \d: {cause}", page
    )
    assert _kept(tmp_path) == 2
