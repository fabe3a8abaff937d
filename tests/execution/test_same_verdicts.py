"""Engines round otherwise, and say the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

import paribus as pb
from paribus.engines.simd.trainer import COMPILED
from paribus.execution.cases import cases
from paribus.execution.engine_choice import EngineChoice
from paribus.execution.session import Session
from tests.helpers import toys

RATES = {"none": 1e-9, "as none": 2e-9, "some": 0.05, "much": 0.1}
FIELDS = ("decision", "size", "reason", "wins", "outcomes")


@pytest.mark.slow
def test_every_engine_gives_the_same_verdicts(
    opened: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = toys.suite(
        toys.comparison(
            task=toys.TASK.model_copy(update={"source": pb.call(toys.points, apart=4.0)}),
            levels={name: pb.call("torch.optim:Adam", lr=rate) for name, rate in RATES.items()},
            budgets={"quick": pb.Budget(8, 120, 8)},
        )
    )
    told: dict[str, list[Any]] = {}
    for engine in ("loop", "stacked", COMPILED):

        def resolved(
            queries: Sequence[Any], *_: Any, engine: str = engine
        ) -> Iterator[tuple[int, EngineChoice]]:
            return ((i, EngineChoice(engine, "asked for")) for i in range(len(queries)))

        monkeypatch.setattr("paribus.execution.engine_selection.resolve_each", resolved)
        session = opened(made, store=engine, seeds=8)
        listed = [case for case in cases([made]) if case.device == "cpu"]
        session.prepare(listed)
        assert session.train_each(listed) == []
        (result,) = session.study.results(listed)
        assert {r.provenance["engine"] for row in result.rows for r in row.present} == {engine}
        told[engine] = [
            [name, *(getattr(contrast, field, None) for field in FIELDS)]
            for name, contrast in result.contrasts.items()
        ]
    assert repr(told["stacked"]) == repr(told["loop"])
    assert repr(told[COMPILED]) == repr(told["loop"])
    decisions = {str(contrast[1]) for contrast in told["loop"]}
    assert len(decisions) > 1
