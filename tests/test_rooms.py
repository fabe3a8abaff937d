"""Imports point one way, only two rooms write files, and heavy libraries wait until they are used."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# What each room may import of ours, besides itself.
ROOMS = {
    "paribus": set(),
    "models": set(),
    "suites": {"models", "paribus"},
    "benchmarks": {"models", "paribus", "suites"},
}

# The modules and sub-packages of paribus: each may import those above it. A new one gets its place here.
ORDER = [
    "errors",
    "seeding",
    "spec",
    "recorded",
    "cache",
    "weights",
    "data",
    "outputs",
    "splits",
    "alterations",
    "task",
    "naive",
    "metrics",
    "diagnostics",
    "readers",
    "recipe",
    "search",
    "tuning",
    "comparison",
    "fingerprint",
    "run",
    "training",
    "store",
    "nested",
    "progress",
    "workers",
    "executor",
    "engines",
    "steptime",
    "overfit",
    "stats",
    "rates",
    "verdict",
    "results",
    "measures",
    "relations",
    "claims",
    "answers",
    "controls",
    "across",
    "report",
    "cells",
    "options",
    "lookup",
    "settings",
    "beforehand",
    "plan",
    "session",
    "archive",
    "calibration",
    "door",
    "plugin",
    "cli",
]

# Modules that may import less than what is above them.
ONLY = {
    "stats": {"errors"},  # numbers in, numbers out
    "rates": {"errors"},  # as stats
    "verdict": {"errors", "stats"},  # decides on numbers, whatever they were measured on
}

# Modules that may write files, and what.
WRITERS = {
    "paribus.runs.store": "the runs",
    "paribus.report": "the pages",
    "paribus.execution.bundle": "what pages were made from",
    "paribus.runs.weights": "weights of a trained network",
    "paribus.data.cache": "data that take seconds to make",
    "paribus.training": "machine code, which it builds and keeps",
    "benchmarks.engines": "the page of the engines: it compares libraries, and rests on no store",
}
WRITING_CALLS = {
    *("write_text", "write_bytes", "writelines", "mkdir", "makedirs", "touch", "unlink", "rmtree"),
    *("to_csv", "to_excel", "to_feather", "to_hdf", "to_parquet", "to_pickle", "to_sql"),
    *(
        "save",
        "savez",
        "savez_compressed",
        "savefig",
        "savetxt",
        "tofile",
        "dump",
        "copyfile",
        "copytree",
    ),
}

# Libraries that take long to import, and the modules that a worker process never imports.
HEAVY = {"matplotlib", "pandas", "scipy", "sklearn", "statsmodels", "torchmetrics", "torchvision"}
NEVER_IN_A_WORKER = {
    "stats",
    "verdict",
    "results",
    "measures",
    "relations",
    "claims",
    "answers",
    "across",
    "report",
    "door",
    "plugin",
    "cli",
}

CALLABLE_NAME = re.compile(r"(models|suites|benchmarks|tests)(\.\w+)*:\w+")


@dataclass(frozen=True)
class Module:
    """One file: its dotted name, and its text as a tree."""

    name: str
    tree: ast.Module
    is_package: bool

    @property
    def room(self) -> str:
        return self.name.partition(".")[0]

    @property
    def part(self) -> str:
        """The entry of ORDER that the file belongs to; nothing for the package's own ``__init__``."""
        return part_of(self.name)

    def imports(self) -> Iterator[tuple[int, str]]:
        """Line and dotted name of everything imported, at any depth, whether it ever runs or not."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                source = self._absolute(node)
                yield from ((node.lineno, f"{source}.{alias.name}") for alias in node.names)

    def _absolute(self, node: ast.ImportFrom) -> str:
        """The module that a from-import names, with leading dots resolved."""
        if not node.level:
            return node.module or ""
        parents = self.name.split(".")
        keep = len(parents) - node.level + self.is_package
        return ".".join([*parents[:keep], *([node.module] if node.module else [])])


def part_of(name: str) -> str:
    """The second step of a dotted name.

    >>> part_of("paribus.training.loop")
    'training'
    """
    return name.split(".")[1] if "." in name else ""


def modules(root: Path) -> list[Module]:
    """Every Python file of every room."""
    found = []
    for path in sorted(path for room in ROOMS for path in (root / room).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        found.append(Module(name, ast.parse(path.read_text(encoding="utf-8")), is_package))
    return found


def wrong_rooms(root: Path) -> list[str]:
    """Imports of a room that the importing one may not know, by statement or by a callable's name."""
    return [
        f"{module.name}:{line} imports {name}; {module.room} may import "
        f"{' and '.join(sorted(ROOMS[module.room])) or 'no other room'}"
        for module in modules(root)
        for line, name in [*module.imports(), *named_callables(module)]
        if (room := re.split("[.:]", name)[0]) in {*ROOMS, "tests"}
        and room not in {module.room, *ROOMS[module.room]}
    ]


