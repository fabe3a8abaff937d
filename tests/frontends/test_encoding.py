"""What is written can be shown by terminals of every encoding, and may be cut short."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

LIST = [sys.executable, "-m", "paribus", "list"]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "ascii", "cp1251", "cp850", "cp437", "koi8-r", "latin-1", "cp932"]
)
def test_signs_that_an_encoding_lacks_are_written_in_ascii(encoding: str) -> None:
    done = subprocess.run(
        LIST, env={**os.environ, "PYTHONIOENCODING": encoding}, capture_output=True, check=True
    )
    text = done.stdout.decode(encoding)
    assert not done.stderr
    assert "?" not in text.replace("?\n", "")
    assert ("\u00d7" in text) == (encoding in ("utf-8", "latin-1", "cp850", "cp932"))


def test_a_locale_without_an_encoding() -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    given = {k: v for k, v in os.environ.items() if k != "PYTHONIOENCODING"}
    done = subprocess.run(LIST, env={**given, **plain}, capture_output=True, check=True)
    assert done.stdout.isascii()


def test_an_argument_that_is_no_text_is_refused_with_its_bytes() -> None:
    done = subprocess.run(
        [*LIST[:-1], "read", os.fsdecode(b"caf\xe9.csv")], capture_output=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.decode() == (
        "paribus: an argument: got b'caf\\xe9.csv', which is no text in utf-8, expected text in the encoding of the "
        "locale. Set a locale such as LC_ALL=C.UTF-8, or rename the file.\n"
    )


def test_a_reader_that_leaves_early_gets_no_traceback() -> None:
    command = f"{sys.executable} -m paribus list | head -1"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1
    assert not done.stderr
