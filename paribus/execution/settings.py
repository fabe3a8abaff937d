"""Settings of a run, and the options of pytest and the command line that set them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from paribus.data.paths import usable_path
from paribus.errors import ParibusError
from paribus.execution.slurm_file import slurm_jobs
from paribus.execution.where import (
    LOCAL,
    is_cluster,
    is_slurm,
    one_count,
    refuse_open,
    refuse_without_dask,
)

if TYPE_CHECKING:
    from paribus.experiment.tuning import Arm

# Every pytest run in an environment that has paribus imports this module, so torch is imported by functions alone.

CAP = 30
"""Maximum number of seeds of a sequence where `Settings.cap` is None."""
MOST = 10**6
"""Of seeds, processes, trials or folds."""


@dataclass(frozen=True)
class Option:
    """Option ``--paribus-NAME`` of pytest and ``--NAME`` of the command line.

    Args:
        what: what is set, in a phrase.
        kind: type of the value: ``bool`` for a switch, ``list`` for ``TASK=VALUE`` that may be repeated.
        default: the value where none is given.
        means: what the default stands for, where that is not plain.
        metavar: what stands for the value in the help.
        choices: the values that are allowed, if not any.
        name: if it differs from the field's.
    """

    what: str
    kind: type = str
    default: Any = None
    means: str = ""
    metavar: str = ""
    choices: tuple[str, ...] = ()
    name: str = ""

    @property
    def help(self) -> str:
        """Text of the help: what is set, and the default."""
        default = self.means or self.default
        return f"{self.what} (default: {default})" if default else self.what

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of argparse's ``add_argument``, which pytest's ``addoption`` takes too."""
        if self.kind is bool:
            return {"action": "store_true", "help": self.help}
        shown = {"metavar": self.metavar or "|".join(self.choices), "help": self.help}
        if self.kind is list:
            return {"action": "append", "default": [], **shown}
        return {"type": self.kind, "default": self.default, **shown}


