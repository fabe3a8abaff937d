"""Every code block of the README and of docs/ runs, or is parsed where running it would take minutes."""

from __future__ import annotations

import configparser
import importlib.util
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import partial
from itertools import dropwhile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from paribus.frontends.cli import _parser

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SETUP = "python3 -m venv .venv && .venv/bin/pip install -q tox tox-uv && .venv/bin/tox -e"
LONGEST = 300  # seconds that a block may take on a busy machine

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


class Block(NamedTuple):
    """Fenced block: its language and its text."""

    language: str
    text: str

    @property
    def file(self) -> str:
        """Name of the file that the reader saves the block as, from its first line, or nothing."""
        named = re.match(r"# ([\w/]+\.py)\n", self.text)
        return named[1] if self.language == "python" and named else ""


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page in order."""
    found = re.findall(r"^```(\S*)\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [Block(*block) for block in found]


def commands(page: Path) -> Iterator[str]:
    """Yield the lines of a page's shell blocks, and what the steps of its workflows run of ours."""
    for block in blocks(page):
        if block.language == "sh":
            yield from block.text.replace("\\\n", " ").splitlines()
        if block.language == "yaml":
            yield from re.findall(
                r"^ *- run: ((?:paribus|pip|pytest) .*)$", block.text, re.MULTILINE
            )


def ran(words: list[str], folder: Path) -> str:
    """Run a command in a folder and return what it printed; fail with its messages where it fails."""
    environment = {**os.environ, "MPLBACKEND": "agg", "PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(
        words,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


BIN = Path(sys.executable).parent


def write_sample_data(folder: Path) -> None:
    """Write small files under the names that the pages use for the reader's own data."""
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(200, 3)).round(3)
    table = "".join(f"{a},{b},{c},{'ill' if a + b > 0 else 'well'}\n" for a, b, c in rows)
    (folder / "patients.csv").write_text(f"age,weight,dose,outcome\n{table}", "utf-8")


@pages
def test_every_block_is_of_a_kind_that_is_checked(page: Path) -> None:
    unknown = {block.language for block in blocks(page)} - {"python", "sh", "text", "toml", "yaml"}
    assert unknown == set()


@pytest.mark.slow
@pages
def test_the_examples_run(page: Path, tmp_path: Path) -> None:
    """Files are saved, the other Python of a page runs as one script, then the commands that use these files."""
    files = {block.file: block.text for block in blocks(page) if block.file}
    script = [b.text for b in blocks(page) if b.language == "python" and not b.file]
    write_sample_data(tmp_path)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    printed = ""
    if script:
        (tmp_path / "page.py").write_text("\n".join(script), "utf-8")
        printed = ran([sys.executable, "page.py"], tmp_path)
    for command in commands(page):
        if uses(command, files):
            ran(shlex.split(command), tmp_path)
    for block in blocks(page):
        if block.language == "text":
            assert outline(block.text) <= outline(printed)


def uses(command: str, files: dict[str, str]) -> bool:
    """Return whether a command is run: one that names a file saved from the page, or trains nothing."""
    return command == "paribus list" or any(word in files for word in shlex.split(command))


def outline(printed: str) -> set[tuple[str, ...]]:
    """Return the words of each line of a table, without the numbers that differ between machines."""
    lines = (re.findall(r"[A-Za-z_]{2,}", line) for line in printed.splitlines())
    return {tuple(words) for words in lines if words}


@pages
def test_the_commands_are_understood(page: Path, pytester: pytest.Pytester) -> None:
    for command in commands(page):
        check_command(command, pytester)


def check_dask(arguments: list[str]) -> None:
    """Fail unless these are options of a command of Dask's."""
    from distributed.cli import dask_scheduler, dask_worker

    command = {"scheduler": dask_scheduler.main, "worker": dask_worker.main}[arguments[0]]
    known = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in arguments if word.startswith("-")} <= known


