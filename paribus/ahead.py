"""Machine code of the steps of suites, made before it is needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from paribus.cells import cells, skip_reason
from paribus.comparison import Suite
from paribus.engines import Question, compile_each
from paribus.plan import Plan
from paribus.progress import Progress
from paribus.settings import Settings


def compile_steps(suites: Sequence[Suite], settings: Settings, progress: Progress) -> Iterator[str]:
    """Compile the steps of every cohort that these settings train, side by side; yields a line about each.

    Raises:
        ParibusError: as of `Plan.prepare`.
    """
    plan = Plan(replace(settings, engine="stacked", store=Path(":memory:")))
    with plan.store:
        every = [c for c in settings.wanted(cells(suites)) if not skip_reason(c.device)]
        plan.prepare(every)
        asked = {cohort: q for each in plan.questions(every).values() for cohort, q in each.items()}
        questions = list(asked.values())
        with progress.batch("compiling", len(questions), 0.0, "kinds") as advance:
            for i, found in compile_each(questions, plan.jobs):
                advance()
                yield f"{_name(questions[i])}: {found}"


def _name(question: Question) -> str:
    run = question.run
    return f"{run.recipe.model.label} on {run.task.name} with {run.recipe.optimizer.label}, {run.recipe.steps} steps"