def _option(what: str, kind: type = str, **about: Any) -> Any:
    """Return a field of `Settings` that an option sets; every option is declared by one of these alone."""
    option = Option(what, kind, **about)
    metadata = {"option": option}
    if kind is list:
        return field(default_factory=dict, metadata=metadata)
    return field(default=option.default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """Settings of a run, refused where they cannot be used; each field has the help and default of its option."""

    seeds: int | None = _option(
        "paired seeds a variant", int, means="the budget's; 10 for quick", metavar="N"
    )
    budget: str = _option("how many steps and seeds", default="quick", choices=("quick", "full"))
    device: str = _option(
        "where to train",
        default="auto",
        means="auto, wherever this machine can",
        choices=("auto", "cpu", "cuda"),
    )
    engine: str = _option(
        "how to train: one run at a time, or all at once",
        default="auto",
        means="auto, whichever is faster",
        choices=("auto", "loop", "stacked"),
    )
    deterministic: bool = _option(
        "have torch use deterministic algorithms, which give the same bits every time on one machine, and refuse "
        "operations that have none",
        bool,
        default=False,
    )
    data: dict[str, str] = _option(
        "your own data for a task, such as tabular=patients.csv; may be repeated",
        list,
        metavar="TASK=PATH",
    )
    targets: dict[str, str] = _option(
        "the column of that data to predict",
        list,
        means="the last",
        metavar="TASK=COLUMN",
        name="target",
    )
    groups: dict[str, str] = _option(
        "the column whose rows of one value stay on one side of a split, such as a patient's number",
        list,
        metavar="TASK=COLUMN",
        name="group",
    )
    problems: dict[str, str] = _option(
        "classification or regression",
        list,
        means="regression where the column to predict holds numbers of many values",
        metavar="TASK=PROBLEM",
        name="problem",
    )
    tests: dict[str, str] = _option(
        "a file of its own for the test part, with the same columns",
        list,
        means="a part of the data that each seed draws",
        metavar="TASK=PATH",
        name="test",
    )
    inputs: dict[str, str] = _option(
        "further columns of a series that the network sees, with commas between them, or all",
        list,
        metavar="TASK=COLUMNS",
    )
    panels: dict[str, str] = _option(
        "the column that names the series of a file that holds several, one below the other",
        list,
        metavar="TASK=COLUMN",
        name="panel",
    )
    folds: int | None = _option(
        "test on each of so many folds in turn, one a seed, in place of parts drawn at random",
        int,
        metavar="K",
    )
    metric: str | None = _option(
        "the score on which verdicts rest: one of the task's, or f1, auroc, r2 or any of torchmetrics, with arguments "
        "such as f1,average=macro",
        means="the task's own",
        metavar="NAME",
    )
    sequential: bool = _option(
        "add seeds to what is undecided until the evidence suffices, at the same error rate",
        bool,
        default=False,
    )
    cap: int | None = _option(
        "maximum number of seeds of a sequence", int, means=str(CAP), metavar="N"
    )
    inference: str | None = _option(
        "what verdicts generalise to: new seeds on this data set, or new data of its population",
        means="the comparison's own",
        choices=("dataset", "population"),
    )
    out: Path = _option("folder for pages", Path, default=Path("results/latest"), metavar="DIR")
    store: Path = _option(
        "file of runs", Path, means="runs.sqlite in the folder for pages", metavar="PATH"
    )
    retrain: bool = _option("train again what is in the store", bool, default=False)
    evidence: bool = _option(
        "write what the pages were made from beside them, for paribus rebuild", bool, default=False
    )
    arm: str = _option(
        "each variant at its stated settings, tuned, or both",
        default="both",
        means="both, where tuning is declared",
        choices=("default", "tuned", "both"),
    )
    trials: int | None = _option(
        "trials a variant and seed in the tuned arm",
        int,
        means="the comparison's; 16 for quick",
        metavar="N",
    )
    jobs: int | None = _option(
        "processes that train side by side", int, means="one a core", metavar="N"
    )
    where: str = _option(
        "where networks are trained: local, local:N, which is the same as --jobs N, the scheduler of a Dask cluster, "
        "as tls://HOST:PORT or tcp://HOST:PORT, or slurm:FILE, jobs of Slurm as in a YAML file",
        default=LOCAL,
        metavar="PLACE",
    )
    unauthenticated: bool = _option(
        "allow tcp beyond this machine, where whoever reaches the port can run code here and on the workers",
        bool,
        default=False,
    )
    limit: float | None = _option(
        "seconds after which what one process trains at once is taken to hang: it is ended, and counts as failed",
        float,
        means="an hour, and 50 times what is predicted, or 2.5 for each step where nothing can be",
        metavar="SECONDS",
    )

    @classmethod
    def from_options(cls, values: Mapping[str, Any]) -> Self:
        """Return the settings that options give.

        Args:
            values: by the options' names; an option that is missing has its default.

        Raises:
            ParibusError: an option has a value that cannot be used.
        """
        given: dict[str, Any] = {
            setting.name: pairs(f"--paribus-{name}", values[name])
            if OPTIONS[name].kind is list
            else values[name]
            for name, setting in _FIELDS.items()
            if name in values
        }
        return cls(**given)

    def __post_init__(self) -> None:
        if self.store is None:
            object.__setattr__(self, "store", self.out / "runs.sqlite")
        for name, setting in _FIELDS.items():
            value, choices = getattr(self, setting.name), OPTIONS[name].choices
            if choices and (value is not None or setting.default is not None):
                choice(f"--paribus-{name}", value, choices)
        self._refuse_two_rules()
        self._refuse_counts()
        if self.device == "cuda":
            from paribus.runs.run import resolve_device

            resolve_device(self.device)
        object.__setattr__(self, "jobs", one_count(self.where, self.jobs))
        if is_slurm(self.where):
            slurm_jobs(self.where)
        elif is_cluster(self.where):
            refuse_without_dask(self.where)
            refuse_open(self.where, unauthenticated=self.unauthenticated)
        refuse_unwritable(self.out)
        usable_path(self.store)
        self._refuse_without_data()

    def _refuse_counts(self) -> None:
        """Refuse numbers of seeds, jobs, trials and folds that are too small, or too large for anybody to mean."""
        for name in ("seeds", "cap", "jobs", "trials", "folds"):
            if (count := getattr(self, name)) is not None and count > MOST:
                raise ParibusError(
                    f"--paribus-{name}",
                    got=count,
                    expected=f"at most {MOST:,}",
                    fix=f"Give a smaller number, or leave --paribus-{name} out.",
                )
        if self.seeds is not None and self.seeds < 2:
            raise ParibusError(
                "number of seeds",
                got=self.seeds,
                expected="at least 2, to have a difference and its spread",
                fix="Use --paribus-seeds 10 or more for a verdict; the least that can reach one is 6.",
            )
        if self.jobs is not None and self.jobs < 1:
            raise ParibusError(
                "number of jobs",
                got=self.jobs,
                expected="at least 1",
                fix="Leave --paribus-jobs out to use one process a core.",
            )
        if self.limit is not None and not self.limit > 0:
            raise ParibusError(
                "time limit",
                got=f"{self.limit:g}",
                expected="a positive number of seconds",
                fix="Leave --paribus-limit out for an hour and more.",
            )
        if self.trials is not None and self.trials < 1:
            raise ParibusError(
                "number of trials",
                got=self.trials,
                expected="at least 1",
                fix="Use --paribus-arm default to leave the tuned arm out.",
            )
        if self.folds is not None and self.folds < 2:
            raise ParibusError(
                "number of folds",
                got=self.folds,
                expected="at least 2",
                fix="Use --paribus-folds 5, or leave it out for parts drawn at random.",
            )

    def _refuse_without_data(self) -> None:
        """Refuse what is said of data that are not given."""
        about = {
            "target": ("column", self.targets),
            "group": ("column", self.groups),
            "problem": ("", self.problems),
            "test": ("file", self.tests),
            "inputs": ("columns", self.inputs),
            "panel": ("column", self.panels),
        }
        for option, (kind, given) in about.items():
            for task in given.keys() - self.data.keys():
                raise ParibusError(
                    f"{option} of task {task!r}",
                    got=f"{kind} {given[task]!r} and no data".strip(),
                    expected="data that it is about",
                    fix=f"Add --paribus-data {task}=PATH.",
                )
        if self.folds is not None and not self.data:
            raise ParibusError(
                "--paribus-folds",
                got=f"{self.folds} and no data",
                expected="folds of a file that --paribus-data names",
                fix="Add --paribus-data TASK=PATH, or leave --paribus-folds out.",
            )
        for problem in self.problems.values():
            choice("--paribus-problem", problem, ("classification", "regression"))

    def _refuse_two_rules(self) -> None:
        """Refuse options that contradict a sequence of seeds, or its absence."""
        slips = {
            "seeds": (self.sequential and self.seeds is not None, "--paribus-cap for the most"),
            "inference": (
                self.sequential and self.inference == "population",
                "seeds, which it is about",
            ),
            "evidence": (self.sequential and self.evidence, "a fixed number of seeds"),
            "cap": (self.cap is not None and not self.sequential, "--paribus-sequential with it"),
        }
        for option, (made, instead) in slips.items():
            if made:
                raise ParibusError(
                    f"--paribus-{option}",
                    got="it beside --paribus-sequential" if self.sequential else "it alone",
                    expected=instead,
                    fix="Choose the rule before the run: a fixed number of seeds, or a sequence.",
                )
        if self.cap is None:
            return
        from paribus.stats import min_seeds_to_stop

        if self.cap < min_seeds_to_stop(1):
            raise ParibusError(
                "cap of a sequence of seeds",
                got=self.cap,
                expected=f"at least {min_seeds_to_stop(1)}, with which one contrast can stop",
                fix=f"Leave --paribus-cap out for {CAP}.",
            )

    @property
    def max_seeds(self) -> int | None:
        """Maximum number of seeds of a sequence, None where the number of seeds is fixed."""
        return (self.cap or CAP) if self.sequential else None

    @property
    def devices(self) -> tuple[str, ...]:
        """Devices that have rows: all for ``auto``, of which those that are not here are skipped with a reason."""
        from paribus.execution.cases import DEVICES

        return DEVICES if self.device == "auto" else (self.device,)

    @property
    def arms(self) -> tuple[Arm, ...]:
        """Arms that are trained, where a comparison has both."""
        from paribus.experiment.tuning import ARMS

        return ARMS if self.arm == "both" else (self.arm,)


def refuse_unwritable(out: Path) -> None:
    """Refuse a folder for pages that cannot be made, before there is anything to write into it.

    Raises:
        ParibusError: names what is in the way.
    """
    usable_path(out)
    there = next(path for path in (out, *out.parents) if path.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise ParibusError(
            "folder for pages",
            got=f"{out}, where {there} is no folder that can be written",
            expected="a folder, or a path where one can be made",
            fix="Name another with --paribus-out.",
        )


def choice(option: str, value: str, choices: Sequence[str]) -> str:
    """Return the value, if it is one of the choices.

    Raises:
        ParibusError: it is not.
    """
    if value not in choices:
        raise ParibusError(
            option,
            got=repr(value),
            expected=f"one of {', '.join(choices)}",
            fix="Choose one of these.",
        )
    return value


SEVERAL = ("--paribus-target", "--paribus-inputs")  # options that take several columns


def pairs(option: str, values: Iterable[str]) -> dict[str, str]:
    """Return ``NAME=VALUE`` texts as a mapping; columns that are named one after the other are several.

    Raises:
        ParibusError: a text has no name, no value or no equals sign, or a name has two values and can have one.
    """
    made: dict[str, str] = {}
    for text in values:
        name, _, value = text.partition("=")
        if not (name and value):
            raise ParibusError(
                option,
                got=repr(text),
                expected="TASK=VALUE, such as tabular=patients.csv",
                fix=f"Write {option} tabular=... with no spaces round the equals sign.",
            )
        if name in made and option not in SEVERAL:
            raise ParibusError(
                option,
                got=f"{made[name]!r} and {value!r} for task {name!r}",
                expected="one of them",
                fix=f"Give {option} once a task.",
            )
        made[name] = f"{made[name]},{value}" if name in made else value
    return made


_FIELDS = {made.metadata["option"].name or made.name: made for made in fields(Settings)}

OPTIONS: dict[str, Option] = {name: made.metadata["option"] for name, made in _FIELDS.items()}
"""Every option by its name, in the order of the help."""
