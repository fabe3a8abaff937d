"""Plain data: canonical text, hashes, diffs, paths, and callables by name."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from paribus.errors import ParibusError
from paribus.spec import Call, Canonical, Frozen, call, canonical, digest, lookup, replace, to_plain
from tests.helpers.refusals import refused

ADAM = call("torch.optim:Adam", lr=0.001, betas=(0.9, 0.999))


class Inner(Frozen):
    optimizer: Call
    steps: int = 10


class Outer(Frozen):
    inner: Inner
    names: tuple[str, ...] = ()


OUTER = Outer(inner=Inner(optimizer=ADAM))


def test_canonical_text_does_not_depend_on_the_order_of_keys() -> None:
    assert canonical({"b": 1.5, "a": [None, True]}) == '{"a":[null,true],"b":1.5}'
    assert digest({"x": 1, "y": 2}) == digest({"y": 2, "x": 1})


def test_a_digest_is_the_start_of_a_sha256() -> None:
    """Of ``{"a":1}``, by ``printf '{"a":1}' | sha256sum``."""
    assert digest({"a": 1}) == "015abd7f5cc57a2d"


def test_equal_specs_are_equal_hash_alike_and_print_alike() -> None:
    again = Outer.model_validate_json(canonical(OUTER))
    assert again == OUTER
    assert hash(again) == hash(OUTER)
    assert canonical(again) == canonical(OUTER)


def test_a_changed_copy_has_a_text_and_a_hash_of_its_own() -> None:
    """The text is made once, of a value and not of what is copied from it."""
    before, text = hash(OUTER), canonical(OUTER)
    changed = OUTER.model_copy(update={"names": ("a",)})
    assert canonical(changed) == text.replace('"names":[]', '"names":["a"]') != text
    assert hash(changed) != before == hash(changed.model_copy(update={"names": ()}))


def test_text_that_stands_for_a_value_is_hashed_as_the_value() -> None:
    text = Canonical(canonical(ADAM))
    assert canonical({"b": [text], "a": 1}) == canonical({"b": [ADAM], "a": 1})
    assert to_plain([text]) == to_plain([ADAM])


def test_what_is_no_plain_data_is_refused() -> None:
    assert refused(canonical, {"weight": torch.zeros(1)}) == (
        "a setting: got tensor([0.]) (Tensor), expected plain data: text, finite numbers, booleans, None, lists or "
        "mappings of them. Name callables as call('module:qualname', ...) and pass the rest as numbers or text."
    )


def test_a_diff_names_the_paths_that_differ_with_both_sides() -> None:
    other = replace(replace(OUTER, "inner.optimizer.lr", 0.1), "inner.optimizer.amsgrad", True)
    assert OUTER.diff(other) == {
        "inner.optimizer.kwargs.amsgrad": ("(absent)", True),
        "inner.optimizer.kwargs.lr": (0.001, 0.1),
    }
    assert OUTER.diff(OUTER) == {}


def test_replacing_changes_one_place_and_not_the_original() -> None:
    before = canonical(OUTER)
    other = replace(OUTER, "inner.steps", 20)
    assert (other.inner.steps, OUTER.inner.steps) == (20, 10)
    assert canonical(OUTER) == before


def test_a_whole_callable_can_be_replaced() -> None:
    sgd = call("torch.optim:SGD", lr=0.01)
    assert replace(OUTER, "inner.optimizer", sgd).inner.optimizer == sgd


def test_lookup_goes_through_fields_and_arguments() -> None:
    assert lookup(OUTER, "inner.optimizer.lr") == 0.001
    assert lookup({"a": {"b": 3}}, "a.b") == 3


@pytest.mark.parametrize("reach", [lookup, lambda value, path: replace(value, path, 1)])
def test_a_path_that_leads_nowhere_is_refused(reach: Callable[..., object]) -> None:
    assert refused(reach, OUTER, "inner.step") == (
        "a dotted path: got 'step' in Inner, expected one of optimizer, steps. "
        "Name a field of the task or recipe, or a keyword argument that it sets."
    )


def test_a_callable_is_called_with_its_arguments_and_more() -> None:
    optimizer = ADAM([torch.zeros(2, requires_grad=True)])
    assert isinstance(optimizer, torch.optim.Adam)
    assert optimizer.defaults["lr"] == 0.001
    assert ADAM.label == "Adam(lr=0.001, betas=[0.9, 0.999])"


def test_a_class_or_function_names_itself() -> None:
    assert call(torch.nn.Linear, bias=False).target == "torch.nn.modules.linear:Linear"


def _closure() -> Callable[[], int]:
    def inner() -> int:
        return 1

    return inner


@pytest.mark.parametrize(
    ("target", "name"), [(lambda x: x, "'<lambda>'"), (_closure(), "'_closure.<locals>.inner'")]
)
def test_what_cannot_be_imported_by_name_is_refused(target: Callable[..., Any], name: str) -> None:
    """A lambda in a suite's file is one of them."""
    place = f"{target.__code__.co_filename}, line {target.__code__.co_firstlineno}"
    assert refused(call, target) == (
        f"a callable in a recipe: got {name} of module {__name__!r} ({place}), expected a function or class that can "
        "be imported by name. Define it with a name at the top level of the module: a lambda or a closure of a module "
        "cannot be hashed or sent to another process."
    )


def test_what_a_script_defines_is_named_by_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two lambdas of one line differ, and one that is defined again is the same."""

    def of_script(function: Callable[..., Any]) -> Call:
        monkeypatch.setattr(function, "__module__", "__main__")
        return call(function, lr=0.1)

    first, second = (of_script(f) for f in (lambda lr: lr, lambda lr: -lr))
    again = of_script(lambda lr: lr)
    assert (first(), second()) == (0.1, -0.1)
    assert first != second
    assert first == again
    assert first.label == "lambda(lr=0.1)"


def test_a_name_that_another_script_made_is_refused() -> None:
    assert refused(call("__main__:Net#00000000").resolve) == (
        "the name of a callable: got '__main__:Net#00000000', which another notebook or script made, expected a "
        "callable of this process, or one that can be imported. "
        "Run the code that defines it and calls call(), or move it to a module."
    )


def test_a_partial_is_refused() -> None:
    with pytest.raises(ParibusError, match="a callable in a recipe"):
        call(functools.partial(int, base=2))


@pytest.mark.parametrize(
    ("target", "got"),
    [
        ("torch.optim:Atom", "'torch.optim:Atom' (module 'torch.optim' has no attribute 'Atom')"),
        ("nowhere:Adam", "'nowhere:Adam' (No module named 'nowhere')"),
        ("torch.optim", "'torch.optim' (module 'torch.optim' has no attribute '')"),
        (":Adam", "':Adam' (Empty module name)"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused(
    target: str, got: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *filter(_of_python, sys.path)])
    assert refused(call(target).resolve) == (
        f"the name of a callable: got {got}, expected 'module:qualname' of something that can be imported. "
        f"Check the spelling, and that the module is installed or lies in a folder of the path: {tmp_path}."
    )


def _of_python(folder: str) -> bool:
    return "site-packages" in folder or folder.startswith(sys.base_prefix)


def test_a_name_of_no_callable_is_refused() -> None:
    assert refused(call("math:pi").resolve) == (
        "the name of a callable: got 'math:pi', which is float, expected a function or a class. "
        "Name the function or class itself."
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_json_lacks_is_refused(value: float) -> None:
    with pytest.raises(ParibusError, match="finite numbers"):
        call("torch.optim:SGD", lr=value)
