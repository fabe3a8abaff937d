"""The table of options: what both doors make of it, and that it says what the settings hold."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
import typer.main

from paribus.execution.cases import DEVICES
from paribus.execution.options import OPTIONS, Option
from paribus.execution.settings import CAP, Settings
from paribus.experiment.tuning import ARMS
from paribus.frontends import pytest_plugin
from paribus.frontends.cli import app

RUN = {p.name: p for p in typer.main.get_command(app).commands["run"].params}
PLAIN = sorted(OPTIONS.keys() - {"data", "target", "out", "store"})


def test_the_help_ends_with_what_holds_where_nothing_is_chosen() -> None:
    assert Option("where to train", default="auto").help == "where to train (default: auto)"
    assert Option("how many", int, means="30").help == "how many (default: 30)"
    assert Option("train again", bool, default=False).help == "train again"


def test_choices_stand_for_the_value() -> None:
    assert Option("where", choices=("cpu", "cuda")).value == "cpu|cuda"
    assert Option("how many", int, metavar="N").value == "N"


@pytest.mark.parametrize("name", PLAIN)
def test_a_default_is_that_of_the_settings(name: str) -> None:
    (field,) = (f for f in fields(Settings) if f.name == name.replace("-", "_"))
    assert OPTIONS[name].default == field.default


def test_pages_and_runs_go_where_the_settings_say() -> None:
    assert Path(OPTIONS["out"].default) == Settings.out
    assert Settings.store == Settings.out / "runs.sqlite"
    assert "runs.sqlite" in OPTIONS["store"].means


def test_choices_are_those_of_the_engine() -> None:
    assert OPTIONS["arm"].choices == (*ARMS, "both")
    assert OPTIONS["device"].choices == ("auto", *DEVICES)
    assert OPTIONS["cap"].means == str(CAP)


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_both_doors_have_the_option(name: str) -> None:
    """Of one default; a list that nothing was put in is empty or none."""
    typed, tested = RUN[name.replace("-", "_")], pytest_plugin.OPTIONS[f"--paribus-{name}"]
    assert typed.opts == [f"--{name}"]
    assert str(typed.default or None) == str(tested.get("default") or None)
    assert typed.help.lower().startswith(tested["help"].lower())


def test_no_other_option_runs_a_suite() -> None:
    assert RUN.keys() == {"suites", *(name.replace("-", "_") for name in OPTIONS)}
