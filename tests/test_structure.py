"""Imports point one way, networks and suites stay apart from the package's core, and few modules write files.

The order of the packages is import-linter's contract in pyproject.toml, heavy imports are ruff's; here is the rest.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter import cli

import paribus.suites

ROOT = Path(__file__).parents[1]

# What each folder may import of ours, besides itself.
MAY_IMPORT = {
    "paribus": {"paribus"},
    "models": {"paribus.models"},
    "suites": {"paribus"},
    "benchmarks": {"paribus", "benchmarks"},
}
# Parts of `paribus` that no other folder's rule covers: the core knows no network and no suite.
APART = {"paribus.models", "paribus.suites"}
CALLABLE_NAME = re.compile(r"(paribus|models|suites|benchmarks|tests)(\.\w+)*:\w+")

# Modules that may write files, and what.
WRITERS = {
    "paribus/runs/store.py": "runs",
    "paribus/runs/store_file.py": "the folder of a store",
    "paribus/runs/merge.py": "a store, and removes a new one if it is refused",
    "paribus/runs/records.py": "nothing: it packs predictions into memory, for the store",
    "paribus/runs/weights.py": "weights of a trained network",
    "paribus/report": "pages",
    "paribus/execution/slurm_cluster.py": "the certificate of a command, for its jobs",
    "paribus/execution/evidence_bundle.py": "what pages were made from",
    "paribus/calibration": "pages of the calibration",
    "paribus/data/cache.py": "data that take seconds to make",
    "paribus/data/cache_limits.py": "the size that the cache may have",
    "paribus/local_code.py": "nothing: it pickles into memory, for a hash",
    "paribus/data/in_memory.py": "a copy of the user's data, for worker processes",
    "paribus/execution/preload_watch.py": "nothing: it removes the socket's folder of a killed driver",
    "paribus/execution/figure_saving.py": "figures of pages, by workers",
    "paribus/execution/dask_host.py": "source files of suites, on a worker that was sent them",
    "paribus/frontends/last_line.py": "the traceback of an error that nothing else took",
    "paribus/api.py": "a temporary store, which it removes",
    "paribus/engines": "machine code, which it builds and keeps",
    "benchmarks/engines": "the page of the engines: it compares libraries, and rests on no store",
    "benchmarks/parts.py": "what these pages are made of",
    "benchmarks/peers": "the page of the other libraries, likewise",
    "benchmarks/growth": "the page of how cost grows, likewise",
    "benchmarks/soak": "what commands that are killed print",
    "benchmarks/test_soak.py": "a folder for their temporary files",
    "benchmarks/large_store": "the table of what a large store costs, likewise",
    "benchmarks/scale": "the tables of simulated clusters",
}
WRITING_CALLS = {
    *("write_text", "write_bytes", "writelines", "mkdir", "makedirs", "touch", "unlink", "rmtree"),
    *("to_csv", "to_excel", "to_feather", "to_hdf", "to_parquet", "to_pickle", "to_sql"),
    *("save", "savez", "savez_compressed", "savefig", "savetxt", "tofile", "dump"),
    *("copyfile", "copytree"),
}


def files(root: Path) -> list[Path]:
    """Every Python file of ours but the tests."""
    return sorted(path for folder in MAY_IMPORT for path in (root / folder).rglob("*.py"))


def imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything imported, and of callables named in text, imported later."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
        elif isinstance(text := getattr(node, "value", None), str) and CALLABLE_NAME.fullmatch(
            text
        ):
            yield node.lineno, text.replace(":", ".")


def within(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def wrong_imports(root: Path) -> list[str]:
    """List imports across folders that the table above does not allow."""
    found = []
    for path in files(root):
        folder = path.relative_to(root).parts[0]
        for line, name in imported(ast.parse(path.read_text(encoding="utf-8"))):
            ours = name.partition(".")[0] in {*MAY_IMPORT, "tests"}
            allowed = within(name, MAY_IMPORT[folder])
            core = folder == "paribus" and within(name, APART)
            if ours and (core or not allowed):
                found.append(f"{path.relative_to(root)}:{line} imports {name}")
    return found


def wrong_writers(root: Path) -> list[str]:
    """List calls that write files, outside the modules that may."""
    return [
        f"{path.relative_to(root)}:{node.lineno} writes files: {ast.unparse(node)}"
        for path in files(root)
        if not any(path.is_relative_to(root / place) for place in WRITERS)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and is_writing(node)
    ]


def is_writing(node: ast.Call) -> bool:
    """Judge by the name of what is called, and for ``open`` by its mode."""
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name != "open":
        return name in WRITING_CALLS
    texts = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "mode")]
    return any(
        isinstance(text, ast.Constant)
        and isinstance(text.value, str)
        and re.fullmatch(r"[rbt]*[wax+][wxarbt+]*", text.value)
        for text in texts
    )


def test_packages_import_only_what_stands_below_them() -> None:
    assert cli.lint_imports(config_filename=str(ROOT / "pyproject.toml"), cache_dir=None) == 0


@pytest.mark.parametrize("check", [wrong_imports, wrong_writers])
def test_the_structure_is_in_order(check) -> None:
    assert check(ROOT) == []


@pytest.mark.parametrize(
    ("check", "file", "text", "found"),
    [
        (wrong_imports, "models/a.py", "import paribus", "imports paribus"),
        (wrong_imports, "models/a.py", "def f():\n    from paribus import spec", "a.py:2"),
        (wrong_imports, "models/a.py", "import paribus.suites.x", "paribus.suites.x"),
        (
            wrong_imports,
            "paribus/a.py",
            "from paribus.models.mlp import MLP",
            "paribus.models.mlp.MLP",
        ),
        (wrong_imports, "paribus/a.py", "M = 'paribus.models.mlp:MLP'", "paribus.models.mlp.MLP"),
        (wrong_imports, "suites/a.py", "import benchmarks.b", "imports benchmarks.b"),
        (wrong_imports, "benchmarks/a.py", "from tests.conftest import x", "tests.conftest.x"),
        (wrong_writers, "paribus/a.py", "open('f', 'w')", "a.py:1 writes files"),
        (wrong_writers, "paribus/a.py", "open('f', mode='ab')", "open('f', mode='ab')"),
        (wrong_writers, "paribus/a.py", "path.open('r+')", "path.open('r+')"),
        (wrong_writers, "suites/a.py", "def f(x):\n    x.to_csv('f')", "a.py:2 writes files"),
    ],
)
def test_a_planted_fault_is_found(tmp_path: Path, check, file, text, found) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    (message,) = check(tmp_path)
    assert found in message


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("models/a.py", "import torch\nfrom paribus.models.settings import shape"),
        ("suites/a.py", "from paribus.models import MLP\nMLP = 'paribus.models.mlp:MLP'"),
        ("benchmarks/a.py", "from paribus.suites.optimizers import SUITE\nimport paribus"),
        ("paribus/a.py", "open('w.csv')\nopen('f', 'rb')\npath.open()\nopen('f', encoding='w')"),
        ("paribus/report/page.py", "path.write_text('')"),
        ("paribus/runs/store.py", "open('f', 'w')"),
    ],
)
def test_what_is_allowed_is_left_alone(tmp_path: Path, file, text) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    assert [*wrong_imports(tmp_path), *wrong_writers(tmp_path)] == []


def test_every_margin_of_a_suite_has_a_reason() -> None:
    """A plain clause that completes a sentence of the page, so without a capital or a full stop."""
    for module in pkgutil.iter_modules(paribus.suites.__path__):
        suite = getattr(importlib.import_module(f"paribus.suites.{module.name}"), "SUITE", None)
        for comparison in suite.comparisons if suite else ():
            metric = comparison.primary
            reason = metric.margin_reason
            assert metric.margin is None or len(reason.split()) >= 8, (suite.name, comparison.name)
            assert not reason.endswith(".")
            assert reason[:1].islower() or metric.margin is None
