"""Runs in which one source of randomness is drawn anew while the others stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from paribus.data.dataset import digest_tensors
from paribus.execution.executor import run_error_context, split_of
from paribus.execution.pool import one_thread
from paribus.experiment.comparison import Comparison
from paribus.experiment.tuning import Arm
from paribus.runs.run import Run
from paribus.training.loop import Training, deterministic

SOURCES = ("data", "split", "init", "order", "noise", "search")
"""Sources of randomness, in the order of pages; ``data`` where these are drawn, ``search`` where settings are tuned."""
TRIED_STEPS = 2


class Redraws:
    """Adds to the runs of a variant those in which one source after the other is drawn anew.

    Of ``2 n`` seeds the first ``n`` stand. Run ``i`` of a source is run ``i`` of these with that source's seed taken
    from the other half.

    Args:
        draws: ``n``, how often each source is drawn anew.
    """

    def __init__(self, draws: int) -> None:
        self.draws = draws
        self._sources: dict[tuple[str, Arm], tuple[str, ...]] = {}

    def __call__(self, comparison: Comparison, arm: Arm, runs: Sequence[Run]) -> list[Run]:
        """Return the runs to add, source by source."""
        pairs = list(zip(runs[: self.draws], runs[self.draws :], strict=True))
        return [
            replace(run, redrawn=((source, other.seed),))
            for source in self.sources(comparison, arm, runs[0])
            for run, other in pairs
        ]

    def sources(self, comparison: Comparison, arm: Arm, run: Run) -> tuple[str, ...]:
        """Return the sources that draw anything in any variant of a comparison.

        Args:
            comparison: whose variants.
            arm: the search draws in the tuned one alone.
            run: any of its runs, for seed and device.
        """
        key = (comparison.name, arm)
        if key not in self._sources:
            of_each = [
                drawing(replace(run, task=v.task, recipe=v.recipe)) for v in comparison.variants()
            ]
            drawn = set().union(*of_each, {"search"} if arm == "tuned" else ())
            self._sources[key] = tuple(source for source in SOURCES if source in drawn)
        return self._sources[key]


def drawing(run: Run) -> set[str]:
    """Return the sources from which a run draws: those that change its data or its first steps.

    One that starts from another training may draw from all of them, which is not tried: that training may take long.

    Raises:
        ParibusError: the network, the loss or the data raise an error.
    """
    drawn = {"data"} if run.task.redrawn and not run.task.from_file else set()
    tried = ("split", "init", "order", "noise")
    if run.recipe.start is not None:
        return drawn | {*tried}
    with one_thread(), run_error_context(run):
        stands = _begun(run)
        return drawn | {
            source
            for source in tried
            if _begun(replace(run, redrawn=((source, run.seed + 1),))) != stands
        }


def _begun(run: Run) -> str:
    """Return a hash of a run's parts and of its weights after its first steps, by the loop."""
    split = split_of(run)
    with deterministic(run):
        training = Training(replace(run, diagnostics=()), split)
        training.advance(min(TRIED_STEPS, run.recipe.steps))
    test = split.part("test")
    weights = [weight.detach() for weight in training.network.parameters()]
    return f"{split.digest} {digest_tensors((*test.inputs, *test.targets, *weights))}"
