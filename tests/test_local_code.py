"""Hash of a notebook's or script's code: what it does changes it, and nothing else does."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paribus.local_code import read_code
from paribus.runs.fingerprint import fingerprint, unhashed
from paribus.spec import call
from tests.helpers.processes import printed

BASE = """
import json
from json import dumps

WIDTH = 3

def helper(x):
    return x + 1

class Base:
    depth = 2

class Net(Base):
    def run(self, x, factor=2):
        return super().__init__() or [helper(x) * factor for _ in range(WIDTH)], dumps, json.loads
"""


def namespace(text: str) -> dict[str, Any]:
    """Return the names that a script of that text defines."""
    defined: dict[str, Any] = {"__name__": "__main__"}
    exec(text, defined)
    return defined


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x + 1", "x + 2"),
        ("factor=2", "factor=3"),
        ("depth = 2", "depth = 3"),
        ("WIDTH = 3", "WIDTH = 4"),
        ("range(WIDTH)", "range(WIDTH + 1)"),
        ("from json import dumps", "from json import dump as dumps"),
    ],
)
def test_editing_what_a_class_reaches_changes_its_hash(before: str, after: str) -> None:
    first = read_code(namespace(BASE)["Net"])
    assert read_code(namespace(BASE.replace(before, after))["Net"]).digest != first.digest
    assert first.unhashed == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [("import json\n", "import json\n\n\n# a comment\nother = 1\n"), ("    depth", "\n    depth")],
)
def test_layout_and_what_it_does_not_reach_change_nothing(before: str, after: str) -> None:
    first = read_code(namespace(BASE)["Net"])
    assert read_code(namespace(BASE.replace(before, after))["Net"]) == first


def test_the_hash_is_the_same_in_another_process(tmp_path: Path) -> None:
    script = tmp_path / "try.py"
    script.write_text(
        BASE + "LABELS = {'a', 'b', 'c'}\nf = lambda x: x in {'a', 'b', 'c'}\n"
        "from paribus.local_code import read_code\n"
        "print(read_code(Net).digest, read_code(f).digest)\n",
        encoding="utf-8",
    )
    seen = {printed(script) for _ in range(3)}
    assert len(seen) == 1


def test_modules_that_it_uses_are_named() -> None:
    assert read_code(namespace(BASE)["Net"]).modules == {"builtins", "json"}


def test_the_code_that_it_reaches_is_part_of_the_fingerprint() -> None:
    texts = (BASE, BASE, BASE.replace("x + 1", "x + 2"))
    first, again, other = (fingerprint([call(namespace(text)["Net"])]) for text in texts)
    assert first == again
    assert first != other


def test_a_global_that_is_changed_after_the_call_counts() -> None:
    defined = namespace(BASE)
    network = call(defined["Net"])
    before = fingerprint([network])
    defined["WIDTH"] = 5
    assert fingerprint([network]) != before


def test_using_the_public_interface_reaches_no_more_than_the_engine() -> None:
    plain = call(namespace("def make(): return 1")["make"])
    user = call(namespace("import paribus as pb\ndef make(): return pb")["make"])
    modules = read_code(user.resolve()).modules
    assert modules == {"paribus"}
    assert fingerprint([plain]) != fingerprint([user])


def test_what_cannot_be_hashed_is_named() -> None:
    defined = namespace("def make(): return lock")
    defined["lock"] = threading.Lock()
    assert unhashed([call(defined["make"])]) == ("lock",)
    assert unhashed([call("json:dumps")]) == ()


def test_a_closure_is_told_by_what_it_encloses() -> None:
    outer: Callable[[int], Callable[[], int]] = namespace("def outer(n):\n    return lambda: n")[
        "outer"
    ]
    assert call(outer(1)) == call(outer(1))
    assert call(outer(1)) != call(outer(2))
    assert call(outer(2))() == 2


def test_what_can_be_imported_is_sent_by_name() -> None:
    sent = pickle.loads(pickle.dumps(call("json:dumps", obj=1)))
    assert (sent, sent()) == (call("json:dumps", obj=1), "1")


@pytest.mark.parametrize(
    "held",
    [
        "from types import SimpleNamespace\nHELD = SimpleNamespace(block=helper)",
        "from functools import cache\nHELD = cache(helper)",
        "from functools import partial\nHELD = partial(helper, x=1)",
        "class Own:\n    width = helper(2)\n    def run(self): return self.width\nHELD = Own().run",
    ],
    ids=["in an object", "behind a cache", "in a partial", "a bound method"],
)
def test_code_that_an_object_holds_is_part_of_the_hash(held: str) -> None:
    """Pickle knows it by its name alone, which an edit leaves as it was."""
    text = "def helper(x):\n    return x + 1\n" + held + "\ndef network():\n    return HELD\n"
    first, edited = (read_code(namespace(t)["network"]) for t in (text, text.replace("+ 1", "+ 2")))
    assert first.digest != edited.digest
    assert read_code(namespace(text)["network"]) == first


def test_the_state_of_a_bound_method_is_part_of_its_hash() -> None:
    text = "from torch.nn import Softshrink\nshrink = Softshrink({}).forward\ndef network(x):\n    return shrink(x)\n"
    digests = {read_code(namespace(text.format(width))["network"]).digest for width in (0.1, 0.9)}
    assert len(digests) == 2
