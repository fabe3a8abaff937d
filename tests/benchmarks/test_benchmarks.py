"""Benchmarks: a test for every variant of every suite on every device, and one of them from end to end."""

from __future__ import annotations

import csv
import json
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from benchmarks import conftest

ROOT = Path(__file__).parents[2]
DEVICES = ("cpu", "cuda")
VARIANTS = {
    "optimizers": ["sgd", "momentum", "adagrad", "rmsprop", "adam"],
    "activations": ["relu", "sigmoid", "leaky_relu_.01", "leaky_relu_.05", "elu"],
    "initialisation": [
        f"{weights}+{norm}"
        for weights in ("default", "uniform", "kaiming")
        for norm in ("plain", "batch_norm")
    ],
    "metric_averaging": [
        f"{ratio}+{average}"
        for ratio in ("even", "10:1", "100:1")
        for average in ("micro", "macro", "weighted")
    ],
    "recurrent-series": ["lstm", "rnn", "gru"],
    "recurrent-adding": ["lstm", "rnn", "gru"],
}
TUNED = {"optimizers"}


def _pytest(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "benchmarks", "-p", "no:cacheprovider", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


class Configured:
    """Stands in for pytest's configuration: it notes what is added."""

    def __init__(self) -> None:
        self.added: list[tuple[str, str]] = []

    def addinivalue_line(self, name: str, line: str) -> None:
        self.added.append((name, line))


def test_a_warning_is_an_error_in_tests_and_costs_no_benchmark() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["pytest"]["ini_options"]["filterwarnings"][0] == "error"
    configured = Configured()
    conftest.pytest_configure(configured)
    assert configured.added == [
        ("filterwarnings", "default"),
        ("filterwarnings", "ignore:CUDA initialization:UserWarning"),
    ]


def test_every_variant_of_every_suite_is_there_once_on_every_device() -> None:
    """Trained in both arms and then timed, a comparison's baseline first; of the suites that are written out here."""
    shown = _pytest("--collect-only", "-q").stdout.splitlines()
    listed = tuple(
        f"{test}[{suite}-" for test in ("test_training", "test_step") for suite in VARIANTS
    )
    found = [line.partition("::")[2] for line in shown if "test_comparisons.py::" in line]
    names = [name for name in found if name.startswith(listed)]
    arms = {"test_training": ("", "-tuned"), "test_step": ("",)}
    expected = [
        f"{test}[{suite}-{variant}{arm}-{device}]"
        for test in arms
        for device in DEVICES
        for suite, variants in VARIANTS.items()
        for arm in arms[test][: 1 + (suite in TUNED)]
        for variant in variants
    ]
    assert len(found) == len({*found})
    assert "test_training[optimizers-adam-cpu]" in names
    assert names == expected


@pytest.fixture(scope="module")
def quick(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[subprocess.CompletedProcess[str], Path]:
    """SGD and Adam at the quick budget and two seeds, as somebody types it."""
    out = tmp_path_factory.mktemp("quick")
    done = _pytest(
        "--benchmark-only",
        *("-k", "training and optimizers and (sgd or adam)"),
        *("--paribus-device=cpu", "--paribus-seeds=2", "--paribus-jobs=1", "--paribus-arm=default"),
        *(f"--paribus-out={out}", f"--benchmark-json={out / 'rows.json'}"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done, out


@pytest.mark.slow
def test_a_benchmark_trains_at_the_quick_budget(
    quick: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    _, out = quick
    db = sqlite3.connect(out / "runs.sqlite")
    records = [json.loads(text) for (text,) in db.execute("select record from runs")]
    db.close()
    assert [record["seed"] for record in records] == [0, 1, 0, 1]
    assert {record["steps"] for record in records} == {1000}
    assert {record["outcome"] for record in records} == {"completed"}
    assert {record["data"]["name"] for record in records} == {"breast cancer"}
    accuracies = [record["scores"]["accuracy"] for record in records]
    assert min(accuracies) > 0.85, "logistic regression has 0.95 on these data, the prior 0.63"


@pytest.mark.slow
def test_a_benchmarks_rows_are_its_runs_seconds(
    quick: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, out = quick
    with (out / "rows.json").open() as file:
        rows = json.load(file)["benchmarks"]
    assert [row["name"] for row in rows] == [
        "test_training[optimizers-sgd-cpu]",
        "test_training[optimizers-adam-cpu]",
    ]
    assert {row["group"] for row in rows} == {"training, seconds of all seeds added up"}
    assert {row["extra_info"]["seconds"] for row in rows} == {"measured now"}
    assert "2 passed" in done.stdout


@pytest.mark.slow
def test_a_benchmark_leaves_an_index_a_page_a_table_and_a_figure(
    quick: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, out = quick
    made = {path.name for path in out.iterdir()}
    assert {"README.md", "optimizers.md", "optimizers.csv", "optimizers.png"} <= made
    assert (out / "optimizers.png").read_bytes().startswith(b"\x89PNG")
    assert f"pages: {out / 'README.md'}" in done.stdout
    with (out / "optimizers.csv").open(newline="") as file:
        runs = [row for row in csv.DictReader(file) if row["outcome"] == "completed"]
    assert [(row["variant"], row["seed"]) for row in runs] == [
        ("sgd", "0"),
        ("sgd", "1"),
        ("adam", "0"),
        ("adam", "1"),
    ]
    page = (out / "optimizers.md").read_text()
    assert "2 paired seeds, budget `quick`" in page
    assert "not run" in page, "of momentum, Adagrad and RMSprop"
