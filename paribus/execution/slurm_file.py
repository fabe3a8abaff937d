"""File that ``--where slurm:FILE`` names: what jobs to ask Slurm for, in the words of dask-jobqueue's configuration."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from paribus.data.paths import usable_path
from paribus.errors import ParibusError, error_context
from paribus.execution.where import OPTION

JOBS = "jobs"
COUNTS = (JOBS, "cores", "processes", "job-cpu", "death-timeout")
TEXTS = (
    *(
        "name",
        "memory",
        "queue",
        "account",
        "walltime",
        "job-mem",
        "python",
        "interface",
        "shebang",
    ),
    *("local-directory", "shared-temp-directory", "log-directory"),
)
LISTS = (
    *("job-extra-directives", "job-directives-skip", "job-script-prologue", "worker-extra-args"),
)
MAPPINGS = ("scheduler-options",)
KINDS = {
    **dict.fromkeys(COUNTS, "a whole number, at least 1"),
    **dict.fromkeys(TEXTS, "a text, in quotes where it has colons or is a number"),
    **dict.fromkeys(LISTS, "a list of texts"),
    **dict.fromkeys(MAPPINGS, "a mapping"),
}
NEEDED = (JOBS, "cores", "memory")
PROGRAMS = ("sbatch", "squeue", "scancel")


@dataclass(frozen=True)
class SlurmJobs:
    """Jobs to ask Slurm for.

    Attributes:
        jobs: how many are to run at any time.
        cores: of each; a core trains one piece of work.
        options: of dask-jobqueue's ``SLURMCluster``.
    """

    jobs: int
    cores: int
    options: dict[str, Any]


def slurm_jobs(where: str) -> SlurmJobs:
    """Return what the file of ``slurm:FILE`` asks for.

    Raises:
        ParibusError: a package or program is missing, or the file cannot be read or asks for something else.
    """
    _refuse_without_packages(where)
    path = usable_path(where.partition(":")[2])
    given = _section(path)
    for name, value in given.items():
        if name not in KINDS:
            raise _refusal(path, repr(name), f"one of {', '.join(KINDS)}")
        if not _fits(name, value):
            raise _refusal(path, f"{name}: {value!r}", KINDS[name])
    for name in NEEDED:
        if name not in given:
            raise _refusal(path, f"no {name}", f"at least {', '.join(NEEDED)}")
    _refuse_amount(path, given["memory"])
    for program in PROGRAMS:
        if shutil.which(program) is None:
            raise ParibusError(
                OPTION,
                got=f"{where}, and no program {program}",
                expected="a machine from which jobs can be submitted to Slurm",
                fix="Run the command on a login node of the cluster, or inside a job of it.",
            )
    options = {name.replace("-", "_"): value for name, value in given.items() if name != JOBS}
    options["job_name"] = options.pop("name", "paribus")
    return SlurmJobs(given[JOBS], given["cores"], {"processes": 1, **options})


def _refuse_without_packages(where: str) -> None:
    missing = [
        each for each in ("dask_jobqueue", "distributed", "cryptography") if not find_spec(each)
    ]
    if missing:
        raise ParibusError(
            OPTION,
            got=f"{where}, and no package {missing[0]!r}",
            expected="that package, which is optional",
            fix="Install it: pip install paribus[slurm]",
        )


def _section(path: Path) -> dict[str, Any]:
    """Return what a file says under ``jobqueue`` and ``slurm``, by dask-jobqueue's names; nulls are left out."""
    import yaml

    if path.exists() and not path.is_file():  # reading a device may never end
        raise _refusal(path, "a folder, device or pipe", "a YAML file")
    with error_context(
        f"file of {OPTION} slurm, {path}",
        expected="a YAML file with what dask-jobqueue's configuration has under jobqueue: slurm:",
        fix="Check the path and the file.",
    ):
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name in ("jobqueue", "slurm"):
        found = found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping):
        raise _refusal(path, "no section slurm in a section jobqueue", "both, as for dask-jobqueue")
    named = {str(name).replace("_", "-"): value for name, value in found.items()}
    return {name: value for name, value in named.items() if value is not None}


def _fits(name: str, value: object) -> bool:
    if name in COUNTS:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 1
    if name in LISTS:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    return isinstance(value, str if name in TEXTS else Mapping)


def _refuse_amount(path: Path, memory: str) -> None:
    from dask.utils import parse_bytes

    try:
        parse_bytes(memory)
    except ValueError:
        raise _refusal(path, f"memory: {memory!r}", "an amount, such as 32 GB") from None


def _refusal(path: Path, got: str, expected: str) -> ParibusError:
    return ParibusError(
        f"file of {OPTION} slurm, {path}", got=got, expected=expected, fix="Change it there."
    )
