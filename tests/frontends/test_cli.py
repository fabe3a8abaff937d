"""Command line: what it lists, runs and refuses, in words and without a traceback."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from paribus.errors import ParibusError
from paribus.execution.settings import OPTIONS
from paribus.experiment.task import Task
from paribus.frontends import cli, discovery
from paribus.frontends.cli import named, named_data
from paribus.frontends.discovery import find_suite
from paribus.frontends.early_checks import refuse_early
from paribus.spec import call
from tests.helpers.processes import printed, python
from tests.helpers.refusals import refused
from tests.helpers.toys import TASK

ROOT = Path(__file__).parents[2]
Command = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["--help"], 0),
        (["run", "--help"], 0),
        (["list"], 0),
        (["run", "NOSUCH"], 2),
        (["plan", "optimizers"], 2),
    ],
    ids=["help", "help of a command", "list", "a suite that is not there", "a plan of nothing"],
)
def test_help_lists_and_refusals_import_neither_torch_nor_pydantic(
    tmp_path: Path, words: list[str], status: int
) -> None:
    """Of importing alone: seconds would depend on the machine."""
    code = (
        "import sys\n"
        "from paribus.frontends.cli import main\n"
        "try: main()\n"
        "finally: sys.stderr.write(str(sorted({'numpy', 'pydantic', 'torch'} & sys.modules.keys())))"
    )
    done = python("-c", code, *words, cwd=tmp_path)
    assert done.returncode == status
    assert done.stderr.endswith("[]")


EARLY: dict[str, tuple[str, str]] = {
    "a missing file": (
        "run optimizers --data nowhere.csv",
        "a table file: got nothing at nowhere.csv, expected a file that can be read. Check the path.",
    ),
    "a missing file of a task": (
        "calibrate optimizers --data tabular=nowhere.csv",
        "a table file: got nothing at nowhere.csv, expected a file that can be read. Check the path.",
    ),
    "a file without rows": (
        "check optimizers --data empty.csv",
        "empty.csv: got the columns' names alone, expected at least one row below them. Give a file with rows.",
    ),
    "a label that is no column": (
        "run optimizers --data a.csv --target z",
        "label column of a.csv: got 'z', expected one of x, y. Check the spelling against the first line of the file.",
    ),
    "a value that is no column": (
        "run recurrent --data series=a.csv --target series=z",
        "value column of a.csv: got 'z', expected one of x, y. Check the spelling against the first line of the file.",
    ),
    "a column that is read": (
        "read a.csv --target z",
        "label column of a.csv: got 'z', expected one of x, y. Check the spelling against the first line of the file.",
    ),
    "a single seed": (
        "run optimizers --seeds 1",
        "number of seeds: got 1, expected at least 2, to have a difference and its spread. Use --seeds 10 or more for "
        "a verdict; the least that can reach one is 6.",
    ),
    "too few draws": (
        "variance optimizers --draws 3",
        "--draws: got 3, expected at least 4. Leave it out for 10.",
    ),
    "a grid that is none": (
        "multiverse optimizers --over recipe.steps",
        "--over: got 'recipe.steps', expected PATH=VALUE,VALUE..., such as recipe.steps=250,1000. Write it with no "
        "spaces round the equals sign and the commas.",
    ),
    "too many settings": (
        "multiverse optimizers --over recipe.steps=1,2,3 --max-settings 2",
        "number of settings: got 3, expected at most 2. Name fewer values, or allow them with --max-settings 3.",
    ),
}


@pytest.mark.parametrize("name", EARLY)
def test_files_columns_and_settings_are_refused_before_torch_is_imported(
    name: str, paribus: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A suite cannot be found without torch: nothing looks for one before."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("x,y\n1,a\n2,b\n")
    (tmp_path / "empty.csv").write_text("x,y\n")
    monkeypatch.setattr(cli, "find_suite", pytest.fail)
    monkeypatch.setattr("paribus.execution.data_summary.summarise_file", pytest.fail)
    words, told = EARLY[name]
    assert paribus(*words.split()) == (2, "", f"paribus: {told}\n")


def test_reading_the_names_of_columns_needs_no_torch() -> None:
    code = (
        "import sys, paribus.data.readers.label_columns\n"
        "sys.stdout.write(str(sorted({'pandas', 'pydantic', 'torch'} & sys.modules.keys())))"
    )
    assert python("-c", code).stdout == "[]"


@pytest.mark.parametrize(
    "words",
    [
        "run optimizers --data tabular=a=b.csv",
        "run optimizers --data other=a.csv",
        "run images --data nowhere",
        "run my_suite.py --data nowhere.csv",
        "run optimizer_claims --data images=nowhere",
        "run optimizers --data .",
    ],
)
def test_what_only_a_task_can_tell_is_left_to_it(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a=b.csv").write_text("x,y\n1,a\n2,b\n")
    arguments = cli._parser().parse_args(words.split())
    refuse_early(vars(arguments), arguments.suites)


def test_list_shows_of_every_comparison_what_it_takes(paribus: Command) -> None:
    status, shown, _ = paribus("list")
    assert status == 0
    assert [name for name in discovery.suite_locations() if f"{name}: " not in shown] == []
    assert (
        "classifier: What does a small network add to logistic regression, and does it matter how it is written?\n"
        "    task tabular; logistic regression, linear layers, class, list of layers; about 3 s\n"
    ) in shown


@pytest.mark.parametrize(
    "command",
    [
        *("list", "run", "check", "rebuild", "calibrate", "variance", "multiverse", "cache"),
        *("store", "salvage", "merge"),
    ],
)
def test_the_help_of_every_command_has_an_example(paribus: Command, command: str) -> None:
    status, shown, _ = paribus(command, "--help")
    assert status == 0
    assert f"  paribus {command}" in shown.partition("Example")[2]


def test_the_help_shows_every_option_with_its_default(
    paribus: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    _, shown, _ = paribus("run", "--help")
    assert [option.help for option in OPTIONS.values() if option.help not in shown] == []
    assert [name for name in OPTIONS if f"  --{name} " not in shown] == []
    assert "--arm default|tuned|both" in shown


THIRD = """
from tests.helpers.toys import TASK, suite

