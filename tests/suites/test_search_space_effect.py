"""Ranking inversion: a pair that differs in one end of one range and in nothing else, and shares what it can."""

from __future__ import annotations

from pathlib import Path

import pytest

from paribus.execution.cases import selected
from paribus.execution.session import Session
from paribus.execution.settings import Settings
from paribus.suites.search_space_effect import SUITE

CAPPED, WIDE = SUITE.comparisons


def test_the_pair_differs_in_one_end_of_one_range() -> None:
    told = ("name", "question", "claims")
    alike = [c.model_dump(exclude={*told, "tuning"}) for c in (CAPPED, WIDE)]
    assert alike[0] == alike[1]
    assert CAPPED.tuning.diff(WIDE.tuning) == {
        "spaces.momentum.ranges.recipe.optimizer.lr.high": (0.01, 0.1)
    }
    assert not CAPPED.tuning.widen


def test_its_claim_has_two_parts_on_the_tuned_arm_that_ask_for_opposite_rankings() -> None:
    (one,), (other,) = CAPPED.claims, WIDE.claims
    assert one.name == other.name
    assert {one.arm, other.arm} == {"tuned"}
    assert (one.variant, one.relation) == ("adam", "better")
    assert (other.variant, other.relation) == ("adam", "worse")


@pytest.mark.slow
def test_the_pair_shares_every_run_of_adam(tmp_path: Path) -> None:
    """At two seeds, two trials and few steps: what the first comparison trained of Adam the second finds.

    Of momentum it finds the trials at the stated settings, and the winners that keep them.
    """
    few = {"quick": CAPPED.budgets["quick"].model_copy(update={"steps": 5})}
    pair = tuple(c.model_copy(update={"budgets": few}) for c in SUITE.comparisons)
    made = SUITE.model_copy(update={"comparisons": pair})
    settings = {
        "seeds": 2,
        "trials": 2,
        "arm": "tuned",
        "engine": "loop",
        "jobs": 1,
        "device": "cpu",
    }
    session = Session(Settings(store=tmp_path / "runs.sqlite", out=tmp_path, **settings), [made])
    with session.study.store:
        chosen = selected([made], session.settings)
        session.prepare(chosen)
        trained = {(c.comparison, c.variant): len(session.train_group(c)) for c in chosen}
    assert trained.pop(("wide", "momentum")) in (2, 3, 4)
    assert trained == {("capped", "momentum"): 6, ("capped", "adam"): 6, ("wide", "adam"): 0}
