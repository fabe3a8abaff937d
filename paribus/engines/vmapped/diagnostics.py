"""Diagnostics of a cohort: this project's own of all replicates at once, others of one network after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.func import vmap
from torch.utils._pytree import tree_leaves

from paribus.engines.vmapped.diagnostic_pass import DiagnosticPass
from paribus.metrics import diagnostic_numbers as of_tensors
from paribus.metrics import diagnostics
from paribus.metrics.diagnostic_numbers import Numbers
from paribus.metrics.diagnostics import LastStep
from paribus.spec import Call
from paribus.training.dropout import NamedDropout
from paribus.training.loop import DIAGNOSED
from paribus.training.run_state import diagnosed

if TYPE_CHECKING:
    from paribus.engines.vmapped.trainer import StackedTraining


class Form(NamedTuple):
    """Diagnostic as a function of tensors of one network, and what it reads, as `DiagnosticPass` names it."""

    diagnostic: Callable[..., dict[str, float]]
    numbers: Callable[..., Numbers]
    reads: tuple[str, ...]


LAST = LastStep._fields
FORMS = (
    Form(diagnostics.gradient_norms, of_tensors.gradient_norms, ("weight_gradients",)),
    Form(diagnostics.layer_variances, of_tensors.layer_variances, ("layers", "layer_gradients")),
    Form(diagnostics.border_sensitivity, of_tensors.border_sensitivity, ("image_gradient",)),
    Form(diagnostics.activations, of_tensors.activations, ("outputs", "activations")),
    Form(diagnostics.train_fit, of_tensors.train_fit, ("fitted", "losses")),
    Form(diagnostics.all_zero_output, of_tensors.all_zero_output, ("outputs",)),
    Form(diagnostics.update_norm, of_tensors.update_norm, LAST),
)
Values = dict[str, dict[int, float]]
"""Numbers by name and replicate."""


class CohortDiagnostics:
    """Diagnostics of a cohort in training, as `paribus.training.run_state.diagnosed` takes them of one run.

    Args:
        asked: diagnostics of each of its runs.

    Attributes:
        refused: why replicates are diagnosed one by one though there are forms, or nothing.
    """

    def __init__(self, asked: Sequence[Call]) -> None:
        self.asked = asked
        self.forms = {
            call: form
            for call in asked
            for form in FORMS
            if call.resolve() is form.diagnostic and not call.kwargs
        }
        self.refused = ""
        self._passing: DiagnosticPass | None = None

    def __call__(self, training: StackedTraining, going: Tensor) -> dict[str, list[float]]:
        """Return what is diagnosed of those that are going, ``(replicate,)`` of truth values; NaN for the others."""
        values: Values = {}
        rows = going.nonzero()[:, 0]
        for stacked, group in groupby(self.asked, lambda call: call in self.forms):
            diagnosed_by = self._together if stacked else _apart
            for name, numbers in diagnosed_by(training, [*group], rows).items():
                values.setdefault(name, {}).update(numbers)
        everyone = range(len(going))
        return {name: [of.get(i, math.nan) for i in everyone] for name, of in values.items()}

    def _together(self, training: StackedTraining, asked: Sequence[Call], rows: Tensor) -> Values:
        """Return the diagnostics of some replicates by their forms, or one by one where those are refused."""
        if not self.refused:
            try:
                return self._by_forms(training, asked, rows)
            except Exception as error:  # noqa: BLE001 - whatever vmap says; an error of the network's own is raised below
                self.refused = f"{type(error).__name__}: {error}"
        return _apart(training, asked, rows)

    def _by_forms(self, training: StackedTraining, asked: Sequence[Call], rows: Tensor) -> Values:
        if self._passing is None:
            reads = {name for form in self.forms.values() for name in form.reads}
            self._passing = DiagnosticPass(training, reads - {*LAST})
        values: Values = {}
        for some, passed in self._passing(training, rows.to(training.device)):
            seen = passed | _last(training, some)
            for call in asked:
                for name, numbers in _mapped(self.forms[call], seen).items():
                    of = zip(some.tolist(), numbers.tolist(), strict=True)
                    values.setdefault(name, {}).update(of)
        return values


def _last(training: StackedTraining, rows: Tensor) -> dict[str, Tensor]:
    """Return what the last step did, ``(replicate, parameter)``; before the first one it is not a number."""
    if training.last is None:
        return dict.fromkeys(LAST, torch.full((len(rows), 1), math.nan))
    return {name: x[rows] for name, x in zip(LAST, training.last, strict=True)}


def _apart(training: StackedTraining, asked: Sequence[Call], rows: Tensor) -> Values:
    """Return the diagnostics of some replicates, each as an ordinary network."""
    values: Values = {}
    for index in rows.tolist():
        for name, value in _of(training, index, tuple(asked)).items():
            values.setdefault(name, {})[index] = value
    return values


def _of(training: StackedTraining, index: int, asked: tuple[Call, ...]) -> dict[str, float]:
    run, network = replace(training.runs[index], diagnostics=asked), training.scratch
    training.stack.load(network, index)
    network.train()
    part = training.splits[index].part("train", DIAGNOSED)
    noise = [m for m in network.modules() if isinstance(m, NamedDropout)]
    for layer in noise:
        layer.streams = run.streams
    last = None if training.last is None else LastStep(*(x[index] for x in training.last))
    on_device = part.to(training.device, training.dtype)
    return diagnosed(run, network, noise, training.steps, on_device, last)


def _mapped(form: Form, seen: Mapping[str, Any]) -> Numbers:
    """Return a form's numbers of each replicate, ``(replicate,)`` each."""
    tensors = [seen[name] for name in form.reads]
    if not tree_leaves(tensors):  # such as the hidden layers of a network of one
        return form.numbers(*tensors)
    numbers: Numbers = vmap(form.numbers)(*tensors)
    return numbers
