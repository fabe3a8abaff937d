"""Jobs of Slurm: the same numbers as here, cancelled however the command ends; each fault of the file in one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from paribus.execution import slurm_file
from paribus.execution.dask_connection import disconnect
from paribus.execution.dask_executor import cluster_at
from paribus.execution.settings import Settings
from paribus.execution.where import leave
from paribus.runs.merge import merge
from tests.helpers.fake_slurm import FakeSlurm
from tests.helpers.refusals import refused

ROOT = Path(__file__).parents[2]
JOBS = f"""
jobqueue:
  slurm:
    jobs: 2
    cores: 1
    memory: 1 GB
    queue: short
    walltime: "01:00:00"
    job_extra_directives: ["--constraint=any"]
    job-script-prologue: [export PYTHONPATH={ROOT}]
    scheduler-options: {{host: 127.0.0.1}}
"""


CHANGE = (
    "Change the file to a queue, an account and amounts that Slurm takes, or start the same command again when Slurm "
    "is up; what the store holds is kept."
)


@pytest.fixture
def slurm(tmp_path: Path) -> FakeSlurm:
    return FakeSlurm(tmp_path)


@pytest.fixture
def begun(slurm: FakeSlurm, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Return a function that starts a command with jobs of Slurm in reach."""
    suite = tmp_path / "own.py"
    suite.write_text("from tests.helpers.toys import suite\nSUITE = suite()\n")
    (tmp_path / "jobs.yaml").write_text(JOBS)

    def begin(*words: str, out: str = "out") -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "paribus", "run", str(suite), "--device", "cpu"]
        return subprocess.Popen(
            [*command, "--engine", "loop", "--out", str(tmp_path / out), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT), "PATH": slurm.path},
            # Whoever runs tests in the background ignores Ctrl-C, and so would this.
            preexec_fn=_heed,  # noqa: PLW1509 - one thread
        )

    return begin


def _heed() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _nothing_is_left(slurm: FakeSlurm, folder: Path) -> None:
    def left() -> list[object]:
        return [*slurm.running, *slurm.hanging, *folder.glob(".paribus-*")]

    deadline = (
        time.monotonic() + 30
    )  # of processes that are killed, or cancel jobs, and are not yet gone
    while left() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left() == []


@pytest.mark.slow
def test_jobs_train_what_is_trained_here_and_are_cancelled_at_the_end(
    begun: Callable[..., subprocess.Popen[str]], slurm: FakeSlurm, tmp_path: Path
) -> None:
    for words, out in (("local:1", "here"), ("slurm:jobs.yaml", "there")):
        command = begun("--where", words, out=out)
        _, said = command.communicate(timeout=120)
        assert command.returncode == 0, said
    stores = [tmp_path / name / "runs.sqlite" for name in ("here", "there")]
    merged = merge(stores, tmp_path / "both.sqlite")  # which refuses numbers that differ
    assert (merged.added["runs"], merged.equal["runs"]) == (4, 4)
    assert len(slurm.submitted) == 2
    assert {*slurm.submitted} <= {*slurm.cancelled}
    _nothing_is_left(slurm, tmp_path)
    script = (tmp_path / f"{slurm.submitted[0]}.sh").read_text()
    assert "--no-dashboard" in script
    for line in ("-p short", "-t 01:00:00", "--constraint=any", "-J paribus-"):
        assert f"#SBATCH {line}" in script
    assert "tls://127.0.0.1" in script
    assert "--tls-key" in script


def _said(*words: str) -> str | None:
    """Return what a program writes; None where it fails, or takes long."""
    done = subprocess.run(["timeout", "5", *words], check=False, capture_output=True, text=True)
    return None if done.returncode else done.stdout


