"""Wheel: one top-level package, and a user's own modules beside it, from any working directory."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow

NET = """
from torch import nn


class Net(nn.Linear):
    def __init__(self, *, inputs, outputs):
        super().__init__(inputs[0], outputs)
"""
PARTS = """
from paribus import Budget

BUDGETS = {"quick": Budget(seeds=2, steps=5, seconds=1)}
"""
SUITE = """
import torch

from paribus import Comparison, Factor, Recipe, Suite, call
from paribus.suites.tasks.tabular import TABULAR
from suites.parts import BUDGETS

SUITE = Suite(
    name="mine",
    title="Mine",
    comparisons=(
        Comparison(
            name="mine",
            question="Is a small step enough?",
            task=TABULAR,
            recipe=Recipe(model=call("models.net:Net"), optimizer=call("torch.optim:SGD", lr=0.1)),
            factors=(Factor(path="recipe.optimizer.lr", levels={"large": 0.1, "small": 0.01}),),
            baseline=("large",),
            budgets=BUDGETS,
        ),
    ),
)
"""
TEST = """
from my_suite import SUITE


def test_the_small_step(compare):
    assert compare(SUITE.comparisons[0])["small"].n == 2
"""


def _run(command: list[str | Path], folder: Path) -> str:
    plain = {name: os.environ[name] for name in os.environ if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=folder, env=plain, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of a copy of what git keeps, built by the setuptools of this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    listed = _run(["git", "ls-files", "paribus", "models", "suites", "*.md", "LICENSE"], ROOT)
    for name in ("pyproject.toml", *listed.splitlines()):
        if (ROOT / name).is_file():
            copy = folder / "source" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes((ROOT / name).read_bytes())
    build = "from setuptools.build_meta import build_wheel; build_wheel('..')"
    _run([sys.executable, "-c", build], folder / "source")
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of an environment that has the wheel, and finds what it needs in this one."""
    folder = tmp_path_factory.mktemp("environment")
    _run([sys.executable, "-m", "venv", "--without-pip", folder], folder)
    made = folder / "bin" / "python"
    find = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(_run([made, "-c", find], folder).strip())
    with ZipFile(wheel) as archive:
        archive.extractall(packages)
    # A path alone, whose own .pth files are not read: the checkout, installed there to be edited, is not found.
    prefix = f"import site; site.PREFIXES.append({sys.prefix!r})"
    text = f"{prefix}\n{sysconfig.get_path('purelib')}\n"
    (packages / "dependencies.pth").write_text(text, encoding="utf-8")
    return made


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Make a user's folder: a suite's file, a test of it, and packages named as those of paribus are at its root."""
    texts = {
        "models/net.py": NET,
        "suites/parts.py": PARTS,
        "my_suite.py": SUITE,
        "test_mine.py": TEST,
    }
    for name, text in texts.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / "project" / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return tmp_path / "project"


def test_the_only_top_level_package_is_paribus(wheel: Path) -> None:
    names = ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {"paribus", f"{_stem(wheel)}.dist-info"}
    expected = {
        *("paribus/models/mlp.py", "paribus/suites/optimizers.py", "paribus/suites/catalogue.json"),
        *("paribus/suites/tasks/tabular.py", "paribus/suites/components/byhand.py"),
        *(
            "paribus/engines/rnn/kernel.cpp",
            "paribus/engines/simd/interpreter.hpp",
            "paribus/py.typed",
        ),
    }
    assert expected <= set(names)


def test_every_module_of_the_checkout_is_in_the_wheel(wheel: Path) -> None:
    places = {"paribus": "paribus", "models": "paribus/models", "suites": "paribus/suites"}
    modules = {
        f"{place}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder, place in places.items()
        for path in (ROOT / folder).rglob("*.py")
    }
    assert {name for name in ZipFile(wheel).namelist() if name.endswith(".py")} == modules


def _stem(wheel: Path) -> str:
    return "-".join(wheel.name.split("-")[:2])


@pytest.mark.parametrize("place", [".", "..", "models"])
def test_a_users_own_modules_work_from_any_directory(
    python: Path, project: Path, place: str
) -> None:
    """By the command line, whose workers import them too, and by pytest."""
    folder = project / place
    where = _run([python, "-c", "import paribus; print(paribus.__file__)"], folder)
    assert Path(where.strip()).is_relative_to(python.parents[1])
    out = project / "out"
    options = ["--device", "cpu", "--engine", "loop", "--jobs", "2", "--out", out]
    _run([python, "-m", "paribus", "run", project / "my_suite.py", *options], folder)
    assert (out / "mine.csv").read_text(encoding="utf-8").count(",completed,") == 4
    _run(
        [
            *(python, "-m", "pytest", "-p", "no:cacheprovider", project / "test_mine.py"),
            *("--paribus-jobs=2", f"--paribus-out={project / 'tested'}", "--paribus-engine=loop"),
        ],
        folder,
    )


def test_a_users_own_modules_work_from_the_checkout(project: Path) -> None:
    """Whose `models` and `suites` are not those that the suite's file means."""
    options = ["--device", "cpu", "--engine", "loop", "--jobs", "2", "--out", project / "out"]
    _run([sys.executable, "-m", "paribus", "run", project / "my_suite.py", *options], ROOT)
    assert (project / "out" / "mine.csv").read_text(encoding="utf-8").count(",completed,") == 4
