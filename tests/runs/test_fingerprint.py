"""Fingerprints: source that a run reaches changes the hash, and nothing else does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from paribus.experiment.recipe import Recipe
from paribus.runs import fingerprint as module
from paribus.runs.fingerprint import calls, fingerprint, local_sources
from paribus.spec import call
from tests.helpers.refusals import refused

CACHED = (module._first_read, module.local_sources, module._source, module._imports)
ROOT = Path(__file__).parents[2]

PROJECT = {
    "mine/__init__.py": "",
    "mine/network.py": "from mine.helper import width\nclass Net: pass",
    "mine/helper.py": "from mine.deep import depth\nwidth = 3",
    "mine/deep.py": "depth = 2",
    "mine/unrelated.py": "size = 1",
}


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Return a function that writes a user's project and returns the fingerprint of its network."""

    def write(
        changes: dict[str, str] | None = None, folder: str = "here", without: str = ""
    ) -> str:
        for name, text in (PROJECT | (changes or {})).items():
            if name == without:
                continue
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        forget()
        with monkeypatch.context() as patch:
            patch.syspath_prepend(str(tmp_path / folder))
            return fingerprint([call("mine.network:Net")])

    yield write
    forget()


def forget() -> None:
    """Clear what a new process would not have cached."""
    for name in [n for n in sys.modules if n.partition(".")[0] == "mine"]:
        del sys.modules[name]
    for cached in CACHED:
        cached.cache_clear()


@pytest.mark.parametrize(
    "name", ["mine/network.py", "mine/helper.py", "mine/deep.py"], ids=["own", "import", "import's"]
)
def test_editing_what_a_network_reaches_changes_it(written, name: str) -> None:
    before = written()
    assert written({name: PROJECT[name] + "\n# edited"}) != before
    assert written() == before


@pytest.mark.parametrize("name", ["mine/kernel.cpp", "mine/kernel.hpp"])
def test_a_kernel_beside_a_module_is_part_of_it(written, name: str) -> None:
    assert written({name: "int a;"}) != written({name: "int b;"})


def test_a_file_that_changed_since_it_was_read_is_refused(written, tmp_path: Path) -> None:
    """What is trained is the code that was loaded, not what the file says by now."""
    written()
    path = tmp_path / "here" / "mine" / "network.py"
    module._text_digest(path)
    path.write_text(path.read_text() + "\nMORE = 1\n")
    first = module._first_read(path)[0]
    assert refused(module._text_digest, path) == (
        f"source file {path}: got a change since this process first read it, "
        "expected the file that the code in use was loaded from. "
        "Restart Python, so that the changed code is what is trained."
    )
    path.unlink()  # what was loaded from it is still what is trained
    assert module._text_digest(path) == first


def test_editing_an_unrelated_file_changes_nothing(written) -> None:
    before = written()
    changes = {"mine/unrelated.py": "size = 2", "mine/added.py": "", "mine/deep.txt": "a"}
    assert written(changes) == before


def test_where_the_files_lie_changes_nothing(written) -> None:
    assert written(folder="here") == written(folder="there")


@pytest.mark.parametrize(
    "statement",
    [
        "import mine.helper",
        "import mine.helper as h",
        "from mine import helper",
        "from mine.helper import width",
        "from mine.helper import *",
        "from .helper import width",
        "from . import helper",
        "from ..mine.helper import width",
        "def f():\n    from mine.helper import width",
        "try:\n    import nowhere\nexcept ImportError:\n    import mine.helper",
    ],
)
@pytest.mark.parametrize("package", [True, False], ids=["package", "plain folder"])
def test_every_way_to_import_a_helper_counts(written, statement: str, package: bool) -> None:
    """Also in a folder that has no ``__init__.py``."""
    without = "" if package else "mine/__init__.py"
    changes = {"mine/network.py": f"{statement}\nclass Net: pass"}
    before = written(changes, without=without)
    assert written({**changes, "mine/helper.py": "width = 4"}, without=without) != before


def test_what_an_initialiser_imports_counts_for_the_module_that_imports_from_it(written) -> None:
    """``from mine import width`` runs ``mine/__init__.py``, which takes it from the helper."""
    changes = {
        "mine/__init__.py": "from .helper import width",
        "mine/network.py": "from mine import width\nclass Net: pass",
    }
    before = written(changes)
    assert written({**changes, "mine/helper.py": "width = 4"}) != before


def test_the_standard_library_and_installed_distributions_are_left_out() -> None:
    for name in (
        "json",
        "sys",
        "xml.dom",
        "torch.optim",
        "numpy",
        "sklearn.datasets",
        "nowhere.at",
    ):
        assert local_sources(name) == frozenset(), name


def test_using_the_public_interface_reaches_no_more(written) -> None:
    """``import paribus as pb`` in a user's module makes no run depend on all that is offered by it."""
    written({"mine/network.py": "import paribus as pb\nfrom paribus import api\nclass Net: pass"})
    assert [path.name for path in local_sources("mine.network")] == ["network.py"]


def test_a_folder_of_installed_distributions_is_left_out(
    written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = (*module._installed(), tmp_path.resolve())
    monkeypatch.setattr(module, "_installed", lambda: installed)
    assert written() == written({"mine/helper.py": "width = 4"})


def test_looking_for_sources_imports_nothing_that_is_installed(
    written, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [n for n in sys.modules if n.partition(".")[0] == "wsgiref"]:
        monkeypatch.delitem(sys.modules, name)
    written({"mine/network.py": "from wsgiref.simple_server import make_server"})
    assert "wsgiref" not in sys.modules


def test_the_engine_counts_and_statistics_and_pages_do_not() -> None:
    sources = {str(path.relative_to(ROOT)) for path in local_sources("paribus.training.loop")}
    parts = ("loop", "network", "dropout", "batch_order", "evaluate")
    assert {f"paribus/training/{name}.py" for name in parts} <= sources
    assert {
        "paribus/seeding.py",
        "paribus/data/dataset.py",
        "paribus/experiment/task.py",
    } <= sources
    later = {"stats", "analysis", "report", "execution", "calibration", "frontends"}
    assert not {name for name in sources if Path(name).parts[1] in later}


def test_a_network_and_what_it_imports_are_found() -> None:
    sources = {str(path.relative_to(ROOT)) for path in local_sources("paribus.models.mlp")}
    assert sources == {"models/mlp.py", "models/settings.py"}


def test_tables_of_cases_are_reached_by_no_task() -> None:
    """So adding a variant to a suite retires nothing."""
    names = ("tabular", "images", "series", "adding")
    reached = frozenset().union(*(local_sources(f"paribus.suites.tasks.{name}") for name in names))
    suites = {str(p.relative_to(ROOT)) for p in reached if p.is_relative_to(ROOT / "suites")}
    shared = ("generated", "metrics", "shipped")  # what tasks are made of
    assert suites == {f"suites/tasks/{name}.py" for name in (*names, *shared)}


def test_callables_are_found_wherever_they_stand() -> None:
    nested = call("torch.nn:Linear", out_features=1)
    recipe = Recipe(model=call("a:b"), optimizer=call("c:d"), init=call("e:f"))
    targets = [c.target for c in calls({"x": [recipe, {"y": (nested,)}], "z": 1})]
    assert targets == ["a:b", "c:d", "e:f", "torch.nn:Linear"]
