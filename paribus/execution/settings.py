"""Settings: what a user chose, checked before anything is done with it. Both doors make them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from paribus.errors import ParibusError
from paribus.execution.cases import DEVICES
from paribus.experiment.tuning import ARMS, Arm
from paribus.runs.run import resolve_device
from paribus.stats import min_seeds_to_stop

CAP = 30
"""Most seeds of a sequence, unless told otherwise."""


@dataclass(frozen=True)
class Settings:
    """What a user chose; every field has the default of the option of its name.

    Attributes:
        seeds: paired seeds a variant; None takes the budget's.
        budget: ``quick`` or ``full``.
        device: ``auto``, ``cpu`` or ``cuda``.
        engine: ``auto``, ``loop`` or ``stacked``.
        data: paths of the user's own data, by task.
        targets: columns to predict, by task.
        out: folder for pages.
        store: file of runs.
        inference: ``dataset``, or ``population`` for verdicts of new data; None takes each comparison's own.
        retrain: train again what is already in the store.
        jobs: processes that train side by side; None is one a core.
        evidence: write what the pages were made from beside them.
        trials: trials a variant and seed in the tuned arm; None takes the comparison's.
        arm: ``default``, ``tuned`` or ``both``.
        sequential: add seeds to what is still open until the evidence is there, instead of a fixed number.
        cap: most seeds of a sequence; None is `CAP`.
    """

    seeds: int | None = None
    budget: str = "quick"
    device: str = "auto"
    engine: str = "auto"
    data: dict[str, str] = field(default_factory=dict)
    targets: dict[str, str] = field(default_factory=dict)
    out: Path = Path("results/latest")
    store: Path = Path("results/latest/runs.sqlite")
    retrain: bool = False
    jobs: int | None = None
    inference: str | None = None
    evidence: bool = False
    trials: int | None = None
    arm: str = "both"
    sequential: bool = False
    cap: int | None = None

    def __post_init__(self) -> None:
        self._refuse_two_rules()
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
        if self.trials is not None and self.trials < 1:
            raise ParibusError(
                "number of trials",
                got=self.trials,
                expected="at least 1",
                fix="Use --paribus-arm default to leave the tuned arm out.",
            )
        if self.device != "auto":
            resolve_device(self.device)
        refuse_unwritable(self.out)
        for task in self.targets.keys() - self.data.keys():
            raise ParibusError(
                f"target of task {task!r}",
                got=f"column {self.targets[task]!r} and no data",
                expected="data to take the column from",
                fix=f"Add --paribus-data {task}=PATH.",
            )

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
        if self.cap is not None and self.cap < min_seeds_to_stop(1):
            raise ParibusError(
                "cap of a sequence of seeds",
                got=self.cap,
                expected=f"at least {min_seeds_to_stop(1)}, with which one contrast can stop",
                fix=f"Leave --paribus-cap out for {CAP}.",
            )

    @property
    def most(self) -> int | None:
        """Most seeds of a sequence, None where the number of seeds is fixed."""
        return (self.cap or CAP) if self.sequential else None

    @property
    def devices(self) -> tuple[str, ...]:
        """Devices that have rows: all for ``auto``, of which those that are not here are skipped with a reason."""
        return DEVICES if self.device == "auto" else (self.device,)

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arms that are trained, where a comparison has both."""
        return ARMS if self.arm == "both" else (self.arm,)


def refuse_unwritable(out: Path) -> None:
    """Refuse a folder for pages that cannot be made, before there is anything to write into it.

    Raises:
        ParibusError: names what is in the way.
    """
    there = next(path for path in (out, *out.parents) if path.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise ParibusError(
            "folder for pages",
            got=f"{out}, where {there} is no folder that can be written",
            expected="a folder, or a path where one can be made",
            fix="Name another with --paribus-out.",
        )


def choice(option: str, value: str, choices: Sequence[str]) -> str:
    """The value, if it is one of the choices.

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


def speaks(option: str, value: str | None) -> str | None:
    """What verdicts are to speak of, None for each comparison's own.

    Raises:
        ParibusError: it is neither seeds nor data.
    """
    return None if value is None else choice(option, value, ("dataset", "population"))


def pairs(option: str, values: Iterable[str]) -> dict[str, str]:
    """``NAME=VALUE`` texts as a mapping.

    Raises:
        ParibusError: a text has no name, no value or no equals sign.
    """
    made = {}
    for text in values:
        name, _, value = text.partition("=")
        if not (name and value):
            raise ParibusError(
                option,
                got=repr(text),
                expected="TASK=VALUE, such as water=patients.csv",
                fix=f"Write {option} water=... with no spaces round the equals sign.",
            )
        made[name] = value
    return made