def check_command(command: str, pytester: pytest.Pytester) -> None:
    """Fail unless a line of a shell block is a command that exists, with options that exist."""
    if command.startswith(SETUP):
        assert command.removeprefix(f"{SETUP} ") in environments()
        return
    words = dropwhile(
        re.compile("[A-Z_]+=").match, shlex.split(command)
    )  # such as CUDA_VISIBLE_DEVICES=0
    program, *arguments = words
    checks = {
        "paribus": check_paribus,
        "pytest": partial(check_pytest, pytester),
        "pip": check_pip,
        ".venv/bin/tox": check_tox,
        "python": check_script,
        "dask": check_dask,
    }
    checks[program](arguments)


def check_paribus(arguments: list[str]) -> None:
    assert _parser().parse_args(arguments).command


def check_pytest(pytester: pytest.Pytester, arguments: list[str]) -> None:
    """Run a command on a file of the page; collect one on a file of the checkout."""
    target, *options = arguments
    if target.startswith("benchmarks"):
        config = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT)]
        # In a process of its own: suites that doctests have imported here cannot be rewritten again.
        collected = pytester.runpytest_subprocess(
            *config, ROOT / target, *options, "--collect-only", "-q"
        )
        assert collected.ret == 0
    else:
        assert target.startswith("test_")


def check_pip(arguments: list[str]) -> None:
    assert arguments[0] == "install"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = re.findall(r"\[(\w+)\]", arguments[-1])
    assert set(extras) <= project["optional-dependencies"].keys()
    assert re.sub(r"\[\w+\]", "", arguments[-1]) in (".", project["name"])


def check_tox(arguments: list[str]) -> None:
    assert arguments[0] == "-e"
    assert set(arguments[1].split(",")) <= environments()


def check_script(arguments: list[str]) -> None:
    assert (ROOT / arguments[0]).is_file()


def environments() -> set[str]:
    """Return the names of tox.ini's environments, factors written out."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    return {
        name
        for section in tox.sections()
        if section.startswith("testenv:")
        for name in written_out(section.removeprefix("testenv:"))
    }


def written_out(name: str) -> list[str]:
    """Return the names that ``a{b,c}`` stands for."""
    before, brace, after = name.partition("{")
    if not brace:
        return [name]
    inside, _, rest = after.partition("}")
    return [full for choice in inside.split(",") for full in written_out(f"{before}{choice}{rest}")]


def test_the_tests_are_run_by_the_command_of_the_readme() -> None:
    assert f"{SETUP} tests" in commands(PAGES[0])
    assert f"{SETUP} bench" in commands(PAGES[0])
    assert f"{SETUP} tests" in (ROOT / ".ci" / "run").read_text("utf-8")


@pages
def test_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    missing = [
        f"{target}#{anchor}"
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", text)
        if not leads_somewhere((page.parent / target).resolve() if target else page, anchor)
    ]
    assert missing == []


def leads_somewhere(path: Path, anchor: str) -> bool:
    """Return whether a file exists and, where an anchor is named, has a heading for it."""
    if not (path.exists() and anchor):
        return path.exists()
    titles = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
    return anchor in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pages
def test_nothing_is_left_to_be_filled_in(page: Path) -> None:
    assert re.findall(r"\b(?:TODO|TBD|FIXME|XXX)\b", page.read_text("utf-8")) == []


def test_the_page_of_suites_is_up_to_date() -> None:
    """``python docs/write_suites.py`` writes it again."""
    path = ROOT / "docs" / "write_suites.py"
    spec = importlib.util.spec_from_file_location("write_suites", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.page(module.SUITES) == module.PAGE.read_text("utf-8")


@pages
def test_every_test_that_is_named_exists(page: Path) -> None:
    there = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", file.read_text("utf-8"), re.MULTILINE)
    }
    assert {*re.findall(r"`(test_\w+)`", page.read_text("utf-8"))} <= there
