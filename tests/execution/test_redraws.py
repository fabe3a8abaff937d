"""Runs in which one source is drawn anew: what changes, what stands, and which sources draw anything."""

from __future__ import annotations

from dataclasses import replace

import pytest

from paribus import call
from paribus.execution.executor import train_chunk
from paribus.execution.redraws import Redraws, drawing
from paribus.runs.run import Run
from tests.helpers.toys import REDRAWN, a_run, comparison

RUN = a_run()
DROPOUT = call("paribus.models.mlp:MLP", hidden=[4], dropout=0.5)


def hashes(run: Run) -> dict[str, object]:
    (record,) = train_chunk([run])
    return {**record.hashes, "score": record.scores["log_loss"]}


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        # An order is of sample numbers within the training part, whichever samples these are.
        ("split", {"split", "score"}),
        ("init", {"init", "score"}),
        ("order", {"order", "score"}),
        ("noise", {"score"}),
    ],
)
def test_one_source_changes_and_the_others_stand(source: str, changed: set[str]) -> None:
    run = a_run(model=DROPOUT)
    stands, anew = hashes(run), hashes(replace(run, redrawn=((source, 5),)))
    assert {name for name in stands if stands[name] != anew[name]} == changed


def test_data_are_drawn_anew_apart_from_the_split_of_them() -> None:
    run = a_run(task=REDRAWN)
    stands, anew = hashes(run), hashes(replace(run, redrawn=(("data", 5),)))
    assert (stands["data"], stands["split"]) != (anew["data"], anew["split"])
    assert stands["data"] == hashes(replace(run, redrawn=(("split", 5),)))["data"]
    assert (stands["order"], stands["init"]) == (anew["order"], anew["init"])


def test_every_source_anew_is_the_run_of_that_seed() -> None:
    run = a_run(model=DROPOUT, task=REDRAWN)
    every = tuple((source, 5) for source in ("data", "split", "init", "order", "noise"))
    assert hashes(replace(run, redrawn=every)) == hashes(replace(run, seed=5))


@pytest.mark.parametrize(
    ("run", "sources"),
    [
        (RUN, {"split", "init", "order"}),
        (a_run(model=DROPOUT), {"split", "init", "order", "noise"}),
        (a_run(task=REDRAWN), {"data", "split", "init", "order"}),
        (
            a_run(
                task=RUN.task.model_copy(update={"split": call("paribus.data.splits:time_split")})
            ),
            {"init", "order"},
        ),
    ],
    ids=["a network", "dropout", "drawn data", "a split by time"],
)
def test_sources_that_draw_nothing_are_left_out(run: Run, sources: set[str]) -> None:
    assert drawing(run) == sources


def test_a_source_counts_where_any_variant_draws_from_it() -> None:
    made = comparison(
        "recipe.model.dropout", {"0": 0.0, ".5": 0.5}, recipe=a_run(model=DROPOUT).recipe
    )
    redraws = Redraws(2)
    runs = [a_run(seed) for seed in range(4)]
    added = redraws(made, "tuned", runs)
    sources = ("split", "init", "order", "noise", "search")
    assert redraws.sources(made, "tuned", runs[0]) == sources
    assert [(run.seed, run.redrawn) for run in added] == [
        (seed, ((source, seed + 2),)) for source in sources for seed in (0, 1)
    ]
