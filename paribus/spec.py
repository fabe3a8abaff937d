"""Plain data that prints as canonical JSON, hashes, and diffs: what recipes, tasks and comparisons are made of."""

from __future__ import annotations

import hashlib
import importlib
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, reduce
from pathlib import Path
from types import FunctionType
from typing import Any, ClassVar, Self, SupportsIndex, cast

from pydantic import BaseModel, ConfigDict, Field, field_validator

from paribus.errors import ParibusError
from paribus.local_code import MARK, importable_name, place_of, register, register_code, registered


def canonical(value: object) -> str:
    """Return the canonical JSON text of a value: keys sorted, no spaces, no NaN.

    >>> canonical({"b": 1, "a": (1, 2)})
    '{"a":[1,2],"b":1}'
    """
    if isinstance(value, Canonical):
        return value
    if isinstance(value, Frozen):
        return value.canonical_json
    if isinstance(value, Mapping):
        return _object({str(name): item for name, item in value.items()})
    if isinstance(value, list | tuple):
        return f"[{','.join(map(canonical, value))}]"
    return _LEAF.encode(to_plain(value))


class Canonical(str):
    """Canonical JSON text that stands for its value in whatever is hashed: made once where the value is used often."""

    __slots__ = ()


_LEAF = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def _object(items: Mapping[str, object]) -> str:
    pairs = (f"{_LEAF.encode(name)}:{canonical(items[name])}" for name in sorted(items))
    return f"{{{','.join(pairs)}}}"


