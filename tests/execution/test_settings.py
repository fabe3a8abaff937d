"""Settings and the options that set them: one list for pytest and the command line, refused in one place."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch

from paribus.execution.cases import DEVICES
from paribus.execution.settings import OPTIONS, Option, Settings, pairs
from paribus.experiment.tuning import ARMS
from tests.helpers.processes import printed
from tests.helpers.refusals import refused


def test_the_help_ends_with_the_default() -> None:
    assert Option("where to train", default="auto").help == "where to train (default: auto)"
    assert Option("how many", int, means="30").help == "how many (default: 30)"
    assert Option("train again", bool, default=False).help == "train again"


def test_choices_stand_for_the_value() -> None:
    assert Option("where", choices=("cpu", "cuda")).arguments()["metavar"] == "cpu|cuda"
    assert Option("how many", int, metavar="N").arguments()["metavar"] == "N"


def test_every_setting_has_an_option_of_its_name_and_default() -> None:
    names = {
        "targets": "target",
        "groups": "group",
        "problems": "problem",
        "tests": "test",
        "panels": "panel",
    }
    for setting in fields(Settings):
        option = OPTIONS[names.get(setting.name, setting.name)]
        assert option.kind is list or option.default == setting.default
    assert len(OPTIONS) == len(fields(Settings))


def test_options_that_are_left_out_give_the_default_settings() -> None:
    given = {name: option.arguments().get("default", False) for name, option in OPTIONS.items()}
    assert Settings.from_options(given) == Settings.from_options({}) == Settings()


def test_options_give_settings() -> None:
    made = Settings.from_options(
        {
            "seeds": 12,
            "data": ["toy=a.csv"],
            "target": ["toy=y"],
            "sequential": False,
            "arm": "tuned",
        }
    )
    expected = Settings(seeds=12, data={"toy": "a.csv"}, targets={"toy": "y"}, arm="tuned")
    assert made == expected


def test_runs_are_stored_beside_the_pages_unless_told_otherwise(tmp_path: Path) -> None:
    assert Settings().store == Settings.out / "runs.sqlite"
    assert Settings(out=tmp_path).store == tmp_path / "runs.sqlite"
    assert Settings(out=tmp_path, store=tmp_path / "s").store == tmp_path / "s"


def test_choices_are_those_of_the_engine() -> None:
    assert OPTIONS["arm"].choices == (*ARMS, "both")
    assert OPTIONS["device"].choices == ("auto", *DEVICES)


def test_a_device_that_was_asked_for_is_the_only_one() -> None:
    assert Settings(device="cpu").devices == ("cpu",)


def test_settings_are_made_and_refused_without_torch() -> None:
    """Every pytest run in an environment that has paribus imports the options."""
    code = "import sys; from paribus.execution.settings import Settings; Settings(); print('torch' in sys.modules)"
    assert printed("-c", code) == "False\n"


NO_GPU = (
    "device: got 'cuda', but torch finds no usable GPU, expected a machine with a CUDA device and a torch built for "
    "it. Use --paribus-device cpu, or auto to skip what cannot run here."
)


ADDRESSES = ("tcp://", "tcp://host", "tcp://host:x", "tcp://host:1/a", "tls://u@h:1", "http://h:1")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"seeds": 1},
            "number of seeds: got 1, expected at least 2, to have a difference and its spread. "
            "Use --paribus-seeds 10 or more for a verdict; the least that can reach one is 6.",
        ),
        (
            {"seeds": -3},
            "number of seeds: got -3, expected at least 2, to have a difference and its spread. "
            "Use --paribus-seeds 10 or more for a verdict; the least that can reach one is 6.",
        ),
        (
            {"jobs": 0},
            "number of jobs: got 0, expected at least 1. "
            "Leave --paribus-jobs out to use one process a core.",
        ),
        *(
            (
                {"where": where},
                f"--paribus-where: got {where!r}, expected local, local:N with at least one process, a Dask "
                "scheduler as tls://HOST:PORT or tcp://HOST:PORT, or slurm:FILE. Leave it out to use one process a "
                "core of this machine.",
            )
            for where in (
                "",
                "here",
                "local:",
                "local:0",
                "local:-1",
                "local:²",
                "local:2:3",
                "Local",
                "slurm",
                "slurm:",
                *ADDRESSES,
            )
        ),
        *(
            (
                {"where": where},
                f"--paribus-where: got {where}, a way without authentication: whoever reaches that port can run code "
                "on the workers and here, expected tls://HOST:PORT, or tcp on this machine. Name certificates in "
                "Dask's configuration and use tls, or add --paribus-unauthenticated if the network is closed to "
                "others.",
            )
            for where in ("tcp://10.0.0.1:8786", "tcp://cluster:8786", "tcp://[2001:db8::1]:8786")
        ),
        (
            {"where": "local:3", "jobs": 2},
            "number of jobs: got --paribus-jobs 2 beside --paribus-where local:3, expected one number of processes. "
            "Leave one of the two out.",
        ),
        *(
            (
                {"limit": seconds},
                f"time limit: got {seconds:g}, expected a positive number of seconds. "
                "Leave --paribus-limit out for an hour and more.",
            )
            for seconds in (0.0, -1.0, math.nan)
        ),
        ({"device": "cuda"}, NO_GPU),
        (
            {"out": Path(__file__) / "below" / "it"},
            f"folder for pages: got {Path(__file__) / 'below' / 'it'}, where {Path(__file__)} is no folder that can be "
            "written, expected a folder, or a path where one can be made. Name another with --paribus-out.",
        ),
        (
            {"trials": 0},
            "number of trials: got 0, expected at least 1. Use --paribus-arm default to leave the tuned arm out.",
        ),
        *(
            (
                {name: value},
                f"--paribus-{name}: got {value!r}, expected one of {choices}. Choose one of these.",
            )
            for name, value, choices in (
                ("budget", "huge", "quick, full"),
                ("device", "tpu", "auto, cpu, cuda"),
                ("engine", "fast", "auto, loop, stacked"),
                ("arm", "best", "default, tuned, both"),
                ("inference", "models", "dataset, population"),
            )
        ),
        (
            {"targets": {"tabular": "Potability"}},
            "target of task 'tabular': got column 'Potability' and no data, expected data that it is about. "
            "Add --paribus-data tabular=PATH.",
        ),
    ],
)
def test_settings_that_cannot_be_used_are_refused(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], message: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert refused(lambda: Settings(**settings)) == message


@pytest.mark.parametrize("text", ["tabular", "tabular=", "=file.csv", "=", ""])
def test_a_pair_without_name_or_value_is_refused(text: str) -> None:
    assert refused(lambda: pairs("--paribus-data", ["images=folder", text])) == (
        f"--paribus-data: got {text!r}, expected TASK=VALUE, such as tabular=patients.csv. "
        "Write --paribus-data tabular=... with no spaces round the equals sign."
    )


def test_pairs_go_by_name_and_a_value_may_hold_equals_signs() -> None:
    texts = ["tabular=a=b.csv", "images=folder"]
    assert pairs("--paribus-data", texts) == {"tabular": "a=b.csv", "images": "folder"}
    assert pairs("--paribus-data", []) == {}


def test_columns_may_be_named_one_after_the_other_and_anything_else_once() -> None:
    texts = ["tabular=price", "series=load", "tabular=stars"]
    assert pairs("--paribus-target", texts) == {"tabular": "price,stars", "series": "load"}
    assert refused(lambda: pairs("--paribus-data", ["tabular=a.csv", "tabular=b.csv"])) == (
        "--paribus-data: got 'a.csv' and 'b.csv' for task 'tabular', expected one of them. "
        "Give --paribus-data once a task."
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"sequential": True, "seeds": 10},
            "--paribus-seeds: got it beside --paribus-sequential, expected --paribus-cap for the most. ",
        ),
        (
            {"sequential": True, "inference": "population"},
            "--paribus-inference: got it beside --paribus-sequential, expected seeds, which it is about. ",
        ),
        (
            {"sequential": True, "evidence": True},
            "--paribus-evidence: got it beside --paribus-sequential, expected a fixed number of seeds. ",
        ),
        ({"cap": 20}, "--paribus-cap: got it alone, expected --paribus-sequential with it. "),
    ],
)
def test_two_rules_at_once_are_refused(settings: dict[str, Any], message: str) -> None:
    assert refused(lambda: Settings(device="cpu", **settings)) == message + (
        "Choose the rule before the run: a fixed number of seeds, or a sequence."
    )


def test_a_cap_with_which_nothing_can_stop_is_refused() -> None:
    assert refused(lambda: Settings(device="cpu", sequential=True, cap=7)) == (
        "cap of a sequence of seeds: got 7, expected at least 8, with which one contrast can stop. "
        "Leave --paribus-cap out for 30."
    )


@pytest.mark.parametrize(
    ("given", "jobs"),
    [
        ({}, None),
        ({"where": "local"}, None),
        ({"where": "local", "jobs": 2}, 2),
        ({"where": "local:3"}, 3),
        ({"where": "local:3", "jobs": 3}, 3),
        ({"where": "tcp://127.0.0.2:8786"}, None),
        ({"where": "tcp://[::1]:8786", "jobs": 4}, 4),
        ({"where": "tcp://localhost:8786"}, None),
        ({"where": "tls://cluster:8786"}, None),
        ({"where": "tcp://cluster:8786", "unauthenticated": True}, None),
    ],
)
def test_a_place_may_say_how_many_processes_it_has(
    tmp_path: Path, given: dict[str, Any], jobs: int | None
) -> None:
    assert Settings(out=tmp_path, **given).jobs == jobs


def test_a_cluster_without_the_package_for_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paribus.execution.where.find_spec", lambda _: None)
    assert refused(Settings, out=tmp_path, where="tls://cluster:8786") == (
        "--paribus-where: got tls://cluster:8786, and no package 'distributed', expected that package, which is "
        "optional. Install it: pip install paribus[dask]"
    )
