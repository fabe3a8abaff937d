"""Cells: the variants of comparisons, on each device and in each arm, that tests and tables are made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch

from paribus.experiment.comparison import Comparison
from paribus.experiment.suite import Suite
from paribus.experiment.tuning import ARMS, Arm
from paribus.runs.environment import then

DEVICES = ("cpu", "cuda")
NO_GPU = "no CUDA device was found"


class Case(NamedTuple):
    """One cell of a table: a variant of a comparison of a suite on a device."""

    suite: Suite
    comparison: Comparison
    variant: str
    device: str
    arm: Arm = "default"

    @property
    def address(self) -> str:
        """All of its names, which no other cell of a session has; quicker to compare than the cell."""
        parts = (self.suite.name, self.comparison.name, self.variant, self.device, self.arm)
        return "/".join(parts)

    @property
    def name(self) -> str:
        """How tests name it, such as ``optimizers-adam-cpu`` or ``optimizers-adam-tuned-cpu``."""
        several = len(self.suite.comparisons) > 1
        parts = [self.suite.name, *([self.comparison.name] if several else [])]
        variant = self.variant.replace(" × ", "+").replace(" ", "_")
        arm = [] if self.arm == "default" else [self.arm]
        return "-".join([*parts, variant, *arm, self.device])


def skip_reason(device: str) -> str:
    """Why nothing runs on a device, or nothing."""
    if machine := then():
        return machine.skipped.get(device, "")
    return NO_GPU if device == "cuda" and not torch.cuda.is_available() else ""


def cases(suites: Iterable[Suite]) -> list[Case]:
    """Every cell of the suites on every device, the baseline of each comparison and arm first."""
    return [
        Case(suite, comparison, variant.name, device, arm)
        for device in DEVICES
        for suite in suites
        for comparison in suite.comparisons
        for arm in arms(comparison)
        for variant in comparison.variants()
    ]


def arms(comparison: Comparison) -> tuple[Arm, ...]:
    """The arms that a comparison declares."""
    return ARMS if comparison.tuning is not None else ARMS[:1]
