"""What can be chosen at both doors: ``--paribus-NAME`` of pytest, ``--NAME`` of the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# Read by every pytest run in an environment that has paribus, so that nothing heavy is imported here.


@dataclass(frozen=True)
class Option:
    """One choice; what it sets is the field of its name in `paribus.execution.settings.Settings`.

    Args:
        what: what is chosen, in a phrase.
        kind: of the value: ``str``, ``int``, ``bool`` for a switch, ``list`` for what may be given again.
        default: the value where none is given.
        means: what the default stands for, where that is not plain.
        metavar: what stands for the value in the help.
        choices: the values that it may have, if not any.
    """

    what: str
    kind: type = str
    default: Any = None
    means: str = ""
    metavar: str = ""
    choices: tuple[str, ...] = ()

    @property
    def help(self) -> str:
        """What is chosen, and what holds where nothing is."""
        default = self.means or self.default
        return f"{self.what} (default: {default})" if default else self.what

    @property
    def value(self) -> str:
        """What stands for the value in the help."""
        return self.metavar or "|".join(self.choices)


OPTIONS = {
    "seeds": Option("paired seeds a variant", int, means="the budget's; 10 for quick", metavar="N"),
    "budget": Option("how many steps and seeds", default="quick", choices=("quick", "full")),
    "device": Option(
        "where to train",
        default="auto",
        means="auto, wherever this machine can",
        choices=("auto", "cpu", "cuda"),
    ),
    "engine": Option(
        "how to train: one run at a time, or all at once",
        default="auto",
        means="auto, whichever measures faster",
        choices=("auto", "loop", "stacked"),
    ),
    "data": Option(
        "your own data for a task, such as water=patients.csv; may be repeated",
        list,
        metavar="TASK=PATH",
    ),
    "target": Option(
        "the column of that data to predict", list, means="the last", metavar="TASK=COLUMN"
    ),
    "sequential": Option(
        "add seeds to what is still open until the evidence is there, at an error rate that is kept",
        bool,
        default=False,
    ),
    "cap": Option("most seeds of such a sequence", int, means="30", metavar="N"),
    "inference": Option(
        "what verdicts speak of: new seeds on this data set, or new data",
        means="the comparison's own",
        choices=("dataset", "population"),
    ),
    "out": Option("folder for pages", default="results/latest", metavar="DIR"),
    "store": Option("file of runs", means="runs.sqlite in the folder for pages", metavar="PATH"),
    "retrain": Option("train again what is in the store", bool, default=False),
    "evidence": Option(
        "write what the pages were made from beside them, for paribus rebuild", bool, default=False
    ),
    "arm": Option(
        "each variant at its stated settings, tuned, or both",
        default="both",
        means="both, where tuning is declared",
        choices=("default", "tuned", "both"),
    ),
    "trials": Option(
        "trials a variant and seed in the tuned arm",
        int,
        means="the comparison's; 16 for quick",
        metavar="N",
    ),
    "jobs": Option("processes that train side by side", int, means="one a core", metavar="N"),
}
