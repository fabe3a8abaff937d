"""Command line that tests of this folder share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from paribus.frontends import cli

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def paribus(capsys: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs the command line in this process; it returns status, output and errors."""

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            cli.main(words)
        return (ended.value.code, *capsys.readouterr())

    return run
