"""Programs ``sbatch``, ``squeue`` and ``scancel`` that run jobs on this machine, each in a process group of its own.

What they say, and with what status they end, is what those of Slurm 22.05 do.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

COMMON = """#!{python}
import os, pathlib, re, signal, subprocess, sys, time
folder = pathlib.Path({folder!r})
words = dict(word.partition("=")[::2] for word in sys.argv[1:] if word.startswith("--"))
named = folder / "named"
if (folder / "hangs").exists():
    time.sleep(600)
if (folder / "down").exists():
    sys.exit("slurm error: Unable to contact slurm controller (connect failure)")

def exists(job):
    try:
        os.killpg(int(job), 0)
    except ProcessLookupError:
        return False
    return True

def jobs():
    files = named.glob("*." + words["--name"]) if named.exists() else ()
    return [job for job in sorted(file.name.partition(".")[0] for file in files) if exists(job)]
"""
SBATCH = """
refusal = folder / "refusal"
if refusal.exists():
    sys.exit(refusal.read_text())
text = pathlib.Path(sys.argv[-1]).read_text()
pending = (folder / "reason").exists()
errors = re.search("^#SBATCH -e (.*)$", text, re.MULTILINE)
said = errors[1].replace("%J", "$$") if errors else "/dev/null"
start = "export SLURM_JOB_ID=$$; exec 2> " + said + chr(10)
with (folder / "jobs.log").open("ab") as log:
    job = subprocess.Popen(
        ["bash", "-c", "sleep 600" if pending else start + text],
        stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
    )
named.mkdir(exist_ok=True)
(named / (str(job.pid) + "." + words["--job-name"])).touch()
(folder / f"{{job.pid}}.sh").write_text(text)
with (folder / "submitted").open("a") as file:
    file.write(f"{{job.pid}}\\n")
if (folder / "late").exists():
    sys.exit("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation")
print(job.pid if "--parsable" in words else f"Submitted batch job {{job.pid}}")
"""
SQUEUE = """
reason = folder / "reason"
for job in jobs():
    state = ("PENDING", reason.read_text()) if reason.exists() else ("RUNNING", "None")
    print(job, *state, sep="|")
"""
SCANCEL = """
for job in jobs():
    with (folder / "cancelled").open("a") as file:
        file.write(f"{{job}}\\n")
    os.killpg(int(job), signal.SIGKILL)
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
            program.write_text((COMMON + text).format(python=sys.executable, folder=str(folder)))
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

    @property
    def hanging(self) -> list[int]:
        """Processes of programs that do not end."""
        names = [str(self.programs / name).encode() for name in ("sbatch", "squeue", "scancel")]
        found = []
        for line in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if {*line.read_bytes().split(b"\0")} & {*names}:
                    found.append(int(line.parent.name))
        return found


def _has_processes(group: int) -> bool:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[2] == str(group) and fields[0] != "Z":
            return True
    return False