SUITE = suite()
with open({log!r}, "a") as file:
    file.write("imported\\n")
"""


def test_suites_of_another_package_are_described_once_for_the_same_sources(tmp_path: Path) -> None:
    """Described by importing them, then from the cache until a source changes."""
    (tmp_path / "third.py").write_text(THIRD.format(log=str(tmp_path / "log")))
    info = tmp_path / "third-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: third\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[paribus.suites]\nthird = third:SUITE\n")
    places = os.pathsep.join((str(tmp_path), str(ROOT)))
    environment = os.environ | {"PYTHONPATH": places, "PARIBUS_CACHE": str(tmp_path / "cache")}
    code = (
        "import json\n"
        "from paribus.frontends.discovery import described_suites\n"
        "print(json.dumps(described_suites()['third']))"
    )

    def described() -> list[dict[str, object]]:
        return json.loads(printed("-c", code, env=environment))

    first = described()
    assert first[0]["task"] == "toy"
    assert first[0]["variants"] == ["sgd", "adam"]
    assert described() == first
    assert (tmp_path / "log").read_text() == "imported\n"
    with (tmp_path / "third.py").open("a") as file:
        file.write("# changed\n")
    assert described() == first
    assert (tmp_path / "log").read_text() == "imported\n" * 2


TASKS = {
    name: TASK.model_copy(update={"name": name, "reader": call(reader)})
    for name, reader in {
        "tabular": "paribus.data.readers.table:read_table",
        "series": "paribus.data.readers.series:read_series",
        "images": "paribus.data.readers.image_folder:read_image_folder",
        "adding": "paribus.suites.tasks.generated:refuse_file",
    }.items()
}


def tasks(*names: str) -> dict[str, Task]:
    return {name: TASKS[name] for name in names}


def test_data_without_a_task_are_for_the_only_one_that_reads_them(tmp_path: Path) -> None:
    file, folder = tmp_path / "year=2024" / "a.csv", tmp_path / "year=2024"
    folder.mkdir()
    file.touch()
    assert named_data("a.csv", tasks("tabular")) == "tabular=a.csv"
    assert named_data("tabular=a.csv", tasks("series", "tabular")) == "tabular=a.csv"
    assert named_data(str(file), tasks("series", "adding")) == f"series={file}"
    assert named_data(str(file), tasks("tabular", "images")) == f"tabular={file}"
    assert named_data(str(folder), tasks("tabular", "images")) == f"images={folder}"
    assert named_data(f"tabular={file}", tasks("tabular")) == f"tabular={file}"


def test_data_that_several_tasks_read_want_a_name() -> None:
    assert refused(named_data, "a.csv", tasks("tabular", "series")) == (
        "--data: got 'a.csv', expected TASK=VALUE, because these suites have the tasks series, tabular. "
        "Write --data series=a.csv."
    )


def test_a_column_may_hold_an_equals_sign() -> None:
    assert named("--target", "x=1", ["tabular"]) == "tabular=x=1"
    assert named("--target", "tabular=x", ["tabular"]) == "tabular=x"
    assert named("--target", "series=x", ["series", "tabular"]) == "series=x"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("absent.py", None, "which is not there"),
        ("has no name.py", "", "the name 'has no name'"),
        ("json.py", "", "which another module has"),
        ("broken_suite.py", "import nothing_like_it", "No module named 'nothing_like_it'"),
        ("wrong_suite.py", "SUITE = 3", "SUITE of type int"),
        ("empty_suite.py", "", "no SUITE"),
    ],
)
def test_a_file_that_is_no_suite_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str | None, message: str
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, Path(name).stem, raising=False)  # of another test's file
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(ParibusError, match=message):
        find_suite(str(tmp_path / name))


def test_a_package_that_python_finds_elsewhere_is_refused_with_both_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One without ``__init__.py`` comes after all that have one; a folder that the file does not name may be there."""
    other, own = tmp_path / "other", tmp_path / "own"
    for module in (other / "nets/__init__.py", own / "nets/net.py", own / "json/net.py"):
        module.parent.mkdir(parents=True)
        module.touch()
    monkeypatch.setattr(sys, "path", [*sys.path, str(other)])
    (own / "shadowed_suite.py").write_text("MODEL = 'nets.net:Net'")
    assert refused(find_suite, str(own / "shadowed_suite.py")) == (
        f"package 'nets' of the suite in {own / 'shadowed_suite.py'}: got {other / 'nets'}, which Python finds under "
        f"that name, expected {own / 'nets'}. Rename it, or give it an __init__.py if it has none."
    )


