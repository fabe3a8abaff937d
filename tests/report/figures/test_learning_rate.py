"""Figure of the learning rate: who changes it, and who keeps it."""

from __future__ import annotations

from paribus import Factor, call
from paribus.report.figures import learning_rate
from tests.helpers.handmade import Bench, around, comparison

COSINE = call("torch.optim.lr_scheduler:CosineAnnealingLR")
SCHEDULES = Factor("recipe.schedule", {"constant": None, "cosine": COSINE})


def test_rates_are_drawn_where_a_variant_changes_its_own(store) -> None:
    made = comparison(factors=(SCHEDULES,), baseline=("constant",), claims=())
    bench = Bench(store, made)
    bench.put("constant", around(0.4))
    bench.put(
        "cosine", around(0.3), curves={"step": [0, 10, 20], "learning_rate": [0.1, 0.05, 0.0]}
    )
    (axes,) = learning_rate.curves(bench.result()).axes
    lines = {line.get_label(): line.get_ydata().tolist() for line in axes.lines}
    rate = made.recipe.optimizer.kwargs["lr"]
    assert lines == {"constant": [rate, rate], "cosine": [0.1, 0.05, 0.0]}


def test_nothing_is_drawn_where_rates_stay(store) -> None:
    bench = Bench(store, comparison(factors=(SCHEDULES,), baseline=("constant",), claims=()))
    for name in SCHEDULES.levels:
        bench.put(name, around(0.4))
    assert learning_rate.curves(bench.result()) is None