def named_callables(module: Module) -> Iterator[tuple[int, str]]:
    """Text such as ``models.mlp:MLP``, which is an import that happens later."""
    for node in ast.walk(module.tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and CALLABLE_NAME.fullmatch(text):
            yield node.lineno, text


def unplaced(root: Path) -> list[str]:
    """Modules of paribus that have no place in ORDER."""
    parts = {m.part for m in modules(root) if m.room == "paribus" and m.part}
    return [
        f"paribus.{part} has no place; add it to ORDER in tests/test_rooms.py, below all that it imports"
        for part in sorted(parts - {*ORDER})
    ]


def wrong_order(root: Path) -> list[str]:
    """Imports inside paribus of what does not stand above the importer."""
    return [
        f"{module.name}:{line} imports {name}; {module.part} may import {sorted(allowed)}"
        for module in modules(root)
        if module.room == "paribus" and module.part in ORDER
        for allowed in [ONLY.get(module.part, {*ORDER[: ORDER.index(module.part)]})]
        for line, name in module.imports()
        if name.partition(".")[0] == "paribus" and part_of(name) not in {module.part, *allowed}
    ]


def wrong_writers(root: Path) -> list[str]:
    """Calls that write files, outside the modules that may."""
    return [
        f"{module.name}:{node.lineno} writes files: {ast.unparse(node)}; "
        f"only {' and '.join(WRITERS)} may"
        for module in modules(root)
        if ".".join(module.name.split(".")[:2]) not in WRITERS
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and is_writing(node)
    ]


def is_writing(node: ast.Call) -> bool:
    """Whether a call writes, judged by its name, and for ``open`` by its mode."""
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


def heavy_imports(root: Path) -> list[str]:
    """Heavy libraries imported at the top of a module that workers import."""
    return [
        f"{module.name}:{node.lineno} imports {ast.unparse(node)!r} at its top; import it where it is used"
        for module in modules(root)
        if module.room == "paribus" and module.part not in NEVER_IN_A_WORKER
        for node in module.tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module]
        )
        if (name or "").partition(".")[0] in HEAVY
    ]


CHECKS = [wrong_rooms, unplaced, wrong_order, wrong_writers, heavy_imports]


@pytest.mark.parametrize("check", CHECKS)
def test_this_house_is_in_order(check) -> None:
    assert check(ROOT) == []


def test_the_checks_see_this_house() -> None:
    """Were nothing found, nothing could be wrong."""
    names = {module.name for module in modules(ROOT)}
    assert {"paribus", "paribus.errors", "models.mlp", "suites"} <= names