def test_a_mistake_is_one_line_and_status_two(tmp_path: Path) -> None:
    done = python("-m", "paribus", "run", "optimisers", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("paribus: suite: got 'optimisers', expected one of ")
    assert "Traceback" not in done.stderr


def test_settings_that_cannot_be_used_are_refused_with_the_names_of_this_front_ends_options(
    paribus: Command,
) -> None:
    assert paribus("run", "optimizers", "--jobs", "1", "--arm", "best") == (
        2,
        "",
        "paribus: --arm: got 'best', expected one of default, tuned, both. Choose one of these.\n",
    )


def test_a_suite_of_ones_own_is_calibrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paribus: Command
) -> None:
    """Six seeds find nothing at two repeats; the status says whether all is as it must be."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "toy_suite.py").write_text(
        "from tests.helpers.toys import TASK, suite\nSUITE = suite()\n"
    )
    words = ["calibrate", str(tmp_path / "toy_suite.py"), "--repeats", "2", "--seeds", "6"]
    status, output, _ = paribus(*words, "--out", str(tmp_path), "--device", "cpu", "--jobs", "1")
    told = "Trained against itself: toys: verdict `better` or `worse`: 0 % of 2, expected 5 %"
    assert told in output
    assert status == 0
    page = (tmp_path / "calibration.md").read_text(encoding="utf-8")
    assert "- toys, toys: 2 comparisons of 6 paired seeds, each of the baseline with itself" in page
    assert sorted(p.name for p in tmp_path.iterdir() if p.suffix == ".sqlite") == []


def test_a_mistake_ends_the_command_before_workers_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paribus: Command
) -> None:
    monkeypatch.chdir(tmp_path)
    seen: list[None] = []
    monkeypatch.setattr("paribus.execution.session.prestart", lambda: seen.append(None))
    monkeypatch.setattr(sys, "path", list(sys.path))
    arguments = ("run", "optimizers", "--data", "nowhere.csv", "--jobs", "3", "--out", "out")
    assert paribus(*arguments)[0] == 2
    assert seen == []


@pytest.mark.parametrize(
    ("words", "built"),
    [
        ((), True),
        (("--engine", "stacked"), True),
        (("--engine", "loop"), False),
        (("--device", "cuda"), False),
        (("--where", "tls://127.0.0.1:1"), False),
    ],
)
def test_steps_are_built_while_torch_is_imported_where_they_may_be_wanted(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    paribus: Command,
    words: tuple[str, ...],
    built: bool,
) -> None:
    order: list[str] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("paribus.engines.simd.library.build_ahead", order.append)
    monkeypatch.setattr("paribus.frontends.cli.find_suite", order.append)
    monkeypatch.setattr("paribus.frontends.cli.refuse_early", lambda *_: None)
    for name in ("_refuse_namesakes", "_settings"):
        monkeypatch.setattr(f"paribus.frontends.cli.{name}", lambda *_: None)
    monkeypatch.setattr("paribus.frontends.cli._run", lambda *_: 0)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert paribus("run", "optimizers", "--jobs", "1", *words)[0] == 0
    assert order == [*(["float32"] if built else []), "optimizers"]
    (tmp_path / "runs.sqlite").touch()
    order.clear()
    assert paribus("run", "optimizers", "--jobs", "1", "--store", "runs.sqlite", *words)[0] == 0
    assert order == ["optimizers"]  # with a store all may be there already


OWN = """
from torch import nn