@pytest.mark.slow
@pytest.mark.skipif(_said("sinfo") is None, reason="no Slurm answers on this machine")
def test_a_real_slurm_trains_what_is_trained_here_and_forgets_the_jobs(
    begun: Callable[..., subprocess.Popen[str]],
    slurm: FakeSlurm,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slurm, "path", os.environ["PATH"])
    own = JOBS.replace("queue: short", "name: paribus-tested").replace(
        "--constraint=any", "--quiet"
    )
    (tmp_path / "jobs.yaml").write_text(own)
    for where, out in (("local:1", "here"), ("slurm:jobs.yaml", "there")):
        command = begun("--where", where, out=out)
        _, said = command.communicate(timeout=300)
        assert command.returncode == 0, said
    stores = [tmp_path / name / "runs.sqlite" for name in ("here", "there")]
    merged = merge(stores, tmp_path / "both.sqlite")
    assert (merged.added["runs"], merged.equal["runs"]) == (4, 4)
    queue = _said("squeue", "--noheader", "--states=PENDING,RUNNING", "--format=%j")
    assert queue is not None
    assert "paribus-tested" not in queue
    _nothing_is_left(slurm, tmp_path)


@pytest.mark.slow
def test_jobs_are_cancelled_when_the_command_is_interrupted(
    begun: Callable[..., subprocess.Popen[str]], slurm: FakeSlurm, tmp_path: Path
) -> None:
    asleep = JOBS.replace("[export", "[sleep 600, export")
    (tmp_path / "jobs.yaml").write_text(asleep)
    command = begun("--where", "slurm:jobs.yaml")
    while len(slurm.submitted) < 2:
        assert command.poll() is None
        time.sleep(0.05)
    assert slurm.running == slurm.submitted
    command.send_signal(signal.SIGINT)
    _, said = command.communicate(timeout=60)
    assert command.returncode == 130, said
    assert "Waiting for a job of Slurm to start; Ctrl-C cancels all of them.\n" in said
    assert said.splitlines()[-1].startswith("paribus: stopped by SIGINT")
    _nothing_is_left(slurm, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["jobs are pending", "Slurm hangs"])
def test_jobs_are_cancelled_when_the_command_is_killed(
    begun: Callable[..., subprocess.Popen[str]], slurm: FakeSlurm, tmp_path: Path, when: str
) -> None:
    """By SIGKILL, and by SIGTERM while a program of Slurm hangs."""
    (tmp_path / "reason").write_text("Priority")
    command = begun("--where", "slurm:jobs.yaml")
    while len(slurm.submitted) < 2:
        assert command.poll() is None
        time.sleep(0.05)
    if when == "Slurm hangs":
        (tmp_path / "hangs").touch()
        while not slurm.hanging:
            time.sleep(0.05)
        (tmp_path / "hangs").unlink()  # in time for what cancels
        command.terminate()
    else:
        command.kill()
    command.communicate(timeout=60)
    assert command.returncode == (143 if when == "Slurm hangs" else -signal.SIGKILL)
    _nothing_is_left(slurm, tmp_path)


@pytest.mark.slow
def test_jobs_that_slurm_refuses_end_the_command_in_its_words(
    begun: Callable[..., subprocess.Popen[str]], slurm: FakeSlurm, tmp_path: Path
) -> None:
    (tmp_path / "refusal").write_text("sbatch: error: invalid partition specified: short\n")
    command = begun("--where", "slurm:jobs.yaml")
    _, said = command.communicate(timeout=60)
    assert command.returncode == 2
    assert said.splitlines()[2:] == [
        "paribus: --where: got from Slurm none that runs: sbatch: error: invalid partition specified: short, expected "
        f"jobs that start, and reach this machine. {CHANGE}"
    ]
    _nothing_is_left(slurm, tmp_path)


@pytest.mark.slow
def test_jobs_that_end_before_a_worker_is_there_end_the_command(
    begun: Callable[..., subprocess.Popen[str]], slurm: FakeSlurm, tmp_path: Path
) -> None:
    text = JOBS.replace(f"export PYTHONPATH={ROOT}", "no_such_program, exit 1")
    (tmp_path / "jobs.yaml").write_text(text)
    command = begun("--where", "slurm:jobs.yaml")
    _, said = command.communicate(timeout=60)
    assert command.returncode == 2
    line = said.splitlines()[-1]
    assert line.startswith("paribus: --where: got from Slurm none that runs: job ")
    assert " ended before its worker was there, and said last: bash: line " in line
    assert line.endswith(
        "no_such_program: command not found, expected jobs that start, and reach this machine. "
        f"{CHANGE} To read all that jobs write, name a folder as log-directory in it."
    )
    _nothing_is_left(slurm, tmp_path)