def to_plain(value: object) -> Any:
    """Return the value as dictionaries, lists, strings, numbers, booleans and None.

    Raises:
        ParibusError: something in it, such as a function or a tensor, is not plain data.
    """
    if isinstance(value, Canonical):
        return json.loads(value)
    if isinstance(value, BaseModel):
        return {name: to_plain(getattr(value, name)) for name in _said(value)}
    if isinstance(value, Mapping):
        return {str(name): to_plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise ParibusError(
        "a setting",
        got=f"{value!r} ({type(value).__name__})",
        expected="plain data: text, finite numbers, booleans, None, lists or mappings of them",
        fix="Name callables as call('module:qualname', ...) and pass the rest as numbers or text.",
    )


def _said(value: BaseModel) -> Iterator[str]:
    """Yield the fields that a value's text has: one of `Frozen.unsaid_defaults` only where it is set."""
    quiet = value.unsaid_defaults if isinstance(value, Frozen) else frozenset[str]()
    unsaid = value.unsaid if isinstance(value, Frozen) else frozenset[str]()
    for name, field in type(value).model_fields.items():
        set_ = name not in quiet or getattr(value, name) != field.default
        if set_ and name not in unsaid:
            yield name


def digest(value: object) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of a value's canonical JSON."""
    return digest_of_text(canonical(value))


def digest_of_text(text: str) -> str:
    """Return the same of a text that is canonical JSON already."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Frozen(BaseModel):
    """Plain data with a fixed set of fields, that cannot be changed once made.

    Attributes:
        unsaid_defaults: fields that its text leaves out at their defaults, so that a field that is new changes neither
            hash nor page of what does not use it.
        unsaid: fields that its text never has: remarks for readers, which decide no number.
    """

    unsaid_defaults: ClassVar[frozenset[str]] = frozenset()
    unsaid: ClassVar[frozenset[str]] = frozenset()
    model_config = ConfigDict(frozen=True, extra="forbid")

    @cached_property
    def canonical_json(self) -> str:
        """Canonical text of it, made once: a session hashes thousands of runs of the same few parts."""
        return _object({name: getattr(self, name) for name in _said(self)})

    def __copy__(self) -> Self:
        """Copy it without its text, because a copy is what gets other values."""
        copied = super().__copy__()
        copied.__dict__.pop("canonical_json", None)
        return copied

    def __hash__(self) -> int:
        return hash(self.canonical_json)

    def diff(self, other: Self) -> dict[str, tuple[Any, Any]]:
        """Return the dotted paths at which two values differ, each with both sides."""
        return {} if self is other else dict(_differences(to_plain(self), to_plain(other), ""))


_ABSENT = "(absent)"


def _differences(a: Any, b: Any, path: str) -> Iterator[tuple[str, tuple[Any, Any]]]:
    a, b = _by_name(a, b), _by_name(b, a)
    if isinstance(a, dict) and isinstance(b, dict):
        for name in sorted(a.keys() | b.keys()):
            step = f"{path}.{name}" if path else name
            yield from _differences(a.get(name, _ABSENT), b.get(name, _ABSENT), step)
    elif a != b:
        yield path, (a, b)


def _by_name(value: Any, other: Any) -> Any:
    """Return pairs of a name and plain data as a mapping, where another value has the same names in the same order."""
    sides = (value, other)
    if all(isinstance(s, list) and s and all(map(_is_pair, s)) for s in sides):
        names, others = ([name for name, _ in side] for side in sides)
        return dict(value) if names == others else value
    return value


def _is_pair(item: object) -> bool:
    """Return whether an item is a name with plain data of parts, as each optimizer of several by pattern is."""
    if not isinstance(item, list) or len(item) != 2:
        return False
    return isinstance(item[0], str) and isinstance(item[1], dict)


class Call(Frozen):
    """Callable named as ``module:qualname`` with keyword arguments, so that it can be printed, hashed and sent.

    Args:
        target: module and name of the callable, such as ``torch.optim:Adam``.
        kwargs: its keyword arguments, plain data.
    """

    target: str
    kwargs: dict[str, Any] = Field(default_factory=dict)

    @field_validator("kwargs")
    @classmethod
    def _plain_kwargs(cls, kwargs: dict[str, Any]) -> dict[str, Any]:
        return {name: to_plain(value) for name, value in kwargs.items()}

    def resolve(self) -> Callable[..., Any]:
        """Import the callable.

        Raises:
            ParibusError: the module cannot be imported or holds no such callable.
        """
        found = registered(self.target)
        if found is None:
            found = self._imported()
        if not callable(found):
            raise ParibusError(
                "the name of a callable",
                got=f"{self.target!r}, which is {type(found).__name__}",
                expected="a function or a class",
                fix="Name the function or class itself.",
            )
        return cast("Callable[..., Any]", found)

    def _imported(self) -> object:
        module, _, qualname = self.target.partition(":")
        if MARK in self.target:
            raise ParibusError(
                "the name of a callable",
                got=f"{self.target!r}, which another notebook or script made",
                expected="a callable of this process, or one that can be imported",
                fix="Run the code that defines it and calls call(), or move it to a module.",
            )
        try:
            return reduce(getattr, qualname.split("."), importlib.import_module(module))
        except (ImportError, AttributeError, ValueError) as error:
            folders = ", ".join(dict.fromkeys(str(Path(p).resolve()) for p in sys.path if _own(p)))
            raise ParibusError(
                "the name of a callable",
                got=f"{self.target!r} ({error})",
                expected="'module:qualname' of something that can be imported",
                fix="Check the spelling, and that the module is installed or lies in a folder of the path: "
                f"{folders or 'it has none'}.",
            ) from error

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        """Send what cannot be imported along with its name."""
        local = registered(self.target)
        if local is None:
            return super().__reduce_ex__(protocol)
        return _received, (self.target, self.kwargs, local)

    def __call__(self, *args: Any, **extra: Any) -> Any:
        """Call it with its own keyword arguments and these."""
        return self.resolve()(*args, **self.kwargs, **extra)

    @property
    def label(self) -> str:
        """Short text for people: the last name and the arguments.

        >>> call("torch.optim:SGD", lr=0.01).label
        'SGD(lr=0.01)'
        """
        arguments = ", ".join(f"{name}={value}" for name, value in self.kwargs.items())
        name = self.target.partition(":")[2].partition(MARK)[0].rpartition(".")[2].strip("<>")
        return f"{name}({arguments})"


def _received(target: str, kwargs: dict[str, Any], local: Any) -> Call:
    """Return a call of an object that another process sent, kept under the same name here."""
    return Call(target=register(target, local), kwargs=kwargs)


def _own(folder: str) -> bool:
    """Return whether a folder of the path is the user's: not one of Python, of scripts, or of what is installed."""
    path = Path(folder).resolve()
    scripts = Path(
        sys.executable
    ).parent.resolve()  # where a command such as pytest was started from
    installed = any(part in ("site-packages", "dist-packages") for part in path.parts)
    return not (installed or path.is_relative_to(sys.base_prefix) or path == scripts)


def call(target: str | Callable[..., Any], /, **kwargs: Any) -> Call:
    """Name a callable and its keyword arguments.

    What a notebook or script defines, lambdas among it, has no name that another process could import. It is known by
    the hash of its code, and sent to worker processes by value.

    Args:
        target: ``module:qualname``, or the function or class itself.

    Raises:
        ParibusError: a lambda or a closure of a module, which has no name there, or an object that is neither function
            nor class.
    """
    return Call(target=target if isinstance(target, str) else _name_of(target), kwargs=kwargs)


def _name_of(target: Callable[..., Any]) -> str:
    name = importable_name(target)
    if name is not None:
        return name
    module, qualname = getattr(target, "__module__", None), getattr(target, "__qualname__", "")
    if module == "__main__" and isinstance(target, FunctionType | type):
        return register_code(target)
    place = place_of(target)
    raise ParibusError(
        "a callable in a recipe",
        got=f"{qualname or target!r} of module {module!r}" + (f" ({place})" if place else ""),
        expected="a function or class that can be imported by name",
        fix="Define it with a name at the top level of the module: a lambda or a closure of a module cannot be "
        "hashed or sent to another process.",
    )


def lookup(value: object, path: str) -> Any:
    """Return the value at a dotted path; inside a `Call` the path goes on into its keyword arguments.

    Raises:
        ParibusError: nothing stands there.
    """
    return reduce(_step, path.split("."), value)


def _step(value: object, name: str) -> Any:
    fields = _fields(value)
    if name not in fields:
        raise ParibusError(
            "a dotted path",
            got=f"{name!r} in {'several by name' if isinstance(value, tuple) else type(value).__name__}",
            expected=f"one of {', '.join(fields) or 'nothing: it has no parts'}",
            fix="Name a field of the task or recipe, or a keyword argument that it sets.",
        )
    return fields[name]


def _fields(value: object) -> dict[str, Any]:
    if isinstance(value, Call):
        return value.kwargs
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, tuple) and all(
        isinstance(item, tuple) and len(item) == 2 for item in value
    ):
        return dict(value)  # pairs of a name and what it stands for, in an order that counts
    return dict(value) if isinstance(value, Mapping) else {}


def replace(value: Any, path: str, new: object) -> Any:
    """Return a copy of the value with something else at the dotted path.

    A field must exist; a keyword argument of a `Call` may be new, because leaving it out means its default.
    """
    name, _, rest = path.partition(".")
    if rest:
        new = replace(_step(value, name), rest, new)
    elif not isinstance(value, Call):
        _step(value, name)
    if isinstance(value, Call):
        return Call(target=value.target, kwargs={**value.kwargs, name: new})
    if isinstance(value, BaseModel):
        fields = {field: getattr(value, field) for field in type(value).model_fields}
        return type(value).model_validate({**fields, name: new})
    made = {**_fields(value), name: new}
    return tuple(made.items()) if isinstance(value, tuple) else made
