"""Nothing that could run code is read from a file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# What runs code that a file brings, whatever its arguments; pickle's writer is another thing.
NEVER = {
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "cloudpickle.load", "cloudpickle.loads"),
    *("dill.load", "joblib.load", "pandas.read_pickle", "pd.read_pickle", "marshal.load"),
    *("marshal.loads", "shelve.open", "yaml.load", "yaml.unsafe_load", "eval", "exec"),
}
# Modules that may: what they read comes from processes of this one through pipes, or from a cluster that has
# certificates or was said to need none, and from no file: what its workers answer to this session.
PIPES = {
    *("paribus/execution/local_workers.py", "paribus/execution/worker.py"),
    *("paribus/execution/dask_executor.py", "paribus/execution/dask_gpus.py"),
    *("paribus/execution/dask_host.py", "paribus/execution/figure_saving.py"),
}
# What does unless it is told not to: the argument, and the value that is safe.
UNLESS = {"torch.load": ("weights_only", True), "np.load": ("allow_pickle", False)}


def unsafe_calls(root: Path) -> Iterator[str]:
    """Yield calls by which a file could run code, in the package, its networks and suites."""
    for folder in ("paribus", "models", "suites"):
        for path in sorted((root / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                name = path.relative_to(root).as_posix()
                if name not in PIPES and isinstance(node, ast.Call) and _is_unsafe(node):
                    yield f"{name}:{node.lineno} {ast.unparse(node.func)}"


def _is_unsafe(node: ast.Call) -> bool:
    name = ast.unparse(node.func).replace("numpy.", "np.")
    if name in UNLESS:
        argument, safe = UNLESS[name]
        given = {k.arg: k.value for k in node.keywords}
        value = given.get(argument)
        return not (isinstance(value, ast.Constant) and value.value is safe)
    return name in NEVER


def test_nothing_is_unpickled_or_run_from_a_file() -> None:
    assert [*unsafe_calls(ROOT)] == []


@pytest.mark.parametrize(
    "text",
    [
        "pickle.load(f)",
        "torch.load(f)",
        "torch.load(f, weights_only=False)",
        "np.load(f)",
        "numpy.load(f, allow_pickle=True)",
        "pd.read_pickle(f)",
        "eval(text)",
    ],
)
def test_a_planted_fault_is_found(tmp_path: Path, text: str) -> None:
    path = tmp_path / "paribus" / "a.py"
    path.parent.mkdir()
    path.write_text(f"x = 1\n{text}\n")
    (found,) = unsafe_calls(tmp_path)
    assert found == f"paribus/a.py:2 {text.partition('(')[0]}"


@pytest.mark.parametrize(
    "text", ["torch.load(f, weights_only=True)", "np.load(f, allow_pickle=False)", "json.load(f)"]
)
def test_what_is_safe_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "suites" / "a.py"
    path.parent.mkdir()
    path.write_text(text)
    assert [*unsafe_calls(tmp_path)] == []
