"""Another primary score for a task or suite: one of the task's own, or any that has a name."""

from __future__ import annotations

import json
from typing import Any

from paribus.errors import ParibusError
from paribus.experiment.comparison import Comparison
from paribus.experiment.named_metric import metric, refuse_margin
from paribus.experiment.suite import Suite
from paribus.experiment.task import Metric, Task
from paribus.experiment.variant import within

ASKED = "Verdicts rest on the score that `--metric {}` asked for; claims about other scores are not asked."


def scored_by(task: Task, score: str | Metric, margin: float | None = None) -> Task:
    """Return a task whose verdicts rest on another score.

    Args:
        task: keeps its other scores.
        score: a metric; the name of one that the task has; or one as `paribus.metric` knows it, arguments after it:
            ``f1,average=macro,margin=0.01``.
        margin: of the score, if it is another than its own.

    Raises:
        ParibusError: there is no such score.
    """
    made = score if isinstance(score, Metric) else _named(task, score)
    if margin is not None:
        refuse_margin(f"margin of {made.name}", margin)
        made = Metric(**{**dict(made), "margin": margin, "margin_reason": ""})
    return task.with_metric(made)


def _named(task: Task, text: str) -> Metric:
    name, *rest = (part.strip() for part in text.split(","))
    own = next((m for m in task.metrics if m.name == name and not rest), None)
    return metric(name, **_arguments(text, rest)) if own is None else own


def _arguments(text: str, parts: list[str]) -> dict[str, Any]:
    """Return ``NAME=VALUE`` texts as arguments, numbers and truth values as such."""
    made: dict[str, Any] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        if not equals or not name.isidentifier() or name in made:
            raise ParibusError(
                "--paribus-metric",
                got=f"{text!r}, with {name!r} twice" if name in made else repr(text),
                expected="a name, and arguments as NAME=VALUE after commas, such as f1,average=macro",
                fix="Give each argument once." if name in made else "Write it without blanks.",
            )
        try:
            made[name] = json.loads(value.lower() if value in ("True", "False") else value)
        except ValueError:
            made[name] = value
    return made


def scored_suite(suite: Suite, score: str) -> Suite:
    """Return a suite whose verdicts rest on another score; what it claims of its own scores is not asked.

    Raises:
        ParibusError: there is no such score, or a comparison is about scores.
    """
    comparisons = tuple(scored_comparison(comparison, score) for comparison in suite.comparisons)
    return suite.model_copy(update={"comparisons": comparisons, "claims": (), "across": None})


def scored_comparison(comparison: Comparison, score: str) -> Comparison:
    """Return a comparison whose verdicts rest on another score, without its claims unless it is its own.

    Raises:
        ParibusError: there is no such score, or the comparison is about scores.
    """
    varied = any(
        within(path, root) for path in comparison.paths for root in ("metric", "task.metrics")
    )
    if varied or comparison.metric is not None:
        raise ParibusError(
            "--paribus-metric",
            got=f"{score!r} for comparison {comparison.name!r}, which is about scores of its own",
            expected="a comparison of trainings",
            fix="Leave --paribus-metric out, or select other suites.",
        )
    task = scored_by(comparison.task, score)
    if task.primary.function == comparison.task.primary.function:
        return comparison.model_copy(update={"task": task})
    notes = tuple(dict.fromkeys((*comparison.notes, ASKED.format(score))))
    update = {"task": task, "claims": (), "target": None, "notes": notes}
    return comparison.model_copy(update=update)


def asked_score(comparison: Comparison) -> str | None:
    """Return the score that was asked for in place of a comparison's own, or None, as its notes say."""
    start, end = ASKED.split("{}")
    asked = (n for n in comparison.notes if n.startswith(start) and n.endswith(end))
    return next((note.removeprefix(start).removesuffix(end) for note in asked), None)