@pytest.mark.slow
def test_a_job_that_ends_at_its_time_is_asked_for_again(
    slurm: FakeSlurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", slurm.path)
    (tmp_path / "jobs.yaml").write_text(JOBS.replace("jobs: 2", "jobs: 1"))
    handler = signal.getsignal(signal.SIGINT)
    place = cluster_at("slurm:jobs.yaml", None, {})
    try:
        assert place.cluster is not None
        done = place.cluster(1).spread(abs, iter([-1, -2]))
        assert next(done) == (-1, 1)
        os.killpg(slurm.submitted[0], signal.SIGKILL)
        assert next(done) == (-2, 2)
    finally:
        leave()
        disconnect()
    assert len(slurm.submitted) == 2
    assert signal.getsignal(signal.SIGINT) is handler  # which dask-jobqueue would replace
    _nothing_is_left(slurm, tmp_path)


NAMES = ", ".join(slurm_file.KINDS)


@pytest.mark.parametrize(
    ("line", "instead", "message"),
    [
        ("cores: 1", "coers: 1", f"got 'coers', expected one of {NAMES}"),
        ("cores: 1", "cores: two", "got cores: 'two', expected a whole number, at least 1"),
        ("cores: 1", "cores: 0", "got cores: 0, expected a whole number, at least 1"),
        ("cores: 1", "cores: true", "got cores: True, expected a whole number, at least 1"),
        ("jobs: 2", "jobs: 1.5", "got jobs: 1.5, expected a whole number, at least 1"),
        ("jobs: 2", "jobs: null", "got no jobs, expected at least jobs, cores, memory"),
        ("memory: 1 GB", "memory: much", "got memory: 'much', expected an amount, such as 32 GB"),
        (
            'walltime: "01:00:00"',
            "walltime: 12:00:00",  # which YAML reads as seconds, and Slurm would as minutes
            "got walltime: 43200, expected a text, in quotes where it has colons or is a number",
        ),
        (
            '["--constraint=any"]',
            "--constraint=any",
            "got job-extra-directives: '--constraint=any', expected a list of texts",
        ),
        (
            "{host: 127.0.0.1}",
            "127.0.0.1",
            "got scheduler-options: '127.0.0.1', expected a mapping",
        ),
        (
            "jobqueue:",
            "queues:",
            "got no section slurm in a section jobqueue, expected both, as for dask-jobqueue",
        ),
    ],
)
def test_a_file_that_asks_for_something_else_is_refused(
    tmp_path: Path, line: str, instead: str, message: str
) -> None:
    file = tmp_path / "jobs.yaml"
    assert line in JOBS
    file.write_text(JOBS.replace(line, instead))
    assert refused(Settings, where=f"slurm:{file}", out=tmp_path) == (
        f"file of --paribus-where slurm, {file}: {message}. Change it there."
    )


def test_a_file_that_is_not_there_or_no_yaml_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "jobs.yaml"
    start = f"file of --paribus-where slurm, {file}: got "
    end = (
        ", expected a YAML file with what dask-jobqueue's configuration has under jobqueue: slurm:. Check the path and "
        "the file."
    )
    assert refused(slurm_file.slurm_jobs, f"slurm:{file}") == (
        f"{start}FileNotFoundError: [Errno 2] No such file or directory: '{file}'{end}"
    )
    file.write_text("jobqueue: [")
    said = refused(slurm_file.slurm_jobs, f"slurm:{file}")
    assert said.startswith(f"{start}ParserError: while parsing a flow node")
    assert said.endswith(end)


def test_a_machine_without_slurm_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS)
    monkeypatch.setenv("PATH", str(tmp_path))
    where = f"slurm:{tmp_path / 'jobs.yaml'}"
    assert refused(slurm_file.slurm_jobs, where) == (
        f"--paribus-where: got {where}, and no program sbatch, expected a machine from which jobs can be submitted to "
        "Slurm. Run the command on a login node of the cluster, or inside a job of it."
    )


@pytest.mark.parametrize("package", ["dask_jobqueue", "distributed", "cryptography"])
def test_packages_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setattr(slurm_file, "find_spec", lambda name: name != package)
    assert refused(slurm_file.slurm_jobs, "slurm:jobs.yaml") == (
        f"--paribus-where: got slurm:jobs.yaml, and no package {package!r}, expected that package, which is optional. "
        "Install it: pip install paribus[slurm]"
    )
