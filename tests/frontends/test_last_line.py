"""Errors that nothing else took: a line, a status, and a traceback in a file of its own."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest

from paribus.errors import ParibusError, error_context
from paribus.frontends import cli, upkeep


class Stop(BaseException):
    """Request to stop, as one of ours."""

    __module__ = "paribus.execution.stopping"


def ended(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> int:
    """Run a command that raises an error; return its status."""

    def fail() -> Path:
        raise error

    monkeypatch.setattr(upkeep, "_folder", fail)
    with pytest.raises(SystemExit) as exit_:
        cli.main(["cache"])
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


def test_what_the_system_refused_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(monkeypatch, OSError(28, "No space left on device", "a/b.md")) == 2
    assert capsys.readouterr() == (
        "",
        "paribus: a file or folder: got a/b.md (No space left on device), expected one that can be read or written. "
        "Check the disk and permissions, and run the same command again: finished runs are kept.\n",
    )


def test_a_fault_is_one_line_and_its_traceback_is_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert ended(monkeypatch, KeyError("no\nsuch")) == 3
    output, said = capsys.readouterr()
    found = re.fullmatch(
        r"paribus: an error that paribus did not expect: KeyError: 'no\\nsuch'\. Finished runs are kept\. Report it "
        r"with the file (.+), which says where it was raised\.\n",
        said,
    )
    assert output == ""
    assert found is not None
    assert "Traceback (most recent call last)" in Path(found[1]).read_text(encoding="utf-8")


def test_a_fault_where_no_file_can_be_written_is_still_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    assert ended(monkeypatch, KeyError("x")) == 3
    _, said = capsys.readouterr()
    assert said.startswith(
        "paribus: an error that paribus did not expect: KeyError: 'x'. Traceback "
    )
    assert said.count("\n") == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Stop()])
def test_a_request_to_stop_passes_through_whatever_takes_other_errors(error: BaseException) -> None:
    with (
        pytest.raises(type(error)),
        error_context("x", expected="y", fix="z", kind=BaseException),
    ):
        raise error


@pytest.mark.parametrize(
    "error", [SystemExit(0), BaseException("x"), GeneratorExit(), ValueError()]
)
def test_all_else_is_refused_where_that_is_asked_for(error: BaseException) -> None:
    with pytest.raises(ParibusError), error_context("x", expected="y", fix="z", kind=BaseException):
        raise error
