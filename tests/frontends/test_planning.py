"""Plans of a folder of results, some of whose comparisons have nothing to plan from."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from paribus.analysis import pilot
from paribus.analysis.verdict import decide
from paribus.errors import ParibusError
from paribus.frontends.planning import plan

BASE = np.linspace(0.5, 0.6, 8)
MOVED = BASE + np.array([0.01, 0.03, 0.0, 0.02, 0.05, 0.01, 0.04, 0.02])


def arm(title: str, scores: np.ndarray) -> pilot.PilotArm:
    rule = {"baseline": "base", "higher_is_better": True, "margin": 0.05, "failure_score": 0.0}
    contrasts = decide({"base": BASE, "variant": scores}, **rule)
    return pilot.PilotArm(title, len(BASE), contrasts, {})


def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *arms: pilot.PilotArm) -> None:
    monkeypatch.setattr(pilot, "pilot_arms", lambda _suite, _folder: arms)
    given = {"suite": "optimizers", "pilot": tmp_path, "effect": None, "margin": None}
    table = {"baseline": None, "lower_is_better": False}
    columns = {name: name for name in ("variant", "seed", "score")}
    assert plan(Namespace(**given, **table, **columns)) == 0


def test_an_arm_without_a_spread_hides_no_other_plan(tmp_path, monkeypatch, capsys) -> None:
    planned(tmp_path, monkeypatch, arm("alike", BASE), arm("apart", MOVED))
    first, second = capsys.readouterr().out.split("\n\n")
    assert first.startswith("alike: how many seeds?")
    assert first.endswith("No plan: pilot of a plan: variant: identical on every seed.")
    assert second.startswith("apart: how many seeds?")


def test_no_plan_at_all_is_an_error(tmp_path, monkeypatch) -> None:
    with pytest.raises(ParibusError, match="identical on every seed"):
        planned(tmp_path, monkeypatch, arm("alike", BASE))


def test_a_suite_without_its_score_hides_no_other_plan(tmp_path, monkeypatch, capsys) -> None:
    def arms(suite, folder):
        del folder
        if suite.name == "activations":
            raise ParibusError("pilot of activations", got="no log_loss", expected="it", fix="Run.")
        yield arm("apart", MOVED)

    monkeypatch.setattr(pilot, "pilot_arms", arms)
    for name in ("activations", "optimizers"):
        (tmp_path / f"{name}.csv").touch()
    given = {"suite": None, "pilot": tmp_path, "effect": None, "margin": None}
    columns = {name: name for name in ("variant", "seed", "score")}
    assert plan(Namespace(**given, baseline=None, lower_is_better=False, **columns)) == 0
    plans = capsys.readouterr().out.strip().split("\n\n")
    assert "activations\nNo plan: pilot of activations: no log_loss." in plans
    assert any(text.startswith("apart: how many seeds?") for text in plans)
