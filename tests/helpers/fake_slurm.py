"""Programs ``sbatch``, ``squeue`` and ``scancel`` that run jobs on this machine, each in a process group of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

SBATCH = """#!{python}
import subprocess, sys, pathlib
folder = pathlib.Path({folder!r})
refusal = folder / "refusal"
if refusal.exists():
    sys.exit(refusal.read_text())
text = pathlib.Path(sys.argv[1]).read_text()
with (folder / "jobs.log").open("ab") as log:
    job = subprocess.Popen(
        ["bash", "-c", text], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )
with (folder / "submitted").open("a") as file:
    file.write(f"{{job.pid}}\\n")
(folder / f"{{job.pid}}.sh").write_text(text)
print("Submitted batch job", job.pid)
"""
SQUEUE = """#!{python}
import os, sys
for word in sys.argv:
    if word.startswith("--jobs="):
        for job in filter(None, word.removeprefix("--jobs=").split(",")):
            try:
                os.killpg(int(job), 0)
            except ProcessLookupError:
                continue
            print(job)
"""
SCANCEL = """#!{python}
import os, pathlib, signal, sys
for job in sys.argv[1:]:
    with (pathlib.Path({folder!r}) / "cancelled").open("a") as file:
        file.write(f"{{job}}\\n")
    try:
        os.killpg(int(job), signal.SIGKILL)
    except ProcessLookupError:
        sys.exit("slurm_kill_job_error: Invalid job id")
"""


class FakeSlurm:
    """Slurm of a folder: its programs, and what became of jobs.

    Args:
        folder: for all of it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = folder / "bin"
        self.programs.mkdir()
        for name, text in (("sbatch", SBATCH), ("squeue", SQUEUE), ("scancel", SCANCEL)):
            program = self.programs / name
            program.write_text(text.format(python=sys.executable, folder=str(folder)))
            program.chmod(0o755)
        self.path = f"{self.programs}{os.pathsep}{os.environ['PATH']}"

    def _listed(self, name: str) -> list[int]:
        file = self.folder / name
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    @property
    def submitted(self) -> list[int]:
        return self._listed("submitted")

    @property
    def cancelled(self) -> list[int]:
        return self._listed("cancelled")

    @property
    def running(self) -> list[int]:
        """Jobs of which a process is left."""
        return [job for job in self.submitted if _has_processes(job)]


def _has_processes(group: int) -> bool:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[2] == str(group) and fields[0] != "Z":
            return True
    return False
