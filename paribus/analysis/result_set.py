"""Result set: scores, verdicts, times and origin of a folder of results, as one small file; needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationError

from paribus.data.paths import usable_path
from paribus.errors import ParibusError
from paribus.spec import Frozen

FILE = "result_set.json"
FORMAT: Final = 1
# What of a run's provenance tells sets apart; the rest, such as why an engine was chosen, is on the pages.
ORIGIN = ("torch", "python", "device", "threads", "engine", "commit")


class VariantRuns(Frozen):
    """Runs of a variant; what is of each run is ``(seed,)``, in the order of the comparison's seeds.

    Attributes:
        missing: why it has no runs to speak of, or nothing; then all else is empty.
        scores: the primary score; None where a run has no finite one.
        outcomes: ``completed``, ``diverged``, ``exhausted``, ``skipped`` or ``undefined``.
        failure: what a failed run scores.
        verdict: as it was printed, ``baseline`` for the baseline itself, or nothing where it was withheld.
        word: verdict without its remarks.
        size: ``beyond``, ``within`` or ``open`` beside the margin, or nothing.
        data, split, start, settings: hashes of the data, of who is in which part, of the initial weights, and of
            recipe and metric, each over all seeds.
        step_seconds: of training, evaluation left out, a step.
        timed: seconds of one step of the loop, ``(round,)``, where steps were timed.
    """

    name: str
    missing: str = ""
    scores: tuple[float | None, ...] = ()
    outcomes: tuple[str, ...] = ()
    failure: tuple[float, ...] = ()
    verdict: str = ""
    word: str = ""
    size: str = ""
    data: str = ""
    split: str = ""
    start: str = ""
    settings: str = ""
    step_seconds: tuple[float, ...] = ()
    timed: tuple[float, ...] = ()


class ComparisonRuns(Frozen):
    """One arm of a comparison on one device.

    Attributes:
        metric: name of the primary score, of which `unit`, `higher_is_better` and `margin` are.
        rounding: relative difference up to which scores are equal.
        origin: values of each of `ORIGIN` among the runs.
        dates: days of the first and the last run, as far as they are known.
    """

    suite: str
    comparison: str
    arm: str
    device: str
    metric: str
    unit: str
    higher_is_better: bool
    margin: float | None
    rounding: float
    seeds: tuple[int, ...]
    steps: int
    origin: dict[str, tuple[str, ...]]
    dates: tuple[str, ...]
    variants: tuple[VariantRuns, ...]

    @property
    def name(self) -> str:
        """Its suite, its own name where it has another, and its arm where it is tuned."""
        parts = dict.fromkeys((self.suite, self.comparison))
        return ", ".join([*parts, *(["tuned"] if self.arm == "tuned" else [])])


class ResultSet(Frozen):
    """Everything that two folders of results are compared by."""

    format: Literal[1] = FORMAT
    comparisons: tuple[ComparisonRuns, ...]


def read_sets(folders: Sequence[Path]) -> tuple[list[ResultSet], list[str]]:
    """Read the result sets of folders; returns them and a short name for each.

    Raises:
        ParibusError: fewer than two, one of them twice, or one that cannot be read.
    """
    if len(folders) < 2:
        raise ParibusError(
            "paribus compare",
            got=f"one folder, {folders[0]}",
            expected="two or more",
            fix="Name what it is held against first: paribus compare BEFORE AFTER.",
        )
    places = [usable_path(folder).resolve() for folder in folders]
    for folder, place in zip(folders, places, strict=True):
        if places.count(place) > 1:
            raise ParibusError(
                "paribus compare",
                got=f"{folder} twice",
                expected="different folders",
                fix="Name each once.",
            )
    names = [place.name for place in places]
    distinct = len({*names}) == len(names)
    sets = [read_set(usable_path(folder)) for folder in folders]
    return sets, names if distinct else [str(folder) for folder in folders]


def read_set(folder: Path) -> ResultSet:
    """Read the result set of a folder.

    Raises:
        ParibusError: there is no folder, it holds no result set, or one of another format.
    """
    path = folder / FILE
    if not folder.is_dir():
        raise _refusal(f"{folder}, which is no folder", "Run the suites with --out first.")
    if not path.is_file():
        raise _refusal(
            f"{folder} without {FILE}",
            "Make its pages again: paribus run SUITE --out FOLDER trains nothing that is stored, and paribus rebuild "
            "FOLDER --out NEW reads its evidence.",
        )
    try:
        return ResultSet.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise _refusal(
            f"{path}, which does not read as format {FORMAT}",
            "Another version of paribus wrote it: make the pages again with this one.",
        ) from error


def _refusal(got: str, fix: str) -> ParibusError:
    return ParibusError(
        "result set",
        got=got,
        expected=f"a folder that paribus run or the benchmarks wrote, with its {FILE}",
        fix=fix,
    )