@pytest.fixture
def house(tmp_path: Path):
    """A function that builds a house from file names and texts."""

    def build(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return build


@pytest.mark.parametrize(
    ("check", "file", "text", "message"),
    [
        (wrong_rooms, "models/a.py", "import paribus", "models.a:1 imports paribus;"),
        (wrong_rooms, "models/a.py", "import paribus.errors as e", "imports paribus.errors;"),
        (
            wrong_rooms,
            "models/a.py",
            "def f():\n    from suites import x",
            "models.a:2 imports suites.x",
        ),
        (
            wrong_rooms,
            "paribus/a.py",
            "from models.mlp import MLP",
            "paribus may import no other room",
        ),
        (wrong_rooms, "paribus/a.py", "MLP = 'models.mlp:MLP'", "imports models.mlp:MLP"),
        (wrong_rooms, "suites/a.py", "import benchmarks.b", "may import models and paribus"),
        (
            wrong_rooms,
            "benchmarks/a.py",
            "from tests.conftest import x",
            "imports tests.conftest.x",
        ),
        (unplaced, "paribus/surprise.py", "", "add it to ORDER in tests/test_rooms.py"),
        (unplaced, "paribus/surprise/deep.py", "", "paribus.surprise has no place"),
        (
            wrong_order,
            "paribus/errors.py",
            "from paribus.frontends.cli import main",
            "imports paribus.frontends.cli.main",
        ),
        (
            wrong_order,
            "paribus/errors.py",
            "from paribus import cli",
            "imports paribus.frontends.cli;",
        ),
        (wrong_order, "paribus/errors.py", "from . import cli", "imports paribus.frontends.cli;"),
        (
            wrong_order,
            "paribus/errors.py",
            "from .cli import main",
            "imports paribus.frontends.cli.main",
        ),
        (wrong_order, "paribus/errors.py", "import paribus", "imports paribus;"),
        (
            wrong_order,
            "paribus/training/loop.py",
            "from ..cli import main",
            "imports paribus.frontends.cli.main",
        ),
        (
            wrong_order,
            "paribus/training/__init__.py",
            "from ..cli import main",
            "imports paribus.frontends.cli.main",
        ),
        (
            wrong_order,
            "paribus/errors.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from paribus.frontends.cli import main",
            "paribus.errors:3 imports paribus.frontends.cli.main",
        ),
        (
            wrong_order,
            "paribus/stats.py",
            "from paribus.experiment.task import Task",
            "may import ['errors']",
        ),
        (
            wrong_writers,
            "paribus/task.py",
            "open('f', 'w')",
            "paribus.experiment.task:1 writes files",
        ),
        (wrong_writers, "paribus/task.py", "open('f', mode='ab')", "open('f', mode='ab')"),
        (wrong_writers, "paribus/task.py", "path.open('r+')", "path.open('r+')"),
        (
            wrong_writers,
            "paribus/task.py",
            "path.write_text('')",
            "paribus.runs.store and paribus.report",
        ),
        (wrong_writers, "suites/a.py", "def f(x):\n    x.to_csv('f')", "suites.a:2 writes files"),
        (wrong_writers, "suites/a.py", "from torch import save\nsave(1, 'f')", "suites.a:2 writes"),
        (heavy_imports, "paribus/task.py", "import scipy.stats", "import it where it is used"),
        (
            heavy_imports,
            "paribus/task.py",
            "from pandas import DataFrame",
            "paribus.experiment.task:1",
        ),
    ],
)
def test_a_planted_fault_is_found(house, check, file, text, message) -> None:
    (found,) = check(house({file: text}))
    assert message in found


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("models/a.py", "import torch\nfrom models.settings import shape\nfrom .mlp import MLP"),
        (
            "suites/a.py",
            "import paribus.frontends.cli\nfrom models import MLP\nfrom suites.tasks import water",
        ),
        ("suites/tasks/a.py", "from ..optimizers import SUITE\nMLP = 'models.mlp:MLP'"),
        ("benchmarks/a.py", "from suites.optimizers import SUITE\nimport paribus"),
        ("paribus/__init__.py", "from paribus.frontends.cli import main\nfrom . import errors"),
        ("paribus/task.py", "from paribus import errors\nfrom paribus.data.dataset import Dataset"),
        (
            "paribus/training/loop.py",
            "from . import order\nfrom .order import batches\nfrom ..run import R",
        ),
        ("paribus/verdict.py", "from paribus.stats import holm"),
        ("paribus/task.py", "def f():\n    import scipy.stats"),
        ("paribus/task.py", "open('w.csv')\nopen('f', 'rb')\npath.open()\nopen('f', encoding='w')"),
        ("paribus/task.py", "'a task that models: nothing, suites: nobody'"),
        ("paribus/report/page.py", "path.write_text('')"),
        ("paribus/store.py", "open('f', 'w')"),
        ("paribus/stats.py", "import scipy.stats"),
    ],
)
def test_what_is_allowed_is_left_alone(house, file, text) -> None:
    root = house({file: text})
    assert [found for check in CHECKS for found in check(root)] == []
