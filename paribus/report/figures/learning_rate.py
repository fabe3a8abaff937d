"""Learning rate of each variant against the step, where the recipe or an optimizer changes it as it goes."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from paribus.analysis.results import Result, Row
from paribus.report.figures.learning_curves import STEPS, caption, drawn, plot_figure
from paribus.report.figures.plotting import Band, End, band, draw, name_ends, quartiles, style
from paribus.spec import Call
from paribus.training.schedule import CURVE

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def curves(result: Result) -> Figure | None:
    """Draw the rate at each evaluation, or None where no variant changes it; one that stays is a level line."""
    rows = drawn(result)
    if not any(_names(row) for row in rows.values()):
        return None
    bands = {name: each for label, row in rows.items() for name, each in _bands(label, row).items()}
    figure = plot_figure(8.0, 3.0)
    axes = figure.add_subplot()
    draw(axes, bands, STEPS)
    axes.set_ylabel("learning rate", fontsize=9)
    figure.suptitle(caption(result), fontsize=10)
    ends = [
        End(name, float(b.steps[-1]), float(b.middle[-1]), style(i)["color"])
        for i, (name, b) in enumerate(bands.items())
    ]
    name_ends(axes, ends)
    return figure


def _names(row: Row) -> list[str]:
    """Return the names of a variant's curves of its rate."""
    return list(dict.fromkeys(n for r in row.present for n in r.curves if n.startswith(CURVE)))


def _bands(label: str, row: Row) -> dict[str, Band]:
    """Return the rates of a variant, one for each of its optimizers that differs."""
    names, rate = _names(row), constant_rate(row.variant.recipe.optimizer)
    if not names:
        if rate is None:
            return {}
        return {label: quartiles([0, row.variant.recipe.steps], [[rate, rate]])}
    return {
        ", ".join([label, *name.split("/", 1)[1:]]): band(
            [r for r in row.present if r.curves.get(name)], name
        )
        for name in names
    }


def constant_rate(optimizer: Call | tuple[tuple[str, Call], ...]) -> float | None:
    """Return the rate that one optimizer is given, or has by default; None where that cannot be told.

    >>> from paribus.spec import call
    >>> constant_rate(call("torch.optim:Adam")), constant_rate(call("torch.optim:SGD", lr=0.5))
    (0.001, 0.5)
    """
    if not isinstance(optimizer, Call):
        return None
    default = inspect.signature(optimizer.resolve()).parameters.get("lr")
    rate = optimizer.kwargs.get("lr", default.default if default else None)
    return float(rate) if isinstance(rate, int | float) else None