from paribus.experiment.suite import Suite
from paribus.spec import call
from tests.helpers.toys import TASK, RECIPE, comparison


class Own(nn.Linear):
    def __init__(self, *, inputs, outputs):
        super().__init__(inputs[0], outputs)


MODEL = call("own_networks:Own")
SUITE = Suite(
    name="own",
    title="Own",
    comparisons=(comparison(recipe=RECIPE.model_copy(update={"model": MODEL})),),
)
"""


def test_workers_find_a_network_that_is_defined_beside_its_suite(tmp_path: Path) -> None:
    """At the first run, too, when they start before the file is looked at."""
    (tmp_path / "own_networks.py").write_text(OWN)
    printed(
        *("-m", "paribus", "run", tmp_path / "own_networks.py", "--jobs", "2", "--device", "cpu"),
        *("--engine", "loop", "--out", tmp_path / "out"),
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},  # where the suite finds tests/helpers
    )
    assert (tmp_path / "out" / "own.csv").read_text(encoding="utf-8").count(",completed,") == 4


def test_read_shows_what_columns_became_and_trains_nothing(
    paribus: Command, tmp_path: Path
) -> None:
    path = tmp_path / "few.csv"
    rows = "\n".join(f"{i * 7 % 31},{i % 5},{'ab'[i % 2]}" for i in range(30))
    path.write_text(f"x,y,label\n{rows}\n", encoding="utf-8")
    status, shown, _ = paribus("read", str(path), "--target", "label")
    assert status == 0
    assert shown.startswith("few.csv\n")
    assert "30 samples, 2 classes" in shown
    assert [p.name for p in tmp_path.iterdir()] == ["few.csv"]
    status, _, error = paribus("read", str(path), "--target", "labels")
    assert status == 2
    assert "'labels'" in error


def test_scores_of_a_file_are_judged(paribus: Command, tmp_path: Path) -> None:
    """With decimal commas, as a spreadsheet saves them."""
    scores = {
        (name, seed): 0.5 + 0.1 * (name == "new") + seed / 100
        for name in ("old", "new")
        for seed in range(8)
    }
    rows = [f"{name};{seed};{x:.2f}".replace(".", ",") for (name, seed), x in scores.items()]
    path = tmp_path / "scores.csv"
    path.write_text("\n".join(["variant;seed;accuracy", *rows, ""]))
    words = ["judge", str(path), "--baseline", "old", "--score", "accuracy", "--margin", "0.02"]
    status, output, _ = paribus(*words, "--out", str(tmp_path / "out"))
    assert status == 0
    assert "8 of 8  0.008  clearly better" in output
    assert output.endswith(f"page: {tmp_path / 'out' / 'judgement.md'}\n")
    path.write_text("\n".join(["variant;seed;accuracy", *rows[:-1], "new;7;lost", ""]))
    assert paribus(*words) == (
        2,
        "",
        "paribus: column 'accuracy' of scores.csv, line 17: got 'lost', expected a number, like most of that column. "
        "Mend the value, or leave it empty.\n",
    )


def test_a_table_of_scores_is_a_pilot(paribus: Command, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    rows = [f"{name},{i},{0.5 + i * k / 100}" for k, name in enumerate("ab") for i in range(8)]
    path.write_text("\n".join(["variant,seed,score", *rows, ""]))
    status, output, _ = paribus("plan", "--pilot", str(path), "--baseline", "a", "--effect", "0.05")
    assert status == 0
    lines = output.splitlines()
    assert lines[0] == f"How many seeds? From the spreads of 8 in {path}."
    assert lines[1].split() == ["variant", "spread", "seeds", "to", "tell", "0.05", "seconds"]
    assert lines[3].split()[:2] == ["b", "0.024"]
    assert lines[4].startswith("score: with these seeds 80 % of comparisons tell the direction")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["optimizers"],
            "--pilot: got results/latest, which is not there, expected a folder of pages, or a table of scores. Make "
            "one first, such as by paribus run SUITE --seeds 6, and name its folder with --pilot.",
        ),
        (
            ["--pilot", ".", "--effect", "-1"],
            "--effect: got -1.0, expected a positive number, in units of the score. Leave it out for what the suite "
            "declares.",
        ),
        (
            ["--pilot", ".", "--baseline", "sgd"],
            "--baseline: got it for ., a folder, expected it for a table of scores, since a suite declares what is "
            "compared. Leave it out, or name a table with --pilot.",
        ),
        (
            ["--pilot", "."],
            "--pilot: got ., which lists the runs of no suite, expected a folder of pages, with a file such as "
            "optimizers.csv. Name the suite too if it is a file of your own, or another folder.",
        ),
        (
            ["optimizers", "--pilot", "scores.csv"],
            "--pilot: got scores.csv, a table, beside a suite, expected a table with the name of its baseline, or "
            "a suite with a folder of pages. Write paribus plan --pilot scores.csv --baseline NAME.",
        ),
        (
            ["--pilot", "scores.csv"],
            "--pilot: got scores.csv, a table, without --baseline, expected a table with the name of its baseline, or "
            "a suite with a folder of pages. Write paribus plan --pilot scores.csv --baseline NAME.",
        ),
        (
            ["--pilot", "scores.csv", "--baseline", "a"],
            "effect of a plan: got none, and no margin, expected a positive number, the difference in score that is to "
            "be told. Give it by --effect, or effect= in Python.",
        ),
    ],
)
def test_a_plan_of_nothing_is_refused_in_one_line(
    paribus: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"{name},{i},{i * k}" for k, name in enumerate("ab") for i in range(3)]
    Path("scores.csv").write_text("\n".join(["variant,seed,score", *rows, ""]))
    assert paribus("plan", *words) == (2, "", f"paribus: {message}\n")


@pytest.mark.parametrize("names", [("1e-2", "0.010"), ("01", "1"), ("none", "5 %")])
def test_variants_of_a_file_are_named_as_they_stand(
    paribus: Command, tmp_path: Path, names: tuple[str, str]
) -> None:
    path = tmp_path / "scores.csv"
    rows = [f"{name},{seed},{0.5 + i}" for i, name in enumerate(names) for seed in range(6)]
    path.write_text("\n".join(["variant,seed,score", *rows, ""]))
    words = ["judge", str(path), "--baseline", names[0], "--out", str(tmp_path)]
    status, output, _ = paribus(*words)
    assert (status, f"\n{names[1]} " in output) == (0, True)


def test_an_unknown_metric_is_one_line(paribus: Command, tmp_path: Path) -> None:
    status, _, error = paribus(
        "run", "optimizers", "--metric", "f1_scores", "--out", str(tmp_path), "--jobs", "1"
    )
    assert status == 2
    assert error.startswith("paribus: the name of a metric: got 'f1_scores', expected one like f1.")


def test_what_is_loaded_is_said_before_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch takes seconds, in which nothing else could tell that the command was understood."""
    order: list[str] = []

    def load(name: str) -> None:
        order.append(f"load {name}")
        raise ParibusError("a suite", got=name, expected="none", fix="Load none.")

    monkeypatch.setattr(cli, "say", order.append)
    monkeypatch.setattr(cli, "find_suite", load)
    with pytest.raises(SystemExit):
        cli.main(["run", "optimizers"])
    assert order == ["optimizers: loading torch, suites and data", "load optimizers"]


def test_suites_of_one_name_are_refused_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paribus: Command
) -> None:
    """Each would write the page of the other."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    for file in ("first_namesake.py", "second_namesake.py"):
        (tmp_path / file).write_text(
            "from tests.helpers.toys import suite\nSUITE = suite()\n", encoding="utf-8"
        )
    assert paribus("run", "first_namesake.py", "second_namesake.py", "--jobs", "1")[::2] == (
        2,
        "paribus: suites: got two of the name 'toys' in first_namesake.py second_namesake.py, expected a name of its "
        "own for each, which its page has. Rename one, or run each by itself with another --out.\n",
    )
